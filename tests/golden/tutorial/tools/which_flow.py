# mypy: ignore-errors
"""Find the flow and the parameters for `make run`."""

import difflib
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
    """The entrypoint and the parameters; by default the first deployment's.

    Raises:
        ActionRequired: there is no such flow, or it does not accept these parameters.
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
    """The deployment of that name, with or without its flow's name; by default the first."""
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
    """The deployments of prefect.yaml; a named flow also runs without that file."""
    try:
        return project.deployments
    except CheckSkipped:
        return []


def read_flow(project: Project, asked: str, entrypoint: str) -> Flow | None:
    """The flow, read from its source; None if only running the code could tell."""
    where, _ = split_entrypoint(entrypoint)
    try:
        flow = find_flow(project.root, entrypoint)
        if not (flow or source_file(project.root, entrypoint)) and not installed(where):
            raise NoFlow("does not exist")
    except NoFlow as error:
        text, known = f"{entrypoint} {error}", flows_in(project.root, entrypoint)
        if known:
            there = f"{where} has {', '.join(known)}"
            name = nearest(split_entrypoint(entrypoint)[1], known)
            example = f"FLOW={shlex.quote(f'{where}:{name}')}"
        else:
            if ":" not in asked:
                _ = project.written_prefect_yaml  # A malformed file hides its deployments.
            known = [each.name for each in deployments(project)]
            there = f"prefect.yaml has {', '.join(known) or 'no deployment'}"
            example = "FLOW=MODULE:FUNCTION"
            if known:
                example = f"DEPLOYMENT={shlex.quote(nearest(asked, known))}"
            text = text if "exist" not in text else f"There is no flow or deployment {asked}"
        raise ActionRequired(f"{text}; {there}. Type {example}") from None
    return flow


def nearest(asked: str, known: list[str]) -> str:
    """The most similar of the known names, with or without their project's, or else the first."""
    names = {each.rpartition("-")[2]: each for each in reversed(known)}
    names |= {each: each for each in known}
    return [*(names[near] for near in difflib.get_close_matches(asked, names, 1, 0.45)), *known][0]


def installed(module: str) -> bool:
    return importlib.util.find_spec(module.partition(".")[0]) is not None


def check_parameters(entrypoint: str, flow: Flow, parameters: dict[str, Any]) -> None:
    """Reject unknown and missing parameters; Prefect checks the types."""
    for name in parameters:
        if flow.parameters is not None and name not in flow.parameters:
            taken = ", ".join(sorted(flow.parameters)) or "none"
            raise ActionRequired(f"{entrypoint} has no parameter {name}. It takes: {taken}")
    if missing := sorted(flow.required - parameters.keys()):
        example = json.dumps(dict.fromkeys(missing, "…"), ensure_ascii=False)
        raise ActionRequired(f"{entrypoint} needs parameters. Type PARAMS='{example}'")
