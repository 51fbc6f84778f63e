"""From the start of a container to the first line of the flow."""

import json
import resource
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.projects import as_the_tutorial_has_it, baked_in, deployed, image, render
from benchmarks.proxy import Proxy, counting_proxy
from benchmarks.tables import interleave, ratio, show
from tests.stand_ins.container import Container, copy_image
from tests.stand_ins.github import GitHub
from tests.stand_ins.github_api import READ
from tests.stand_ins.project import Project
from tests.support.prefect_server import PrefectServer

TIMES = 5
TUTORIAL, OURS, LIMIT = "tutorial", "ours", "limit"
PULL, START = "pull steps, s", "start to first line, s"


def measure(folder: Path, server: PrefectServer, github: GitHub) -> None:
    ours = render(folder / "ours")
    made = {
        TUTORIAL: as_the_tutorial_has_it(folder / "tutorial", ours),
        OURS: ours,
        LIMIT: baked_in(folder / "limit", ours),
    }
    long_ago = (datetime.now(UTC) - timedelta(days=70)).strftime("%Y-%m-%d")
    older = image(folder / "image-older", before=long_ago)
    fresh = {
        TUTORIAL: image(folder / "image-tutorial", like=made[TUTORIAL]),
        OURS: image(folder / "image-ours", like=ours),
        LIMIT: image(folder / "image-limit", like=ours, baked=True),
    }
    projects = {name: deployed(path, server, github) for name, path in made.items()}
    projects[OURS].save_token(github.add_token(READ))
    for circumstance, images in (
        ("image as fresh as the lock", fresh),
        (f"image of {long_ago}", fresh | {TUTORIAL: older, OURS: older}),
    ):
        with counting_proxy() as proxy:
            variants = {
                name: sampler(project, images[name], folder / f"container-{name}", proxy)
                for name, project in projects.items()
            }
            rows = interleave(variants, TIMES)
        show(
            f"Container start, {circumstance}",
            rows,
            f"Pull steps: ours {ratio(rows, OURS, TUTORIAL, PULL)} x the tutorial's. "
            f"Start to first line: ours {ratio(rows, OURS, LIMIT, START)} x the limit.",
        )


def sampler(
    project: Project, image: Path, folder: Path, proxy: Proxy
) -> Callable[[], dict[str, float]]:
    """Start one fresh container of the image, run the flow in it, and measure."""

    def take() -> dict[str, float]:
        shutil.rmtree(folder, ignore_errors=True)
        prefix = copy_image(image, folder / "prefix")
        before = distributions(prefix)
        environment = project.github.environment() | proxy.environment()
        container = Container(prefix, folder / "home", environment)
        proxy.fetched = 0
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        started = datetime.now(UTC)
        run = project.run(container)
        spent = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert run.state == "COMPLETED", run.output
        time.sleep(0.1)  # Let the proxy's last connections close.
        logs = json.loads(run.everything)[-1]
        pulled = at(logs, "All deployment steps completed") - at(logs, "Running ")
        return {
            PULL: pulled.total_seconds(),
            START: (at(logs, "Hello ") - started).total_seconds(),
            "CPU, s": spent.ru_utime + spent.ru_stime - used.ru_utime - used.ru_stime,
            "packages installed": len(distributions(prefix) - before),
            "fetched, MB": proxy.fetched / 1e6,
        }

    return take


def distributions(prefix: Path) -> set[str]:
    return {path.name for path in prefix.glob("**/*.dist-info")}


def at(logs: list[dict[str, Any]], beginning: str) -> datetime:
    (stamp,) = [log["timestamp"] for log in logs if log["message"].startswith(beginning)]
    return datetime.fromisoformat(stamp)
