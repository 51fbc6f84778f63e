# mypy: ignore-errors
"""The output on the terminal."""

import re
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions
from rich.markup import escape
from rich.table import Table
from rich.text import Text

COLOURS = {"passed": "green", "failed": "red", "skipped": "yellow", "warning": "yellow"}
SIGNS = {"passed": "✓", "failed": "✗", "skipped": "?", "warning": "!", "bug": "!"}
ASCII = SIGNS | {"passed": "+", "failed": "x"}
WIDE = 120
"""The columns that a terminal needs to show remedies beside findings."""
NO_BREAK = "\N{NO-BREAK SPACE}"

if sys.stdout and hasattr(sys.stdout, "reconfigure"):
    sys.stdout.reconfigure(errors="replace")
screen = Console(highlight=False)


def mark(status: str) -> str:
    """The sign of a status, in characters that the terminal can show."""
    try:
        "✓✗".encode(screen.encoding)
        signs = SIGNS
    except UnicodeEncodeError:
        signs = ASCII
    return f"[{COLOURS.get(status, 'red')}]{signs[status]}[/]"


def clean(text: str) -> str:
    """A text without control characters, which names from servers may contain."""
    return escape(
        "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)
    )


def say(text: str, status: str = "") -> None:
    """Print a line without wrapping, after the sign of an optional status."""
    screen.print(f"{mark(status)} {clean(text)}" if status else clean(text), soft_wrap=True)


@dataclass(frozen=True)
class FindingsTable:
    """Findings with their remedies beside them or, in a narrow terminal, below them.

    Print it with `crop=False`: in a narrow terminal, a long word or command is wider than the
    screen, so that it can be copied.
    """

    rows: list[tuple[str, str, str, str]]
    """The status, check, finding and remedy of each row."""

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> Iterator[Table | Text]:
        if options.max_width >= WIDE:
            yield self._side_by_side()
            return
        names = max((len(name) for _, name, _, _ in self.rows), default=0)
        for status, name, finding, remedy in self.rows:
            head = f"{mark(status)}  {clean(name):{names}}  "
            indent = " " * (names + 5)
            width = options.max_width - len(indent)
            # A command has spaces, too: break a remedy only after punctuation.
            remedy = re.sub(r"(?<![,.:;]) ", NO_BREAK, remedy)
            below = [f"  {line.replace(NO_BREAK, ' ')}" for line in wrapped(remedy, width - 2)]
            for line in (wrapped(finding, width) or [""]) + below:
                yield Text.from_markup(head + clean(line), overflow="ignore")
                head = indent

    def _side_by_side(self) -> Table:
        table = Table(box=None, pad_edge=False)
        for heading in ("", "", "finding", "what to do"):
            table.add_column(heading, overflow="fold")
        for status, *texts in self.rows:
            table.add_row(mark(status), *map(clean, texts))
        return table


def wrapped(text: str, width: int) -> list[str]:
    """The lines of a text, which break only at spaces."""
    wrapper = textwrap.TextWrapper(max(width, 20), break_long_words=False, break_on_hyphens=False)
    return [row for line in text.split("\n") for row in wrapper.wrap(line)]
