# mypy: ignore-errors
"""The repository: whose it is, and whether containers find there what is here."""

import re
import shlex
from pathlib import Path

from tools.base.finding import Finding, Findings, failed, passed
from tools.base.flows import source_file
from tools.base.prefect_yaml import Deployment, clone_step
from tools.base.process import UNREACHABLE, Completed, run_checked, words
from tools.base.project import Project, same_repository, split_address
from tools.base.screen import say
from tools.base.stop import ActionRequired, CheckSkipped

RENDERED = (
    ".copier-answers.yml",
    ".gitattributes",
    ".github/workflows/ci.yaml",
    ".github/workflows/prefect_cd.yaml",
    ".github/workflows/template_update.yaml",
    ".gitignore",
    ".python-version",
    "Makefile",
    "README.md",
    "prefect.yaml",
    "pyproject.toml",
    "renovate.json",
    "src/*/__init__.py",
    "src/*/flows/flow1.py",
    "src/*/py.typed",
    "tests/test_flow1.py",
    "tools/*.py",
    "tools/ruff.toml",
    "uv.lock",
)
"""What the template renders, and the lock file: all that the first commit adds by itself."""
PUSH = "make bootstrap"
NEEDED = ("prefect.yaml", "pyproject.toml", "uv.lock")
"""What every container reads of the repository."""
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
            return remedy.format(
                branch=shlex.quote(project.branch or "HEAD"), repository=project.repository[1]
            )
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


def top_folder(project: Project) -> Path | None:
    """The top folder of the git repository that the project is in, if it is in one."""
    done = project.git("rev-parse", "--show-toplevel")
    return Path(done.stdout.strip()) if done.returncode == 0 else None


def check_remote(project: Project) -> Finding:
    top = top_folder(project)
    if top and not top.samefile(project.root):
        text = f"this folder is a part of another repository, {top}"
        return failed(
            text,
            f"git init --initial-branch {shlex.quote(project.branch or 'main')}, "
            "here or where you move it: a project is a repository of its own",
        )
    origin = project.git("config", "remote.origin.url").stdout.strip()
    if not origin:
        return failed("there is no remote called origin")
    # git may know the address by a short form of its owner's.
    full = project.git("ls-remote", "--get-url", "origin").stdout.strip()
    url = project.repository_url
    if not any(same_repository(real_address(project, each), url) for each in (origin, full)):
        host, name = project.repository
        remedy = f"git remote set-url origin {shlex.quote(url)}"
        return failed(f"origin is {shown(origin)}, not {host}/{name}", remedy)
    return passed(f"origin is {project.repository[1]}")


def shown(address: str) -> str:
    """An address without what might be a password in it."""
    return re.sub(r"//[^/@]*@", "//", address)


def real_address(project: Project, address: str) -> str:
    """An address with the name of its host that ssh stands for, if it is one of ssh's."""
    if re.match(r"https?://|file://|/", address):
        return address
    try:
        host, name = split_address(address)
    except CheckSkipped:
        return address
    done = project.run("ssh", "-G", "--", host)
    found = re.search(r"^hostname (\S+)$", done.stdout, re.MULTILINE)
    # https://docs.github.com/authentication/troubleshooting-ssh/using-ssh-over-the-https-port
    host = (found[1] if found else host).removeprefix("ssh.")
    return f"https://{host}/{name}"


def fix_remote(project: Project) -> None:
    if top_folder(project) is None:
        branch = project.branch or "main"
        run_checked("git", "init", "--initial-branch", branch, cwd=project.root)
    elif check_remote(project).text.startswith("this folder"):
        return
    if project.git("config", "remote.origin.url").returncode != 0:
        add = ("git", "remote", "add", "--", "origin", project.repository_url)
        run_checked(*add, cwd=project.root)


def listed(project: Project, command: str, *arguments: str) -> list[str]:
    """The files that `git ls-files` or `git ls-tree` lists."""
    return [name for name in project.git(command, "-z", *arguments).stdout.split("\0") if name]


def untracked(project: Project, *patterns: str) -> list[str]:
    """The files that git neither has nor ignores."""
    return listed(project, "ls-files", "--others", "--exclude-standard", "--", *patterns)


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
    # What a run may import, and where a commit is pinned, a deploy is refused for any file.
    where = () if "commit_sha" in project.clone_step else ("src",)
    return problems + [
        failed(f"{name} is not committed", f"git add {shlex.quote(name)} and commit, or ignore it")
        for name in untracked(project, *where)
    ]


def branches_on_github(project: Project) -> dict[str, str]:
    """The branches that GitHub has now, and their commits.

    Raises:
        CheckSkipped: it does not say.
    """
    done = project.run("git", "ls-remote", "--heads", "origin")
    if done.returncode != 0:
        said = words(done)
        if re.search(UNREACHABLE, said):
            raise CheckSkipped(f"GitHub cannot be reached: {said}")
        raise CheckSkipped(f"git ls-remote: {said}. {advice(project, said)}".removesuffix(". "))
    pairs = (line.split("\t") for line in done.stdout.splitlines())
    return {name.removeprefix("refs/heads/"): commit for commit, name in pairs}


def not_pushed(project: Project) -> list[Finding]:
    there = branches_on_github(project)
    here = head(project)
    if not (branch := project.branch):
        if any(contains(project, commit, here) for commit in there.values()):
            return []
        return [failed("the last commit is on no branch of GitHub that this clone knows", PUSH)]
    if there.get(branch) == here:
        return []
    if branch not in there or contains(project, here, there[branch]):
        text = f"the last commit is not pushed to {branch}, which containers clone"
        return [failed(text, PUSH)]
    text = f"{branch} on GitHub is at {there[branch][:10]}, which this clone does not have"
    if contains(project, there[branch], here):
        text = f"this clone is behind {branch} on GitHub"
    return [failed(text, f"git pull --rebase origin {shlex.quote(branch)}")]


def head(project: Project) -> str:
    """The commit that is checked out; empty if there is none yet."""
    return project.git("rev-parse", "--verify", "--quiet", "HEAD").stdout.strip()


def contains(project: Project, commit: str, ancestor: str) -> bool:
    """Whether a commit that this clone has is the other one or comes after it."""
    return project.git("merge-base", "--is-ancestor", ancestor, commit).returncode == 0


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
    here = project.git("symbolic-ref", "--short", "HEAD").stdout.strip()
    branch = project.branch or here
    if here != branch:
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
