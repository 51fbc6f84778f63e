# mypy: ignore-errors
"""`make bootstrap`: connect Prefect, GitHub and Modal. It is safe to rerun."""

from tools.base.finding import Step, examine, explain
from tools.base.project import Project
from tools.base.screen import MARKS, say
from tools.base.stop import ActionRequired
from tools.checks.deployments import check_deployed, fix_deployed, full_name, on_the_server
from tools.checks.github_secrets import check_github_secrets, fix_github_secrets
from tools.checks.github_token import another_token, check_github_token, fix_github_token
from tools.checks.modal import (
    check_modal_token,
    check_work_pools,
    fix_modal_token,
    fix_work_pools,
)
from tools.checks.prefect_account import check_prefect, fix_prefect
from tools.checks.repository import check_commit, check_remote, fix_commit, fix_remote

STEPS = [
    Step("Prefect", check_prefect, fix_prefect),
    Step("GitHub token", check_github_token, fix_github_token, renew=another_token),
    Step("Modal token", check_modal_token, fix_modal_token),
    Step("Work pool", check_work_pools, fix_work_pools, after=("Modal token",)),
    Step("GitHub secrets", check_github_secrets, fix_github_secrets, after=("Work pool",)),
    Step("Remote", check_remote, fix_remote),
    Step("Commit", check_commit, fix_commit, after=("Remote",)),
    Step("Deployment", check_deployed, fix_deployed, after=("Work pool", "Commit")),
]


def bootstrap(project: Project) -> int:
    """Go through the steps, and return the exit code."""
    ready: set[str] = set()
    for step in STEPS:
        try:
            text, mark = take(step, project, ready), MARKS["passed"]
            ready.add(step.name)
        except Exception as error:
            finding = explain(error)
            said = ". ".join(filter(None, (finding.text, finding.remedy)))
            text, mark = f"action needed. {said}", MARKS["failed"]
        say(f"{step.name}: {text}", mark)
    if len(ready) < len(STEPS):
        say("\nNot ready yet. Run make bootstrap again when you have done that.")
        return 1
    say("\nReady. Start a run, and watch it there or here:")
    there = on_the_server(project)
    for deployment in project.deployments:
        name = full_name(project, there[deployment.key])
        say(f"  uv run prefect deployment run {name} --watch")
    say(f"  {project.workspace.ui_url}")
    return 0


def take(step: Step, project: Project, ready: set[str]) -> str:
    """Check a step, fix it if that is needed, and return what to say about it.

    Raises:
        ActionRequired: it has not passed, or cannot be fixed yet.
    """
    finding, *_ = examine(step, project)
    needed = finding.status == "failed" or (finding.status == "passed" and step.renew(project))
    if needed:
        for name in step.after:
            if name not in ready:
                raise ActionRequired(f"{finding.text}. {name} has to be right first.")
        step.fix(project)
        finding, *_ = examine(step, project)
    if finding.status != "passed":
        raise ActionRequired(f"{finding.text}. {finding.remedy}".strip())
    return f"{'done' if needed else 'already there'}. {finding.text}"
