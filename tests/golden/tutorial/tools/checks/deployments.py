# mypy: ignore-errors
"""What is deployed to Prefect from this repository."""

import shlex
from typing import Any

from prefect.client.schemas.responses import DeploymentResponse

from tools.base.finding import Findings, failed, passed
from tools.base.process import run_checked
from tools.base.project import Project


def on_the_server(project: Project) -> dict[tuple[Any, Any], DeploymentResponse]:
    """The deployments that clone this repository, by key, whoever deployed them."""
    url = project.repository_url.lower()
    return {
        (each.name, each.entrypoint): each
        for each in project.workspace.deployments
        if any(
            str(inputs.get("repository")).lower() == url
            for step in each.pull_steps or []
            for inputs in step.values()
        )
    }


def full_name(project: Project, deployment: DeploymentResponse) -> str:
    """The name by which Prefect's commands know a deployment, quoted for a shell."""
    flow = project.workspace.client.read_flow(deployment.flow_id).name
    return shlex.quote(f"{flow}/{deployment.name}")


def check_deployed(project: Project) -> Findings:
    there = on_the_server(project)
    commit = project.git("rev-parse", "HEAD").stdout.strip()
    problems = []
    for here in project.deployments:
        found = there.get(here.key)
        if not found:
            problems.append(failed(f"{here.name} is not deployed", "make prefect-deploy"))
        # A version of the owner's own says nothing about the commit.
        elif "commit.stdout" in str(here.version) and found.version != commit:
            text = f"{here.name} is deployed from another commit"
            problems.append(failed(text, "make prefect-deploy"))
    names = ", ".join(deployment.name for deployment in project.deployments)
    return problems or passed(f"{names}, from commit {commit[:10]}")


def fix_deployed(project: Project) -> None:
    run_checked("make", "prefect-deploy", cwd=project.root)
    project.workspace.refresh()


def check_orphaned(project: Project) -> Findings:
    here = {deployment.key for deployment in project.deployments}
    problems = [
        failed(
            f"{found.name} is deployed, but not in prefect.yaml",
            f"uv run prefect deployment delete {full_name(project, found)}",
        )
        for key, found in on_the_server(project).items()
        if key not in here
    ]
    return problems or passed("nothing is deployed that prefect.yaml does not have")
