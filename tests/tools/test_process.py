"""Programs that the tools start ask no questions, get no secret as argument, and say why they fail."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from tools.base import process
from tools.base.project import Project
from tools.base.stop import ActionRequired, CheckSkipped
from tools.checks.github_token import fix_github_token
from tools.checks.modal import read_token


def done(stderr: str = "", stdout: str = "") -> process.Completed:
    return subprocess.CompletedProcess("it", 1, stdout, stderr)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (done("remote: no\nfatal: not found\nhint: try again\n\n"), "fatal: not found"),
        (done("make[1]: Entering\nerror: first\nwhat else\nmake: *** [x] Error 1"), "error: first"),
        (done(stdout="it went wrong\n"), "it went wrong"),
        (done("make: *** [x] Error 1\n", stdout="two: no\n"), "two: no"),
        (done("make: *** [x] Error 1\n", stdout="✗ two: no\n  deploy it again\n"), "two: no"),
        (done("Error creating it\nError: 422 Response: {'token': 'x'}"), "Error: 422 "),
        (done(), "no reason given"),
    ],
)
def test_the_last_error_is_what_is_said(said: process.Completed, reason: str) -> None:
    assert process.last_error(said) == reason


def test_a_program_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ActionRequired, match=r"^no-such-program --it: no-such-program is not"):
        process.run_checked("no-such-program", "--it", cwd=tmp_path)


def test_a_program_gets_a_secret_on_its_input_and_not_what_is_for_containers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(process.CLONE_TOKEN, "for-containers")
    monkeypatch.setenv("GIT_DIR", "/another/repository")
    code = "import os, sys; print(sys.stdin.read(), os.environ.get('GITHUB_CLONE_TOKEN'), sys.argv)"
    code += "; assert 'GIT_DIR' not in os.environ"
    found = process.run(sys.executable, "-c", code, cwd=tmp_path, secret="kept")
    assert found.stdout == "kept None ['-c']\n"


def test_a_program_that_does_not_answer_is_stopped(tmp_path: Path) -> None:
    found = process.run("sleep", "60", cwd=tmp_path, limit=0.1)
    assert (found.returncode, found.stderr) == (124, "no answer within 0 seconds")


def test_a_program_finds_those_of_this_python_first(tmp_path: Path) -> None:
    found = process.run("sh", "-c", "command -v prefect", cwd=tmp_path, PATH="/usr/bin:/bin")
    assert found.returncode != 0  # If it is overridden.
    found = process.run("sh", "-c", "command -v prefect", cwd=tmp_path)
    assert found.stdout.strip() == str(Path(sys.executable).with_name("prefect"))


def test_without_a_person_nothing_is_asked(tmp_path: Path) -> None:
    with pytest.raises(ActionRequired, match=r"^Set it\. Or run this in a terminal\.$"):
        process.run_interactively("true", cwd=tmp_path, otherwise="Set it.")
    terminal = "import os; os.open('/dev/tty', os.O_RDWR)"
    assert process.run(sys.executable, "-c", terminal, cwd=tmp_path).returncode != 0


@pytest.mark.parametrize(
    ("answer", "expected"), [(0, ""), (1, "That did not work. Run this again")]
)
def test_with_a_person_a_program_may_ask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: int, expected: str
) -> None:
    monkeypatch.setattr(process, "interactive", lambda: True)
    command = shlex.split(f"sh -c 'exit {answer}'")
    said = ""
    try:
        process.run_interactively(*command, cwd=tmp_path, otherwise="Set it.")
    except ActionRequired as error:
        said = str(error)
    assert said.startswith(expected)


def test_uv_is_the_one_that_started_this_or_the_projects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV", "/the/first")
    assert process.uv(tmp_path) == "/the/first"
    monkeypatch.delenv("UV")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert process.uv(tmp_path) == str(tmp_path / ".uv/bin/uv")


def test_without_modal_and_prefect_github_it_says_what_installs_them(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "modal", None)
    monkeypatch.setitem(sys.modules, "prefect_github", None)
    with pytest.raises(CheckSkipped, match="modal is not installed: make setup"):
        read_token()
    with pytest.raises(ActionRequired, match="prefect-github is not installed: make setup"):
        fix_github_token(project)
