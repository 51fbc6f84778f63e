# mypy: ignore-errors
"""The secrets with which GitHub Actions deploys."""

import json

from tools.base.finding import Finding, failed, passed, skipped
from tools.base.process import TIMED_OUT, last_error
from tools.base.project import Project
from tools.base.stop import ActionRequired
from tools.checks.prefect_account import SECRETS

NOT_LOGGED_IN = 4
"""https://cli.github.com/manual/gh_help_exit-codes"""


def check_github_secrets(project: Project) -> Finding:
    name, there = project.repository[1], secrets_there(project)
    if isinstance(there, Finding):
        return there
    if missing := set(SECRETS) - there:
        return failed(f"{name} lacks {' and '.join(sorted(missing))}")
    return passed(f"{name} has {' and '.join(SECRETS)}")


def secrets_there(project: Project) -> set[str] | Finding:
    """The names of the repository's secrets, or why they are not known."""
    target = "/".join(project.repository)
    done = project.run("gh", "secret", "list", "--repo", target, "--json", "name")
    if done.returncode == NOT_LOGGED_IN:
        return skipped("gh is not logged in", f"gh auth login, or {by_hand(project)}")
    if "error connecting" in done.stderr or done.returncode == TIMED_OUT:
        return skipped(f"GitHub cannot be reached: {last_error(done)}")
    if done.returncode != 0:
        return skipped(f"gh cannot tell: {last_error(done)}", by_hand(project))
    return {secret["name"] for secret in json.loads(done.stdout)}


def fix_github_secrets(project: Project) -> None:
    workspace = project.workspace
    if not workspace.key:
        text = f"{workspace.url} is used without a key: uv run prefect cloud login"
        raise ActionRequired(text)
    target = "/".join(project.repository)
    for name, value in zip(SECRETS, (workspace.key, workspace.url), strict=True):
        done = project.run("gh", "secret", "set", name, "--repo", target, secret=value)
        if done.returncode != 0:
            text = f"gh secret set failed: {last_error(done)}; {by_hand(project)}."
            raise ActionRequired(text)


def by_hand(project: Project) -> str:
    host, name = project.repository
    page = f"https://{host}/{name}/settings/secrets/actions"
    values = " and ".join(f"{secret} ({where})" for secret, where in SECRETS.items())
    return f"add {values} at {page}"
