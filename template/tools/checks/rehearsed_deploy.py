# mypy: ignore-errors
"""The deploy, as Prefect does it, to a server that is thrown away."""

import re
import tempfile
from typing import Any

from tools.base import process
from tools.base.finding import Finding, Findings, failed, passed, warning
from tools.base.project import Project
from tools.base.server import create_pool, settings, throw_away_server
from tools.base.stop import CheckSkipped

MADE = re.compile(r"Deployment '.+' successfully created")
REFUSED = re.compile(
    r"Validation failed for field (.+?)\. Failure reason: (.+?)(?=\"?(?:, 'input'|\})|$)",
    re.MULTILINE,
)


def check_deploy(project: Project, names: list[str]) -> Findings:
    """Deploy what has these names, to work pools that take what Modal's do."""
    if not names:
        raise CheckSkipped("no deployment is right so far")
    with throw_away_server() as url, tempfile.TemporaryDirectory() as home:
        for pool in project.pools:
            create_pool(url, pool)
        refused = deploy_each(project, names, settings(url, home))
    return [finding(name, why) for name, why in refused.items()] or passed(
        "Prefect takes each deployment"
    )


def finding(name: str, why: str) -> Finding:
    if "Prefect Cloud" in why:
        return warning(f"{name}: {why}, which this is not", "make prefect-deploy shows it")
    return failed(f"{name}: Prefect does not deploy it: {why}", "correct it in prefect.yaml")


def deploy_each(project: Project, names: list[str], environment: dict[str, Any]) -> dict[str, str]:
    """Deploy these, and return why Prefect refuses some of them."""
    refused = {}
    left = list(dict.fromkeys(names))
    while left:
        options = [word for name in left for word in ("--name", name)]
        command = (*process.PREFECT, "--no-prompt", "deploy", *options)
        done = process.run(*command, cwd=project.root, limit=None, **environment)
        if done.returncode == 0:
            break
        # It stops at the first one that is refused.
        made = len(MADE.findall(done.stdout))
        refused[left[made]] = reason(done)
        left = left[made + 1 :]
    return refused


def reason(done: process.Completed) -> str:
    """Why Prefect refuses a deployment, without what it was sent."""
    if found := REFUSED.search(done.stdout + done.stderr):
        return f"{found[1]}: {found[2]}"
    lines = (done.stdout + done.stderr).splitlines()
    said = [line.strip() for line in lines if re.match(r"[\w.]+(Error|Exception|Exit)\b", line)]
    return said[-1].partition(" - Response:")[0] if said else f"exit code {done.returncode}"
