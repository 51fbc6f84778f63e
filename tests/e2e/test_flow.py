"""A second flow in one command, from the page for agents to its run in a container."""

import subprocess

import pytest

from tests.e2e.conftest import StartProject
from tests.stand_ins.project import Project
from tests.support.documents import Document

pytestmark = pytest.mark.e2e
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


def test_what_is_typed_arrives_as_it_is_and_the_surroundings_do_not(
    start_project: StartProject,
) -> None:
    project = start_project(private_repository=False)
    # Some shells have a NAME of their own.
    surroundings = {"NAME": "laptop", "SCHEDULE": "hourly", "TIMEZONE": "UTC"}
    done = project.make("flow", **surroundings)
    assert done.returncode != 0
    assert "NAME: Type a name like orders" in done.stdout
    done = project.make("flow", 'NAME=it\'s "$HOME" `x`', **surroundings)
    assert "NAME: Type a name like orders" in done.stdout
    typed = ["NAME=orders", "SCHEDULE=0 6 * * 1-5", "TIMEZONE=Europe/Berlin"]
    done = project.make("flow", *typed, **surroundings)
    assert done.returncode == 0, done.stdout
    assert "Runs on Modal every weekday at 06:00, Berlin time." in done.stdout
    text = (project.folder / "prefect.yaml").read_text()
    assert "only when asked" not in text
