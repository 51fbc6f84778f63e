# mypy: ignore-errors
"""What a command deletes: all of it is shown first, and only a person's word starts it."""

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
    """Whether it could not be told what is there."""


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
        say(f"To delete, of {project.repository[1]} and in {project.workspace.ui_url}:")
    for each in removals:
        say(f"  {each.what}")


def agreed(question: str, words: tuple[str, ...], yes: bool) -> bool:
    """Whether a person wants it; where nobody can answer, only if that was said before."""
    if yes:
        return True
    if not interactive():
        say("Nothing was deleted. YES=1 deletes it without a question.")
        return False
    if input(question).strip() in words:
        return True
    say("Nothing was deleted.")
    return False


def delete_each(removals: list[Removal]) -> int:
    """Delete them in this order, whatever happens to one, and return the exit code."""
    code = 0
    for each in removals:
        try:
            each.delete()
        except ObjectNotFound:
            say(f"was gone already: {each.what}", "passed")
        except Exception as error:
            say(f"not deleted: {each.what}. {explain(error).text}", "failed")
            code = 1
        else:
            say(f"deleted: {each.what}", "passed")
    return code
