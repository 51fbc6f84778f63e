"""The commands of the documents, from their own text: whatever stands between fences for a shell."""

import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pexpect
import pytest
import yaml

from tests.e2e.conftest import BuildContainer
from tests.stand_ins.laptop import Laptop
from tests.support.copier import URL
from tests.support.documents import ADOPTING, BY_HAND, DOCUMENTS, MOVING, PROJECT, RUNNERS, Document
from tests.support.environment import clean_environment
from tests.support.questionnaire import answers, questions
from tests.support.repository import ROOT

pytestmark = pytest.mark.e2e
Start = Callable[..., Laptop]
BY_NAME = {document.name: document for document in DOCUMENTS}
README, CONTRIBUTING = (BY_NAME[name] for name in ("README.md", "CONTRIBUTING.md"))

BROWSER = ("uv run prefect cloud login", "uv run modal setup")
"""What opens a browser and waits: of these, the tests only see that they exist."""


def test_every_document_with_commands_is_run_here() -> None:
    with_commands = {document.name for document in DOCUMENTS if document.commands}
    owner, agents = (
        (PROJECT / name).relative_to(ROOT).as_posix() for name in ("README.md", "AGENTS.md")
    )
    # test_adopting.py and test_moving.py here and in the folder above, test_flow.py,
    # test_platform_team.py and test_without_a_work_pool.py.
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
    terminal.close()
    assert terminal.exitstatus == 0, terminal.before


def test_the_front_pages_two_commands_end_with_a_ready_project(start: Start) -> None:
    laptop = start()
    answer_questions(laptop, laptop.home.parent, README.sections()["copier-prefect-modal"])
    laptop.project = laptop.home.parent / "my-flows"
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


# A project's own README, followed by its owner.


def owners_readme(laptop: Laptop) -> dict[str, list[str]]:
    """The commands of the README that lies in the project, by heading."""
    sections = Document(laptop.project / "README.md").sections()
    assert sections.keys() == Document(PROJECT / "README.md").sections().keys()
    return sections


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


def watch(laptop: Laptop, line: str, build_container: BuildContainer) -> None:
    """Follow a line that starts a run and waits for its end; execute that run as Modal does.

    The stand-in for Prefect Cloud passes no web sockets on, so this talks to the server behind it.
    """
    server = laptop.cloud.server
    direct = laptop.environment(PREFECT_API_URL=server.url, PREFECT_API_KEY=None)
    deployment = server.deployment(f"acme-{laptop.pool}-example")
    of_it: dict[str, object] = {
        "deployments": {"id": {"any_": [deployment["id"]]}},
        "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}},
    }

    def asked_for() -> set[str]:
        found = server.post("flow_runs/filter", **of_it)
        return {run["id"] for run in found if "auto-scheduled" not in run["tags"]}

    before = asked_for()
    variables = server.job_variables(deployment)
    environment = laptop.github.environment() | {"PREFECT_API_URL": server.url}
    container = build_container(variables, laptop.project / "uv.lock", environment)
    with subprocess.Popen(
        ["bash", "-e", "-c", line], cwd=laptop.project, env=direct,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as process:  # fmt: skip
        started: set[str] = set()
        while not started and process.poll() is None:
            time.sleep(0.5)
            started = asked_for() - before
        for run in started:
            container.execute(run, variables)
        said = process.communicate(timeout=60)[0]
    assert process.returncode == 0, said
    assert "finished successfully" in said


def test_an_owner_can_set_it_up_step_by_step_run_it_and_turn_it_off(
    start: Start, build_container: BuildContainer
) -> None:
    laptop = start()
    run, bootstrap = re.findall(r"^  (make .+)$", laptop.closing_message, re.MULTILINE)
    assert bootstrap.startswith("make bootstrap ")
    follow(laptop, run)
    sections = owners_readme(laptop)
    assert sections.pop("Set up once") == ["make bootstrap"]
    for line in BY_HAND.commands:
        line = line.replace("acme-flows", f"acme-{laptop.pool}").replace("acme/flows", laptop.name)
        follow(laptop, line.replace("pref-modal-pool", laptop.pool))
    # What is left is in the page's table of secrets, for a browser, and the deploy that a push starts.
    follow(laptop, "make prefect-deploy")
    assert laptop.doctor().keys() == {"GitHub secrets", "Updates"}
    laptop.github.secrets = {
        "PREFECT_API_KEY": laptop.cloud.key,
        "PREFECT_API_URL": laptop.cloud.url,
    }

    # Each of these has a test of its own.
    for line in sections.pop("Everyday commands"):
        follow(laptop, f"{line.split('#')[0]} --dry-run")
    (line,) = sections.pop("Run it on Modal")
    watch(laptop, line, build_container)

    listed = "".join(follow(laptop, line) for line in sections.pop("See what runs"))
    assert f"acme-{laptop.pool}-example" in listed
    assert "COMPLETED" in listed
    *run, secret = sections.pop("Change it")
    for line in run:
        follow(laptop, f"{line} --dry-run")
    follow(laptop, secret)
    path = "block_types/slug/secret/block_documents/name/warehouse?include_secrets=true"
    assert laptop.cloud.server.get(path)["data"] == {"value": "s3cret"}

    pause, teardown = sections.pop("Turn it off")
    follow(laptop, pause)
    assert laptop.cloud.server.get(f"work_pools/{laptop.pool}")["is_paused"]
    follow(laptop, f"{teardown} YES=1")
    assert sections == {}
    assert laptop.github.secrets == {}
    server = laptop.cloud.server
    assert laptop.pool not in {pool["name"] for pool in server.post("work_pools/filter")}
    named = {block["name"] for block in server.post("block_documents/filter")}
    assert not {name for name in named if laptop.pool in str(name)}
    left = server.post("deployments/filter")
    assert f"acme-{laptop.pool}-example" not in {deployment["name"] for deployment in left}
    laptop.assert_no_secret_was_said()
