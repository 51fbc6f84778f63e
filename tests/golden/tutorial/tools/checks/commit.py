# mypy: ignore-errors
"""The commit: whether GitHub has it, and with everything that containers need."""

import shlex

from tools.base.finding import Finding, Findings, failed, passed, skipped
from tools.base.flows import source_file
from tools.base.git import (
    advice,
    checked_git,
    contains,
    current_branch,
    head,
    listed,
    refusal_of,
    untracked,
)
from tools.base.prefect_yaml import Deployment, clone_step
from tools.base.project import Project, same_repository
from tools.base.screen import say
from tools.base.stop import ActionRequired, CheckSkipped
from tools.checks.conflicts import check_conflicts

RENDERED = (
    ".copier-answers.yml",
    ".gitattributes",
    ".github/dependabot.yml",
    ".github/workflows/ci.yaml",
    ".github/workflows/prefect_cd.yaml",
    ".github/workflows/template_update.yaml",
    ".gitignore",
    ".python-version",
    "AGENTS.md",
    "CLAUDE.md",
    "Makefile",
    "README.md",
    "modal_app.py",
    "prefect.yaml",
    "pyproject.toml",
    "renovate.json",
    "src/*/__init__.py",
    "src/*/flows/flow1.py",
    "src/*/py.typed",
    "tests/conftest.py",
    "tests/test_deployments.py",
    "tests/test_flow1.py",
    "tools/*.py",
    "tools/*.sh",
    "tools/requirements.txt",
    "tools/ruff.toml",
    "uv.lock",
)
"""The rendered files and the lock file: all that the first commit adds."""
PUSH = "make bootstrap"
NEEDED = ("prefect.yaml", "pyproject.toml", "uv.lock")
"""The files of the repository that every container reads."""


def check_commit(project: Project) -> Findings:
    """Whether the branch on GitHub is up to date and has everything that a container needs."""
    _ = project.prefect_yaml  # A malformed one must not be committed.
    if isinstance(check_conflicts(project), list):
        return skipped("conflicts must not be committed", "fix Conflicts first")
    if "uv.lock" not in listed(project, "ls-files"):
        return failed("uv.lock is not committed, but containers install from it")
    return (
        not_committed(project)
        or not_pushed(project)
        or missing_in_commit(project)
        or passed(f"everything is committed and pushed{left_out(project)}")
    )


def left_out(project: Project) -> str:
    others = untracked(project)
    return f", except {shortened(others)} (git add what belongs to it)" if others else ""


def not_committed(project: Project) -> list[Finding]:
    status = project.git("status", "--porcelain", "--untracked-files=no").stdout
    changed, problems = [line[3:] for line in status.splitlines()], []
    if changed:
        text = f"uncommitted changes in {shortened(changed)}"
        problems.append(failed(text, "commit and push"))
    # Runs may import these.
    if new := untracked(project, "src"):
        which, them = (shlex.quote(new[0]), "it") if len(new) == 1 else ("src", "them")
        text = f"not committed: {shortened(new)}"
        problems.append(failed(text, f"git add {which} and commit, or ignore {them}"))
    return problems


def shortened(names: list[str]) -> str:
    """The names, or the first two and how many more."""
    more = f" and {len(names) - 2} more files" if len(names) > 3 else ""
    return ", ".join(names[:2] if more else names) + more


def branches_on_github(project: Project) -> dict[str, str]:
    """The branches that GitHub has now, and their commits.

    Raises:
        CheckSkipped: GitHub does not answer.
    """
    done = project.git("ls-remote", "--heads", "origin")
    if done.returncode != 0:
        said = refusal_of(done)
        raise CheckSkipped(f"git ls-remote: {said}", advice(project, said))
    pairs = (line.split("\t") for line in done.stdout.splitlines())
    return {name.removeprefix("refs/heads/"): commit for commit, name in pairs}


def not_pushed(project: Project) -> list[Finding]:
    there = branches_on_github(project)
    here, branch = head(project), project.branch
    text = f"the last commit is not pushed to {branch}, which containers clone"
    if project.pinned and (not branch or branch in there):
        # Containers get it from any branch.
        if any(contains(project, commit, here) for commit in there.values()):
            return []
        branch = current_branch(project)
        text = "the last commit is not on any GitHub branch that this clone knows"
    if there.get(branch) == here:
        return []
    if branch not in there or contains(project, here, there[branch]):
        return [failed(text, PUSH)]
    text = f"{branch} on GitHub is at {there[branch][:10]}, which this clone does not have"
    if contains(project, there[branch], here):
        text = f"this clone is behind {branch} on GitHub"
    return [failed(text, f"git pull --rebase origin {shlex.quote(branch)}")]


def missing_in_commit(project: Project) -> list[Finding]:
    """Files that a container needs and the pushed commit lacks."""
    committed = set(listed(project, "ls-tree", "-r", "--name-only", "HEAD"))
    files = set(NEEDED)
    # The build backend reads this file.
    if isinstance(readme := project.pyproject.get("project", {}).get("readme"), str):
        files.add(readme)
    for deployment in project.deployments:
        file = source_file(project.root, deployment.entrypoint)
        if file and file.exists() and clones_this(project, deployment):
            files.add(file.relative_to(project.root).as_posix())
    return [
        failed(f"{name} is not in the commit", f"git add --force {shlex.quote(name)}, and commit")
        for name in sorted(files - committed)
    ]


def clones_this(project: Project, deployment: Deployment) -> bool:
    """Whether the containers of a deployment clone this repository."""
    step = clone_step(project.prefect_yaml.pull_steps(deployment))
    return same_repository(str(step.get("repository")), project.repository_url)


def fix_commit(project: Project) -> None:
    """Make the first commit or commit a new lock file, then push."""
    here = current_branch(project)
    branch = project.branch or here
    # A pinned commit may be on another branch, if the branch to clone exists.
    if here != branch and not (project.pinned and branch in branches_on_github(project)):
        known = project.git("rev-parse", "--verify", branch).returncode == 0
        switch = f"git switch {'' if known else '--create '}{shlex.quote(branch)}"
        raise ActionRequired(f"you are on {here}, but containers clone {branch}", switch)
    if not head(project):
        checked_git(project, "add", "--", *untracked(project, *RENDERED))
        checked_git(project, "commit", "--message", "Start from the template")
    elif "uv.lock" not in listed(project, "ls-files"):
        checked_git(project, "add", "--", "uv.lock")
        message = "Lock what containers install"
        checked_git(project, "commit", "--message", message, "--", "uv.lock")
    if any(problem.remedy == PUSH for problem in not_pushed(project)):
        say("Pushing …")
        checked_git(project, "push", "--set-upstream", "origin", "HEAD")
