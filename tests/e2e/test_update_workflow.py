"""The rendered update workflow runs unmodified on act, with the Copier and the uv that it installs.

What its jobs decide is in tests/tools/test_update_change.py and tests/tools/test_update_offer.py.
"""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stand_ins.updates import BRANCH, Project, copied, edit
from tests.support.copier import URL, copier
from tests.support.environment import clean_environment
from tests.support.git import git
from tests.support.repository import tree

pytestmark = pytest.mark.e2e


@pytest.fixture
def project(beginning: Path, newest_python: tuple[str, str], tmp_path: Path) -> Iterator[Project]:
    """A project of the release v1.0.0, which is still the newest."""
    with copied(tmp_path, beginning, newest_python[1]) as project:
        yield project


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
    assert pull["body"] == (
        "This updates the project from v1.0.0 to v2.0.0 of its template. None of it has run yet.\n\n"
        "CI does not start on its own for this pull request. After your review, close and "
        "reopen it.\n\n"
        "Read these files first. GitHub, containers, make or other programs run them:\n\n"
        "- M `pyproject.toml`\n- M `uv.lock`\n\n"
        "The other files:\n\n"
        "- M `.copier-answers.yml`\n- M `.gitignore`\n\n"
        "What is new:\n\n"
        "```markdown\n"
        '## v2.0.0\n\n- New in `v2.0.0`: "$HOME" 😀 @someone #1\n\n'
        '## v1.1.0\n\n- New in `v1.1.0`: "$HOME" 😀 @someone #1\n'
        "```"
    )
    assert project.branches() == before | {BRANCH: project.branches()[BRANCH]}

    branch, fresh = project.clone("template-update"), project.folder / "fresh"
    answers = ["--data-file", str(branch / ".copier-answers.yml"), URL, str(fresh)]
    done = copier("copy", "--quiet", "--defaults", *answers, env=project.environment)
    assert done.returncode == 0, done.stderr
    made = tree(branch)
    del made["uv.lock"]
    assert made == tree(fresh)
    env = clean_environment(UV_PYTHON=project.environment["UV_PYTHON"])
    subprocess.run(["uv", "lock", "--quiet", "--check"], cwd=branch, env=env, check=True)


def test_a_hostile_release_gets_no_token_and_runs_nothing(project: Project) -> None:
    """Its file names lead into git's folder, where Copier's own git would start a program."""
    has_run = project.folder / "has-run"
    settings = f'[core]\n\tfsmonitor = "env > {has_run}; false"\n'
    edit(project.folder / "template", "template/{{ '.g' ~ 'it' }}/config", "", settings)
    project.release("v2.0.0")
    before = project.branches()
    done = project.on_act(TEMPLATE_UPDATE_TOKEN=project.own_token)
    assert done.returncode != 0
    assert "this release of the template writes to " in done.stdout
    assert not has_run.exists()
    assert project.github.requests == []
    assert project.branches() == before


@pytest.mark.long
def test_the_token_of_the_owner_is_used_for_the_pull_request(project: Project) -> None:
    pins = ("actions/checkout@3d3c42e5", "actions/checkout@0d3c42e5")
    project.release("v2.0.0", ("template/.github/workflows/ci.yaml", *pins))
    done = project.on_act(TEMPLATE_UPDATE_TOKEN=project.own_token)
    assert done.returncode == 0, done.stdout
    (pull,) = project.github.pulls
    assert "close it" not in pull["body"]
    pushed = [request for request in project.github.requests if "receive-pack" in request.path]
    assert {request.token for request in pushed} == {project.own_token}
    changed = git(project.repository, "diff", "--name-only", f"{BRANCH}^", BRANCH).splitlines()
    assert ".github/workflows/ci.yaml" in changed
