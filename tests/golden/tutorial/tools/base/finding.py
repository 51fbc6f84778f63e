# mypy: ignore-errors
"""The findings of checks; a check that fails hides no other one."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import httpx
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError

from tools.base.project import Project
from tools.base.stop import ActionRequired, CheckSkipped, Malformed

Status = Literal["passed", "warning", "failed", "skipped", "bug"]


@dataclass(frozen=True)
class Finding:
    """One result of a check, with its remedy."""

    status: Status
    text: str
    remedy: str = ""


def passed(text: str) -> Finding:
    return Finding("passed", text)


def offered(text: str, remedy: str) -> Finding:
    """An optional feature that is off; the remedy turns it on."""
    return Finding("passed", text, remedy)


def failed(text: str, remedy: str = "make bootstrap") -> Finding:
    return Finding("failed", text, remedy)


def warning(text: str, remedy: str) -> Finding:
    """A problem only if the owner did not intend it."""
    return Finding("warning", text, remedy)


def skipped(text: str, remedy: str = "") -> Finding:
    return Finding("skipped", text, remedy)


Findings = Finding | list[Finding]
"""One finding, or all the failures that a check found."""


def told(*found: Finding) -> str:
    """Findings as text, each with its remedy in an indented line below."""
    return "\n".join(f"{each.text}\n  {each.remedy}".rstrip() for each in found)


@dataclass(frozen=True)
class Check:
    """A row of `make doctor`."""

    name: str
    check: Callable[[Project], Findings]


@dataclass(frozen=True)
class Step(Check):
    """A check that `make bootstrap` can also fix, once other steps have passed."""

    fix: Callable[[Project], None] | None = None
    """Fixes the problem; without it, a person has to."""
    after: tuple[str, ...] = ()
    renew: Callable[[Project], bool] = lambda _: False
    """Whether to run the fix even if the check passes."""
    optional: bool = False
    """Whether the project is ready without this step."""


def examine(check: Check, project: Project) -> list[Finding]:
    """Run a check; an error becomes its finding."""
    try:
        found = check.check(project)
    except Exception as error:
        return [in_row(error)]
    return found if isinstance(found, list) else [found]


def in_row(error: Exception) -> Finding:
    """Turn an error into a row's finding; another row says why prefect.yaml cannot be read."""
    return (
        skipped("prefect.yaml cannot be read") if isinstance(error, Malformed) else explain(error)
    )


def explain(error: Exception) -> Finding:
    """Turn an error into a finding; an unexpected error is a bug in these tools."""
    match error:
        case CheckSkipped() | ActionRequired():
            return skipped(error.text, error.remedy)
        case PrefectHTTPStatusError() if error.response.status_code == httpx.codes.UNAUTHORIZED:
            return skipped("Prefect is not connected")
        case PrefectHTTPStatusError():
            return skipped(f"Prefect answered {error.response.status_code}")
        case ObjectNotFound():
            return skipped("Prefect answered 404")
        case httpx.HTTPError() | httpx.InvalidURL():
            return skipped(f"Prefect cannot be reached: {type(error).__name__}")
    logging.getLogger("tools").debug("A bug of these tools:", exc_info=error)
    text = f"a bug in these tools: {type(error).__name__}: {error}"
    return Finding("bug", text, "report it with the output of --traceback")
