"""The examples of docs/resources.md work unchanged in a fresh project."""

import re
import runpy
from collections.abc import Callable

import pytest
from tools.base.finding import Findings
from tools.base.project import Project
from tools.checks.job_variables import check_images, check_job_variables, check_timeouts
from tools.checks.prefect_yaml import check_containers, check_keys
from tools.checks.schedules import check_schedules

from tests.support.changes import append, edit
from tests.support.repository import ROOT
from tests.tools.conftest import problems

PAGE = (ROOT / "docs/resources.md").read_text()
PAGE = PAGE.replace("src/reports/", "src/prefect_modal/").replace(" reports.", " prefect_modal.")
CHECKS: list[Callable[[Project], Findings]] = [
    check_keys,
    check_schedules,
    check_containers,
    check_job_variables,
    check_images,
    check_timeouts,
]


def examples(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


DEPLOYMENTS = {text.split("name: ")[1].split("\n")[0]: text for text in examples("yaml")}
"""The additions to `deployments`, by deployment name."""
MODULES = {text.partition("\n")[0].removeprefix("# "): text for text in examples("python")}
"""Python files, by the path in their first line."""
IMAGES = re.findall(r"\| `(\{tag: [^`]+\})` \|", PAGE)
UNSEEN = "def report(): ...\ndef video(): ...\n"
"""The flows that the page deploys but does not show."""


@pytest.fixture
def with_flows(project: Project) -> Project:
    """A project with the modules of the page, without a lock file."""
    (project.root / "uv.lock").write_text('[[package]]\nname = "prefect"\nversion = "3.9.1"\n')
    for name in ("report", "video"):
        (project.root / f"src/prefect_modal/flows/{name}.py").write_text(UNSEEN)
    for path, text in MODULES.items():
        (project.root / path).write_text(text)
    return project


def found(project: Project) -> list[str]:
    return [problem for check in CHECKS for problem in problems(check, project)]


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_a_deployment_of_the_page_has_no_problem(with_flows: Project, name: str) -> None:
    first = with_flows.deployments[0]
    append(with_flows.root / "prefect.yaml", DEPLOYMENTS[name])
    project = Project(with_flows.root)
    assert found(project) == []
    _, added = project.deployments
    assert added.pool.name == first.pool.name
    shared, own = first.pool.job_variables, added.pool.job_variables
    assert own["env"] == shared["env"]
    assert shared.keys() <= own.keys()


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_of_the_page_has_no_problem(with_flows: Project, image: str) -> None:
    edit(with_flows.root / "prefect.yaml", r"image:\n +tag: .*", f"image: {image}")
    assert found(Project(with_flows.root)) == []


def test_a_deployment_that_is_started_by_a_flow_is_one_of_the_page(with_flows: Project) -> None:
    (started,) = re.findall(r'run_deployment\("(.+?)"', PAGE)
    flow, _, deployment = started.partition("/")
    append(with_flows.root / "prefect.yaml", DEPLOYMENTS[deployment])
    _, added = Project(with_flows.root).deployments
    assert added.entrypoint.endswith(f":{flow}")


@pytest.mark.parametrize("path", MODULES)
def test_a_module_of_the_page_can_be_loaded(path: str, with_flows: Project) -> None:
    runpy.run_path(str(with_flows.root / path))


def test_the_page_has_an_example_of_each_kind() -> None:
    assert len(DEPLOYMENTS) == len(examples("yaml")) == 6
    assert len(MODULES) == len(examples("python")) == 5
    assert len(IMAGES) == 3
