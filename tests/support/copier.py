"""Copier's command, as called by a user or Renovate, and an address of the template."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.support.environment import clean_environment
from tests.support.forked import COPIER, forks

TUTORIAL = {"repo_url": "https://github.com/Ben-Epstein/prefect-modal"}
"""The answers for the tutorial's project."""

URL = "https://example.com/copier-prefect-modal.git"
"""The address at which `published` makes the template available, in a reserved domain."""

AS_RENOVATE = [
    "--skip-answered", "--defaults", "--answers-file", ".copier-answers.yml", "--vcs-ref",
]  # fmt: skip
"""Renovate's call of `copier update`, before the new version; tests/renovate verifies it."""


def published(folder: Path, **extra: str) -> dict[str, str]:
    """An environment in which git finds the repository in `folder` at `URL`.

    Only the network is replaced, with git's own `insteadOf`: Copier gets
    the address as a user would type it. What Copier caches of it stays beside it.
    """
    return clean_environment(
        COPIER_CACHE_DIR=f"{folder}.cache",
        GIT_CONFIG_COUNT="1",
        GIT_CONFIG_KEY_0=f"url.file://{folder}.insteadOf",
        GIT_CONFIG_VALUE_0=URL,
        **extra,
    )


def copier(
    *arguments: str,
    env: dict[str, str],
    cwd: Path | None = None,
    command: Path = COPIER,
) -> subprocess.CompletedProcess[str]:
    """Run Copier's real command, as a user would, without `--trust`."""
    with forks():
        return subprocess.run(
            [str(command), *arguments], check=False, env=env, cwd=cwd, stdin=subprocess.DEVNULL,
            capture_output=True, text=True,
        )  # fmt: skip


def data(answers: Mapping[str, object]) -> list[str]:
    """The answers as `--data` options."""
    return [word for name, value in answers.items() for word in ("--data", f"{name}={value}")]
