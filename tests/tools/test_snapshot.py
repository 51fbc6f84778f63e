"""A project's folder as a commit, which `make check` tests."""

from pathlib import Path

import pytest
from tools.base.project import Project
from tools.base.snapshot import snapshot

from tests.support.git import commit, git


@pytest.fixture
def repository(project: Project) -> Path:
    """The project's folder, with a first commit."""
    git(project.root, "init", "--quiet", "--initial-branch", "main")
    (project.root / "old.txt").write_text("old")
    commit(project.root, tag="v1")
    return project.root


def taken(project: Project, tmp_path: Path) -> Project:
    return snapshot(project, tmp_path / "snapshot")


def test_what_is_committed_is_the_same_commit_with_its_history(
    repository: Path, project: Project, tmp_path: Path
) -> None:
    copy = taken(project, tmp_path)
    assert git(copy.root, "rev-parse", "HEAD") == git(repository, "rev-parse", "HEAD")
    assert git(copy.root, "describe", "--tags") == "v1"
    assert "origin/main" in git(copy.root, "branch", "--remotes", "--contains", "HEAD")
    assert git(copy.root, "status", "--porcelain") == ""


def test_what_could_be_committed_is_in_it_and_what_git_ignores_is_not(
    repository: Path, project: Project, tmp_path: Path
) -> None:
    (repository / ".env").write_text("ignored")
    (repository / "new file.txt").write_text("new")
    (repository / "README.md").write_text("changed")
    (repository / "old.txt").unlink()
    (repository / "forced.txt").write_text("forced")
    (repository / ".git/info/exclude").write_text("forced.txt\n")
    git(repository, "add", "--force", "forced.txt")
    before = (
        git(repository, "status", "--porcelain"),
        len(list(repository.glob(".git/objects/*/*"))),
    )
    copy = taken(project, tmp_path)
    assert git(copy.root, "status", "--porcelain") == ""
    assert {each.name for each in copy.root.iterdir()} == (
        {each.name for each in repository.iterdir()} - {".env"}
    )
    assert copy.read("README.md") == "changed"
    # The owner's repository is only read.
    after = git(repository, "status", "--porcelain"), len(list(repository.glob(".git/objects/*/*")))
    assert before == after


def test_neither_hooks_nor_signatures_nor_a_name_are_asked_for(
    repository: Path, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (hook := tmp_path / "hooks/pre-commit").parent.mkdir()
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    settings = f"[core]\nhooksPath = {hook.parent}\n[commit]\ngpgSign = true\n[user]\nuseConfigOnly = true\n"
    (tmp_path / "gitconfig").write_text(settings)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    (repository / "new.txt").write_text("new")
    assert (taken(project, tmp_path).root / "new.txt").exists()


@pytest.mark.parametrize("around", [False, True])
def test_a_folder_without_git_has_one_too(project: Project, tmp_path: Path, around: bool) -> None:
    if around:
        commit(project.root.parent)
    (project.root / ".env").write_text("ignored")
    copy = taken(project, tmp_path)
    assert (copy.root / "prefect.yaml").exists()
    assert not (copy.root / ".env").exists()
    assert not (project.root / ".git").exists()


def test_a_clone_of_one_commit_is_enough(
    repository: Path, project: Project, tmp_path: Path
) -> None:
    (repository / "second.txt").write_text("second")
    commit(repository)
    git(tmp_path, "clone", "--quiet", "--depth", "1", f"file://{repository}", "shallow")
    copy = taken(Project(tmp_path / "shallow"), tmp_path)
    assert (copy.root / "second.txt").exists()
    git(tmp_path, "clone", "--quiet", "--depth", "1", f"file://{copy.root}", "again")
