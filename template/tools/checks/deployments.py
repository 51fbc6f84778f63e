# mypy: ignore-errors
"""What is deployed to Prefect, from this repository and beside it."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from prefect.client.schemas.responses import DeploymentResponse

from tools.base.finding import Finding, Findings, failed, passed, warning
from tools.base.flows import name_in_prefect
from tools.base.git import contains, head
from tools.base.prefect_yaml import Deployment, clone_step
from tools.base.process import run_checked
from tools.base.project import Project, same_repository
from tools.base.screen import say

DEPLOY = "make prefect-deploy"


@dataclass(frozen=True)
class Deployed:
    """A deployment on the server."""

    name: str
    """The name by which Prefect's commands know it."""
    flow: str
    repository: str
    """What its containers clone; empty if they clone nothing."""
    found: DeploymentResponse

    @property
    def quoted(self) -> str:
        return shlex.quote(self.name)


def on_the_server(project: Project) -> list[Deployed]:
    """All deployments of the workspace, whoever deployed them."""
    workspace = project.workspace
    return [
        Deployed(
            name=f"{workspace.flows[each.flow_id]}/{each.name}",
            flow=workspace.flows[each.flow_id],
            repository=str(clone_step(each.pull_steps or []).get("repository") or ""),
            found=each,
        )
        for each in workspace.deployments
    ]


def of_this_repository(project: Project) -> list[Deployed]:
    url = project.repository_url
    return [each for each in on_the_server(project) if same_repository(each.repository, url)]


def counterpart(project: Project, here: Deployment, there: list[Deployed]) -> Deployed | None:
    """The deployment that a deploy overwrites: Prefect knows it by its flow's name and its own."""
    flow = name_in_prefect(project.root, here.entrypoint)
    for each in there:
        same_flow = each.flow == flow if flow else each.found.entrypoint == here.entrypoint
        if each.found.name == here.name and same_flow:
            return each
    return None


def check_deployed(project: Project) -> Findings:
    problems = [*taken(project), *newer(project), *not_deployed(project)]
    names = ", ".join(deployment.name for deployment in project.deployments)
    return problems or passed(f"{names}, from commit {head(project)[:10]}")


def taken(project: Project) -> Iterator[Finding]:
    """What a deploy would overwrite that another repository has deployed."""
    there = on_the_server(project)
    for here in project.deployments:
        found = counterpart(project, here, there)
        if found and not same_repository(found.repository, project.repository_url):
            text = f"{found.name} is there already, from {found.repository or 'no repository'}"
            yield failed(
                text,
                f"give {here.name} another name in prefect.yaml; or {DEPLOY} FORCE=1, if that "
                "is a former address of this repository",
            )


def newer(project: Project) -> Iterator[Finding]:
    """What a deploy from here would roll back."""
    there, commit = of_this_repository(project), head(project)
    for here in project.deployments:
        if not (found := counterpart(project, here, there)):
            continue
        version = deployed_commit(here, found)
        if version and not contains(project, commit, version):
            yield failed(
                f"{found.name} is deployed from {version[:10]}, which this checkout does not have",
                f"git pull; or {DEPLOY} FORCE=1, to go back",
            )


def deployed_commit(here: Deployment, there: Deployed) -> str:
    """The commit that a deployment says it is from; empty if its version says something else."""
    if "commit.stdout" not in str(here.version):
        return ""
    return str(there.found.version or "").removesuffix("-dirty")


def not_deployed(project: Project) -> Iterator[Finding]:
    there, commit = of_this_repository(project), head(project)
    for here in project.deployments:
        found = counterpart(project, here, there)
        if not found:
            if not counterpart(project, here, on_the_server(project)):
                yield failed(f"{here.name} is not deployed", DEPLOY)
            continue
        version = deployed_commit(here, found)
        if version and version != commit and contains(project, commit, version):
            yield failed(f"{found.name} is deployed from an older commit", DEPLOY)


def fix_deployed(project: Project) -> None:
    if [*taken(project), *newer(project)]:
        return  # Only a person can tell what is right.
    say("Deploying …")
    run_checked("make", "prefect-deploy", "FORCE=1", cwd=project.root)
    project.workspace.forget()


def check_orphaned(project: Project) -> Findings:
    """What is on the server, and no longer in prefect.yaml."""
    problems = [*orphaned(project), *orphaned_schedules(project), *formerly(project)]
    return problems or passed("nothing is deployed that prefect.yaml does not have")


def orphaned(project: Project) -> Iterator[Finding]:
    there = of_this_repository(project)
    here = [counterpart(project, deployment, there) for deployment in project.deployments]
    for found in there:
        if found not in here:
            text = f"{found.name} is deployed, but not in prefect.yaml"
            yield failed(text, f"uv run prefect deployment delete {found.quoted}")


def orphaned_schedules(project: Project) -> Iterator[Finding]:
    """Schedules whose slug is no longer in the file: Prefect keeps them, and starts their runs."""
    there = of_this_repository(project)
    for deployment in project.deployments:
        found = counterpart(project, deployment, there)
        if not found or deployment.schedules is None:
            continue
        given = [each for each in deployment.all_schedules if isinstance(each, dict)]
        kept = {each.get(key) for each in given for key in ("slug", "replaces")}
        for schedule in found.found.schedules:
            if schedule.slug and schedule.active and schedule.slug not in kept:
                yield failed(
                    f"{found.name}: the schedule {schedule.slug} is not in prefect.yaml, "
                    "and still starts runs",
                    f"uv run prefect deployment schedule delete {found.quoted} {schedule.id}",
                )


def formerly(project: Project) -> Iterator[Finding]:
    """What was deployed from this repository's history under another address."""
    here = [counterpart(project, each, on_the_server(project)) for each in project.deployments]
    for found in on_the_server(project):
        version = str(found.found.version or "").removesuffix("-dirty")
        other = found.repository and not same_repository(found.repository, project.repository_url)
        if (
            other
            and len(version) == 40
            and found not in here
            and contains(project, "HEAD", version)
        ):
            yield warning(
                f"{found.name} is deployed from {found.repository}, with a commit of this repository",
                f"if that is its former address: uv run prefect deployment delete {found.quoted}",
            )
