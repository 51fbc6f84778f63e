"""The commands of the documents, read from the code blocks for a shell."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pexpect
import pytest
import yaml

from tests.stand_ins.laptop import Laptop
from tests.support.copier import URL
from tests.support.documents import ADOPTING, BY_HAND, DOCUMENTS, MOVING, PROJECT, RUNNERS
from tests.support.environment import clean_environment
from tests.support.questionnaire import answers, questions
from tests.support.repository import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.long]
Start = Callable[..., Laptop]
BY_NAME = {document.name: document for document in DOCUMENTS}
README, CONTRIBUTING = (BY_NAME[name] for name in ("README.md", "CONTRIBUTING.md"))

BROWSER = ("uv run prefect cloud login", "uv run modal setup")
"""Commands that open a browser and wait: the tests only check that they exist."""


def test_every_document_with_commands_is_run_here() -> None:
    with_commands = {document.name for document in DOCUMENTS if document.commands}
    owner, agents = (
        (PROJECT / name).relative_to(ROOT).as_posix() for name in ("README.md", "AGENTS.md")
    )
    # The other files in this folder.
    elsewhere = {ADOPTING.name, MOVING.name, RUNNERS.name, agents, "docs/platform_team.md"}
    assert with_commands == {README.name, CONTRIBUTING.name, BY_HAND.name, owner} | elsewhere


def answer_questions(laptop: Laptop, folder: Path, lines: list[str]) -> None:
    """Run lines in a terminal, and answer the template's questions.

    This laptop's answers are offered as the defaults, as Copier's own settings allow.
    """
    (settings := laptop.home / "settings.yml").write_text(
        yaml.safe_dump({"defaults": answers(laptop.project)})
    )
    terminal = pexpect.spawn(
        "bash", ["-e", "-c", "\n".join(lines).replace("<url>", URL)],
        cwd=str(folder), encoding="utf-8", timeout=120, dimensions=(50, 200),
        env=laptop.environment(
            TERM="xterm", COPIER_SETTINGS_PATH=str(settings), GIT_PAGER="cat", NO_COLOR="1"
        ),
    )  # fmt: skip
    for question in questions(asked=True).values():
        terminal.expect_exact(question["help"])
        terminal.send("\r")
    while terminal.expect([pexpect.EOF, "Webhook for failed runs.*Enter for none"]) == 1:
        terminal.send("\r")
    terminal.close(force=True)
    assert terminal.exitstatus == 0, terminal.before


def test_the_front_pages_two_commands_end_with_a_ready_project(start: Start) -> None:
    laptop = start()
    answer_questions(laptop, laptop.home.parent, README.sections()["copier-prefect-modal"])
    laptop.project = laptop.home.parent / "reports"
    assert laptop.doctor() == {}


def test_the_commands_for_contributors_are_known_to_make() -> None:
    for command in CONTRIBUTING.commands:
        done = subprocess.run(
            ["bash", "-c", f"{command} --dry-run"],
            check=False, cwd=ROOT, env=clean_environment(), capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert command in ("make golden", "make test-fast", *CI)


CI = [f"make {target}" for target in re.findall(r"^make (.+)$", (ROOT / ".ci/run").read_text(), re.MULTILINE)
      [-1].split()]  # fmt: skip


def follow(laptop: Laptop, line: str) -> str:
    """Run a line of the README, type a secret if it asks for one, and return what it prints."""
    typed = laptop.token if "GitHubCredentials" in line else "s3cret"
    if line in BROWSER:
        line += " --help"
    done = subprocess.run(
        ["bash", "-e", "-c", line], check=False, cwd=laptop.project, input=f"{typed}\n",
        env=laptop.environment(GH_REPO=laptop.name, COLUMNS="200"), stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    laptop.said.append(done.stdout)
    assert done.returncode == 0, f"{line}\n{done.stdout}"
    return done.stdout
