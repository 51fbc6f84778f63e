# mypy: ignore-errors
"""`make bootstrap`: connect Prefect, GitHub and Modal. It is safe to rerun."""

from dataclasses import replace

from tools.base.finding import (
    Check,
    Finding,
    Findings,
    Status,
    Step,
    examine,
    in_row,
    passed,
    skipped,
    told,
)
from tools.base.project import Project
from tools.base.screen import say, screen
from tools.base.stop import Malformed
from tools.checks.alarm import check_alarm, fix_alarm, has_news
from tools.checks.commit import check_commit, fix_commit
from tools.checks.conflicts import check_conflicts
from tools.checks.deployments import (
    check_deployed,
    counterpart,
    deployed_branch,
    fix_deployed,
    of_this_repository,
    other_branch,
)
from tools.checks.flows import check_flows, check_names
from tools.checks.github_secrets import check_github_secrets, fix_github_secrets
from tools.checks.github_token import another_token, check_github_token, fix_github_token
from tools.checks.job_variables import check_images, check_job_variables, check_timeouts
from tools.checks.modal import (
    check_modal_token,
    check_work_pools,
    fix_modal_token,
    fix_work_pools,
)
from tools.checks.plain_text import check_secrets
from tools.checks.prefect_account import check_prefect, fix_prefect
from tools.checks.prefect_yaml import check_containers, check_keys
from tools.checks.repository import check_remote, fix_remote
from tools.checks.schedules import check_schedules
from tools.checks.updates import can_connect, check_updates, fix_updates

PREFECT_YAML = [
    Check("Keys", check_keys),
    Check("Names", check_names),
    Check("Flows", check_flows),
    Check("Schedules", check_schedules),
    Check("Secrets", check_secrets),
    Check("Containers", check_containers),
    Check("Job variables", check_job_variables),
    Check("Images", check_images),
    Check("Timeouts", check_timeouts),
]
"""The checks of prefect.yaml that need no server."""


def check_prefect_yaml(project: Project) -> Findings:
    checks = project.fitting(PREFECT_YAML)
    found = [each for check in checks for each in examine(check, project)]
    problems = [each for each in found if each.status != "passed"]
    if is_failed(problems):  # Checks that it prevents are not worth a mention.
        problems = [each for each in problems if each.status != "skipped"]
    return [*dict.fromkeys(problems)] or passed("no problems found")


STEPS = [
    Step("Remote", check_remote, fix_remote),
    Step("Prefect", check_prefect, fix_prefect),
    Step(
        "GitHub token",
        check_github_token,
        fix_github_token,
        after=("Remote",),
        renew=another_token,
    ),
    Step("Modal token", check_modal_token, fix_modal_token),
    Step("Work pool", check_work_pools, fix_work_pools, after=("Remote", "Modal token")),
    Step("GitHub secrets", check_github_secrets, fix_github_secrets, after=("Work pool",)),
    Step("Commit", check_commit, fix_commit, after=("Conflicts", "Remote")),
    Step("Deployment", check_deployed, fix_deployed, after=("prefect.yaml", "Work pool", "Commit")),
    Step(
        "Updates",
        check_updates,
        fix_updates,
        after=("Remote",),
        renew=can_connect,
        optional=True,
    ),
    Step("Alarm", check_alarm, fix_alarm, renew=has_news, optional=True),
]

ALL = [
    Step("Conflicts", check_conflicts),
    Step("prefect.yaml", check_prefect_yaml),
    *STEPS,
]
"""The steps of bootstrap; `make doctor` shows the checks of prefect.yaml separately."""
NEEDED = "action needed"


def bootstrap(project: Project) -> int:
    """Run the steps, and return the exit code."""
    ready: set[str] = set()
    steps = project.fitting(ALL)
    for step in steps:
        try:
            did, found = take(step, project, ready)
        except EOFError:
            raise
        except Exception as error:
            did, found = NEEDED, [in_row(error)]
        if status_of(step, did, found) != "failed":
            ready.add(step.name)
        several = "\n" if len(found) > 1 else " "
        text = f"{step.name} ({did}):{several}{told(*found)}".replace("\n", "\n  ")
        say(text, status_of(step, did, found))
        if step.name == "prefect.yaml" and not is_readable(project):
            break  # The other steps read it.
    if len(ready) < len(steps):
        say("\nNot ready yet. Complete the actions above, then rerun make bootstrap.")
        return 1
    of_branch = f" of {deployed_branch(project)}" if other_branch(project) else ""
    say(f"\nReady. Start a run{of_branch}, and watch it here or in Prefect:")
    there = of_this_repository(project)
    for deployment in project.deployments:
        if deployed := counterpart(project, deployment, there):
            say(f"  uv run prefect deployment run {deployed.quoted} --watch")
    say(f"  {project.workspace.ui_url}")
    return 0


def take(step: Step, project: Project, ready: set[str]) -> tuple[str, list[Finding]]:
    """Check a step and fix it if needed; return what was done, and what is found then."""
    with screen.status(f"Checking {step.name} …"):
        found = examine(step, project)
    needed = is_failed(found) or (is_right(found) and step.renew(project))
    for name in step.after:
        if name not in ready and (needed or is_right(found)):
            first = f"fix {name} first"
            if is_right(found):
                return NEEDED, [skipped(first)]
            *others, last = [replace(each, remedy="") for each in found]
            return NEEDED, [*others, replace(last, remedy=first)]
    if needed and step.fix:
        step.fix(project)
        found = examine(step, project)
    if not is_right(found) or (step.optional and not has_passed(found)):
        return NEEDED, found
    if any(each.status == "passed" and each.remedy for each in found):
        return "skipped", found
    return "done" if needed else "already there" if step.fix else "checked", found


def status_of(step: Step, did: str, found: list[Finding]) -> Status:
    if did == NEEDED:
        return "warning" if step.optional else "failed"
    if did == "skipped":
        return "skipped"
    return "passed" if has_passed(found) else "warning"


def is_readable(project: Project) -> bool:
    try:
        _ = project.resolved_prefect_yaml
    except Malformed:
        return False
    return True


def is_right(found: list[Finding]) -> bool:
    return all(each.status in ("passed", "warning") for each in found)


def has_passed(found: list[Finding]) -> bool:
    return all(each.status == "passed" for each in found)


def is_failed(found: list[Finding]) -> bool:
    return any(each.status == "failed" for each in found)
