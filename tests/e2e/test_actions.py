"""The rendered workflows, unmodified, do their work on a real runner of GitHub Actions: act."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.conftest import StartProject
from tests.stand_ins.actions import Done, run_workflow
from tests.stand_ins.prefect_cloud import PrefectCloud
from tests.stand_ins.project import Project
from tests.support.changes import edit
from tests.support.environment import UV_CACHE, clean_environment
from tests.support.git import commit, git

pytestmark = pytest.mark.e2e
Act = Callable[..., Done]

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
def act(tmp_path: Path, newest_python: tuple[str, str], environments: Path) -> Act:
    """Run the workflow of an event, on a runner that has uv."""
    (stub := tmp_path / "setup-uv").mkdir()
    (stub / "action.yml").write_text(STUB)

    def run(folder: Path, event: str, workflow: str, secrets: dict[str, str] | None = None) -> Done:
        text = (folder / ".github/workflows" / workflow).read_text()
        (action,) = set(re.findall(r"astral-sh/setup-uv@\w+", text))
        environment = clean_environment(
            HOME=str(tmp_path / "home"),
            XDG_CACHE_HOME=str(tmp_path / "home/.cache"),
            UV_CACHE_DIR=str(UV_CACHE),
            UV_PYTHON=newest_python[1],
            UV_PROJECT_ENVIRONMENT=str(environments / newest_python[0]),
            PREFECT_HOME=str(tmp_path / "home/.prefect"),
        )
        stubbed = f"--local-repository={action}={stub}"
        return run_workflow(folder, event, workflow, environment, secrets or {}, stubbed)

    return run


@pytest.fixture(scope="module")
def project(start_project: StartProject) -> Project:
    return start_project(pin_commit=True)


@pytest.fixture
def checkout(project: Project, tmp_path: Path) -> Path:
    """What was pushed; a test may change it."""
    return shutil.copytree(project.folder, tmp_path / "checkout")


def test_a_push_deploys_with_the_right_key(
    project: Project, checkout: Path, act: Act, prefect_cloud: PrefectCloud
) -> None:
    secrets = {"PREFECT_API_URL": prefect_cloud.url, "PREFECT_API_KEY": "another-key"}
    done = act(checkout, "push", "prefect_cd.yaml", secrets)
    assert done.returncode != 0
    secrets["PREFECT_API_KEY"] = prefect_cloud.key
    done = act(checkout, "push", "prefect_cd.yaml", secrets)
    assert done.returncode == 0, done.stdout
    deployment = project.deployment()
    pushed = git(project.folder, "rev-parse", "HEAD")
    clone = deployment["pull_steps"][0]["prefect.deployments.steps.git_clone"]
    assert deployment["version"] == clone["commit_sha"] == pushed
    assert prefect_cloud.key not in done.stdout


def test_a_push_without_secrets_fails_at_once_and_names_them(checkout: Path, act: Act) -> None:
    done = act(checkout, "push", "prefect_cd.yaml")
    assert done.returncode != 0
    assert "The secret PREFECT_API_URL is missing. Add it at" in done.stdout
    assert "The secret PREFECT_API_KEY is missing. Add it at" in done.stdout
    assert "Check out" not in done.stdout


def test_a_push_without_a_lock_file_deploys_nothing(checkout: Path, act: Act) -> None:
    (checkout / "uv.lock").unlink()
    commit(checkout)
    secrets = {"PREFECT_API_URL": "http://127.0.0.1:9/api", "PREFECT_API_KEY": "key"}
    done = act(checkout, "push", "prefect_cd.yaml", secrets)
    assert done.returncode != 0
    assert "Unable to find lockfile" in done.stdout


def test_a_pull_request_is_linted_and_tested(checkout: Path, act: Act) -> None:
    done = act(checkout, "pull_request", "ci.yaml")
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout
    assert "All checks passed!" in done.stdout


def test_a_failing_test_fails_the_pull_request(checkout: Path, act: Act) -> None:
    (checkout / "tests/test_flow1.py").write_text("def test_it() -> None:\n    assert False\n")
    commit(checkout)
    done = act(checkout, "pull_request", "ci.yaml")
    assert done.returncode != 0
    assert "All checks passed!" in done.stdout
    assert "1 failed" in done.stdout


def test_a_conflict_marker_fails_the_pull_request(checkout: Path, act: Act) -> None:
    edit(checkout / "README.md", r"\A", f"{'<' * 7} before updating\n")
    commit(checkout)
    done = act(checkout, "pull_request", "ci.yaml")
    assert done.returncode != 0
    assert "Resolve the conflicts that are named above" in done.stdout
