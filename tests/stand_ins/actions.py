"""A runner of GitHub Actions on this machine: act."""

import os
import shutil
import subprocess
from pathlib import Path

from tests.support.repository import ROOT

# act drops what a failing step printed last, unless its shell stays a little longer.
LINGERING = '#!/bin/sh\n{bash} "$@"\nstatus=$?\nsleep 0.2\nexit $status\n'

# It also gives steps a terminal, which GitHub's runners have not: nobody would answer there.
NOBODY = {"GIT_TERMINAL_PROMPT": "0", "GH_PROMPT_DISABLED": "1"}


def run_workflow(
    folder: Path,
    event: str,
    workflow: str,
    environment: dict[str, str],
    secrets: dict[str, str],
    *options: str,
) -> subprocess.CompletedProcess[str]:
    """Run the workflow that an event starts, in a checkout.

    The secrets come from a file, not from the environment, which every step sees: a step
    gets a secret only where the workflow hands it over.
    """
    (file := folder.parent / "secrets").write_text(
        "".join(f"{name}={value}\n" for name, value in secrets.items())
    )
    (shell := folder.parent / "shell").mkdir(exist_ok=True)
    (shell / "bash").write_text(LINGERING.format(bash=shutil.which("bash")))
    (shell / "bash").chmod(0o755)
    path = f"{shell}{os.pathsep}{environment['PATH']}"
    return subprocess.run(
        [
            ROOT / ".venv/bin/act", event, "--workflows", f".github/workflows/{workflow}",
            "--platform", "ubuntu-latest=-self-hosted", "--no-cache-server",
            "--secret-file", file, *options,
        ],
        check=False,
        cwd=folder,
        env=environment | {"PATH": path} | NOBODY,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )  # fmt: skip
