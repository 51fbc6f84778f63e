"""Every choice, and every combination that makes a difference, parses, agrees and lints clean."""

import itertools
import re
import tomllib

import pytest
import yaml
from jinja2 import nodes

from scripts.linters import lint
from tests.conftest import Renderer
from tests.support.pythons import OFFERED
from tests.support.repository import tree

Answers = dict[str, object]

CONDITIONS: dict[str, tuple[object, ...]] = {
    "private_repository": (True, False),
    "pin_commit": (True, False),
    "updates": ("workflow", "renovate", "none"),
}
BAKE = (True, False)
"""The answers that the template has a condition for; all others are only inserted."""
SCHEDULES = ["hourly", "daily", "weekdays", "weekly", "monthly", "never", "0 12 * * *", "*/7 3 L * *"]  # fmt: skip
COMBINATIONS: list[Answers] = [
    dict(zip(CONDITIONS, chosen, strict=True))
    | {"bake": bake, "schedule": schedule, "python_version": python}
    for chosen, bake, schedule, python in zip(
        itertools.product(*CONDITIONS.values()),
        itertools.cycle(BAKE),
        itertools.cycle(SCHEDULES),
        itertools.cycle(OFFERED),
        strict=False,
    )
]
each_combination = pytest.mark.parametrize(
    "answers", COMBINATIONS, ids=lambda answers: "-".join(map(str, answers.values()))
)


def test_every_condition_is_crossed_with_every_other_and_every_choice_has_its_turn(
    parsed: dict[str, nodes.Template],
) -> None:
    trees = [tree for name, tree in parsed.items() if name.startswith("template/")]
    tests = [found.test for tree in trees for found in tree.find_all(nodes.If)]
    tests += [found.test for tree in trees for found in tree.find_all(nodes.CondExpr)]
    # A name that stands alone is its own root, which `find_all` leaves out.
    found = [name for test in tests for name in [test, *test.find_all(nodes.Name)]]
    assert {name.name for name in found if isinstance(name, nodes.Name)} == {*CONDITIONS, "bake"}
    assert {answers["schedule"] for answers in COMBINATIONS} == set(SCHEDULES)
    assert {answers["python_version"] for answers in COMBINATIONS} == set(OFFERED)


def test_they_all_lint_clean(render: Renderer) -> None:
    assert lint([render(**answers) for answers in COMBINATIONS]) == []


@each_combination
def test_their_files_agree(render: Renderer, answers: Answers) -> None:
    project = render(**answers)
    pyproject = tomllib.loads((project / "pyproject.toml").read_text())
    prefect_yaml = yaml.safe_load((project / "prefect.yaml").read_text())
    deploy = yaml.safe_load((project / ".github/workflows/prefect_cd.yaml").read_text())
    readme = (project / "README.md").read_text()
    clone = prefect_yaml["pull"][0]["prefect.deployments.steps.git_clone"]
    (deployment,) = prefect_yaml["deployments"]
    package = pyproject["tool"]["uv"]["build-backend"]["module-name"]
    python = answers["python_version"]

    assert pyproject["project"]["requires-python"] == f">={python}"
    assert (project / ".python-version").read_text() == f"{python}\n"
    assert f"Python {python}" in readme

    assert [path.name for path in (project / "src").iterdir()] == [package]
    assert deployment["entrypoint"].split(".")[0] == package
    assert f"\nFLOW := {package}.flows.flow1\n" in (project / "Makefile").read_text()
    assert (
        f"from {package}.flows.flow1 import main" in (project / "tests/test_flow1.py").read_text()
    )

    assert f"{clone['repository']}/settings/secrets/actions" in readme
    if not answers["pin_commit"]:
        assert deploy[True]["push"]["branches"] == [clone["branch"]]
    assert deployment["work_pool"]["name"] in readme

    assert deployment["description"].removeprefix("Runs on Modal ") in readme
    assert deployment["paused"] is (answers["schedule"] == "never")


@pytest.mark.parametrize("updates", CONDITIONS["updates"])
@pytest.mark.parametrize("pinned", CONDITIONS["pin_commit"])
def test_a_public_repository_has_no_credentials_at_all(
    render: Renderer, pinned: bool, updates: str
) -> None:
    private, public = (
        tree(render(private_repository=p, pin_commit=pinned, updates=updates))
        for p in (True, False)
    )
    words = re.compile(
        rb"github.?credential|^ +credentials:|prefect.github|github.token|fine-grained",
        re.IGNORECASE | re.MULTILINE,
    )
    changed = {name for name in private if private[name] != public[name]}
    assert changed == {".copier-answers.yml", "README.md", "prefect.yaml", "pyproject.toml"}
    told = {name for name in changed if words.search(private[name])}
    assert told == {"README.md", "prefect.yaml", "pyproject.toml"}
    assert {name for name in changed if words.search(public[name])} == set()
