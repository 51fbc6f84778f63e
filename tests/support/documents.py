"""The Markdown pages of this repository and of a project, parsed for the tests."""

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

from tests.support.repository import ROOT, files

PROJECT = ROOT / "tests/golden/tutorial"
"""The project whose pages count among the documents."""


@dataclass(frozen=True)
class Document:
    """A page in Markdown."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @property
    def text(self) -> str:
        return self.path.read_text()

    @property
    def prose(self) -> str:
        """The text without code blocks."""
        return re.sub(r"^ *```.*?^ *```$", "", self.text, flags=re.DOTALL | re.MULTILINE)

    @property
    def commands(self) -> list[str]:
        """The lines of code blocks for a shell."""
        return [line for text in self.sections().values() for line in text]

    def sections(self) -> dict[str, list[str]]:
        """The lines for a shell, by heading, for each section that has some."""
        found: dict[str, list[str]] = {}
        pattern = r"^#+ (?P<heading>[^\n]+)$|^ *```sh\n(?P<lines>.*?)^ *```$"
        heading = ""
        for match in re.finditer(pattern, self.text, re.DOTALL | re.MULTILINE):
            if match["heading"]:
                heading = match["heading"]
            else:
                found.setdefault(heading, []).extend(map(str.strip, match["lines"].splitlines()))
        return found

    @property
    def code(self) -> list[str]:
        """The code between backticks in the prose."""
        return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", self.prose)]

    @property
    def links(self) -> list[str]:
        """The targets of links and pictures in the repository."""
        targets = re.findall(r"\]\(([^)\s]+)\)", self.prose)
        return [target for target in targets if not target.startswith("https://")]

    @property
    def anchors(self) -> set[str]:
        """GitHub's anchors of the headings."""
        headings = re.findall(r"^#+ (.+)$", self.prose, re.MULTILINE)
        return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


DOCUMENTS = [
    Document(ROOT / file)
    for file in files()
    if file.suffix == ".md"
    and (file.parts[0] in ("docs", file.name) or (ROOT / file).parent == PROJECT)
]

BY_HAND = Document(ROOT / "docs/by_hand.md")
"""The steps of `make bootstrap` one by one, for the project of acme/reports."""
ADOPTING = Document(ROOT / "docs/adopting.md")
"""How to bring an existing repository, that of acme/reports, to the template."""
RUNNERS = Document(ROOT / "docs/runners.md")
MOVING = Document(ROOT / "docs/moving.md")
"""How to change answers later, and how to repair what updates need, for the same project."""


def owners() -> list[tuple[str, str]]:
    """Each file or folder in the table of docs/ownership.md, and its owner."""
    rows = re.findall(
        r"^\| `([^`]+)` \| ([^|]+) \|", (ROOT / "docs/ownership.md").read_text(), re.MULTILINE
    )
    return [(name.removesuffix("/…"), owner) for name, owner in rows]


def set_up_staging(workflow: Path) -> None:
    """Change the lines of a project's workflow that docs/environments.md says to change."""
    page = (ROOT / "docs/environments.md").read_text()
    (diff,) = re.findall(r"^ *```diff\n(.*?)^ *```$", page, re.DOTALL | re.MULTILINE)
    text = workflow.read_text()
    for change in textwrap.dedent(diff).strip().split("\n\n"):
        lines = change.splitlines()
        old, new = (
            "".join(f"{line[1:]}\n" for line in lines if line[0] in f" {sign}") for sign in "-+"
        )
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    workflow.write_text(text)
