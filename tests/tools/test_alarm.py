"""Alarms: the format of a message, and the tag that identifies a project's deployments."""

import getpass
from pathlib import Path
from typing import Any

import pytest
from tools.base.project import Project
from tools.base.stop import ActionRequired
from tools.checks import alarm
from tools.checks.alarm import TEXT, block_name, check_tags, fix_alarm, message

from tests.support.changes import append, edit
from tests.tools.conftest import problems

SECOND = """
  - name: second
    entrypoint: prefect_modal.flows.flow1:main
    paused: false
    work_pool: *modal
"""
TAG = "Ben-Epstein-prefect-modal"


@pytest.mark.parametrize(
    ("address", "sent"),
    [
        ("https://hooks.slack.com/services/T/B/x", {"text": "it"}),
        ("https://chat.example.com/hooks/x", {"text": "it"}),
        ("https://discord.com/api/webhooks/1/x", {"content": "it"}),
        ("https://ptb.discord.com/api/webhooks/1/x", {"content": "it"}),
        ("https://notdiscord.com/x", {"text": "it"}),
        ("no address", {"text": "it"}),
    ],
)
def test_a_message_has_the_form_that_its_host_takes(address: str, sent: dict[str, Any]) -> None:
    assert message(address, "it") == sent


@pytest.mark.parametrize(
    "address",
    [
        "https://prod-1.westeurope.logic.azure.com:443/workflows/x",
        "https://x.environment.api.powerplatform.com:443/powerautomate/x",
        "https://acme.webhook.office.com/webhookb2/x",
    ],
)
def test_teams_gets_a_card(address: str) -> None:
    (card,) = message(address, "it")["attachments"]
    assert card["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert card["content"]["body"] == [{"type": "TextBlock", "text": "it", "wrap": True}]


def test_a_message_says_nothing_of_an_exception() -> None:
    assert "message" not in TEXT


def test_a_new_project_has_its_tag_on_each_deployment(project: Project) -> None:
    assert project.tag == TAG
    assert problems(check_tags, project) == []
    assert block_name(project) == "ben-epstein-prefect-modal-alarm"


def test_a_deployment_that_was_added_without_it_is_named(folder: Path, project: Project) -> None:
    append(folder / "prefect.yaml", SECOND)
    text = f"second lacks the tag {TAG}, so no alarm reports its runs"
    remedy = f"add tags: [{TAG}] to it in prefect.yaml"
    assert problems(check_tags, project) == [f"warning: {text}. {remedy}"]


@pytest.mark.parametrize("tags", ["", "    tags: []\n", "    tags: [mine, 1]\n"])
def test_nothing_is_asked_of_a_project_without_it(
    folder: Path, project: Project, tags: str
) -> None:
    edit(folder / "prefect.yaml", r"^    tags: .*\n", tags)
    assert problems(check_tags, project) == []


def test_who_has_left_the_template_has_the_first_tag(folder: Path, project: Project) -> None:
    (folder / ".copier-answers.yml").unlink()
    assert project.tag == TAG


def test_in_a_terminal_a_refused_address_is_asked_for_again(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed, connected = iter(["hooks.example.com/x", "http://127.0.0.1:9", ""]), []
    monkeypatch.setattr(alarm, "find_alarm", lambda _: None)
    monkeypatch.setattr(alarm, "connect", lambda *_: connected.append(1))
    monkeypatch.setattr(alarm, "interactive", lambda: True)
    monkeypatch.setattr(getpass, "getpass", lambda _: next(typed))
    fix_alarm(project)
    failed = "✗ A test message to the webhook failed:"
    assert capsys.readouterr().out.splitlines() == [
        f"{failed} paste the whole address, from https:// on",
        f"{failed} it cannot be reached (ConnectError)",
    ]
    assert connected == []
    monkeypatch.setattr(alarm, "interactive", lambda: False)
    monkeypatch.setenv("ALARM_WEBHOOK", "hooks.example.com/x")
    with pytest.raises(ActionRequired, match="the whole address, from https://"):
        fix_alarm(project)
