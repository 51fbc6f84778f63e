# mypy: ignore-errors
"""Copier's command, without write access to git's folders.

In a template, file names are expressions, too. A name that results in `.git/config` could make git
start any program during the update, without `--trust`. So this process refuses to write there:
https://docs.python.org/3/library/sys.html#sys.addaudithook
"""

import os
import re
import runpy
import sys
from pathlib import PurePath

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
ALTERNATES = ("objects", "info", "alternates")
"""Copier itself writes this file, which tells git where to find another repository's objects."""


def refuse(event: str, arguments: tuple[object, ...]) -> None:
    """Raise an error for a write into a git folder."""
    match event, arguments:
        case "open", (path, _, int(flags)) if flags & WRITING:
            written = [path]
        case "os.mkdir", (path, *_):
            written = [path]
        case (("os.rename" | "os.link" | "os.symlink"), (source, target, *_)):
            written = [source, target]
        case _:
            return
    for path in written:
        if isinstance(path, str | bytes | os.PathLike) and is_gits(os.fsdecode(path)):
            raise PermissionError(f"this release of the template writes to {os.fsdecode(path)}")


def is_gits(path: str) -> bool:
    """Whether a path leads into a git folder, in any spelling that a file system accepts."""
    for parts in (PurePath(path).parts, PurePath(os.path.realpath(path)).parts):
        for position, part in enumerate(parts, start=1):
            name = re.sub(r"[^.~a-z0-9]", "", part.casefold()).rstrip(".")
            if name in (".git", "git~1") and parts[position:] != ALTERNATES:
                return True
    return False


if __name__ == "__main__":
    sys.addaudithook(refuse)
    runpy.run_module("copier", run_name="__main__", alter_sys=True)
