# mypy: ignore-errors
"""The commit: whether containers find on GitHub what is here, and all that they need."""

import shlex

from tools.base.finding import Finding, Findings, failed, passed
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
"""What the template renders, and the lock file: all that the first commit adds by itself."""
PUSH = "make bootstrap"
NEEDED = ("prefect.yaml", "pyproject.toml", "uv.lock")
"""What every container reads of the repository."""


def check_commit(project: Project) -> Findings:
    """Whether the branch on GitHub has what is here, and all that a container needs."""
    if "uv.lock" not in listed(project, "ls-files"):
        return failed("uv.lock is not committed, and containers install from it")
    return (
        not_committed(project)
        or not_pushed(project)
        or missing_in_commit(project)
        or passed(f"everything is committed and pushed{left_out(project)}")
    )


def left_out(project: Project) -> str:
    others = untracked(project)
    return f", but for {', '.join(others)} (git add what belongs to it)" if others else ""


def not_committed(project: Project) -> list[Finding]:
    changed = project.git("status", "--porcelain", "--untracked-files=no").stdout
    problems = [
        failed(f"{line[3:]} has changes that are not committed", "commit and push")
        for line in changed.splitlines()
    ]
    # What a run may import.
    return problems + [
        failed(f"{name} is not committed", f"git add {shlex.quote(name)} and commit, or ignore it")
        for name in untracked(project, "src")
    ]


def branches_on_github(project: Project) -> dict[str, str]:
    """The branches that GitHub has now, and their commits.

    Raises:
        CheckSkipped: it does not say.
    """
    done = project.run("git", "ls-remote", "--heads", "origin")
    if done.returncode != 0:
        said = refusal_of(done)
        raise CheckSkipped(f"git ls-remote: {said}. {advice(project, said)}".removesuffix(". "))
    pairs = (line.split("\t") for line in done.stdout.splitlines())
    return {name.removeprefix("refs/heads/"): commit for commit, name in pairs}


def not_pushed(project: Project) -> list[Finding]:
    there = branches_on_github(project)
    here, branch = head(project), project.branch
    text = f"the last commit is not pushed to {branch}, which containers clone"
    if project.pinned and (not branch or branch in there):
        # Containers get it from whatever branch it is on.
        if any(contains(project, commit, here) for commit in there.values()):
            return []
        branch = current_branch(project)
        text = "the last commit is on no branch of GitHub that this clone knows"
    if there.get(branch) == here:
        return []
    if branch not in there or contains(project, here, there[branch]):
        return [failed(text, PUSH)]
    text = f"{branch} on GitHub is at {there[branch][:10]}, which this clone does not have"
    if contains(project, there[branch], here):
        text = f"this clone is behind {branch} on GitHub"
    return [failed(text, f"git pull --rebase origin {shlex.quote(branch)}")]


def missing_in_commit(project: Project) -> list[Finding]:
    """What a container needs, and would not find in the commit that is pushed."""
    committed = set(listed(project, "ls-tree", "-r", "--name-only", "HEAD"))
    files = set(NEEDED)
    # What builds the package reads this file.
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
    """Whether the containers of a deployment clone this repository, and no other one."""
    step = clone_step(project.prefect_yaml.pull_steps(deployment))
    return same_repository(str(step.get("repository")), project.repository_url)


def fix_commit(project: Project) -> None:
    """Make the first commit, or commit a new lock file; push what is committed."""
    here = current_branch(project)
    branch = project.branch or here
    # A pinned commit may be on another branch, if only there is this one to clone.
    if here != branch and not (project.pinned and branch in branches_on_github(project)):
        known = project.git("rev-parse", "--verify", branch).returncode == 0
        switch = f"git switch {'' if known else '--create '}{shlex.quote(branch)}"
        raise ActionRequired(f"This is {here}, containers clone {branch}. {switch}")
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
