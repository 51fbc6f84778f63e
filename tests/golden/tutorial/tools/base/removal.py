# mypy: ignore-errors
"""What a command deletes: it is shown first, and deleted only after a confirmation."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from prefect.exceptions import ObjectNotFound

from tools.base.finding import explain
from tools.base.process import interactive
from tools.base.project import Project
from tools.base.screen import say


@dataclass(frozen=True)
class Removal:
    """Something that can be deleted."""

    what: str
    delete: Callable[[], object]


@dataclass(frozen=True)
class Kept:
    """Something that stays, and why."""

    text: str
    unknown: bool = False
    """Whether it is unknown what is there."""


def sort(parts: Iterable[Removal | Kept]) -> tuple[list[Removal], list[Kept]]:
    parts = list(parts)
    return (
        [each for each in parts if isinstance(each, Removal)],
        [each for each in parts if isinstance(each, Kept)],
    )


def show(project: Project, removals: list[Removal], kept: list[Kept]) -> None:
    for found in kept:
        say(found.text, "warning")
    if removals:
        say(f"To be deleted from {project.repository[1]} and {project.workspace.ui_url}:")
    for each in removals:
        say(f"  {each.what}")


def agreed(question: str, words: tuple[str, ...], yes: bool) -> bool:
    """Whether a person confirms; without a terminal, only if YES=1 was set."""
    if yes:
        return True
    if not interactive():
        say("Nothing was deleted. To delete without a question, set YES=1.")
        return False
    if input(question).strip() in words:
        return True
    say("Nothing was deleted.")
    return False


def delete_each(removals: list[Removal]) -> int:
    """Delete all in this order, even if one fails, and return the exit code."""
    code = 0
    for each in removals:
        try:
            each.delete()
        except ObjectNotFound:
            say(f"already gone: {each.what}", "passed")
        except Exception as error:
            say(f"not deleted: {each.what}. {explain(error).text}", "failed")
            code = 1
        else:
            say(f"deleted: {each.what}", "passed")
    return code
