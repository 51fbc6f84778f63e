"""The update channel: whether GitHub allows the project's workflow to bring updates."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tools.base.project import Project
from tools.base.stop import ActionRequired
from tools.checks.updates import can_connect, check_updates, fix_updates

from tests.stand_ins.github import GitHub, serve_github
from tests.stand_ins.github_api import FORBIDDEN, OWNER, PUSH
from tests.support.changes import edit
from tests.support.git import commit, git
from tests.tools.conftest import findings, problems

NAME = "Ben-Epstein/prefect-modal"
WORKFLOW = "template_update.yaml"
TICK = (
    "tick 'Allow GitHub Actions to create and approve pull requests' "
    f"at https://github.com/{NAME}/settings/actions"
)
BARRED = "warning: Actions may not open pull requests, so no update arrives. make bootstrap, or "


@pytest.fixture
def github(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, project: Project) -> Iterator[GitHub]:
    """GitHub, for the owner of the repository, which has been pushed."""
    with serve_github(tmp_path) as github:
        for name, value in github.environment(github.add_token(OWNER)).items():
            monkeypatch.setenv(name, value)
        commit(project.root)
        git(project.root, "push", "--quiet", str(github.create(NAME)), "main")
        yield github


@pytest.fixture
def connected(github: GitHub) -> GitHub:
    github.permissions["can_approve_pull_request_reviews"] = True
    return github


def text(project: Project) -> str:
    (found,) = findings(check_updates, project)
    assert found.status == "passed", found
    return found.text


def problem(project: Project) -> str:
    (found,) = problems(check_updates, project)
    return found


def look(github: GitHub, conclusion: str | None, day: str) -> None:
    when, page = f"{day}T05:23:00Z", f"https://github.com/{NAME}/actions/runs/1"
    github.add_run(WORKFLOW, conclusion, created_at=when, html_url=page)


def test_it_is_connected_where_actions_may_open_pull_requests(
    project: Project, github: GitHub
) -> None:
    assert problem(project) == BARRED + TICK
    before = dict(github.permissions)
    fix_updates(project)
    assert github.permissions == before | {"can_approve_pull_request_reviews": True}
    assert text(project) == (
        "connected; has not run yet; "
        "TEMPLATE_UPDATE_TOKEN is not set, so you start CI for its pull requests"
    )


@pytest.mark.parametrize("whose", ["secrets", "organization"])
def test_with_a_token_of_the_owners_the_setting_does_not_matter(
    project: Project, github: GitHub, whose: str
) -> None:
    getattr(github, whose)["TEMPLATE_UPDATE_TOKEN"] = "x"
    fix_updates(project)
    assert github.permissions["can_approve_pull_request_reviews"] is False
    assert text(project) == "connected; has not run yet; TEMPLATE_UPDATE_TOKEN is set"


@pytest.mark.parametrize(("conclusion", "said"), [("success", "success"), (None, "still running")])
def test_the_last_look_is_told(
    project: Project, connected: GitHub, conclusion: str | None, said: str
) -> None:
    look(connected, "failure", "2026-01-05")
    look(connected, conclusion, "2026-01-12")
    assert f"; last run on 2026-01-12: {said};" in text(project)


def test_a_look_that_has_failed_is_named_with_its_page(project: Project, connected: GitHub) -> None:
    look(connected, "failure", "2026-01-05")
    assert problem(project) == (
        "warning: last run on 2026-01-05: failure. "
        f"read https://github.com/{NAME}/actions/runs/1, "
        f"then gh workflow run {WORKFLOW} --repo github.com/{NAME}"
    )


def test_a_workflow_that_slept_in_is_enabled_and_what_the_owner_has_disabled_is_not(
    project: Project, connected: GitHub
) -> None:
    connected.states[WORKFLOW] = "disabled_inactivity"
    assert problem(project) == (
        f"warning: GitHub has disabled {WORKFLOW}, because the repository was inactive. "
        "make bootstrap"
    )
    fix_updates(project)
    assert problems(check_updates, project) == []
    connected.states[WORKFLOW] = "disabled_manually"
    fix_updates(project)
    assert problem(project) == (
        f"warning: {WORKFLOW} is disabled manually. "
        f"gh workflow enable {WORKFLOW} --repo github.com/{NAME}"
    )


def test_a_workflow_that_was_not_pushed_is_named(project: Project, connected: GitHub) -> None:
    git(connected.repository(NAME), "branch", "--move", "main", "other")
    assert problem(project) == (
        f"warning: GitHub has no {WORKFLOW} on its default branch, so nothing looks for updates. "
        "push it there"
    )


def test_what_an_organization_forbids_is_said_in_githubs_words(
    project: Project, github: GitHub
) -> None:
    github.refusals = {FORBIDDEN}
    with pytest.raises(ActionRequired) as refused:
        fix_updates(project)
    assert str(refused.value) == (
        f"Actions may not open pull requests, and GitHub says: {FORBIDDEN[1]} (HTTP 409)\n  {TICK}"
    )


def test_without_the_right_to_see_the_setting_it_says_so(project: Project, github: GitHub) -> None:
    github.rights = dict.fromkeys(github.rights, PUSH | {"actions: read"})
    fix_updates(project)
    assert problem(project) == (
        "warning: gh cannot see whether Actions may open pull requests: "
        f"Must have admin rights to Repository. (HTTP 403). {TICK}"
    )


def test_without_a_login_or_gh_it_is_skipped(
    project: Project, github: GitHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("GH_TOKEN")
    assert problem(project) == "skipped: gh is not logged in. gh auth login, or set GH_TOKEN"
    (nowhere := tmp_path / "bin").mkdir()
    monkeypatch.setattr(sys, "executable", str(nowhere / "python"))
    monkeypatch.setenv("PATH", str(nowhere))
    assert problem(project) == ("skipped: gh failed: gh is not installed.")


def test_gh_asks_the_host_that_the_project_is_on(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    edit(project.root / "prefect.yaml", "https://github.com/", "https://acme.ghe.com/")
    (gh := tmp_path / "bin/gh").parent.mkdir()
    gh.write_text(f'#!/bin/sh\necho "$*" >> {tmp_path}/log; echo "HTTP 500" >&2; exit 1\n')
    gh.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(gh.with_name("python")))
    pages = [problem for problem in problems(check_updates, project) if "https://" in problem]
    assert pages
    assert all(f" https://acme.ghe.com/{NAME}/" in page for page in pages)
    asked = (tmp_path / "log").read_text().splitlines()
    start = f"api --hostname acme.ghe.com repos/{NAME}/actions/"
    assert [line for line in asked if not line.startswith(start)] == []


@pytest.mark.parametrize(
    ("answer", "said"),
    [("renovate", "Renovate brings them, if its app is installed (gh cannot see that)"),
     ("none", "make update brings them"),
     ("", "this project no longer uses the template")],
)  # fmt: skip
def test_where_no_workflow_brings_them_nobody_is_asked(
    project: Project, answer: str, said: str
) -> None:
    answers = project.root / ".copier-answers.yml"
    edit(answers, "updates: workflow", f"updates: {answer}") if answer else answers.unlink()
    assert text(project) == said
    assert not can_connect(project)


def test_enterprise_server_cannot_hand_over_what_the_workflow_prepares(project: Project) -> None:
    edit(project.root / "prefect.yaml", r"https://github\.com/", "https://git.acme-corp.com/")
    assert problem(project) == (
        "warning: the workflow uses artifacts that GitHub Enterprise Server "
        "(git.acme-corp.com) does not support. uvx copier update --data updates=none, then use make update"
    )
