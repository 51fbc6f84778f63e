# mypy: ignore-errors
"""How template updates arrive, and whether GitHub allows them."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tools.base.finding import Finding, Findings, passed, skipped, warning
from tools.base.git import login
from tools.base.process import TIMED_OUT, Completed, last_error
from tools.base.project import Project
from tools.base.stop import ActionRequired
from tools.checks.github_secrets import NOT_LOGGED_IN, REFUSED

WORKFLOW = "template_update.yaml"
TOKEN = "TEMPLATE_UPDATE_TOKEN"
DISABLED = "disabled_inactivity"
"""https://docs.github.com/rest/actions/workflows"""


class Channel:
    """GitHub's state of the update workflow and its permissions."""

    def __init__(self, project: Project) -> None:
        questions = (
            f"workflows/{WORKFLOW}",
            f"workflows/{WORKFLOW}/runs?per_page=1",
            "permissions/workflow",
            "secrets?per_page=100",
            "organization-secrets?per_page=100",
        )
        target = project.repository
        # In parallel: one after the other, they would take seconds.
        with ThreadPoolExecutor() as pool:
            asked = pool.map(lambda question: ask(project, target, question), questions)
            self.said = list(asked)
        self.workflow, self.runs, self.setting, self.secrets, self.shared = self.said

    @property
    def state(self) -> str:
        return str(answer(self.workflow).get("state", ""))

    @property
    def last_run(self) -> dict[str, Any]:
        return next(iter(answer(self.runs).get("workflow_runs", [])), {})

    @property
    def own_token(self) -> bool | None:
        """Whether the owner or organization has set a token; None if unknown."""
        own = answer(self.secrets).get("secrets")
        shared = answer(self.shared).get("secrets", [])
        return None if own is None else TOKEN in {secret["name"] for secret in [*own, *shared]}

    @property
    def allowed(self) -> bool | None:
        """Whether it may open pull requests; None if unknown."""
        return self.own_token or answer(self.setting).get("can_approve_pull_request_reviews")


def ask(project: Project, target: tuple[str, str], question: str, *options: str) -> Completed:
    host, name = target
    url = f"repos/{name}/actions/{question}"
    return project.run("gh", "api", "--hostname", host, url, *options)


def answer(done: Completed) -> dict[str, Any]:
    """GitHub's answer; empty if it refused."""
    return json.loads(done.stdout) if done.returncode == 0 else {}


def refusal(done: Completed) -> str:
    return last_error(done).removeprefix("gh: ")


def check_updates(project: Project) -> Findings:
    match project.answers.get("updates"):
        case "workflow":
            return check_workflow(project)
        case "renovate":
            return passed("Renovate brings them, if its app is installed (gh cannot see that)")
        case "none":
            return passed("make update brings them")
    return passed("this project no longer uses the template")


def check_workflow(project: Project) -> Findings:
    host = project.repository[0]
    if host != "github.com" and not host.endswith(".ghe.com"):
        # https://github.com/actions/download-artifact#v4---whats-new
        text = (
            f"the workflow uses artifacts that GitHub Enterprise Server ({host}) does not support"
        )
        return warning(text, "uvx copier update --data updates=none, then use make update")
    channel = Channel(project)
    for done in channel.said:
        if done.returncode == NOT_LOGGED_IN:
            return skipped("gh is not logged in", login(project))
        if REFUSED in done.stderr:
            return skipped("GitHub refuses the login of gh", login(project))
        if done.returncode in (127, TIMED_OUT) or "error connecting" in done.stderr:
            return skipped(f"gh failed: {last_error(done)}")
    if all("HTTP 404" in done.stderr for done in (channel.workflow, channel.setting)):
        return skipped(f"gh cannot see {project.repository[1]}", "fix Remote first")
    problems = [*of_workflow(project, channel), *of_setting(project, channel)]
    return problems or passed(f"connected; {looked(channel)}; {token(channel)}")


def of_workflow(project: Project, channel: Channel) -> list[Finding]:
    host, name = project.repository
    command = f"gh workflow {{}} {WORKFLOW} --repo {host}/{name}"
    if "HTTP 404" in channel.workflow.stderr:
        text = f"GitHub has no {WORKFLOW} on its default branch, so nothing looks for updates"
        return [warning(text, "push it there")]
    if not channel.state:
        text = f"gh cannot see {WORKFLOW}: {refusal(channel.workflow)}"
        return [warning(text, f"look at https://{host}/{name}/actions")]
    if channel.state == DISABLED:
        text = f"GitHub has disabled {WORKFLOW}, because the repository was inactive"
        return [warning(text, "make bootstrap")]
    if channel.state != "active":
        text = f"{WORKFLOW} is {channel.state.replace('_', ' ')}"
        return [warning(text, command.format("enable"))]
    if channel.last_run.get("conclusion") not in (None, "success"):
        remedy = f"read {channel.last_run['html_url']}, then {command.format('run')}"
        return [warning(looked(channel), remedy)]
    return []


def of_setting(project: Project, channel: Channel) -> list[Finding]:
    if channel.allowed is None:
        text = f"gh cannot see whether Actions may open pull requests: {refusal(channel.setting)}"
        return [warning(text, by_hand(project))]
    if not channel.allowed:
        text = "Actions may not open pull requests, so no update arrives"
        return [warning(text, f"make bootstrap, or {by_hand(project)}")]
    return []


def looked(channel: Channel) -> str:
    run = channel.last_run
    if not run:
        return "has not run yet"
    return f"last run on {run['created_at'][:10]}: {run['conclusion'] or 'still running'}"


def token(channel: Channel) -> str:
    if channel.own_token is None:
        return f"gh cannot see whether {TOKEN} is set"
    if channel.own_token:
        return f"{TOKEN} is set"
    return f"{TOKEN} is not set, so you start CI for its pull requests"


def by_hand(project: Project) -> str:
    host, name = project.repository
    box = "Allow GitHub Actions to create and approve pull requests"
    return f"tick '{box}' at https://{host}/{name}/settings/actions"


def can_connect(project: Project) -> bool:
    """Whether GitHub blocks updates in a way that bootstrap can fix."""
    if project.answers.get("updates") != "workflow":
        return False
    channel = Channel(project)
    return channel.state == DISABLED or channel.allowed is False


def fix_updates(project: Project) -> None:
    """Enable the workflow, and allow Actions to open pull requests.

    Raises:
        ActionRequired: GitHub refuses; an organization may forbid it.
    """
    channel = Channel(project)
    if channel.state == DISABLED:
        done = ask(project, project.repository, f"workflows/{WORKFLOW}/enable", "--method", "PUT")
        if done.returncode != 0:
            raise ActionRequired(f"{WORKFLOW} cannot be enabled: {refusal(done)}")
    if channel.allowed is False:
        options = ("--method", "PUT", "-F", "can_approve_pull_request_reviews=true")
        done = ask(project, project.repository, "permissions/workflow", *options)
        if done.returncode != 0:
            text = f"Actions may not open pull requests, and GitHub says: {refusal(done)}"
            raise ActionRequired(text, by_hand(project))
