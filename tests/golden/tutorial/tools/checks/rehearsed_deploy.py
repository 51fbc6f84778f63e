# mypy: ignore-errors
"""A real deploy to a temporary Prefect server."""

import tempfile

from tools.base.finding import Finding, Findings, failed, passed, warning
from tools.base.prefect_deploy import deploy_each, quietly
from tools.base.project import Project
from tools.base.server import create_pool, settings, throw_away_server
from tools.base.stop import CheckSkipped


def check_deploy(project: Project, names: list[str]) -> Findings:
    """Deploy the deployments of these names, to work pools with the schema of Modal's."""
    if not names:
        raise CheckSkipped("no deployment has passed the checks above")
    with throw_away_server() as url, tempfile.TemporaryDirectory() as home:
        for pool in project.pools:
            create_pool(url, pool)
        outcome = deploy_each(project, quietly(settings(url, home)), names)
    return [finding(here.name, why) for here, why in outcome.failed] or passed(
        "Prefect accepts each deployment"
    )


def finding(name: str, why: str) -> Finding:
    if "Prefect Cloud" in why:
        return warning(
            f"{name}: {why}, which this check does not use",
            "make prefect-deploy shows whether it works",
        )
    return failed(f"{name}: Prefect refuses to deploy it: {why}", "correct it in prefect.yaml")
