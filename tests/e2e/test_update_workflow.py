"""The rendered update workflow turns a release of the template into one pull request.

Twice the whole of it runs unmodified on act, with the Copier that it installs. What decides about
the pull request is in the last step, which then runs alone, with what the steps before it left behind.
"""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.stand_ins.actions import Done, Job, run_workflow
from tests.stand_ins.github import GitHub, serve_github
from tests.stand_ins.github_api import NO_DRAFTS, NO_PULLS
from tests.support.copier import URL, copier, data, published
from tests.support.environment import UV_CACHE, clean_environment
from tests.support.git import commit, git
from tests.support.repository import ROOT, export, tree

pytestmark = pytest.mark.e2e
BRANCH = "refs/heads/template-update"
Change = tuple[str, str, str]

# The line of the README that both sides change where an update is to conflict.
OURS = ("README.md", "## Everyday commands", "## Our commands")
THEIRS = ("template/README.md.jinja", "## Everyday commands", "## All commands")
LOCKED = '{ name = "anyio", specifier = "<200" }'
WORKFLOW_CHANGE = ("template/.github/workflows/ci.yaml", "name: CI\n", "name: Checks\n")

LOOK, UPDATE, DESCRIBE = "Look for a newer release", "Update", "Describe the update"
OPEN = "Open or refresh the pull request"


@dataclass
class Project:
    """A project on GitHub, with a template that makes releases."""

    folder: Path
    github: GitHub
    environment: dict[str, str]
    """What a runner has besides git; uv and Copier it has not."""
    token: str
    """The built-in token of its workflows."""
    own_token: str
    """The token that its owner may add as the secret TEMPLATE_UPDATE_TOKEN."""

    @property
    def repository(self) -> Path:
        return self.github.repository("acme/flows")

    def release(self, version: str, *changes: Change) -> None:
        """Release the template with one more constraint, and with these changes."""
        constraints = "constraint-dependencies = [\n"
        bound = f'{constraints}    "anyio<{version[1:].replace(".", "")}",\n'
        section = f'## {version}\n\n- New in `{version}`: "$HOME" 😀\n\n## '
        changes += (("template/pyproject.toml.jinja", constraints, bound),)
        changes += (("CHANGELOG.md", "## ", section),)
        for change in changes:
            edit(self.folder / "template", *change)
        commit(self.folder / "template", tag=version)

    def push(self, *change: str, branch: str = "main") -> None:
        """Somebody changes a file on a branch."""
        edit(clone := self.clone(branch), *change)
        commit(clone)
        git(clone, "push", "--quiet", f"file://{self.repository}", f"HEAD:{branch}")

    def clone(self, branch: str) -> Path:
        """A branch, checked out as the workflow does it: without history or credentials."""
        folder = self.folder / f"{branch}{len(list(self.folder.glob(f'{branch}*')))}"
        origin = f"file://{self.repository}"
        git(self.folder, "clone", "-q", "--depth", "1", "--branch", branch, origin, str(folder))
        git(folder, "remote", "set-url", "origin", "https://github.com/acme/flows")
        return folder

    def on_act(self, with_own_token: bool = False) -> Done:
        """Run the whole workflow; it never shows a token, not even one that the runner masks."""
        handed = {"GITHUB_TOKEN": self.token}
        if with_own_token:
            handed["TEMPLATE_UPDATE_TOKEN"] = self.own_token
        checkout = self.clone("main")
        done = run_workflow(checkout, "schedule", "template_update.yaml", self.environment, handed)
        assert "***" not in done.stdout
        return self._without_tokens(done)

    def job(
        self, checkout: Path | None = None, event: str = "schedule", with_own_token: bool = False
    ) -> Job:
        """The workflow's job, on a runner that has uv and Copier."""
        token = self.own_token if with_own_token else self.token
        expressions = {
            "github.repository": "acme/flows",
            "github.server_url": "https://github.com",
            "secrets.TEMPLATE_UPDATE_TOKEN != ''": str(with_own_token).lower(),
            "secrets.TEMPLATE_UPDATE_TOKEN || github.token": token,
        }
        environment = self.environment | {"PATH": clean_environment()["PATH"]}
        checkout = checkout or self.clone("main")
        return Job(checkout, "template_update.yaml", environment, expressions, event)

    def run(self, *steps: str) -> tuple[Done, Job]:
        """Run steps of the workflow in a fresh checkout."""
        job = self.job()
        return self._without_tokens(job.run(*steps)), job

    def offer(
        self,
        version: str = "v2.0.0",
        change: Change | None = None,
        event: str = "schedule",
        with_own_token: bool = False,
    ) -> Done:
        """Run the last step alone, as if the update that is prepared were this version's."""
        checkout = self.folder / f"job{len(list(self.folder.glob('job*')))}"
        shutil.copytree(self.folder / "prepared", checkout)
        shutil.copytree(self.folder / "prepared-temp", f"{checkout}-temp")
        if change:
            edit(checkout, *change)
        message = f"Update from the template: v1.0.0 to {version}"
        commit_as_bot(checkout, "--amend", "--message", message)
        job = self.job(checkout, event, with_own_token)
        job.expressions["steps.release.outputs.newer"] = "true"
        job.expressions["steps.update.outputs.after"] = version
        return self._without_tokens(job.run(OPEN))

    def _without_tokens(self, done: Done) -> Done:
        assert [word for word in (self.token, self.own_token) if word in done.stdout] == []
        return done

    def branches(self) -> dict[str, str]:
        """The commits of all branches."""
        lines = git(self.repository, "for-each-ref", "--format=%(refname) %(objectname)")
        return dict(line.split() for line in lines.splitlines())

    def writes(self) -> list[str]:
        """The requests that were to change something."""
        return [
            f"{request.method} {request.path} {request.body!r}"
            for request in self.github.requests
            if request.method != "GET" and "upload-pack" not in request.path
        ]


def edit(folder: Path, name: str, old: str, new: str) -> None:
    text = (folder / name).read_text()
    assert old in text
    (folder / name).write_text(text.replace(old, new, 1))


def commit_as_bot(folder: Path, *options: str) -> None:
    """Commit all changes as a workflow does it."""
    bot = {"NAME": "github-actions[bot]", "EMAIL": git(folder, "log", "-1", "--format=%ae")}
    roles = [(role, key) for role in ("AUTHOR", "COMMITTER") for key in bot]
    env = clean_environment(**{f"GIT_{role}_{key}": bot[key] for role, key in roles})
    subprocess.run(["git", "commit", "--quiet", "--all", *options], cwd=folder, env=env, check=True)


@pytest.fixture(scope="session")
def beginning(tmp_path_factory: pytest.TempPathFactory, newest_python: tuple[str, str]) -> Path:
    """The state in which the project has just been made from the template's release v1.0.0."""
    state = tmp_path_factory.mktemp("beginning")
    template = export(state / "template")
    (template / "CHANGELOG.md").write_text("# What is new\n\n## v1.0.0\n\nThe first.\n")
    commit(template, tag="v1.0.0")
    answers: dict[str, object] = {"repo_url": "acme/flows", "python_version": newest_python[0]}
    laptop = tmp_path_factory.mktemp("laptop")
    env = published(template, UV_PYTHON=newest_python[1])
    done = copier("copy", "--defaults", *data(answers), URL, str(laptop), env=env)
    assert done.returncode == 0, done.stderr
    subprocess.run(["uv", "lock", "--quiet"], cwd=laptop, env=env, check=True)
    commit(laptop)
    (state / "repositories/acme").mkdir(parents=True)
    git(state, "clone", "--quiet", "--bare", str(laptop), "repositories/acme/flows")
    return state


@contextmanager
def copied(folder: Path, state: Path, python: str) -> Iterator[Project]:
    """A project whose repository and template are copies of those in `state`."""
    shutil.copytree(state, folder, dirs_exist_ok=True)
    (tools := folder / "tools").mkdir()
    (tools / "gh").symlink_to(ROOT / ".venv/bin/gh")
    # Not a link: through one, a Python that was moved does not find its own library.
    (tools / "python3").write_text(f'#!/bin/sh\nexec {python} "$@"\n')
    (tools / "python3").chmod(0o755)
    (home := folder / "home").mkdir()
    with serve_github(folder) as github:
        environment = (
            published(folder / "template")
            | github.environment()
            | {
                "PATH": clean_environment()["PATH"].replace(str(ROOT / ".venv/bin"), str(tools)),
                "HOME": str(home),
                "XDG_CACHE_HOME": str(home / ".cache"),
                "PIP_CACHE_DIR": str(UV_CACHE.with_name("pip")),
                "UV_CACHE_DIR": str(UV_CACHE),
                "UV_PYTHON": python,
            }
        )
        yield Project(folder, github, environment, github.add_token(), github.add_token())


@pytest.fixture
def project(beginning: Path, newest_python: tuple[str, str], tmp_path: Path) -> Iterator[Project]:
    """A project of the release v1.0.0, of which there is no later one yet."""
    with copied(tmp_path, beginning, newest_python[1]) as project:
        yield project


# From a release to what the last step finds.


def test_a_release_becomes_a_pull_request_that_is_a_fresh_render_with_a_fresh_lock(
    project: Project,
) -> None:
    before = project.branches()
    project.release("v1.1.0")
    project.release("v2.0.0", ("template/.gitignore", "__pycache__/", "build/\n__pycache__/"))
    done = project.on_act()
    assert done.returncode == 0, done.stdout

    (pull,) = project.github.pulls
    assert (pull["head"], pull["base"], pull["draft"]) == ("template-update", "main", False)
    assert pull["title"] == "Update from the template to v2.0.0"
    introduction, *sections = pull["body"].split("\n## ")
    assert "from v1.0.0 to v2.0.0" in introduction
    assert "close it and open it again" in introduction
    assert "onflict" not in introduction
    assert "uv.lock" not in introduction
    assert [section.strip() for section in sections] == [
        f'{version}\n\n- New in `{version}`: "$HOME" 😀' for version in ("v2.0.0", "v1.1.0")
    ]
    assert project.branches() == before | {BRANCH: project.branches()[BRANCH]}

    branch, fresh = project.clone("template-update"), project.folder / "fresh"
    answers = ["--data-file", str(branch / ".copier-answers.yml"), URL, str(fresh)]
    done = copier("copy", "--quiet", "--defaults", *answers, env=project.environment)
    assert done.returncode == 0, done.stderr
    made = tree(branch)
    assert LOCKED.encode() in made.pop("uv.lock")
    assert made == tree(fresh)
    assert b"build/" in made[".gitignore"]
    env = clean_environment(UV_PYTHON=project.environment["UV_PYTHON"])
    subprocess.run(["uv", "lock", "--quiet", "--check"], cwd=branch, env=env, check=True)


def test_the_token_of_the_owner_is_the_one_that_is_used(project: Project) -> None:
    del project.github.rights[project.token]
    project.release("v2.0.0", WORKFLOW_CHANGE)
    done = project.on_act(with_own_token=True)
    assert done.returncode == 0, done.stdout
    assert {request.token for request in project.github.requests} == {project.own_token}
    (pull,) = project.github.pulls
    assert "close it and open it again" not in pull["body"]
    workflow = project.clone("template-update") / ".github/workflows/ci.yaml"
    assert workflow.read_text().startswith("name: Checks\n")


def test_without_a_newer_release_nothing_happens(project: Project) -> None:
    before = project.branches()
    done, _ = project.run(LOOK, UPDATE, DESCRIBE, OPEN)
    assert done.returncode == 0, done.stdout
    assert "up-to-date" in done.stdout
    assert project.github.requests == []
    assert project.branches() == before


def test_a_conflict_in_what_the_lock_is_made_from_leaves_the_lock_alone(project: Project) -> None:
    constraints = "constraint-dependencies = [\n"
    project.push("pyproject.toml", constraints, f'{constraints}    "mine<9",\n')
    project.release("v2.0.0")
    done, job = project.run(LOOK, UPDATE)
    assert done.returncode == 0, done.stdout
    assert (job.temp / "conflicts").read_text() == "pyproject.toml\n"
    assert not (job.temp / "unlocked").exists()
    assert LOCKED not in (job.checkout / "uv.lock").read_text()


def test_an_update_that_cannot_be_locked_becomes_a_draft_that_says_what_to_do(
    project: Project,
) -> None:
    project.push("pyproject.toml", '["prefect"]', '["prefect>=3.8.5"]')
    project.release(
        "v2.0.0", ("template/pyproject.toml.jinja", "prefect>=3.8,<4", "prefect>=3.8,<3.8.3")
    )
    done, job = project.run(LOOK, UPDATE, DESCRIBE, OPEN)
    assert done.returncode == 0, done.stdout
    (pull,) = project.github.pulls
    assert pull["draft"]
    assert "**Lock again first.** `uv.lock` could not be made again." in pull["body"]
    assert "Check out the branch `template-update` and run `uv lock`" in pull["body"]
    assert "onflict" not in pull["body"]
    pyproject = (job.checkout / "pyproject.toml").read_text()
    assert '["prefect>=3.8.5"]' in pyproject
    assert '"prefect>=3.8,<3.8.3",' in pyproject
    assert LOCKED not in (job.checkout / "uv.lock").read_text()


def test_an_update_that_copier_cannot_make_fails_with_its_reason(project: Project) -> None:
    before = project.branches()
    question = "team:\n  type: str\n  validator: \"{{ '' if team else 'Say who you are.' }}\"\n\n"
    project.release("v2.0.0", ("copier.yml", "package_name:\n", f"{question}package_name:\n"))
    done, _ = project.run(LOOK, UPDATE, DESCRIBE, OPEN)
    assert done.returncode != 0
    assert 'Question "team" is required' in done.stdout
    assert project.github.requests == []
    assert project.branches() == before


def test_a_template_that_cannot_be_reached_fails_with_the_reason(project: Project) -> None:
    shutil.rmtree(project.folder / "template/.git")
    done, _ = project.run(LOOK, UPDATE, DESCRIBE, OPEN)
    assert done.returncode != 0
    assert "does not appear to be a git repository" in done.stdout
    assert project.github.requests == []


# From there to the pull request: the last step.


def prepare(folder: Path, beginning: Path, python: str, *changes: Change) -> Path:
    """The state in which v2.0.0 has come and only the last step is left."""
    with copied(folder, beginning, python) as project:
        for change in changes:
            project.push(*change)
        project.release("v1.1.0")
        project.release("v2.0.0", THEIRS)
        done, job = project.run(LOOK, UPDATE, DESCRIBE)
        assert done.returncode == 0, done.stdout
    (state := folder / "state").mkdir()
    for name in ("template", "repositories"):
        (folder / name).rename(state / name)
    job.checkout.rename(state / "prepared")
    job.temp.rename(state / "prepared-temp")
    return state


@pytest.fixture(scope="session")
def prepared(
    beginning: Path, newest_python: tuple[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    return prepare(tmp_path_factory.mktemp("prepared"), beginning, newest_python[1])


@pytest.fixture(scope="session")
def prepared_with_conflict(
    beginning: Path, newest_python: tuple[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    return prepare(tmp_path_factory.mktemp("prepared"), beginning, newest_python[1], OURS)


@pytest.fixture
def updated(prepared: Path, newest_python: tuple[str, str], tmp_path: Path) -> Iterator[Project]:
    """A project of v1.0.0, and the update to v2.0.0 that is to be offered."""
    with copied(tmp_path, prepared, newest_python[1]) as project:
        yield project


@pytest.fixture
def updated_with_conflict(
    prepared_with_conflict: Path, newest_python: tuple[str, str], tmp_path: Path
) -> Iterator[Project]:
    """Such a project, whose README is in conflict."""
    with copied(tmp_path, prepared_with_conflict, newest_python[1]) as project:
        yield project


def offer_before(project: Project) -> dict[str, Any]:
    """Open the pull request of v1.1.0, which the next release then meets."""
    done = project.offer("v1.1.0")
    assert done.returncode == 0, done.stdout
    (pull,) = project.github.pulls
    project.github.requests.clear()
    return pull


def test_a_conflict_becomes_a_draft_that_names_the_file(updated_with_conflict: Project) -> None:
    project = updated_with_conflict
    before = project.branches()
    done = project.offer()
    assert done.returncode == 0, done.stdout
    (pull,) = project.github.pulls
    assert pull["draft"]
    assert "Resolve the conflicts first" in pull["body"]
    assert [line for line in pull["body"].splitlines() if line.startswith("- `")] == [
        "- `README.md`"
    ]
    assert project.branches() == before | {BRANCH: project.branches()[BRANCH]}
    branch = project.clone("template-update")
    assert "\n<<<<<<< " in (branch / "README.md").read_text()
    assert LOCKED in (branch / "uv.lock").read_text()


def test_where_there_are_no_drafts_a_conflict_becomes_an_ordinary_pull_request(
    updated_with_conflict: Project,
) -> None:
    project = updated_with_conflict
    project.github.refusals = {NO_DRAFTS}
    done = project.offer()
    assert done.returncode == 0, done.stdout
    (pull,) = project.github.pulls
    assert not pull["draft"]
    assert "- `README.md`\n" in pull["body"]


def test_from_a_commit_between_two_releases_what_is_new_begins_at_the_release_before(
    updated: Project,
) -> None:
    job = updated.job(updated.folder / "prepared")
    job.expressions |= {
        "steps.release.outputs.newer": "true",
        "steps.update.outputs.before": "v1.1.0-1-gabc1234",
        "steps.update.outputs.after": "v2.0.0",
    }
    shutil.rmtree(job.temp / "template")
    done = job.run(DESCRIBE)
    assert done.returncode == 0, done.stdout
    body = (job.temp / "body.md").read_text()
    assert "from v1.1.0-1-gabc1234 to v2.0.0" in body
    assert [line for line in body.splitlines() if line.startswith("## ")] == ["## v2.0.0"]


def test_an_open_pull_request_with_the_same_release_stays_as_it_is(updated: Project) -> None:
    pull = offer_before(updated)
    # Its reviewers may have titles of their own.
    pull["title"] = "chore: go to v1.1.0 of the template"
    before = updated.branches()
    done = updated.offer("v1.1.0", event="workflow_dispatch")
    assert done.returncode == 0, done.stdout
    assert "Pull request 1, which is open, has this update already." in done.stdout
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
    # One commit on top of the default branch, whatever was there before.
    assert git(project.repository, "rev-parse", f"{BRANCH}^") == after["refs/heads/main"]


def test_an_open_pull_request_is_refreshed_by_the_next_release(updated: Project) -> None:
    pull = offer_before(updated)
    pull |= {"draft": True, "title": "Ours", "body": "Old"}
    assert_it_is_refreshed(updated)
    assert not pull["draft"]


def test_an_open_pull_request_with_a_new_conflict_becomes_a_draft_before_the_push(
    updated_with_conflict: Project,
) -> None:
    project = updated_with_conflict
    pull = offer_before(project)
    pull |= {"draft": False, "body": "Old"}
    assert_it_is_refreshed(project)
    assert pull["draft"]
    assert "- `README.md`\n" in pull["body"]
    # What is in conflict can at no time be merged.
    steps = " ".join(project.writes())
    assert steps.index("ConvertPullRequestToDraft") < steps.index("git-receive-pack")


def test_where_there_are_no_drafts_a_pull_request_is_refreshed_all_the_same(
    updated_with_conflict: Project,
) -> None:
    project = updated_with_conflict
    project.github.refusals = {NO_DRAFTS}
    offer_before(project)
    assert_it_is_refreshed(project)


def test_an_open_pull_request_is_refreshed_though_a_later_one_is_closed(updated: Project) -> None:
    later = {"title": "Update from the template to v2.0.0", "draft": False}
    pull = offer_before(updated)
    updated.github.pulls.append(pull | later | {"number": 2, "state": "closed"})
    assert_it_is_refreshed(updated)
    assert [pull["state"] for pull in updated.github.pulls] == ["open", "closed"]


def assert_the_branch_is_left_alone(project: Project) -> None:
    """What a further release meets where others have committed to the pull request's branch."""
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
    # One that formats, say: it commits as the same bot.
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
    assert "Pull request 1, which is closed, has this update already." in done.stdout
    assert updated.writes() == []
    done = updated.offer("v1.1.0", event="workflow_dispatch")
    assert done.returncode == 0, done.stdout
    assert [pull["state"] for pull in updated.github.pulls] == ["closed", "open"]


def test_a_changed_workflow_file_needs_a_token_of_the_owner(updated: Project) -> None:
    before = updated.branches()
    done = updated.offer(change=(".github/workflows/ci.yaml", "name: CI\n", "name: Checks\n"))
    assert done.returncode != 0
    assert (
        "changes .github/workflows, which GitHub allows only to a token of your own" in done.stdout
    )
    assert "at https://github.com/settings/personal-access-tokens/new for" in done.stdout
    assert "read and write access to Contents, Pull requests and Workflows." in done.stdout
    settings = "https://github.com/acme/flows/settings/secrets/actions"
    assert f"secret TEMPLATE_UPDATE_TOKEN at {settings}." in done.stdout
    assert updated.writes() == []
    assert updated.branches() == before


def test_an_expired_token_of_the_owner_is_named(updated: Project) -> None:
    del updated.github.rights[updated.own_token]
    before = updated.branches()
    done = updated.offer(with_own_token=True)
    assert done.returncode != 0
    assert "token in the secret TEMPLATE_UPDATE_TOKEN has expired, or may not do" in done.stdout
    assert "https://github.com/settings/personal-access-tokens/new" in done.stdout
    assert updated.branches() == before


def test_where_pull_requests_are_forbidden_the_setting_is_named(updated: Project) -> None:
    updated.github.refusals = {NO_PULLS}
    done = updated.offer()
    assert done.returncode != 0
    assert NO_PULLS[1] in done.stdout
    assert 'Tick "Allow GitHub Actions to create and approve pull requests"' in done.stdout
    assert "at https://github.com/acme/flows/settings/actions." in done.stdout
    assert updated.github.pulls == []
