# mypy: ignore-errors
"""The lock file of an update, made without running any of the update."""

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.update.git import ALONE, environment, git

BOUND = re.compile(r"[\w.-]+(\[[\w., -]*\])?[\w\s.,<>=!~*+]*")
"""A requirement with versions but no address."""


def lock(clone: Path, folder: Path) -> bool:
    """Update uv.lock in `clone` after an update; False if a person has to do it.

    uv runs programs that a project configures: its build backend, and the Python of
    `.python-version` or `.venv`. So uv works in `folder` on the files before the update, and
    gets only the new version bounds.
    """
    after = (clone / "pyproject.toml").read_text(encoding="utf-8")
    bounds, rest = split(after)
    bounds_before, rest_before = split(git(clone, "show", "HEAD:pyproject.toml", env=ALONE))
    if bounds == bounds_before:
        return rest == rest_before
    if rest != rest_before or not all(map(BOUND.fullmatch, texts(bounds))):
        return False
    git(clone, "clone", "--quiet", ".", str(folder), env=ALONE)
    (folder / "pyproject.toml").write_text(after, encoding="utf-8")
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or "uv"
    command = [uv, "lock", "--quiet", "--no-build"]
    if subprocess.run(command, cwd=folder, env=environment(), check=False).returncode != 0:
        return False
    shutil.copy(folder / "uv.lock", clone)
    return True


def split(pyproject: str) -> tuple[list[Any], dict[str, Any]]:
    """The requirements of a pyproject.toml, and the rest of it."""
    rest = tomllib.loads(pyproject)
    uv = rest.get("tool", {}).get("uv", {})
    places = [
        (rest.get("project", {}), "dependencies"),
        (rest, "dependency-groups"),
        (uv, "constraint-dependencies"),
    ]
    return [table.pop(name, None) for table, name in places], rest


def texts(value: Any) -> Iterator[str]:
    """All texts in a list or a table."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for each in value.values() if isinstance(value, dict) else value:
            yield from texts(each)
