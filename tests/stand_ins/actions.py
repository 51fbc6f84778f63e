"""A runner of GitHub Actions: act for whole workflows, bash for single steps."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.support.git import git
from tests.support.repository import ROOT

Done = subprocess.CompletedProcess[str]

# act drops a failing step's last output, unless its shell stays a little longer.
LINGERING = '#!/bin/sh\n{bash} "$@"\nstatus=$?\nsleep 0.2\nexit $status\n'

# act gives steps a terminal, unlike GitHub's runners: turn questions off.
NOBODY = {"GIT_TERMINAL_PROMPT": "0", "GH_PROMPT_DISABLED": "1"}


def run_workflow(
    folder: Path,
    event: str,
    workflow: str,
    environment: dict[str, str],
    secrets: dict[str, str],
    *options: str,
) -> Done:
    """Run the workflow that an event starts, in a checkout.

    The secrets come from a file, not from the environment, which every step sees: a step
    gets a secret only where the workflow hands it over.
    """
    (file := folder.parent / "secrets").write_text(
        "".join(f"{name}={value}\n" for name, value in secrets.items())
    )
    (shell := folder.parent / "shell").mkdir(exist_ok=True)
    (shell / "bash").write_text(LINGERING.format(bash=shutil.which("bash")))
    (shell / "bash").chmod(0o755)
    path = f"{shell}{os.pathsep}{environment['PATH']}"
    command = [
        str(ROOT / ".venv/bin/act"), event, "--workflows", f".github/workflows/{workflow}",
        "--platform", "ubuntu-latest=-self-hosted", "--no-cache-server",
        "--secret-file", str(file), *options,
    ]  # fmt: skip
    return _run(command, folder, environment | {"PATH": path})


@dataclass
class Job:
    """A job of a workflow in a checkout, whose unmodified steps are run by name."""

    checkout: Path
    workflow: str
    environment: dict[str, str]
    """The environment of the runner's programs."""
    expressions: dict[str, str]
    """The value of each expression in the workflow; outputs of steps are added."""
    event: str = "push"
    repository: str = "acme/flows"

    @property
    def temp(self) -> Path:
        """The folder for files that later steps read."""
        return self.checkout.with_name(f"{self.checkout.name}-temp")

    def run(self, *names: str) -> Done:
        """Run steps until one fails; those whose condition does not hold are skipped."""
        workflow = yaml.safe_load((self.checkout / ".github/workflows" / self.workflow).read_text())
        self.temp.mkdir(exist_ok=True)
        # The job that has these steps.
        jobs = [job for job in workflow["jobs"].values() if "steps" in job]
        (job,) = (j for j in jobs if names[0] in [step["name"] for step in j["steps"]])
        steps = {step["name"]: step for step in job["steps"]}
        done = Done([], 0, "")
        for step in (steps[name] for name in names):
            if done.returncode == 0 and ("if" not in step or self.expressions.get(step["if"])):
                env = job.get("env", {}) | step.get("env", {})
                env = {name: self._resolve(str(value)) for name, value in env.items()}
                # https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax
                options = "-eo pipefail" if "defaults" in workflow else "-e"
                done.stdout += (last := self._bash(options, step["run"], env)).stdout
                done.returncode = last.returncode
                self._keep_outputs(step.get("id"))
        return done

    def _resolve(self, text: str) -> str:
        return re.sub(r"\${{ (.*?) }}", lambda found: self.expressions[found[1]], text)

    def _bash(self, options: str, script: str, env: dict[str, str]) -> Done:
        given = {
            "GITHUB_EVENT_NAME": self.event,
            "GITHUB_OUTPUT": str(self.temp / "output"),
            "GITHUB_REF_NAME": "main",
            "GITHUB_REPOSITORY": self.repository,
            "GITHUB_REPOSITORY_OWNER": self.repository.split("/")[0],
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_SHA": git(self.checkout, "rev-parse", "HEAD"),
            "RUNNER_TEMP": str(self.temp),
        }
        command = ["bash", "--noprofile", "--norc", *options.split(), "-c", script]
        return _run(command, self.checkout, self.environment | given | env)

    def _keep_outputs(self, step: str | None) -> None:
        output = self.temp / "output"
        for line in output.read_text().splitlines() if output.exists() else []:
            name, _, value = line.partition("=")
            self.expressions[f"steps.{step}.outputs.{name}"] = value
        output.unlink(missing_ok=True)


def _run(command: list[str], folder: Path, environment: dict[str, str]) -> Done:
    return subprocess.run(
        command,
        check=False,
        cwd=folder,
        env=environment | NOBODY,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
