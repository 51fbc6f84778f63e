# mypy: ignore-errors
"""What a check finds, and how checks are run so that one failure hides no other."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import httpx
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError

from tools.base.project import Project
from tools.base.stop import ActionRequired, CheckSkipped

Status = Literal["passed", "warning", "failed", "skipped", "bug"]


@dataclass(frozen=True)
class Finding:
    """One result of a check, with what to do about it."""

    status: Status
    text: str
    remedy: str = ""


def passed(text: str) -> Finding:
    return Finding("passed", text)


def offered(text: str, remedy: str) -> Finding:
    """What a project can do without; the remedy brings it."""
    return Finding("passed", text, remedy)


def failed(text: str, remedy: str = "make bootstrap") -> Finding:
    return Finding("failed", text, remedy)


def warning(text: str, remedy: str) -> Finding:
    """What may be right, and only its owner can tell."""
    return Finding("warning", text, remedy)


def skipped(text: str, remedy: str = "") -> Finding:
    return Finding("skipped", text, remedy)


Findings = Finding | list[Finding]
"""One finding, or all the failures that a check found."""


@dataclass(frozen=True)
class Check:
    """A row of `make doctor`."""

    name: str
    check: Callable[[Project], Findings]


@dataclass(frozen=True)
class Step(Check):
    """A check that `make bootstrap` can also put right, once other steps have passed."""

    fix: Callable[[Project], None] | None = None
    """What does so; without it, only a person can."""
    after: tuple[str, ...] = ()
    renew: Callable[[Project], bool] = lambda _: False
    """Whether to run the fix although the check passes."""
    optional: bool = False
    """Whether the project is ready without it."""


def examine(check: Check, project: Project) -> list[Finding]:
    """Run a check; whatever keeps it from an answer becomes its finding."""
    try:
        found = check.check(project)
    except Exception as error:
        return [explain(error)]
    return found if isinstance(found, list) else [found]


def explain(error: Exception) -> Finding:
    """Say what is in the way; what is not expected is a bug of these tools."""
    match error:
        case CheckSkipped() | ActionRequired():
            return skipped(str(error))
        case PrefectHTTPStatusError():
            return skipped(f"Prefect answers {error.response.status_code}")
        case ObjectNotFound():
            return skipped("Prefect answers 404")
        case httpx.HTTPError() | httpx.InvalidURL():
            return skipped(f"Prefect cannot be reached: {type(error).__name__}")
    logging.getLogger("tools").debug("A bug of these tools:", exc_info=error)
    text = f"a bug of these tools: {type(error).__name__}: {error}"
    return Finding("bug", text, "report it, with what --traceback adds")
