"""Measure copies and updates, compared with Copier's minimum."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.tables import interleave, show
from tests.support.copier import TUTORIAL, URL, copier, data, published
from tests.support.git import commit
from tests.support.repository import export

TIMES = 7


def measure(folder: Path, *_: object) -> None:
    ours, least = export(folder / "template"), least_template(folder / "least-template")
    variants = {
        "ours": sampler(ours, folder / "ours", TUTORIAL),
        "floor": sampler(least, folder / "least", {}),
    }
    show("Render", interleave(variants, TIMES))


def least_template(folder: Path) -> Path:
    """A template of one file, without questions."""
    (folder / "template").mkdir(parents=True)
    (folder / "copier.yml").write_text("_subdirectory: template\n")
    answers = "{{ _copier_answers | to_nice_yaml }}"
    (folder / "template/{{ _copier_conf.answers_file }}.jinja").write_text(answers)
    (folder / "template/.gitignore").write_text("one\n")
    return folder


def sampler(
    template: Path, folder: Path, answers: dict[str, str]
) -> Callable[[], dict[str, float]]:
    """Copy a release, and update the project to the next one, which adds a line to a file."""
    commit(template, tag="v1.0.0")
    with (template / "template/.gitignore").open("a") as more:
        more.write("# more\n")
    commit(template, tag="v1.1.0")
    environment = published(template)

    def timed(*arguments: str, cwd: Path | None = None) -> float:
        started = time.perf_counter()
        done = copier(*arguments, env=environment, cwd=cwd)
        assert done.returncode == 0, done.stderr
        return time.perf_counter() - started

    def take() -> dict[str, float]:
        shutil.rmtree(folder, ignore_errors=True)
        options = ["--defaults", "--vcs-ref", "v1.0.0", *data(answers)]
        copied = timed("copy", *options, URL, str(folder))
        commit(folder)
        return {
            "copier copy, s": copied,
            "copier update, s": timed("update", "--defaults", cwd=folder),
        }

    return take
