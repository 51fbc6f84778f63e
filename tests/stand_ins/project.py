"""A rendered project on a user's laptop, and its runs."""

import json
import os
import shlex
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest import mock
from zoneinfo import ZoneInfo

from prefect.context import refresh_global_settings_context
from tools.base import project as tools
from tools.checks.last_runs import check_last_runs

from tests.stand_ins.container import Container
from tests.stand_ins.github import GitHub
from tests.support.documents import BY_HAND
from tests.support.forked import forks
from tests.support.git import commit, git
from tests.support.prefect_server import PrefectServer

Done = subprocess.CompletedProcess[str]


def make(folder: Path, *targets: str, env: dict[str, str]) -> Done:
    """Run a rendered project's own `make`, without a terminal for questions."""
    return subprocess.run(
        ["make", *targets],
        check=False,
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@dataclass
class Run:
    """A flow run that has ended."""

    state: str
    """The type of its last state, such as COMPLETED or CRASHED."""
    logs: list[str]
    """Its log in Prefect."""
    output: str
    """The output of its container, which Modal shows."""
    everything: str
    """The server's record of it, as JSON."""


@dataclass
class Project:
    """A rendered project on a user's laptop, with its repository on GitHub."""

    folder: Path
    repository: str
    server: PrefectServer
    github: GitHub
    environment: dict[str, str]
    """The laptop's environment, where Prefect is logged in."""
    build_container: Callable[[dict[str, Any]], Container]
    """The container that Modal starts for a run's job variables."""
    flow: str = "example"
    """The end of the name of the inspected deployment."""

    def make(self, *targets: str, **extra: str) -> Done:
        with forks():
            return make(self.folder, *targets, env=self.environment | extra)

    def push(self) -> str:
        """Commit and push everything, and return the commit."""
        commit(self.folder)
        git(self.folder, "push", "--quiet", "--set-upstream", "origin", "main")
        return git(self.folder, "rev-parse", "HEAD")

    def deploy(self) -> dict[str, Any]:
        """Run `make prefect-deploy`, and return the deployment that the server then has."""
        done = self.make("prefect-deploy")
        assert done.returncode == 0, done.stdout
        return self.deployment()

    def deployment(self) -> dict[str, Any]:
        return self.server.deployment(f"{self.repository.replace('/', '-')}-{self.flow}")

    def start_container(self) -> Container:
        """A fresh container, as the deployment's job variables describe it."""
        return self.build_container(self.server.job_variables(self.deployment()))

    def planned_times(self, expected: set[str]) -> set[str]:
        """The times of day of the planned runs, in New York.

        The server looks at what was deployed once a second: it has three for what is expected.
        """
        end = time.monotonic() + 3
        while True:
            time.sleep(0.2)
            found = self._planned_times()
            if time.monotonic() > end or (expected and found == expected):
                return found

    def _planned_times(self) -> set[str]:
        chosen = {"id": {"any_": [self.deployment()["id"]]}}
        planned = {"state": {"type": {"any_": ["SCHEDULED"]}}}
        runs = self.server.post("flow_runs/filter", deployments=chosen, flow_runs=planned)
        starts = [datetime.fromisoformat(run["expected_start_time"]) for run in runs]
        there = ZoneInfo("America/New_York")
        return {start.astimezone(there).strftime("%H:%M") for start in starts}

    def save_token(self, token: str) -> None:
        """Follow the step of docs/by_hand.md that puts the GitHub token into a Prefect block."""
        (line,) = [line for line in BY_HAND.commands if "GitHubCredentials(" in line]
        line = line.replace("acme-reports", self.repository.replace("/", "-"))
        subprocess.run(
            shlex.split(line), cwd=self.folder, env=self.environment,
            input=f"{token}\n", text=True, check=True, capture_output=True,
        )  # fmt: skip

    def last_run(self) -> list[tuple[str, str, str]]:
        """The row of `make doctor` for the last run, as if the lock file check had failed."""
        with mock.patch.dict(os.environ, self.environment, clear=True):
            found = check_last_runs(tools.Project(self.folder), failed_rows=["Lock file"])
        refresh_global_settings_context()
        findings = found if isinstance(found, list) else [found]
        return [(each.status, each.text, each.remedy) for each in findings]

    def run(self, container: Container | None = None, **parameters: object) -> Run:
        """Run the deployed flow in a fresh container, as Modal would."""
        deployment = self.deployment()
        run = self.server.post(
            f"deployments/{deployment['id']}/create_flow_run", parameters=parameters
        )
        container = container or self.start_container()
        container.environment.setdefault("PREFECT_API_URL", self.server.url)
        variables = self.server.job_variables(deployment)
        output = container.execute(run["id"], variables).stdout
        logs = self.server.post(
            "logs/filter", logs={"flow_run_id": {"any_": [run["id"]]}}, sort="TIMESTAMP_ASC"
        )
        ended = self.server.get(f"flow_runs/{run['id']}")
        states = self.server.get(f"flow_run_states/?flow_run_id={run['id']}")
        everything = json.dumps([deployment, ended, states, logs])
        return Run(ended["state"]["type"], [log["message"] for log in logs], output, everything)
