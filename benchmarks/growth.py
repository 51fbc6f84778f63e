"""Measure what grows with the number of deployments."""

import time
from collections.abc import Callable
from pathlib import Path

import yaml

from benchmarks.projects import deployed, render, shell
from benchmarks.tables import interleave, show
from tests.stand_ins.github import GitHub
from tests.support.prefect_server import PrefectServer

TIMES = 3


def measure(folder: Path, server: PrefectServer, github: GitHub) -> None:
    project = render(folder / "growth")
    variants = {f"{count} deployments": sampler(project, count, server) for count in (1, 10, 50)}
    deployed(project, server, github)
    show("Growth: prefect deploy", interleave(variants, TIMES))


def sampler(project: Path, count: int, server: PrefectServer) -> Callable[[], dict[str, float]]:
    """Deploy that many deployments of the same flow."""
    described = yaml.safe_load((project / "prefect.yaml").read_text())
    (deployment,) = described["deployments"]
    many = [deployment | {"name": f"growth-{count}-{number}"} for number in range(count)]
    file = project / f"prefect-{count}.yaml"
    file.write_text(yaml.safe_dump(described | {"deployments": many}, sort_keys=False))

    def take() -> dict[str, float]:
        started = time.perf_counter()
        shell(
            project, "uv", "run", "--no-default-groups", "prefect", "--no-prompt",
            "deploy", "--prefect-file", file.name, "--all", **server.environment(),
        )  # fmt: skip
        spent = time.perf_counter() - started
        return {"deploy, s": spent, "each, s": spent / count}

    return take
