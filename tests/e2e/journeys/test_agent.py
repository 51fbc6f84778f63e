"""A second flow in one command, from the page for agents to its run in a container."""

import subprocess

import pytest

from tests.e2e.conftest import StartProject
from tests.stand_ins.project import Project
from tests.support.documents import Document

pytestmark = [pytest.mark.e2e, pytest.mark.long]
TESTED_ELSEWHERE = ("make run", "make rehearse")


def follow(project: Project, line: str) -> None:
    """Run a line of a page."""
    done = subprocess.run(
        ["bash", "-e", "-c", line], check=False, cwd=project.folder, env=project.environment,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert done.returncode == 0, f"{line}\n{done.stdout}"


def test_an_agent_adds_a_flow_checks_it_and_a_push_makes_it_run(
    start_project: StartProject,
) -> None:
    project = start_project(private_repository=False)
    sections = Document(project.folder / "AGENTS.md").sections()
    (add,) = sections.pop("Add a flow")
    assert add == "make flow NAME=orders SCHEDULE=daily"
    follow(project, add)
    for line in sections.pop("Check a change"):
        follow(project, f"{line} --dry-run" if line in TESTED_ELSEWHERE else line)
    assert sections == {}

    project.flow = "orders"
    project.push()
    deployment = project.deploy()
    (schedule,) = deployment["schedules"]
    assert (schedule["slug"], schedule["active"]) == ("primary", True)
    run = project.run(source="shop")
    assert run.state == "COMPLETED", run.output
    assert "2 from shop" in run.logs
