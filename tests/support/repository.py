"""This repository's folder and its files."""

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ("CHANGELOG.md", "copier.yml", "docs", "extensions", "template")
"""The parts that copies and updates read; the rest would slow down each checkout."""


def files() -> list[Path]:
    """The files of this repository, committed or about to be, relative to its top."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [Path(name) for name in listing.split("\0") if name and (ROOT / name).is_file()]


def export(folder: Path, *parts: str) -> Path:
    """Copy this repository's files, or those of these parts, to `folder`, without git."""
    for file in files():
        if parts and file.parts[0] not in parts:
            continue
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / file, folder / file)
    return folder


def export_template(folder: Path) -> Path:
    """Copy the template to `folder`, without git, scripts and tests."""
    return export(folder, *TEMPLATE)


def tree(folder: Path) -> dict[str, bytes]:
    """The contents of every file in `folder` except git's, by path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".git" not in path.relative_to(folder).parts
    }
