"""What the tutorial promises: a push, an updated deployment, a run in a fresh container."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.e2e.engines import Project
from tests.pythons import interpreters
from tests.template import commit

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
    for name in ("name", "description", "entrypoint"):
        assert first[name] == described[name]
    assert first["work_pool_name"] == described["work_pool"]["name"]
    assert first["work_queue_name"] == described["work_pool"]["work_queue_name"]
    assert first["job_variables"] == described["work_pool"]["job_variables"]
    assert {
        "slug": schedule["slug"],
        "cron": schedule["schedule"]["cron"],
        "timezone": schedule["schedule"]["timezone"],
    } == described["schedules"][0]

    project.deploy()
    second = project.deployment()
    ignored = ("updated", "last_polled", "labels")
    assert {k: v for k, v in second.items() if k not in ignored and k != "schedules"} == {
        k: v for k, v in first.items() if k not in ignored and k != "schedules"
    }
    assert [s["id"] for s in second["schedules"]] == [schedule["id"]]


def test_a_private_repository_is_cloned_with_the_token_of_its_block(start_project: Start) -> None:
    project = start_project()
    project.save_token(project.github.token)
    project.deploy()

    run = project.run(name="Modal", goodbye=True)
    assert run.state == "COMPLETED", run.output
    assert "Hello Modal from Prefect! 🤗" in run.logs
    assert "Goodbye Modal!" in run.logs
    assert project.github.token not in run.everything + run.output

    wrong = "not-the-right-one"
    project.save_token(wrong)
    run = project.run()
    assert run.state == "CRASHED"
    assert "Executing deployment step: git_clone" in run.logs
    assert "Deployment step 'git_clone' completed successfully" not in run.logs
    assert f"Failed to clone repository 'https://github.com/{project.repository}'" in run.output
    assert wrong not in run.everything + run.output


def test_a_missing_block_is_named(start_project: Start) -> None:
    project = start_project()
    project.deploy()
    run = project.run()
    assert run.state == "CRASHED"
    block = project.repository.split("/")[1]
    assert f"Block not found: '{block}' of type 'github-credentials'" in run.output


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


def test_a_schedule_is_replaced_and_switched_off_and_on(start_project: Start) -> None:
    project = start_project()
    project.deploy()
    assert project.planned_runs() > 0
    edit(project.folder / "prefect.yaml", "0 12 * * *", "30 6 * * *")
    project.push()
    project.deploy()
    (schedule,) = project.deployment()["schedules"]
    assert (schedule["schedule"]["cron"], schedule["active"]) == ("30 6 * * *", True)

    edit(project.folder / "prefect.yaml", "paused: false", "paused: true")
    project.push()
    project.deploy()
    assert project.planned_runs() == 0
    edit(project.folder / "prefect.yaml", "paused: true", "paused: false")
    project.push()
    project.deploy()
    assert project.planned_runs() > 0
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


def test_what_was_deployed_runs_although_the_branch_has_moved_on(start_project: Start) -> None:
    project = start_project(private_repository=False, pin_commit=True)
    deployed = project.push()
    project.deploy()
    deployment = project.deployment()
    clone = deployment["pull_steps"][0]["prefect.deployments.steps.git_clone"]
    assert clone["commit_sha"] == deployment["version"] == deployed
    assert "branch" not in clone

    edit(project.folder / "src/prefect_modal/flows/flow1.py", "Hello {name}", "Welcome {name}")
    assert project.push() != deployed
    run = project.run(project.start_container(token=None))
    assert run.state == "COMPLETED", run.output
    assert "Hello world from Prefect! 🤗" in run.logs

    project.deploy()
    run = project.run(project.start_container(token=None))
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
