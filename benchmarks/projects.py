"""The projects that are compared: the tutorial's, as its page has it, and ours."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import yaml

from tests.stand_ins.container import build_image
from tests.stand_ins.github import GitHub
from tests.stand_ins.project import Project
from tests.support.copier import URL, copier, data, published
from tests.support.environment import clean_environment
from tests.support.git import commit, git
from tests.support.prefect_server import PrefectServer
from tests.support.repository import export

VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"
PYTHON = getattr(sys, "_base_executable", sys.executable)


def shell(folder: Path, *command: str, **env: str) -> None:
    """Run a command, and show what it says only if it fails."""
    done = subprocess.run(
        command, check=False, cwd=folder, env=clean_environment(UV_PYTHON=PYTHON) | env,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    if done.returncode != 0:
        raise RuntimeError(f"{command}: exit {done.returncode}\n{done.stdout}")


def render(folder: Path, repository: str, **answers: object) -> Path:
    """Render this template, and lock."""
    template = export(folder.with_name(f"{folder.name}-template"))
    commit(template, tag="v0.0.0")
    wanted = {"repo_url": repository, "package_name": "prefect_modal", "python_version": VERSION}
    done = copier(
        "copy", "--quiet", "--defaults", *data(wanted | answers),
        URL, str(folder), env=published(template),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    shell(folder, "uv", "lock")
    return folder


def as_the_tutorial_has_it(folder: Path, source: Path) -> Path:
    """The same flow in the tutorial's own project: its dependencies, its backend, its pull steps."""
    shutil.copytree(source, folder)
    for name in ("uv.lock", "Makefile", ".copier-answers.yml"):
        (folder / name).unlink()
    (folder / "pyproject.toml").write_text(
        f"""\
[project]
name = "prefect-modal"
version = "0.1.0"
requires-python = ">={VERSION}"
dependencies = ["modal", "prefect[github]"]

[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[tool.hatch.build.targets.wheel]
packages = ["src/prefect_modal"]
"""
    )
    deploy = yaml.safe_load((folder / "prefect.yaml").read_text())
    del deploy["build"], deploy["deployments"][0]["version"]
    inside = {"directory": "{{ clone-step.directory }}"}
    run = "prefect.deployments.steps.run_shell_script"
    deploy["pull"] = [
        deploy["pull"][0],
        {run: {**inside, "script": "pip install --upgrade uv"}},
        {run: {**inside, "script": "uv sync --no-editable --no-dev"}},
    ]
    (folder / "prefect.yaml").write_text(yaml.safe_dump(deploy, sort_keys=False))
    shell(folder, "uv", "lock")
    return folder


def with_compiled_modules(folder: Path, source: Path) -> Path:
    """Ours, but that uv compiles what it installs."""
    shutil.copytree(source, folder)
    deploy = (folder / "prefect.yaml").read_text()
    assert "uv sync " in deploy
    (folder / "prefect.yaml").write_text(deploy.replace("uv sync ", "uv sync --compile-bytecode "))
    return folder


def baked_in(folder: Path, source: Path) -> Path:
    """The limit: everything is in the image, and the only step changes the directory."""
    shutil.copytree(source, folder)
    deploy = yaml.safe_load((folder / "prefect.yaml").read_text())
    deploy["pull"] = [{"prefect.deployments.steps.set_working_directory": {"directory": "/"}}]
    (folder / "prefect.yaml").write_text(yaml.safe_dump(deploy, sort_keys=False))
    return folder


def locked(project: Path) -> str:
    """The run-time requirements of a lock file, each with its version."""
    export = ["uv", "export", "--frozen", "--no-default-groups", "--no-emit-project", "--no-hashes"]
    return subprocess.check_output(
        [*export, "--quiet"], cwd=project, env=clean_environment(), text=True
    )


def image(
    prefix: Path, like: Path | None = None, baked: bool = False, before: str | None = None
) -> Path:
    """An image with Prefect, pip and uv.

    Args:
        prefix: where its Python goes.
        like: a project; the image has Prefect in the versions of its lock file.
        baked: whether the image has that project itself too.
        before: a date such as 2026-01-31; nothing that was published later is in the image.
    """
    packages = ["pip", "uv", "prefect"]
    if like:
        (constraints := prefix.with_suffix(".txt")).write_text(locked(like))
        packages += ["--constraint", str(constraints)]
    if before:
        packages += ["--exclude-newer", before]
    build_image(prefix, PYTHON, packages)
    if like and baked:
        shell(
            like, "uv", "sync", "--locked", "--inexact", "--no-default-groups", "--no-editable",
            "--compile-bytecode",
            UV_PROJECT_ENVIRONMENT=str(prefix), UV_PYTHON=str(prefix / "bin/python"),
        )  # fmt: skip
    return prefix


def deployed(folder: Path, repository: str, server: PrefectServer, github: GitHub) -> Project:
    """Push a project and deploy it."""

    def unused(*_: object) -> NoReturn:
        raise NotImplementedError

    bare = github.create(repository)
    git(folder, "init", "--quiet", "--initial-branch", "main")
    git(folder, "remote", "add", "origin", f"file://{bare}")
    environment = server.environment() | {"UV_PYTHON": PYTHON}
    project = Project(folder, repository, server, github, environment, start_container=unused)
    project.push()
    shell(
        folder, "uv", "run", "--no-default-groups", "prefect", "--no-prompt", "deploy", "--all",
        **environment,
    )  # fmt: skip
    return project
