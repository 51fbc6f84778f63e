"""Every linter sees what it is there for."""

import shutil
from pathlib import Path

import pytest

from scripts.linters import lint
from tests.conftest import Renderer


def test_the_tutorial_project_is_clean(tutorial: Path) -> None:
    assert lint([tutorial]) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "linter"),
    [
        (
            "src/prefect_modal/flows/flow1.py",
            "from prefect",
            "import os\nfrom prefect",
            "ruff check",
        ),
        ("src/prefect_modal/flows/flow1.py", '"world"', "'world'", "ruff format"),
        ("prefect.yaml", "pull:", "pull:   ", "yamllint"),
        (".github/workflows/ci.yaml", "runs-on:", "runs-at:", "check-jsonschema"),
        (".github/workflows/ci.yaml", "make lint", "make ${{ github.head_ref }}", "zizmor"),
        (".github/workflows/ci.yaml", "github.ref", "github.reef", "node"),
        (".github/workflows/template_update.yaml", '"$RUNNER_TEMP/tools"', "$UNSET", "shellcheck"),
        ("Makefile", "\t$(UV) sync", "    $(UV) sync", "make"),
    ],
)
def test_a_fault_is_seen(
    tutorial: Path, tmp_path: Path, file: str, old: str, new: str, linter: str
) -> None:
    project = tmp_path / "project"
    shutil.copytree(tutorial, project)
    text = (project / file).read_text()
    assert old in text
    (project / file).write_text(text.replace(old, new, 1))
    headlines = [failure.splitlines()[0] for failure in lint([project])]
    assert any(headline.startswith(linter) for headline in headlines), headlines


def test_a_fault_in_the_configuration_of_renovate_is_seen(render: Renderer) -> None:
    config = render(updates="renovate").project_dir / "renovate.json"
    text = config.read_text()
    config.write_text(text.replace('"packageRules": [', '"packageRules": [7,', 1))
    (failure,) = lint([config.parent])
    assert failure.startswith("check-jsonschema")
    assert "renovate.json" in failure
