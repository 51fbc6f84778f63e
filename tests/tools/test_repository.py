"""The project's repository: what containers clone has to be what is here."""

from pathlib import Path

import pytest
from tools.base.project import Project
from tools.base.stop import ActionRequired
from tools.checks.repository import check_commit, check_remote, fix_commit, fix_remote

from tests.support.changes import edit
from tests.support.git import commit, git
from tests.tools.conftest import problems

GITHUB = "https://github.com/Ben-Epstein/prefect-modal"


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The empty repository on GitHub."""
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch", "main", str(tmp_path / "bare"))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", f"url.file://{tmp_path / 'bare'}.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", GITHUB)
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Test")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "test@example.com")
    return tmp_path / "bare"


@pytest.fixture
def connected(project: Project, bare: Path) -> Project:
    """A project that is committed and pushed."""
    (project.root / "uv.lock").touch()
    fix_remote(project)
    fix_commit(project)
    assert problems(check_remote, project) == []
    assert problems(check_commit, project) == []
    return project


def head(folder: Path) -> str:
    return git(folder, "rev-parse", "HEAD")


def test_a_new_project_is_committed_and_pushed(connected: Project, bare: Path) -> None:
    assert git(bare, "rev-parse", "main") == head(connected.root)
    assert git(connected.root, "log", "--format=%s") == "Start from the template"


def test_a_lock_file_that_is_new_is_committed_alone(connected: Project, bare: Path) -> None:
    git(connected.root, "rm", "--quiet", "--cached", "uv.lock")
    git(connected.root, "commit", "--quiet", "--message", "Forget it")
    (connected.root / "README.md").write_text("mine\n")
    assert problems(check_commit, connected) == [
        "failed: uv.lock is not committed, and containers install from it. make bootstrap"
    ]
    fix_commit(connected)
    assert git(connected.root, "show", "--format=%s", "--name-only").split("\n") == [
        "Lock what containers install", "", "uv.lock",
    ]  # fmt: skip
    assert git(bare, "rev-parse", "main") == head(connected.root)


def test_a_change_that_is_not_committed_is_named_and_left(connected: Project) -> None:
    edit(connected.root / "prefect.yaml", "paused: false", "paused: true")
    expected = ["failed: prefect.yaml has changes that are not committed. commit and push"]
    assert problems(check_commit, connected) == expected
    before = head(connected.root)
    fix_commit(connected)
    assert head(connected.root) == before
    assert problems(check_commit, connected) == expected


def test_a_new_file_counts_only_where_a_deploy_is_refused_for_it(connected: Project) -> None:
    (connected.root / "notes.txt").touch()
    assert problems(check_commit, connected) == []
    edit(connected.root / "prefect.yaml", "^      branch: .*", '      commit_sha: "x"')
    commit(connected.root)
    connected.git("push")
    (connected.root / "more.txt").touch()
    assert "more.txt has changes" in problems(check_commit, Project(connected.root))[0]


def test_a_commit_that_is_not_pushed_is_named_and_pushed(connected: Project, bare: Path) -> None:
    git(connected.root, "commit", "--quiet", "--allow-empty", "--message", "More")
    assert problems(check_commit, connected) == [
        "failed: the last commit is not pushed to main, which containers clone. make bootstrap"
    ]
    fix_commit(connected)
    assert git(bare, "rev-parse", "main") == head(connected.root)


@pytest.mark.parametrize(("known", "option"), [(True, ""), (False, "--create ")])
def test_another_branch_is_not_pushed(
    project: Project, bare: Path, known: bool, option: str
) -> None:
    git(project.root, "init", "--quiet", "--initial-branch", "main" if known else "master")
    commit(project.root)
    if known:
        git(project.root, "switch", "--quiet", "--create", "master")
    with pytest.raises(
        ActionRequired, match=f"This is master, containers clone main. git switch {option}main"
    ):
        fix_commit(project)
    assert git(bare, "branch") == ""


def test_a_refused_push_says_what_was_said_and_what_to_do(connected: Project, bare: Path) -> None:
    other = connected.root.parent / "other"
    git(bare.parent, "clone", "--quiet", str(bare), str(other))
    git(other, "commit", "--quiet", "--allow-empty", "--message", "Theirs")
    git(other, "push", "--quiet")
    git(connected.root, "commit", "--quiet", "--allow-empty", "--message", "Mine")
    with pytest.raises(
        ActionRequired, match=r"failed to push some refs.*git pull --rebase origin main$"
    ):
        fix_commit(connected)
    bare.rename(bare.with_suffix(".gone"))
    with pytest.raises(ActionRequired, match=r"^git push.*gh auth setup-git"):
        fix_commit(connected)


def test_without_a_name_git_cannot_commit(
    project: Project, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_AUTHOR_NAME", "")
    monkeypatch.setenv("GIT_COMMITTER_NAME", "")
    fix_remote(project)
    with pytest.raises(ActionRequired, match=r"git config --global user\.name NAME"):
        fix_commit(project)


@pytest.mark.parametrize(
    "origin",
    ["ssh://git@ssh.github.com:443/Ben-Epstein/prefect-modal.git",
     "git@work:ben-epstein/prefect-modal", "https://GitHub.com/Ben-Epstein/prefect-modal.git/"],
)  # fmt: skip
def test_the_remote_is_known_in_every_form(connected: Project, origin: str) -> None:
    git(connected.root, "remote", "set-url", "origin", origin)
    assert problems(check_remote, connected) == []


def test_another_remote_is_named_and_left(connected: Project) -> None:
    git(connected.root, "remote", "set-url", "origin", "git@github.com:acme/other.git")
    expected = (
        "failed: origin is github.com/acme/other, not github.com/Ben-Epstein/prefect-modal. "
        f"git remote set-url origin {GITHUB}"
    )
    assert problems(check_remote, connected) == [expected]
    fix_remote(connected)
    assert problems(check_remote, connected) == [expected]


def test_a_missing_remote_is_added(project: Project) -> None:
    assert problems(check_remote, project) == [
        "failed: there is no remote called origin. make bootstrap"
    ]
    fix_remote(project)
    assert git(project.root, "remote", "get-url", "origin") == GITHUB
    assert git(project.root, "symbolic-ref", "--short", "HEAD") == "main"
