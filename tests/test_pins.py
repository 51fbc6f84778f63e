"""A version that is pinned in several places is the same in all, and one bot updates it."""

import json
import re
import tomllib
from collections import defaultdict

import pytest
from packaging.requirements import Requirement

from tests.conftest import Renderer
from tests.support.pins import PINS, named_tools, pinned_actions
from tests.support.questionnaire import choices, questionnaire
from tests.support.repository import ROOT, files


def rendered_bounds(render: Renderer, **answers: object) -> dict[str, Requirement]:
    """The bounds in a rendered pyproject.toml, by name."""
    pyproject = tomllib.loads((render(**answers) / "pyproject.toml").read_text())
    bounds = pyproject["tool"]["uv"]["constraint-dependencies"]
    bounds += pyproject["build-system"]["requires"]
    return {(bound := Requirement(text)).name: bound for text in bounds}


def test_each_action_has_one_version_and_one_commit_everywhere() -> None:
    pins = defaultdict(set)
    for _, action, sha, version in pinned_actions():
        pins[action].add((sha, version))
    assert {"actions/checkout", "astral-sh/setup-uv"} <= pins.keys()
    assert {action: found for action, found in pins.items() if len(found) > 1} == {}


@pytest.mark.parametrize("private", [True, False])
def test_the_tools_here_are_within_the_bounds_of_projects(render: Renderer, private: bool) -> None:
    bounds = rendered_bounds(render, private_repository=private)
    assert {"fastapi", "modal", "prefect", "pytest", "ruff", "uv_build"} <= bounds.keys()
    outside = {
        name: str(bound)
        for name, bound in bounds.items()
        if PINS["uv" if name == "uv_build" else name] not in bound.specifier
    }
    assert outside == {}


def test_projects_start_the_copier_that_the_template_needs() -> None:
    template = [file for file in files() if file.parts[0] == "template"]
    started = {
        Requirement(bound)
        for file in template
        for bound in re.findall(r"'(copier\b[^']*)'", (ROOT / file).read_text())
    }
    (bound,) = started
    assert f">={questionnaire()['_min_copier_version']}" in str(bound.specifier).split(",")
    assert PINS["copier"] in bound.specifier


def test_renovate_leaves_the_workflows_of_the_template_alone(render: Renderer) -> None:
    project = render(updates="renovate")
    rules = json.loads((project / "renovate.json").read_text())["packageRules"]
    (rule,) = [rule for rule in rules if rule["matchManagers"] == ["github-actions"]]
    workflows = [file.relative_to(project) for file in project.glob(".github/workflows/*")]
    assert rule["matchFileNames"] == sorted(file.as_posix() for file in workflows)
    assert rule["enabled"] is False


def test_renovate_moves_what_is_named_here_and_leaves_what_is_held_back(render: Renderer) -> None:
    rules = json.loads((ROOT / "renovate.json").read_text())["packageRules"]
    held_back, all_others = [rule["matchDepNames"] for rule in rules if "enabled" in rule]
    bounds = rendered_bounds(render)
    assert held_back == [name for name, bound in bounds.items() if len(bound.specifier) == 1]
    assert all_others == [f"!{name}" for name in named_tools()]


def test_images_are_made_with_the_uv_that_is_tested_here() -> None:
    text = (ROOT / "template/modal_app.py.jinja").read_text()
    assert f'uv_version="{PINS["uv"]}"' in text


def test_workflows_install_what_is_tested_here_for_every_offered_python() -> None:
    lines = (ROOT / "template/tools/requirements.txt").read_text().replace("\\\n", "").splitlines()
    found = {name: line for name, _, line in (line.partition("==") for line in lines[1:])}
    assert {name: line.split()[0] for name, line in found.items()} == {
        name: version for name, version in PINS.items() if name in found
    }
    assert {"copier", "uv"} <= found.keys()
    hashes = {name: line.count("--hash=sha256:") for name, line in found.items()}
    # Compiled packages: one for each Python and platform.
    for name in ("markupsafe", "pydantic-core", "pyyaml"):
        assert hashes.pop(name) == 2 * len(choices("python_version"))
    assert hashes.pop("uv") >= 2
    assert set(hashes.values()) == {1}
