# mypy: ignore-errors
"""`make prune`: delete from Prefect what is no longer in the files."""

import shlex
from collections.abc import Iterator
from functools import partial

from tools.base.finding import Check, examine
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
    require_keys,
)
from tools.checks.prefect_account import check_prefect


def prune(project: Project, yes: bool) -> int:
    """Show what is left over, delete it after a yes, and return the exit code."""
    if project.branch and current_branch(project) != project.branch:
        text = f"make prune works only on {project.branch}, and this is another branch"
        raise ActionRequired(text, f"git switch {shlex.quote(project.branch)}")
    for found in examine(Check("Prefect", check_prefect), project):
        if found.status == "failed":
            raise ActionRequired(found.text, found.remedy)
    require_keys(project)
    removals, kept = sort(left_over(project))
    show(project, removals, kept)
    unknown = any(each.unknown for each in kept)
    if not removals:
        say("Nothing to delete.")
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
                f"{found.name} {from_another(found)}, but GitHub does not forward that address "
                f"here. If it is a former one: uv run prefect deployment delete {found.quoted}"
            )


def described(found: Deployed) -> str:
    return f"the deployment {found.name}, from {found.repository}"


def newer(project: Project, found: Deployed) -> Kept | None:
    """Why this checkout cannot tell what is left over, if a deployment is newer."""
    if not found.commit or contains(project, "HEAD", found.commit):
        return None
    return Kept(
        f"{found.name} is deployed from {found.commit[:10]}, which this checkout does not have. "
        f"git pull; or, if that commit is lost: uv run prefect deployment delete {found.quoted}"
    )


def of_previews(project: Project, previews: list[Deployed]) -> Iterator[Removal | Kept]:
    """The previews whose branches are gone."""
    if not previews:
        return
    try:
        branches = branches_on_github(project)
    except CheckSkipped as error:
        yield Kept(f"Cannot tell which previews are in use: {error}", unknown=True)
        return
    for found in previews:
        branch = preview_of(found)
        if branch in branches:
            yield Kept(f"{found.name} stays, because GitHub has its branch {branch}")
        else:
            what = f"the preview {found.name}, because GitHub has no branch {branch}"
            yield Removal(what, partial(delete_preview_of, project, found))
