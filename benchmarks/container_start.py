"""Measure from the start of a container to the first line of the flow.

Excludes Modal's earlier work: getting the image and building layers.
"""

import json
import resource
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.distance import Distance, distant
from benchmarks.projects import (
    as_the_tutorial_has_it,
    deployed,
    fresh_image,
    image_of,
    packages_baked_in,
    project_baked_in,
    release,
    render,
    with_heavy_dependencies,
    without_pull_steps,
)
from benchmarks.proxy import Proxy, counting_proxy
from benchmarks.tables import interleave, ratio, show
from tests.stand_ins.container import Container, Done, copy_image
from tests.stand_ins.github import GitHub
from tests.stand_ins.github_api import READ
from tests.stand_ins.project import Project
from tests.support.prefect_server import PrefectServer

DISTANCES = {"server on the same machine": (0.0, 5), "server 100 ms away": (0.1, 3)}
"""Seconds of a round trip, and the number of samples."""
PULL, START, TRIPS = "pull steps, s", "start to first line, s", "round trips"
COLUMNS = [PULL, START, "CPU, s", "packages installed", "fetched, MB", TRIPS]
PHASES = ["execute", "supervisor", "pull steps", "engine"]
TUTORIAL, OURS, LIMIT = "tutorial", "ours", "limit"
NOT_BAKED, BAKED = "ours, heavy", "ours, heavy and baked"
NOT_PINNED = "ours, not pinned"


def measure(folder: Path, server: PrefectServer, github: GitHub) -> None:
    """Compare starts in images as fresh as the lock file, and in older images.

    The tutorial's image is a moving tag: here, it is ten weeks older than the lock file. Ours has
    the Prefect of the lock file, so its other packages are at worst as old as that release.
    """
    ours = render(folder / "ours")
    heavy = with_heavy_dependencies(render(folder / "heavy", bake=True))
    made = {
        TUTORIAL: as_the_tutorial_has_it(folder / "tutorial", ours),
        OURS: ours,
        NOT_PINNED: render(folder / "not-pinned", pin_commit=False),
        LIMIT: without_pull_steps(folder / "limit", ours),
        BAKED: heavy,
    }
    projects = {name: deployed(path, server, github) for name, path in made.items()}
    for name in (OURS, NOT_PINNED, BAKED):
        projects[name].save_token(github.add_token(READ))
    long_ago = (datetime.now(UTC) - timedelta(days=70)).strftime("%Y-%m-%d")
    prefect, release_day = release(ours)
    fresh = fresh_image(folder / "image", ours)
    packages = projects[BAKED].deployment()["job_variables"]["pip_packages"]
    moving, released = f"{TUTORIAL}, image of {long_ago}", f"{OURS}, image of {release_day}"
    starts = {
        TUTORIAL: (TUTORIAL, fresh_image(folder / "image-tutorial", made[TUTORIAL])),
        OURS: (OURS, fresh),
        NOT_PINNED: (NOT_PINNED, fresh),
        LIMIT: (LIMIT, project_baked_in(copy_image(fresh, folder / "image-limit"), ours)),
        moving: (TUTORIAL, image_of(folder / "image-moving", long_ago)),
        released: (OURS, image_of(folder / "image-released", release_day, prefect)),
        NOT_BAKED: (BAKED, fresh),
        BAKED: (BAKED, packages_baked_in(copy_image(fresh, folder / "image-baked"), packages)),
    }
    for where, (round_trip, times) in DISTANCES.items():
        port = urlsplit(server.url).port or 0
        with counting_proxy() as proxy, distant(port, round_trip) as distance:
            variants = {
                name: sampler(projects[project], image, folder / "container", proxy, distance)
                for name, (project, image) in starts.items()
            }
            rows = interleave(variants, times)
        pulls = partial(ratio, rows, column=PULL)
        first_lines = partial(ratio, rows, column=START)
        show(
            f"Container start, {where}",
            rows,
            f"Pull steps: ours {pulls(OURS, TUTORIAL)} x the tutorial's (goal: 0.12), "
            f"{pulls(released, moving)} x with its older image (goal: 0.10); "
            f"the limit {pulls(LIMIT, TUTORIAL)} x and {pulls(LIMIT, moving)} x. "
            f"Start to first line: ours {first_lines(OURS, LIMIT)} x the limit (goal: 1.1), "
            f"{first_lines(released, LIMIT)} x with the image of the release (goal: 1.1); "
            f"heavy and baked {first_lines(BAKED, OURS)} x the light project (goal: 1.1).",
            COLUMNS,
        )
    show("Round trips until the first line", rows, columns=[*PHASES, TRIPS])


@dataclass
class Timed(Container):
    """A container that records its start time."""

    began: float = 0

    def execute(self, flow_run_id: str, job_variables: dict[str, Any]) -> Done:
        self.began = time.time()
        return super().execute(flow_run_id, job_variables)


def sampler(
    project: Project, image: Path, folder: Path, proxy: Proxy, distance: Distance
) -> Callable[[], dict[str, float]]:
    """Start one fresh container of the image, run the flow in it, and measure."""

    def take() -> dict[str, float]:
        shutil.rmtree(folder, ignore_errors=True)
        prefix = copy_image(image, folder / "prefix")
        before = distributions(prefix)
        api = {"PREFECT_API_URL": f"http://127.0.0.1:{distance.port}/api"}
        environment = project.github.environment() | proxy.environment() | api
        container = Timed(prefix, folder / "home", environment)
        proxy.fetched = 0
        distance.trips.clear()
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        run = project.run(container)
        spent = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert run.state == "COMPLETED", run.output
        time.sleep(0.1)  # Let the proxy's last connections close.
        _, flow_run, _, logs = json.loads(run.everything)
        pulling, pulled = at(logs, "Running "), at(logs, "All deployment steps completed")
        greeted = at(logs, "Hello ")
        bounds = [container.began, supervised(distance, flow_run["id"]), pulling, pulled, greeted]
        trips = [
            sum(begin <= when < end for when, _ in distance.trips)
            for begin, end in pairwise(bounds)
        ]
        return {
            PULL: pulled - pulling,
            START: greeted - container.began,
            "CPU, s": spent.ru_utime + spent.ru_stime - used.ru_utime - used.ru_stime,
            "packages installed": len(distributions(prefix) - before),
            "fetched, MB": proxy.fetched / 1e6,
            TRIPS: sum(trips),
            **dict(zip(PHASES, trips, strict=True)),
        }

    return take


def supervised(distance: Distance, flow_run: str) -> float:
    """When the supervisor connects: it is the second process that reads the flow run."""
    read = f"GET /api/flow_runs/{flow_run} "
    _, second, *_ = (when for when, what in distance.trips if what.startswith(read))
    return max(when for when, what in distance.trips if what == "connect" and when < second)


def distributions(prefix: Path) -> set[str]:
    return {path.name for path in prefix.glob("**/*.dist-info")}


def at(logs: list[dict[str, Any]], beginning: str) -> float:
    (stamp,) = [log["timestamp"] for log in logs if log["message"].startswith(beginning)]
    return datetime.fromisoformat(stamp).timestamp()
