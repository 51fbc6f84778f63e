# mypy: ignore-errors
"""Git, for the project and for the clones of an update."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tools.base.stop import ActionRequired

NOTHING: Mapping[str, str] = {}


def settings(pairs: dict[str, str]) -> dict[str, str]:
    """The environment that passes these settings to git."""
    found = {"GIT_CONFIG_COUNT": str(len(pairs))}
    for number, (name, value) in enumerate(pairs.items()):
        found |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    return found


ALONE = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    # In a container, the project may belong to another user.
    **settings({"safe.directory": "*"}),
}
"""Settings that exclude this machine's hooks, filters and signatures."""


def environment(**extra: str) -> dict[str, str]:
    """The environment without variables that a git hook sets for another repository."""
    mine = ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE", "GIT_PREFIX")
    return {n: value for n, value in os.environ.items() if n not in mine} | extra


def run(
    folder: Path, *arguments: str, given: bytes = b"", env: Mapping[str, str] = NOTHING
) -> subprocess.CompletedProcess[bytes]:
    """Run git, with output in bytes."""
    return subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env=environment(LC_ALL="C.UTF-8", **env),
        input=given,
        capture_output=True,
        check=False,
    )


def git_bytes(
    folder: Path, *arguments: str, given: bytes = b"", env: Mapping[str, str] = NOTHING
) -> bytes:
    """Return git's output.

    Raises:
        ActionRequired: it failed, with its message.
    """
    done = run(folder, *arguments, given=given, env=env)
    if done.returncode != 0:
        raise ActionRequired(f"git {arguments[0]}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def git(folder: Path, *arguments: str, given: bytes = b"", env: Mapping[str, str] = NOTHING) -> str:
    """Return git's output as text."""
    return os.fsdecode(git_bytes(folder, *arguments, given=given, env=env)).removesuffix("\n")
