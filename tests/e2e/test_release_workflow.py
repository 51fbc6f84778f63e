"""This repository's release workflow, unmodified, on act: the changelog decides what is released."""

import secrets
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.github_api import GitHubApi, serve
from tests.e2e.runner import run_workflow
from tests.template import ROOT, clean_environment, commit, git

pytestmark = pytest.mark.e2e
FIRST = '## v0.1.0\n\n- The first `thing`: "$HOME" 😀\n'
SECOND = "## v0.2.0\n\n### Yours\n\n- The second.\n\nNothing to do.\n"


@dataclass
class Repository:
    """This repository on GitHub, with a changelog of its own."""

    folder: Path
    api: GitHubApi
    environment: dict[str, str]

    def commit(self, *sections: str) -> str:
        """Commit a changelog with these sections, and return the commit."""
        (self.folder / "CHANGELOG.md").write_text("\n".join(["# Changelog\n", *sections]))
        commit(self.folder)
        return git(self.folder, "rev-parse", "HEAD")

    def release(self, branch: str = "main") -> subprocess.CompletedProcess[str]:
        """Push, and run the workflow in a fresh checkout, which has all history and tags."""
        git(self.folder, "push", "--quiet", f"file://{self.api.repository}", f"HEAD:{branch}")
        number = len(list(self.folder.parent.glob("checkout*")))
        checkout = self.folder.parent / f"checkout{number}"
        origin = f"file://{self.api.repository}"
        git(self.folder, "clone", "--quiet", "--branch", branch, origin, str(checkout))
        git(checkout, "remote", "set-url", "origin", "https://github.com/acme/flows")
        (token,) = self.api.tokens
        handed = {"GITHUB_TOKEN": token}
        done = run_workflow(checkout, "push", "release.yaml", self.environment, handed)
        assert token not in done.stdout
        return done

    def tags(self) -> dict[str, str]:
        """The commits of all tags."""
        lines = git(self.api.repository, "tag", "--format=%(refname:short) %(objectname)")
        return dict(line.split() for line in lines.splitlines())


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    workflow = Path(".github/workflows/release.yaml")
    (folder := tmp_path / "laptop").mkdir()
    (folder / workflow).parent.mkdir(parents=True)
    shutil.copy(ROOT / workflow, folder / workflow)
    commit(folder)
    git(tmp_path, "clone", "--quiet", "--bare", str(folder), "flows")
    api = GitHubApi(tmp_path / "flows", {f"token-{secrets.token_hex(8)}"})
    (home := tmp_path / "home").mkdir()
    with serve(api, home) as reachable:
        environment = clean_environment(HOME=str(home), XDG_CACHE_HOME=str(home / ".cache"))
        yield Repository(folder, api, environment | reachable)
    assert api.unknown == []


def test_a_new_heading_is_tagged_and_its_section_published(repository: Repository) -> None:
    first = repository.commit(FIRST)
    done = repository.release()
    assert done.returncode == 0, done.stdout
    assert repository.tags() == {"v0.1.0": first}
    second = repository.commit(SECOND, FIRST)
    done = repository.release()
    assert done.returncode == 0, done.stdout
    assert repository.tags() == {"v0.1.0": first, "v0.2.0": second}
    for release, section in zip(repository.api.releases, (FIRST, SECOND), strict=True):
        version, text = section.removeprefix("## ").split("\n", 1)
        assert (release["tag_name"], release["name"]) == (version, version)
        assert release["body"].strip() == text.strip()
        assert release.keys() == {"tag_name", "name", "body"}


def test_the_commit_that_added_the_heading_is_the_release(repository: Repository) -> None:
    repository.commit(FIRST.replace("v0.1.0", "v0.0.1"))
    added = repository.commit(FIRST, FIRST.replace("v0.1.0", "v0.0.1"))
    repository.commit(FIRST.replace("thing", "good thing"))
    done = repository.release()
    assert done.returncode == 0, done.stdout
    assert repository.tags() == {"v0.1.0": added}
    assert "The first `good thing`" in repository.api.releases[0]["body"]


def test_a_heading_that_came_with_a_merge_releases_the_merge(repository: Repository) -> None:
    git(repository.folder, "switch", "--quiet", "--create", "work")
    repository.commit(FIRST)
    git(repository.folder, "switch", "--quiet", "main")
    (repository.folder / "more").write_text("Meanwhile.\n")
    commit(repository.folder)
    git(repository.folder, "merge", "--quiet", "--no-ff", "work")
    done = repository.release()
    assert done.returncode == 0, done.stdout
    assert repository.tags() == {"v0.1.0": git(repository.folder, "rev-parse", "HEAD")}


def test_running_it_again_changes_nothing(repository: Repository) -> None:
    repository.commit(SECOND, FIRST)
    assert repository.release().returncode == 0
    before = repository.tags()
    # The older heading has no tag, and gets none.
    assert list(before) == ["v0.2.0"]
    repository.api.requests.clear()
    repository.commit(SECOND + "\nAnd a late word.\n", FIRST)
    done = repository.release()
    assert done.returncode == 0, done.stdout
    assert "v0.2.0 is released already: nothing to do." in done.stdout
    assert repository.tags() == before
    assert repository.api.requests == []


@pytest.mark.parametrize("heading", ["Unreleased", "0.3.0", "v0.3", "v0.3.0-beta", "v0.3.0 (May)"])
def test_a_heading_that_is_no_version_is_refused(repository: Repository, heading: str) -> None:
    repository.commit(f"## {heading}\n\nSoon.\n", FIRST)
    done = repository.release()
    assert done.returncode != 0
    assert f"The newest heading in CHANGELOG.md is '## {heading}'." in done.stdout
    assert "It must be a version, such as '## v1.2.3'." in done.stdout
    assert repository.tags() == {}
    assert repository.api.requests == []


def test_only_main_is_released(repository: Repository) -> None:
    repository.commit(FIRST)
    repository.release("other")
    assert repository.tags() == {}
    assert repository.api.requests == []
