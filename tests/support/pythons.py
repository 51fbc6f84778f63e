"""The Python versions that the questionnaire offers, and which of them this machine has."""

import functools
import os
import subprocess
from pathlib import Path

from tests.support.environment import clean_environment
from tests.support.questionnaire import questions

OFFERED: list[str] = questions(asked=True)["python_version"]["choices"]


@functools.cache
def interpreters() -> dict[str, str]:
    """Interpreters by version, such as 3.12; on the path, or installed by uv or pyenv."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    folders = [str(folder) for folder in sorted(pyenv.glob("versions/*/bin"))]
    path = os.pathsep.join([clean_environment()["PATH"], *folders])
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
