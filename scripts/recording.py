"""A person who answers the questions in a terminal, and a picture of what a terminal shows."""

import io
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pyte
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console, RenderableType
from rich.style import Style
from rich.text import Text

from tests.support.copier import URL, published
from tests.support.questionnaire import questions
from tests.support.repository import ROOT

COLUMNS, ROWS = 82, 200  # The questions stay on the screen above all the files that are listed.
TYPED = {"repo_url": "acme/reports", "schedule": "weekdays", "timezone": "Europe/Berlin"}
"""What the person types; every other question gets a Return."""
FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace"
CLEAR = "\x15"  # Ctrl-U: the default goes before something else is typed.


def record(template: Path, folder: Path) -> list[Text]:
    """Run `copier copy` in a terminal, as a person would, without the list of written files.

    Args:
        template: a repository that is found at `URL`.
        folder: where `reports` is rendered.

    Returns:
        The lines on the screen, with their colours.
    """
    screen = pyte.Screen(COLUMNS, ROWS)
    terminal = pexpect.spawn(
        str(ROOT / ".venv/bin/copier"), ["copy", URL, "reports"], cwd=str(folder), timeout=60,
        # A slow machine would show a warning, because nothing here says where the cursor is.
        env=published(template, TERM="xterm-256color", PROMPT_TOOLKIT_NO_CPR="1"),
        dimensions=(ROWS, COLUMNS),
        encoding="utf-8",
    )  # fmt: skip
    terminal.logfile_read = Feed(screen)
    for name, question in questions(asked=True).items():
        terminal.expect_exact(question["help"])
        if name in TYPED:
            terminal.send(CLEAR + TYPED[name])
            terminal.expect_exact(TYPED[name])
        terminal.send("\r")
    terminal.expect(pexpect.EOF)
    lines = [Text("$ uvx copier copy <url> reports", style="bold")]
    for line in _lines(screen):
        listed = line.plain.startswith(("    create", "Copying from"))
        if not listed and (line.plain or lines[-1].plain):
            lines.append(line)
    return lines[:-1]


class Feed(pyte.Stream):
    """A screen that looks like a file to pexpect."""

    write = pyte.Stream.feed

    def flush(self) -> None:
        """Nothing waits."""


def _lines(screen: pyte.Screen) -> Iterator[Text]:
    for row in range(screen.cursor.y + 1):
        cells = [screen.buffer[row][column] for column in range(screen.columns)]
        line = Text()
        for (colour, bold), run in itertools.groupby(cells, lambda cell: (cell.fg, cell.bold)):
            style = Style(color=None if colour == "default" else _colour(colour), bold=bold)
            line.append("".join(cell.data for cell in run), style)
        line.rstrip()
        yield line


def _colour(name: str) -> str:
    """Rich's name for a colour of pyte's, which has six digits for those beyond the first 16."""
    if re.fullmatch("[0-9a-f]{6}", name):
        return f"#{name}"
    return {"brown": "yellow"}.get(name, name).replace("bright", "bright_")


def picture(name: str, *shown: RenderableType, columns: int = COLUMNS) -> str:
    """Draw a terminal that shows this, as an SVG that needs no font from elsewhere."""
    console = Console(width=columns, file=io.StringIO(), record=True, highlight=False)
    console.print(*shown, sep="\n")
    shape = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    shape = shape.replace("Fira Code, monospace", FONTS).replace("arial", "sans-serif")
    return console.export_svg(title="", code_format=shape, unique_id=name)
