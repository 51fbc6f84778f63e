"""Write the generated names in `extensions/data/`: `python -m scripts.data`."""

import subprocess
import sys
from importlib.resources import files

from tests.support.pythons import interpreters, missing
from tests.support.repository import ROOT

FOLDER = ROOT / "extensions/data"

KEPT: set[str] = set()
"""Time zones that the database has dropped. A release accepted them, so answers of projects may
hold them, and Copier would silently replace a refused answer by the default."""


def timezones() -> set[str]:
    """Every name in the IANA time zone database of the tzdata package."""
    return set((files("tzdata") / "zones").read_text().split()) | KEPT


def standard_library() -> set[str]:
    """The modules of every supported Python that a package could hide."""
    command = "import sys; print(*sys.stdlib_module_names)"
    printed = [
        subprocess.check_output([python, "-c", command], text=True)
        for python in interpreters().values()
    ]
    names = " ".join(printed).split()
    return {name for name in names if name.islower() and not name.startswith("_")}


def module(source: str, names: set[str]) -> str:
    """A Jinja module with the names, for macros to import."""
    lines = "\n".join(sorted(names))
    return f"{{#- Written by `make data` from {source}. -#}}\n{{%- set NAMES = '\n{lines}\n'.split() -%}}\n"


def contents() -> dict[str, str]:
    """What each file in `extensions/data/` should hold."""
    return {
        "timezones.jinja": module("the tzdata package", timezones()),
        "standard_library.jinja": module(
            "`sys.stdlib_module_names` of every offered Python", standard_library()
        ),
    }


if __name__ == "__main__":
    if missing():
        sys.exit(f"Install Python {' '.join(missing())}: see CONTRIBUTING.md")
    for name, text in contents().items():
        (FOLDER / name).write_text(text)
