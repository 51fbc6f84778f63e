"""`make doctor` says what this machine lacks: uv, a current lock file, the right Python."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tools.base.finding import Findings
from tools.base.project import Project
from tools.checks.machine import check_lock_file, check_python, check_template, check_uv

from tests.support.changes import append, edit
from tests.support.copier import TUTORIAL, URL, copier, data, published
from tests.support.git import commit, git
from tests.tools.conftest import findings, problems

HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"


@pytest.fixture
def on_this_python(project: Project) -> Project:
    (project.root / ".python-version").write_text(f"{HERE}\n")
    edit(project.root / "pyproject.toml", r"^requires-python = .*", f'requires-python = ">={HERE}"')
    edit(project.root / ".copier-answers.yml", r"python_version: .*", f"python_version: '{HERE}'")
    return project


def in_file(name: str, pattern: str, replacement: str) -> Callable[[Path], None]:
    return lambda folder: edit(folder / name, pattern, replacement)


PYTHONS: dict[str, tuple[Callable[[Path], None], str]] = {
    "another Python": (
        in_file(".python-version", r"^3\.\d+$", "3.99"),
        f"failed: .python-version is 3.99, but this is Python {HERE}. make setup",
    ),
    "a Python that the project does not take": (
        in_file(".python-version", r"^3\.\d+$", "3.9"),
        f"failed: .python-version is 3.9, but pyproject.toml requires >={HERE}. write a version in .python-version that pyproject.toml allows",
    ),
    "a range that is none": (
        in_file("pyproject.toml", r"^requires-python = .*", 'requires-python = "snake"'),
        "failed: Invalid specifier: 'snake'. name a version such as 3.12 in both files",
    ),
    "an answer that would bring another Python back": (
        in_file(".copier-answers.yml", r"python_version: .*", "python_version: '3.99'"),
        (
            f"failed: .python-version is {HERE}, but the answer is 3.99. "
            f"uvx copier update --data python_version={HERE}"
        ),
    ),
    "one patch release": (
        in_file(".python-version", r"^3\.\d+$", "3.12.4"),
        "failed: .python-version is 3.12.4, but containers may have another 3.12. write 3.12 in it",
    ),
    "a missing file": (
        lambda folder: (folder / ".python-version").unlink(), "skipped: .python-version is missing.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", PYTHONS)
def test_a_python_that_does_not_fit_is_named(on_this_python: Project, fault: str) -> None:
    assert problems(check_python, on_this_python) == []
    PYTHONS[fault][0](on_this_python.root)
    assert problems(check_python, Project(on_this_python.root)) == [PYTHONS[fault][1]]


@pytest.fixture
def fake_uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """A uv that prints one line and fails."""

    def install(script: str) -> None:
        (uv := tmp_path / "uv").write_text(f"#!/bin/sh\n{script}\n")
        uv.chmod(0o755)
        monkeypatch.setenv("UV", str(uv))

    return install


@pytest.mark.parametrize(
    ("check", "script", "expected"),
    [
        (check_uv, "echo uv 0.5.6", "failed: uv 0.5.6 is not <1,>=0.9. uv self update"),
        (check_uv, "exit 1", "failed: uv is missing. make setup"),
        (check_lock_file, "echo no network >&2; exit 2", "skipped: uv cannot check it offline: no network."),
    ],
)  # fmt: skip
def test_a_uv_that_does_not_fit_is_named(
    project: Project,
    fake_uv: Callable[[str], None],
    check: Callable[[Project], Findings],
    script: str,
    expected: str,
) -> None:
    fake_uv(script)
    assert problems(check, project) == [expected]


def test_a_build_backend_of_ones_own_says_nothing_about_uv(project: Project) -> None:
    edit(project.root / "pyproject.toml", r"^requires = .*", 'requires = ["hatchling", "cython"]')
    assert problems(check_uv, project) == []


def test_a_missing_lock_file_is_named(project: Project) -> None:
    assert problems(check_lock_file, project) == [
        "failed: it does not match pyproject.toml. uv lock"
    ]


def test_a_lock_file_that_git_ignores_is_named(project: Project) -> None:
    append(project.root / ".gitignore", "*.lock\n")
    git(project.root, "init", "--quiet")
    (problem,) = problems(check_lock_file, project)
    assert problem.startswith("failed: git ignores it, but containers install from it. ")


def test_a_newer_release_of_the_template_is_named(
    published_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    template = tmp_path / "template"
    environment = published(template, UV_CACHE_DIR=str(tmp_path))
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    # The installed Copier; uv would install another one.
    (uv := tmp_path / "uv").write_text('#!/bin/sh\nshift 4; exec copier "$@"\n')
    uv.chmod(0o755)
    monkeypatch.setenv("UV", str(uv))
    shutil.copytree(published_template, template)
    done = copier("copy", "--defaults", *data(TUTORIAL), URL, str(tmp_path / "p"), env=environment)
    assert done.returncode == 0, done.stderr
    project = Project(tmp_path / "p")
    (found,) = findings(check_template, project)
    assert found.text == "1.0.0 is the newest release"
    commit(template, tag="v99.0.0")
    assert problems(check_template, project) == [
        "failed: this is 1.0.0, the newest release is 99.0.0. make update"
    ]


def test_a_project_that_has_left_the_template_has_nothing_to_update(
    on_this_python: Project,
) -> None:
    (on_this_python.root / ".copier-answers.yml").unlink()
    assert problems(check_template, on_this_python) == []
    assert problems(check_python, on_this_python) == []
