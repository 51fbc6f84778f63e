# mypy: ignore-errors
"""`make prune`: delete in Prefect what the files no longer have."""

import shlex
from collections.abc import Iterator
from functools import partial

from tools.base.git import contains, current_branch
from tools.base.project import Project
from tools.base.removal import Kept, Removal, agreed, delete_each, show, sort
from tools.base.screen import say
from tools.base.stop import ActionRequired, CheckSkipped
from tools.base.words import in_words
from tools.checks.commit import branches_on_github
from tools.checks.deployments import (
    Deployed,
    delete_preview_of,
    formerly,
    from_another,
    in_the_file,
    of_this_project,
    orphaned_schedules,
    preview_of,
)


def prune(project: Project, yes: bool) -> int:
    """Show it, delete it after a yes, and return the exit code."""
    if project.branch and current_branch(project) != project.branch:
        text = f"{project.branch} says what is deployed, and this is another branch"
        raise ActionRequired(f"{text}. git switch {shlex.quote(project.branch)}")
    removals, kept = sort(left_over(project))
    show(project, removals, kept)
    unknown = any(each.unknown for each in kept)
    if not removals:
        say("Prefect has nothing to delete.")
        return int(unknown)
    if not agreed("Delete this? [y/N] ", ("y", "Y", "yes"), yes):
        return 1
    return delete_each(removals) or int(unknown)


def left_over(project: Project) -> Iterator[Removal | Kept]:
    here, ours = in_the_file(project), of_this_project(project)
    previews = [found for found in ours if preview_of(found) and found not in here]
    delete = project.workspace.client.delete_deployment
    for found in ours:
        if found not in here and found not in previews:
            yield newer(project, found) or Removal(
                described(found), partial(delete, found.found.id)
            )
    yield from of_previews(project, previews)
    delete_schedule = project.workspace.client.delete_deployment_schedule
    for found, schedule in orphaned_schedules(project):
        when = in_words(schedule.schedule) if schedule.active else "paused"
        yield newer(project, found) or Removal(
            f"the schedule {schedule.slug} of {found.name} ({when})",
            partial(delete_schedule, found.found.id, schedule.id),
        )
    for found in formerly(project):
        if found not in ours:
            yield Kept(
                f"{found.name} {from_another(found)}, and GitHub does not call that a former address. "
                f"If it is: uv run prefect deployment delete {found.quoted}"
            )


def described(found: Deployed) -> str:
    return f"the deployment {found.name}, from {found.repository}"


def newer(project: Project, found: Deployed) -> Kept | None:
    """Why this checkout cannot tell what a deployment's own commit has."""
    if not found.commit or contains(project, "HEAD", found.commit):
        return None
    return Kept(
        f"{found.name} is deployed from {found.commit[:10]}, which this checkout does not have. "
        f"git pull; or, if that commit is lost: uv run prefect deployment delete {found.quoted}"
    )


def of_previews(project: Project, previews: list[Deployed]) -> Iterator[Removal | Kept]:
    """Each preview goes with its branch."""
    if not previews:
        return
    try:
        branches = branches_on_github(project)
    except CheckSkipped as error:
        yield Kept(f"Whether previews are in use is not known: {error}", unknown=True)
        return
    for found in previews:
        branch = preview_of(found)
        if branch in branches:
            yield Kept(f"{found.name} is the preview of {branch}, which GitHub has")
        else:
            what = f"the preview {found.name}: GitHub has no branch {branch}"
            yield Removal(what, partial(delete_preview_of, project, found))
