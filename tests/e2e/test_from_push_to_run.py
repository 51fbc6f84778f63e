"""What the tutorial promises: a push, an updated deployment, a run in a fresh container."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.conftest import Renderer
from tests.stand_ins.git_https import NOTHING, GitOverHttp
from tests.stand_ins.laptop import new_token
from tests.stand_ins.project import Project
from tests.support.git import commit
from tests.support.pythons import interpreters

pytestmark = pytest.mark.e2e
Start = Callable[..., Project]


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_a_deploy_gives_what_prefect_yaml_describes_and_a_second_one_changes_nothing(
    start_project: Start,
) -> None:
    project = start_project()
    pushed = project.push()
    project.deploy()
    first = project.deployment()
    written = yaml.safe_load((project.folder / "prefect.yaml").read_text())
    (described,) = written["deployments"]
    (schedule,) = first["schedules"]

    assert first["pull_steps"] == written["pull"]
    assert first["version"] == pushed
    for name in ("name", "description", "entrypoint", "paused"):
        assert first[name] == described[name]
    assert first["work_pool_name"] == described["work_pool"]["name"]
    assert first["work_queue_name"] == described["work_pool"]["work_queue_name"]
    assert first["job_variables"] == described["work_pool"]["job_variables"]
    assert {
        "slug": schedule["slug"],
        "cron": schedule["schedule"]["cron"],
        "timezone": schedule["schedule"]["timezone"],
    } == described["schedules"][0]
    assert schedule["active"] is True

    project.deploy()
    second = project.deployment()
    (same,) = second["schedules"]
    for seen in (first, second, schedule, same):
        for name in ("updated", "last_polled", "labels", "schedules"):
            seen.pop(name, None)
    assert second == first
    assert same == schedule


def test_a_private_repository_is_cloned_with_the_token_of_its_block(start_project: Start) -> None:
    project = start_project()
    project.save_token(project.github.token)
    project.deploy()

    run = project.run(name="Modal", goodbye=True)
    assert run.state == "COMPLETED", run.output
    assert "Hello Modal from Prefect! 🤗" in run.logs
    assert "Goodbye Modal!" in run.logs
    assert project.github.token not in run.everything + run.output


@pytest.mark.parametrize("rights", [None, NOTHING], ids=["unknown", "without rights"])
def test_a_refused_token_is_told_in_the_log_and_shown_nowhere(
    start_project: Start, git_https: GitOverHttp, rights: frozenset[str] | None
) -> None:
    project = start_project()
    project.save_token(wrong := new_token())
    if rights is not None:
        git_https.rights[wrong] = rights
    project.deploy()
    container = project.start_container(token=None)
    # Git asks over HTTP, with the token in the address, and says so in its errors.
    there = git_https.address.replace("//", f"//{wrong}@")
    container.environment |= {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{there}/.insteadOf",
        "GIT_CONFIG_VALUE_0": f"https://{wrong}@github.com/",
    }
    run = project.run(container)
    assert run.state == "CRASHED"
    (reason,) = [log for log in run.logs if "Failed to clone repository" in log]
    assert f"'https://github.com/{project.repository}'" in reason
    assert "with exit code 128" in reason
    assert wrong not in run.everything + run.output


def test_a_missing_block_is_named(start_project: Start) -> None:
    project = start_project()
    project.deploy()
    run = project.run()
    assert run.state == "CRASHED"
    block = project.repository.split("/")[1]
    missing = f"Block not found: '{block}' of type 'github-credentials'"
    assert any(missing in log for log in run.logs)
    assert project.github.token not in run.everything + run.output


def test_a_public_repository_needs_no_block(start_project: Start) -> None:
    project = start_project(private_repository=False)
    project.deploy()
    container = project.start_container(token=None)
    run = project.run(container)
    assert run.state == "COMPLETED", run.output
    assert "Hello world from Prefect! 🤗" in run.logs


def test_the_next_run_executes_what_was_pushed(start_project: Start) -> None:
    project = start_project(private_repository=False)
    project.deploy()
    flow = project.folder / "src/prefect_modal/flows/flow1.py"
    edit(flow, "Hello {name}", "Welcome {name}")
    project.push()
    run = project.run(project.start_container(token=None))
    assert run.state == "COMPLETED", run.output
    assert "Welcome world from Prefect! 🤗" in run.logs


def test_a_schedule_is_replaced_and_switched_off_and_on(
    start_project: Start, render: Renderer, newest_python: tuple[str, str]
) -> None:
    project = start_project()
    project.deploy()
    assert project.planned_runs() > 0
    edit(project.folder / "prefect.yaml", "0 12 * * *", "30 6 * * *")
    project.push()
    project.deploy()
    (schedule,) = project.deployment()["schedules"]
    assert (schedule["schedule"]["cron"], schedule["active"]) == ("30 6 * * *", True)
    assert project.planned_runs() > 0
    assert project.planned_times() == {"06:30"}

    for answer, runs in (("never", False), ("30 6 * * *", True)):
        rendered = render(
            repo_url=project.repository, package_name="prefect_modal",
            python_version=newest_python[0], schedule=answer,
        )  # fmt: skip
        shutil.copy2(rendered / "prefect.yaml", project.folder)
        project.push()
        project.deploy()
        assert (project.planned_runs() > 0) is runs
    (same,) = project.deployment()["schedules"]
    assert (same["id"], same["active"]) == (schedule["id"], True)


def test_a_schedule_that_is_paused_by_hand_stays_paused(start_project: Start) -> None:
    project = start_project()
    project.deploy()
    (schedule,) = project.deployment()["schedules"]
    name = f"main/{project.deployment()['name']}"

    def by_hand(command: str) -> None:
        subprocess.run(
            ["prefect", "deployment", "schedule", command, name, schedule["id"]],
            check=True, capture_output=True, env=project.server.environment(),
        )  # fmt: skip

    by_hand("pause")
    edit(project.folder / "prefect.yaml", "0 12 * * *", "30 6 * * *")
    project.push()
    project.deploy()
    (paused,) = project.deployment()["schedules"]
    assert (paused["id"], paused["active"]) == (schedule["id"], False)
    assert paused["schedule"]["cron"] == "30 6 * * *"
    by_hand("resume")
    project.deploy()
    (resumed,) = project.deployment()["schedules"]
    assert (resumed["id"], resumed["active"]) == (schedule["id"], True)


def test_a_flow_without_a_schedule_runs_when_asked(start_project: Start) -> None:
    project = start_project(private_repository=False, schedule="never")
    project.deploy()
    assert project.planned_runs() == 0
    run = project.run(project.start_container(token=None))
    assert run.state == "COMPLETED", run.output


@pytest.mark.parametrize("private", [False, True], ids=["public", "private"])
def test_what_was_deployed_runs_although_the_branch_has_moved_on(
    start_project: Start, private: bool
) -> None:
    project = start_project(private_repository=private, pin_commit=True)
    token = project.github.token if private else None
    if token:
        project.save_token(token)
    deployed = project.push()
    project.deploy()
    deployment = project.deployment()
    clone = deployment["pull_steps"][1]["prefect.deployments.steps.git_clone"]
    assert clone["commit_sha"] == deployment["version"] == deployed
    assert "branch" not in clone

    edit(project.folder / "src/prefect_modal/flows/flow1.py", "Hello {name}", "Welcome {name}")
    assert project.push() != deployed
    run = project.run(project.start_container(token=token))
    assert run.state == "COMPLETED", run.output
    assert "Hello world from Prefect! 🤗" in run.logs

    project.deploy()
    run = project.run(project.start_container(token=token))
    assert "Welcome world from Prefect! 🤗" in run.logs


def test_a_pinned_deploy_refuses_what_a_container_could_not_clone(start_project: Start) -> None:
    project = start_project(pin_commit=True)

    def refusal() -> str:
        done = project.make(project.folder, "prefect-deploy", env=project.server.environment())
        assert done.returncode != 0
        assert "Log in first" not in done.stdout
        return " ".join(done.stdout.split())

    (project.folder / "notes.txt").write_text("mine\n")
    assert "Commit and push your changes first" in refusal()
    commit(project.folder)
    assert "Push your commits first." in refusal()
    name = {"any_": [f"{project.repository.split('/')[1]}-example"]}
    assert project.server.post("deployments/count", deployments={"name": name}) == 0
    project.push()
    project.deploy()


@pytest.mark.parametrize("version", sorted(interpreters()))
def test_it_runs_on_every_python(start_project: Start, version: str) -> None:
    project = start_project(python_version=version, private_repository=False)
    flow = project.folder / "src/prefect_modal/flows/flow1.py"
    edit(flow, "Hello {name}", "{__import__('sys').version} {__import__('sys').prefix} {name}")
    project.push()
    project.deploy()
    container = project.start_container(token=None)
    run = project.run(container)
    assert run.state == "COMPLETED", run.output
    assert any(log.startswith(f"{version}.") and str(container.prefix) in log for log in run.logs)
