"""From the start of a container to the first line of the flow."""

import json
import resource
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks import projects
from benchmarks.proxy import Proxy, counting_proxy
from benchmarks.tables import interleave, ratio, show
from tests.e2e.container import Container, copy_image
from tests.e2e.engines import GitHub, PrefectServer, Project

TIMES = 5
TUTORIAL, OURS, LIMIT = "tutorial", "ours", "limit"
PULL, START = "pull steps, s", "start to first line, s"


def distributions(prefix: Path) -> set[str]:
    return {path.name for path in prefix.glob("**/*.dist-info")}


def sampler(
    project: Project, image: Path, folder: Path, token: str | None, proxy: Proxy | None = None
) -> Callable[[], dict[str, float]]:
    """Start one fresh container of the image, run the flow in it, and measure."""

    def take() -> dict[str, float]:
        shutil.rmtree(folder, ignore_errors=True)
        prefix = copy_image(image, folder / "prefix")
        before = distributions(prefix)
        environment = project.github.reachable(token)
        container = Container(prefix, folder / "home", environment)
        if proxy:
            container.environment |= proxy.environment()
            proxy.fetched = 0
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        started = datetime.now(UTC)
        run = project.run(container)
        spent = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert run.state == "COMPLETED", run.output
        time.sleep(0.1)  # Let the proxy's last connections close.
        logs = json.loads(run.everything)[-1]
        return {
            PULL: (
                at(logs, "All deployment steps completed") - at(logs, "Running ")
            ).total_seconds(),
            START: (at(logs, "Hello ") - started).total_seconds(),
            "CPU, s": spent.ru_utime + spent.ru_stime - used.ru_utime - used.ru_stime,
            "packages installed": len(distributions(prefix) - before),
            "fetched, MB": proxy.fetched / 1e6 if proxy else 0,
        }

    return take


def at(logs: list[dict], beginning: str) -> datetime:
    (stamp,) = [log["timestamp"] for log in logs if log["message"].startswith(beginning)]
    return datetime.fromisoformat(stamp)


def measure(folder: Path, server: PrefectServer, github: GitHub) -> None:
    ours = projects.render(folder / OURS, "acme/ours")
    renamed = {
        TUTORIAL: projects.as_the_tutorial_has_it(folder / TUTORIAL, ours),
        LIMIT: projects.baked_in(folder / LIMIT, ours),
    }
    for name, other in renamed.items():
        text = (other / "prefect.yaml").read_text()
        text = text.replace("acme/ours", f"acme/{name}").replace("ours-example", f"{name}-example")
        (other / "prefect.yaml").write_text(text)
    fresh = projects.image(folder / "fresh")
    month_ago = (datetime.now(UTC) - timedelta(days=70)).strftime("%Y-%m-%d")
    older = projects.image(folder / "older", before=month_ago)
    baked = projects.image(folder / "baked", project=ours)
    deployed = {
        name: projects.deployed(path, f"acme/{name}", server, github)
        for name, path in {OURS: ours, **renamed}.items()
    }
    deployed[OURS].save_token(github.token)
    for circumstance, image in (
        ("image as fresh as the lock", fresh),
        (f"image of {month_ago}", older),
    ):
        with counting_proxy() as proxy:
            variants = {
                name: sampler(
                    project,
                    baked if name == LIMIT else image,
                    folder / f"c-{name}",
                    github.token,
                    proxy,
                )
                for name, project in sorted(deployed.items(), reverse=True)
            }
            rows = interleave(variants, TIMES)
        show(
            f"Container start, {circumstance}",
            rows,
            f"Pull steps: ours {ratio(rows, OURS, TUTORIAL, PULL)} x the tutorial's. "
            f"Start to first line: ours {ratio(rows, OURS, LIMIT, START)} x the limit.",
        )
