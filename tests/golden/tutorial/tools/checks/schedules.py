# mypy: ignore-errors
"""The schedules: what Prefect would refuse, resume or duplicate."""

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from tools.base.finding import Finding, Findings, failed, passed
from tools.base.prefect_yaml import PLACEHOLDER, Deployment
from tools.base.project import Project

DOCS = "https://docs.prefect.io/v3/how-to-guides/deployments/create-schedules"


def check_schedules(project: Project) -> Findings:
    problems = []
    for deployment in project.deployments:
        if deployment.paused is None:
            text = f"{deployment.name} does not say whether it is paused"
            problems.append(failed(text, "add paused: false to it"))
        problems += schedule_problems(deployment)
    return [*dict.fromkeys(problems)] or passed("deploys change none that you paused")


def schedule_problems(deployment: Deployment) -> Iterator[Finding]:
    if deployment.schedule:
        text = f"{deployment.name} has a schedule:, which each deploy resumes if it was paused"
        yield failed(text, "move it to schedules, and add a slug")
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
            yield failed(text, f"see {DOCS}")


def refused_schedule(schedule: Any) -> str:
    """Why Prefect refuses a schedule; empty if it does not, or if only a deploy can tell."""
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
        # The check of the keys reports unknown ones.
        if not (errors := [each for each in error.errors() if each["type"] != "extra_forbidden"]):
            return ""
        first = errors[0]
        return f"{'.'.join(map(str, first['loc'])) or 'a schedule'}: {first['msg']}"
    except Exception as error:  # Its libraries raise various errors for dates.
        return f"{error} in a schedule"
    return ""
