# mypy: ignore-errors
"""The token that containers clone the repository with, in a Prefect block."""

import getpass
import os
import re
import tempfile
from pathlib import Path

from tools.base.finding import Finding, failed, passed
from tools.base.git import refusal_of
from tools.base.process import CLONE_TOKEN, interactive
from tools.base.project import Project, same_repository, split_address
from tools.base.screen import say
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
                f"the block {name} belongs to {owner}: its token cannot read this repository",
                "name another block under credentials in prefect.yaml, and push",
            )
        return failed(f"GitHub refuses the token in the block {name}: {refused}")
    return passed(f"the block {name} can read {project.repository[1]}")


def fix_github_token(project: Project) -> None:
    try:
        from prefect_github import GitHubCredentials
    except ImportError:
        text = "prefect-github is not installed: make setup"
        raise ActionRequired(text) from None

    name, stored = project.credentials_block, stored_token(project)
    why = f"containers need a GitHub token that can read {project.repository[1]}"
    if stored and refusal(project, stored):
        if other_owner(project, stored):
            return
        why = f"GitHub refuses the token in the block {name}; {why}"
    token, source = os.environ.get(CLONE_TOKEN) or "", f"The token in {CLONE_TOKEN}"
    while refused := refusal(project, token) if token else "there is none yet":
        if token:
            text = f"{source} cannot read {project.repository[1]}: {refused}"
            if not interactive():
                raise ActionRequired(text, f"create another one at {new_token_page(project)}")
            say(text, "failed")
        token, source = ask_for_token(project, why), "That token"
    GitHubCredentials(token=token).save(name, overwrite=True)
    project.workspace.forget()


def new_token_page(project: Project) -> str:
    return f"https://{project.repository[0]}/settings/personal-access-tokens/new"


def another_token(project: Project) -> bool:
    """Whether the variable holds a different token than the block."""
    given = os.environ.get(CLONE_TOKEN)
    return bool(given and project.credentials_block) and given != stored_token(project)


def stored_token(project: Project) -> str | None:
    """The token in the block, or None if there is no block."""
    block = project.workspace.block(KIND, project.credentials_block)
    return None if block is None else block.get("token") or ""


def other_owner(project: Project, token: str) -> str:
    """Another repository that clones with this block and that its token can read."""
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
    """Whether a deployment's containers clone with that block."""
    reference = rf"{KIND}\.{re.escape(name)}\b(?!-)"
    return bool(re.search(reference, str(deployed.found.pull_steps)))


def allowed(project: Project, url: str) -> bool:
    """Whether a token may be sent to an address: https, and this project's host."""
    known = str(project.answers.get("repo_url", ""))
    if not re.match(r"(https?|ssh)://|git@", known):
        known = f"https://github.com/{known}" if known else project.repository_url
    return url.startswith("https://") and split_address(url)[0] == split_address(known)[0]


def refusal(project: Project, token: str, url: str = "") -> str:
    """Why this token cannot read a repository, by default this one; empty if it can.

    The test is as in a container, without this machine's logins, but with its proxy and
    certificates.

    Raises:
        CheckSkipped: GitHub cannot be reached, or the token must not be sent to that address.
    """
    url = url or project.repository_url
    if not allowed(project, url):
        raise CheckSkipped(
            f"no token is sent to {url}: it is not https, or not this project's host"
        )
    with tempfile.TemporaryDirectory() as home:
        done = project.run("git", *alone(project, url), "ls-remote", "--", url, "HEAD",
                           CANDIDATE=token, HOME=home, **settings_file())  # fmt: skip
    return refusal_of(done) if done.returncode != 0 else ""


def alone(project: Project, url: str) -> list[str]:
    """Git options that leave only one login: the token in the environment."""
    helper = '!f() { echo username=x-access-token; echo "password=$CANDIDATE"; }; f'
    settings = ["credential.helper=", f"credential.helper={helper}", "http.cookieFile="]
    settings += ["http.extraHeader=", f"http.{url}.extraHeader="]
    # If git used ssh for this address, it would try the owner's key.
    rewritten = project.git("ls-remote", "--get-url", "--", url).stdout.strip()
    if not re.match(r"https?://|file://", rewritten):
        settings.append(f"url.{url}.insteadOf={url}")
    return [word for setting in settings for word in ("-c", setting)]


def settings_file() -> dict[str, str]:
    """The owner's git settings, because HOME is a temporary folder."""
    if "GIT_CONFIG_GLOBAL" in os.environ:
        return {}
    own = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "git/config"
    usual = Path.home() / ".gitconfig"
    return {"GIT_CONFIG_GLOBAL": str(usual if usual.exists() else own)}


def ask_for_token(project: Project, why: str) -> str:
    """A token that the person types, or gh's after a warning about its rights."""
    host, name = project.repository
    page = new_token_page(project)
    if not interactive():
        raise ActionRequired(why, f"set {CLONE_TOKEN} to a token from {page}")
    say(f"{why[0].upper()}{why[1:]}.")
    status = project.run("gh", "auth", "status", "--hostname", host)
    if status.returncode == 0:
        wide = re.search(r"Token scopes: .*'repo'", status.stdout + status.stderr)
        can = "change all your repositories" if wide else "do more than read"
        answer = input(f"Use gh's own token? It can {can}. [y/N] ")
        if answer.strip().lower() in ("y", "yes"):
            return project.run("gh", "auth", "token", "--hostname", host).stdout.strip()
    print(f"Create a token at {page}, only for {name}, with read access to Contents.")
    return getpass.getpass("GitHub token: ").strip()
