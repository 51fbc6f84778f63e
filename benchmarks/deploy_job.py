"""The job that deploys, from a clean checkout."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import projects
from benchmarks.tables import interleave, ratio, show
from tests.stand_ins.github import GitHub
from tests.support.environment import clean_environment
from tests.support.git import git
from tests.support.prefect_server import PrefectServer
from tests.support.repository import ROOT

TIMES = 3
MAKE, JOB = "make prefect-deploy, s", "with uv's installation, s"
INSTALL_UV = "pip install --upgrade uv"

# What the tutorial's Makefile runs for `make prefect-deploy`, with a uv of today.
TUTORIAL = [
    INSTALL_UV,
    "uv venv",
    "uv sync --all-extras --all-groups",
    "uv pip install --no-deps -e .",
    "uv run prefect deploy --prefect-file prefect.yaml --all",
]
# On GitHub, a step before it installs uv, with setup-uv; here that is pip, as in the tutorial.
OURS = [INSTALL_UV, "make prefect-deploy"]


def sampler(
    project: Path, commands: list[str], folder: Path, cold: bool, server: PrefectServer
) -> Callable[[], dict[str, float]]:
    """Deploy from a clean checkout, on a runner whose Python has pip and nothing else."""

    def take() -> dict[str, float]:
        shutil.rmtree(folder / "checkout", ignore_errors=True)
        shutil.rmtree(folder / "runner", ignore_errors=True)
        if cold:
            shutil.rmtree(folder / "cache", ignore_errors=True)
        git(project, "clone", "--quiet", str(project), str(folder / "checkout"))
        projects.shell(folder, projects.PYTHON, "-m", "venv", "runner")
        path = clean_environment()["PATH"].replace(f"{ROOT / '.venv/bin'}{os.pathsep}", "")
        environment = server.environment() | {
            "PATH": f"{folder / 'runner/bin'}{os.pathsep}{path}",
            "HOME": str(folder),
            "UV_CACHE_DIR": str(folder / "cache/uv"),
            "PIP_CACHE_DIR": str(folder / "cache/pip"),
            "PREFECT_CLI_PROMPT": "false",
            "UV_PYTHON": projects.PYTHON,
        }
        started = time.perf_counter()
        projects.shell(folder / "checkout", *INSTALL_UV.split(), **environment)
        installed = time.perf_counter()
        for command in commands[1:]:
            projects.shell(folder / "checkout", *command.split(), **environment)
        ended = time.perf_counter()
        # The tutorial's Makefile installs uv by itself.
        return {
            MAKE: ended - (started if commands is TUTORIAL else installed),
            JOB: ended - started,
        }

    return take


def measure(folder: Path, server: PrefectServer, github: GitHub) -> None:
    ours = projects.render(folder / "ours", "acme/deploy-ours")
    tutorial = projects.as_the_tutorial_has_it(folder / "tutorial", ours)
    for project, name in ((ours, "acme/deploy-ours"), (tutorial, "acme/deploy-tutorial")):
        projects.deployed(project, name, server, github)
    for cold in (True, False):
        variants = {}
        for name, project, commands in (
            ("tutorial", tutorial, TUTORIAL),
            ("ours", ours, OURS),
        ):
            (runner := folder / f"runner-{name}").mkdir(exist_ok=True)
            variants[name] = sampler(project, commands, runner, cold, server)
        if not cold:
            interleave(variants, 1)  # Fill the caches.
        rows = interleave(variants, TIMES)
        caches = "cold" if cold else "warm"
        make, job = (ratio(rows, "ours", "tutorial", column) for column in (MAKE, JOB))
        note = f"Ours {make} x the tutorial's, {job} x with uv's installation."
        show(f"Deploy job, {caches} caches", rows, note)
