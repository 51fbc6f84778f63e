# mypy: ignore-errors
"""`make flow`: add a flow, its test and its deployment. Existing files are never overwritten."""

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


# Retried, because a request can fail briefly.
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
TEST = '''"""Tests of the new flow, on Prefect's temporary test server."""

from {package}.flows.{name} import {name}


def test_it_returns_what_it_has_fetched() -> None:
    assert {name}(source="it") == ["it 1", "it 2"]
'''


@dataclass(frozen=True)
class New:
    """A flow to add."""

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
        """The element of `deployments`; shared settings are copied from the first one."""
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
    """A value in YAML, on one line."""
    return json.dumps(value, ensure_ascii=False, default=str)


def flow(project: Project, name: str, schedule: str, timezone: str) -> int:
    """Add a flow, and return the exit code.

    Raises:
        ActionRequired: it cannot be added; nothing was written.
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
    # Formatted by the project's own rules, if it has Ruff.
    project.run(sys.executable, "-m", "ruff", "format", "--no-cache", *new.files)
    for file in new.files:
        say(f"Wrote {file}.", "passed")
    if reason:
        text = f"prefect.yaml is unchanged, because {reason}. Add this to its deployments:"
        say(f"{text}\n\n{entry}", "failed")
        return 1
    say(f"Added the deployment {new.deployment} to prefect.yaml: {new.description}.", "passed")
    run = f"make run DEPLOYMENT={shlex.quote(new.deployment)}"
    say(f"\nTry it: {run}. Then edit it, run make lint check test, commit and push.")
    return 0


def asked(project: Project, name: str, schedule: str, timezone: str) -> New:
    """The requested flow.

    Raises:
        ActionRequired: it is not possible; the text says what to type instead.
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
            "tool.uv.build-backend.module-name in pyproject.toml is no package under src/"
        )
    if not project.deployments:
        raise ActionRequired("prefect.yaml has no deployment to copy settings from")
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
    """What already exists and would be duplicated."""
    for file in new.files:
        for path in (project.root / file, (project.root / file).with_suffix("")):
            if path.exists():
                yield f"{path.relative_to(project.root).as_posix()} already exists"
    for each in project.deployments:
        if each.name == new.deployment:
            yield f"prefect.yaml already has a deployment {new.deployment}"
    for entrypoint in entrypoints(project, new.package):
        if name_in_prefect(project.root, entrypoint) == new.name.replace("_", "-"):
            yield f"{entrypoint} already has that flow name"


def entrypoints(project: Project, package: str) -> list[str]:
    """All flows of the project, deployed or in its package."""
    found = [each.entrypoint for each in project.deployments if each.entrypoint]
    top = project.root / "src"
    for file in sorted((top / package).rglob("*.py")):
        module = ".".join(file.relative_to(top).with_suffix("").parts).removesuffix(".__init__")
        found += [f"{module}:{name}" for name in flows_in(project.root, f"{module}:")]
    return list(dict.fromkeys(found))


class CannotAppend(Exception):
    """A deployment cannot be appended to prefect.yaml; the text says why."""


def appendix(text: str, entry: str) -> str:
    """What to append to prefect.yaml for one more deployment.

    Raises:
        CannotAppend: no text at the end adds just this deployment.
    """
    written: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    key, deployments = written.value[-1]
    if key.value != "deployments" or deployments.flow_style:
        raise CannotAppend("it does not end with a list of deployments in block style")
    if not any(getattr(event, "anchor", None) == "modal" for event in yaml.parse(text)):
        raise CannotAppend("none of its work pools has the anchor &modal")
    indent = " " * deployments.start_mark.column
    lines = "".join(f"{indent}{line}\n" for line in entry.splitlines())
    addition = ("\n" if text.endswith("\n") else "\n\n") + lines
    try:
        before, after = yaml.safe_load(text), yaml.safe_load(text + addition)
        new = after["deployments"].pop()
    except (yaml.YAMLError, TypeError, KeyError, IndexError):
        new = {}
    if not new.get("work_pool") or after != before:
        raise CannotAppend("the end of the file is unusual")
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
        raise ActionRequired(f"Cannot write {error.filename}: {error.strerror}") from None
