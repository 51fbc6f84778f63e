"""The supported Python versions, and their interpreters on this machine."""

import functools
import os
import subprocess
from pathlib import Path

from tests.support.environment import clean_environment
from tests.support.questionnaire import choices
from tests.support.repository import ROOT

OFFERED = choices("python_version")


@functools.cache
def interpreters() -> dict[str, str]:
    """Interpreters by version, such as 3.12: on the path, in .python/, or installed by uv or pyenv."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    folders = [*sorted(ROOT.glob(".python/*/usr/bin")), *sorted(pyenv.glob("versions/*/bin"))]
    path = os.pathsep.join([clean_environment()["PATH"], *map(str, folders)])
    found = {}
    for version in OFFERED:
        done = subprocess.run(
            ["uv", "python", "find", "--no-project", "--no-python-downloads", "--system", version],
            check=False,
            env=clean_environment(PATH=path),
            capture_output=True,
            text=True,
        )
        if done.returncode == 0:
            found[version] = done.stdout.strip()
    assert found, f"there is none of Python {', '.join(OFFERED)}"
    return found


def missing() -> list[str]:
    """The versions without an interpreter here."""
    return [version for version in OFFERED if version not in interpreters()]
