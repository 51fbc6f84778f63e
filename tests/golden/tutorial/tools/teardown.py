# mypy: ignore-errors
"""`make teardown`: delete what `make bootstrap` created."""

import re
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from uuid import UUID

from prefect.events.schemas.automations import Automation
from prefect.exceptions import ObjectNotFound

from tools.base.finding import Check, Finding, examine, explain, told
from tools.base.process import run_checked
from tools.base.project import Project
from tools.base.removal import Kept, Removal, agreed, delete_each, show, sort
from tools.base.screen import say
from tools.base.words import listing
from tools.base.workspace import pages
from tools.checks.alarm import KIND as WEBHOOK
from tools.checks.alarm import automation_name, block_name
from tools.checks.deployments import Deployed, of_this_project, on_the_server
from tools.checks.github_secrets import inherited, secrets_of, secrets_there
from tools.checks.github_token import KIND, uses_block
from tools.checks.modal import POOL_TYPE, credentials_block
from tools.checks.prefect_account import KEYS, check_prefect
from tools.checks.updates import answer, ask, by_hand

Parts = Iterator[Removal | Kept]


def teardown(project: Project, yes: bool) -> int:
    """Show everything, delete it once the name is typed, and return the exit code."""
    for found in examine(Check("Prefect", check_prefect), project):
        if found.status != "passed":
            say(told(found), "failed")
            return 1
    removals, kept = sort(everything(project))
    show(project, removals, kept)
    unknown = any(each.unknown for each in kept)
    if not removals:
        say("Nothing to delete.")
        return int(unknown)
    name = str(project.answers.get("project_name") or project.repository[1])
    if not agreed(f"Type {name} to delete this: ", (name,), yes):
        return 1
    code = delete_each(removals) or int(unknown)
    say_what_is_left(project)
    return code


def everything(project: Project) -> Parts:
    """Everything in the order of deletion: first what would restore the rest."""
    ours = of_this_project(project)
    others = [each for each in on_the_server(project) if each not in ours]
    for part in (github_secrets, deployments, alarm, github_tokens, work_pools, modal_app):
        try:
            yield from part(project, ours, others)
        except Exception as error:
            text = f"{part.__name__.replace('_', ' ')}: {explain(error).text}"
            yield Kept(text[0].upper() + text[1:], unknown=True)


def github_secrets(project: Project, *_: list[Deployed]) -> Parts:
    host, name = project.repository
    there = secrets_there(project)
    if isinstance(there, Finding):
        page = f"https://{host}/{name}/settings/secrets/actions"
        names = listing(secrets_of(project))
        text = f"{there.text}. Delete {names} at {page}, or the next push deploys again"
        yield Kept(text, unknown=True)
        return
    for secret in secrets_of(project):
        if secret in there:
            command = ("gh", "secret", "delete", secret, "--repo", f"{host}/{name}")
            yield Removal(
                f"the GitHub secret {secret}", partial(run_checked, *command, cwd=project.root)
            )
    for secret, place in inherited(project).items():
        if secret in secrets_of(project):
            disable = f"gh workflow disable prefect_cd.yaml --repo {host}/{name}"
            yield Kept(
                f"{secret} of {place} stays, so a push may deploy again. To prevent that: {disable}"
            )


def deployments(project: Project, ours: list[Deployed], _: list[Deployed]) -> Parts:
    delete = project.workspace.client.delete_deployment
    for found in ours:
        yield Removal(f"the deployment {found.name}", partial(delete, found.found.id))


def alarm(project: Project, *_: list[Deployed]) -> Parts:
    """The automation that reports failures, and the blocks that only it uses."""
    if not project.tag:
        return
    client, name = project.workspace.client, automation_name(project)
    every = pages(client.read_automations)
    mine = [each for each in every if each.name == name]
    for each in mine:
        yield Removal(f"the automation {name}", partial(client.delete_automation, each.id))
    blocks = {block for each in mine for block in blocks_of(each)}
    with suppress(ObjectNotFound):
        blocks.add(client.read_block_document_by_name(block_name(project), WEBHOOK).id)
    used = {block for each in every if each not in mine for block in blocks_of(each)}
    for block in blocks - used:
        yield Removal(
            f"the block with the webhook of {name}", partial(client.delete_block_document, block)
        )


def blocks_of(automation: Automation) -> set[UUID]:
    found = (getattr(action, "block_document_id", None) for action in automation.actions)
    return set(filter(None, found))


def github_tokens(project: Project, ours: list[Deployed], others: list[Deployed]) -> Parts:
    client = project.workspace.client
    steps = " ".join(str(each.found.pull_steps) for each in ours)
    names = {project.credentials_block, *re.findall(rf"{KIND}\.([\w-]+)", steps)} - {""}
    for name in sorted(names):
        if users := [each.name for each in others if uses_block(each, name)]:
            yield Kept(f"The block {name} stays, used by {', '.join(users)}")
            continue
        try:
            block = client.read_block_document_by_name(name, KIND, include_secrets=False)
        except ObjectNotFound:
            continue
        what = f"the block {name} with the GitHub token"
        yield Removal(what, partial(client.delete_block_document, block.id))


def work_pools(project: Project, ours: list[Deployed], others: list[Deployed]) -> Parts:
    """The work pools that no other project uses, with the Modal tokens created for them."""
    client = project.workspace.client
    every = {pool.name: pool for pool in pages(client.read_work_pools)}
    names = {*project.pools, *(each.found.work_pool_name or "" for each in ours)}
    for name in sorted(names & every.keys()):
        pool = every.pop(name)
        users = [each.name for each in others if each.found.work_pool_name == name]
        if users or pool.type != POOL_TYPE:
            why = f"used by {', '.join(users)}" if users else f"it is of type {pool.type}"
            yield Kept(f"The work pool {name} stays: {why}")
            continue
        yield Removal(
            f"the work pool {name}, which no other deployment uses",
            partial(client.delete_work_pool, name),
        )
        block = credentials_block(pool)
        if not block or block in map(credentials_block, every.values()):
            continue
        found = client.read_block_document(block, include_secrets=False)
        if found.name == f"{name}-modal-credentials":
            what = f"the block {found.name} with the Modal token"
            yield Removal(what, partial(client.delete_block_document, block))


def modal_app(project: Project, *_: list[Deployed]) -> Parts:
    yield from project.app.removals(project) if project.app else ()


def say_what_is_left(project: Project) -> None:
    host, name = project.repository
    say("\nRevoke these if only this project used them:")
    say(f"  Prefect API key: {KEYS}")
    if project.credentials_block:
        say(f"  GitHub token: https://{host}/settings/personal-access-tokens")
    say("  Modal token: https://modal.com/settings/tokens")
    say(
        "\nThe repository and past runs stay. A push still starts the workflow prefect_cd.yaml, "
        "which fails without the secrets. "
        f"To stop it: gh workflow disable prefect_cd.yaml --repo {host}/{name}"
    )
    # Its former value is unknown, and the update workflow keeps running.
    said = answer(ask(project, project.repository, "permissions/workflow"))
    if said.get("can_approve_pull_request_reviews"):
        say(
            "Actions may still open pull requests. To forbid that, "
            f"{by_hand(project).replace('tick', 'untick', 1)}"
        )
