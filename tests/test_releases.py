"""Updates are tested from every release in the changelog's history."""

from pathlib import Path

import pytest

from tests.support.git import commit, git
from tests.support.releases import releases


def write(repository: Path, *sections: str) -> str:
    """Commit a changelog with these headings, and return the commit."""
    (repository / "CHANGELOG.md").write_text(
        "".join(f"## {title}\n\nText.\n" for title in sections)
    )
    commit(repository)
    return git(repository, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository without a release: it has one commit, and no changelog."""
    (folder := tmp_path / "repository").mkdir()
    (folder / "file").touch()
    commit(folder)
    return folder


def test_a_repository_without_a_changelog_has_no_releases(repository: Path) -> None:
    assert releases(repository) == {}


def test_a_release_is_the_commit_that_added_its_heading(repository: Path) -> None:
    write(repository, "Unreleased")
    first = write(repository, "Unreleased", "v0.9.0")
    second = write(repository, "v0.10.0", "v0.9.0")
    write(repository, "Unreleased", "v0.10.0", "v0.9.0")
    commit(repository)
    assert list(releases(repository).items()) == [("v0.9.0", first), ("v0.10.0", second)]


def test_a_heading_that_came_with_a_merge_releases_the_merge(repository: Path) -> None:
    git(repository, "checkout", "--quiet", "-b", "release")
    write(repository, "v1.0.0")
    git(repository, "checkout", "--quiet", "main")
    (repository / "other").touch()
    commit(repository)
    git(repository, "merge", "--quiet", "--no-ff", "--no-edit", "release")
    assert releases(repository) == {"v1.0.0": git(repository, "rev-parse", "HEAD")}


def test_a_heading_that_is_not_committed_is_the_working_trees(repository: Path) -> None:
    changelog = repository / "CHANGELOG.md"
    changelog.write_text("## v0.1.0\n")
    assert releases(repository) == {}
    first = write(repository, "v0.1.0")
    changelog.write_text(f"## v0.2.0\n\nNew.\n\n{changelog.read_text()}")
    assert releases(repository) == {"v0.1.0": first}
    changelog.write_text("## v0.1.0\n\nA corrected text.\n")
    assert releases(repository) == {"v0.1.0": first}


def test_an_old_heading_that_no_commit_added_is_an_error(repository: Path) -> None:
    write(repository, "v0.2.0")
    (repository / "CHANGELOG.md").write_text("## v0.2.0\n\n## v0.1.0\n")
    with pytest.raises(LookupError, match=r"No commit has added the heading of v0\.1\.0"):
        releases(repository)


def test_a_shallow_clone_is_an_error(repository: Path, tmp_path: Path) -> None:
    write(repository, "v0.1.0")
    git(tmp_path, "clone", "--quiet", "--depth", "1", f"file://{repository}", "shallow")
    with pytest.raises(LookupError, match="git fetch --unshallow"):
        releases(tmp_path / "shallow")
