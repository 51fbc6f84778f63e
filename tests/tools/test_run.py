"""`make run` finds the right flow, or says what to type instead."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect.context import refresh_global_settings_context
from tools.base.project import Project
from tools.base.stop import ActionRequired, CheckSkipped
from tools.run import execute, run
from tools.which_flow import nearest, which_flow

from tests.support.changes import append, edit

FLOWS = """from datetime import date

from prefect import flow, task


@flow
def nightly(day: date, *, limit: int = 1) -> None: ...


@flow
async def hourly(**anything: object) -> None: ...


@task
def load() -> None: ...


def helper() -> None: ...
"""
DEPLOYMENTS = """
  - name: "the nightly: one"
    entrypoint: prefect_modal.flows.report:nightly
    parameters: {day: 2026-11-25, limit: 2}
  - name: hourly
    entrypoint: src/prefect_modal/flows/report.py:hourly
  - name: nothing
"""
FIRST, EXAMPLE = "prefect_modal.flows.flow1:main", "Ben-Epstein-prefect-modal-example"
REPORT = "prefect_modal.flows.report"


@pytest.fixture
def grown(project: Project) -> Project:
    """The project with a second module of flows, and a deployment for each of them."""
    (project.root / "src/prefect_modal/flows/report.py").write_text(FLOWS)
    append(project.root / "prefect.yaml", DEPLOYMENTS)
    return project


@pytest.mark.parametrize(
    ("asked", "params", "entrypoint", "parameters"),
    [
        ("", "", FIRST, {}),
        ("", '{"name": "it\'s 🤗"}', FIRST, {"name": "it's 🤗"}),
        ("prefect_modal.flows.flow1", "", FIRST, {}),
        (EXAMPLE, "", FIRST, {}),
        (f"main/{EXAMPLE}", "", FIRST, {}),
        (f"{REPORT}:hourly", '{"x": [1]}', f"{REPORT}:hourly", {"x": [1]}),
        ("hourly", "", "src/prefect_modal/flows/report.py:hourly", {}),
        (
            "src/prefect_modal/flows/flow1.py", "",
            "src/prefect_modal/flows/flow1.py:main", {},
        ),
        (
            "the nightly: one", '{"limit": 3, "day": "2026-11-26"}',
            f"{REPORT}:nightly", {"limit": 3, "day": "2026-11-26"},
        ),
    ],
)  # fmt: skip
def test_a_flow_is_named_by_its_place_or_by_its_deployment(
    grown: Project, asked: str, params: str, entrypoint: str, parameters: dict[str, Any]
) -> None:
    assert which_flow(grown, asked, params) == (entrypoint, parameters)


def test_a_deployment_brings_its_parameters(grown: Project) -> None:
    _, parameters = which_flow(grown, "the nightly: one", '{"day": "today"}')
    assert parameters == {"day": "today", "limit": 2}


THERE = f"prefect.yaml has {EXAMPLE}, the nightly: one, hourly, nothing. Type DEPLOYMENT="
IN_REPORT = f"{REPORT} has nightly, hourly. Type FLOW={REPORT}:nightly"
OBJECT = """PARAMS is not a JSON object. Type it like PARAMS='{"name": "Modal"}'"""


@pytest.mark.parametrize(
    ("asked", "params", "said"),
    [
        ("weekly", "", f"There is no flow or deployment weekly; {THERE}{EXAMPLE}"),
        ("night: one", "", f"There is no flow or deployment night: one; {THERE}'the nightly: one'"),
        ("no.such:flow", "", f"There is no flow or deployment no.such:flow; {THERE}"),
        ("no.py:flow", "", f"There is no flow or deployment no.py:flow; {THERE}"),
        (REPORT, "", f"{REPORT}:main does not exist; {IN_REPORT}"),
        (f"{REPORT}:nihgtly", "", f"{REPORT}:nihgtly does not exist; {IN_REPORT}"),
        (f"{REPORT}:load", "", f"{REPORT}:load is a task; {IN_REPORT}"),
        (f"{REPORT}:helper", "", f"{REPORT}:helper is a function without @flow; {IN_REPORT}"),
        ("nothing", "", "nothing has no entrypoint in prefect.yaml"),
        ("", "[1]", OBJECT),
        ("", '"name"', OBJECT),
        ("", "name=Modal", "PARAMS is not JSON: Expecting value: line 1 column 1 (char 0). Type"),
        ("", '{"naem": 1}', f"{FIRST} has no parameter naem. It takes: goodbye, name"),
        (
            f"{REPORT}:nightly", '{"limit": 1}',
            f"{REPORT}:nightly needs parameters. Type PARAMS='{{\"day\": \"…\"}}'",
        ),
    ],
)  # fmt: skip
def test_what_cannot_run_is_refused_with_what_to_type(
    grown: Project, asked: str, params: str, said: str
) -> None:
    with pytest.raises(ActionRequired) as refused:
        which_flow(grown, asked, params)
    assert str(refused.value).startswith(said)


def test_a_flow_runs_without_prefect_yaml_and_without_deployments(grown: Project) -> None:
    (grown.root / "prefect.yaml").write_text("deployments: []\n")
    with pytest.raises(ActionRequired, match=r"has no deployment\. Type FLOW=MODULE:FUNCTION"):
        which_flow(grown, "", "")
    (grown.root / "prefect.yaml").write_text("a: b: c")
    alone = Project(grown.root)
    assert which_flow(alone, f"{REPORT}:hourly", "") == (f"{REPORT}:hourly", {})
    with pytest.raises(CheckSkipped, match=r"^prefect.yaml, line 1: "):
        which_flow(alone, "weekly", "")


@pytest.fixture
def logged_in_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "new"))
    yield
    monkeypatch.undo()
    refresh_global_settings_context()


@pytest.mark.usefixtures("logged_in_nowhere")
def test_nothing_runs_in_a_workspace_where_nobody_is_logged_in(grown: Project) -> None:
    with pytest.raises(
        ActionRequired, match=r"^no API is configured\n  uv run prefect cloud login"
    ):
        run(grown, "", "", workspace=True, ui=False)


@pytest.fixture
def run_flow(grown: Project, capfd: pytest.CaptureFixture[str]) -> Callable[..., list[str]]:
    """Run a flow that fails before a server starts, and return its output."""

    def run(entrypoint: str, **parameters: object) -> list[str]:
        nowhere = {"PREFECT_API_URL": "http://127.0.0.1:9/api"}
        source = {"PYTHONPATH": str(grown.root / "src")}
        assert execute(grown, entrypoint, parameters, **nowhere, **source) == 1
        return capfd.readouterr().err.splitlines()

    return run


@pytest.mark.parametrize("package", ["tools", "run"])
def test_neither_the_tools_nor_the_folder_hide_a_package_and_types_are_prefects_to_check(
    grown: Project, run_flow: Callable[..., list[str]], package: str
) -> None:
    (grown.root / "src/prefect_modal").rename(grown.root / "src" / package)
    first, second = run_flow(f"{package}.flows.report:nightly", day="someday")
    assert first == "Flow run received invalid parameters:"
    assert second.startswith(" - day: Input should be a valid date")


@pytest.mark.parametrize("place", [REPORT, "src/prefect_modal/flows/report.py"])
def test_a_module_that_fails_shows_where_it_does_and_nothing_of_the_tools(
    grown: Project, run_flow: Callable[..., list[str]], place: str
) -> None:
    module = grown.root / "src/prefect_modal/flows/report.py"
    edit(module, "^from prefect import .*", "import no_such_module")
    said = run_flow(f"{place}:nightly")
    head, where, *_, last = said
    assert head == "Traceback (most recent call last):"
    assert where.startswith("  File ")
    assert "report.py" in where
    assert last == "ModuleNotFoundError: No module named 'no_such_module'"
    assert not any("tools" in line for line in said)


@pytest.mark.parametrize("asked", ["orders", "order", "acme-data-orders"])
def test_the_nearest_deployment_is_known_without_its_projects_name(asked: str) -> None:
    known = ["acme-data-platform-example", "acme-data-platform-orders"]
    assert nearest(asked, known) == "acme-data-platform-orders"
