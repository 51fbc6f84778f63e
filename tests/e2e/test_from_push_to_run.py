"""The tutorial's promise: a push, an updated deployment, a run in a fresh container."""

import json
import shutil
import tomllib

import pytest
import yaml

from tests.conftest import Renderer
from tests.e2e.conftest import StartProject
from tests.stand_ins.github_api import NOTHING, READ
from tests.stand_ins.project import Project, Run
from tests.support.changes import edit
from tests.support.git import commit, git

pytestmark = pytest.mark.e2e


def test_a_deploy_gives_what_prefect_yaml_describes_and_a_second_one_changes_nothing(
    start_project: StartProject,
) -> None:
    project = start_project()
    pushed = project.push()
    first = project.deploy()
    written = yaml.safe_load((project.folder / "prefect.yaml").read_text())
    (described,) = written["deployments"]
    (schedule,) = first["schedules"]

    pull = json.dumps(written["pull"]).replace("{{ commit.stdout }}", pushed)
    assert first["pull_steps"] == json.loads(pull)
    assert first["version"] == pushed
    for name in ("name", "description", "entrypoint", "paused"):
        assert first[name] == described[name]
    assert first["work_pool_name"] == described["work_pool"]["name"]
    assert first["work_queue_name"] == described["work_pool"]["work_queue_name"]
    variables = described["work_pool"]["job_variables"]
    # Exactly the Prefect of the lock file, and the project's Python.
    lock = tomllib.loads((project.folder / "uv.lock").read_text())["package"]
    (prefect,) = [package["version"] for package in lock if package["name"] == "prefect"]
    python = (project.folder / ".python-version").read_text().strip()
    variables["image"]["tag"] = f"docker.io/prefecthq/prefect:{prefect}-python{python}"
    assert first["job_variables"] == variables
    assert {
        "slug": schedule["slug"],
        "cron": schedule["schedule"]["cron"],
        "timezone": schedule["schedule"]["timezone"],
    } == described["schedules"][0]
    assert schedule["active"] is True

    second = project.deploy()
    (same,) = second["schedules"]
    for seen in (first, second, schedule, same):
        for name in ("updated", "last_polled", "labels", "schedules"):
            seen.pop(name, None)
    assert second == first
    assert same == schedule


# What a container clones, and with what.


@pytest.mark.long
def test_a_private_repository_is_cloned_with_the_token_of_its_block_and_with_no_other(
    start_project: StartProject,
) -> None:
    project = start_project()
    project.deploy()
    assert project.last_run() == [("passed", "no runs yet", "")]
    run = project.run()
    assert run.state == "CRASHED"
    ((status, text, remedy),) = project.last_run()
    assert status == "failed"
    assert text.endswith(" crashed in the pull step git_clone")
    assert remedy == "fix Lock file above, see its container's output: https://modal.com/apps"
    block = project.repository.replace("/", "-")
    assert f"Block not found: '{block}' of type 'github-credentials'" in run.output

    project.save_token(token := project.github.add_token(NOTHING))
    refused = project.run()
    ((_, text, _),) = project.last_run()
    assert text.endswith(" crashed in the pull step git_clone")
    project.github.rights[token] = READ
    right = project.run(name="Modal", goodbye=True)
    assert project.last_run() == [("passed", "each reached its flow", "")]
    assert refused.state == "CRASHED"
    url = f"https://github.com/{project.repository}"
    assert f"Failed to clone repository '{url}' with exit code" in refused.output
    assert right.state == "COMPLETED", right.output
    assert "Hello Modal from Prefect! 🤗" in right.logs
    assert "Goodbye Modal!" in right.logs
    # The token is not shown anywhere.
    assert [r for r in (refused, right) if token in r.everything + r.output] == []


# Which commit it runs.


CLONE = 3
"""The number of git's requests to GitHub for a clone."""


def greet_with(project: Project, word: str) -> None:
    """Change the flow's greeting."""
    flow = project.folder / "src/prefect_modal/flows/flow1.py"
    edit(flow, r"\w+ \{name\} from", f"{word} {{name}} from")


def greeting(run: Run) -> str:
    """The flow's greeting."""
    assert run.state == "COMPLETED", run.output
    (line,) = [log for log in run.logs if log.endswith(" world from Prefect! 🤗")]
    return line.split()[0]


def test_push_and_the_next_run_has_it(start_project: StartProject) -> None:
    # A public repository: it needs no block.
    project = start_project(private_repository=False, pin_commit=False)
    project.deploy()
    greet_with(project, "Welcome")
    project.push()
    before = len(project.github.requests)
    run = project.run()
    assert greeting(run) == "Welcome"
    assert len(project.github.requests) - before == CLONE
    assert "git" not in run.output.replace("git_clone", "")


def test_a_pinned_run_executes_what_was_deployed_and_a_rollback_restores_it(
    start_project: StartProject,
) -> None:
    project = start_project(pin_commit=True)
    project.save_token(token := project.github.add_token(READ))
    pushed = git(project.folder, "rev-parse", "HEAD")
    first = project.deploy()
    assert first["version"] == pushed

    def put_back(pull_steps: object) -> None:
        path = f"deployments/{first['id']}"
        project.server.ask("PATCH", path, {"pull_steps": pull_steps}).raise_for_status()

    greet_with(project, "Welcome")
    assert project.push() != pushed
    project.deploy()
    before = len(project.github.requests)
    runs = [project.run()]
    assert greeting(runs[-1]) == "Welcome"
    # If the branch has not moved on, it needs no more requests than a run that is not pinned.
    assert len(project.github.requests) - before == CLONE
    assert "git" not in runs[-1].output.replace("git_clone", "")
    # What Prefect Cloud restores of an earlier version; main has moved on since.
    put_back(first["pull_steps"])
    runs.append(project.run())
    assert greeting(runs[-1]) == "Hello"

    # A release branch that only the workflow knows.
    greet_with(project, "Released")
    commit(project.folder)
    git(project.folder, "push", "--quiet", "origin", "HEAD:release")
    project.deploy()
    runs.append(project.run())
    assert greeting(runs[-1]) == "Released"
    assert [run for run in runs if "fatal" in run.output or "HEAD" in run.output] == []

    assert [run for run in runs if token in run.everything + run.output] == []

    # What the step that installs says, in a clone.
    install = first["pull_steps"][1]["prefect.deployments.steps.run_shell_script"]["script"]
    install = install.replace(pushed, gone := "1" * 40)
    container = project.start_container()
    (clone := container.home / "clone").mkdir(parents=True)
    address = f"https://{token}@github.com/{project.repository}"
    variables = project.server.job_variables(first)
    assert container.execute_script(f"git clone -q {address} .", clone, variables).returncode == 0
    # A commit that does not exist.
    done = container.execute_script(install, clone, variables)
    assert done.returncode != 0
    assert f"Commit {gone} cannot be fetched. If GitHub has lost it, push" in done.stdout
    assert token not in done.stdout
    # A token that is revoked after the clone: git would show it when it asks for a password.
    del project.github.rights[token]
    done = container.execute_script(install, clone, variables)
    assert "Authentication failed for 'https://github.com/" in done.stdout
    assert token not in done.stdout


def test_what_a_pinned_container_could_not_get_is_not_deployed(
    start_project: StartProject,
) -> None:
    project = start_project(pin_commit=True)
    pushed = project.push()
    project.deploy()

    def refusal() -> str:
        # In CI, only the build step looks.
        done = project.make("prefect-deploy", CI="true")
        assert done.returncode != 0
        assert "prefect cloud login" not in done.stdout
        return " ".join(done.stdout.split())

    (project.folder / "notes.txt").touch()
    project.deploy()
    for change in ("src/prefect_modal/new.py", "README.md"):
        (project.folder / change).touch()
        edit(project.folder / change, r"\Z", "# Mine\n")
        assert "Commit and push your changes first" in refusal()
        git(project.folder, "stash", "--include-untracked", "--", change)
    git(project.folder, "stash", "pop")
    commit(project.folder)
    assert "Push your commits first." in refusal()
    assert project.deployment()["version"] == pushed


# When it runs.


def test_a_schedule_is_replaced_and_stays_paused_where_it_was_paused_by_hand(
    start_project: StartProject,
) -> None:
    project = start_project()
    (schedule,) = project.deploy()["schedules"]
    assert project.planned_times({"12:00"}) == {"12:00"}

    def by_hand(active: bool) -> None:
        path = f"deployments/{project.deployment()['id']}/schedules/{schedule['id']}"
        project.server.ask("PATCH", path, {"active": active}).raise_for_status()

    by_hand(active=False)
    edit(project.folder / "prefect.yaml", r"0 12 \* \* \*", "30 6 * * *")
    project.push()
    (paused,) = project.deploy()["schedules"]
    assert (paused["id"], paused["active"]) == (schedule["id"], False)
    assert paused["schedule"]["cron"] == "30 6 * * *"
    by_hand(active=True)
    (resumed,) = project.deploy()["schedules"]
    assert (resumed["id"], resumed["active"]) == (schedule["id"], True)
    assert project.planned_times({"06:30"}) == {"06:30"}


@pytest.mark.long
def test_a_schedule_is_switched_on_and_off_and_without_one_a_flow_runs_when_asked(
    start_project: StartProject, render: Renderer
) -> None:
    project = start_project(private_repository=False, schedule="never")
    project.deploy()
    assert project.planned_times(set()) == set()
    asked = f"deployments/{project.deployment()['id']}/create_flow_run"
    run = project.server.post(asked)
    assert run["state"]["type"] == "SCHEDULED"
    project.server.ask("DELETE", f"flow_runs/{run['id']}").raise_for_status()
    for answer, times in (("30 6 * * *", {"06:30"}), ("never", set())):
        rendered = render(
            repo_url=project.repository, private_repository=False, package_name="prefect_modal",
            schedule=answer,
        )  # fmt: skip
        shutil.copy2(rendered / "prefect.yaml", project.folder)
        project.push()
        project.deploy()
        assert project.planned_times(times) == times
