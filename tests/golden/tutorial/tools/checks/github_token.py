# mypy: ignore-errors
"""The token with which containers clone the repository, in a Prefect block."""

import getpass
import os
import re
import tempfile
from pathlib import Path

from tools.base.finding import Finding, failed, passed
from tools.base.git import refusal_of
from tools.base.process import CLONE_TOKEN, interactive
from tools.base.project import Project, same_repository, split_address
from tools.base.stop import ActionRequired, CheckSkipped
from tools.checks.deployments import Deployed, on_the_server

KIND = "github-credentials"


def check_github_token(project: Project) -> Finding:
    name = project.credentials_block
    if not name:
        return passed("not needed, the repository is public")
    token = stored_token(project)
    if token is None:
        return failed(f"the block {name} is missing")
    if refused := refusal(project, token):
        if owner := other_owner(project, token):
            return failed(
                f"the block {name} is that of {owner}: its token cannot read this repository",
                "name another block in prefect.yaml's credentials, and push",
            )
        return failed(f"the token in the block {name} is refused: {refused}")
    return passed(f"the block {name} can read {project.repository[1]}")


def fix_github_token(project: Project) -> None:
    try:
        from prefect_github import GitHubCredentials
    except ImportError:
        text = "prefect-github is not installed, make setup does that"
        raise ActionRequired(text) from None

    name, stored = project.credentials_block, stored_token(project)
    if stored and refusal(project, stored) and other_owner(project, stored):
        return
    token = os.environ.get(CLONE_TOKEN) or ask_for_token(project)
    if refused := refusal(project, token):
        raise ActionRequired(f"That token cannot read {project.repository[1]}: {refused}")
    GitHubCredentials(token=token).save(name, overwrite=True)
    project.workspace.forget()


def another_token(project: Project) -> bool:
    """Whether the variable for it holds another token than the block."""
    given = os.environ.get(CLONE_TOKEN)
    return bool(given and project.credentials_block) and given != stored_token(project)


def stored_token(project: Project) -> str | None:
    """The token in the block, if there is such a block."""
    block = project.workspace.block(KIND, project.credentials_block)
    return None if block is None else block.get("token") or ""


def other_owner(project: Project, token: str) -> str:
    """A repository whose deployments clone with the same block, and which the token can read."""
    for each in on_the_server(project):
        other = each.repository
        if not other or same_repository(other, project.repository_url):
            continue
        if (
            uses_block(each, project.credentials_block)
            and allowed(project, other)
            and not refusal(project, token, other)
        ):
            return other
    return ""


def uses_block(deployed: Deployed, name: str) -> bool:
    """Whether a deployment's containers clone with the token in that block."""
    reference = rf"{KIND}\.{re.escape(name)}\b(?!-)"
    return bool(re.search(reference, str(deployed.found.pull_steps)))


def allowed(project: Project, url: str) -> bool:
    """Whether a token may be sent there: encrypted, and to the host of this project."""
    known = str(project.answers.get("repo_url", ""))
    if not re.match(r"(https?|ssh)://|git@", known):
        known = f"https://github.com/{known}" if known else project.repository_url
    return url.startswith("https://") and split_address(url)[0] == split_address(known)[0]


def refusal(project: Project, token: str, url: str = "") -> str:
    """Why this token cannot read a repository, or else this one; empty if it can.

    It has to do so as in a container: without the logins of this machine, but over its
    proxy, and with its certificates.

    Raises:
        CheckSkipped: GitHub cannot be reached, or a token has no business at that address.
    """
    url = url or project.repository_url
    if not allowed(project, url):
        raise CheckSkipped(f"{url} gets no token: it is not https, or not this project's host")
    with tempfile.TemporaryDirectory() as home:
        done = project.run("git", *alone(project, url), "ls-remote", "--", url, "HEAD",
                           CANDIDATE=token, HOME=home, **settings_file())  # fmt: skip
    return refusal_of(done) if done.returncode != 0 else ""


def alone(project: Project, url: str) -> list[str]:
    """Options of git that leave only one login: the token in the environment."""
    helper = '!f() { echo username=x-access-token; echo "password=$CANDIDATE"; }; f'
    settings = ["credential.helper=", f"credential.helper={helper}", "http.cookieFile="]
    settings += ["http.extraHeader=", f"http.{url}.extraHeader="]
    # Where git would go there with ssh, that would try the owner's key.
    rewritten = project.git("ls-remote", "--get-url", "--", url).stdout.strip()
    if not re.match(r"https?://|file://", rewritten):
        settings.append(f"url.{url}.insteadOf={url}")
    return [word for setting in settings for word in ("-c", setting)]


def settings_file() -> dict[str, str]:
    """Where git's settings of this machine's owner are, who has another home for a moment."""
    if "GIT_CONFIG_GLOBAL" in os.environ:
        return {}
    own = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "git/config"
    usual = Path.home() / ".gitconfig"
    return {"GIT_CONFIG_GLOBAL": str(usual if usual.exists() else own)}


def ask_for_token(project: Project) -> str:
    """A token that the person types, or gh's, once it is said what that one can do."""
    host, name = project.repository
    page = f"https://{host}/settings/personal-access-tokens/new"
    if not interactive():
        text = f"Set {CLONE_TOKEN} to a token from {page} that can read {name}."
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
