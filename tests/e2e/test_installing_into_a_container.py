"""A container installs the lock file, keeps its other packages, and reports what it lacks."""

import json
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.utils import canonicalize_name

from tests.e2e.conftest import StartProject
from tests.stand_ins.container import Container, Done, install
from tests.stand_ins.project import Project
from tests.support.changes import edit
from tests.support.environment import clean_environment
from tests.support.git import git

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def project(start_project: StartProject) -> Project:
    """A public project, deployed, whose runs execute what is on the branch."""
    project = start_project(private_repository=False, pin_commit=False)
    project.deploy()
    return project


def installed(prefix: Path) -> dict[str, str]:
    """What pip lists in an image: versions by name."""
    command = [str(prefix / "bin/python"), "-m", "pip", "list", "--format", "json"]
    listed = json.loads(subprocess.check_output(command, stderr=subprocess.DEVNULL))
    return {str(canonicalize_name(each["name"])): each["version"] for each in listed}


def uninstall(prefix: Path, *names: str) -> None:
    command = ["uv", "pip", "uninstall", "--quiet", "--python", str(prefix / "bin/python"), *names]
    subprocess.run(command, check=True, env=clean_environment())


@pytest.mark.long
def test_every_version_is_the_locks_and_the_rest_of_the_image_stays(project: Project) -> None:
    container = project.start_container()
    install(container.prefix, ["idna<3.10"])
    before = installed(container.prefix)
    run = project.run(container)
    assert run.state == "COMPLETED", run.output
    after = installed(container.prefix)

    lock = tomllib.loads((project.folder / "uv.lock").read_text())
    locked = {package["name"]: package["version"] for package in lock["package"]}
    assert before["idna"] != after["idna"] == locked["idna"]
    assert {n: v for n, v in after.items() if locked.get(n, v) != v} == {}
    assert before["cowsay"] == after["cowsay"]
    assert "cowsay" not in locked
    assert before.keys() <= after.keys()
    assert after.keys() - before.keys() == {"prefect-modal"}


def test_a_stale_lock_file_crashes_the_run_and_the_container_says_why(project: Project) -> None:
    edit(project.folder / "pyproject.toml", "prefect>=3.8", "prefect>=3.7")
    project.push()
    run = project.run()
    git(project.folder, "revert", "--no-edit", "HEAD")
    project.push()
    assert run.state == "CRASHED"
    steps = [log for log in run.logs if "deployment step: " in log]
    assert steps[-1] == "Executing deployment step: run_shell_script"
    assert "The lockfile at `uv.lock` needs to be updated" in run.output
    ((_, text, _),) = project.last_run()
    assert text.endswith(" crashed in the pull step run_shell_script")


# The step's output shows what else a container lacks.


def install_project(
    project: Project, container: Container, env: dict[str, str] | None = None, python: str = ""
) -> Done:
    """Execute the install step in a clone of the project, which may ask for another Python."""
    described = yaml.safe_load((project.folder / "prefect.yaml").read_text())
    step = described["pull"][-1]["prefect.deployments.steps.run_shell_script"]
    job_variables = described["deployments"][0]["work_pool"]["job_variables"]
    if env is not None:
        job_variables["env"] = env
    clone = shutil.copytree(project.folder, container.home / "clone")
    if python:
        (clone / ".python-version").write_text(f"{python}\n")
    return container.execute_script(step["script"], clone, job_variables)


def test_a_container_without_uv_gets_it(project: Project) -> None:
    container = project.start_container()
    uninstall(container.prefix, "uv")
    done = install_project(project, container)
    assert done.returncode == 0, done.stdout
    assert {"uv", "prefect-modal"} <= installed(container.prefix).keys()


def test_a_container_with_neither_uv_nor_pip_says_so(project: Project) -> None:
    container = project.start_container()
    uninstall(container.prefix, "pip", "uv")
    done = install_project(project, container)
    assert done.returncode != 0
    assert "Add uv to the image: it has neither uv nor pip." in done.stdout


def test_a_container_that_does_not_name_its_python_says_so(project: Project) -> None:
    done = install_project(project, project.start_container(), env={})
    assert done.returncode != 0
    assert "Set UV_PROJECT_ENVIRONMENT to /usr/local under job_variables." in done.stdout
