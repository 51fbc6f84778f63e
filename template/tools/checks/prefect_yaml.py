# mypy: ignore-errors
"""prefect.yaml: what Prefect would ignore or refuse, and what a container lacks."""

from itertools import chain
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError as JsonError
from jsonschema.exceptions import best_match
from pydantic import ValidationError

from tools.base.finding import Findings, failed, passed, warning
from tools.base.prefect_yaml import OF_PREFECT, Deployment, duplicate_keys, place
from tools.base.project import Project
from tools.base.stop import CheckSkipped, Malformed
from tools.base.words import listing

DIRECTORY = "prefect.deployments.steps.set_working_directory"
DOCS = "https://docs.prefect.io/v3/how-to-guides/deployments/prefect-yaml"


def check_keys(project: Project) -> Findings:
    """Check the file against Prefect's models, but strictly: Prefect ignores unknown keys."""
    try:
        from prefect.cli.deploy._models import PrefectYamlModel
    except ImportError:
        raise CheckSkipped("this check does not support the installed Prefect") from None
    remedy = f"see {DOCS}"
    try:
        written, _ = project.written_prefect_yaml, project.resolved_prefect_yaml
    except Malformed as error:
        return failed(error.text, error.remedy or remedy)
    twice = duplicate_keys(project.read("prefect.yaml"))
    problems = [failed(duplicate, "remove one of them") for duplicate in twice]
    schema = strict(PrefectYamlModel.model_json_schema())
    for fault in Draft202012Validator(schema).iter_errors(written):
        deepest = best_match([fault]) or fault
        where = place(written, deepest.absolute_path) or "prefect.yaml"
        problems.append(failed(f"{where}: {said(deepest)}", remedy))
    if not problems:
        try:
            PrefectYamlModel.model_validate(without_schedules(written))
        except (TypeError, ValidationError) as error:
            return failed(" ".join(str(error).split()), remedy)
    return problems or passed("Prefect knows every key")


def said(fault: JsonError) -> str:
    """What is wrong, without the words of JSON Schema for a key that is unknown."""
    if fault.validator != "additionalProperties":
        return fault.message
    schema: Any = fault.schema
    given: Any = fault.instance
    known = schema.get("properties", {})
    unknown = [key for key in map(str, given) if key not in known and key[:2] != "x-"]
    return f"Prefect does not know {listing(unknown)}"


def without_schedules(written: dict[str, Any]) -> dict[str, Any]:
    """The file without the schedules, which have their own check."""
    deployments = [
        {key: value for key, value in each.items() if key not in ("schedule", "schedules")}
        for each in written.get("deployments") or []
    ]
    return {**written, "deployments": deployments}


def strict(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of Prefect's model, allowing only known keys and your own x-… keys."""
    definitions = schema["$defs"]
    schedule = definitions["RawScheduleConfig"]["properties"]
    schedule["interval"] = {"type": ["string", "number", "null"]}
    deployment = definitions["DeploymentConfig"]["properties"]
    deployment["schedules"] = {
        "type": ["array", "null"],
        "items": {"$ref": "#/$defs/RawScheduleConfig"},
    }
    # Prefect would make a tag of each character of a text.
    deployment["tags"] = {"type": ["array", "null"]}
    deployment["schedule"] = {}  # Another check covers it.
    schema["properties"]["definitions"] = {}  # Prefect's documentation keeps anchors there.
    schema["patternProperties"] = {"^x-": {}}
    for each in [schema, *definitions.values()]:
        if "properties" in each:
            each["additionalProperties"] = False
    return schema


def pool_remedy(project: Project, deployment: Deployment) -> str:
    """How a deployment gets a work pool."""
    if deployment.pool.name:
        return "set it in the environment, or write the name"
    if deployment.work_pool:
        name = next(iter(project.pools), project.answers.get("work_pool", "NAME"))
        return f"add name: {name} under its work_pool"
    return "add a work pool to it: work_pool: *modal"


def gets_no_code(deployment: Deployment) -> bool:
    """Whether its own pull steps only change the directory, and its image is Prefect's."""
    image = deployment.pool.job_variables.get("image", OF_PREFECT)
    return {*chain(*(deployment.pull or []))} == {DIRECTORY} and OF_PREFECT in str(image)


def check_containers(project: Project) -> Findings:
    """Find what prevents a run from getting a container or the container from installing."""
    problems = []
    for deployment in project.deployments:
        if reason := deployment.without_pool:
            problems.append(failed(reason, pool_remedy(project, deployment)))
            continue
        if gets_no_code(deployment):
            text = f"{deployment.name} has its own pull, which only changes the directory"
            problems.append(warning(text, "delete its pull, so that its containers clone"))
        env = deployment.pool.job_variables.get("env") or {}
        installs = "UV_PROJECT_ENVIRONMENT" in str(project.prefect_yaml.pull_steps(deployment))
        if installs and "UV_PROJECT_ENVIRONMENT" not in env:
            text = f"{deployment.name} does not set UV_PROJECT_ENVIRONMENT"
            remedy = "add UV_PROJECT_ENVIRONMENT: /usr/local under env in its job_variables"
            problems.append(failed(text, remedy))
    return problems or passed("each container finds its Python")
