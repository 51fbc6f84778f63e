"""Measure `make doctor` with a distant server."""

import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from benchmarks.distance import distant
from benchmarks.projects import deployed, render
from benchmarks.tables import interleave, show
from tests.stand_ins.github import GitHub
from tests.stand_ins.project import Project
from tests.support.git import git
from tests.support.prefect_server import PrefectServer

TIMES = 3
ROUND_TRIP = 0.1
"""Seconds."""


def measure(folder: Path, server: PrefectServer, github: GitHub) -> None:
    variants = {}
    with distant(int(urlsplit(server.url).port or 0), ROUND_TRIP) as distance:
        far = server.url.replace(f":{distance.target}", f":{distance.port}")
        for count in (1, 200):
            project = deployed(render(folder / f"doctor-{count}"), server, github)
            grow(project, count)
            done = project.make("setup")
            assert done.returncode == 0, done.stdout
            variants[f"{count} deployments"] = sampler(project, far)
        show("make doctor, server 100 ms away", interleave(variants, TIMES))


def grow(project: Project, count: int) -> None:
    """Create that many deployments of the same flow, in the file and on the server."""
    file = project.folder / "prefect.yaml"
    described = yaml.safe_load(file.read_text())
    (first,) = described["deployments"]
    many = [first, *(first | {"name": f"{first['name']}-{n}"} for n in range(1, count))]
    file.write_text(yaml.safe_dump(described | {"deployments": many}, sort_keys=False))
    project.push()
    version = git(project.folder, "rev-parse", "HEAD")
    there = project.deployment()
    kept = ("flow_id", "entrypoint", "pull_steps", "work_pool_name", "job_variables", "paused")
    for each in many:
        project.server.post(
            "deployments/", name=each["name"], version=version, **{key: there[key] for key in kept}
        )


def sampler(project: Project, url: str) -> Callable[[], dict[str, float]]:
    def take() -> dict[str, float]:
        started = time.perf_counter()
        done = project.make("--silent", "doctor", PREFECT_API_URL=url)
        assert "Traceback" not in done.stdout, done.stdout
        return {"make doctor, s": time.perf_counter() - started}

    return take
