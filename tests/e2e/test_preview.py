"""A preview is deployed, run and deleted alongside production, which stays unchanged."""

import shlex
from dataclasses import replace
from typing import Any

import pytest

from tests.e2e.conftest import StartProject
from tests.stand_ins.project import Project
from tests.support.changes import edit
from tests.support.git import commit, git

pytestmark = pytest.mark.e2e


def deployments(project: Project) -> list[dict[str, Any]]:
    """The server's record of the project's deployments, without the time of the request."""
    found = project.server.post("deployments/filter", sort="NAME_ASC")
    ours = [each for each in found if project.repository in str(each["pull_steps"])]
    return [{k: v for k, v in each.items() if k not in ("last_polled", "status")} for each in ours]


def greet_with(project: Project, word: str) -> None:
    flow = project.folder / "src/prefect_modal/flows/flow1.py"
    edit(flow, r"\w+ \{name\} from", f"{word} {{name}} from")
    commit(project.folder)


def test_a_preview_runs_the_commit_of_its_branch_and_leaves_production_alone(
    start_project: StartProject,
) -> None:
    # A preview is pinned even if production is not.
    project = start_project(pin_commit=False, private_repository=False)
    project.deploy()
    before = deployments(project)

    git(project.folder, "switch", "--quiet", "--create", "feature/greet")
    greet_with(project, "Previewed")
    done = project.make("preview")
    assert done.returncode != 0
    assert "the last commit is not on any GitHub branch that this clone knows" in done.stdout
    assert deployments(project) == before
    git(project.folder, "push", "--quiet", "origin", "HEAD")
    done = project.make("preview")
    assert done.returncode == 0, done.stdout
    of_it = replace(project, flow="example--feature-greet")
    preview = of_it.deployment()
    name = shlex.quote(f"main/{preview['name']}")
    assert f"\n  uv run prefect deployment run {name} --watch\n" in done.stdout
    assert (preview["paused"], preview["schedules"]) == (True, [])
    assert preview["tags"] == ["preview", "branch:feature/greet"]
    assert [each for each in deployments(project) if each["name"] != preview["name"]] == before
    assert git(project.folder, "status", "--porcelain") == ""

    # It stays at its commit, even if the branch moves on.
    greet_with(project, "Later")
    git(project.folder, "push", "--quiet", "origin", "HEAD")
    run = of_it.run()
    assert run.state == "COMPLETED", run.output
    assert "Previewed world from Prefect! 🤗" in run.logs

    git(project.folder, "switch", "--quiet", "main")
    done = project.make("preview-delete", "BRANCH=feature/greet")
    assert done.stdout.endswith(f"✓ Deleted main/{preview['name']}.\n")
    assert deployments(project) == before
