"""The pinned actions of all workflows, and the pinned tools of this repository."""

import re
from collections.abc import Iterator

from packaging.requirements import Requirement

from tests.support.repository import ROOT, files

PINS = dict(
    pin.split(" ;")[0].split("==") for pin in (ROOT / "constraints.txt").read_text().splitlines()
)
"""The versions in constraints.txt, by name."""


def pinned_actions() -> Iterator[tuple[str, str, str, str]]:
    """Each use of an action, here, in the template and in its example: file, action, SHA, version."""
    for file in files():
        if ".github/workflows/" in file.as_posix():
            for use in re.findall(r"uses: (?!\./)(.*)", (ROOT / file).read_text()):
                pinned = re.fullmatch(r"([^@]+)@([0-9a-f]{40}) # (v\d+\.\d+\.\d+)", use)
                assert pinned, f"pin {use} in {file}"
                yield file.as_posix(), pinned[1], pinned[2], pinned[3]


def named_tools() -> dict[str, Requirement]:
    """The requirements of requirements.txt, by name."""
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    tools = [Requirement(line.split("#")[0]) for line in lines if re.match(r"[a-z]", line)]
    return {tool.name: tool for tool in tools}
