# mypy: ignore-errors
"""prefect.yaml: what Prefect would ignore, refuse, or store in plain text."""

import re
from collections.abc import Iterator
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from pydantic import ValidationError

from tools.base.finding import Finding, Findings, failed, passed, warning
from tools.base.flows import Flow, NoFlow, find_flow, split_entrypoint
from tools.base.prefect_yaml import PLACEHOLDER, Deployment, duplicate_keys
from tools.base.project import Project
from tools.base.stop import CheckSkipped

DOCS = "https://docs.prefect.io/v3/how-to-guides/deployments"
SECRET_NAME = re.compile(
    r"(?:.*[_-])?(?:password|passwd|passphrase|pwd|secret|token|credentials?"
    r"|(?:api|access|account|auth|encryption|license|private|secret|signing|ssh)[_-]?key)",
    re.IGNORECASE,
)
SECRET_VALUE = re.compile(
    # Tokens of GitHub, AWS, Slack, OpenAI and Prefect, private keys, and addresses with a password.
    r"gh[pousr]_\w{20,}|github_pat_\w{20,}|AKIA[0-9A-Z]{16}|xox[abp]-|sk-\w{20,}|pn[ub]_\w{20,}"
    r"|-----BEGIN .*PRIVATE KEY|\w+://[^/\s:@]+:[^/\s@]+@"
)
RANDOM = re.compile(r"(?=.*\d)(?=.*[A-Za-z])[\w+/=-]{20,}")


def check_keys(project: Project) -> Findings:
    """Hold the file against Prefect's own models, but strictly: Prefect ignores unknown keys."""
    try:
        from prefect.cli.deploy._models import PrefectYamlModel
    except ImportError:
        raise CheckSkipped("this version of Prefect keeps its models elsewhere") from None
    remedy = f"see {DOCS}/prefect-yaml"
    try:
        text = project.read("prefect.yaml")
        written = yaml.safe_load(text)
        problems = [failed(duplicate, "remove one of them") for duplicate in duplicate_keys(text)]
    except (yaml.YAMLError, ValueError) as error:
        return failed(" ".join(str(error).split()), remedy)
    schema = strict(PrefectYamlModel.model_json_schema())
    for fault in Draft202012Validator(schema).iter_errors(written):
        deepest = best_match([fault]) or fault
        problems.append(failed(f"{deepest.json_path}: {deepest.message}", remedy))
    if not problems:
        try:
            PrefectYamlModel.model_validate(without_schedules(written))
        except (TypeError, ValidationError) as error:
            return failed(" ".join(str(error).split()), remedy)
    return problems or passed("Prefect knows every key")


def without_schedules(written: dict[str, Any]) -> dict[str, Any]:
    """The file but for what has a check of its own."""
    deployments = [
        {key: value for key, value in each.items() if key not in ("schedule", "schedules")}
        for each in written.get("deployments") or []
    ]
    return {**written, "deployments": deployments}


def strict(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of Prefect's model, which now allows only what it knows, and one's own x-…"""
    definitions = schema["$defs"]
    schedule = definitions["RawScheduleConfig"]["properties"]
    schedule["interval"] = {"type": ["string", "number", "null"]}
    deployment = definitions["DeploymentConfig"]["properties"]
    deployment["schedules"] = {
        "type": ["array", "null"],
        "items": {"$ref": "#/$defs/RawScheduleConfig"},
    }
    deployment["schedule"] = {}  # Another check says what is wrong with it.
    schema["properties"]["definitions"] = {}  # Where Prefect's page keeps its anchors.
    schema["patternProperties"] = {"^x-": {}}
    for each in [schema, *definitions.values()]:
        if "properties" in each:
            each["additionalProperties"] = False
    return schema


def check_names(project: Project) -> Findings:
    """Whether Prefect could tell the deployments from each other."""
    problems, seen = [], set()
    if not project.deployments:
        return failed("prefect.yaml has no deployment", "add one under deployments")
    for deployment in project.deployments:
        if "name" not in deployment.model_fields_set:
            problems.append(failed("a deployment has no name", "add name: to it"))
            continue
        try:
            flow = find_flow(project.root, deployment.entrypoint)
        except NoFlow:
            flow = None
        known = flow.name if flow and flow.name else split_entrypoint(deployment.entrypoint)[1]
        identity = f"{known}/{deployment.name}"
        if identity in seen:
            text = f"{identity} is there twice, and the last one overwrites the others"
            problems.append(failed(text, "give each of them another name"))
        seen.add(identity)
    return problems or passed("each deployment has one of its own")


def check_schedules(project: Project) -> Findings:
    problems = []
    for deployment in project.deployments:
        if deployment.paused is None:
            text = f"{deployment.name} does not say whether it is paused"
            problems.append(failed(text, "add paused: false to it"))
        problems += schedule_problems(deployment)
    return problems or passed("a deploy keeps each of them as it is")


def schedule_problems(deployment: Deployment) -> Iterator[Finding]:
    if deployment.schedule:
        text = f"{deployment.name} has a schedule:, and each deploy resumes it if it was paused"
        yield failed(text, "make it an element of schedules, with a slug")
    slugs = set()
    for schedule in filter(None, deployment.schedules or []):
        slug = schedule.get("slug") if isinstance(schedule, dict) else None
        if not slug:
            text = f"{deployment.name} has a schedule without a slug"
            yield failed(text, "add slug: and a name to it")
        elif slug in slugs:
            yield failed(f"{deployment.name} has the slug {slug} twice", "rename one of them")
        slugs.add(slug)
    for schedule in deployment.all_schedules:
        if reason := refused_schedule(schedule):
            text = f"{deployment.name}: {reason}"
            yield failed(text, f"see {DOCS}/create-schedules")


def refused_schedule(schedule: Any) -> str:
    """Why Prefect does not take a schedule; empty if it does, or if only a deploy can tell."""
    try:
        from prefect.cli.deploy._models import RawScheduleConfig
        from prefect.cli.deploy._schedules import _schedule_config_to_deployment_schedule
    except ImportError:
        return ""
    if PLACEHOLDER.search(str(schedule)):
        return ""
    try:
        RawScheduleConfig.model_validate(schedule)
        _schedule_config_to_deployment_schedule(schedule)
    except ValidationError as error:
        # An unknown key is one of the keys' faults.
        if not (errors := [each for each in error.errors() if each["type"] != "extra_forbidden"]):
            return ""
        first = errors[0]
        return f"{'.'.join(map(str, first['loc'])) or 'a schedule'}: {first['msg']}"
    except Exception as error:  # Whatever its libraries raise about a date.
        return f"{error} in a schedule"
    return ""


def check_flows(project: Project) -> Findings:
    """Whether each entrypoint is a flow that takes the parameters it is given."""
    problems = [found for each in project.deployments for found in flow_problems(project, each)]
    return problems or passed("each deployment has one that takes its parameters")


def flow_problems(project: Project, deployment: Deployment) -> Iterator[Finding]:
    where = deployment.entrypoint
    if not where:
        yield failed(f"{deployment.name} has no entrypoint", "add entrypoint: MODULE:FUNCTION")
        return
    try:
        flow = find_flow(project.root, where)
    except NoFlow as error:
        text = f"{deployment.name} runs {where}, which {error}"
        yield failed(text, "correct its entrypoint, as MODULE:FUNCTION")
        return
    if not flow:
        return
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
    """What the runs of a schedule would lack; a run by hand is given what it needs."""
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


def check_secrets(project: Project) -> Findings:
    """Look for what Prefect would store and show in plain text."""
    problems = []
    deployments = project.deployments
    for deployment, written in zip(
        deployments, project.written_prefect_yaml.get("deployments", []), strict=True
    ):
        given = {
            "job_variables": (written.get("work_pool") or {}).get("job_variables"),
            "parameters": written.get("parameters"),
        }
        for path, value in leaves(given):
            if found := exposed(deployment.name, path, value):
                problems.append(found)
    return problems or passed("no job variable and no parameter looks like one")


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Each text in a value, with the keys that lead to it."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, path)
    elif isinstance(value, str) and value:
        yield path, value


def exposed(deployment: str, path: str, value: str) -> Finding | None:
    top, _, rest = path.partition(".")
    placeholders = PLACEHOLDER.findall(value)
    if any(each.startswith("prefect.blocks.") for each in placeholders):
        text = f"{deployment}: Prefect would store {rest} in plain text"
        return failed(text, "load the block in the flow instead")
    if variables := [each for each in placeholders if each.startswith("$")]:
        text = f"{deployment}: Prefect stores {', '.join(variables)} in plain text as {rest}"
        return warning(
            f"{text}; where that is not set, such as in CI, it is empty",
            "write its value; a secret belongs to Modal's, named under secrets",
        )
    # There, Modal's secrets are named.
    if placeholders or re.match(r"job_variables\.(secrets|image)\b", path):
        return None
    name = rest.rpartition(".")[2]
    text = f"{deployment}: {rest} looks like a secret, and Prefect shows it in plain text"
    remedy = "put it into a Modal secret, named under secrets; revoke it if it was pushed"
    if SECRET_VALUE.search(value) or (name.lower().endswith("key") and RANDOM.fullmatch(value)):
        return failed(text, remedy)
    if SECRET_NAME.fullmatch(name):
        # A parameter may also be the name of a block.
        return failed(text, remedy) if top == "job_variables" else warning(text, remedy)
    return None


def check_containers(project: Project) -> Findings:
    """What would keep a run from a container, or the container from installing the project."""
    problems = []
    for deployment in project.deployments:
        if reason := deployment.without_pool:
            problems.append(failed(reason, "give it a work pool: work_pool: *modal"))
            continue
        env = deployment.pool.job_variables.get("env") or {}
        installs = "UV_PROJECT_ENVIRONMENT" in str(project.prefect_yaml.pull_steps(deployment))
        if installs and "UV_PROJECT_ENVIRONMENT" not in env:
            text = f"{deployment.name} does not set UV_PROJECT_ENVIRONMENT"
            problems.append(failed(text, "copy job_variables from the first deployment"))
    return problems or passed("each finds its Python")
