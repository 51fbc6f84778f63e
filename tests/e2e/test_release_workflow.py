"""This repository's release workflow: the changelog decides what is released.

Once the whole of it runs unmodified on act; what decides is its last step, which then runs alone.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.stand_ins.actions import Done, Job, run_workflow
from tests.stand_ins.github import GitHub, serve_github
from tests.stand_ins.github_api import NO_TAGS, PUSH
from tests.support.environment import clean_environment
from tests.support.git import commit, git
from tests.support.releases import releases
from tests.support.repository import ROOT

pytestmark = pytest.mark.e2e
FIRST = '## v0.1.0\n\n- The first `thing`: "$HOME" 😀\n'
SECOND = "## v0.2.0\n\n### Yours\n\n- The second.\n\nNothing to do.\n"
THIRD = "## v0.10.0\n\n- The third.\n"


@dataclass
class Repository:
    """This repository on GitHub, with a changelog of its own."""

    folder: Path
    github: GitHub
    environment: dict[str, str]
    token: str

    @property
    def bare(self) -> Path:
        return self.github.repository("acme/flows")

    def commit(self, *sections: str) -> str:
        """Commit a changelog with these sections, and return the commit."""
        (self.folder / "CHANGELOG.md").write_text("\n".join(["# Changelog\n", *sections]))
        commit(self.folder)
        return git(self.folder, "rev-parse", "HEAD")

    def check_out(self, branch: str = "main") -> Path:
        """Push, and make a fresh checkout with all history and tags."""
        git(self.folder, "push", "--quiet", f"file://{self.bare}", f"HEAD:{branch}")
        checkout = self.folder.with_name(f"checkout{len(list(self.folder.parent.glob('check*')))}")
        git(self.folder, "clone", "-q", "--branch", branch, f"file://{self.bare}", str(checkout))
        git(checkout, "remote", "set-url", "origin", "https://github.com/acme/flows")
        return checkout

    def passed(self, *commits: str) -> None:
        """Mark earlier commits as having passed CI."""
        for each in commits:
            self.github.add_run("ci.yaml", "success", head_sha=each)

    def on_act(self, branch: str) -> Done:
        handed = {"GITHUB_TOKEN": self.token}
        checkout = self.check_out(branch)
        return run_workflow(checkout, "push", "release.yaml", self.environment, handed)

    def release(self) -> Done:
        """Push, and run the release step as if CI had passed for this commit."""
        job = Job(self.check_out(), "release.yaml", self.environment, {"github.token": self.token})
        done = job.run("Tag and publish")
        assert self.token not in done.stdout
        return done

    def tags(self) -> dict[str, str]:
        """The commits of all tags."""
        lines = git(self.bare, "tag", "--format=%(refname:short) %(objectname)")
        return dict(line.split() for line in lines.splitlines())

    def published(self) -> dict[str, str]:
        """The texts of all releases, in the order of creation."""
        return {release["tag_name"]: release["body"].strip() for release in self.github.releases}


def text(section: str) -> str:
    """What is below the heading."""
    return section.partition("\n")[2].strip()


def what_ci_runs(folder: Path, command: str) -> None:
    (program := folder / ".ci/run").parent.mkdir(exist_ok=True)
    program.write_text(f"#!/bin/sh\n{command}\n")
    program.chmod(0o755)


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    folder = tmp_path / "laptop"
    (workflows := folder / ".github/workflows").mkdir(parents=True)
    for name in ("ci.yaml", "release.yaml"):
        shutil.copy(ROOT / ".github/workflows" / name, workflows)
    what_ci_runs(folder, "exit 0")
    commit(folder)
    (home := tmp_path / "home").mkdir()
    with serve_github(tmp_path) as github:
        git(folder, "push", "--quiet", str(github.create("acme/flows")), "main")
        environment = clean_environment(HOME=str(home), XDG_CACHE_HOME=str(home / ".cache"))
        token = github.add_token(PUSH | {"actions: read"})
        yield Repository(folder, github, environment | github.environment(), token)


def test_a_push_to_main_that_ci_passes_releases_and_nothing_else(repository: Repository) -> None:
    first = repository.commit(FIRST)
    repository.on_act("other")
    assert repository.tags() == {}
    assert repository.github.requests == []
    done = repository.on_act("main")
    assert done.returncode == 0, done.stdout
    assert repository.tags() == {"v0.1.0": first}

    repository.github.requests.clear()
    what_ci_runs(repository.folder, "echo 1 failed; exit 1")
    repository.commit(SECOND, FIRST)
    done = repository.on_act("main")
    assert done.returncode != 0
    assert "1 failed" in done.stdout
    assert repository.github.requests == []
    assert repository.tags() == {"v0.1.0": first}
    assert repository.token not in done.stdout


def test_a_new_heading_is_tagged_and_its_section_published(repository: Repository) -> None:
    first = repository.commit(FIRST)
    done = repository.release()
    assert done.returncode == 0, done.stdout
    assert repository.tags() == {"v0.1.0": first}
    second = repository.commit(SECOND, FIRST)
    done = repository.release()
    assert done.returncode == 0, done.stdout
    assert repository.tags() == {"v0.1.0": first, "v0.2.0": second}
    assert repository.published() == {"v0.1.0": text(FIRST), "v0.2.0": text(SECOND)}
    assert [release["name"] for release in repository.github.releases] == ["v0.1.0", "v0.2.0"]


def test_all_headings_without_a_release_get_theirs_oldest_first(repository: Repository) -> None:
    first = repository.commit(FIRST)
    assert repository.release().returncode == 0
    second = repository.commit(SECOND, FIRST)
    third = repository.commit(THIRD, SECOND, FIRST)
    repository.commit(THIRD, SECOND.replace("second", "second one"), FIRST)
    repository.passed(second, third)
    done = repository.release()
    assert done.returncode == 0, done.stdout
    assert repository.tags() == {"v0.1.0": first, "v0.2.0": second, "v0.10.0": third}
    assert repository.tags() == releases(repository.folder)
    assert list(repository.published().items()) == [
        ("v0.1.0", text(FIRST)),
        ("v0.2.0", text(SECOND.replace("second", "second one"))),
        ("v0.10.0", text(THIRD)),
    ]


def test_the_commit_that_added_the_heading_is_the_release(repository: Repository) -> None:
    added = repository.commit(FIRST)
    repository.commit(FIRST.replace("thing", "good thing"))
    repository.passed(added)
    done = repository.release()
    assert done.returncode == 0, done.stdout
    assert repository.tags() == {"v0.1.0": added}
    assert "The first `good thing`" in repository.published()["v0.1.0"]


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
    assert repository.tags() == releases(repository.folder)


def test_running_it_again_changes_nothing(repository: Repository) -> None:
    repository.commit(SECOND, FIRST)
    assert repository.release().returncode == 0
    before = repository.tags(), repository.published()
    repository.github.requests.clear()
    repository.commit(SECOND + "\nAnd a late word.\n", FIRST)
    done = repository.release()
    assert done.returncode == 0, done.stdout
    assert "v0.2.0 is released already." in done.stdout
    assert (repository.tags(), repository.published()) == before
    assert {request.method for request in repository.github.requests} == {"GET"}


def test_a_tag_without_a_release_gets_one_and_stays_where_it_is(repository: Repository) -> None:
    elsewhere = git(repository.folder, "rev-parse", "HEAD")
    git(repository.bare, "tag", "--annotate", "--message", "By hand", "v0.1.0", elsewhere)
    repository.commit(FIRST)
    # People get the tag, so its commit counts.
    assert repository.release().returncode != 0
    assert repository.published() == {}
    repository.passed(elsewhere)
    done = repository.release()
    assert done.returncode == 0, done.stdout
    assert git(repository.bare, "rev-parse", "v0.1.0^{commit}") == elsewhere
    assert repository.published() == {"v0.1.0": text(FIRST)}
    assert "target_commitish" not in repository.github.releases[0]


def test_a_tag_that_github_refuses_can_be_pushed_by_hand(repository: Repository) -> None:
    repository.github.refusals = {NO_TAGS}
    first = repository.commit(FIRST)
    second = repository.commit(SECOND, FIRST)
    repository.passed(first)
    done = repository.release()
    assert done.returncode != 0
    command = f"git tag v0.1.0 {first} && git push origin v0.1.0"
    assert f"Type: {command}. Then run this workflow again." in done.stdout
    assert repository.tags() == {}

    for version, change in (("v0.1.0", first), ("v0.2.0", second)):
        git(repository.bare, "tag", version, change)
    done = repository.release()
    assert done.returncode == 0, done.stdout
    assert list(repository.published()) == ["v0.1.0", "v0.2.0"]


def test_a_commit_that_ci_has_not_passed_is_not_released_and_holds_up_no_other(
    repository: Repository,
) -> None:
    first = repository.commit(FIRST)
    add_run = repository.github.add_run
    # CI has passed for another commit.
    add_run("ci.yaml", "failure", head_sha=first)
    add_run("ci.yaml", "success", head_sha=first, event="pull_request")
    add_run("ci.yaml", "success", head_sha=first, head_branch="other")
    add_run("release.yaml", "success", head_sha=first)
    second = repository.commit(SECOND, FIRST)
    done = repository.release()
    assert done.returncode != 0
    assert (
        f"::error::v0.1.0 is not released, because CI has not passed on main for its commit {first}."
        in done.stdout
    )
    assert repository.tags() == {"v0.2.0": second}
    assert list(repository.published()) == ["v0.2.0"]
    # It failed by chance and was rerun.
    repository.github.runs[0]["conclusion"] = "success"
    done = repository.release()
    assert done.returncode == 0, done.stdout
    assert repository.tags() == {"v0.1.0": first, "v0.2.0": second}


def test_a_version_whose_ci_fails_is_replaced_by_the_next_one(repository: Repository) -> None:
    repository.commit(FIRST)
    fixed = repository.commit(FIRST.replace("v0.1.0", "v0.1.1"))
    done = repository.release()
    assert done.returncode == 0, done.stdout
    assert repository.tags() == {"v0.1.1": fixed} == releases(repository.folder)


def test_without_an_answer_about_ci_nothing_is_released(repository: Repository) -> None:
    repository.commit(FIRST)
    repository.commit(SECOND, FIRST)
    repository.github.rights[repository.token] = PUSH
    done = repository.release()
    assert done.returncode != 0
    assert "HTTP 403" in done.stdout
    assert repository.tags() == {}


@pytest.mark.parametrize("heading", ["Unreleased", "0.3.0", "v0.3", "v0.3.0-beta", "v0.3.0 (May)"])
@pytest.mark.parametrize("newest", [True, False])
def test_a_heading_that_is_no_version_is_refused(
    repository: Repository, heading: str, newest: bool
) -> None:
    sections = [f"## {heading}\n\nSoon.\n", FIRST]
    repository.commit(*sections if newest else sections[::-1])
    done = repository.release()
    assert done.returncode != 0
    assert f"CHANGELOG.md has the heading '## {heading}'." in done.stdout
    assert "It must be a version, such as '## v1.2.3'." in done.stdout
    assert repository.tags() == {}
    assert repository.github.requests == []
