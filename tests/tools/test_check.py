"""How `make check` reports its findings; tests/e2e/test_check.py has each of them."""

import json

import pytest
import tools.check
from tools.base.finding import Finding, Findings, failed, passed, skipped, warning
from tools.base.project import Project
from tools.check import check

FIRST = "Ben-Epstein-prefect-modal-example"


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> dict[str, Findings]:
    """The findings of the slow checks."""
    found: dict[str, Findings] = {"Imports": passed("fine"), "Deploy": passed("fine")}
    monkeypatch.setattr(tools.check, "FILES", [])
    monkeypatch.setattr(tools.check, "check_imports", lambda project: found["Imports"])

    def check_deploy(project: Project, names: list[str]) -> Findings:
        assert names == [FIRST]
        return found["Deploy"]

    monkeypatch.setattr(tools.check, "check_deploy", check_deploy)
    return found


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (passed("fine"), 0),
        (warning("perhaps", "look"), 0),
        (failed("no", "do"), 1),
        # A skipped check has not passed.
        (skipped("uv cannot check it"), 1),
        (Finding("bug", "oh"), 1),
    ],
)
def test_only_what_has_passed_passes(
    project: Project, rows: dict[str, Findings], found: Finding, code: int
) -> None:
    rows["Imports"] = found
    assert check(project.root, as_json=False) == code


def test_what_cannot_be_imported_is_not_named_a_second_time(
    project: Project, rows: dict[str, Findings], capsys: pytest.CaptureFixture[str]
) -> None:
    rows["Imports"] = failed("one, two: it imports pytest", "uv add pytest")
    rows["Deploy"] = [failed(f"{name}: no", "correct it") for name in ("two", "three")]
    assert check(project.root, as_json=True) == 1
    texts = [row["text"] for row in json.loads(capsys.readouterr().out)]
    assert texts == ["one, two: it imports pytest", "three: no"]


def test_in_github_actions_the_page_of_the_run_shows_what_has_failed(
    project: Project,
    rows: dict[str, Findings],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows["Imports"] = [failed("one: no", "correct it"), warning("two", "look")]
    assert "::error::" not in said(project, capsys)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert "::error::Imports: one: no%0A  correct it\n" in said(project, capsys)
    assert "::error::Imports: two" not in said(project, capsys)


def said(project: Project, capsys: pytest.CaptureFixture[str]) -> str:
    assert check(project.root, as_json=False) == 1
    return capsys.readouterr().out
