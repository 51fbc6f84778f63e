"""What copier.yml asks, and what a project answered."""

import functools
from pathlib import Path
from typing import Any

import yaml

from tests.support.repository import ROOT


@functools.cache
def questionnaire() -> dict[str, Any]:
    """copier.yml, read."""
    return yaml.safe_load((ROOT / "copier.yml").read_text())


def questions(asked: bool) -> dict[str, dict[str, Any]]:
    """The questions that are asked, or those that are derived."""
    return {
        name: details
        for name, details in questionnaire().items()
        if not name.startswith("_") and (details.get("when", True) is not False) is asked
    }


def answers(project: Path) -> dict[str, object]:
    """The answers that a project holds."""
    stored = yaml.safe_load((project / ".copier-answers.yml").read_text())
    return {name: value for name, value in stored.items() if not name.startswith("_")}
