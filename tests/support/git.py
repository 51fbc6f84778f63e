"""Git in any folder. Time and author are fixed, so the same contents give the same commits."""

import subprocess
from pathlib import Path

from tests.support.environment import clean_environment


def git(folder: Path, *arguments: str) -> str:
    """Run git in `folder`, and return its output."""
    environment = clean_environment(
        GIT_AUTHOR_NAME="Test",
        GIT_AUTHOR_EMAIL="test@example.com",
        GIT_AUTHOR_DATE="2026-01-01T00:00:00Z",
        GIT_COMMITTER_NAME="Test",
        GIT_COMMITTER_EMAIL="test@example.com",
        GIT_COMMITTER_DATE="2026-01-01T00:00:00Z",
    )
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def commit(folder: Path, tag: str | None = None) -> None:
    """Commit all of `folder`, which becomes a repository if needed, and tag it."""
    if not (folder / ".git").exists():
        git(folder, "init", "--quiet", "--initial-branch", "main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", tag or "work")
    if tag:
        git(folder, "tag", tag)
