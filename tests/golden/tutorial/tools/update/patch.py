# mypy: ignore-errors
"""The files that an update changes: whether it may, and which of them are run."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tools.base.stop import ActionRequired
from tools.update.git import NOTHING, git

LOCK = "uv.lock"
OWNERS = ("src", "tests", "project.mk", LOCK)
"""Files that belong only to the project."""
ONLY_READ = (".copier-answers.yml", ".gitignore", "README.md")
"""Files that no program runs or reads as configuration."""
WORKFLOWS = ".github/workflows/"
PIN = re.compile(r"([+-])\s*(?:- )?uses: ([\w./-]+)@[0-9a-f]{40}(?: # v[\d.]+)?")
"""A changed line of a workflow with the pinned commit of an action."""
PLAIN, NONE = "100644", "000000"
"""Git's modes of a plain file and of no file."""


@dataclass(frozen=True)
class Changed:
    """A file that an update changes."""

    name: str
    status: str
    """Git's letter: A for added, M for modified, D for deleted."""
    before: str
    after: str
    """Its mode."""

    @property
    def is_run(self) -> bool:
        """Whether a program runs it or reads it as configuration."""
        return self.name not in ONLY_READ


def changed(repository: Path, *between: str, env: Mapping[str, str] = NOTHING) -> list[Changed]:
    """The files that `git diff` finds, beginning with those that are run."""
    fields = git(repository, "diff", "--raw", "--no-renames", "-z", *between, env=env).split("\0")
    found = []
    for details, name in zip(fields[::2], fields[1::2], strict=False):
        before, after, _, _, status = details.removeprefix(":").split(" ")
        found.append(Changed(name, status, before, after))
    return sorted(found, key=lambda each: (not each.is_run, each.name))


def check(changes: list[Changed]) -> None:
    """Check that an update changes only files that it may change.

    Raises:
        ActionRequired: it changes another file.
    """
    for change in changes:
        if PurePosixPath(change.name).parts[0] in OWNERS:
            raise ActionRequired(f"this release changes {change.name}, which belongs to you alone")
        # No links, submodules or programs: the template has none.
        if change.after not in (PLAIN, NONE, change.before):
            raise ActionRequired(
                f"this release turns {change.name} into something other than a file"
            )


def only_pins(repository: Path, *between: str, env: Mapping[str, str] = NOTHING) -> bool:
    """Whether the workflows differ only in the pinned commits of the same actions.

    GitHub runs a branch's workflow as soon as the branch is pushed or reviewed.
    """
    diff = git(repository, "diff", "--unified=0", *between, "--", WORKFLOWS, env=env)
    before: list[str] = []
    after: list[str] = []
    in_hunk = False
    for line in diff.splitlines():
        in_hunk = line.startswith("@@") or (in_hunk and not line.startswith("diff "))
        if in_hunk and not line.startswith("@@"):
            if not (pin := PIN.fullmatch(line)):
                return False
            (before if pin[1] == "-" else after).append(pin[2])
    return before == after
