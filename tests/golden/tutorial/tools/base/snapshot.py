# mypy: ignore-errors
"""This folder as a commit: everything that git does not ignore."""

import os
from pathlib import Path

from tools.base.git import checked_git, head
from tools.base.project import Project

SETTINGS = {
    "user.name": "Rehearsal",
    "user.email": "rehearsal@localhost",
    "commit.gpgSign": "false",
    "core.hooksPath": os.devnull,
    "advice.detachedHead": "false",
    # As on GitHub, allow a fetch of a commit by its hash.
    "uploadpack.allowAnySHA1InWant": "true",
    "uploadpack.allowFilter": "true",
}


LIST = ("ls-files", "-z", "--cached", "--others", "--exclude-standard")
"""The tracked files, and the untracked ones that git does not ignore."""


def snapshot(project: Project, folder: Path) -> Project:
    """The project in its own repository at `folder`, with everything committed and pushed.

    The owner's repository is only read. Without changes, the commit is the same.

    Raises:
        ActionRequired: git does not work here.
    """
    root, branch = project.root, project.branch or "main"
    # A project without its own repository may be inside another one.
    own = (root / ".git").exists()
    here = head(project) if own else ""
    if here:
        # Copy the history and tags, too: build steps may use them.
        checked_git(
            project, "clone", "--quiet", "--shared", "--no-checkout", str(root), str(folder)
        )
    else:
        checked_git(project, "init", "--quiet", str(folder))
    copy = Project(folder, offline=project.offline)
    for name, value in SETTINGS.items():
        checked_git(copy, "config", name, value)
    checked_git(copy, "symbolic-ref", "HEAD", f"refs/heads/{branch}")
    if here:
        checked_git(copy, "update-ref", "HEAD", here)
    here_too = ("--work-tree", str(root))
    done = project.git(*LIST) if own else copy.git(*here_too, *LIST)
    names = [name for name in done.stdout.split("\0") if name and os.path.lexists(root / name)]
    (paths := folder / ".git/paths").write_text("\0".join(names), encoding="utf-8")
    add = ("add", "--force", "--pathspec-file-nul", f"--pathspec-from-file={paths}")
    checked_git(copy, *here_too, *add)
    if not here or copy.git("diff", "--cached", "--quiet", "HEAD").returncode != 0:
        checked_git(copy, "commit", "--quiet", "--allow-empty", "--message", "All that is here")
    checked_git(copy, "reset", "--quiet", "--hard")
    checked_git(copy, "update-ref", f"refs/remotes/origin/{branch}", "HEAD")
    return copy
