"""Measure fifty projects, generated and checked one after the other, each with its environment."""

import shutil
import time
from pathlib import Path
from statistics import median

from benchmarks.projects import VERSION, shell
from benchmarks.tables import show
from tests.support.copier import URL, data, published
from tests.support.git import commit
from tests.support.repository import export

COUNT = 50


def measure(folder: Path, *_: object) -> None:
    template = export(folder / "template")
    commit(template, tag="v1.0.0")
    environment = published(template)
    spent: dict[str, list[float]] = {"copier copy": [], "uv lock": [], "make check": []}
    for number in range(COUNT):
        project = folder / f"project-{number}"
        answers = {"repo_url": f"acme/{project.name}", "python_version": VERSION}
        copy = ["copy", "--quiet", "--defaults", *data(answers)]
        steps = (
            (folder, ["copier", *copy, URL, str(project)]),
            (project, ["uv", "lock", "--quiet"]),
            (project, ["make", "check"]),
        )
        for times, (place, command) in zip(spent.values(), steps, strict=True):
            started = time.perf_counter()
            shell(place, *command, **environment)
            times.append(time.perf_counter() - started)
        shutil.rmtree(project)
    rows = {
        name: {"the first, s": times[0], "each, s": median(times), "all, s": sum(times)}
        for name, times in spent.items()
    }
    show("Fifty projects", rows)
