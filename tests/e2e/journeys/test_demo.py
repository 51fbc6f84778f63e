"""The front page's demo, in a clone on a machine without uv and `.venv`."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.support.documents import DOCUMENTS
from tests.support.environment import clean_environment
from tests.support.git import commit
from tests.support.repository import ROOT, export

pytestmark = [pytest.mark.e2e, pytest.mark.long]
(README,) = (document for document in DOCUMENTS if document.name == "README.md")


def test_the_front_pages_demo_runs_in_a_clone_and_is_a_project_to_try(
    newest_python: tuple[str, str], tmp_path: Path
) -> None:
    for name in ("home", "tmp", "bin"):
        (tmp_path / name).mkdir()
    # Not a link, through which a relocated Python does not find its library.
    (tmp_path / "bin/python3").write_text(f'#!/bin/sh\nexec {newest_python[1]} "$@"\n')
    (tmp_path / "bin/python3").chmod(0o755)
    path = clean_environment()["PATH"].replace(str(ROOT / ".venv/bin"), str(tmp_path / "bin"))
    environment = clean_environment(
        PATH=path, HOME=str(tmp_path / "home"), TMPDIR=str(tmp_path / "tmp")
    )
    commit(clone := export(tmp_path / "clone"))

    def run(folder: Path, command: str) -> str:
        done = subprocess.run(
            ["bash", "-e", "-c", command], check=False, cwd=folder, env=environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
        return done.stdout

    without_an_account = "Try it without any account"
    (command,) = README.sections()[without_an_account]
    printed = run(clone, command)
    assert "Hello world from Prefect! 🤗" in printed
    (project,) = re.findall(r"^ +cd (.+)$", printed.split("🤗")[1], re.MULTILINE)
    assert "All checks passed!" in run(Path(project), "make lint")
    # The clone is unchanged.
    assert run(clone, "git status --porcelain --ignored") == ""
    assert set(README.sections()) == {"copier-prefect-modal", without_an_account}
