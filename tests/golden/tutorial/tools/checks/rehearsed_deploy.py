# mypy: ignore-errors
"""The deploy, as Prefect does it, to a server that is thrown away."""

import tempfile

from tools.base.finding import Finding, Findings, failed, passed, warning
from tools.base.prefect_deploy import deploy_each, quietly
from tools.base.project import Project
from tools.base.server import create_pool, settings, throw_away_server
from tools.base.stop import CheckSkipped


def check_deploy(project: Project, names: list[str]) -> Findings:
    """Deploy what has these names, to work pools that take what Modal's do."""
    if not names:
        raise CheckSkipped("no deployment is right so far")
    with throw_away_server() as url, tempfile.TemporaryDirectory() as home:
        for pool in project.pools:
            create_pool(url, pool)
        outcome = deploy_each(project, quietly(settings(url, home)), names)
    return [finding(here.name, why) for here, why in outcome.failed] or passed(
        "Prefect takes each deployment"
    )


def finding(name: str, why: str) -> Finding:
    if "Prefect Cloud" in why:
        return warning(f"{name}: {why}, which this is not", "make prefect-deploy shows it")
    return failed(f"{name}: Prefect does not deploy it: {why}", "correct it in prefect.yaml")
