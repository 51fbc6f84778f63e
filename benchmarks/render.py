"""Rendering and updating, against the least that Copier takes."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.tables import interleave, ratio, show
from tests.support.copier import TUTORIAL, URL, copier, data, published
from tests.support.git import commit
from tests.support.repository import export

TIMES = 7
SECONDS = "s"


def floor(folder: Path) -> Path:
    """A template of one file, without questions."""
    (folder / "template").mkdir(parents=True)
    (folder / "copier.yml").write_text("_subdirectory: template\n")
    answers = "{{ _copier_answers | to_nice_yaml }}"
    (folder / "template/{{ _copier_conf.answers_file }}.jinja").write_text(answers)
    (folder / "template/file.txt").write_text("one\n")
    return folder


def release_twice(folder: Path, file: str) -> None:
    commit(folder, tag="v1.0.0")
    with (folder / "template" / file).open("a") as more:
        more.write("# more\n")
    commit(folder, tag="v1.1.0")


def samplers(
    template: Path, folder: Path, answers: dict[str, object]
) -> tuple[Callable[[], dict[str, float]], Callable[[], dict[str, float]]]:
    """Copy the newest release, and update a project from the one before."""
    environment = published(template)

    def timed(*arguments: str, cwd: Path | None = None) -> dict[str, float]:
        started = time.perf_counter()
        done = copier(*arguments, env=environment, cwd=cwd)
        spent = time.perf_counter() - started
        assert done.returncode == 0, done.stderr
        return {SECONDS: spent}

    def copy() -> dict[str, float]:
        shutil.rmtree(folder, ignore_errors=True)
        return timed("copy", "--defaults", *data(answers), URL, str(folder))

    def update() -> dict[str, float]:
        shutil.rmtree(folder, ignore_errors=True)
        timed("copy", "--defaults", "--vcs-ref", "v1.0.0", *data(answers), URL, str(folder))
        commit(folder)
        return timed("update", "--defaults", cwd=folder)

    return copy, update


def measure(folder: Path, *_: object) -> None:
    ours, least = export(folder / "template"), floor(folder / "floor")
    release_twice(ours, ".gitignore")
    release_twice(least, "file.txt")
    our_copy, our_update = samplers(ours, folder / "ours", TUTORIAL)
    least_copy, least_update = samplers(least, folder / "least", {})
    for title, variants in (
        ("copier copy", {"ours": our_copy, "floor": least_copy}),
        ("copier update", {"ours": our_update, "floor": least_update}),
    ):
        rows = interleave(variants, TIMES)
        show(f"Render: {title}", rows, f"Ours {ratio(rows, 'ours', 'floor', SECONDS)} x the floor.")
