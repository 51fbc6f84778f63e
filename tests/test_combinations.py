"""Every choice, and every combination of them, renders, parses, agrees and lints clean."""

import itertools
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from scripts.linters import lint
from tests.conftest import Renderer
from tests.support.pythons import OFFERED
from tests.support.repository import tree

SCHEDULES = [
    "hourly",
    "daily",
    "weekdays",
    "weekly",
    "monthly",
    "never",
    "0 12 * * *",
    "*/7 3 L * *",
]
COMBINATIONS = list(itertools.product([True, False], SCHEDULES, OFFERED))


@pytest.fixture(scope="session")
def projects(render: Renderer) -> dict[tuple, Path]:
    return {
        (private, schedule, python): render(
            private_repository=private, schedule=schedule, python_version=python
        ).project_dir
        for private, schedule, python in COMBINATIONS
    }


def test_they_all_lint_clean(projects: dict[tuple, Path], render: Renderer) -> None:
    pinned = [render(pin_commit=True, private_repository=private) for private in (True, False)]
    updated = [render(updates=updates) for updates in ("renovate", "none")]
    assert len(projects) == 64
    assert lint([*projects.values(), *(result.project_dir for result in pinned + updated)]) == []


@pytest.mark.parametrize(("private", "schedule", "python"), COMBINATIONS)
def test_their_files_agree(
    projects: dict[tuple, Path], private: bool, schedule: str, python: str
) -> None:
    project = projects[private, schedule, python]
    pyproject = tomllib.loads((project / "pyproject.toml").read_text())
    prefect_yaml = yaml.safe_load((project / "prefect.yaml").read_text())
    deploy = yaml.safe_load((project / ".github/workflows/prefect_cd.yaml").read_text())
    readme = (project / "README.md").read_text()
    clone = prefect_yaml["pull"][1]["prefect.deployments.steps.git_clone"]
    (deployment,) = prefect_yaml["deployments"]
    package = pyproject["tool"]["uv"]["build-backend"]["module-name"]

    assert pyproject["project"]["requires-python"] == f">={python}"
    assert (project / ".python-version").read_text() == f"{python}\n"
    assert f"Python {python}" in readme

    assert [path.name for path in (project / "src").iterdir()] == [package]
    assert deployment["entrypoint"].split(".")[0] == package
    assert f"\nFLOW := {package}.flows.flow1\n" in (project / "Makefile").read_text()
    assert (
        f"from {package}.flows.flow1 import main" in (project / "tests/test_flow1.py").read_text()
    )

    assert f"{clone['repository']}/settings/secrets/actions" in readme
    assert deploy[True]["push"]["branches"] == [clone["branch"]]
    assert deployment["work_pool"]["name"] in readme

    assert deployment["description"].removeprefix("Runs on Modal ") in readme
    assert deployment["paused"] is (schedule == "never")


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_public_repository_has_no_credentials_at_all(
    projects: dict[tuple, Path], schedule: str
) -> None:
    private, public = (tree(projects[p, schedule, "3.12"]) for p in (True, False))
    words = re.compile(
        rb"github.?credential|^ +credentials:|prefect.github|github.token|fine-grained",
        re.IGNORECASE | re.MULTILINE,
    )
    found = {name for name, content in public.items() if words.search(content)}
    # The workflows have credentials of their own, and the tool is the same in every project.
    assert {name.rpartition("/")[0] for name in found} == {".github/workflows", "tools"}
    changed = {name for name in private if private[name] != public[name]}
    assert changed == {".copier-answers.yml", "README.md", "prefect.yaml", "pyproject.toml"}
