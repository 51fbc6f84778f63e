"""The questions of copier.yml, and the answers that a project holds."""

import functools
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import yaml

from tests.support.repository import ROOT


class Question(TypedDict):
    """A question, with the keys that the tests look at."""

    help: str
    default: NotRequired[str | bool]
    placeholder: NotRequired[str]
    choices: NotRequired[list[str] | dict[str, str]]


@functools.cache
def questionnaire() -> dict[str, Any]:
    """All of copier.yml: questions, and settings that begin with an underscore."""
    content: dict[str, Any] = yaml.safe_load((ROOT / "copier.yml").read_text())
    return content


def questions(asked: bool) -> dict[str, Question]:
    """The questions that are asked, or those that are derived."""
    return {
        name: details
        for name, details in questionnaire().items()
        if not name.startswith("_") and (details.get("when", True) is not False) is asked
    }


def choices(name: str) -> list[str]:
    """The choices of a question, as typed after `--data`; empty if any text is allowed."""
    offered = questions(asked=True)[name].get("choices", [])
    return list(offered.values() if isinstance(offered, dict) else offered)


def answers(project: Path) -> dict[str, object]:
    """The answers that a project holds."""
    stored = yaml.safe_load((project / ".copier-answers.yml").read_text())
    return {name: value for name, value in stored.items() if not name.startswith("_")}
