# mypy: ignore-errors
"""What an update changes: whether it may, and what of it is ever run."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tools.base.stop import ActionRequired
from tools.update.git import NOTHING, git

LOCK = "uv.lock"
OWNERS = ("src", "tests", "project.mk", LOCK)
"""What belongs to the project alone."""
ONLY_READ = (".copier-answers.yml", ".gitignore", "README.md")
"""What nothing runs, and no program is configured by."""
WORKFLOWS = ".github/workflows/"
PIN = re.compile(r"([+-])\s*(?:- )?uses: ([\w./-]+)@[0-9a-f]{40}(?: # v[\d.]+)?")
"""A changed line of a workflow that says which commit of an action it uses."""
PLAIN, NONE = "100644", "000000"
"""The modes that git gives a plain file, and none."""


@dataclass(frozen=True)
class Changed:
    """A file that an update changes."""

    name: str
    status: str
    """A letter of git's: A is added, M is modified, D is deleted."""
    before: str
    after: str
    """Its mode."""

    @property
    def is_run(self) -> bool:
        """Whether something runs it, or is configured by it."""
        return self.name not in ONLY_READ


def changed(repository: Path, *between: str, env: Mapping[str, str] = NOTHING) -> list[Changed]:
    """The files that `git diff` finds; first those that are run."""
    fields = git(repository, "diff", "--raw", "--no-renames", "-z", *between, env=env).split("\0")
    found = []
    for details, name in zip(fields[::2], fields[1::2], strict=False):
        before, after, _, _, status = details.removeprefix(":").split(" ")
        found.append(Changed(name, status, before, after))
    return sorted(found, key=lambda each: (not each.is_run, each.name))


def check(changes: list[Changed]) -> None:
    """Hold a change to what an update may touch.

    Raises:
        ActionRequired: it touches something else.
    """
    for change in changes:
        if PurePosixPath(change.name).parts[0] in OWNERS:
            raise ActionRequired(f"this release changes {change.name}, which belongs to you alone")
        # No links, submodules or programs: the template renders none.
        if change.after not in (PLAIN, NONE, change.before):
            raise ActionRequired(f"this release makes {change.name} something else than a file")


def only_pins(repository: Path, *between: str, env: Mapping[str, str] = NOTHING) -> bool:
    """Whether the workflows differ only in the pinned commits of the same actions.

    GitHub runs a workflow file of a branch as soon as that is pushed, or someone reviews it.
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
