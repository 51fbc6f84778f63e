"""A prepared update becomes one pull request, or an issue if that is not possible.

The tests run the commands of the workflow's jobs in a checkout; tests/e2e runs the workflow.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.stand_ins.github_api import NO_DRAFTS, NO_PULLS
from tests.stand_ins.updates import (
    BRANCH,
    OURS,
    THEIRS,
    Change,
    Project,
    commit_as_bot,
    copied,
    edit,
)
from tests.support.git import git

SECRETS = "https://github.com/acme/flows/settings/secrets/actions"


def prepared_by(folder: Path, beginning: Path, python: str, ours: tuple[Change, ...]) -> Path:
    """The state after the release v2.0.0 and the first job."""
    with copied(folder, beginning, python) as project:
        for change in ours:
            project.push(*change)
        project.release("v1.1.0")
        project.release("v2.0.0", THEIRS)
        done, update = project.prepare()
        assert done.returncode == 0, done.stdout
    (state := folder / "state").mkdir()
    for name in ("template", "repositories"):
        (folder / name).rename(state / name)
    update.rename(state / "prepared")
    return state


@pytest.fixture(scope="session")
def prepared(
    beginning: Path, newest_python: tuple[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    return prepared_by(tmp_path_factory.mktemp("prepared"), beginning, newest_python[1], ())


@pytest.fixture(scope="session")
def prepared_with_conflict(
    beginning: Path, newest_python: tuple[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    return prepared_by(tmp_path_factory.mktemp("prepared"), beginning, newest_python[1], (OURS,))


@pytest.fixture
def updated(prepared: Path, newest_python: tuple[str, str], tmp_path: Path) -> Iterator[Project]:
    """A project of v1.0.0, and the prepared update to v2.0.0."""
    with copied(tmp_path, prepared, newest_python[1]) as project:
        yield project


@pytest.fixture
def in_conflict(
    prepared_with_conflict: Path, newest_python: tuple[str, str], tmp_path: Path
) -> Iterator[Project]:
    """Such a project with a conflict in its README."""
    with copied(tmp_path, prepared_with_conflict, newest_python[1]) as project:
        yield project


def offer_before(project: Project) -> dict[str, Any]:
    """Open the pull request of v1.1.0 before the next release."""
    done = project.offer("v1.1.0")
    assert done.returncode == 0, done.stdout
    (pull,) = project.github.pulls
    project.github.requests.clear()
    return pull


def test_a_conflict_becomes_a_draft_that_names_the_file(in_conflict: Project) -> None:
    before = in_conflict.branches()
    done = in_conflict.offer()
    assert done.returncode == 0, done.stdout
    (pull,) = in_conflict.github.pulls
    assert pull["draft"]
    _, _, conflicts = pull["body"].partition("**Resolve the conflicts first.**")
    assert conflicts.split("\n\n")[1] == "- `README.md`"
    assert in_conflict.branches() == before | {BRANCH: in_conflict.branches()[BRANCH]}
    assert "\n<<<<<<< " in (in_conflict.clone("template-update") / "README.md").read_text()


def test_an_update_that_a_person_has_to_lock_becomes_a_draft(updated: Project) -> None:
    done = updated.offer(locked=False)
    assert done.returncode == 0, done.stdout
    (pull,) = updated.github.pulls
    assert pull["draft"]
    assert "check out the branch `template-update`, run `uv lock`" in pull["body"]


def test_a_conflict_in_a_tool_comes_with_the_way_to_the_templates_version(
    in_conflict: Project,
) -> None:
    in_conflict.offer(conflicts=["tools/doctor.py"])
    (pull,) = in_conflict.github.pulls
    assert "`git checkout --theirs FILE`" in pull["body"]


def test_where_there_are_no_drafts_a_conflict_becomes_an_ordinary_pull_request(
    in_conflict: Project,
) -> None:
    in_conflict.github.refusals = {NO_DRAFTS}
    done = in_conflict.offer()
    assert done.returncode == 0, done.stdout
    (pull,) = in_conflict.github.pulls
    assert not pull["draft"]


def test_an_open_pull_request_with_the_same_release_stays_as_it_is(updated: Project) -> None:
    pull = offer_before(updated)
    # Reviewers may have changed the title.
    pull["title"] = "chore: go to v1.1.0 of the template"
    before = updated.branches()
    done = updated.offer("v1.1.0", event="workflow_dispatch")
    assert done.returncode == 0, done.stdout
    assert "Pull request 1, which is open, already has this update." in done.stdout
    assert updated.writes() == []
    assert updated.branches() == before


def assert_it_is_refreshed(project: Project) -> None:
    before = project.branches()
    done = project.offer()
    assert done.returncode == 0, done.stdout
    pull = project.github.pulls[0]
    assert (pull["state"], pull["title"]) == ("open", "Update from the template to v2.0.0")
    assert "from v1.0.0 to v2.0.0" in pull["body"]
    after = project.branches()
    assert after[BRANCH] != before[BRANCH]
    assert after == before | {BRANCH: after[BRANCH]}
    # One commit on top of the default branch, replacing earlier ones.
    assert git(project.repository, "rev-parse", f"{BRANCH}^") == after["refs/heads/main"]


def test_an_open_pull_request_is_refreshed_by_the_next_release(updated: Project) -> None:
    pull = offer_before(updated)
    pull |= {"draft": True, "title": "Ours", "body": "Old"}
    assert_it_is_refreshed(updated)
    assert not pull["draft"]


def test_an_open_pull_request_with_a_new_conflict_becomes_a_draft_before_the_push(
    in_conflict: Project,
) -> None:
    pull = offer_before(in_conflict)
    pull |= {"draft": False, "body": "Old"}
    assert_it_is_refreshed(in_conflict)
    assert pull["draft"]
    # A conflict can never be merged.
    steps = " ".join(in_conflict.writes())
    assert steps.index("ConvertPullRequestToDraft") < steps.index("git-receive-pack")


def test_where_there_are_no_drafts_a_pull_request_is_refreshed_all_the_same(
    in_conflict: Project,
) -> None:
    in_conflict.github.refusals = {NO_DRAFTS}
    offer_before(in_conflict)
    assert_it_is_refreshed(in_conflict)


def test_an_open_pull_request_is_refreshed_though_a_later_one_is_closed(updated: Project) -> None:
    later = {"title": "Update from the template to v2.0.0", "draft": False}
    pull = offer_before(updated)
    updated.github.pulls.append(pull | later | {"number": 2, "state": "closed"})
    assert_it_is_refreshed(updated)
    assert [pull["state"] for pull in updated.github.pulls] == ["open", "closed"]


def assert_the_branch_is_left_alone(project: Project) -> None:
    """The next release, after others committed to the pull request's branch."""
    before = project.branches()
    done = project.offer()
    assert done.returncode == 0, done.stdout
    assert "Pull request 1 has commits of yours. Merge or close it" in done.stdout
    assert project.writes() == []
    assert project.branches() == before


def test_commits_of_a_person_on_the_branch_are_left_alone(updated: Project) -> None:
    offer_before(updated)
    updated.push("README.md", "## All commands", "## Commands", branch="template-update")
    assert_the_branch_is_left_alone(updated)


def test_commits_of_another_workflow_on_the_branch_are_left_alone(updated: Project) -> None:
    offer_before(updated)
    # Such as a formatter, which commits as the same bot.
    clone = updated.clone("template-update")
    edit(clone, "README.md", "## All commands", "## Commands")
    commit_as_bot(clone, "--message", "Format")
    git(clone, "push", "--quiet", f"file://{updated.repository}", "HEAD:template-update")
    assert_the_branch_is_left_alone(updated)


def test_a_closed_pull_request_comes_back_only_when_asked_for(updated: Project) -> None:
    offer_before(updated)["state"] = "closed"
    updated.push("README.md", "## All commands", "## Commands", branch="template-update")
    done = updated.offer("v1.1.0")
    assert done.returncode == 0, done.stdout
    assert "Pull request 1, which is closed, already has this update." in done.stdout
    assert updated.writes() == []
    done = updated.offer("v1.1.0", event="workflow_dispatch")
    assert done.returncode == 0, done.stdout
    assert [pull["state"] for pull in updated.github.pulls] == ["closed", "open"]


def test_an_expired_token_of_the_owner_is_named(updated: Project) -> None:
    del updated.github.rights[updated.own_token]
    before = updated.branches()
    done = updated.offer(with_own_token=True)
    assert done.returncode != 0
    assert "token in the secret TEMPLATE_UPDATE_TOKEN has expired or lacks" in done.stdout
    assert "https://github.com/settings/personal-access-tokens/new" in done.stdout
    assert updated.branches() == before


def test_where_pull_requests_are_forbidden_the_setting_is_named(updated: Project) -> None:
    updated.github.refusals = {NO_PULLS}
    done = updated.offer()
    assert done.returncode != 0
    assert NO_PULLS[1] in done.stdout
    assert 'Tick "Allow GitHub Actions to create and approve pull requests"' in done.stdout
    assert "at https://github.com/acme/flows/settings/actions," in done.stdout
    assert updated.github.pulls == []


# Workflow files.


CI = ".github/workflows/ci.yaml"


def patched(project: Project, name: str, old: str, new: str) -> Path:
    """An update whose patch is only this change."""
    update = project.folder / f"patched{len(list(project.folder.glob('patched*')))}"
    shutil.copytree(project.folder / "prepared", update)
    edit(clone := project.clone("main"), name, old, new)
    git(clone, "add", "--all")
    git(clone, "diff", "--cached", f"--output={update / 'update.patch'}")
    return update


@pytest.fixture
def new_pin(updated: Project) -> Path:
    """An update that only changes the pinned commit of an action in a workflow."""
    return patched(updated, CI, "actions/checkout@3d3c42e5", "actions/checkout@0d3c42e5")


@pytest.fixture
def new_step(updated: Project) -> Path:
    """An update that changes what a workflow does."""
    return patched(updated, CI, "run: make lint", "run: make setup lint")


def test_without_a_token_of_the_owner_it_becomes_one_issue(
    updated: Project, new_pin: Path, new_step: Path
) -> None:
    before = updated.branches()
    for update in (new_pin, new_step, new_pin):
        done = updated.offer("v3.0.0", update=update)
        assert done.returncode == 0, done.stdout
    assert "Issue 1, which is open, already has this update." in done.stdout
    (issue,) = updated.github.issues
    assert issue["title"] == "Update from the template to v3.0.0"
    body = issue["body"].split("\n\n")
    assert body[0] == "The project template has a new release, v3.0.0. This project has v1.0.0."
    assert body[1].startswith("It changes files under `.github/workflows/`, which a workflow can ")
    assert body[2] == "```sh\nmake update\n```"
    assert f"add it as the secret TEMPLATE_UPDATE_TOKEN at {SECRETS}." in body[3]
    assert "read and write access to Contents, Pull requests and Workflows" in body[3]
    assert "- New in `v2.0.0`" in issue["body"]
    assert updated.github.pulls == []
    assert updated.branches() == before
    assert {request.token for request in updated.github.requests} == {updated.token}


def test_with_a_token_of_the_owner_new_pins_become_a_pull_request(
    updated: Project, new_pin: Path
) -> None:
    done = updated.offer("v3.0.0", update=new_pin, with_own_token=True)
    assert done.returncode == 0, done.stdout
    (pull,) = updated.github.pulls
    assert "close it" not in pull["body"]
    ci = updated.clone("template-update") / ".github/workflows/ci.yaml"
    assert "actions/checkout@0d3c42e5" in ci.read_text()
    assert updated.github.issues == []


def test_what_a_workflow_does_is_never_pushed_before_it_is_read(
    updated: Project, new_step: Path
) -> None:
    before = updated.branches()
    done = updated.offer("v3.0.0", update=new_step, with_own_token=True)
    assert done.returncode == 0, done.stdout
    (issue,) = updated.github.issues
    assert "GitHub would run that workflow before you have read it." in issue["body"]
    assert updated.branches() == before
    # The owner's token may lack the right to open issues.
    assert {request.token for request in updated.github.requests} == {updated.token}


def test_an_issue_is_refreshed_by_the_next_release_and_closed_when_that_has_arrived(
    updated: Project, new_pin: Path
) -> None:
    updated.offer("v3.0.0", update=new_pin)
    updated.offer("v4.0.0", update=new_pin)
    (issue,) = updated.github.issues
    assert (issue["state"], issue["title"]) == ("open", "Update from the template to v4.0.0")
    assert "a new release, v4.0.0" in issue["body"]

    (nothing := updated.folder / "nothing").mkdir()
    (nothing / "update.json").write_text("{}")
    done = updated.in_actions(
        updated.clone("main"),
        ["python3", "-m", "tools.update", "offer", str(nothing)],
        GH_TOKEN=updated.token,
    )
    assert done.returncode == 0, done.stdout
    assert issue["state"] == "closed"


def test_a_closed_issue_comes_back_only_when_asked_for(updated: Project, new_pin: Path) -> None:
    updated.offer("v3.0.0", update=new_pin)
    updated.github.issues[0]["state"] = "closed"
    updated.offer("v3.0.0", update=new_pin)
    assert len(updated.github.issues) == 1
    updated.offer("v3.0.0", update=new_pin, event="workflow_dispatch")
    assert [issue["state"] for issue in updated.github.issues] == ["closed", "open"]


# The result of the first job is not trusted.


@pytest.mark.parametrize("name", ["src/flows/flows/flow1.py", "tests/a.py", "project.mk"])
def test_a_patch_that_touches_what_is_the_owners_is_refused(updated: Project, name: str) -> None:
    before = updated.branches()
    done = updated.offer(update=patched(updated, name, "", "import os\n"))
    assert done.returncode != 0
    assert f"changes {name}, which belongs to you alone" in done.stdout
    assert updated.branches() == before


def test_facts_that_are_no_versions_are_refused(updated: Project) -> None:
    done = updated.offer("v2.0.0 @someone")
    assert done.returncode != 0
    assert updated.writes() == []


def test_the_texts_of_a_release_reach_github_as_text_alone(updated: Project) -> None:
    hostile = "## v9\n\n@someone fixes #1, https://github.com/a/b/issues/2\n```\n<img src=x> ````"
    done = updated.offer(changelog=hostile)
    assert done.returncode == 0, done.stdout
    (pull,) = updated.github.pulls
    body = pull["body"]
    fenced = body[body.index("`````markdown") :]
    assert fenced.endswith(f"\n{hostile}\n`````")
