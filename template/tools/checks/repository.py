# mypy: ignore-errors
"""The repository: its remote, and whether containers find there what is here."""

import shlex

from tools.base.finding import Finding, failed, passed
from tools.base.process import run_checked
from tools.base.project import Project, split_address
from tools.base.stop import ActionRequired


def check_remote(project: Project) -> Finding:
    origin = project.git("config", "remote.origin.url").stdout.strip()
    host, name = project.repository
    if not origin:
        return failed("there is no remote called origin")
    here = split_address(origin)
    # ssh may know the host by another name.
    if not origin.startswith("https://"):
        host = here[0]
    if "/".join(here).lower() != f"{host}/{name}".lower():
        remedy = f"git remote set-url origin {project.repository_url}"
        return failed(f"origin is {'/'.join(here)}, not {host}/{name}", remedy)
    return passed(f"origin is {name}")


def fix_remote(project: Project) -> None:
    if project.git("rev-parse", "--git-dir").returncode != 0:
        branch = str(project.clone_step.get("branch", "main"))
        run_checked("git", "init", "--initial-branch", branch, cwd=project.root)
    if project.git("config", "remote.origin.url").returncode != 0:
        add = ("git", "remote", "add", "origin", project.repository_url)
        run_checked(*add, cwd=project.root)


def has_lock_file(project: Project) -> bool:
    return project.git("ls-files", "--error-unmatch", "uv.lock").returncode == 0


def check_commit(project: Project) -> Finding:
    branch = project.clone_step.get("branch")
    if not has_lock_file(project):
        return failed("uv.lock is not committed, and containers install from it")
    # The deploy of a pinned commit is refused for untracked files, too.
    untracked = "normal" if "commit_sha" in project.clone_step else "no"
    status = project.git("status", "--porcelain", f"--untracked-files={untracked}")
    if changed := status.stdout:
        first = changed.splitlines()[0][3:]
        return failed(f"{first} has changes that are not committed", "commit and push")
    there = f"refs/remotes/origin/{branch}" if branch else "refs/remotes/origin"
    if not project.git("for-each-ref", "--contains", "HEAD", there).stdout:
        where = f" to {branch}, which containers clone" if branch else ""
        return failed(f"the last commit is not pushed{where}")
    return passed("everything is committed and pushed")


def fix_commit(project: Project) -> None:
    """Make the first commit, or commit a new lock file; push what is committed."""
    here = project.git("symbolic-ref", "--short", "HEAD").stdout.strip()
    branch = str(project.clone_step.get("branch") or here)
    if here != branch:
        known = project.git("rev-parse", "--verify", branch).returncode == 0
        switch = f"git switch {'' if known else '--create '}{shlex.quote(branch)}"
        raise ActionRequired(f"This is {here}, containers clone {branch}. {switch}")
    try:
        if project.git("rev-parse", "--verify", "HEAD").returncode != 0:
            run_checked("git", "add", "--all", cwd=project.root)
            commit(project, "Start from the template")
        elif not has_lock_file(project):
            run_checked("git", "add", "uv.lock", cwd=project.root)
            commit(project, "Lock what containers install", "uv.lock")
        run_checked("git", "push", "--set-upstream", "origin", "HEAD", cwd=project.root)
    except ActionRequired as refused:
        remedy = "gh auth setup-git, or git remote set-url origin with an ssh address"
        if "failed to push some refs" in str(refused):
            remedy = f"git pull --rebase origin {shlex.quote(branch)}"
        elif str(refused).startswith("git commit"):
            remedy = "git config --global user.name NAME, and user.email ADDRESS"
        raise ActionRequired(f"{refused}. {remedy}") from None


def commit(project: Project, message: str, *files: str) -> None:
    run_checked("git", "commit", "--message", message, *files, cwd=project.root)
