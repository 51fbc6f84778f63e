# mypy: ignore-errors
"""The secrets that GitHub Actions deploys with."""

import json

from tools.base.finding import Finding, failed, passed, skipped
from tools.base.git import login
from tools.base.process import TIMED_OUT, last_error
from tools.base.project import Project
from tools.base.stop import ActionRequired
from tools.base.words import listing
from tools.checks.prefect_account import SECRETS

REFUSED = "HTTP 401"
NOT_LOGGED_IN = 4
"""https://cli.github.com/manual/gh_help_exit-codes"""
SHARED = {
    "the organization": "actions/organization-secrets",
    "the environment production": "environments/production/secrets",
}
"""Other places of secrets; an environment's secrets override an organization's."""


def check_github_secrets(project: Project) -> Finding:
    name, there = project.repository[1], available(project)
    if isinstance(there, Finding):
        return there
    needed = secrets_of(project)
    if missing := set(needed) - there.keys():
        return failed(f"{name} lacks {listing(sorted(missing))}")
    return passed(f"{name} has {listing([there[each] for each in needed])}")


def secrets_of(project: Project) -> dict[str, str]:
    """The secrets that a deploy needs, and where to find each value."""
    return project.app.secrets_of(project) if project.app else SECRETS


def available(project: Project) -> dict[str, str] | Finding:
    """The secrets that a deploy gets, each with its place, or why they are unknown."""
    own = secrets_there(project)
    if isinstance(own, Finding):
        return own
    others = inherited(project) if secrets_of(project).keys() - own else {}
    texts = {name: f"{name} from {place}" for name, place in others.items()}
    return texts | {name: name for name in own}


def inherited(project: Project) -> dict[str, str]:
    """Secrets from other places, each with its place; none if gh cannot list them."""
    host, name = project.repository
    found: dict[str, str] = {}
    for place, path in SHARED.items():
        url = f"repos/{name}/{path}?per_page=100"
        done = project.run("gh", "api", "--hostname", host, url)
        if done.returncode == 0:
            found |= {secret["name"]: place for secret in json.loads(done.stdout)["secrets"]}
    return found


def secrets_there(project: Project) -> set[str] | Finding:
    """The names of the repository's own secrets, or why they are unknown."""
    target = "/".join(project.repository)
    done = project.run("gh", "secret", "list", "--repo", target, "--json", "name")
    if done.returncode == NOT_LOGGED_IN:
        return skipped("gh is not logged in", f"{login(project)}, or {by_hand(project)}")
    if "error connecting" in done.stderr or done.returncode == TIMED_OUT:
        return skipped(f"gh failed: {last_error(done)}")
    if REFUSED in done.stderr:
        return skipped("GitHub refuses the login of gh", login(project))
    if "HTTP 404" in done.stderr:
        return skipped(
            f"gh cannot see {project.repository[1]}",
            "fix Remote first, or log in as a user who can: gh auth login",
        )
    if done.returncode != 0:
        return skipped(f"gh cannot list the secrets: {last_error(done)}", by_hand(project))
    return {secret["name"] for secret in json.loads(done.stdout)}


def fix_github_secrets(project: Project, renew: bool = False) -> None:
    """Set the missing secrets, or all of them."""
    workspace = project.workspace
    values = {"PREFECT_API_KEY": workspace.key, "PREFECT_API_URL": workspace.url}
    if project.app:
        values = project.app.values(project)
    elif not workspace.key:
        text = f"{workspace.url} has no API key here"
        raise ActionRequired(text, "uv run prefect cloud login")
    target, there = "/".join(project.repository), available(project)
    for name, value in values.items():
        if isinstance(there, dict) and name in there and not renew:
            continue
        done = project.run("gh", "secret", "set", name, "--repo", target, secret=value)
        if done.returncode != 0:
            raise ActionRequired(f"gh secret set failed: {last_error(done)}", by_hand(project))


def by_hand(project: Project) -> str:
    host, name = project.repository
    page = f"https://{host}/{name}/settings/secrets/actions"
    values = listing([f"{secret} ({where})" for secret, where in secrets_of(project).items()])
    return f"add {values} at {page}"
