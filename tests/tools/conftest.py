"""A project in a folder, for `template/tools` without a server."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tools.base.finding import Check, Finding, Findings, examine
from tools.base.project import Project

from tests.support.environment import clean_environment


@pytest.fixture
def folder(tutorial: Path, tmp_path: Path) -> Path:
    """The tutorial's project, in its own folder."""
    return shutil.copytree(tutorial, tmp_path / "project")


@pytest.fixture
def project(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The project on a machine without any login."""
    for name, value in clean_environment(GIT_TERMINAL_PROMPT="0").items():
        monkeypatch.setenv(name, value)
    return Project(folder)


def problems(check: Callable[[Project], Findings], project: Project) -> list[str]:
    """The problems that a check finds in a project: status, finding and remedy."""
    return [
        f"{found.status}: {found.text}. {found.remedy}".strip()
        for found in findings(check, project)
        if found.status != "passed"
    ]


def findings(check: Callable[[Project], Findings], project: Project) -> list[Finding]:
    return examine(Check("it", check), project)
