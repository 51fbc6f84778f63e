"""The `job_variables` decide which container a run gets, and for how long."""

import json
import shutil
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from tools.base.project import Project as Files
from tools.checks.job_variables import check_images

from tests.e2e.conftest import StartProject
from tests.e2e.test_installing_into_a_container import installed
from tests.stand_ins.project import Project, Run
from tests.support.changes import append, edit
from tests.support.prefect_server import PrefectServer
from tests.support.pythons import interpreters
from tests.tools.conftest import problems
from tests.tools.test_job_variables import FAULTS

pytestmark = [pytest.mark.e2e, pytest.mark.long]

SECOND = 0.04
"""The real duration of a second in Modal's timeouts and in the flow."""
OTHERS = """
  - name: shares-everything
    entrypoint: prefect_modal.flows.flow1:main
    work_pool: *modal
  - name: has-a-gpu
    entrypoint: prefect_modal.flows.flow1:main
    work_pool:
      <<: *modal
      job_variables:
        <<: *job_variables
        gpu: A10G
"""


def test_prefect_refuses_what_doctor_finds_and_ignores_the_rest(
    prefect_server: PrefectServer, tutorial: Path, tmp_path: Path
) -> None:
    prefect_server.create_push_pool("typed")
    flow = prefect_server.post("flows/", name="typed")["id"]
    there = prefect_server.post("deployments/", name="there", flow_id=flow)["id"]
    taken = {}
    for fault, (change, check, _) in FAULTS.items():
        if check == "Job variables":
            prefect_yaml = Path(shutil.copy(tutorial / "prefect.yaml", tmp_path))
            edit(prefect_yaml, *change)
            (described,) = yaml.safe_load(prefect_yaml.read_text())["deployments"]
            # As Prefect's client sends them, which turns a date into text.
            variables = json.loads(json.dumps(described["work_pool"]["job_variables"], default=str))
            asked = {"work_pool_name": "typed", "job_variables": variables}
            named = {"name": "new", "flow_id": flow}
            new = prefect_server.ask("POST", "deployments/", named | asked)
            again = prefect_server.ask("PATCH", f"deployments/{there}", asked)
            if (new.status_code, again.status_code) != (422, 409):
                assert new.is_success, new.text
                assert again.is_success, again.text
                taken[fault] = variables
    ignored = taken.pop("a variable that there is not")
    assert ignored["cpus"] == 2
    as_text = taken.pop("a date in the environment")
    assert as_text["env"]["DAY"] == "2026-11-25"
    assert taken == {}


# What a container is made of.


@pytest.fixture(scope="module")
def project(start_project: StartProject) -> Project:
    """A project with one more dependency, built into the image, whose flow takes 301 seconds."""
    project = start_project(private_repository=False, bake=True)
    edit(project.folder / "pyproject.toml", r'\["prefect"\]', '["prefect", "humanize"]')
    flow = project.folder / "src/prefect_modal/flows/flow1.py"
    edit(flow, r"^    run_my_flow\(name\)", f"    __import__('time').sleep({301 * SECOND})")
    append(project.folder / "prefect.yaml", OTHERS)
    (project.folder / "uv.lock").unlink()
    done = project.make("uv.lock")
    assert done.returncode == 0, done.stdout
    project.push()
    project.deploy()
    return project


def test_every_deployment_shares_what_the_first_one_has(project: Project) -> None:
    first = project.deployment()["job_variables"]
    assert first.keys() == {"image", "pip_packages", "timeout", "env"}
    found = project.server.deployment("shares-everything")["job_variables"]
    assert found == first
    assert project.server.deployment("has-a-gpu")["job_variables"] == first | {"gpu": "A10G"}


@dataclass
class Start:
    """A run, and what its container had installed before it, and after."""

    run: Run
    before: dict[str, str]
    after: dict[str, str]


@pytest.fixture(scope="module")
def started(project: Project) -> Start:
    container = project.start_container()
    container.second = SECOND
    before = installed(container.prefix)
    return Start(project.run(container), before, installed(container.prefix))


def test_baked_dependencies_are_in_the_image_and_a_start_installs_nothing_but_the_project(
    project: Project, started: Start
) -> None:
    lock = tomllib.loads((project.folder / "uv.lock").read_text())
    locked = {package["name"]: package["version"] for package in lock["package"]}
    baked = dict(each.split("==") for each in project.deployment()["job_variables"]["pip_packages"])
    assert {"prefect", "humanize"} <= baked.keys()
    assert not {"modal", "pytest", "ruff", "prefect-modal"} & baked.keys()
    assert baked.items() <= locked.items()

    assert started.run.state == "COMPLETED", started.run.output
    assert baked.items() <= started.before.items()
    assert started.after.items() - started.before.items() == {("prefect-modal", "0.1.0")}


# How long it runs.


def set_job_variables(project: Project, variables: dict[str, Any]) -> None:
    """Change them on the server, as a deploy would."""
    path = f"deployments/{project.deployment()['id']}"
    project.server.ask("PATCH", path, {"job_variables": variables}).raise_for_status()


def test_a_run_of_301_seconds_is_killed_by_the_pools_default_and_ends_under_ours(
    project: Project, started: Start
) -> None:
    assert started.run.state == "COMPLETED", started.run.output
    variables = project.deployment()["job_variables"]
    set_job_variables(project, {n: v for n, v in variables.items() if n != "timeout"})
    container = project.start_container()
    container.second = SECOND
    began = time.monotonic()
    run = project.run(container)
    set_job_variables(project, variables)
    assert run.state in ("PENDING", "RUNNING")
    assert 300 * SECOND <= time.monotonic() - began < 301 * SECOND + 5


# What does not fit.


def test_the_default_image_has_another_python_which_doctor_says_before_the_run_crashes(
    project: Project, newest_python: tuple[str, str]
) -> None:
    version, _ = newest_python
    needed = "Install Python 3.12 and a newer one: see CONTRIBUTING.md"
    assert "3.12" in interpreters(), needed
    assert version != "3.12", needed
    variables = project.deployment()["job_variables"]
    without = {n: v for n, v in variables.items() if n not in ("image", "pip_packages")}
    set_job_variables(project, without)
    run = project.run()
    set_job_variables(project, variables)
    assert run.state == "CRASHED"
    assert f"No interpreter found for Python {version}" in run.output

    edit(project.folder / "prefect.yaml", r"^ +image:\n +tag: .*\n", "")
    found, *_ = problems(check_images, Files(project.folder))
    assert f"the default image has Python 3.12, not {version}" in found
