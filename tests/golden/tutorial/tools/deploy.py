# mypy: ignore-errors
"""`make prefect-deploy`: deploy prefect.yaml, but never over newer or foreign deployments."""

import os
from typing import Any

from tools.base.actions import add_to_summary, say_failed
from tools.base.finding import (
    Check,
    Finding,
    Findings,
    examine,
    explain,
    failed,
    passed,
    skipped,
    told,
)
from tools.base.git import head
from tools.base.prefect_deploy import Outcome, deploy_each, in_place_of
from tools.base.prefect_yaml import Deployment
from tools.base.project import Project
from tools.base.screen import say
from tools.base.stop import Malformed
from tools.checks.commit import not_committed
from tools.checks.conflicts import check_conflicts
from tools.checks.deployments import (
    check_branch,
    counterpart,
    deployed_commit,
    newer,
    on_the_server,
    taken,
)
from tools.checks.prefect_account import check_prefect


def deploy(project: Project, force: bool, paused: bool = False) -> int:
    """Deploy, and return the exit code. If a check cannot run, Prefect's command decides."""
    checks = [[Check("prefect.yaml", check_readable)], [Check("Prefect", check_prefect)]]
    if not force:
        checks.append([Check("Names", lambda project: [*taken(project)])])
        # Rerunning the workflow of an older commit is a deliberate rollback.
        if not os.environ.get("CI"):
            commit = Check("Commit", lambda project: [*newer(project)])
            checks.append([Check("Branch", check_branch), commit])
    if not os.environ.get("CI"):
        checks += [[Check("Conflicts", check_conflicts)], [Check("Changes", check_changes)]]
    if any(refused(project, together) for together in checks):
        return 1
    if project.app and project.app.deploy(project):
        say_failed("The previous app and deployments are unchanged.")
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


def check_readable(project: Project) -> Findings:
    """Prefect would ignore a file that it cannot read, and ask for what is in it."""
    try:
        _ = project.resolved_prefect_yaml
    except Malformed as error:
        return failed(error.text, error.remedy or "Nothing was deployed")
    return passed("it can be read")


def check_changes(project: Project) -> Findings:
    """Whether everything is committed and pushed, if a build step is going to require that."""
    if "git status" not in str(project.written_prefect_yaml.get("build")):
        return passed("no build step requires that")
    if problems := not_committed(project):
        return problems
    if not project.git("branch", "--remotes", "--contains", "HEAD").stdout:
        return failed("the last commit is not pushed", "git push")
    return passed("everything is committed and pushed")


def refused(project: Project, checks: list[Check]) -> bool:
    """Whether one of these checks fails. Prints what they find."""
    found = [each for check in checks for each in examine(check, project)]
    problems = [each for each in found if each.status == "failed"]
    for each in problems:
        say_failed(told(each))
    return bool(problems)


def all_paused(project: Project) -> dict[str, Any]:
    """prefect.yaml with every deployment paused."""
    written = project.written_prefect_yaml
    both = zip(project.deployments, written.get("deployments") or [], strict=True)
    return {**written, "deployments": [{**each, "paused": True} for _, each in both]}


def say_what_failed(project: Project, outcome: Outcome, problems: list[Finding]) -> None:
    """Print what failed and, if anything did, what was deployed."""
    for here in outcome.deployed if problems else []:
        say(f"{here.name} is deployed from commit {head(project)[:10]}.", "passed")
    for found in problems:
        tell = say_failed if found.status == "failed" else say
        tell(told(found))


def not_deployed(project: Project, outcome: Outcome) -> list[Finding]:
    """What failed and why, what was not tried, and which version Prefect still has."""
    if outcome.code and not outcome.failed:
        return [failed("prefect deploy failed", "See its output")]
    try:
        there, unknown = on_the_server(project) if outcome.failed else [], ""
    except Exception as error:
        there, unknown = [], f"Its state in Prefect is unknown: {explain(error).text}"

    def remains(here: Deployment) -> str:
        found = counterpart(project, here, there)
        commit = deployed_commit(project, here, found) if found else ""
        version = f"version from commit {commit[:10]}" if commit else "previous version"
        return unknown or (
            f"Prefect still has the {version}" if found else "Prefect does not have it"
        )

    return [
        *(failed(f"{here.name}: {why}", remains(here)) for here, why in outcome.failed),
        *(skipped(f"{here.name} was not tried", remains(here)) for here in outcome.untried),
    ]


def show_summary(project: Project, outcome: Outcome, problems: list[Finding]) -> None:
    """Show the summary. If that fails, the deploy has still succeeded."""
    from tools.summary import left_over, results, table

    add_to_summary(results(project, outcome, problems))
    for part in (table, left_over):
        try:
            add_to_summary(part(project))
        except Exception as error:
            say(f"The summary is incomplete: {explain(error).text}.")
