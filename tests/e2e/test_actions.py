"""The rendered workflows run unmodified on a real runner of GitHub Actions, act."""

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import StartProject
from tests.stand_ins.actions import Done, run_workflow
from tests.stand_ins.github import new_token
from tests.stand_ins.github_api import COMMENT
from tests.stand_ins.prefect_cloud import PrefectCloud, serve_cloud
from tests.stand_ins.project import Project
from tests.support.documents import set_up_staging
from tests.support.environment import UV_CACHE, clean_environment
from tests.support.git import commit, git
from tests.support.repository import ROOT

pytestmark = pytest.mark.e2e
Act = Callable[..., Done]
Targets = Callable[..., list[str]]
CHECKS = ["lint", "check", "test"]

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

    def run(
        folder: Path,
        event: str,
        workflow: str,
        secrets: dict[str, str] | None = None,
        *options: str,
        **extra: str,
    ) -> Done:
        text = (folder / ".github/workflows" / workflow).read_text()
        (action,) = set(re.findall(r"astral-sh/setup-uv@\w+", text))
        environment = clean_environment(
            HOME=str(tmp_path / "home"),
            XDG_CACHE_HOME=str(tmp_path / "home/.cache"),
            UV_CACHE_DIR=str(UV_CACHE),
            UV_PYTHON=newest_python[1],
            UV_PROJECT_ENVIRONMENT=str(environments / newest_python[0]),
            PREFECT_HOME=str(tmp_path / "home/.prefect"),
            **extra,
        )
        stubbed = (f"--local-repository={action}={stub}", *options)
        return run_workflow(folder, event, workflow, environment, secrets or {}, *stubbed)

    return run


@pytest.fixture(scope="module")
def project(start_project: StartProject) -> Project:
    return start_project()


@pytest.fixture
def checkout(project: Project, tmp_path: Path) -> Path:
    """The pushed project; a test may change it. act reads the repository from `origin`."""
    checkout = shutil.copytree(project.folder, tmp_path / "checkout")
    git(checkout, "remote", "set-url", "origin", f"https://github.com/{project.repository}")
    return checkout


def on_the_server(project: Project) -> list[dict[str, Any]]:
    """The project's deployments, if any exist yet."""
    name = f"{project.repository.replace('/', '-')}-example"
    found: list[dict[str, Any]] = project.server.post(
        "deployments/filter", deployments={"name": {"any_": [name]}}
    )
    return found


@pytest.fixture
def secrets(prefect_cloud: PrefectCloud) -> dict[str, str]:
    return {"PREFECT_API_URL": prefect_cloud.url, "PREFECT_API_KEY": prefect_cloud.key}


def leave_out_tests(checkout: Path) -> None:
    """Delete the project's tests, which start a server; other tests run them."""
    shutil.rmtree(checkout / "tests")


def push(checkout: Path) -> None:
    """Commit everything as a commit on GitHub, without which it is not deployed."""
    commit(checkout)
    git(checkout, "update-ref", "refs/remotes/origin/pushed", "HEAD")


def test_a_push_deploys_and_shows_what_runs_when_and_what_is_left_over(
    project: Project,
    checkout: Path,
    act: Act,
    secrets: dict[str, str],
    prefect_cloud: PrefectCloud,
) -> None:
    server, url = project.server, f"https://github.com/{project.repository}"
    clone = {"repository": url, "branch": "main"}
    server.post(
        "deployments/",
        name=f"{project.folder.parent.name}-former",
        flow_id=server.post("flows/", name="main")["id"],
        pull_steps=[{"prefect.deployments.steps.git_clone": clone}],
    )
    leave_out_tests(checkout)
    push(checkout)
    done = act(checkout, "push", "prefect_cd.yaml", secrets)
    assert done.returncode == 0, done.stdout
    deployment = project.deployment()
    pushed = git(checkout, "rev-parse", "HEAD")
    assert deployment["version"] == pushed
    assert f" commit={pushed}; " in str(deployment["pull_steps"])
    assert secrets["PREFECT_API_KEY"] not in done.stdout
    assert "15 passed" in done.stdout
    assert "no tests ran" in done.stdout
    former = f"main/{project.folder.parent.name}-former"
    page = f"{prefect_cloud.ui_url}/deployments/deployment/{deployment['id']}"
    summary = re.search(r"Summary - ((?:.*\n)+?)\[Deploy", done.stdout)
    assert summary
    at_noon = re.compile(r"\w{3} \d\d \w{3} \d{4}, 12:00")
    assert at_noon.sub("noon", summary[1]).splitlines() == [
        f"### Deployed from commit [{pushed[:10]}]({url}/commit/{pushed})",
        "",
        "| Deployment | Runs | Next run |",
        "| --- | --- | --- |",
        f"| [main/{deployment['name']}]({page}) | every day at 12:00, New York time | noon |",
        "",
        "### Left over",
        "",
        f"- {former} is deployed, but not in prefect.yaml. make prune",
    ]


@pytest.fixture
def targets(checkout: Path, act: Act, secrets: dict[str, str], tmp_path: Path) -> Targets:
    """The targets of make that an event runs, with a make that only prints them."""
    (make := tmp_path / "stub/make").parent.mkdir()
    make.write_text('#!/bin/sh\necho "make $@"\ntest "$@" != "$FAILING"\n')
    make.chmod(0o755)
    path = f"{make.parent}{os.pathsep}{clean_environment()['PATH']}"

    def run(event: str, workflow: str, failing: str = "") -> list[str]:
        done = act(checkout, event, workflow, secrets, PATH=path, FAILING=failing)
        assert (done.returncode != 0) is bool(failing), done.stdout
        return re.findall(r"\| make ([\w-]+)$", done.stdout, re.MULTILINE)

    return run


def test_a_push_that_does_not_pass_its_checks_deploys_nothing(targets: Targets) -> None:
    assert targets("push", "prefect_cd.yaml") == [*CHECKS, "prefect-deploy"]
    for number, check in enumerate(CHECKS, 1):
        assert targets("push", "prefect_cd.yaml", failing=check) == CHECKS[:number]


def test_other_branches_and_pull_requests_are_checked_in_the_same_way_and_not_deployed(
    checkout: Path, targets: Targets
) -> None:
    git(checkout, "switch", "--quiet", "--create", "feature")
    git(checkout, "commit", "--quiet", "--allow-empty", "--message", "Mine")
    assert targets("workflow_dispatch", "prefect_cd.yaml") == CHECKS
    assert targets("pull_request", "ci.yaml") == CHECKS


# Previews: the workflow that docs/environments.md offers.

CHECKOUT = """
name: a commit alone, as actions/checkout gives it
runs:
  using: composite
  steps:
    - run: cp -a {folder}/. . && git checkout --quiet --detach {commit}
      shell: sh
"""


@pytest.mark.long
def test_a_label_deploys_a_preview_and_comments_once_and_without_it_the_preview_is_deleted(
    project: Project, checkout: Path, act: Act, secrets: dict[str, str], tmp_path: Path
) -> None:
    workflow = "preview.yaml"
    source = ROOT / "docs/.github/workflows" / workflow
    shutil.copy(source, checkout / ".github/workflows")
    git(checkout, "switch", "--quiet", "--create", "feature/x")
    push(checkout)
    pushed = git(checkout, "rev-parse", "HEAD")
    (stub := tmp_path / "checkout-stub").mkdir()
    (stub / "action.yml").write_text(CHECKOUT.format(folder=checkout, commit=pushed))
    (action,) = re.findall(r"actions/checkout@\w+", source.read_text())
    secrets |= {"GITHUB_TOKEN": (token := project.github.add_token(COMMENT))}
    base = on_the_server(project)

    def pull_request(
        action_: str, *labels: str, changed: str = "", repository: str = project.repository
    ) -> str:
        event = {
            "action": action_,
            "label": {"name": changed},
            "pull_request": {
                "number": 7,
                "state": "closed" if action_ == "closed" else "open",
                "labels": [{"name": label} for label in labels],
                "head": {"ref": "feature/x", "sha": pushed, "repo": {"full_name": repository}},
                "base": {"ref": "main"},
            },
        }
        (file := tmp_path / "event.json").write_text(json.dumps(event))
        done = act(
            checkout, "pull_request", workflow, secrets,
            f"--eventpath={file}", f"--local-repository={action}={stub}",
            **project.github.environment(),
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
        assert secrets["PREFECT_API_KEY"] not in done.stdout
        return done.stdout

    def previews() -> list[dict[str, Any]]:
        tag = {"tags": {"all_": ["preview", "branch:feature/x"]}}
        found: list[dict[str, Any]] = project.server.post("deployments/filter", deployments=tag)
        return found

    for ignored in (
        pull_request("labeled", "preview", changed="preview", repository="mallory/fork"),
        pull_request("labeled", "bug", changed="bug"),
    ):
        assert "make" not in ignored
    assert (previews(), project.github.comments) == ([], [])

    pull_request("labeled", "preview", changed="preview")
    (preview,) = previews()
    assert pushed in str(preview["pull_steps"])
    (comment,) = project.github.comments
    url = f"https://github.com/{project.repository}"
    name = f"main/{project.repository.replace('/', '-')}-example--feature-x"
    marker, deployed, _, run, *_ = comment["body"].split("\n")
    assert marker == "<!-- preview -->"
    assert deployed == f"### Deployed from commit [{pushed[:10]}]({url}/commit/{pushed})"
    assert run.startswith(f"- [{name}](http")
    assert run.endswith(f"{preview['id']}): `uv run prefect deployment run {name} --watch`")

    for gone in ("closed", "unlabeled"):
        said = pull_request(gone, *(["preview"] if gone == "closed" else []), changed="preview")
        assert previews() == []
        (comment,) = project.github.comments
        assert comment["body"].split("\n")[1] == "### Deleted the preview of feature/x"
    assert "There is no preview of feature/x" in said
    assert on_the_server(project) == base
    assert token not in said


# Staging: the lines of prefect_cd.yaml that docs/environments.md changes.


@pytest.mark.long
def test_staging_is_deployed_to_its_own_workspace_with_paused_schedules(
    project: Project,
    checkout: Path,
    act: Act,
    prefect_cloud: PrefectCloud,
) -> None:
    set_up_staging(checkout / ".github/workflows/prefect_cd.yaml")
    git(checkout, "switch", "--quiet", "--create", "staging")
    leave_out_tests(checkout)
    push(checkout)
    with serve_cloud(prefect_cloud.server, key=new_token()) as staging:
        # What GitHub gives a job of this environment.
        secrets = {"PREFECT_API_URL": staging.url, "PREFECT_API_KEY": staging.key}
        done = act(checkout, "push", "prefect_cd.yaml", secrets)
    assert done.returncode == 0, done.stdout
    deployment = project.deployment()
    assert deployment["version"] == git(checkout, "rev-parse", "HEAD")
    assert deployment["paused"]
    (schedule,) = deployment["schedules"]
    assert schedule["active"]
