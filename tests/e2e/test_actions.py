"""The rendered workflows, unmodified, do their work on a real runner of GitHub Actions: act."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.stand_ins.actions import run_workflow
from tests.stand_ins.prefect_cloud import PrefectCloud
from tests.stand_ins.project import Project
from tests.support.environment import UV_CACHE, clean_environment
from tests.support.git import commit

pytestmark = pytest.mark.e2e
Act = Callable[..., subprocess.CompletedProcess[str]]

# act emulates actions/checkout; setup-uv would download uv, which is on the path already.
STUB = """
name: uv is here already
runs:
  using: composite
  steps:
    - run: uv --version
      shell: sh
"""


@pytest.fixture
def act(tmp_path: Path, newest_python: tuple[str, str]) -> Act:
    """Run the workflow of an event, on a runner that has uv."""
    (stub := tmp_path / "setup-uv").mkdir()
    (stub / "action.yml").write_text(STUB)

    def run(
        folder: Path, event: str, workflow: str, secrets: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        text = (folder / ".github/workflows" / workflow).read_text()
        (action,) = set(re.findall(r"astral-sh/setup-uv@\w+", text))
        environment = clean_environment(
            HOME=str(tmp_path / "home"),
            XDG_CACHE_HOME=str(tmp_path / "home/.cache"),
            UV_CACHE_DIR=str(UV_CACHE),
            UV_PYTHON=newest_python[1],
            PREFECT_HOME=str(tmp_path / "home/.prefect"),
        )
        stubbed = f"--local-repository={action}={stub}"
        return run_workflow(folder, event, workflow, environment, secrets or {}, stubbed)

    return run


@pytest.fixture
def project(start_project: Callable[..., Project]) -> Project:
    return start_project()


@pytest.mark.parametrize("pin", [False, True])
def test_a_push_deploys(
    start_project: Callable[..., Project], act: Act, prefect_cloud: PrefectCloud, pin: bool
) -> None:
    project = start_project(pin_commit=pin)
    pushed = project.push()
    secrets = {"PREFECT_API_URL": prefect_cloud.url, "PREFECT_API_KEY": "another-key"}
    done = act(project.folder, "push", "prefect_cd.yaml", secrets)
    assert done.returncode != 0
    secrets["PREFECT_API_KEY"] = prefect_cloud.key
    done = act(project.folder, "push", "prefect_cd.yaml", secrets)
    assert done.returncode == 0, done.stdout
    deployment = project.deployment()
    assert deployment["version"] == pushed
    clone = deployment["pull_steps"][1]["prefect.deployments.steps.git_clone"]
    assert (clone.get("commit_sha") == pushed) is pin
    assert prefect_cloud.key not in done.stdout


def test_a_push_without_secrets_fails_at_once_and_names_them(project: Project, act: Act) -> None:
    done = act(project.folder, "push", "prefect_cd.yaml")
    assert done.returncode != 0
    assert "The secret PREFECT_API_URL is missing. Add it at" in done.stdout
    assert "The secret PREFECT_API_KEY is missing. Add it at" in done.stdout
    assert "Check out" not in done.stdout


def test_a_push_without_a_lock_file_deploys_nothing(project: Project, act: Act) -> None:
    (project.folder / "uv.lock").unlink()
    commit(project.folder)
    secrets = {"PREFECT_API_URL": project.server.url, "PREFECT_API_KEY": os.urandom(8).hex()}
    done = act(project.folder, "push", "prefect_cd.yaml", secrets)
    assert done.returncode != 0
    assert "Unable to find lockfile" in done.stdout


def test_a_pull_request_is_linted_and_tested(project: Project, act: Act) -> None:
    done = act(project.folder, "pull_request", "ci.yaml")
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout
    assert "All checks passed!" in done.stdout


def test_a_failing_test_fails_the_pull_request(project: Project, act: Act) -> None:
    flow = project.folder / "src/prefect_modal/flows/flow1.py"
    flow.write_text(flow.read_text().replace("Hello {name}", "Welcome {name}"))
    commit(project.folder)
    done = act(project.folder, "pull_request", "ci.yaml")
    assert done.returncode != 0
    assert "2 failed" in done.stdout


def test_a_conflict_marker_fails_the_pull_request(project: Project, act: Act) -> None:
    readme = project.folder / "README.md"
    readme.write_text(f"{'<' * 7} before updating\n{readme.read_text()}")
    commit(project.folder)
    done = act(project.folder, "pull_request", "ci.yaml")
    assert done.returncode != 0
    assert "Resolve the conflicts that are named above" in done.stdout
