"""The rendered update workflow, unmodified, on act: a release becomes one pull request."""

import copy
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.stand_ins.actions import run_workflow
from tests.stand_ins.github_api import NO_DRAFTS, NO_PULLS, GitHubApi, serve
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


@dataclass
class Project:
    """A project on GitHub, with a template that makes releases."""

    folder: Path
    api: GitHubApi
    environment: dict[str, str]
    token: str
    """The built-in token of its workflows."""
    own_token: str
    """The token that its owner may add as the secret TEMPLATE_UPDATE_TOKEN."""

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
        git(clone, "push", "--quiet", f"file://{self.api.repository}", f"HEAD:{branch}")

    def clone(self, branch: str) -> Path:
        """A branch, checked out as the workflow does it: without history or credentials."""
        folder = self.folder / f"{branch}{len(list(self.folder.glob(f'{branch}*')))}"
        origin = f"file://{self.api.repository}"
        git(self.folder, "clone", "-q", "--depth", "1", "--branch", branch, origin, str(folder))
        git(folder, "remote", "set-url", "origin", "https://github.com/acme/flows")
        return folder

    def update(
        self, event: str = "schedule", with_own_token: bool = False
    ) -> subprocess.CompletedProcess[str]:
        """Run the workflow, which never shows a token, not even one that the runner masks."""
        handed = {"GITHUB_TOKEN": self.token}
        if with_own_token:
            handed["TEMPLATE_UPDATE_TOKEN"] = self.own_token
        checkout = self.clone("main")
        done = run_workflow(checkout, event, "template_update.yaml", self.environment, handed)
        shown = [word for word in ("***", self.token, self.own_token) if word in done.stdout]
        assert shown == [], done.stdout
        return done

    def branches(self) -> dict[str, str]:
        """The commits of all branches."""
        lines = git(self.api.repository, "for-each-ref", "--format=%(refname) %(objectname)")
        return dict(line.split() for line in lines.splitlines())


def edit(folder: Path, name: str, old: str, new: str) -> None:
    text = (folder / name).read_text()
    assert old in text
    (folder / name).write_text(text.replace(old, new, 1))


@contextmanager
def copied(folder: Path, state: Path, python: str, pulls: list[dict]) -> Iterator[Project]:
    """A project whose repository and template are copies of those in `state`."""
    shutil.copytree(state, folder, dirs_exist_ok=True)
    token, own_token = (f"token-{secrets.token_hex(8)}" for _ in range(2))
    api = GitHubApi(folder / "flows", {token, own_token}, copy.deepcopy(pulls))
    # What a hosted runner has besides git; uv and Copier it has not.
    (tools := folder / "tools").mkdir()
    (tools / "gh").symlink_to(ROOT / ".venv/bin/gh")
    (tools / "python3").symlink_to(python)
    path = clean_environment()["PATH"].replace(str(ROOT / ".venv/bin"), str(tools))
    (home := folder / "home").mkdir()
    with serve(api, home) as reachable:
        environment = (
            published(folder / "template")
            | reachable
            | {
                "PATH": path,
                "HOME": str(home),
                "XDG_CACHE_HOME": str(home / ".cache"),
                "PIP_CACHE_DIR": str(UV_CACHE.with_name("pip")),
                "PIP_NO_COMPILE": "1",
                "UV_CACHE_DIR": str(UV_CACHE),
                "UV_PYTHON": python,
            }
        )
        yield Project(folder, api, environment, token, own_token)
    assert api.unknown == []


@pytest.fixture(scope="session")
def beginning(tmp_path_factory: pytest.TempPathFactory, newest_python: tuple[str, str]) -> Path:
    """The state in which the project has just been made from the template's release v1.0.0."""
    state = tmp_path_factory.mktemp("beginning")
    template = export(state / "template")
    (template / "CHANGELOG.md").write_text("# What is new\n\n## v1.0.0\n\nThe first.\n")
    commit(template, tag="v1.0.0")
    answers = {"repo_url": "acme/flows", "python_version": newest_python[0]}
    laptop = tmp_path_factory.mktemp("laptop")
    env = published(template, UV_PYTHON=newest_python[1])
    done = copier("copy", "--defaults", *data(answers), URL, str(laptop), env=env)
    assert done.returncode == 0, done.stderr
    subprocess.run(["uv", "lock", "--quiet"], cwd=laptop, env=env, check=True)
    commit(laptop)
    git(state, "clone", "--quiet", "--bare", str(laptop), "flows")
    return state


@pytest.fixture
def project(beginning: Path, newest_python: tuple[str, str], tmp_path: Path) -> Iterator[Project]:
    """A project of the release v1.0.0, of which there is no later one yet."""
    with copied(tmp_path, beginning, newest_python[1], []) as project:
        yield project


@pytest.fixture(scope="session")
def offered(
    beginning: Path, newest_python: tuple[str, str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[dict]]:
    """The state after the workflow has opened a pull request for v1.1.0."""
    folder = tmp_path_factory.mktemp("offered")
    with copied(folder, beginning, newest_python[1], []) as project:
        project.release("v1.1.0")
        done = project.update()
        assert done.returncode == 0, done.stdout
    state = tmp_path_factory.mktemp("state")
    for name in ("template", "flows"):
        (folder / name).rename(state / name)
    return state, project.api.pulls


@pytest.fixture
def project_with_pull_request(
    offered: tuple[Path, list[dict]], newest_python: tuple[str, str], tmp_path: Path
) -> Iterator[Project]:
    """A project of v1.0.0 with an open pull request for v1.1.0."""
    with copied(tmp_path, offered[0], newest_python[1], offered[1]) as project:
        yield project


def test_without_a_newer_release_nothing_happens(project: Project) -> None:
    before = project.branches()
    done = project.update()
    assert done.returncode == 0, done.stdout
    assert "up-to-date" in done.stdout
    assert project.api.requests == []
    assert project.branches() == before


def test_a_release_becomes_a_pull_request_with_what_is_new(project: Project) -> None:
    before = project.branches()
    project.release("v1.1.0")
    project.release("v2.0.0", ("template/.gitignore", "__pycache__/", "build/\n__pycache__/"))
    done = project.update()
    assert done.returncode == 0, done.stdout

    (pull,) = project.api.pulls
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


def test_from_a_commit_between_two_releases_what_is_new_begins_at_the_release_before(
    project: Project,
) -> None:
    commit(template := project.folder / "template")
    version = git(template, "describe", "--tags")
    assert version.startswith("v1.0.0-1-g")
    project.push(".copier-answers.yml", "_commit: v1.0.0\n", f"_commit: {version}\n")
    project.release("v2.0.0")
    done = project.update()
    assert done.returncode == 0, done.stdout
    (pull,) = project.api.pulls
    assert f"from {version} to v2.0.0" in pull["body"]
    assert [line for line in pull["body"].splitlines() if line.startswith("## ")] == ["## v2.0.0"]


def test_the_pull_request_is_a_fresh_render_with_a_fresh_lock(project: Project) -> None:
    project.release("v2.0.0", ("template/.gitignore", "__pycache__/", "build/\n__pycache__/"))
    assert project.update().returncode == 0

    branch, fresh = project.clone("template-update"), project.folder / "fresh"
    answers = ["--data-file", str(branch / ".copier-answers.yml"), URL, str(fresh)]
    done = copier("copy", "--quiet", "--defaults", *answers, env=project.environment)
    assert done.returncode == 0, done.stderr
    made = tree(branch)
    assert LOCKED.encode() in made.pop("uv.lock")
    assert made == tree(fresh)
    assert b"build/" in made[".gitignore"]
    env = clean_environment() | {"UV_PYTHON": project.environment["UV_PYTHON"]}
    subprocess.run(["uv", "lock", "--quiet", "--check"], cwd=branch, env=env, check=True)


def test_a_conflict_becomes_a_draft_that_names_the_file(project: Project) -> None:
    project.push(*OURS)
    before = project.branches()
    project.release("v2.0.0", THEIRS)
    done = project.update()
    assert done.returncode == 0, done.stdout
    (pull,) = project.api.pulls
    assert pull["draft"]
    assert "Resolve the conflicts first" in pull["body"]
    assert [line for line in pull["body"].splitlines() if line.startswith("- `")] == [
        "- `README.md`"
    ]
    assert project.branches() == before | {BRANCH: project.branches()[BRANCH]}
    branch = project.clone("template-update")
    assert "\n<<<<<<< " in (branch / "README.md").read_text()
    assert LOCKED in (branch / "uv.lock").read_text()


def test_a_conflict_in_what_the_lock_is_made_from_leaves_the_lock_alone(project: Project) -> None:
    project.push(
        "pyproject.toml",
        "constraint-dependencies = [\n",
        'constraint-dependencies = [\n    "mine<9",\n',
    )
    project.release("v2.0.0")
    done = project.update()
    assert done.returncode == 0, done.stdout
    assert "- `pyproject.toml`\n" in project.api.pulls[0]["body"]
    assert LOCKED not in (project.clone("template-update") / "uv.lock").read_text()


def test_an_update_that_cannot_be_locked_becomes_a_draft_that_says_what_to_do(
    project: Project,
) -> None:
    project.push("pyproject.toml", '["prefect"]', '["prefect>=3.8.5"]')
    project.release(
        "v2.0.0", ("template/pyproject.toml.jinja", "prefect>=3.8,<4", "prefect>=3.8,<3.8.3")
    )
    done = project.update()
    assert done.returncode == 0, done.stdout
    (pull,) = project.api.pulls
    assert pull["draft"]
    assert "**Lock again first.** `uv.lock` could not be made again." in pull["body"]
    assert "Check out the branch `template-update` and run `uv lock`" in pull["body"]
    assert "onflict" not in pull["body"]
    branch = project.clone("template-update")
    pyproject = (branch / "pyproject.toml").read_text()
    assert '["prefect>=3.8.5"]' in pyproject
    assert '"prefect>=3.8,<3.8.3",' in pyproject
    assert LOCKED not in (branch / "uv.lock").read_text()


def test_where_there_are_no_drafts_a_conflict_becomes_an_ordinary_pull_request(
    project: Project,
) -> None:
    project.api.refusals = {NO_DRAFTS}
    project.push(*OURS)
    project.release("v2.0.0", THEIRS)
    done = project.update()
    assert done.returncode == 0, done.stdout
    (pull,) = project.api.pulls
    assert not pull["draft"]
    assert "- `README.md`\n" in pull["body"]


def test_an_open_pull_request_with_the_same_release_stays_as_it_is(
    project_with_pull_request: Project,
) -> None:
    project = project_with_pull_request
    # Its reviewers may have titles of their own, and the default branch moves on.
    project.api.pulls[0]["title"] = "chore: go to v1.1.0 of the template"
    project.push(*OURS)
    before = project.branches()
    done = project.update("workflow_dispatch")
    assert done.returncode == 0, done.stdout
    assert "Pull request 1, which is open, has this update already." in done.stdout
    assert project.api.writes == []
    assert project.branches() == before


@pytest.mark.parametrize("conflict", [True, False])
def test_an_open_pull_request_is_refreshed_by_the_next_release(
    project_with_pull_request: Project, conflict: bool
) -> None:
    project = project_with_pull_request
    project.api.pulls[0]["draft"] = not conflict
    if conflict:
        project.push(*OURS)
    before = project.branches()
    project.release("v2.0.0", THEIRS)
    done = project.update()
    assert done.returncode == 0, done.stdout

    (pull,) = project.api.pulls
    assert pull["draft"] is conflict
    assert pull["title"] == "Update from the template to v2.0.0"
    assert "from v1.0.0 to v2.0.0" in pull["body"]
    assert ("- `README.md`\n" in pull["body"]) is conflict
    after = project.branches()
    assert after[BRANCH] != before[BRANCH]
    assert after == before | {BRANCH: after[BRANCH]}
    if conflict:
        # A draft before the push: what is in conflict can at no time be merged.
        steps = " ".join(f"{request.path} {request.body}" for request in project.api.writes)
        assert steps.index("ConvertPullRequestToDraft") < steps.index("git-receive-pack")
    # One commit on top of the default branch, whatever was there before.
    assert git(project.api.repository, "rev-parse", f"{BRANCH}^") == after["refs/heads/main"]


def test_an_open_pull_request_is_refreshed_though_a_later_one_is_closed(
    project_with_pull_request: Project,
) -> None:
    project = project_with_pull_request
    later = {"title": "Update from the template to v2.0.0", "draft": False}
    project.api.pulls.append(project.api.pulls[0] | later | {"number": 2, "state": "closed"})
    project.release("v2.0.0")
    done = project.update("schedule")
    assert done.returncode == 0, done.stdout
    assert [pull["state"] for pull in project.api.pulls] == ["open", "closed"]
    assert "from v1.0.0 to v2.0.0" in project.api.pulls[0]["body"]


def test_where_there_are_no_drafts_a_pull_request_is_refreshed_all_the_same(
    project_with_pull_request: Project,
) -> None:
    project = project_with_pull_request
    project.api.refusals = {NO_DRAFTS}
    project.push(*OURS)
    project.release("v2.0.0", THEIRS)
    done = project.update()
    assert done.returncode == 0, done.stdout
    assert NO_DRAFTS[1] in done.stdout
    (pull,) = project.api.pulls
    assert "- `README.md`\n" in pull["body"]


def assert_the_branch_is_left_alone(project: Project) -> None:
    """What a further release meets where others have committed to the pull request's branch."""
    before = project.branches()
    project.release("v2.0.0")
    done = project.update()
    assert done.returncode == 0, done.stdout
    assert "Pull request 1 has commits of yours. Merge or close it" in done.stdout
    assert project.api.writes == []
    assert project.branches() == before


def test_commits_of_a_person_on_the_branch_are_left_alone(
    project_with_pull_request: Project,
) -> None:
    project = project_with_pull_request
    project.push(*OURS, branch="template-update")
    assert_the_branch_is_left_alone(project)


def test_commits_of_another_workflow_on_the_branch_are_left_alone(
    project_with_pull_request: Project,
) -> None:
    project = project_with_pull_request
    # One that formats, say: it commits as the same bot.
    edit(clone := project.clone("template-update"), *OURS)
    bot = {"NAME": "bot", "EMAIL": git(clone, "log", "-1", "--format=%ae")}
    roles = [(role, key) for role in ("AUTHOR", "COMMITTER") for key in bot]
    env = clean_environment(**{f"GIT_{role}_{key}": bot[key] for role, key in roles})
    command = ["git", "commit", "--quiet", "--all", "--message", "Format"]
    subprocess.run(command, cwd=clone, env=env, check=True)
    git(clone, "push", "--quiet", f"file://{project.api.repository}", "HEAD:template-update")
    assert_the_branch_is_left_alone(project)


def test_a_closed_pull_request_comes_back_only_when_asked_for(
    project_with_pull_request: Project,
) -> None:
    project = project_with_pull_request
    project.api.pulls[0]["state"] = "closed"
    project.push(*OURS, branch="template-update")
    done = project.update("schedule")
    assert done.returncode == 0, done.stdout
    assert "Pull request 1, which is closed, has this update already." in done.stdout
    assert project.api.writes == []
    done = project.update("workflow_dispatch")
    assert done.returncode == 0, done.stdout
    assert [pull["state"] for pull in project.api.pulls] == ["closed", "open"]


def test_a_changed_workflow_file_needs_a_token_of_the_owner(project: Project) -> None:
    before = project.branches()
    project.release("v2.0.0", WORKFLOW_CHANGE)
    done = project.update()
    assert done.returncode != 0
    assert (
        "changes .github/workflows, which GitHub allows only to a token of your own" in done.stdout
    )
    assert "at https://github.com/settings/personal-access-tokens/new for" in done.stdout
    assert "read and write access to Contents, Pull requests and Workflows." in done.stdout
    settings = "https://github.com/acme/flows/settings/secrets/actions"
    assert f"secret TEMPLATE_UPDATE_TOKEN at {settings}." in done.stdout
    assert project.api.writes == []
    assert project.branches() == before


def test_the_token_of_the_owner_is_the_one_that_is_used(project: Project) -> None:
    project.api.tokens = {project.own_token}
    project.release("v2.0.0", WORKFLOW_CHANGE)
    done = project.update(with_own_token=True)
    assert done.returncode == 0, done.stdout
    assert {request.token for request in project.api.requests} == {project.own_token}
    (pull,) = project.api.pulls
    assert "close it and open it again" not in pull["body"]
    workflow = project.clone("template-update") / ".github/workflows/ci.yaml"
    assert workflow.read_text().startswith("name: Checks\n")


def test_an_expired_token_of_the_owner_is_named(project: Project) -> None:
    project.api.tokens = {project.token}
    before = project.branches()
    project.release("v2.0.0")
    done = project.update(with_own_token=True)
    assert done.returncode != 0
    assert "token in the secret TEMPLATE_UPDATE_TOKEN has expired, or may not do" in done.stdout
    assert "https://github.com/settings/personal-access-tokens/new" in done.stdout
    assert project.branches() == before


def test_where_pull_requests_are_forbidden_the_setting_is_named(project: Project) -> None:
    project.api.refusals = {NO_PULLS}
    project.release("v2.0.0")
    done = project.update()
    assert done.returncode != 0
    assert NO_PULLS[1] in done.stdout
    assert 'Tick "Allow GitHub Actions to create and approve pull requests"' in done.stdout
    assert "at https://github.com/acme/flows/settings/actions." in done.stdout
    assert project.api.pulls == []


def test_an_update_that_copier_cannot_make_fails_with_its_reason(project: Project) -> None:
    before = project.branches()
    question = "team:\n  type: str\n  validator: \"{{ '' if team else 'Say who you are.' }}\"\n\n"
    project.release("v2.0.0", ("copier.yml", "package_name:\n", f"{question}package_name:\n"))
    done = project.update()
    assert done.returncode != 0
    assert 'Question "team" is required' in done.stdout
    assert project.api.requests == []
    assert project.branches() == before


def test_a_template_that_cannot_be_reached_fails_with_the_reason(project: Project) -> None:
    before = project.branches()
    shutil.rmtree(project.folder / "template/.git")
    done = project.update()
    assert done.returncode != 0
    assert "does not appear to be a git repository" in done.stdout
    assert project.api.requests == []
    assert project.branches() == before
