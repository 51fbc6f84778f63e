"""Renovate keeps the template's pins current here, and the example and our own along with them."""

import re
from collections.abc import Callable

import pytest
from packaging.specifiers import SpecifierSet

from tests.renovate.conftest import NEWEST, Report
from tests.support.git import commit
from tests.support.pins import named_tools, pinned_actions
from tests.support.repository import ROOT, export, files

HELD_BACK = {"fastapi"}
BOUND = r"""["']([a-z][a-z0-9_-]*)(?:[<>]=?|[=~!]=)\d[^"']*["']"""


@pytest.fixture(scope="module")
def report(renovate: Callable[..., Report], tmp_path_factory: pytest.TempPathFactory) -> Report:
    folder = export(tmp_path_factory.mktemp("repository"))
    commit(folder)
    return renovate(folder)


def test_a_new_release_of_an_action_is_one_pull_request_over_all_files(report: Report) -> None:
    updates = report.updates()
    branches: dict[str, set[frozenset[str]]] = {}
    for file, action, _, _ in pinned_actions():
        assert f"v{NEWEST}" in updates[file, action].values()
        branches.setdefault(action, set()).add(frozenset(updates[file, action]))
    assert {"actions/checkout", "astral-sh/setup-uv"} <= branches.keys()
    assert {len(found) for found in branches.values()} == {1}


def test_a_new_release_of_a_tool_moves_its_bound_and_its_pin_together(report: Report) -> None:
    updates = report.updates()
    bounds = {
        (file.as_posix(), name)
        for file in files()
        if file.parts[0] == "template"
        for name in re.findall(BOUND, (ROOT / file).read_text())
        if name not in HELD_BACK
    }
    assert {"copier", "prefect", "prefect-github", "uv_build"} <= {name for _, name in bounds}
    for file, name in bounds:
        branch = f"renovate/{name}-9999.x"
        assert NEWEST in SpecifierSet(updates[file, name][branch])
        # The build backend is not installed here.
        if name != "uv_build":
            assert updates[file, name].keys() <= updates["constraints.txt", name].keys()


def test_the_example_moves_along_with_the_template(report: Report) -> None:
    updates = report.updates()
    in_template = {key: found for key, found in updates.items() if key[0].startswith("template/")}
    assert in_template
    for (file, name), found in in_template.items():
        rendered = re.sub(r"{%.*?%}", "", file.removeprefix("template/").removesuffix(".jinja"))
        assert updates[f"tests/golden/tutorial/{rendered}", name] == found


def test_the_tools_that_are_named_are_updated_and_no_others(report: Report) -> None:
    updated = {name for file, name in report.updates() if file == "constraints.txt"}
    assert updated == named_tools().keys()


def test_what_is_held_back_stays(report: Report) -> None:
    assert {found.name for found in report.dependencies} >= HELD_BACK
    assert HELD_BACK.isdisjoint(name for _, name in report.updates())
