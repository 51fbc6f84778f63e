"""A project that stays on Prefect 3.8 keeps working; all other tests have the newest Prefect."""

import shutil
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Renderer
from tests.support.environment import clean_environment
from tests.support.git import commit, git
from tests.support.prefect_server import PrefectServer

pytestmark = [pytest.mark.e2e, pytest.mark.long]
OLD = "3.8.8"


def test_a_project_on_prefect_3_8_is_tested_deployed_and_diagnosed(
    render: Renderer,
    run_make: Callable[..., subprocess.CompletedProcess[str]],
    newest_python: tuple[str, str],
    prefect_server: PrefectServer,
    tmp_path: Path,
) -> None:
    version, python = newest_python
    rendered = render(repo_url="acme/on-3.8", python_version=version)
    project = shutil.copytree(rendered, tmp_path / "project")
    env = prefect_server.environment() | {"UV_PYTHON": python, "COLUMNS": "200"}
    lock = ["uv", "lock", "--quiet", "--upgrade-package", f"prefect=={OLD}"]
    subprocess.run(lock, cwd=project, env=clean_environment(UV_PYTHON=python), check=True)
    commit(project)
    git(project, "update-ref", "refs/remotes/origin/main", "HEAD")  # As if it were pushed.

    done = run_make(project, "test", env=env)
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout

    assert prefect_server.create_push_pool("pref-modal-pool").status_code in (201, 409)
    done = run_make(project, "prefect-deploy", env=env)
    assert done.returncode == 0, done.stdout
    deployed = prefect_server.deployment("acme-on-3.8-example")
    assert [schedule["active"] for schedule in deployed["schedules"]] == [True]

    # It reads prefect.yaml with a part of Prefect that is not public.
    assert "Prefect knows every key" in run_make(project, "doctor", env=env).stdout

    # So does what deploys without a work pool.
    rendered = render(repo_url="acme/on-3.8", python_version=version, runner="app")
    shutil.copytree(rendered, project, dirs_exist_ok=True)
    subprocess.run(lock, cwd=project, env=clean_environment(UV_PYTHON=python), check=True)
    done = run_make(project, "check", env=env)
    assert "14 passed" in done.stdout, done.stdout

    locked = tomllib.loads((project / "uv.lock").read_text())["package"]
    assert [p["version"] for p in locked if p["name"] == "prefect"] == [OLD]
    assert prefect_server.get("admin/version") != OLD
