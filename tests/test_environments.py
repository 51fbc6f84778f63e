"""docs/environments.md: the owner's changes to prefect_cd.yaml, and the workflow to copy."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import Renderer
from tests.support.documents import set_up_staging
from tests.support.repository import ROOT

CD = ".github/workflows/prefect_cd.yaml"


@pytest.fixture
def workflow(render: Renderer, tmp_path: Path) -> Path:
    """The deploy workflow, after its owner has followed the page."""
    (file := tmp_path / "prefect_cd.yaml").write_text((render() / CD).read_text())
    set_up_staging(file)
    return file


def value(expression: str, ref: str) -> Any:
    """The value of a GitHub expression; Python evaluates these operators in the same way."""
    expression = re.sub(r"^\${{ (.*) }}$", r"\1", expression)
    for github, python in (("github.ref", "ref"), ("&&", "and"), ("||", "or")):
        expression = expression.replace(github, python)
    return eval(expression, {"ref": f"refs/heads/{ref}"})


@pytest.mark.parametrize(
    ("ref", "deployed", "environment", "paused"),
    [
        ("main", True, "production", ""),
        ("staging", True, "staging", "1"),
        ("feature", False, "staging", "1"),
    ],
)
def test_each_branch_has_its_environment_and_only_production_follows_its_schedules(
    workflow: Path, ref: str, deployed: bool, environment: str, paused: str
) -> None:
    written = yaml.safe_load(workflow.read_text())
    assert written[True]["push"]["branches"] == ["main", "staging"]
    job = written["jobs"]["deploy"]
    assert value(job["if"], ref) is deployed
    assert value(job["environment"], ref) == environment
    assert value(job["steps"][-1]["env"]["PAUSED"], ref) == paused


def test_a_preview_deploys_with_the_steps_of_the_deploy(render: Renderer) -> None:
    """The two differ in what is checked out and in what make is asked for."""
    deploy, preview = (
        yaml.safe_load(file.read_text())["jobs"][job]["steps"]
        for file, job in (
            (render() / CD, "deploy"),
            (ROOT / "docs/.github/workflows/preview.yaml", "preview"),
        )
    )
    assert preview[1] == deploy[1]
    assert preview[2]["env"].items() >= deploy[2]["env"].items()
