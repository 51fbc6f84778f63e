"""Render the tutorial's project outside this clone, set it up and run its flow: `make demo`.

Needs git, make and a supported Python. uv is taken from the path, or installed into the project.
"""

from __future__ import annotations  # So that an older Python can start this and print the error.

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CONSTRAINTS = str(ROOT / "constraints.txt")
REPOSITORY = "https://github.com/Ben-Epstein/prefect-modal"
NEXT = """
The flow has run on this machine, without any account. Look around in its project:

    cd {project}
    make    # lists the commands; README.md explains them

For a project of your own: uvx copier copy <the URL of this repository> reports"""


def main() -> None:
    version = "{}.{}".format(*sys.version_info)
    offered = re.findall(r'"(3\.\d+)"', (ROOT / "copier.yml").read_text())
    if version not in offered:
        sys.exit(
            f"make demo needs Python {min(offered)} to {max(offered)}, and this is {version}: "
            "type make demo PYTHON=python3.12 (uv python install 3.12 brings one)."
        )
    project = Path(tempfile.mkdtemp(prefix="demo-")) / "prefect-modal"
    uv = shutil.which("uv") or install_uv(project / ".uv")
    run("Rendering the project",
        uv, "tool", "run", "--isolated", "--python", sys.executable, "--constraints", CONSTRAINTS,
        "copier", "copy", "--quiet", "--defaults", "--vcs-ref", "HEAD",
        "--data", f"repo_url={REPOSITORY}", "--data", f"python_version={version}",
        str(ROOT), str(project))  # fmt: skip
    in_project = ("-C", str(project))
    run("", "git", *in_project, "init", "--quiet", "--initial-branch", "main")
    run("", "git", *in_project, "remote", "add", "origin", REPOSITORY)
    make = ("make", "--no-print-directory", *in_project)
    run("make setup: installing Prefect, which takes longer the first time", *make, "setup")
    run("make run: starting a Prefect server for this one run", *make, "run", show=True)
    print(NEXT.format(project=project))


def install_uv(folder: Path) -> str:
    """Install uv where the project's Makefile looks for it if there is none on the path."""
    run("Installing uv", sys.executable, "-m", "venv", str(folder))
    pip = (str(folder / "bin/python"), "-m", "pip", "install", "--quiet")
    run("", *pip, "--disable-pip-version-check", "--constraint", CONSTRAINTS, "uv")
    return str(folder / "bin/uv")


def run(step: str, *command: str, show: bool = False) -> None:
    """Run a command; if it fails, print its output and which command it was."""
    if step:
        print(f"{step} ...", flush=True)
    environment = {n: v for n, v in os.environ.items() if n not in ("MAKEFLAGS", "VIRTUAL_ENV")}
    done = subprocess.run(
        command,
        check=False,
        env=environment | {"UV_PYTHON": sys.executable},
        stdout=None if show else subprocess.PIPE,
        stderr=None if show else subprocess.STDOUT,
        text=True,
    )
    if done.returncode != 0:
        sys.exit(
            f"{done.stdout or ''}\nThe demo stopped because this command failed: {' '.join(command)}"
        )


if __name__ == "__main__":
    main()
