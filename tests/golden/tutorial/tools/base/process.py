# mypy: ignore-errors
"""Other programs: run without questions, or with a person in front of them."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from tools.base.stop import ActionRequired

Completed = subprocess.CompletedProcess[str]
PREFECT = (sys.executable, "-m", "prefect")
OURS = ("GITHUB_TOKEN", "PREFECT_CLIENT_MAX_RETRIES")
"""Kept from other programs: git and gh would take the first, which is for containers,
for the owner's login; the second is only for this process."""


def interactive() -> bool:
    """Whether a person can answer."""
    return bool(sys.stdin and sys.stdin.isatty())


def run(*command: str, cwd: Path, secret: str = "", **env: str) -> Completed:
    """Run a program that asks nothing. A secret goes to its input, never to its arguments."""
    environment = {name: v for name, v in os.environ.items() if name not in OURS}
    environment |= {"GIT_TERMINAL_PROMPT": "0", "COLUMNS": "1000"}
    if not interactive():
        environment |= {"GIT_ASKPASS": "false", "SSH_ASKPASS": "false"}
    try:
        return subprocess.run(
            command,
            cwd=cwd,
            env=environment | env,
            input=secret,
            capture_output=True,
            text=True,
            check=False,
            # Without a person, without a terminal either: ssh would ask on it.
            start_new_session=not interactive(),
        )
    except FileNotFoundError:
        missing = f"{command[0]} is not installed"
        return Completed(command, 127, "", missing)


def run_checked(*command: str, cwd: Path) -> None:
    """Run a program that has to succeed.

    Raises:
        ActionRequired: it failed, and this is what it said.
    """
    done = run(*command, cwd=cwd)
    if done.returncode != 0:
        raise ActionRequired(f"{shlex.join(command)}: {last_error(done)}")


def run_interactively(*command: str, cwd: Path, otherwise: str) -> None:
    """Run a program that asks a person.

    Raises:
        ActionRequired: nobody can answer, or it failed; `otherwise` says what to do instead.
    """
    if not interactive():
        raise ActionRequired(f"{otherwise} Or run this in a terminal.")
    if subprocess.run(command, cwd=cwd, check=False).returncode != 0:
        raise ActionRequired(f"That did not work. Run this again, or: {otherwise}")


def last_error(done: Completed) -> str:
    """The last thing that a program said about what went wrong."""
    said = done.stderr.strip() or done.stdout.strip()
    noise = re.compile(r"\s*$|hint:|make(\[\d+\])?:")
    lines = [line.strip() for line in said.splitlines() if not noise.match(line)]
    errors = [line for line in lines if re.match("error|fatal", line, re.IGNORECASE)]
    # After "Response:", Prefect repeats what it was sent, secrets included.
    return [*(errors or lines or ["no reason given"])][-1].partition("Response:")[0]


def uv(root: Path) -> str:
    """The uv that started this, or else the one on the path or from `make setup`."""
    return os.environ.get("UV") or shutil.which("uv") or str(root / ".uv/bin/uv")
