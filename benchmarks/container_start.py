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
from tests.stand_ins.container import Container, copy_image
from tests.stand_ins.github import GitHub
from tests.stand_ins.github_api import READ
from tests.stand_ins.project import Project
from tests.support.prefect_server import PrefectServer

TIMES = 5
TUTORIAL, OURS, COMPILED, LIMIT = "tutorial", "ours", "ours, compiled", "limit"
PULL, START = "pull steps, s", "start to first line, s"


def distributions(prefix: Path) -> set[str]:
    return {path.name for path in prefix.glob("**/*.dist-info")}


def sampler(
    project: Project, image: Path, folder: Path, proxy: Proxy | None = None
) -> Callable[[], dict[str, float]]:
    """Start one fresh container of the image, run the flow in it, and measure."""

    def take() -> dict[str, float]:
        shutil.rmtree(folder, ignore_errors=True)
        prefix = copy_image(image, folder / "prefix")
        before = distributions(prefix)
        environment = project.github.environment()
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
    ours = projects.render(folder / "ours", "acme/ours")
    made = {
        TUTORIAL: projects.as_the_tutorial_has_it(folder / "tutorial", ours),
        COMPILED: projects.with_compiled_modules(folder / "compiled", ours),
        LIMIT: projects.baked_in(folder / "limit", ours),
    }
    for other in made.values():
        text = (other / "prefect.yaml").read_text()
        text = text.replace("acme/ours", f"acme/{other.name}")
        text = text.replace("ours-example", f"{other.name}-example")
        (other / "prefect.yaml").write_text(text)
    made = {TUTORIAL: made[TUTORIAL], OURS: ours, COMPILED: made[COMPILED], LIMIT: made[LIMIT]}
    long_ago = (datetime.now(UTC) - timedelta(days=70)).strftime("%Y-%m-%d")
    older = projects.image(folder / "image-older", before=long_ago)
    ours_fresh = projects.image(folder / "image-ours", like=ours)
    fresh = {
        TUTORIAL: projects.image(folder / "image-tutorial", like=made[TUTORIAL]),
        OURS: ours_fresh,
        COMPILED: ours_fresh,
        LIMIT: projects.image(folder / "image-baked", like=ours, baked=True),
    }
    deployed = {
        name: projects.deployed(path, f"acme/{path.name}", server, github)
        for name, path in made.items()
    }
    deployed[OURS].save_token(github.add_token(READ))
    for circumstance, images in (
        ("image as fresh as the lock", fresh),
        (f"image of {long_ago}", dict.fromkeys(made, older) | {LIMIT: fresh[LIMIT]}),
    ):
        with counting_proxy() as proxy:
            variants = {
                name: sampler(
                    project,
                    images[name],
                    folder / f"container-{project.folder.name}",
                    proxy,
                )
                for name, project in deployed.items()
            }
            rows = interleave(variants, TIMES)
        show(
            f"Container start, {circumstance}",
            rows,
            f"Pull steps: ours {ratio(rows, OURS, TUTORIAL, PULL)} x the tutorial's. "
            f"Start to first line: ours {ratio(rows, OURS, LIMIT, START)} x the limit.",
        )
