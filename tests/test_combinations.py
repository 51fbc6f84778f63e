"""Every choice, and every combination that makes a difference, parses, agrees and lints clean."""

import itertools
import re
import tomllib
from typing import Any

import pytest
import yaml
from jinja2 import nodes

from scripts.linters import lint
from tests.conftest import Renderer
from tests.support.pythons import OFFERED
from tests.support.repository import tree

CONDITIONS: dict[str, list[Any]] = {
    "runner": ["push", "app"],
    "private_repository": [True, False],
    "pin_commit": [True, False],
    "bake": [True, False],
    "updates": ["workflow", "renovate", "none"],
}
"""The answers that the template has conditions for; the others are only inserted."""
SCHEDULES = ["hourly", "daily", "weekdays", "weekly", "monthly", "never", "0 12 * * *", "*/7 3 L * *"]  # fmt: skip
COMBINATIONS = [
    {
        "runner": "push",
        "private_repository": private,
        "pin_commit": pinned,
        "updates": updates,
        "bake": number % 2 == 0,
        "schedule": SCHEDULES[number % len(SCHEDULES)],
        "python_version": OFFERED[number % len(OFFERED)],
    }
    for number, (private, pinned, updates) in enumerate(
        itertools.product([True, False], [True, False], CONDITIONS["updates"])
    )
]
# With an app, nothing is rendered for a work pool, whatever its answers are.
COMBINATIONS += [{**answers, "runner": "app"} for answers in (*COMBINATIONS[:5], COMBINATIONS[6])]


def test_every_two_conditions_are_crossed_and_every_choice_has_its_turn(
    parsed: dict[str, nodes.Template],
) -> None:
    trees = [syntax for name, syntax in parsed.items() if name.startswith("template/")]
    conditions: list[nodes.Node] = []
    for syntax in trees:
        conditions += [node.test for node in syntax.find_all(nodes.If)]
        conditions += [node.test for node in syntax.find_all(nodes.CondExpr)]
    # `find_all` searches inside a node, but a condition can be a bare name.
    inside = [node for condition in conditions for node in condition.find_all(nodes.Name)]
    names = [node for node in [*conditions, *inside] if isinstance(node, nodes.Name)]
    # Two answers decide whether containers clone with a token.
    derived = CONDITIONS.keys() - {"private_repository"} | {"clone_token"}
    assert {node.name for node in names} == derived
    for one, other in itertools.combinations(CONDITIONS, 2):
        crossed = {(answers[one], answers[other]) for answers in COMBINATIONS}
        assert crossed == set(itertools.product(CONDITIONS[one], CONDITIONS[other]))
    assert {answers["schedule"] for answers in COMBINATIONS} == set(SCHEDULES)
    assert {answers["python_version"] for answers in COMBINATIONS} == set(OFFERED)


def test_they_all_lint_clean(render: Renderer) -> None:
    assert lint([render(**answers) for answers in COMBINATIONS]) == []


@pytest.mark.parametrize(
    "answers", COMBINATIONS, ids=lambda answers: "-".join(map(str, answers.values()))
)
def test_their_files_agree(render: Renderer, answers: dict[str, Any]) -> None:
    project = render(**answers)
    pyproject = tomllib.loads((project / "pyproject.toml").read_text())
    prefect_yaml = yaml.safe_load((project / "prefect.yaml").read_text())
    deploy = yaml.safe_load((project / ".github/workflows/prefect_cd.yaml").read_text())
    readme = (project / "README.md").read_text()
    (deployment,) = prefect_yaml["deployments"]
    package = pyproject["tool"]["uv"]["build-backend"]["module-name"]
    python = answers["python_version"]

    assert pyproject["project"]["requires-python"] == f">={python}"
    assert (project / ".python-version").read_text() == f"{python}\n"
    assert f"Python {python}" in readme

    assert [path.name for path in (project / "src").iterdir()] == [package]
    assert deployment["entrypoint"].split(".")[0] == package
    assert (
        f"from {package}.flows.flow1 import main" in (project / "tests/test_flow1.py").read_text()
    )

    if answers["runner"] == "push":
        clone = prefect_yaml["pull"][0]["prefect.deployments.steps.git_clone"]
        assert f"[GitHub]({clone['repository']})" in readme
        assert deploy[True]["push"]["branches"] == [clone["branch"]]
        assert deployment["work_pool"]["name"] in readme
    else:
        app = (project / "modal_app.py").read_text()
        assert f'PACKAGE = "{package}"' in app
        assert f'debian_slim(python_version="{python}")' in app
        (name,) = re.findall('^NAME = "(.*)"', app, re.MULTILINE)
        assert f"modal app stop {name}" in readme
        assert "pull" not in prefect_yaml
        assert "name" not in deployment["work_pool"]

    assert deployment["description"].removeprefix("Runs on Modal ") in readme
    assert deployment["paused"] is (answers["schedule"] == "never")

    lines = readme.splitlines()
    assert len(lines) <= 110
    assert [line for line in lines if len(line) > 120 and "getpass" not in line] == []


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
        rb"github.?credential|^ +credentials:|prefect.github|github.token|github.clone.token",
        re.IGNORECASE | re.MULTILINE,
    )
    changed = {name for name in private if private[name] != public[name]}
    assert changed == {".copier-answers.yml", "README.md", "prefect.yaml", "pyproject.toml"}
    told = {name for name in changed if words.search(private[name])}
    assert told == {"README.md", "prefect.yaml", "pyproject.toml"}
    assert {name for name in changed if words.search(public[name])} == set()
