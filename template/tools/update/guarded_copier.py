# mypy: ignore-errors
"""Copier's own command, with git's folders closed to it.

In a template, file names are expressions, too. One that gives `.git/config` would decide which
program git starts next, in the middle of an update and without `--trust`. So this process refuses
to write there: https://docs.python.org/3/library/sys.html#sys.addaudithook
"""

import os
import re
import runpy
import sys
from pathlib import PurePath

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
ALTERNATES = ("objects", "info", "alternates")
"""What Copier itself writes there: where git finds the objects of another repository."""


def refuse(event: str, arguments: tuple[object, ...]) -> None:
    """Raise an error if this is to write into a folder of git's."""
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
    """Whether a path leads into a folder of git's, under any name that a file system takes."""
    for parts in (PurePath(path).parts, PurePath(os.path.realpath(path)).parts):
        for position, part in enumerate(parts, start=1):
            name = re.sub(r"[^.~a-z0-9]", "", part.casefold()).rstrip(".")
            if name in (".git", "git~1") and parts[position:] != ALTERNATES:
                return True
    return False


if __name__ == "__main__":
    sys.addaudithook(refuse)
    runpy.run_module("copier", run_name="__main__", alter_sys=True)
