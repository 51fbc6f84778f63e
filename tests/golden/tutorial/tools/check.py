# mypy: ignore-errors
"""`make check`: check that these files would run on Modal. No account is used."""

import re
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from tools.base.actions import in_actions, say_failed
from tools.base.finding import Check, Finding, examine, told
from tools.base.prefect_yaml import Deployment
from tools.base.project import Project
from tools.base.report import Row, show
from tools.base.screen import screen
from tools.base.snapshot import snapshot
from tools.base.stop import CheckSkipped
from tools.bootstrap import PREFECT_YAML
from tools.checks.alarm import check_tags
from tools.checks.conflicts import check_conflicts
from tools.checks.imports import check_imports
from tools.checks.machine import check_lock_file, check_python
from tools.checks.rehearsed_deploy import check_deploy

FILES = [
    Check("Conflicts", check_conflicts),
    Check("Lock file", check_lock_file),
    Check("Python", check_python),
    *PREFECT_YAML,
    Check("Tags", check_tags),
]


def check(root: Path, as_json: bool) -> int:
    """Show the findings, and return the exit code: 0 if every check passed."""
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        screen.status("Checking …"),
    ):
        project = snapshot(Project(root, offline=True), Path(folder, "repository"))
        report = [
            (each.name, found)
            for each in project.fitting(FILES)
            for found in examine(each, project)
        ]
        names = [each.name for each in deployable(project) if not has_failed(each.name, report)]
        deploy = Check("Deploy", partial(check_deploy, names=names))
        # They wait for other programs, so they run in parallel.
        with ThreadPoolExecutor() as threads:
            imported = threads.submit(examine, Check("Imports", check_imports), project)
            deployed = threads.submit(examine, deploy, project)
        report += [("Imports", found) for found in imported.result()]
        # A flow that cannot be imported is not deployed either: one fault, one row.
        report += [("Deploy", found) for found in deployed.result() if not is_known(found, report)]
    show(report, as_json)
    bad = [each for each in report if each[1].status not in ("passed", "warning")]
    for name, found in bad if in_actions() and not as_json else []:
        say_failed(f"{name}: {told(found)}")
    return int(bool(bad))


def deployable(project: Project) -> list[Deployment]:
    try:
        return project.with_pool
    except CheckSkipped:
        return []


def has_failed(name: str, report: list[Row]) -> bool:
    """Whether a failure belongs to a deployment: its text begins with the deployments' names."""
    begins = re.compile(rf"(?:.+, )?{re.escape(name)}[,: ]")
    return any(found.status == "failed" and begins.match(found.text) for _, found in report)


def is_known(found: Finding, report: list[Row]) -> bool:
    return found.status == "failed" and has_failed(found.text.partition(": ")[0], report)
