"""`make flow` adds a flow, its test and its deployment, or says why not and changes nothing."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from tools.base.project import Project
from tools.base.stop import ActionRequired, CheckSkipped
from tools.bootstrap import PREFECT_YAML
from tools.flow import flow

from tests.support.changes import append, by_owner, edit
from tests.support.repository import tree
from tests.tools.conftest import problems

FLOWS = "src/prefect_modal/flows"
ORDERS = f"{FLOWS}/orders.py"
FILES = {ORDERS, "tests/test_orders.py"}


def add(folder: Path, name: str = "orders", schedule: str = "", timezone: str = "") -> int:
    """Run `make flow` in a folder in its present state."""
    return flow(Project(folder), name, schedule, timezone)


def deployments(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load((folder / "prefect.yaml").read_text())[
        "deployments"
    ]
    return found


def test_a_flow_comes_with_its_test_and_its_deployment(project: Project) -> None:
    folder = project.root
    before, (first,) = tree(folder), deployments(folder)
    assert add(folder, "orders", "0 6 * *   mon", "Europe/Berlin") == 0
    assert add(folder, "daily_orders") == 0
    after = tree(folder)
    assert after.keys() - before.keys() == {
        *FILES, f"{FLOWS}/daily_orders.py", "tests/test_daily_orders.py",
    }  # fmt: skip
    # Everything is still there, including comments and order.
    assert {name for name in before if after[name] != before[name]} == {"prefect.yaml"}
    assert after["prefect.yaml"].startswith(before["prefect.yaml"])
    shared = {name: first[name] for name in ("tags", "version", "work_pool")}
    assert deployments(folder) == [
        first,
        shared | {
            "name": "Ben-Epstein-prefect-modal-orders",
            "description": "Runs on Modal every Monday at 06:00, Berlin time",
            "entrypoint": "prefect_modal.flows.orders:orders",
            "paused": False,
            "schedules": [{"slug": "primary", "cron": "0 6 * * mon", "timezone": "Europe/Berlin"}],
        },
        shared | {
            "name": "Ben-Epstein-prefect-modal-daily-orders",
            "description": "Runs on Modal only when asked",
            "entrypoint": "prefect_modal.flows.daily_orders:daily_orders",
            "paused": True,
            "schedules": [
                {"slug": "primary", "cron": "0 12 * * *", "timezone": "America/New_York"}
            ],
        },
    ]  # fmt: skip
    for check in PREFECT_YAML:
        if check.name not in ("Job variables", "Images", "Timeouts"):  # Of a server.
            assert problems(check.check, Project(folder)) == []


def test_it_has_what_is_the_same_in_every_deployment(folder: Path) -> None:
    edit(folder / "prefect.yaml", r"^    tags: .*", "    tags: [acme, 'it''s \U0001f917']")
    edit(folder / "prefect.yaml", r"^    version: .*\n", "")
    add(folder)
    assert deployments(folder)[1]["tags"] == ["acme", "it's \U0001f917"]
    assert "version" not in deployments(folder)[1]


def test_a_project_without_answers_names_it_after_its_own_name(folder: Path) -> None:
    (folder / ".copier-answers.yml").unlink()
    add(folder)
    assert deployments(folder)[1]["name"] == "prefect-modal-orders"
    assert deployments(folder)[1]["schedules"][0]["timezone"] == "UTC"


TAKEN: dict[str, tuple[str, str, str]] = {
    "a module": (ORDERS, "", f"{ORDERS} already exists"),
    "a package": (f"{FLOWS}/orders/__init__.py", "", f"{FLOWS}/orders already exists"),
    "a test": ("tests/test_orders.py", "", "tests/test_orders.py already exists"),
    "a deployment": (
        "prefect.yaml",
        "  - {name: Ben-Epstein-prefect-modal-orders, work_pool: *modal}\n",
        "prefect.yaml already has a deployment Ben-Epstein-prefect-modal-orders",
    ),
    "a flow": (
        f"{FLOWS}/report.py",
        "from prefect import flow\n\n\n@flow(name='orders')\ndef report() -> None: ...\n",
        "prefect_modal.flows.report:report already has that flow name",
    ),
}


@pytest.mark.parametrize("kind", TAKEN)
def test_nothing_is_overwritten(folder: Path, kind: str) -> None:
    file, text, reason = TAKEN[kind]
    (folder / file).parent.mkdir(exist_ok=True)
    append(folder / file, text)
    before = tree(folder)
    with pytest.raises(ActionRequired) as refused:
        add(folder)
    assert str(refused.value) == f"{reason}. Nothing was written. Type another NAME"
    assert tree(folder) == before


REFUSED: dict[str, tuple[dict[str, str], str]] = {
    "a name": ({"name": "Orders"}, "NAME: Type a name like orders"),
    "no name": ({"name": ""}, "NAME: Type a name like orders"),
    "the package": ({"name": "json"}, "NAME: Type a name like json_flow"),
    "a schedule": ({"schedule": "noon"}, "SCHEDULE: Type daily, or cron like"),
    "a time zone": ({"timezone": "berlin"}, "TIMEZONE: Type Europe/Berlin, or"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_refused_says_what_to_type_and_writes_nothing(folder: Path, kind: str) -> None:
    given, reason = REFUSED[kind]
    before = tree(folder)
    with pytest.raises(ActionRequired) as refused:
        add(folder, **given)
    assert str(refused.value).startswith(reason)
    assert tree(folder) == before


def test_what_cannot_be_written_leaves_nothing_behind(folder: Path) -> None:
    shutil.rmtree(folder / "tests")
    (folder / "tests").touch()
    before = tree(folder)
    with pytest.raises(ActionRequired, match=r"Cannot write .*tests: "):
        add(folder)
    assert tree(folder) == before


def replace(pattern: str, replacement: str) -> Callable[[Path], None]:
    return lambda folder: edit(folder / "prefect.yaml", pattern, replacement)


def as_github(folder: Path) -> None:
    """Lists with the indentation of their key, as in GitHub's workflows."""
    file = folder / "prefect.yaml"
    top, deployments = file.read_text().split("deployments:\n")
    lines = deployments.replace("\n  ", "\n").removeprefix("  ")
    file.write_text(f"{top}deployments:\n{lines}")


FORMS: dict[str, Callable[[Path], None]] = {
    "a grown project's": by_owner,
    "lists that are less deep": as_github,
    "no line break at its end": replace(r"#reuse-configuration.*\n\Z", "#"),
    "lines of one text": replace(r"\Z", "  - name: x\n    description: >\n      y\n\n      z\n"),
    "a deployment on one line": replace(r"\Z", "  - {name: x, work_pool: *modal}\n"),
}


@pytest.mark.parametrize("form", FORMS)
def test_whatever_is_in_prefect_yaml_stays(folder: Path, form: str) -> None:
    FORMS[form](folder)
    text, before = (folder / "prefect.yaml").read_text(), deployments(folder)
    assert add(folder) == 0
    assert (folder / "prefect.yaml").read_text().startswith(text)
    *same, new = deployments(folder)
    assert same == before
    assert new["work_pool"] == before[0]["work_pool"]


UNSAFE: dict[str, tuple[Callable[[Path], None], str]] = {
    "a key after them": (
        replace(r"\Z", "definitions: {}\n"), "it does not end with a list of deployments",
    ),
    "a list on one line": (
        replace(r"^deployments:\n(?s:.*)", "deployments: [{name: x}]\n"),
        "it does not end with a list of deployments",
    ),
    "no anchor": (replace("^ +&modal\n", ""), "none of its work pools has the anchor &modal"),
    "an anchor of something else": (
        replace(r"paused: ((?s:.*)) &modal\n", "paused: &modal \\1\n"),
        "the end of the file is unusual",
    ),
    "an open text": (replace(r"\Z", "  - name: x\n    description: |+\n      y\n"), "the end of the file is unusual"),
    "an end that is marked": (replace(r"\Z", "...\n"), "the end of the file is unusual"),
}  # fmt: skip


@pytest.mark.parametrize("form", UNSAFE)
def test_a_file_that_cannot_be_added_to_stays_as_it_is(
    folder: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    change, reason = UNSAFE[form]
    change(folder)
    before = tree(folder)
    assert add(folder) == 1
    after = tree(folder)
    assert after.keys() - before.keys() == FILES
    assert after["prefect.yaml"] == before["prefect.yaml"]
    said = capsys.readouterr().out
    assert f"prefect.yaml is unchanged, because {reason}" in said
    assert "Add this to its deployments:\n\n- name: " in said
    assert said.endswith("  work_pool: *modal\n")


def test_a_malformed_file_is_left_alone(folder: Path) -> None:
    edit(folder / "prefect.yaml", "^pull:", "pull: [")
    before = tree(folder)
    with pytest.raises(
        CheckSkipped, match=r"^prefect.yaml, line \d+: .*; check the indentation there$"
    ):
        add(folder)
    assert tree(folder) == before
