# mypy: ignore-errors
"""The repository and its remote."""

import re
import shlex
from pathlib import Path

from tools.base.finding import Finding, failed, passed
from tools.base.git import NOT_FOUND, advice
from tools.base.process import run_checked, words
from tools.base.project import Project, same_repository, split_address
from tools.base.stop import CheckSkipped


def top_folder(project: Project) -> Path | None:
    """The top folder of the project's git repository, if there is one."""
    done = project.git("rev-parse", "--show-toplevel")
    return Path(done.stdout.strip()) if done.returncode == 0 else None


def check_remote(project: Project) -> Finding:
    top = top_folder(project)
    if top and not top.samefile(project.root):
        text = f"this folder is inside another repository, {top}"
        return failed(
            text,
            f"git init --initial-branch {shlex.quote(project.branch or 'main')}, "
            "here or after you move it: a project needs its own repository",
        )
    origin = project.git("config", "remote.origin.url").stdout.strip()
    if not origin:
        return failed("there is no remote named origin")
    # git's settings may define a short form of the address.
    full = project.git("ls-remote", "--get-url", "origin").stdout.strip()
    url = project.repository_url
    if not any(same_repository(real_address(project, each), url) for each in (origin, full)):
        host, name = project.repository
        remedy = f"git remote set-url origin {shlex.quote(url)}"
        return failed(f"origin is {shown(origin)}, not {host}/{name}", remedy)
    name, there = project.repository[1], project.git("ls-remote", "--", "origin", "HEAD")
    if there.returncode != 0 and re.search(NOT_FOUND, said := words(there)):
        return failed(f"GitHub has no {name} that your login can see", advice(project, said))
    return passed(f"origin is {name}")


def shown(address: str) -> str:
    """An address without a password."""
    return re.sub(r"//[^/@]*@", "//", address)


def real_address(project: Project, address: str) -> str:
    """An ssh address with its real host name; any other address unchanged."""
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
    top = top_folder(project)
    if top is None:
        branch = project.branch or "main"
        run_checked("git", "init", "--initial-branch", branch, cwd=project.root)
    elif not top.samefile(project.root):
        return
    if project.git("config", "remote.origin.url").returncode != 0:
        add = ("git", "remote", "add", "--", "origin", project.repository_url)
        run_checked(*add, cwd=project.root)
