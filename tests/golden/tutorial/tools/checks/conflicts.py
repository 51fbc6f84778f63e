# mypy: ignore-errors
"""The conflicts that `copier update` leaves."""

from tools.base.finding import Findings, failed, passed
from tools.base.git import listed
from tools.base.project import Project


def check_conflicts(project: Project) -> Findings:
    marked = project.git("grep", "--name-only", "-zE", "^(<{7}|>{7}) ").stdout.split("\0")
    problems = [
        failed(f"{name} has conflict markers", "keep the right lines between <<<<<<< and >>>>>>>")
        for name in marked
        if name
    ]
    rejected = [name for name in listed(project, "ls-files") if name.endswith(".rej")]
    problems += [
        failed(f"{name} is a rejected part of an update", "apply it by hand, then delete it")
        for name in rejected
    ]
    return problems or passed("none")
