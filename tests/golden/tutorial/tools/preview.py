# mypy: ignore-errors
"""`make preview`: deploy a branch's pushed commit alongside production, and delete it later."""

import copy
import os
import re
from dataclasses import replace
from typing import Any

from tools.base.actions import add_to_summary
from tools.base.finding import Check, Finding, Findings, failed
from tools.base.git import current_branch, head
from tools.base.prefect_deploy import deploy_each, in_place_of
from tools.base.prefect_yaml import GIT_CLONE, as_steps, substituted
from tools.base.project import Project, same_repository
from tools.base.screen import say
from tools.base.stop import ActionRequired
from tools.checks.commit import PUSH, check_commit, clones_this
from tools.checks.conflicts import check_conflicts
from tools.checks.deployments import (
    PREVIEW,
    counterpart,
    delete_preview_of,
    of_this_repository,
    on_the_server,
    preview_of,
    tag_of,
)
from tools.checks.prefect_account import check_prefect
from tools.deploy import not_deployed, refused, say_what_failed
from tools.summary import plain, results, with_command

ON_ITS_OWN = ("schedule", "schedules", "triggers", "sla")
"""The keys that start runs or alarms on their own."""


def preview(project: Project) -> int:
    """Deploy the commit of this branch alongside production, and return the exit code.

    Raises:
        ActionRequired: there is nothing to preview.
    """
    branch = this_branch(project)
    if branch == project.branch:
        raise ActionRequired(f"Previews are for branches other than {branch}: git switch to one")
    written = as_preview(project, branch)
    if not written["deployments"]:
        raise ActionRequired("No deployment in prefect.yaml clones this repository")
    with in_place_of(project, written) as (there, run):
        checks = [
            Check("Prefect", check_prefect),
            Check("Commit", check_pushed),
            Check("Names", lambda there: taken(there, branch)),
        ]
        if refused(there, checks):
            return 1
        if there.app and there.app.deploy(there, suffix(branch)):
            return 1
        outcome = deploy_each(there, run)
        there.workspace.forget()
        problems = not_deployed(there, outcome)
        say_what_failed(there, outcome, problems)
        show(there, branch, results(there, outcome, problems))
    return outcome.code


def delete_preview(project: Project, branch: str) -> int:
    """Delete the preview of a branch, by default this one."""
    if refused(project, [Check("Prefect", check_prefect)]):
        return 1
    branch = branch or this_branch(project)
    found = [each for each in of_this_repository(project) if preview_of(each) == branch]
    for each in found:
        delete_preview_of(project, each)
        say(f"Deleted {each.name}.", "passed")
    if not found:
        say(f"There is no preview of {branch}.")
    if "GITHUB_STEP_SUMMARY" in os.environ:
        add_to_summary(f"### Deleted the preview of {plain(branch)}\n")
    return 0


def this_branch(project: Project) -> str:
    """The branch that is checked out or, where Actions has only a commit, the pull request's."""
    if branch := current_branch(project) or os.environ.get("GITHUB_HEAD_REF"):
        return branch
    if project.git("rev-parse", "--git-dir").returncode != 0:
        raise ActionRequired("This folder is not a git repository yet: make bootstrap")
    raise ActionRequired("No branch is checked out: git switch to one")


def as_preview(project: Project, branch: str) -> dict[str, Any]:
    """prefect.yaml with this repository's deployments renamed and pinned to this commit.

    They start no runs on their own, and lack the project's tag, so no alarm reports them.
    """
    deployments = []
    for here, there in zip(
        project.deployments, project.written_prefect_yaml.get("deployments") or [], strict=True
    ):
        if not there.get("name"):
            continue  # Prefect skips it, too.
        if not clones_this(project, here):
            say(f"Skipped {here.name}: its containers do not clone this repository.")
            continue
        kept = {key: value for key, value in there.items() if key not in ON_ITS_OWN}
        kept |= {"name": f"{there['name']}--{suffix(branch)}", "paused": True}
        kept["tags"] = [PREVIEW, tag_of(branch)]
        if project.app:
            kept["work_pool"] = project.app.of_preview(project, here, suffix(branch))
        deployments.append(kept)
    written = copy.deepcopy({**project.written_prefect_yaml, "deployments": deployments})
    for each in (written, *written["deployments"]):
        if each.get("pull"):
            each["pull"] = [pinned(project, step) for step in as_steps(each["pull"])]
    return written


def suffix(branch: str) -> str:
    """What distinguishes a preview's names from production's."""
    return re.sub(r"[^\w.-]+", "-", branch)


def pinned(project: Project, step: dict[str, Any]) -> dict[str, Any]:
    """A pull step, pinned to this commit if it clones this repository."""
    clone = step.get(GIT_CLONE)
    if not isinstance(clone, dict) or not same_repository(
        str(substituted(clone.get("repository"))), project.repository_url
    ):
        return step
    # Prefect accepts only one of the two.
    others = {key: value for key, value in clone.items() if key != "branch"}
    return {**step, GIT_CLONE: {**others, "commit_sha": head(project)}}


def check_pushed(project: Project) -> Findings:
    """Whether GitHub has what is here."""
    if isinstance(conflicts := check_conflicts(project), list):
        return conflicts
    found = check_commit(project)
    push = "git push --set-upstream origin HEAD"
    found = found if isinstance(found, list) else [found]
    return [replace(each, remedy=push) if each.remedy == PUSH else each for each in found]


def taken(project: Project, branch: str) -> list[Finding]:
    """Deployments that it would overwrite, other than previews of this branch."""
    there, ours = on_the_server(project), of_this_repository(project)
    found = filter(None, (counterpart(project, here, there) for here in project.deployments))
    return [
        failed(
            f"{each.name} already exists, from {preview_of(each) or each.repository}",
            "rename the branch",
        )
        for each in found
        if each not in ours or preview_of(each) != branch
    ]


def show(project: Project, branch: str, said: str) -> None:
    """Say how to run and delete a preview; in GitHub Actions, also on the page of the run."""
    found = (
        counterpart(project, each, of_this_repository(project)) for each in project.deployments
    )
    lines = []
    for each in filter(None, found):
        command = f"uv run prefect deployment run {each.quoted} --watch"
        page = f"{project.workspace.ui_url}/deployments/deployment/{each.found.id}"
        say(f"\nPreview of {branch}: {page}\n  {command}")
        lines.append(f"- [{plain(each.name)}]({page}): {with_command(command)}\n")
    if lines:
        say("\nIt runs only when you start it. To delete it: make preview-delete")
    if "GITHUB_STEP_SUMMARY" in os.environ:
        add_to_summary("\n".join((said, "".join(lines))))
