"""Everything that Prefect's documentation shows for prefect.yaml passes `make doctor`.

The shapes are described at https://docs.prefect.io/v3/how-to-guides/deployments/prefect-yaml,
/create-schedules, /customize-job-variables and on their neighbours.
"""

import textwrap

import pytest
from prefect.cli.deploy._models import PrefectYamlModel
from tools.base.project import Project
from tools.bootstrap import PREFECT_YAML
from yaml import safe_load

from tests.tools.conftest import problems

FLOWS = '''"""Flows of every kind."""

import prefect
from prefect import flow, task


@task
def step() -> None: ...


@flow
def daily(day: str = "today") -> None: ...


@flow(name="Report for everybody", retries=2)
async def report(to: list[str], *, copies: int = 1) -> None: ...


@prefect.flow
def anything(**options: object) -> None: ...


class Jobs:
    @staticmethod
    @flow
    def nightly() -> None: ...
'''
START = """\
name: flows
pull:
  - prefect.deployments.steps.git_clone:
      id: clone
      repository: https://github.com/acme/flows
      branch: main
  - prefect.deployments.steps.run_shell_script:
      directory: "{{ clone.directory }}"
      script: sh -c 'test "$UV_PROJECT_ENVIRONMENT"; uv sync --locked --inexact'
"""
POOL = """\
work_pool:
  name: modal
  job_variables:
    image: {tag: acme/flows:1}
    timeout: 600
    env: {UV_PROJECT_ENVIRONMENT: /usr/local}
"""
BASE = f"name: daily\nentrypoint: acme.flows:daily\npaused: false\n{POOL}"
CRON = '- {slug: morning, cron: "0 6 * * *", timezone: Europe/Berlin}\n'


def deployment(text: str) -> str:
    """A deployment as an element of the list."""
    return "deployments:\n" + textwrap.indent(text, "    ").replace("    ", "  - ", 1)


def with_more(text: str) -> str:
    return START + deployment(BASE + text)


def instead(old: str, new: str) -> str:
    assert old in BASE
    return START + deployment(BASE.replace(old, new))


def schedules(text: str) -> str:
    return with_more("schedules:\n" + textwrap.indent(text, "  "))


SHAPES = {
    "the least": with_more(""),
    "a version of Prefect, which is not used": f"prefect-version: 3.0.0\n{with_more('')}",
    "no build, no push": f"build: null\npush: []\n{with_more('')}",
    "a build step": f"build:\n  - prefect.deployments.steps.run_shell_script: {{id: c, script: date}}\n{with_more('')}",
    "one pull step as a mapping": START.partition("pull:")[0]
    + "pull:\n  prefect.deployments.steps.set_working_directory: {directory: /app}\n"
    + deployment(BASE),
    "a step that needs a package": START.replace(
        "pull:\n", "pull:\n  - prefect.deployments.steps.pip_install_requirements: {requirements_file: r.txt}\n"
    ) + deployment(BASE),
    "pull steps of its own": with_more(
        "pull:\n  - prefect.deployments.steps.set_working_directory: {directory: /app}\n"
    ),
    "no pull steps": with_more("pull: []\n"),
    "tags and a description": with_more("tags: [etl, a b]\ndescription: |\n  Many\n  lines\n"),
    "a version as text": with_more('version: "1.2"\n'),
    "a version of a step": with_more('version: "{{ commit.stdout }}"\n'),
    "parameters": with_more("parameters: {day: monday}\n"),
    "parameters of a step": with_more('parameters: {day: "{{ c.stdout }}"}\n'),
    "parameters that are any": instead("acme.flows:daily", "acme.flows:anything").replace(
        "paused: false", "parameters: {depth: 3, of: [1, 2], date: 2026-01-01}\n    paused: false"
    ),
    "a parameter that has to be given": instead("flows:daily", "flows:report"),
    "one that a schedule gives": schedules(
        '- {slug: a, cron: "0 6 * * *", parameters: {to: [ada]}}\n'
    ).replace("flows:daily", "flows:report"),
    "one that only an inactive schedule lacks": schedules(
        '- {slug: a, cron: "0 6 * * *", active: false}\n'
    ).replace("flows:daily", "flows:report"),
    "a cron": schedules(CRON),
    "a cron with a word": schedules('- {slug: a, cron: "@daily"}\n'),
    "a cron of days": schedules('- {slug: a, cron: "0 0 1 * 1", day_or: false}\n'),
    "an interval in seconds": schedules("- {slug: a, interval: 3600}\n"),
    "an interval of a half": schedules("- {slug: a, interval: 0.5}\n"),
    "an interval as ISO 8601": schedules("- {slug: a, interval: PT30M}\n"),
    "an interval with an anchor": schedules(
        '- {slug: a, interval: 600, anchor_date: "2026-01-01T00:00:00Z", timezone: UTC}\n'
    ),
    "a rule": schedules('- {slug: a, rrule: "FREQ=WEEKLY;BYDAY=MO", timezone: Asia/Tokyo}\n'),
    "many schedules": schedules(CRON + '- {slug: b, interval: 60, parameters: {day: sunday}}\n'),
    "a schedule that replaces one": schedules('- {slug: b, cron: "0 7 * * *", replaces: morning}\n'),
    "no schedules": with_more("schedules: []\n"),
    "a limit": with_more("concurrency_limit: 1\n"),
    "a limit with a strategy": with_more(
        "concurrency_limit: {limit: 3, collision_strategy: CANCEL_NEW, grace_period_seconds: 60}\n"
    ),
    "parameters that are not enforced": with_more("enforce_parameter_schema: false\n"),
    "a trigger": with_more(
        "triggers:\n  - type: event\n    enabled: true\n    match: {prefect.resource.id: acme.*}\n"
        '    expect: [acme.landed]\n    parameters: {day: "{{ event.id }}"}\n'
    ),
    "a queue": instead("name: modal\n", "name: modal\n  work_queue_name: urgent\n"),
    "a file as entrypoint": instead("acme.flows:daily", "src/acme/flows.py:daily"),
    "a flow in a class": instead("acme.flows:daily", "src/acme/flows.py:Jobs.nightly"),
    "a flow of another package": instead("acme.flows:daily", "other.flows:daily"),
    "shared settings": "definitions:\n  work_pools:\n    modal: &modal\n"
    + textwrap.indent(POOL.partition("\n")[2], "    ")
    + START
    + deployment(BASE.replace(POOL, "work_pool: *modal\n"))
    + "  - name: other\n    entrypoint: acme.flows:daily\n    paused: true\n    work_pool:\n"
    "      <<: *modal\n      work_queue_name: slow\n",
    "one flow, two deployments": with_more("") + "  - " + textwrap.indent(
        BASE.replace("name: daily", "name: again"), "    "
    ).strip() + "\n",
    "comments, and quotes of both kinds": with_more("").replace("name: flows", "name: 'flows'  # ours"),
}  # fmt: skip


def test_there_are_enough_of_them() -> None:
    assert len(SHAPES) >= 32


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_of_the_documentation_passes(project: Project, shape: str) -> None:
    file = project.root / "prefect.yaml"
    file.write_text(SHAPES[shape])
    (project.root / "src/acme").mkdir()
    (project.root / "src/acme/flows.py").write_text(FLOWS)
    PrefectYamlModel.model_validate(safe_load(SHAPES[shape]))
    found = {check.name: problems(check.check, project) for check in PREFECT_YAML}
    assert {name: texts for name, texts in found.items() if texts} == {}
