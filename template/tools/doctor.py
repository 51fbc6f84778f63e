# mypy: ignore-errors
"""`make doctor`: diagnose problems and suggest fixes. It changes nothing."""

import json
from functools import partial

from rich.markup import escape
from rich.table import Table

from tools.base.finding import Check, Finding, examine
from tools.base.pool_variables import EXAMPLES
from tools.base.project import Project
from tools.base.screen import MARKS, screen
from tools.bootstrap import STEPS
from tools.checks.deployments import check_orphaned
from tools.checks.job_variables import (
    check_images,
    check_job_variables,
    check_timeouts,
    schema_of,
)
from tools.checks.last_runs import check_last_runs
from tools.checks.machine import check_lock_file, check_python, check_template, check_uv
from tools.checks.prefect_account import check_blocks
from tools.checks.prefect_yaml import (
    check_containers,
    check_keys,
    check_schedules,
    check_secrets,
)

CHECKS = [
    Check("uv", check_uv),
    Check("Lock file", check_lock_file),
    Check("Python", check_python),
    Check("Keys", check_keys),
    Check("Schedules", check_schedules),
    Check("Secrets", check_secrets),
    Check("Containers", check_containers),
    Check("Job variables", check_job_variables),
    Check("Images", check_images),
    Check("Timeouts", check_timeouts),
    Check("Blocks", check_blocks),
    Check("Orphaned deployments", check_orphaned),
    Check("Template", check_template),
    *STEPS,
]


def diagnose(project: Project, checks: list[Check] = CHECKS) -> list[tuple[str, Finding]]:
    """What each check found, by the check's name."""
    report = [(check.name, found) for check in checks for found in examine(check, project)]
    failed_rows = [name for name, found in report if found.status == "failed"]
    last = Check("Last runs", partial(check_last_runs, failed_rows=failed_rows))
    return [*report, *((last.name, found) for found in examine(last, project))]


def doctor(project: Project, as_json: bool) -> int:
    """Show what every check found, and return the exit code."""
    report = diagnose(project)
    if as_json:
        rows = [{"check": name, **vars(found)} for name, found in report]
        print(json.dumps(rows, indent=2))
    else:
        screen.print(table(report))
    return int(any(found.status in ("failed", "bug") for _, found in report))


def show_variables(project: Project) -> int:
    """Show what the work pools take as job variables, and return the exit code."""
    for pool in project.pools:
        rows = Table(title=escape(pool), title_justify="left", box=None, pad_edge=False)
        for heading in ("job variable", "type", "default", "such as"):
            rows.add_column(heading, overflow="fold")
        for name, schema in sorted(schema_of(project, pool).get("properties", {}).items()):
            default = json.dumps(schema["default"]) if "default" in schema else ""
            row = (name, schema.get("type", "object"), default, EXAMPLES.get(name, ""))
            rows.add_row(*map(escape, row))
        screen.print(rows)
    return 0


def table(report: list[tuple[str, Finding]]) -> Table:
    rows = Table(box=None, pad_edge=False)
    for heading in ("", "", "finding", "what to do"):
        rows.add_column(heading, overflow="fold")
    for name, found in report:
        rows.add_row(MARKS[found.status], name, escape(found.text), escape(found.remedy))
    return rows
