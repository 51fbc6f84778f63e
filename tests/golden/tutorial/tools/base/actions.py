# mypy: ignore-errors
"""GitHub Actions, which checks and deploys a push."""

import os
from pathlib import Path

from tools.base.screen import say


def in_actions() -> bool:
    return "GITHUB_ACTIONS" in os.environ


def web_address(*path: str) -> str:
    """The address of a page of the workflow's repository."""
    server = os.environ.get("GITHUB_SERVER_URL", "https://github.com")
    return "/".join((server, os.environ.get("GITHUB_REPOSITORY", ""), *path))


def say_failed(text: str) -> None:
    """Print a failure; GitHub Actions shows it at the top of the page of the run."""
    if not in_actions():
        return say(text, "failed")
    # https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
    for character, code in (("%", "%25"), ("\r", "%0D"), ("\n", "%0A")):
        text = text.replace(character, code)
    return say(f"::error::{text}")


def add_to_summary(markdown: str) -> None:
    """Show a text on the page of the workflow's run."""
    with Path(os.environ["GITHUB_STEP_SUMMARY"]).open("a", encoding="utf-8") as file:
        file.write(markdown)
