"""Without a work pool: unsupported settings of prefect.yaml, and how the tools read it."""

from types import SimpleNamespace

import pytest
from modal._utils.name_utils import is_valid_object_name
from tools import app
from tools.base.project import Project
from tools.base.stop import CheckSkipped
from tools.checks.job_variables import check_job_variables

from tests.conftest import Renderer
from tests.support.changes import edit
from tests.tools.conftest import problems


@pytest.fixture
def project(render: Renderer, monkeypatch: pytest.MonkeyPatch) -> Project:
    folder = render(repo_url="git@github.com:acme/flows.git", package_name="flows", runner="app")
    return Project(folder, offline=True)


def test_a_run_executes_this_commit_of_this_repository(project: Project) -> None:
    assert project.repository_url == "https://github.com/acme/flows"
    assert (project.branch, project.pinned) == ("main", True)
    assert project.credentials_block == ""
    assert app.name_of(project) == "acme-flows"


def test_a_project_that_has_left_the_template_is_known_by_its_remote(project: Project) -> None:
    (project.root / ".copier-answers.yml").unlink()
    project.git("init", "--quiet")
    project.git("remote", "add", "origin", "https://github.com/acme/other.git")
    assert project.repository_url == "https://github.com/acme/other"


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        (
            "&modal",
            "&modal\n      name: pool",
            "there is no work pool. remove name under its work_pool",
        ),
        (
            "&modal",
            "&modal\n      work_queue_name: urgent",
            "there is no work queue. remove work_queue_name under its work_pool",
        ),
        (
            "    paused:",
            "    pull:\n      - prefect.deployments.steps.git_clone: {repository: x}\n    paused:",
            "has pull steps, but the image already has the project. remove pull",
        ),
        (
            "    paused:",
            "    triggers: [{expect: [prefect.work-pool.not-ready]}]\n    paused:",
            "a trigger waits for a work pool. remove it",
        ),
        (
            "flows.flows.flow1:main",
            "src/flows/flows/flow1.py:main",
            "but the image has only the package flows. write it like flows.flows.flow1:main",
        ),
    ],
)
def test_what_only_a_work_pool_has_is_refused(
    project: Project, old: str, new: str, found: str
) -> None:
    assert problems(app.check_containers, project) == []
    edit(project.root / "prefect.yaml", old, new)
    (problem,) = problems(app.check_containers, Project(project.root))
    assert problem.startswith("failed: acme-flows-example")
    assert problem.endswith(found)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("cpu: 0.125", ""),
        ("gpu: A10G", ""),
        ("cpu: much", "cpu: 'much' is not of type 'number'"),
        ("secrets: one", "secrets: 'one' is not of type 'array'"),
        ("timeout: 100000", "timeout: 100000 is greater than the maximum of 86400"),
        ("image: {tag: x}", "modal_app.py has no variable image"),
    ],
)
def test_a_job_variable_that_the_app_does_not_follow_is_refused(
    project: Project, given: str, found: str
) -> None:
    edit(project.root / "prefect.yaml", "timeout: 3600", given)
    here = problems(check_job_variables, Project(project.root, offline=True))
    assert [found in each for each in here] == ([True] if found else [])


def test_the_name_of_a_preview_is_short_enough_for_modal(project: Project) -> None:
    short, long = (app.app_of(project, branch) for branch in ("retry", "x" * 200))
    assert short == "acme-flows--retry"
    assert is_valid_object_name(long)
    assert long != app.app_of(project, "x" * 201)


def test_without_logins_the_secrets_that_each_deploy_needs_are_named(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "read_token", lambda: {"token_id": None, "token_secret": None})
    project.workspace = SimpleNamespace(credentials={})  # type: ignore[assignment]
    needed = ["PREFECT_API_URL", "MODAL_TOKEN_ID", "MODAL_TOKEN_SECRET"]
    assert [*app.secrets_of(project)] == needed
    with pytest.raises(CheckSkipped, match="no Modal token is configured"):
        app.check_secret(project)


def test_an_app_without_a_name_is_told(project: Project) -> None:
    edit(project.root / "modal_app.py", "^NAME = .*", "name = 1")
    with pytest.raises(CheckSkipped, match=r"modal_app\.py has no NAME"):
        app.name_of(project)
