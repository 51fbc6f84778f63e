# mypy: ignore-errors
"""Git in the project's folder, and advice for its errors."""

import os
import re
import shlex

from tools.base.process import UNREACHABLE, Completed, words
from tools.base.project import Project
from tools.base.stop import ActionRequired, CheckSkipped

NOT_FOUND = r"Repository not found|repository '.*' not found"
ADVICE = {
    r"without `workflow` scope": "gh auth refresh --scopes workflow, or push with an ssh address",
    r"\[rejected\].*(fetch first|non-fast-forward)": "git pull --rebase origin {branch}",
    r"GH006|GH013|protected branch": "push to another branch, and merge it in a pull request",
    r"could not read (Username|Password)|Authentication failed|Permission denied \(publickey": (
        "gh auth setup-git, or git remote set-url origin with an ssh address"
    ),
    r"Permission to .* denied|error: 403": "log in as a user who may push: gh auth login",
    NOT_FOUND: (
        "create it: gh repo create {repository} --private, or log in as a user who can see it"
    ),
    r"ident name|auto-detect email": ("git config --global user.name NAME, and user.email ADDRESS"),
}
"""Advice by git's error message. Other messages are shown without advice."""


def token_variables(project: Project) -> tuple[str, ...]:
    """The variables that gh reads a token from."""
    host = project.repository[0]
    cloud = host == "github.com" or host.endswith(".ghe.com")
    return ("GH_TOKEN", "GITHUB_TOKEN") if cloud else ("GH_ENTERPRISE_TOKEN",)


def given_token(project: Project) -> str:
    """The variable with a token, which takes precedence over a login; empty if there is none."""
    return next(filter(os.environ.get, token_variables(project)), "")


def login(project: Project) -> str:
    """What to do if gh is not logged in, or its login is refused."""
    if given := given_token(project):
        return f"set {given} to a new token, or unset it and run gh auth login"
    return f"gh auth login, or set {token_variables(project)[0]}"


def advice(project: Project, said: str) -> str:
    """Advice for an error message of git; empty if there is none."""
    if "Authentication failed" in said and given_token(project):
        return login(project)
    for pattern, remedy in ADVICE.items():
        if re.search(pattern, said):
            branch = current_branch(project) or project.branch or "HEAD"
            return remedy.format(branch=shlex.quote(branch), repository=project.repository[1])
    return ""


def checked_git(project: Project, *arguments: str) -> Completed:
    """Run git, and require success.

    Raises:
        ActionRequired: it failed, with its and the server's message, and advice.
    """
    done = project.run("git", *arguments, limit=None)
    if done.returncode != 0:
        said = words(done)
        raise ActionRequired(f"git {shlex.join(arguments)}: {said}", advice(project, said))
    return done


def refusal_of(done: Completed) -> str:
    """The server's reason for a refusal.

    Raises:
        CheckSkipped: the server was not reached, so the token or login may be valid.
    """
    said = words(done)
    if re.search(UNREACHABLE, said):
        raise CheckSkipped(f"GitHub cannot be reached: {said}")
    return said


def head(project: Project) -> str:
    """The commit that is checked out; empty if there is none yet."""
    return project.git("rev-parse", "--verify", "--quiet", "HEAD").stdout.strip()


def current_branch(project: Project) -> str:
    """The branch that is checked out; empty if HEAD is detached."""
    return project.git("symbolic-ref", "--quiet", "--short", "HEAD").stdout.strip()


def contains(project: Project, commit: str, ancestor: str) -> bool:
    """Whether this clone has a commit, and it equals or follows the other one."""
    return project.git("merge-base", "--is-ancestor", ancestor, commit).returncode == 0


def listed(project: Project, command: str, *arguments: str) -> list[str]:
    """The files that `git ls-files` or `git ls-tree` lists."""
    return [name for name in project.git(command, "-z", *arguments).stdout.split("\0") if name]


def untracked(project: Project, *patterns: str) -> list[str]:
    """The files that git neither tracks nor ignores."""
    return listed(project, "ls-files", "--others", "--exclude-standard", "--", *patterns)
