"""The environment of all programs that the tests start, without the user's settings."""

import os
from pathlib import Path

from tests.support.repository import ROOT

UV_CACHE = Path.home() / ".cache/uv"
"""This machine's cache: one download serves all projects."""


def clean_environment(**extra: str) -> dict[str, str]:
    """The environment without the user's own settings of Copier, git, Prefect, Python and uv."""
    ours = (
        "CI",  # GitHub Actions, and .ci/run.
        "COPIER_",
        "GH_",
        "GIT_",
        "GITHUB_",
        "MAKE",
        "MFLAGS",
        "MODAL_",
        "PREFECT_",
        "PYTHON",  # Without bytecode, every command would compile all that it imports.
        "UV_",
        "VIRTUAL_ENV",
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    kept["PATH"] = f"{ROOT / '.venv/bin'}{os.pathsep}{kept['PATH']}"
    kept |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    kept |= {"COPIER_SETTINGS_PATH": str(ROOT / "tests/settings.yml")}
    # A registry may be busy for some seconds.
    kept |= {"UV_HTTP_RETRIES": "10"}
    return kept | extra
