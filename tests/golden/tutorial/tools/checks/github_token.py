# mypy: ignore-errors
"""The token with which containers clone the repository, in a Prefect block."""

import getpass
import os
import re

from tools.base.finding import Finding, failed, passed
from tools.base.process import interactive, last_error
from tools.base.project import Project
from tools.base.stop import ActionRequired

KIND = "github-credentials"


def check_github_token(project: Project) -> Finding:
    name = project.credentials_block
    if not name:
        return passed("not needed, the repository is public")
    token = stored_token(project)
    if token is None:
        return failed(f"the block {name} is missing")
    if refused := refusal(project, token):
        return failed(f"the token in the block {name} is refused: {refused}")
    return passed(f"the block {name} can read {project.repository[1]}")


def fix_github_token(project: Project) -> None:
    try:
        from prefect_github import GitHubCredentials
    except ImportError:
        text = "prefect-github is not installed, make setup does that"
        raise ActionRequired(text) from None

    token = os.environ.get("GITHUB_TOKEN") or ask_for_token(project)
    if refused := refusal(project, token):
        raise ActionRequired(f"That token cannot read {project.repository[1]}: {refused}")
    GitHubCredentials(token=token).save(project.credentials_block, overwrite=True)


def another_token(project: Project) -> bool:
    """Whether GITHUB_TOKEN holds another token than the block."""
    given = os.environ.get("GITHUB_TOKEN")
    return bool(given and project.credentials_block) and given != stored_token(project)


def stored_token(project: Project) -> str | None:
    """The token in the block, if there is such a block."""
    block = project.workspace.block(KIND, project.credentials_block, secrets=True)
    return None if block is None else block.get("token") or ""


def refusal(project: Project, token: str) -> str:
    """Why this token cannot read the repository; empty if it can.

    It has to do so as in a container: without this machine's own logins.
    """
    nothing = dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "GIT_DIR"), os.devnull)
    helper = '!f() { echo username=x-access-token; echo "password=$CANDIDATE"; }; f'
    alone = ("-c", "credential.helper=", "-c", f"credential.helper={helper}")
    command = ("git", *alone, "ls-remote", project.repository_url, "HEAD")
    done = project.run(*command, CANDIDATE=token, **nothing)
    return last_error(done) if done.returncode != 0 else ""


def ask_for_token(project: Project) -> str:
    """A token that the person types, or gh's, once it is said what that one can do."""
    host, name = project.repository
    page = f"https://{host}/settings/personal-access-tokens/new"
    if not interactive():
        text = f"Set GITHUB_TOKEN to a token from {page} that can read {name}."
        raise ActionRequired(text)
    status = project.run("gh", "auth", "status", "--hostname", host)
    if status.returncode == 0:
        scopes = re.search(r"Token scopes: (.+)", status.stdout + status.stderr)
        can = f"has {scopes[1]} in all your repositories" if scopes else "can do more than read"
        answer = input(f"Use gh's own token? It {can}. [y/N] ")
        if answer.strip().lower() in ("y", "yes"):
            return project.run("gh", "auth", "token", "--hostname", host).stdout.strip()
    print(f"Create a token at {page}, only for {name}, with read access to Contents.")
    return getpass.getpass("GitHub token: ").strip()
