# mypy: ignore-errors
"""Which flow `make run` is asked for, and with which parameters."""

import importlib.util
import json
import shlex
from typing import Any

from tools.base.flows import (
    Flow,
    NoFlow,
    find_flow,
    flows_in,
    name_in_prefect,
    source_file,
    split_entrypoint,
)
from tools.base.parameters import read_parameters
from tools.base.prefect_yaml import Deployment
from tools.base.project import Project
from tools.base.stop import ActionRequired, CheckSkipped


def which_flow(project: Project, asked: str, params: str) -> tuple[str, dict[str, Any]]:
    """The entrypoint and the parameters; the first deployment's if nothing is asked for.

    Raises:
        ActionRequired: there is no such flow, or it does not take these parameters.
    """
    given = read_parameters(params)
    if deployment := find_deployment(project, asked):
        if not deployment.entrypoint:
            raise ActionRequired(f"{deployment.name} has no entrypoint in prefect.yaml")
        entrypoint, parameters = deployment.entrypoint, deployment.parameters | given
    else:
        entrypoint, parameters = asked if ":" in asked else f"{asked}:main", given
    if flow := read_flow(project, asked or entrypoint, entrypoint):
        check_parameters(entrypoint, flow, parameters)
    return entrypoint, parameters


def find_deployment(project: Project, asked: str) -> Deployment | None:
    """The deployment of that name, with or without its flow's; the first one without a name."""
    if not asked:
        if not project.deployments:
            raise ActionRequired("prefect.yaml has no deployment. Type FLOW=MODULE:FUNCTION")
        return project.deployments[0]
    for deployment in deployments(project):
        flow = name_in_prefect(project.root, deployment.entrypoint)
        if asked in (deployment.name, f"{flow}/{deployment.name}"):
            return deployment
    return None


def deployments(project: Project) -> list[Deployment]:
    """Those of prefect.yaml; a flow that is named runs without that file, too."""
    try:
        return project.deployments
    except CheckSkipped:
        return []


def read_flow(project: Project, asked: str, entrypoint: str) -> Flow | None:
    """The flow as its source says; None if only running the code could tell."""
    where, _ = split_entrypoint(entrypoint)
    try:
        flow = find_flow(project.root, entrypoint)
        if not (flow or source_file(project.root, entrypoint)) and not installed(where):
            raise NoFlow("does not exist")
    except NoFlow as error:
        text, known = f"{entrypoint} {error}", flows_in(project.root, entrypoint)
        if known:
            there, example = f"{where} has {', '.join(known)}", f"{where}:{known[0]}"
        else:
            known = [each.name for each in deployments(project)]
            there = f"prefect.yaml has {', '.join(known) or 'no deployment'}"
            example = known[0] if known else "MODULE:FUNCTION"
            text = text if "exist" not in text else f"There is no flow or deployment {asked}"
        raise ActionRequired(f"{text}; {there}. Type FLOW={shlex.quote(example)}") from None
    return flow


def installed(module: str) -> bool:
    return importlib.util.find_spec(module.partition(".")[0]) is not None


def check_parameters(entrypoint: str, flow: Flow, parameters: dict[str, Any]) -> None:
    """Name what is unknown or missing; types are for Prefect to check."""
    for name in parameters:
        if flow.parameters is not None and name not in flow.parameters:
            taken = ", ".join(sorted(flow.parameters)) or "none"
            raise ActionRequired(f"{entrypoint} has no parameter {name}. It takes: {taken}")
    if missing := sorted(flow.required - parameters.keys()):
        example = json.dumps(dict.fromkeys(missing, "…"), ensure_ascii=False)
        raise ActionRequired(f"{entrypoint} needs parameters. Type PARAMS='{example}'")
