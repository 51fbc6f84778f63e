"""A container gets what the lock file says, keeps what it had, and says what is wrong with it."""

import json
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.stand_ins.container import Container, copy_image, install
from tests.stand_ins.project import Project
from tests.support.environment import clean_environment
from tests.support.pythons import interpreters

pytestmark = pytest.mark.e2e
Start = Callable[..., Project]


@pytest.fixture
def project(start_project: Start) -> Project:
    """A public project, deployed."""
    project = start_project(private_repository=False)
    project.deploy()
    return project


def installed(prefix: Path) -> dict[str, str]:
    """What pip lists in an image: versions by name."""
    command = [prefix / "bin/python", "-m", "pip", "list", "--format", "json"]
    listed = json.loads(subprocess.check_output(command, stderr=subprocess.DEVNULL))
    return {package["name"].lower().replace("_", "-"): package["version"] for package in listed}


def uninstall(prefix: Path, *names: str) -> None:
    command = ["uv", "pip", "uninstall", "--quiet", "--python", prefix / "bin/python", *names]
    subprocess.run(command, check=True, env=clean_environment())


def test_every_version_is_the_locks_and_the_rest_of_the_image_stays(project: Project) -> None:
    container = project.start_container(token=None)
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


def test_a_stale_lock_file_says_so(project: Project) -> None:
    pyproject = project.folder / "pyproject.toml"
    pyproject.write_text(pyproject.read_text().replace("prefect>=3.8", "prefect>=3.7"))
    project.push()
    run = project.run(project.start_container(token=None))
    assert run.state == "CRASHED"
    (reason,) = [log for log in run.logs if "Push a uv.lock that is current (make setup)" in log]
    assert "The lockfile at `uv.lock` needs to be updated" in reason


def test_a_container_without_uv_gets_it(project: Project) -> None:
    container = project.start_container(token=None)
    uninstall(container.prefix, "uv")
    run = project.run(container)
    assert run.state == "COMPLETED", run.output
    assert "uv" in installed(container.prefix)


def test_a_container_with_neither_uv_nor_pip_says_so(project: Project) -> None:
    container = project.start_container(token=None)
    uninstall(container.prefix, "pip", "uv")
    run = project.run(container)
    assert run.state == "CRASHED"
    advice = "Add uv to the image: it has neither uv nor pip."
    assert any(advice in log for log in run.logs)


def test_a_container_that_does_not_name_its_python_says_so(project: Project) -> None:
    prefect_yaml = project.folder / "prefect.yaml"
    text = prefect_yaml.read_text()
    prefect_yaml.write_text(text.replace("UV_PROJECT_ENVIRONMENT: /", "OTHER: /"))
    project.push()
    project.deploy()
    run = project.run(project.start_container(token=None))
    assert run.state == "CRASHED"
    advice = "Set UV_PROJECT_ENVIRONMENT to /usr/local under job_variables."
    assert any(advice in log for log in run.logs)


def test_a_container_with_another_python_says_so(
    start_project: Start, image: Callable[[str, Path], Path], tmp_path: Path
) -> None:
    wanted, *others = sorted(interpreters(), reverse=True)
    project = start_project(python_version=wanted, private_repository=False)
    if not others:  # A machine with one Python only: let the project want another one.
        (project.folder / ".python-version").write_text("3.99\n")
        project.push()
    project.deploy()
    prefix = copy_image(image([*others, wanted][0], project.folder), tmp_path / "other")
    run = project.run(Container(prefix, tmp_path / "home", project.github.reachable(None)))
    assert run.state == "CRASHED"
    (reason,) = [log for log in run.logs if f"give the image Python {wanted}." in log]
    assert "Python" in reason
