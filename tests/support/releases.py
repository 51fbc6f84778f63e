"""The releases of this repository, from its history: a project may be updated from each."""

import re
import subprocess
from pathlib import Path

from tests.support.environment import clean_environment
from tests.support.git import commit, git
from tests.support.repository import ROOT, TEMPLATE, export_template

TODAY = "v1000.0.0"
"""The tag of the working tree: newer than any release."""


def headings(changelog: str) -> list[str]:
    """The versions with a section in a changelog, newest first."""
    return re.findall(r"^## (v\d+\.\d+\.\d+)$", changelog, re.MULTILINE)


def releases(repository: Path = ROOT) -> dict[str, str]:
    """The commit of each release, oldest first, which added its heading to CHANGELOG.md.

    The release workflow tags the same commits: if a heading came with a merge, the merge.
    A heading that is not committed yet belongs to the working tree, and has no commit.

    Raises:
        LookupError: the local history is incomplete.
    """
    if git(repository, "rev-parse", "--is-shallow-repository") == "true":
        raise LookupError("The releases are in the history, but it is cut: git fetch --unshallow")
    changelog = repository / "CHANGELOG.md"
    versions = headings(changelog.read_text()) if changelog.exists() else []
    found: dict[str, str] = {}
    log = ["log", "--first-parent", "-m", "--reverse", "--diff-filter=AM", "--format=%H"]
    for change in git(repository, *log, "--", "CHANGELOG.md").split():
        for version in headings(git(repository, "show", f"{change}:CHANGELOG.md")):
            found.setdefault(version, change)
    if git(repository, "status", "--porcelain", "--", "CHANGELOG.md"):
        versions = [version for version in versions if version in found or version != versions[0]]
    if unknown := [version for version in versions if version not in found]:
        raise LookupError(f"No commit has added the heading of {', '.join(unknown)}.")
    return {version: found[version] for version in reversed(versions)}


def publish(folder: Path) -> Path:
    """Make a repository in `folder` with the template of each release, and the working tree as `TODAY`."""
    git(ROOT, "clone", "--quiet", "--no-tags", "--no-checkout", str(ROOT), str(folder))
    parents: list[str] = []
    for version, change in releases().items():
        # The parts that a release has; the first releases had fewer.
        parts = git(folder, "ls-tree", change, "--", *TEMPLATE)
        made = git(folder, "commit-tree", make_tree(folder, parts), *parents, "-m", version)
        git(folder, "tag", version, made)
        parents = ["-p", made]
    git(folder, "update-ref", "HEAD", made)
    git(folder, "read-tree", "--empty")
    commit(export_template(folder), tag=TODAY)
    return folder


def make_tree(folder: Path, parts: str) -> str:
    """Make a tree of lines of `git ls-tree`, and return its name."""
    command = ["git", "mktree"]
    done = subprocess.run(
        command, cwd=folder, env=clean_environment(), check=True, input=f"{parts}\n",
        capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout.strip()
