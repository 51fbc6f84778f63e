# mypy: ignore-errors
"""Other programs, run without questions or interactively."""

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
CLONE_TOKEN = "GITHUB_CLONE_TOKEN"
"""The variable with the token that containers should clone with."""
ALARM_WEBHOOK = "ALARM_WEBHOOK"
"""The variable with the webhook's address, which is a secret."""
KEPT_BACK = (
    ALARM_WEBHOOK,
    CLONE_TOKEN,
    "PREFECT_CLIENT_MAX_RETRIES",
    "GIT_DIR",
    "GIT_INDEX_FILE",
    "GIT_WORK_TREE",
)
"""Variables that other programs do not get: secrets that are not for them, a setting of this
process, and those that a git hook sets for another repository."""
UNREACHABLE = (
    r"Could not resolve (host|proxy)|[Ff]ailed to connect|Couldn't connect|timed out|no answer within"
    r"|Connection (refused|reset)|SSL|certificate|tunnel failed|proxy CONNECT|Empty reply"
    r"|error: 5\d\d|Network is unreachable"
)
"""Git's messages for a server that it did not reach, which say nothing about a token."""
TIMED_OUT = 124
"""The exit code after a timeout, as of the command `timeout`."""
LIMIT = 60
"""The time limit for a request to a server, in seconds."""


def interactive() -> bool:
    """Whether a person can answer questions."""
    return bool(sys.stdin and sys.stdin.isatty())


def environment(**extra: str | None) -> dict[str, str]:
    """The environment of other programs; a None removes a value, and this Python's come first."""
    kept = {name: value for name, value in os.environ.items() if name not in KEPT_BACK}
    kept["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), kept.get("PATH", "")))
    given: dict[str, str | None] = {**kept, **extra}
    return {name: value for name, value in given.items() if value is not None}


def run(
    *command: str, cwd: Path, secret: str = "", limit: float | None = LIMIT, **env: str | None
) -> Completed:
    """Run a program without questions. A secret goes to its input, never to its arguments."""
    quiet = {"GIT_TERMINAL_PROMPT": "0", "COLUMNS": "1000", "LC_ALL": "C.UTF-8"}
    if not interactive():
        quiet |= {"GIT_ASKPASS": "false", "SSH_ASKPASS": "false"}
    try:
        return subprocess.run(
            command,
            cwd=cwd,
            env=environment(**{**quiet, **env}),
            input=secret,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=limit,
            # Without a person, also without a terminal, where ssh would ask.
            start_new_session=not interactive(),
        )
    except FileNotFoundError:
        return Completed(command, 127, "", f"{command[0]} is not installed")
    except subprocess.TimeoutExpired:
        return Completed(command, TIMED_OUT, "", f"no answer within {limit:.0f} seconds")


def run_checked(*command: str, cwd: Path) -> None:
    """Run a program, and require success.

    Raises:
        ActionRequired: it failed, with its message.
    """
    done = run(*command, cwd=cwd, limit=None)
    if done.returncode != 0:
        raise ActionRequired(f"{shlex.join(command)}: {last_error(done)}")


def run_interactively(*command: str, cwd: Path, otherwise: str) -> None:
    """Run a program that asks a person.

    Raises:
        ActionRequired: there is no terminal, or it failed; `otherwise` says what to do instead.
    """
    if not interactive():
        raise ActionRequired(f"{otherwise} Or run this in a terminal.")
    if subprocess.run(command, cwd=cwd, env=environment(), check=False).returncode != 0:
        raise ActionRequired(f"That did not work. Run this again, or: {otherwise}")


def last_error(done: Completed) -> str:
    """The last error message of a program."""
    noise = re.compile(r"\s*$|hint:|make(\[\d+\])?:")
    lines: list[str] = []
    for said in (done.stderr, done.stdout):
        lines = lines or [line.strip() for line in said.splitlines() if not noise.match(line)]
    # These tools show a remedy below their errors, which begin with a sign.
    errors = [line for line in lines if re.match("error|fatal|✗ ", line, re.IGNORECASE)]
    last = [*(errors or lines or ["no reason given"])][-1]
    # After "Response:", Prefect repeats the request, secrets included.
    return last.partition("Response:")[0].removeprefix("✗ ")


def words(done: Completed) -> str:
    """Git's message, with the server's lines, which hold the link that helps."""
    lines = [line.strip() for line in done.stderr.splitlines()]
    said = [line.removeprefix("remote:").strip() for line in lines if line.startswith("remote:")]
    ours = re.compile(r"! \[|fatal:|ssh:|ERROR:|error:(?! failed to push)|.*Permission denied")
    said += [line for line in lines if ours.match(line)]
    return "; ".join(filter(None, dict.fromkeys(said))) or last_error(done)


def uv(root: Path) -> str:
    """The uv that started this, or else the one on the path or from `make setup`."""
    return os.environ.get("UV") or shutil.which("uv") or str(root / ".uv/bin/uv")
