"""A preview: prefect.yaml at a branch's commit, with other names and no automatic runs."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
import yaml
from tools import preview as command
from tools.base.prefect_deploy import in_place_of
from tools.base.project import Project
from tools.base.stop import ActionRequired
from tools.checks.deployments import check_orphaned
from tools.deploy import all_paused
from tools.preview import as_preview, check_pushed, delete_preview, preview, taken, this_branch

from tests.conftest import Renderer
from tests.support.changes import append, edit
from tests.support.git import commit, git
from tests.tools.conftest import findings, problems

NAME = "Ben-Epstein-prefect-modal-example"
URL = "https://github.com/Ben-Epstein/prefect-modal"
GIT_CLONE = "prefect.deployments.steps.git_clone"
BRANCH = "feature/retry"


@pytest.fixture
def pushed(project: Project, tmp_path: Path) -> Project:
    """The project on its own branch, which is on GitHub."""
    git(tmp_path, "init", "--quiet", "--bare", str(tmp_path / "bare"))
    (project.root / "uv.lock").touch()
    commit(project.root)
    git(project.root, "switch", "--quiet", "--create", BRANCH)
    git(project.root, "remote", "add", "origin", str(tmp_path / "bare"))
    git(project.root, "push", "--quiet", "origin", "HEAD")
    return project


def server(project: Project, **deployed: tuple[str, list[str]]) -> list[str]:
    """A server whose deployments clone an address and have tags; it records deletions."""
    deleted: list[str] = []
    flow = uuid4()
    deployments = [
        SimpleNamespace(
            id=name.replace("__", "--"), name=name.replace("__", "--"), flow_id=flow, tags=tags,
            pull_steps=[{GIT_CLONE: {"repository": repository}}], version="", schedules=[],
        )
        for name, (repository, tags) in deployed.items()
    ]  # fmt: skip
    project.workspace.deployments = deployments  # type: ignore[assignment]
    project.workspace.flows = {flow: "main"}
    project.workspace.client = SimpleNamespace(  # type: ignore[assignment]
        delete_deployment=deleted.append, read_work_pools=lambda limit: []
    )
    return deleted


def of(branch: str) -> list[str]:
    return ["preview", f"branch:{branch}"]


# What is deployed.


@pytest.mark.parametrize("pinned", [True, False])
def test_it_is_the_same_at_its_own_commit_and_starts_no_run(
    render: Renderer, tmp_path: Path, pinned: bool
) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    text = (render(pin_commit=pinned) / "prefect.yaml").read_text()
    (folder / "prefect.yaml").write_text(text)
    commit(folder)
    written = as_preview(Project(folder), BRANCH)
    expected = yaml.safe_load(text)
    (deployment,) = expected["deployments"]
    deployment["name"] += "--feature-retry"
    deployment["paused"] = True
    deployment["tags"] = ["preview", "branch:feature/retry"]
    del deployment["schedules"]
    clone = expected["pull"][0][GIT_CLONE]
    del clone["branch"]
    clone["commit_sha"] = git(folder, "rev-parse", "HEAD")
    assert written == expected
    assert (folder / "prefect.yaml").read_text() == text


def test_nothing_else_starts_a_run_or_an_alarm_and_each_has_its_own_pull_steps(
    project: Project, folder: Path
) -> None:
    clone = f"{{{GIT_CLONE}: {{repository: {URL.lower()}.git, branch: main}}}}"
    append(
        folder / "prefect.yaml",
        "  - name: two\n"
        "    entrypoint: prefect_modal.flows.flow1:main\n"
        "    schedule: {interval: 3600}\n"
        "    triggers: [{enabled: true}]\n"
        "    sla: [{}]\n"
        "    tags: [Ben-Epstein-prefect-modal]\n"
        f"    pull: {clone}\n"
        "    work_pool: *modal\n"
        "  - name: image\n"
        "    pull: []\n"
        "    work_pool: *modal\n"
        "  - entrypoint: unnamed\n",
    )
    commit(folder)
    first, two = as_preview(project, BRANCH)["deployments"]
    assert first["work_pool"] == two.pop("work_pool")
    assert two == {
        "name": "two--feature-retry",
        "entrypoint": "prefect_modal.flows.flow1:main",
        "paused": True,
        "tags": ["preview", "branch:feature/retry"],
        "pull": [
            {
                GIT_CLONE: {
                    "repository": f"{URL.lower()}.git",
                    "commit_sha": git(folder, "rev-parse", "HEAD"),
                }
            }
        ],
    }


@pytest.mark.parametrize(
    ("branch", "name", "tag"),
    [
        ("fix", "fix", "fix"),
        ("dependabot/uv/a_b-1.2", "dependabot-uv-a_b-1.2", "dependabot/uv/a_b-1.2"),
        # Characters that Prefect refuses in names, and placeholders for the environment.
        ("a&b%c<d>", "a-b-c-d-", "a%26b%25c%3Cd%3E"),
        ("{{$HOME}}/😀", "-HOME-", "%7B%7B%24HOME%7D%7D/%F0%9F%98%80"),
    ],
)
def test_every_branch_has_a_name_that_prefect_takes(
    project: Project, branch: str, name: str, tag: str
) -> None:
    commit(project.root)
    (deployment,) = as_preview(project, branch)["deployments"]
    assert deployment["name"] == f"{NAME}--{name}"
    assert deployment["tags"] == ["preview", f"branch:{tag}"]


def test_prefects_command_reads_the_other_file_and_the_project_keeps_its_own(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    def prefect(there: Project, arguments: list[str]) -> tuple[int, str]:
        seen.append((arguments[2:], yaml.safe_load(Path(arguments[1]).read_text())))
        assert arguments[0] == "--prefect-file"
        return 0, ""

    monkeypatch.setattr("tools.base.prefect_deploy.run_and_show", prefect)
    before = (project.root / "prefect.yaml").read_bytes()
    with in_place_of(project, all_paused(project)) as (there, run):
        assert run(there, ["--all"]) == (0, "")
    expected = yaml.safe_load(before)
    expected["deployments"][0]["paused"] = True
    assert seen == [(["--all"], expected)]
    assert there.deployments[0].paused is True
    assert project.deployments[0].paused is False
    assert (project.root / "prefect.yaml").read_bytes() == before


# What is refused.


def test_what_containers_would_not_find_is_not_deployed(pushed: Project) -> None:
    def refusals() -> list[str]:
        return problems(check_pushed, changed)

    changed = Project(pushed.root)
    changed.written_prefect_yaml = as_preview(pushed, BRANCH)
    assert refusals() == []
    append(pushed.root / "README.md", "mine\n")
    assert refusals() == ["failed: uncommitted changes in README.md. commit and push"]
    append(pushed.root / "README.md", f"{'<' * 7} mine\n")
    assert refusals()[0].startswith("failed: README.md has conflict markers. keep the right lines")
    git(pushed.root, "checkout", "--quiet", "README.md")
    append(pushed.root / "README.md", "mine\n")
    commit(pushed.root)
    changed.written_prefect_yaml = as_preview(pushed, BRANCH)
    text = "the last commit is not on any GitHub branch that this clone knows"
    assert refusals() == [f"failed: {text}. git push --set-upstream origin HEAD"]
    git(pushed.root, "push", "--quiet", "origin", "HEAD")
    assert refusals() == []


def test_the_branch_that_is_deployed_has_no_preview(pushed: Project) -> None:
    git(pushed.root, "switch", "--quiet", "main")
    with pytest.raises(ActionRequired, match=r"^Previews are for branches other than main"):
        preview(pushed)


def test_in_actions_the_branch_is_that_of_the_pull_request(
    pushed: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert this_branch(pushed) == BRANCH
    git(pushed.root, "switch", "--quiet", "--detach")
    with pytest.raises(ActionRequired, match="No branch is checked out"):
        this_branch(pushed)
    monkeypatch.setenv("GITHUB_HEAD_REF", "theirs")
    assert this_branch(pushed) == "theirs"


def test_a_project_without_a_deployment_of_its_own_code_has_no_preview(pushed: Project) -> None:
    edit(pushed.root / "prefect.yaml", "^    entrypoint", "    pull: []\n    entrypoint")
    with pytest.raises(ActionRequired, match=r"^No deployment in prefect\.yaml clones this"):
        preview(pushed)


@pytest.mark.parametrize(
    ("repository", "tags", "said"),
    [
        (URL, of(BRANCH), ""),
        (URL, of("feature-retry"), "feature-retry"),
        (URL, [], URL),
        ("https://github.com/other/flows", of(BRANCH), BRANCH),
        ("https://github.com/other/flows", [], "https://github.com/other/flows"),
    ],
)
def test_only_a_preview_of_the_same_branch_is_overwritten(
    pushed: Project, repository: str, tags: list[str], said: str
) -> None:
    changed = Project(pushed.root)
    changed.written_prefect_yaml = as_preview(pushed, BRANCH)
    name = f"{NAME}__feature-retry"
    server(changed, **{name: (repository, tags)})
    text = f"main/{NAME}--feature-retry already exists, from {said}"
    found = [finding.text for finding in taken(changed, BRANCH)]
    assert found == ([text] if said else [])


# What is deleted.


@pytest.mark.parametrize("asked", ["", BRANCH])
def test_all_of_this_branch_and_of_this_repository_is_deleted_and_nothing_else(
    pushed: Project, asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "refused", lambda project, checks: False)
    deleted = server(
        pushed,
        production=(URL, ["Ben-Epstein-prefect-modal"]),
        one=(f"{URL}.git", of(BRANCH)),
        renamed=(URL, [*of(BRANCH), "more"]),
        of_an_owner=(URL, [f"branch:{BRANCH}"]),
        another_branch=(URL, of("feature-retry")),
        another_repository=("https://github.com/other/flows", of(BRANCH)),
    )
    assert delete_preview(pushed, asked) == 0
    assert deleted == ["one", "renamed"]


def test_a_preview_is_not_left_over(pushed: Project) -> None:
    server(pushed, one=(URL, of(BRANCH)), two=(URL, ["preview"]))
    texts = [finding.text for finding in findings(check_orphaned, pushed)]
    assert texts == ["main/two is deployed, but not in prefect.yaml"]
