# mypy: ignore-errors
"""prefect.yaml: what Prefect would ignore, refuse, or store in plain text."""

import json
import re

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from prefect.client.schemas.schedules import CronSchedule
from pydantic import ValidationError

from tools.base.finding import Finding, Findings, failed, passed
from tools.base.prefect_yaml import Deployment
from tools.base.project import Project
from tools.base.stop import CheckSkipped

DOCS = "https://docs.prefect.io/v3/how-to-guides/deployments"


def check_keys(project: Project) -> Finding:
    """Hold the file against Prefect's own models, but strictly: Prefect ignores unknown keys."""
    try:
        from prefect.cli.deploy._models import PrefectYamlModel
    except ImportError:
        raise CheckSkipped("this version of Prefect keeps its models elsewhere") from None
    schema = PrefectYamlModel.model_json_schema()
    deployment = schema["$defs"]["DeploymentConfig"]["properties"]
    schedule = {"$ref": "#/$defs/RawScheduleConfig"}
    deployment["schedules"] = {"type": "array", "items": schedule}
    schema["properties"]["definitions"] = {}  # Where Prefect's page keeps its anchors.
    for model in [schema, *schema["$defs"].values()]:
        if "properties" in model:
            model["additionalProperties"] = False
    remedy = f"see {DOCS}/prefect-yaml"
    try:
        written = yaml.safe_load(project.read("prefect.yaml"))
        if error := best_match(Draft202012Validator(schema).iter_errors(written)):
            return failed(f"{error.json_path}: {error.message}", remedy)
        PrefectYamlModel.model_validate(written)
    except (yaml.YAMLError, ValidationError) as error:
        return failed(" ".join(str(error).split()), remedy)
    return passed("Prefect knows every key")


def check_schedules(project: Project) -> Findings:
    problems = []
    for deployment in project.deployments:
        if deployment.paused is None:
            text = f"{deployment.name} does not say whether it is paused"
            problems.append(failed(text, "add paused: false to it"))
        problems += schedule_problems(deployment)
    return problems or passed("a deploy keeps each of them as it is")


def schedule_problems(deployment: Deployment) -> list[Finding]:
    problems = []
    for schedule in deployment.schedules or []:
        if "slug" not in schedule:
            text = f"{deployment.name} has a schedule without a slug"
            problems.append(failed(text, "add slug: and a name to it"))
        try:
            if cron := schedule.get("cron"):
                CronSchedule(cron=cron, timezone=schedule.get("timezone"))
        except ValidationError as error:
            text = f"{deployment.name}: {error.errors()[0]['msg']}"
            problems.append(failed(text, f"see {DOCS}/create-schedules"))
    return problems


def check_secrets(project: Project) -> Findings:
    problems = []
    for deployment in project.deployments:
        for variable, value in deployment.pool.job_variables.items():
            if "prefect.blocks." in json.dumps(value, default=str):
                text = f"{deployment.name}: Prefect would store {variable} in plain text"
                problems.append(failed(text, "load the block in the flow instead"))
    return problems or passed("no job variable holds the value of a block")


def check_containers(project: Project) -> Findings:
    """What would keep a container from running the flow."""
    problems = []
    installs = "UV_PROJECT_ENVIRONMENT" in str(project.prefect_yaml.pull)
    for deployment in project.deployments:
        env = deployment.pool.job_variables.get("env") or {}
        if installs and "UV_PROJECT_ENVIRONMENT" not in env:
            text = f"{deployment.name} does not set UV_PROJECT_ENVIRONMENT"
            problems.append(failed(text, "copy job_variables from the first deployment"))
        if not has_flow(project, deployment.entrypoint):
            text = f"{deployment.name} runs {deployment.entrypoint}, which does not exist"
            problems.append(failed(text, "correct its entrypoint, as MODULE:FUNCTION"))
    return problems or passed("each finds its Python and its flow")


def has_flow(project: Project, entrypoint: str) -> bool:
    """Whether the entrypoint's file has that name; other people's packages are trusted."""
    module, _, flow = entrypoint.partition(":")
    file = project.root / "src" / f"{module.replace('.', '/')}.py"
    if module.endswith(".py"):
        file = project.root / module
    elif not (project.root / "src" / module.partition(".")[0]).exists():
        return True
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    return bool(flow and re.search(rf"\b{re.escape(flow)}\b", text))
