# mypy: ignore-errors
"""The job variables of each deployment, checked against its work pool's schema."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from prefect.exceptions import PrefectHTTPStatusError

from tools.base.finding import Finding, Findings, failed, passed
from tools.base.pool_variables import DEFAULT_PYTHON, EXAMPLES, SCHEMA
from tools.base.prefect_yaml import PLACEHOLDER, Deployment
from tools.base.project import Project
from tools.base.stop import CheckSkipped

OFFICIAL = re.compile(r"(?:docker\.io/)?prefecthq/prefect:(.+)-python(\d+\.\d+)")


def schema_of(project: Project, pool: str) -> dict[str, Any]:
    """A work pool's schema, from the server or else as last seen."""
    if project.app:
        schema: dict[str, Any] = project.app.SCHEMA
        return schema
    if project.offline:
        return SCHEMA
    try:
        found = project.workspace.work_pool(pool)
    except (CheckSkipped, PrefectHTTPStatusError, httpx.HTTPError, httpx.InvalidURL):
        found = None
    return (found.base_job_template.get("variables") if found else None) or SCHEMA


def with_properties(project: Project) -> list[tuple[Deployment, dict[str, Any]]]:
    """Each deployment, with the schema of its job variables."""
    pools = {name: schema_of(project, name).get("properties", {}) for name in project.pools}
    return [(deployment, pools[deployment.pool.name]) for deployment in project.with_pool]


def check_job_variables(project: Project) -> Findings:
    schemas = {name: schema_of(project, name) for name in project.pools}
    problems = [
        problem
        for deployment in project.with_pool
        for problem in variable_problems(deployment, schemas[deployment.pool.name])
    ]
    return problems or passed(f"all are valid for {', '.join(project.pools) or 'no work pool'}")


def variable_problems(deployment: Deployment, schema: dict[str, Any]) -> Iterator[Finding]:
    known = schema.get("properties", {})
    # A build step's output has its type only at deploy.
    given = {
        name: value
        for name, value in deployment.pool.job_variables.items()
        if not (isinstance(value, str) and PLACEHOLDER.fullmatch(value.strip()))
    }
    for name in sorted(given.keys() - known.keys()):
        text = f"{deployment.name}: {deployment.pool.name} has no variable {name}"
        yield failed(text, f"use one of {', '.join(sorted(known))}")
    validator = Draft202012Validator({**schema, "required": []})
    for error in validator.iter_errors({name: given[name] for name in given.keys() & known}):
        deepest = best_match([error]) or error
        path = ".".join(map(str, deepest.absolute_path))
        example = EXAMPLES.get(str(error.absolute_path[0]), "")
        text = f"{deployment.name}: {path}: {deepest.message}"
        yield failed(text, f"write it like {example}" if example else "correct its type")


def check_images(project: Project) -> Findings:
    """Whether each image has the project's Python and the Prefect of uv.lock."""
    problems = [
        problem
        for deployment, properties in with_properties(project)
        if (problem := image_problem(project, deployment, properties))
    ]
    return problems or passed("no tag names another Python or Prefect than the project's")


def image_problem(
    project: Project, deployment: Deployment, properties: dict[str, Any]
) -> Finding | None:
    default = properties.get("image", {}).get("default")
    image = deployment.pool.job_variables.get("image") or default or {}
    tag = str(image.get("tag") or "") if isinstance(image, dict) else ""
    pinned = ".".join(project.read(".python-version").strip().split(".")[:2])
    if not tag and pinned != DEFAULT_PYTHON:
        text = f"{deployment.name} has no image, and the default image has Python {DEFAULT_PYTHON}"
        tag = f"docker.io/prefecthq/prefect:{project.locked_version('prefect')}-python{pinned}"
        return failed(f"{text}, not {pinned}", f"add image: {{tag: {tag}}} to its job_variables")
    if not (official := OFFICIAL.fullmatch(tag)):
        return None
    prefect, python = official.groups()
    if python != pinned:
        text = f"{deployment.name}: {tag} has Python {python}, but .python-version is {pinned}"
        return failed(text, f"end its tag with -python{pinned}")
    locked = project.locked_version("prefect")
    if not PLACEHOLDER.fullmatch(prefect.strip()) and not f"{locked}.".startswith(f"{prefect}."):
        text = f"{deployment.name}: {tag} has a different Prefect than uv.lock ({locked})"
        return failed(text, "write {{ prefect-version.stdout }} instead of its version")
    return None


def check_timeouts(project: Project) -> Findings:
    problems = []
    for deployment, properties in with_properties(project):
        default = properties.get("timeout", {}).get("default")
        if default and "timeout" not in deployment.pool.job_variables:
            text = f"{deployment.name} has no timeout: Modal stops its runs after {default} s"
            problems.append(failed(text, "add timeout: 3600 to its job_variables"))
    return problems or passed("each deployment has one")
