"""An alarm reports runs that fail, crash, hang or are late to a webhook, once, and no others."""

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import pexpect
import pytest
from prefect.context import refresh_global_settings_context
from tools.base.finding import told
from tools.base.project import Project
from tools.base.stop import ActionRequired
from tools.bootstrap import STEPS, take

from tests.conftest import Renderer
from tests.stand_ins.http_edge import Answer, Request, listen
from tests.stand_ins.laptop import sentences
from tests.support.changes import edit
from tests.support.prefect_server import PrefectServer

pytestmark = pytest.mark.e2e

RUNS = """
import sys, time
from prefect import flow, get_client
from prefect.flow_engine import run_flow

@flow
def inner(): raise ValueError("fails inside")
@flow
def completes(): pass
@flow
def fails(): inner()
@flow
def crashes(): raise KeyboardInterrupt
@flow(timeout_seconds=1)
def hangs(): time.sleep(60)
other = fails

for name, run in zip(sys.argv[1::2], sys.argv[2::2], strict=True):
    with get_client(sync_client=True) as client:
        try:
            run_flow(globals()[name], flow_run=client.read_flow_run(run))
        except BaseException as error:
            print(name, type(error).__name__)
"""
"""Executes the runs of deployments, like the process in a container."""
ASK = """
from pathlib import Path
from tools.base.finding import told
from tools.base.project import Project
from tools.bootstrap import STEPS, take
(step,) = [step for step in STEPS if step.name == "Alarm"]
did, found = take(step, Project(Path.cwd()), ready=set())
print(f"{did}. {told(*found)}")
"""
(STEP,) = [step for step in STEPS if step.name == "Alarm"]


@dataclass
class Chat:
    """A receiver of messages at secret addresses, such as Slack."""

    url: str = ""
    messages: list[tuple[str, str]] = field(default_factory=list)
    """The address and the text of each message."""

    def answer(self, request: Request) -> Answer:
        if request.path == "/gone":
            return Answer(404)
        assert request.headers["Content-Type"] == "application/json"
        self.messages.append((f"{self.url}{request.path}", json.loads(request.body)["text"]))
        return Answer(200)

    def told(self, address: str, number: int) -> list[str]:
        """The messages at an address, after that many have come and no more follow."""
        end = time.monotonic() + 30
        while len(self._at(address)) < number and time.monotonic() < end:
            time.sleep(0.1)
        time.sleep(1)
        return self._at(address)

    def _at(self, address: str) -> list[str]:
        return [text for to, text in self.messages if to == address]


@pytest.fixture(scope="module")
def chat() -> Iterator[Chat]:
    chat = Chat()
    with listen(chat.answer) as chat.url:
        yield chat


@pytest.fixture
def address(chat: Chat) -> str:
    return f"{chat.url}/{secrets.token_hex(8)}"


@dataclass
class Owner:
    """The owner of a project, who is logged in to a server."""

    folder: Path
    name: str
    server: PrefectServer

    def environment(self, **extra: str) -> dict[str, str]:
        return self.server.environment() | {"PREFECT_CLIENT_MAX_RETRIES": "5"} | extra

    @contextlib.contextmanager
    def project(self, **extra: str) -> Iterator[Project]:
        with mock.patch.dict(os.environ, self.environment(**extra), clear=True):
            yield Project(self.folder)
        refresh_global_settings_context()

    def bootstrap(self, **extra: str) -> str:
        """The output of `make bootstrap` about alarms."""
        with self.project(**extra) as project:
            try:
                did, found = take(STEP, project, ready=set())
                return sentences(did, told(*found))
            except ActionRequired as error:
                return sentences("action needed", str(error))

    def doctor(self) -> list[str]:
        """The output of `make doctor` about them."""
        with self.project() as project:
            found = STEP.check(project)
        findings = found if isinstance(found, list) else [found]
        return [f"{each.status}: {each.text}. {each.remedy}".strip() for each in findings]

    def alarms(self) -> list[dict[str, Any]]:
        chosen = {"name": {"any_": [f"{self.name} alarm"]}}
        found: list[dict[str, Any]] = self.server.post("automations/filter", automations=chosen)
        return found

    def block(self, *, secret: bool = False) -> dict[str, Any]:
        path = f"block_types/slug/webhook/block_documents/name/{self.name}-alarm"
        found: dict[str, Any] = self.server.get(f"{path}?include_secrets={secret}")
        return found


@pytest.fixture
def runner() -> str:
    return "push"


@pytest.fixture
def owner(render: Renderer, prefect_server: PrefectServer, tmp_path: Path, runner: str) -> Owner:
    repository = f"alarms-{secrets.token_hex(4)}"
    rendered = render(repo_url=f"acme/{repository}", runner=runner)
    folder = shutil.copytree(rendered, tmp_path / "project")
    return Owner(folder, f"acme-{repository}", prefect_server)


@pytest.mark.parametrize("runner", ["push", pytest.param("app", marks=pytest.mark.long)])
def test_it_tells_of_what_needs_a_person_once_and_of_nothing_else(
    owner: Owner, chat: Chat, address: str, runner: str
) -> None:
    assert owner.bootstrap(ALARM_WEBHOOK=address).startswith("done. the automation ")
    with owner.project() as project:
        (deployment,) = project.deployments
    runs = {}
    # An app starts a run that was started by hand at its next tick, which is no fault.
    waiting = {"waits": ["auto-scheduled"], "by-hand": []}
    for name in ("completes", "other", "fails", "crashes", "hangs", *waiting):
        flow = owner.server.post("flows/", name=f"{owner.name}-{name}")["id"]
        tags = ["other"] if name == "other" else deployment.tags
        made = owner.server.post("deployments/", name=owner.name, flow_id=flow, tags=tags)["id"]
        due = {"scheduled_time": "2026-01-01T00:00:00Z"}
        late = {"type": "SCHEDULED", "state_details": due}
        state = late if name in waiting else {"type": "PENDING"}
        runs[name] = owner.server.post(
            f"deployments/{made}/create_flow_run", state=state, tags=waiting.get(name, [])
        )
    started = [word for name in runs if name not in waiting for word in (name, runs[name]["id"])]
    done = subprocess.run(
        [sys.executable, "-c", RUNS, *started],
        check=True, env=owner.server.environment(), capture_output=True, text=True,
    )  # fmt: skip
    ended = ["other ValueError", "fails ValueError", "crashes KeyboardInterrupt"]
    assert done.stdout.splitlines()[:3] == ended

    states = {"fails": "Failed", "crashes": "Crashed", "hangs": "TimedOut", "waits": "Late"}
    states |= {"by-hand": "Late"} if runner == "push" else {}
    first, *told = chat.told(address, 1 + len(states))
    assert first == f"{owner.name}: failed, crashed and late runs will be reported here."
    page = f"{owner.server.url.removesuffix('/api')}/runs/flow-run"
    assert sorted(told) == sorted(
        f"{owner.name}-{name}, run {runs[name]['name']}: {state}\n{page}/{runs[name]['id']}"
        for name, state in states.items()
    )

    # The address is a secret: it allows anyone to write.
    chosen = {"event": {"name": ["prefect.automation.action.executed"]}}
    end = time.monotonic() + 30
    events: list[dict[str, Any]] = []
    while len(events) < len(states) and time.monotonic() < end:  # The server stores them later.
        time.sleep(0.5)
        events = owner.server.post("events/filter", filter=chosen, limit=50)["events"]
    assert len(events) >= len(states)
    blocks = owner.server.post("block_documents/filter")
    assert f"{owner.name}-alarm" in {each["name"] for each in blocks}
    log = (owner.server.home / "server.log").read_text()
    said = json.dumps([events, blocks, owner.alarms(), owner.doctor(), log, done.stderr])
    assert address.rpartition("/")[2] not in said


def test_connecting_twice_makes_one_alarm_and_another_address_replaces_the_first(
    owner: Owner, chat: Chat, address: str
) -> None:
    assert owner.bootstrap() == (
        "skipped. not connected: no message reports failed runs. "
        "make bootstrap asks for a webhook, or reads it from ALARM_WEBHOOK"
    )
    assert owner.doctor()[0].startswith("passed: not connected")
    assert owner.alarms() == []

    told = f"the automation {owner.name} alarm reports failed, crashed and late runs"
    assert owner.bootstrap(ALARM_WEBHOOK=f"{address}\n") == f"done. {told}"
    assert owner.bootstrap(ALARM_WEBHOOK=address) == f"already there. {told}"
    assert owner.bootstrap() == f"already there. {told}"
    assert owner.doctor() == [f"passed: {told}."]
    assert len(chat.told(address, 1)) == 1
    assert owner.block(secret=True)["data"]["url"] == address
    (alarm,) = owner.alarms()

    # The owner's changes stay.
    mine = {"trigger": alarm["trigger"] | {"expect": ["prefect.flow-run.Failed"]}}
    mine |= {name: alarm[name] for name in ("name", "description", "enabled", "actions")}
    owner.server.ask("PUT", f"automations/{alarm['id']}", mine).raise_for_status()
    refused = f"{chat.url}/gone"
    said = owner.bootstrap(ALARM_WEBHOOK=refused)
    assert said == "action needed. A test message to the webhook failed: it answered 404"
    assert owner.block(secret=True)["data"]["url"] == address
    assert owner.bootstrap(ALARM_WEBHOOK=f"{address}-2") == f"done. {told}"
    assert owner.block(secret=True)["data"]["url"] == f"{address}-2"
    (changed,) = owner.alarms()
    assert changed["id"] == alarm["id"]
    assert changed["trigger"]["expect"] == ["prefect.flow-run.Failed"]
    assert changed["actions"] == alarm["actions"]


def test_an_alarm_that_would_say_nothing_is_found(owner: Owner, address: str) -> None:
    file, tag = owner.folder / "prefect.yaml", f'    tags: ["{owner.name}"]\n'
    second = file.read_text().partition("deployments:\n")[2].replace("-example", "-second")
    second = second.partition("    work_pool:\n")[0] + "    work_pool: *modal\n"
    file.write_text(file.read_text() + second.replace(tag, ""))
    lacks = f"{owner.name}-second lacks the tag {owner.name}, so no alarm reports its runs"
    lacks += f". add tags: [{owner.name}] to it in prefect.yaml"
    assert owner.doctor()[1:] == [f"warning: {lacks}"]
    assert owner.bootstrap(ALARM_WEBHOOK=address) == f"action needed. {lacks}"
    assert owner.doctor() == [f"failed: {lacks}"]
    edit(file, r"(-second\"\n(?:    .*\n)*?)(    version)", rf"\g<1>{tag}\g<2>")

    (alarm,) = owner.alarms()
    resume = f"uv run prefect automation resume '{owner.name} alarm'"
    owner.server.ask("PATCH", f"automations/{alarm['id']}", {"enabled": False})
    assert owner.doctor() == [f"warning: the automation {owner.name} alarm is disabled. {resume}"]
    owner.server.ask("PATCH", f"automations/{alarm['id']}", {"enabled": True})

    owner.server.ask("DELETE", f"block_documents/{owner.block()['id']}")
    (found,) = owner.doctor()
    assert "alarm is missing. make bootstrap" in found
    assert owner.bootstrap() == "action needed. Set ALARM_WEBHOOK to the address of a webhook"
    assert owner.bootstrap(ALARM_WEBHOOK=address).startswith("done. ")
    assert len(owner.alarms()) == 1


def test_a_person_is_asked_without_an_echo_until_there_is_one(owner: Owner, address: str) -> None:
    question = "another; Enter for none): "
    for typed, said in (
        ("", "skipped. not conn"),
        (address, "done. the auto"),
        (None, "already there"),
    ):
        terminal = pexpect.spawn(
            sys.executable, ["-c", ASK], cwd=str(owner.folder), encoding="utf-8", timeout=60,
            env=owner.environment(TERM="xterm"),
        )  # fmt: skip
        if typed is not None:
            terminal.expect_exact(question)
            terminal.sendline(typed)
        terminal.expect_exact(said)
        seen = str(terminal.before)
        assert (question in seen) is False
        assert not typed or typed not in seen
        terminal.expect(pexpect.EOF)
        terminal.close(force=True)
    assert owner.block(secret=True)["data"]["url"] == address
