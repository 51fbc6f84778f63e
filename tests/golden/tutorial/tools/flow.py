# mypy: ignore-errors
"""`make flow`: add a flow, with its test and its deployment. What is there stays as it is."""

import json
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from prefect.client.schemas.schedules import CronSchedule

from tools.base.answers import cron_of, name_error, schedule_error, timezone_error
from tools.base.flows import flows_in, name_in_prefect
from tools.base.project import Project
from tools.base.screen import say
from tools.base.stop import ActionRequired
from tools.base.words import in_words

FLOW = '''"""The flow {name}."""

from prefect import flow, task


# What may fail for a moment, such as a request, is tried again.
@task(retries=2, retry_delay_seconds=10)
def fetch_{name}(source: str) -> list[str]:
    return [f"{{source}} {{number}}" for number in (1, 2)]


# Shorter than the timeout in prefect.yaml, after which Modal stops the container.
@flow(log_prints=True, timeout_seconds=1800)
def {name}(source: str = "example") -> list[str]:
    found = fetch_{name}(source)
    print(f"{{len(found)}} from {{source}}")
    return found
'''
TEST = '''"""The new flow, run for real on Prefect's throw-away test server."""

from {package}.flows.{name} import {name}


def test_it_returns_what_it_has_fetched() -> None:
    assert {name}(source="it") == ["it 1", "it 2"]
'''


@dataclass(frozen=True)
class New:
    """A flow that is to be added."""

    name: str
    package: str
    deployment: str
    description: str
    cron: str
    timezone: str
    paused: bool

    @property
    def files(self) -> dict[str, str]:
        return {
            f"src/{self.package}/flows/{self.name}.py": FLOW.format(name=self.name),
            f"tests/test_{self.name}.py": TEST.format(name=self.name, package=self.package),
        }

    def entry(self, first: dict[str, Any]) -> str:
        """The element of `deployments`, with what is the same in each as the first one has it."""
        lines = (
            f"- name: {string(self.deployment)}",
            f"  description: {string(self.description)}",
            *(f"  {key}: {string(first[key])}" for key in ("tags", "version") if key in first),
            f"  entrypoint: {self.package}.flows.{self.name}:{self.name}",
            f"  paused: {string(self.paused)}",
            "  schedules:",
            "    - slug: primary",
            f"      cron: {string(self.cron)}",
            f"      timezone: {string(self.timezone)}",
            "  work_pool: *modal",
        )
        return "\n".join(lines)


def string(value: Any) -> str:
    """A value as YAML takes it, on one line."""
    return json.dumps(value, ensure_ascii=False, default=str)


def flow(project: Project, name: str, schedule: str, timezone: str) -> int:
    """Add a flow, and return the exit code.

    Raises:
        ActionRequired: it cannot be added so, and nothing was written.
    """
    new = asked(project, name, schedule or "never", timezone)
    if problems := [*taken(project, new)]:
        raise ActionRequired(f"{'; '.join(problems)}. Nothing was written. Type another NAME")
    before = project.read("prefect.yaml")
    entry = new.entry(project.written_prefect_yaml["deployments"][0])
    try:
        addition, reason = appendix(before, entry), ""
    except CannotAppend as error:
        addition, reason = "", str(error)
    write(project.root, new.files, addition)
    # As this project's own rules have it, if it has Ruff.
    project.run(sys.executable, "-m", "ruff", "format", "--no-cache", *new.files)
    for file in new.files:
        say(f"{file} is written.", "passed")
    if reason:
        text = f"prefect.yaml is as it was, because {reason}. Add this to its deployments yourself:"
        say(f"{text}\n\n{entry}", "failed")
        return 1
    say(f"prefect.yaml has the deployment {new.deployment}: {new.description}.", "passed")
    run = f"make run DEPLOYMENT={shlex.quote(new.deployment)}"
    say(f"\nTry it with {run}. Edit it, make lint check test, commit and push.")
    return 0


def asked(project: Project, name: str, schedule: str, timezone: str) -> New:
    """What was asked for.

    Raises:
        ActionRequired: it is not possible, and this is what to type instead.
    """
    answers = project.answers
    zone = timezone or answers.get("timezone") or "UTC"
    for variable, error in (
        ("NAME", name_error(name)),
        ("SCHEDULE", schedule_error(schedule)),
        ("TIMEZONE", timezone_error(zone)),
    ):
        if error:
            raise ActionRequired(f"{variable}: {error}")
    backend = project.pyproject.get("tool", {}).get("uv", {}).get("build-backend", {})
    package = backend.get("module-name")
    if not isinstance(package, str) or not (project.root / "src" / package).is_dir():
        raise ActionRequired(
            "pyproject.toml names no package under src/ as module-name of tool.uv.build-backend"
        )
    if not project.deployments:
        raise ActionRequired("prefect.yaml has no deployment whose settings the new one could have")
    cron = cron_of(schedule)
    never = schedule == "never"
    words = "only when asked" if never else in_words(CronSchedule(cron=cron, timezone=zone))
    prefix = answers.get("project_name") or project.written_prefect_yaml.get("name") or package
    return New(
        name=name,
        package=package,
        deployment=f"{prefix}-{name.replace('_', '-')}",
        description=f"Runs on Modal {words}",
        cron=cron,
        timezone=zone,
        paused=never,
    )


def taken(project: Project, new: New) -> Iterator[str]:
    """What is there already, and would be two of a kind."""
    for file in new.files:
        for path in (project.root / file, (project.root / file).with_suffix("")):
            if path.exists():
                yield f"{path.relative_to(project.root).as_posix()} is there already"
    for each in project.deployments:
        if each.name == new.deployment:
            yield f"prefect.yaml has a deployment {new.deployment} already"
    for entrypoint in entrypoints(project, new.package):
        if name_in_prefect(project.root, entrypoint) == new.name.replace("_", "-"):
            yield f"{entrypoint} is a flow of that name already"


def entrypoints(project: Project, package: str) -> list[str]:
    """All flows of the project: those that are deployed, and those in its package."""
    found = [each.entrypoint for each in project.deployments if each.entrypoint]
    top = project.root / "src"
    for file in sorted((top / package).rglob("*.py")):
        module = ".".join(file.relative_to(top).with_suffix("").parts).removesuffix(".__init__")
        found += [f"{module}:{name}" for name in flows_in(project.root, f"{module}:")]
    return list(dict.fromkeys(found))


class CannotAppend(Exception):
    """A deployment cannot be added to the end of prefect.yaml; the text says why."""


def appendix(text: str, entry: str) -> str:
    """What to add to the end of prefect.yaml for one more deployment.

    Raises:
        CannotAppend: whatever stood there, it would not be just that.
    """
    written: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    key, deployments = written.value[-1]
    if key.value != "deployments" or deployments.flow_style:
        raise CannotAppend("it does not end with a list of deployments, one under the other")
    if not any(getattr(event, "anchor", None) == "modal" for event in yaml.parse(text)):
        raise CannotAppend("no work pool in it is marked &modal")
    indent = " " * deployments.start_mark.column
    lines = "".join(f"{indent}{line}\n" for line in entry.splitlines())
    addition = ("\n" if text.endswith("\n") else "\n\n") + lines
    try:
        before, after = yaml.safe_load(text), yaml.safe_load(text + addition)
        new = after["deployments"].pop()
    except (yaml.YAMLError, TypeError, KeyError, IndexError):
        new = {}
    if not new.get("work_pool") or after != before:
        raise CannotAppend("its end is an unusual one")
    return addition


def write(root: Path, files: dict[str, str], addition: str) -> None:
    """Write all of it or nothing.

    Raises:
        ActionRequired: that is not possible.
    """
    written: list[Path] = []
    try:
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            with (root / name).open("x", encoding="utf-8") as file:
                written.append(root / name)
                file.write(text)
        with (root / "prefect.yaml").open("a", encoding="utf-8") as file:
            file.write(addition)
    except OSError as error:
        for path in written:
            path.unlink()
        raise ActionRequired(f"{error.filename} cannot be written: {error.strerror}") from None
