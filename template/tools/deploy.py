# mypy: ignore-errors
"""`make prefect-deploy`: deploy what prefect.yaml describes, unless that replaces what it should not."""

import os
import subprocess

from tools.base import process
from tools.base.finding import Check, examine
from tools.base.project import Project
from tools.base.screen import say
from tools.checks.deployments import newer, taken
from tools.checks.prefect_account import check_prefect


def deploy(project: Project, force: bool) -> int:
    """Deploy, and return the exit code. What cannot be checked is left to Prefect's command."""
    checks = [Check("Prefect", check_prefect)]
    if not force:
        checks.append(Check("Names", lambda project: [*taken(project)]))
        # A checkout of GitHub Actions has one commit only.
        if not os.environ.get("CI"):
            checks.append(Check("Commit", lambda project: [*newer(project)]))
    for check in checks:
        problems = [found for found in examine(check, project) if found.status == "failed"]
        for found in problems:
            say(f"{found.text}. {found.remedy}.", found.status)
        if problems:
            return 1
    command = (*process.PREFECT, "--no-prompt", "deploy", "--all")
    environment = process.environment(PREFECT_SERVER_ALLOW_EPHEMERAL_MODE="false")
    return subprocess.run(command, cwd=project.root, env=environment, check=False).returncode
