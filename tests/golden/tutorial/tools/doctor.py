# mypy: ignore-errors
"""`make doctor`: diagnose problems and suggest fixes. It changes nothing."""

import json
from collections import Counter
from collections.abc import Iterator
from functools import partial

from rich.table import Table

from tools.base.finding import Check, Finding, examine
from tools.base.pool_variables import EXAMPLES
from tools.base.project import Project
from tools.base.screen import clean, mark, say, screen
from tools.bootstrap import PREFECT_YAML, STEPS
from tools.checks.deployments import check_orphaned
from tools.checks.job_variables import schema_of
from tools.checks.last_runs import check_last_runs
from tools.checks.machine import check_lock_file, check_python, check_template, check_uv
from tools.checks.prefect_account import check_blocks

CHECKS = [
    Check("uv", check_uv),
    Check("Lock file", check_lock_file),
    Check("Python", check_python),
    *PREFECT_YAML,
    Check("Template", check_template),
    *STEPS,
    Check("Blocks", check_blocks),
    Check("Orphaned deployments", check_orphaned),
]
Row = tuple[str, Finding]


def diagnose(project: Project, checks: list[Check] = CHECKS) -> Iterator[Row]:
    """What each check finds, by the check's name."""
    failed_rows = []
    for check in checks:
        for found in examine(check, project):
            yield check.name, found
            failed_rows += [check.name] if found.status == "failed" else []
    last = Check("Last runs", partial(check_last_runs, failed_rows=failed_rows))
    yield from ((last.name, found) for found in examine(last, project))


def doctor(project: Project, as_json: bool) -> int:
    """Show what every check found, and return the exit code.

    It is not 0 either if Prefect could not be asked: then nothing is known of a run.
    """
    report = []
    with screen.status("Checking …") as status:
        for name, found in diagnose(project):
            report.append((name, found))
            status.update(f"Checking, last: {name} …")
    if as_json:
        print(json.dumps([{"check": name, **vars(found)} for name, found in report], indent=2))
    else:
        screen.print(table(report))
        say(f"\n{summary(report)}")
    unknown = any(name == "Prefect" and found.status == "skipped" for name, found in report)
    return int(unknown or any(found.status in ("failed", "bug") for _, found in report))


def summary(report: list[Row]) -> str:
    """How many checks passed, failed or were skipped, and why those were."""
    counts = Counter(found.status for _, found in report)
    said = [f"{count} {status}" for status, count in counts.most_common()]
    reasons = Counter(found.text for _, found in report if found.status == "skipped")
    why = "; ".join(f"{text} ({count})" for text, count in reasons.most_common())
    return ", ".join(said) + (f". Skipped because: {why}" if why else "")


def show_variables(project: Project) -> int:
    """Show what the work pools take as job variables, and return the exit code."""
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


def table(report: list[Row]) -> Table:
    rows = Table(box=None, pad_edge=False)
    for heading in ("", "", "finding", "what to do"):
        rows.add_column(heading, overflow="fold")
    for name, found in report:
        rows.add_row(mark(found.status), name, clean(found.text), clean(found.remedy))
    return rows
