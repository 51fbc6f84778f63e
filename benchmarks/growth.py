"""What grows with the number of deployments, and with the size of the package."""

import shutil
import time
from pathlib import Path

import yaml

from benchmarks import projects
from benchmarks.container_start import PULL, START, sampler
from benchmarks.tables import interleave, show
from tests.stand_ins.github import GitHub
from tests.support.prefect_server import PrefectServer

TIMES = 3


def measure(folder: Path, server: PrefectServer, github: GitHub) -> None:
    base = projects.render(folder / "base", "acme/growth", private_repository=False)
    projects.deployed(base, "acme/growth", server, github)
    described = yaml.safe_load((base / "prefect.yaml").read_text())
    (deployment,) = described["deployments"]

    def deploy(count: int):
        many = [deployment | {"name": f"growth-{count}-{number}"} for number in range(count)]
        file = base / f"prefect-{count}.yaml"
        file.write_text(yaml.safe_dump(described | {"deployments": many}, sort_keys=False))

        def take() -> dict[str, float]:
            started = time.perf_counter()
            projects.shell(
                base, "uv", "run", "--no-default-groups", "prefect", "--no-prompt",
                "deploy", "--prefect-file", file.name, "--all", **server.environment(),
            )  # fmt: skip
            spent = time.perf_counter() - started
            return {"deploy, s": spent, "each, s": spent / count}

        return take

    show(
        "Growth: prefect deploy",
        interleave({f"{count} deployments": deploy(count) for count in (1, 10, 50)}, TIMES),
    )

    image = projects.image(folder / "image")
    github.public |= {f"acme/modules{modules}" for modules in (0, 100, 1000)}
    variants = {}
    for modules in (0, 100, 1000):
        name = f"modules{modules}"
        source = folder / name
        shutil.copytree(base, source, ignore=shutil.ignore_patterns(".git", ".venv"))
        package = source / "src/prefect_modal/more"
        package.mkdir()
        for number in range(modules):
            body = "".join(f"def function_{n}() -> int:\n    return {n}\n\n\n" for n in range(50))
            (package / f"module_{number}.py").write_text(body)
        text = (source / "prefect.yaml").read_text().replace("growth", name)
        (source / "prefect.yaml").write_text(text)
        grown = projects.deployed(source, f"acme/{name}", server, github)
        variants[f"{modules} more modules"] = sampler(grown, image, folder / f"c-{name}")
    rows = interleave(variants, TIMES)
    show(
        "Growth: container start",
        {name: {column: row[column] for column in (PULL, START)} for name, row in rows.items()},
    )
