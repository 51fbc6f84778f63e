"""The owner's rules for Ruff and mypy apply to the owner's code, and never to `tools/`."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.changes import append
from tests.support.environment import clean_environment
from tests.support.repository import ROOT

LINE_LENGTH = "[tool.ruff]\nline-length = 100\n"
# Rules that do not fit flows that print, or pytest's tests: off for the owner's files.
ALL = """[tool.ruff.lint]
select = ["ALL"]

[tool.ruff.lint.per-file-ignores]
"src/**" = ["CPY", "D", "FBT", "T20"]
"tests/**" = ["CPY", "D", "INP", "S101"]
"""
LINT = (["ruff", "check", "--no-cache"], ["ruff", "format", "--no-cache", "--check"])


def run(project: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=project, env=clean_environment(), check=False, capture_output=True, text=True
    )


@pytest.fixture
def project(tutorial: Path, tmp_path: Path) -> Path:
    return shutil.copytree(tutorial, tmp_path / "project")


@pytest.mark.parametrize("rules", [LINE_LENGTH, ALL], ids=["line-length", "all"])
def test_rules_for_ruff_leave_make_lint_green(project: Path, rules: str) -> None:
    lines = (project / "Makefile").read_text().splitlines()
    for command in LINT:
        assert f"\t$(UV) run {' '.join(word for word in command if word != '--no-cache')}" in lines
    append(project / "pyproject.toml", f"\n{rules}")
    # The files of make flow follow them, too.
    added = run(project, sys.executable, "-m", "tools", "flow", f"orders_{'of_the_day_' * 3}now")
    assert added.returncode == 0, added.stdout
    for command in LINT:
        done = run(project, *command)
        assert done.returncode == 0, done.stdout
    # They do apply to the owner's files.
    (project / "src/prefect_modal/flows/new.py").write_text("x = lambda: eval('1')\n")
    if rules == ALL:
        assert "S307" in run(project, *LINT[0]).stdout
    assert "tools" not in run(project, *LINT[0]).stdout


@pytest.mark.long
def test_strict_types_leave_the_tools_alone(project: Path) -> None:
    mypy = ("mypy", "--strict", "--cache-dir", str(ROOT / ".mypy_cache/project"), ".")
    done = run(project, *mypy)
    assert done.returncode == 0, done.stdout
    (project / "src/prefect_modal/flows/new.py").write_text("def f(x): return x\n")
    assert "no-untyped-def" in run(project, *mypy).stdout
