# mypy: ignore-errors
"""`make prefect-deploy`: deploy what prefect.yaml describes, unless that replaces what it should not."""

import os
from typing import Any

from tools.base.actions import add_to_summary, say_failed
from tools.base.finding import Check, Finding, examine, explain, failed, skipped
from tools.base.git import head
from tools.base.prefect_deploy import Outcome, deploy_each, in_place_of
from tools.base.prefect_yaml import Deployment
from tools.base.project import Project
from tools.base.screen import say
from tools.checks.deployments import counterpart, deployed_commit, newer, on_the_server, taken
from tools.checks.prefect_account import check_prefect


def deploy(project: Project, force: bool, paused: bool = False) -> int:
    """Deploy, and return the exit code. What cannot be checked is left to Prefect's command."""
    checks = [Check("Prefect", check_prefect)]
    if not force:
        checks.append(Check("Names", lambda project: [*taken(project)]))
        # Whoever runs the workflow of an older commit again means to go back.
        if not os.environ.get("CI"):
            checks.append(Check("Commit", lambda project: [*newer(project)]))
    if refused(project, checks):
        return 1
    if project.app and project.app.deploy(project):
        say_failed("Modal has the app from before, and Prefect its deployments.")
        return 1
    if paused:
        with in_place_of(project, all_paused(project)) as (there, run):
            outcome = deploy_each(there, run)
    else:
        outcome = deploy_each(project)
    project.workspace.forget()
    problems = not_deployed(project, outcome)
    say_what_failed(project, outcome, problems)
    if "GITHUB_STEP_SUMMARY" in os.environ:
        show_summary(project, outcome, problems)
    return outcome.code


def refused(project: Project, checks: list[Check]) -> bool:
    """Whether a check fails; its findings are said, and what comes after it is not tried."""
    for check in checks:
        problems = [found for found in examine(check, project) if found.status == "failed"]
        for found in problems:
            say_failed(f"{found.text}. {found.remedy}.")
        if problems:
            return True
    return False


def all_paused(project: Project) -> dict[str, Any]:
    """prefect.yaml with no schedule that starts a run."""
    written = project.written_prefect_yaml
    both = zip(project.deployments, written.get("deployments") or [], strict=True)
    return {**written, "deployments": [{**each, "paused": True} for _, each in both]}


def say_what_failed(project: Project, outcome: Outcome, problems: list[Finding]) -> None:
    """Say what failed, and of the others that they did not."""
    for here in outcome.deployed if problems else []:
        say(f"{here.name} is deployed from commit {head(project)[:10]}.", "passed")
    for found in problems:
        tell = say_failed if found.status == "failed" else say
        tell(f"{found.text}. {found.remedy}.")


def not_deployed(project: Project, outcome: Outcome) -> list[Finding]:
    """What has failed and why, what was not tried, and what Prefect has of each."""
    if outcome.code and not outcome.failed:
        return [failed("Prefect's command has failed", "See what it printed")]
    try:
        there, unknown = on_the_server(project) if outcome.failed else [], ""
    except Exception as error:
        there, unknown = [], f"What Prefect has of it is not known: {explain(error).text}"

    def remains(here: Deployment) -> str:
        found = counterpart(project, here, there)
        commit = deployed_commit(here, found) if found else ""
        version = f"from commit {commit[:10]}" if commit else "from before"
        return unknown or (f"Prefect still has the one {version}" if found else "It is not there")

    return [
        *(failed(f"{here.name}: {why}", remains(here)) for here, why in outcome.failed),
        *(skipped(f"{here.name} was not tried then", remains(here)) for here in outcome.untried),
    ]


def show_summary(project: Project, outcome: Outcome, problems: list[Finding]) -> None:
    """A deploy that went well has not failed, even if this does."""
    from tools.summary import left_over, results, table

    add_to_summary(results(project, outcome, problems))
    for part in (table, left_over):
        try:
            add_to_summary(part(project))
        except Exception as error:
            say(f"The summary lacks something: {explain(error).text}.")
