# mypy: ignore-errors
"""The alarm: one automation that reports runs in trouble to a webhook."""

import getpass
import json
import os
import re
import shlex
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

import httpx
from prefect.blocks.webhook import Webhook
from prefect.events.schemas.automations import Automation, AutomationCore
from prefect.exceptions import ObjectNotFound
from prefect.types import SecretDict
from pydantic import SecretStr

from tools.base.finding import Findings, failed, offered, passed, warning
from tools.base.process import ALARM_WEBHOOK, interactive
from tools.base.project import Project
from tools.base.screen import say
from tools.base.stop import ActionRequired

KIND = "webhook"
LATE = "Late"
ENDED = ("Failed", "Crashed", "TimedOut")
SCHEDULED = "auto-scheduled"
"""The tag that Prefect gives to the runs of a schedule."""
DISCORD = ("discord.com", "discordapp.com")
TEAMS = ("webhook.office.com", "logic.azure.com", "powerplatform.com")
TEXT = (
    "{{ (flow.name ~ ', run ' ~ flow_run.name ~ ': ' ~ flow_run.state.name"
    " ~ '\\n' ~ (flow_run | ui_url or '')) | tojson }}"
)
"""The template that Prefect fills in. It omits the state's message, which may hold a secret."""
QUESTION = "Webhook for failed runs (Slack, Teams, Discord or another; Enter for none): "


def check_tags(project: Project) -> Findings:
    """Find deployments without the tag that the others have."""
    names = without_tag(project)
    if len(names) == len(project.deployments):
        return passed("no deployment has the project's tag")
    return [warning(*tell(project, name)) for name in names] or passed(
        f"each deployment has the tag {project.tag}"
    )


def check_alarm(project: Project) -> Findings:
    alarm = find_alarm(project)
    if not alarm:
        remedy = f"make bootstrap asks for a webhook, or reads it from {ALARM_WEBHOOK}"
        tags = check_tags(project)
        return [
            offered("not connected: no message reports failed runs", remedy),
            *(tags if isinstance(tags, list) else []),
        ]
    problems = [failed(*tell(project, name)) for name in without_tag(project)]
    if is_broken(project, alarm):
        text = f"the block with the webhook of {alarm.name} is missing"
        problems.append(
            failed(text, f"make bootstrap, which asks for it or reads it from {ALARM_WEBHOOK}")
        )
    if not alarm.enabled:
        remedy = f"uv run prefect automation resume {shlex.quote(alarm.name)}"
        problems.append(warning(f"the automation {alarm.name} is disabled", remedy))
    return problems or passed(f"the automation {alarm.name} reports failed, crashed and late runs")


def fix_alarm(project: Project) -> None:
    alarm = find_alarm(project)
    address = given() or (ask() if not alarm or is_broken(project, alarm) else "")
    while address and address != stored_address(project):
        if not project.tag:
            raise ActionRequired("no deployment has a tag", "add the same tags: […] to each one")
        if not (refused := refusal(project, address)):
            return connect(project, address, alarm)
        text = f"A test message to the webhook failed: {refused}"
        if not interactive():
            raise ActionRequired(text)
        say(text, "failed")
        address = ask()


def has_news(project: Project) -> bool:
    """Whether there is a different address, or a person to ask for the first one.

    A no is not stored, so the question comes again.
    """
    if given():
        return given() != stored_address(project)
    return interactive() and not find_alarm(project)


def given() -> str:
    return os.environ.get(ALARM_WEBHOOK, "").strip()


def ask() -> str:
    if not interactive():
        raise ActionRequired(f"Set {ALARM_WEBHOOK} to the address of a webhook")
    return getpass.getpass(QUESTION).strip()


def without_tag(project: Project) -> list[str]:
    return [each.name for each in project.deployments if project.tag not in each.all_tags]


def tell(project: Project, name: str) -> tuple[str, str]:
    text = f"{name} lacks the tag {project.tag}, so no alarm reports its runs"
    return text, f"add tags: [{project.tag}] to it in prefect.yaml"


def automation_name(project: Project) -> str:
    return f"{project.tag} alarm"


def block_name(project: Project) -> str:
    """The name of the block with the address, in the characters that Prefect allows."""
    return re.sub(r"[^a-z0-9]+", "-", automation_name(project).lower()).strip("-")


def find_alarm(project: Project) -> Automation | None:
    found = project.workspace.client.read_automations_by_name(automation_name(project))
    return next(iter(found), None)


def is_broken(project: Project, alarm: Automation) -> bool:
    """Whether a block that the automation uses is missing."""
    for action in alarm.actions:
        if block := getattr(action, "block_document_id", None):
            try:
                project.workspace.client.read_block_document(block)
            except ObjectNotFound:
                return True
    return False


def stored_address(project: Project) -> str:
    """The address of the alarm; empty if it is not connected."""
    alarm = find_alarm(project)
    if not alarm or is_broken(project, alarm):
        return ""
    return str((project.workspace.block(KIND, block_name(project)) or {}).get("url", ""))


def message(address: str, text: str) -> dict[str, Any]:
    """A message in the receiver's format; most others accept Slack's."""
    host = urlsplit(address).hostname or ""
    if is_at(host, DISCORD):
        return {"content": text}
    if is_at(host, TEAMS):
        body = [{"type": "TextBlock", "text": text, "wrap": True}]
        card = {"type": "AdaptiveCard", "version": "1.4", "body": body}
        kind = "application/vnd.microsoft.card.adaptive"
        return {"type": "message", "attachments": [{"contentType": kind, "content": card}]}
    return {"text": text}


def is_at(host: str, domains: tuple[str, ...]) -> bool:
    return any(f".{host}".endswith(f".{domain}") for domain in domains)


def refusal(project: Project, address: str) -> str:
    """Why a test message fails; never with the address, which is a secret."""
    try:
        text = f"{project.tag}: failed, crashed and late runs will be reported here."
        answer = httpx.post(address, json=message(address, text), timeout=15)
    except httpx.UnsupportedProtocol:
        return "paste the whole address, from https:// on"
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return f"it cannot be reached ({type(error).__name__})"
    return "" if answer.is_success else f"it answered {answer.status_code}"


def connect(project: Project, address: str, alarm: Automation | None) -> None:
    """Store the address in a block, and make or update the automation that uses it."""
    client, name = project.workspace.client, block_name(project)
    headers = {"Content-Type": "application/json"}
    Webhook(url=SecretStr(address), headers=SecretDict(headers)).save(name, overwrite=True)
    project.workspace.forget()
    block = client.read_block_document_by_name(name, KIND, include_secrets=False)
    payload = json.dumps(message(address, "TEXT")).replace('"TEXT"', TEXT)
    action = {"type": "call-webhook", "block_document_id": block.id, "payload": payload}
    if alarm:  # Keep the owner's other changes.
        unknown = {"id", "created", "updated", "owner_resource"}
        kept = alarm.model_dump(mode="json", exclude=unknown)
        wanted = AutomationCore.model_validate({**kept, "actions": [action]})
        client.update_automation(alarm.id, wanted)
        return
    automation = {
        "name": automation_name(project),
        "description": "Reports failed, crashed and late runs. Created by make bootstrap.",
        "trigger": trigger(project),
        "actions": [action],
    }
    client.create_automation(AutomationCore.model_validate(automation))


def trigger(project: Project) -> dict[str, Any]:
    if not project.app:
        return event_trigger((*ENDED, LATE), project.tag)
    # A run that a person starts waits for the next tick; Prefect calls it late after 15 s.
    parts = [
        event_trigger(ENDED, project.tag),
        event_trigger((LATE,), project.tag, SCHEDULED),
    ]
    return {"type": "compound", "require": "any", "triggers": parts}


def event_trigger(states: Iterable[str], *tags: str) -> dict[str, Any]:
    return {
        "type": "event",
        "posture": "Reactive",
        "expect": [f"prefect.flow-run.{state}" for state in states],
        "match": {"prefect.resource.id": "prefect.flow-run.*"},
        # Subflows lack the tags of their deployment: the run that called them is reported.
        "match_related": [{"prefect.resource.id": f"prefect.tag.{tag}"} for tag in tags],
        "threshold": 1,
        "within": 0,
    }
