# mypy: ignore-errors
"""Git in the project's folder, and what to do about its words."""

import re
import shlex

from tools.base.process import UNREACHABLE, Completed, words
from tools.base.project import Project
from tools.base.stop import ActionRequired, CheckSkipped

ADVICE = {
    r"without `workflow` scope": "gh auth refresh --scopes workflow, or push with an ssh address",
    r"\[rejected\].*(fetch first|non-fast-forward)": "git pull --rebase origin {branch}",
    r"GH006|GH013|protected branch": "push to another branch, and merge it in a pull request",
    r"could not read (Username|Password)|Authentication failed|Permission denied \(publickey": (
        "gh auth setup-git, or git remote set-url origin with an ssh address"
    ),
    r"Permission to .* denied|error: 403": "push as somebody who may: gh auth login",
    r"Repository not found|repository '.*' not found": (
        "create it on GitHub: gh repo create {repository} --private, or log in as somebody who sees it"
    ),
    r"ident name|auto-detect email": ("git config --global user.name NAME, and user.email ADDRESS"),
}
"""What to do about git's own words; where they are others, they have to be enough."""


def advice(project: Project, said: str) -> str:
    """What to do about what git said; empty if its words are all that is known."""
    for pattern, remedy in ADVICE.items():
        if re.search(pattern, said):
            branch = current_branch(project) or project.branch or "HEAD"
            return remedy.format(branch=shlex.quote(branch), repository=project.repository[1])
    return ""


def checked_git(project: Project, *arguments: str) -> Completed:
    """Run git, which has to succeed.

    Raises:
        ActionRequired: it failed, with what it and the server said, and what to do about that.
    """
    done = project.run("git", *arguments, limit=None)
    if done.returncode != 0:
        said = words(done)
        text = f"git {shlex.join(arguments)}: {said}. {advice(project, said)}"
        raise ActionRequired(text.strip().removesuffix(" ."))
    return done


def refusal_of(done: Completed) -> str:
    """What a server said that refused something.

    Raises:
        CheckSkipped: it was not reached, which says nothing about anybody's rights.
    """
    said = words(done)
    if re.search(UNREACHABLE, said):
        raise CheckSkipped(f"GitHub cannot be reached: {said}")
    return said


def head(project: Project) -> str:
    """The commit that is checked out; empty if there is none yet."""
    return project.git("rev-parse", "--verify", "--quiet", "HEAD").stdout.strip()


def current_branch(project: Project) -> str:
    """The branch that is checked out; empty if it is a commit alone."""
    return project.git("symbolic-ref", "--quiet", "--short", "HEAD").stdout.strip()


def contains(project: Project, commit: str, ancestor: str) -> bool:
    """Whether a commit that this clone has is the other one or comes after it."""
    return project.git("merge-base", "--is-ancestor", ancestor, commit).returncode == 0


def listed(project: Project, command: str, *arguments: str) -> list[str]:
    """The files that `git ls-files` or `git ls-tree` lists."""
    return [name for name in project.git(command, "-z", *arguments).stdout.split("\0") if name]


def untracked(project: Project, *patterns: str) -> list[str]:
    """The files that git neither has nor ignores."""
    return listed(project, "ls-files", "--others", "--exclude-standard", "--", *patterns)
