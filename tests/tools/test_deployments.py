"""Whether the deployments in Prefect are from this commit, and who may deploy it from here."""

from types import SimpleNamespace
from uuid import uuid4

import pytest
from tools.base.finding import Step, skipped
from tools.base.prefect_deploy import Outcome
from tools.base.project import Project
from tools.base.stop import ActionRequired, CheckSkipped
from tools.bootstrap import NEEDED, take
from tools.checks.deployments import check_deployed, check_orphaned, fix_deployed, taken
from tools.deploy import deploy
from tools.prune import prune

from tests.support.changes import edit
from tests.support.git import commit, git
from tests.tools.conftest import findings, problems

NAME = "Ben-Epstein-prefect-modal-example"
URL = "https://github.com/Ben-Epstein/prefect-modal"
HASH = "0" * 32
"""The version of a plain `prefect deploy`: a hash of the flow's file."""


@pytest.fixture
def committed(project: Project) -> Project:
    commit(project.root)
    return project


def on_the_server(project: Project, version: str, *, deployed: bool = True) -> None:
    """A server with the project's deployment, from this version."""
    flow = uuid4()
    steps = [{"prefect.deployments.steps.git_clone": {"repository": URL}}]
    found = SimpleNamespace(
        name=NAME, flow_id=flow, pull_steps=steps, version=version, tags=[], job_variables={}
    )
    project.workspace.deployments = [found] if deployed else []  # type: ignore[list-item]
    project.workspace.flows = {flow: "main"}
    project.workspace.client = SimpleNamespace(read_work_pools=lambda limit: [])  # type: ignore[assignment]


def text(project: Project) -> str:
    (found,) = findings(check_deployed, project)
    return f"{found.status}: {found.text}. {found.remedy}".removesuffix(". ")


@pytest.mark.parametrize("version", [HASH, "1a2b3c4d", "", "--version"])
def test_a_version_that_is_no_commit_is_not_taken_for_this_one(
    committed: Project, version: str
) -> None:
    on_the_server(committed, version)
    expected = (
        f"main/{NAME} is deployed, but not from a commit of this project. make prefect-deploy"
    )
    assert text(committed) == f"failed: {expected}"


def test_an_owner_may_record_a_shorter_name_of_the_commit_or_none(committed: Project) -> None:
    head = git(committed.root, "rev-parse", "HEAD")
    from_head = f"passed: {NAME}, from commit {head[:10]}"
    for version in (head, head[:7], f"{head}-dirty"):
        on_the_server(committed, version)
        assert text(committed) == from_head
    git(committed.root, "commit", "--quiet", "--allow-empty", "--message", "More")
    on_the_server(committed, head[:7])
    assert "is deployed from an older commit. make prefect-deploy" in text(committed)
    edit(committed.root / "prefect.yaml", r"    version: .*\n", "")
    without = Project(committed.root)
    on_the_server(without, HASH)
    assert text(without) == f"passed: {NAME}"


def test_off_the_deployed_branch_nothing_is_wrong_and_a_deploy_is_refused(
    committed: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    git(committed.root, "switch", "--quiet", "--create", "feature/retry")
    on_the_server(committed, git(committed.root, "rev-parse", "HEAD"))
    git(committed.root, "commit", "--quiet", "--allow-empty", "--message", "More")
    said = "main is the deployed branch, and this is feature/retry"
    assert text(committed) == f"passed: {said}. make preview"
    assert deploy(committed, force=False) == 1
    refused = f"✗ {said}\n  make preview deploys this one beside production; "
    refused += "make prefect-deploy FORCE=1 deploys it in production\n"
    assert capsys.readouterr().out == refused
    # With PAUSED, it would pause production.
    assert deploy(committed, force=False, paused=True) == 1
    assert capsys.readouterr().out == refused
    # Bootstrap deploys no branch, either.
    on_the_server(committed, "", deployed=False)
    expected = skipped(f"{said}: nothing is deployed yet", "git switch main")
    step = Step("Deployment", check_deployed, fix_deployed)
    assert take(step, committed, set()) == (NEEDED, [expected])
    # A project that has left the template may deploy any branch.
    (committed.root / ".copier-answers.yml").unlink()
    left = Project(committed.root)
    on_the_server(left, "", deployed=False)
    assert text(left) == f"failed: {NAME} is not deployed. make prefect-deploy"


def test_a_deployed_commit_that_is_elsewhere_says_where(committed: Project) -> None:
    folder = committed.root
    git(folder, "switch", "--quiet", "--create", "feature")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "More")
    branch = git(folder, "rev-parse", "HEAD")
    git(folder, "switch", "--quiet", "main")
    on_the_server(committed, branch)
    there = f"failed: main/{NAME} is deployed from {branch[:10]}, which"
    assert problems(check_deployed, committed) == [
        f"{there} is not in main. merge it, or make prefect-deploy FORCE=1"
    ]
    git(folder, "update-ref", "refs/remotes/origin/main", branch)
    assert problems(check_deployed, committed) == [
        f"{there} this checkout does not have. git pull; to roll back: make prefect-deploy FORCE=1"
    ]


def test_a_deployment_that_clones_nothing_can_be_this_projects(committed: Project) -> None:
    on_the_server(committed, HASH)
    committed.workspace.deployments[0].pull_steps = []
    (found,) = taken(committed)
    assert found.text == f"main/{NAME} already exists, and its runs do not clone a repository"
    assert found.remedy.startswith("make prefect-deploy FORCE=1, if it is this project's; or ")


def test_a_branch_that_would_roll_production_back_is_told_so_before_a_force(
    committed: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    git(committed.root, "branch", "feature/stale")
    git(committed.root, "commit", "--quiet", "--allow-empty", "--message", "Newer")
    on_the_server(committed, newer := git(committed.root, "rev-parse", "HEAD"))
    git(committed.root, "switch", "--quiet", "feature/stale")
    assert deploy(committed, force=False) == 1
    branch, _, rollback, _ = capsys.readouterr().out.splitlines()
    assert branch == "✗ main is the deployed branch, and this is feature/stale"
    assert rollback.startswith(f"✗ main/{NAME} is deployed from {newer[:10]}, which is not in ")


def test_a_deployment_that_clones_nothing_is_known_by_its_commit(committed: Project) -> None:
    step = "prefect.deployments.steps.set_working_directory"
    edit(
        committed.root / "prefect.yaml",
        "    paused:",
        f"    pull:\n    - {step}: {{directory: /app}}\n    paused:",
    )
    # The second one goes back to the shared pull.
    for project in (Project(committed.root), committed):
        for version, known in ((git(committed.root, "rev-parse", "HEAD"), True), (HASH, False)):
            on_the_server(project, version)
            project.workspace.deployments[0].pull_steps = [{step: {"directory": "/app"}}]
            assert bool([*taken(project)]) is not known
            assert text(project).startswith("passed: " if known else "failed: ")


@pytest.mark.parametrize("change", ["a conflict", "a file", "a commit", "no step", "nothing"])
def test_what_is_not_pushed_is_not_deployed(
    committed: Project,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    change: str,
) -> None:
    root, said = committed.root, ""
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    monkeypatch.setattr("tools.deploy.deploy_each", lambda _: Outcome())
    git(root, "update-ref", "refs/remotes/origin/main", "HEAD")
    match change:
        case "a conflict":
            (root / "README.md").write_text(f"{'<' * 7} mine\n")
            said = "✗ README.md has conflict markers\n"
        case "a file":
            (root / "README.md").write_text("mine\n")
            said = "✗ uncommitted changes in README.md\n  commit and push\n"
        case "a commit":
            git(root, "commit", "--quiet", "--allow-empty", "--message", "More")
            said = "✗ the last commit is not pushed\n  git push\n"
        case "no step":  # An owner's build step need not require it.
            edit(root / "prefect.yaml", r"git status .*;.*", "true;")
    project = Project(root)
    on_the_server(project, git(root, "rev-parse", "HEAD"))
    assert deploy(project, force=True) == (1 if said else 0)
    assert capsys.readouterr().out.startswith(said)
    # A workflow has only what was pushed.
    monkeypatch.setenv("CI", "true")
    assert deploy(project, force=True) == 0


def test_nothing_is_left_over_while_a_key_may_be_misspelled(
    committed: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    edit(committed.root / "prefect.yaml", "^deployments:", "deployment:")
    project = Project(committed.root)
    on_the_server(project, git(committed.root, "rev-parse", "HEAD"))
    why = "prefect.yaml: Prefect does not know deployment"
    assert problems(check_orphaned, project) == [f"skipped: {why}. fix Keys first"]
    with pytest.raises(CheckSkipped, match=f"^{why}\n  fix Keys first$"):
        prune(project, yes=True)


def test_prune_begins_with_what_keeps_prefect_from_answering(committed: Project) -> None:
    with pytest.raises(
        ActionRequired, match=r"^no API is configured\n  uv run prefect cloud login$"
    ):
        prune(committed, yes=True)
