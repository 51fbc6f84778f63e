# mypy: ignore-errors
"""prefect.yaml: what Prefect would ignore or refuse, and what a container lacks."""

from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from pydantic import ValidationError

from tools.base.finding import Findings, failed, passed
from tools.base.prefect_yaml import duplicate_keys
from tools.base.project import Project
from tools.base.stop import CheckSkipped

DOCS = "https://docs.prefect.io/v3/how-to-guides/deployments/prefect-yaml"


def check_keys(project: Project) -> Findings:
    """Hold the file against Prefect's own models, but strictly: Prefect ignores unknown keys."""
    try:
        from prefect.cli.deploy._models import PrefectYamlModel
    except ImportError:
        raise CheckSkipped("this version of Prefect keeps its models elsewhere") from None
    remedy = f"see {DOCS}"
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
