# mypy: ignore-errors
"""The flows of the deployments, and their parameters."""

from collections.abc import Iterator
from typing import Any

from tools.base.finding import Finding, Findings, failed, passed
from tools.base.flows import Flow, NoFlow, find_flow, name_in_prefect, split_entrypoint
from tools.base.prefect_yaml import Deployment
from tools.base.project import Project


def check_names(project: Project) -> Findings:
    """Whether Prefect can tell the deployments apart."""
    problems, seen = [], set()
    if not project.deployments:
        return failed("prefect.yaml has no deployment", "add one under deployments")
    for deployment in project.deployments:
        if "name" not in deployment.model_fields_set:
            problems.append(failed("a deployment has no name", "add name: to it"))
            continue
        known = name_in_prefect(project.root, deployment.entrypoint)
        known = known or split_entrypoint(deployment.entrypoint)[1]
        identity = f"{known}/{deployment.name}"
        if identity in seen:
            text = f"{identity} is defined more than once, and the last one overwrites the others"
            problems.append(failed(text, "give each of them its own name"))
        seen.add(identity)
    return problems or passed("each deployment has its own name")


def check_flows(project: Project) -> Findings:
    """Whether each entrypoint is a flow that accepts its parameters."""
    problems = [found for each in project.deployments for found in flow_problems(project, each)]
    return problems or passed("each deployment's flow takes its parameters")


def flow_problems(project: Project, deployment: Deployment) -> Iterator[Finding]:
    where = deployment.entrypoint
    if not where:
        yield failed(f"{deployment.name} has no entrypoint", "add entrypoint: MODULE:FUNCTION")
        return
    try:
        flow = find_flow(project.root, where)
    except NoFlow as error:
        text = f"{deployment.name} runs {where}, which {error}"
        yield failed(text, "correct its entrypoint: MODULE:FUNCTION")
        return
    if flow:
        yield from parameter_problems(deployment, flow)


def parameter_problems(deployment: Deployment, flow: Flow) -> Iterator[Finding]:
    where = deployment.entrypoint
    given = deployment.parameters.keys()
    schedules = [each for each in deployment.all_schedules if isinstance(each, dict)]
    own = [each.get("parameters") or {} for each in schedules]
    for name in sorted(set(given).union(*own)):
        if flow.parameters is not None and name not in flow.parameters:
            text = f"{deployment.name}: {where} has no parameter {name}"
            yield failed(text, f"use one of {', '.join(sorted(flow.parameters)) or 'none'}")
    yield from missing_parameters(deployment, flow, schedules)


def missing_parameters(
    deployment: Deployment, flow: Flow, schedules: list[dict[str, Any]]
) -> Iterator[Finding]:
    """Required parameters that scheduled runs lack; a manual run can be given them."""
    missing = {
        name
        for schedule in schedules
        if schedule.get("active", True) is not False
        for name in flow.required
        if name not in deployment.parameters | (schedule.get("parameters") or {})
    }
    for name in sorted(missing):
        text = f"{deployment.name}: its scheduled runs lack the parameter {name}"
        yield failed(text, "add it under parameters, or give it a default")
