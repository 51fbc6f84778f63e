# mypy: ignore-errors
"""Prefect's `deploy`, which stops at the first failure; here, the other deployments follow."""

import ast
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tools.base import process
from tools.base.prefect_yaml import Deployment
from tools.base.project import Project
from tools.base.screen import say
from tools.base.stop import CheckSkipped

COMMAND = (*process.PREFECT, "--no-prompt", "deploy")
CREATED = re.compile(r"successfully\W+created\W+with\W+id\W")
"""Prefect prints this for each deployment, in a box that may wrap it."""
FOR_ALL = re.compile(r"(Connect|Read|Write|Pool|Proxy)\w*(Error|Timeout)\b|401 ")
"""A failure that all deployments would share: no answer, or a refused key."""
INVALID = re.compile(
    r"Validation failed for field '(.+?)'\. Failure reason: (.+?)(?=\"?(?:, 'input'|\})|$)",
    re.MULTILINE,
)
"""The server's message about a parameter or job variable, before it repeats the request."""
LONGEST = 300
"""The maximum length of a reason; the whole text was already printed."""
Run = Callable[[Project, list[str]], tuple[int, str]]


@dataclass
class Outcome:
    """The outcome for each deployment in prefect.yaml."""

    code: int = 0
    """The exit code."""
    deployed: list[Deployment] = field(default_factory=list)
    failed: list[tuple[Deployment, str]] = field(default_factory=list)
    """The failed ones, and why."""
    untried: list[Deployment] = field(default_factory=list)


def command_of(project: Project) -> tuple[tuple[str, ...], dict[str, str]]:
    """The command that deploys, and its environment."""
    if project.app:
        return project.app.COMMAND, project.app.settings(project)
    return COMMAND, {}


def run_and_show(project: Project, arguments: list[str]) -> tuple[int, str]:
    """Run Prefect's command, show its output, and return its exit code and the output."""
    shown = []
    command, env = command_of(project)
    with subprocess.Popen(
        (*command, *arguments),
        cwd=project.root,
        env=process.environment(PREFECT_SERVER_ALLOW_EPHEMERAL_MODE="false", **env),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as running:
        for line in running.stdout or ():
            print(line, end="", file=sys.stdout, flush=True)
            shown.append(line)
    return running.returncode, "".join(shown)


@contextmanager
def in_place_of(project: Project, written: dict[str, Any]) -> Iterator[tuple[Project, Run]]:
    """The project with a different prefect.yaml, and a function that runs Prefect on it."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        (file := Path(folder, "prefect.yaml")).write_text(yaml.safe_dump(written), encoding="utf-8")
        changed = Project(project.root)
        changed.written_prefect_yaml = written
        yield changed, lambda _, words: run_and_show(changed, ["--prefect-file", str(file), *words])


def quietly(environment: dict[str, Any]) -> Run:
    """Return a function that runs Prefect's command with these variables, without output."""

    def run(project: Project, arguments: list[str]) -> tuple[int, str]:
        # A warning from the flows would look like the reason of a failure.
        command, given = command_of(project)
        env = environment | {"PYTHONWARNINGS": "ignore"} | given
        done = process.run(*command, *arguments, cwd=project.root, limit=None, **env)
        return done.returncode, done.stdout + done.stderr

    return run


def deploy_each(
    project: Project, run: Run = run_and_show, only: Collection[str] | None = None
) -> Outcome:
    """Deploy all, and continue after a failure, unless the next one fails for the same reason.

    Deployments that are requested by name are always tried.
    """
    outcome, todo, arguments = Outcome(), named(project), ["--all"]
    if only is not None:
        todo = [(here, name) for here, name in todo if here.name in only]
        arguments = by_name(todo)
    while True:
        code, output = run(project, arguments)
        if code == 0:
            outcome.deployed += [here for here, _ in todo]
            return outcome
        outcome.code = code
        # Prefect deploys in the order of the file.
        done = len(CREATED.findall(output))
        outcome.deployed += [here for here, _ in todo[:done]]
        if not (left := todo[done:]):
            return outcome  # Prefect cannot name the failed deployment.
        why = reason(output)
        again = only is None and not done and [why] == [last for _, last in outcome.failed[-1:]]
        outcome.failed.append((left[0][0], why))
        todo = left[1:]
        if again or not todo or FOR_ALL.match(why):
            outcome.untried = [here for here, _ in todo]
            return outcome
        if only is None:
            say(f"\n{left[0][0].name} failed. The next: {', '.join(here.name for here, _ in todo)}")
        arguments = by_name(todo)


def by_name(todo: list[tuple[Deployment, str]]) -> list[str]:
    return [word for _, name in todo for word in ("--name", name)]


def named(project: Project) -> list[tuple[Deployment, str]]:
    """The deployments that Prefect does not skip, and their names for its command."""
    try:
        written = project.written_prefect_yaml.get("deployments") or []
        pairs = zip(project.deployments, written, strict=True)
        return [(here, pattern(there)) for here, there in pairs if there.get("name")]
    except (AttributeError, CheckSkipped):
        return []  # Prefect reports what is wrong with the file.


def pattern(written: dict[str, Any]) -> str:
    """A deployment's name after its function's, because several flows may share the name."""
    function = str(written.get("entrypoint", "")).rpartition(":")[2]
    return f"{function}/{written['name']}" if function else written["name"]


def reason(output: str) -> str:
    """Why Prefect's command failed, on one line, from its output."""
    output = re.sub(r"\x1b\[[\d;]*m", "", output)
    if found := INVALID.findall(output):
        return "{}: {}".format(*found[-1])
    if "Invalid fields in deployments" in output:
        return "prefect.yaml has a wrong key, which make check names"
    lines = output.splitlines()
    starts = [n for n, line in enumerate(lines) if line.startswith("Traceback (most recent")]
    raised = [
        next((line for line in lines[start + 1 :] if line and line[0] != " "), "")
        for start in starts
    ]
    ends = [n for n, line in enumerate(lines) if re.match(r" > |Running |\W+$", line)]
    # A step's error only says that the error before it occurred there.
    errors = [line for line in raised if "StepExecutionError: " not in line]
    said = errors[-1] if errors else " ".join(lines[ends[-1] + 1 :] if ends else lines)
    noise = (
        r"RuntimeError: `run_shell_script` failed with error code \d+: |(?:\w+\.)+(?=\w+(?::|$))"
    )
    text = " ".join(without_request(re.sub(f"^(?:{noise})", "", said)).split()).rstrip(".")
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} …"


def without_request(error: str) -> str:
    """A server's answer without the request, which may hold secrets."""
    if not (found := re.search(r"error '(\d+ [^']*)' for url", error)):
        return error.partition("Response:")[0]
    answer = re.search(r"Response: (\{.*\})", error)
    try:
        detail = ast.literal_eval(answer[1]).get("detail") if answer else ""
    except (SyntaxError, ValueError):
        detail = ""
    return f"{found[1]}: {detail}" if detail and isinstance(detail, str) else found[1]
