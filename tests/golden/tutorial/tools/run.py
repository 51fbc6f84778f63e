# mypy: ignore-errors
"""`make run` and `make ui`: run a flow, on a temporary Prefect server or in the workspace."""

import json
import subprocess
import sys
import time
from typing import Any

from tools.base import process
from tools.base.finding import Check, examine
from tools.base.project import Project
from tools.base.screen import say
from tools.base.server import ask, throw_away_server
from tools.base.stop import ActionRequired
from tools.checks.prefect_account import check_prefect
from tools.which_flow import which_flow


def run(project: Project, asked: str, params: str, workspace: bool, ui: bool) -> int:
    """Run a flow, and return the exit code.

    Raises:
        ActionRequired: there is no such flow, or it does not accept these parameters.
    """
    entrypoint, parameters = which_flow(project, asked, params)
    try:
        if workspace:
            connected = examine(Check("Prefect", check_prefect), project)[0]
            if connected.status != "passed":
                raise ActionRequired(connected.text, connected.remedy)
            return execute(
                project, entrypoint, parameters, PREFECT_SERVER_ALLOW_EPHEMERAL_MODE="false"
            )
        say("Starting a Prefect server for this run …")
        with throw_away_server(ui) as api:
            code = execute(project, entrypoint, parameters, PREFECT_API_URL=api)
            if ui and (page := page_of_run(api)):
                say(f"The run: {page}\nPress Ctrl-C to stop the server.")
                wait_for_interrupt()
            return code
    except KeyboardInterrupt:
        return 130


def execute(project: Project, entrypoint: str, parameters: dict[str, Any], **env: str) -> int:
    """Run a flow in its own process, which handles Ctrl-C itself."""
    given = json.dumps(parameters, default=str)
    command = (sys.executable, "-P", "tools/run_flow.py", entrypoint, given)
    flow = subprocess.Popen(command, cwd=project.root, env=process.environment(**env))
    try:
        while True:
            try:
                code = flow.wait()
                return code if code >= 0 else 128 - code
            except KeyboardInterrupt:
                continue
    finally:
        if flow.poll() is None:
            flow.terminate()
            flow.wait()


def page_of_run(api: str) -> str:
    """The first run's path in the UI; empty if there is no run."""
    first = {"sort": "START_TIME_ASC", "limit": 1}
    runs = ask(api, "flow_runs/filter", **first)
    return f"{api.removesuffix('/api')}/runs/flow-run/{runs[0]['id']}" if runs else ""


def wait_for_interrupt() -> None:
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        print()
