"""Measure the deploy job, from a clean checkout."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.projects import PYTHON, as_the_tutorial_has_it, deployed, render, shell
from benchmarks.tables import interleave, ratio, show
from tests.stand_ins.github import GitHub
from tests.support.environment import clean_environment
from tests.support.git import git
from tests.support.prefect_server import PrefectServer
from tests.support.repository import ROOT

TIMES = 3
MAKE, JOB = "make prefect-deploy, s", "with uv's installation, s"
INSTALL_UV = "pip install --upgrade uv"

# The commands of the tutorial's Makefile for `make prefect-deploy`, with today's uv.
TUTORIAL = [
    "uv venv",
    "uv sync --all-extras --all-groups",
    "uv pip install --no-deps -e .",
    "uv run prefect deploy --prefect-file prefect.yaml --all",
]
OURS = ["make prefect-deploy"]


def measure(folder: Path, server: PrefectServer, github: GitHub) -> None:
    ours = render(folder / "deploy-ours")
    tutorial = as_the_tutorial_has_it(folder / "deploy-tutorial", ours)
    for project in (ours, tutorial):
        deployed(project, server, github)
    for caches in ("cold", "warm"):
        variants = {
            name: sampler(project, commands, folder / f"{name}-{caches}", caches == "cold", server)
            for name, project, commands in (
                ("tutorial", tutorial, TUTORIAL),
                ("ours", ours, OURS),
            )
        }
        if caches == "warm":
            interleave(variants, 1)  # Fill them.
        rows = interleave(variants, TIMES)
        make, job = (ratio(rows, "ours", "tutorial", column) for column in (MAKE, JOB))
        note = (
            f"Ours {make} x the tutorial's, {job} x with uv's installation. The tutorial's Makefile "
            "installs uv by itself; ours finds the one of setup-uv, for which pip stands in here."
        )
        show(f"Deploy job, {caches} caches", rows, note)


def sampler(
    project: Path, commands: list[str], folder: Path, cold: bool, server: PrefectServer
) -> Callable[[], dict[str, float]]:
    """Deploy from a clean checkout, on a runner whose Python has pip and nothing else."""
    path = clean_environment()["PATH"].replace(f"{ROOT / '.venv/bin'}{os.pathsep}", "")
    environment = server.environment() | {
        "PATH": f"{folder / 'runner/bin'}{os.pathsep}{path}",
        "HOME": str(folder),
        "UV_CACHE_DIR": str(folder / "cache/uv"),
        "PIP_CACHE_DIR": str(folder / "cache/pip"),
        "PREFECT_CLI_PROMPT": "false",
    }

    def take() -> dict[str, float]:
        for name in ("checkout", "runner", *(["cache"] if cold else [])):
            shutil.rmtree(folder / name, ignore_errors=True)
        git(project, "clone", "--quiet", str(project), str(folder / "checkout"))
        shell(folder, PYTHON, "-m", "venv", "runner")
        started = time.perf_counter()
        # On GitHub, setup-uv installs it for ours; the tutorial's Makefile installs it like this.
        shell(folder / "checkout", *INSTALL_UV.split(), **environment)
        installed = time.perf_counter()
        for command in commands:
            shell(folder / "checkout", *command.split(), **environment)
        ended = time.perf_counter()
        return {
            MAKE: ended - (started if commands is TUTORIAL else installed),
            JOB: ended - started,
        }

    return take
