# mypy: ignore-errors
"""`make doctor`: diagnose problems and suggest fixes. It changes nothing."""

import json
from collections.abc import Iterator
from functools import partial

from rich.table import Table

from tools.base.finding import Check, examine
from tools.base.pool_variables import EXAMPLES
from tools.base.project import Project
from tools.base.report import Row, show
from tools.base.screen import clean, screen
from tools.bootstrap import PREFECT_YAML, STEPS
from tools.checks.conflicts import check_conflicts
from tools.checks.deployments import check_orphaned
from tools.checks.job_variables import schema_of
from tools.checks.last_runs import check_last_runs
from tools.checks.machine import check_lock_file, check_python, check_template, check_uv
from tools.checks.prefect_account import check_blocks

CHECKS = [
    Check("Conflicts", check_conflicts),
    Check("uv", check_uv),
    Check("Lock file", check_lock_file),
    Check("Python", check_python),
    *PREFECT_YAML,
    Check("Template", check_template),
    *STEPS,
    Check("Blocks", check_blocks),
    Check("Orphaned deployments", check_orphaned),
]


def diagnose(project: Project, checks: list[Check] = CHECKS) -> Iterator[Row]:
    """The findings of each check, with its name."""
    failed_rows = []
    for check in project.fitting(checks):
        for found in examine(check, project):
            yield check.name, found
            failed_rows += [check.name] if found.status == "failed" else []
    last = Check("Last runs", partial(check_last_runs, failed_rows=failed_rows))
    yield from ((last.name, found) for found in examine(last, project))


def doctor(project: Project, as_json: bool) -> int:
    """Show the findings, and return the exit code.

    It is also not 0 if Prefect did not answer, because nothing is known about runs then.
    """
    report = []
    with screen.status("Checking …") as status:
        for name, found in diagnose(project):
            report.append((name, found))
            status.update(f"Checked {name} …")
    show(report, as_json)
    unknown = any(name == "Prefect" and found.status == "skipped" for name, found in report)
    return int(unknown or any(found.status in ("failed", "bug") for _, found in report))


def show_variables(project: Project) -> int:
    """Show the job variables of the work pools, and return the exit code."""
    for pool in project.pools:
        rows = Table(title=clean(pool), title_justify="left", box=None, pad_edge=False)
        for heading in ("job variable", "type", "default", "such as"):
            rows.add_column(heading, overflow="fold")
        for name, schema in sorted(schema_of(project, pool).get("properties", {}).items()):
            default = json.dumps(schema["default"]) if "default" in schema else ""
            row = (name, schema.get("type", "object"), default, EXAMPLES.get(name, ""))
            rows.add_row(*map(clean, row))
        screen.print(rows)
    return 0
