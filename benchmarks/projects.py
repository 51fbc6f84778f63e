"""The compared projects and their images: the tutorial's, from its page, and ours."""

import shutil
import subprocess
import sys
import tomllib
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
PYTHON: str = getattr(sys, "_base_executable", sys.executable)
"""The Python from which this virtual environment was created."""


def shell(folder: Path, *command: str, **env: str) -> None:
    """Run a command, and show its output only if it fails."""
    done = subprocess.run(
        command, check=False, cwd=folder, env=clean_environment(UV_PYTHON=PYTHON) | env,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    if done.returncode != 0:
        raise RuntimeError(f"{command}: exit {done.returncode}\n{done.stdout}")


def render(folder: Path, **chosen: object) -> Path:
    """Render this template for the running Python and the repository acme/<folder's name>, and lock."""
    template = export(folder.with_name(f"{folder.name}-template"))
    commit(template, tag="v0.0.0")
    answers = {
        "repo_url": f"acme/{folder.name}",
        "package_name": "prefect_modal",
        "python_version": VERSION,
    }
    done = copier(
        "copy", "--quiet", "--defaults", *data(answers | chosen),
        URL, str(folder), env=published(template),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    shell(folder, "uv", "lock")
    return folder


def copy(folder: Path, source: Path) -> Path:
    """The same project, for the repository acme/<folder's name>."""
    shutil.copytree(source, folder)
    deploy = (folder / "prefect.yaml").read_text()
    for name in ("acme/{}", "{}-example"):
        deploy = deploy.replace(name.format(source.name), name.format(folder.name))
    (folder / "prefect.yaml").write_text(deploy)
    return folder


def as_the_tutorial_has_it(folder: Path, source: Path) -> Path:
    """The same flow in the tutorial's project, with its dependencies, backend and pull steps."""
    copy(folder, source)
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
    (deployment,) = deploy["deployments"]
    del deploy["build"], deployment["version"], deployment["work_pool"]["job_variables"]["image"]
    inside = {"directory": "{{ clone-step.directory }}"}
    run = "prefect.deployments.steps.run_shell_script"
    (clone,) = (step for step in deploy["pull"] if any("git_clone" in name for name in step))
    deploy["pull"] = [
        clone,
        {run: {**inside, "script": "pip install --upgrade uv"}},
        {run: {**inside, "script": "uv sync --no-editable --no-dev"}},
    ]
    (folder / "prefect.yaml").write_text(yaml.safe_dump(deploy, sort_keys=False))
    shell(folder, "uv", "lock")
    return folder


def without_pull_steps(folder: Path, source: Path) -> Path:
    """The limit: everything is in the image, and the only step changes the directory."""
    copy(folder, source)
    deploy = yaml.safe_load((folder / "prefect.yaml").read_text())
    deploy["pull"] = [{"prefect.deployments.steps.set_working_directory": {"directory": "/"}}]
    (folder / "prefect.yaml").write_text(yaml.safe_dump(deploy, sort_keys=False))
    return folder


def with_heavy_dependencies(folder: Path) -> Path:
    """Add two big packages. The flow does not import them: an import's time is always the same."""
    shell(folder, "uv", "add", "--no-sync", "polars", "scikit-learn")
    return folder


def release(project: Path) -> tuple[str, str]:
    """The version of Prefect in a project's lock file, and the day when it was published."""
    lock = tomllib.loads((project / "uv.lock").read_text())
    (prefect,) = (package for package in lock["package"] if package["name"] == "prefect")
    return prefect["version"], prefect["sdist"]["upload-time"].partition("T")[0]


def fresh_image(prefix: Path, project: Path) -> Path:
    """An image with Prefect and its dependencies in the versions of a project's lock file."""
    export = ["uv", "export", "--frozen", "--no-default-groups", "--no-emit-project", "--no-hashes"]
    constraints = prefix.with_suffix(".txt")
    shell(project, *export, "--quiet", "--output-file", str(constraints))
    packages = ["pip", "uv", "prefect", "--constraint", str(constraints)]
    return build_image(prefix, PYTHON, packages)


def image_of(prefix: Path, day: str, prefect: str = "") -> Path:
    """An image from a day such as 2026-01-31, with the newest packages of that day."""
    packages = [
        "pip",
        "uv",
        f"prefect=={prefect}" if prefect else "prefect",
        "--exclude-newer",
        day,
    ]
    return build_image(prefix, PYTHON, packages)


def project_baked_in(image: Path, project: Path) -> Path:
    """Add a project with all its dependencies, and their bytecode."""
    shell(
        project, "uv", "sync", "--locked", "--inexact", "--no-default-groups", "--no-editable",
        "--compile-bytecode",
        UV_PROJECT_ENVIRONMENT=str(image), UV_PYTHON=str(image / "bin/python"),
    )  # fmt: skip
    return image


def packages_baked_in(image: Path, packages: list[str]) -> Path:
    """Add what `pip_packages` lists, as Modal does: without bytecode."""
    shell(image, "uv", "pip", "install", "--python", str(image / "bin/python"), *packages)
    return image


def deployed(folder: Path, server: PrefectServer, github: GitHub) -> Project:
    """Push a rendered project to acme/<folder's name>, and deploy it with Prefect's command."""
    project = pushed(folder, server, github)
    shell(
        folder, "uv", "run", "--no-default-groups", "prefect", "--no-prompt", "deploy", "--all",
        **project.environment,
    )  # fmt: skip
    return project


def pushed(folder: Path, server: PrefectServer, github: GitHub) -> Project:
    """Push a rendered project to acme/<folder's name>, where nothing is deployed from it yet."""

    def unused(*_: object) -> NoReturn:
        raise NotImplementedError

    repository = f"acme/{folder.name}"
    bare = github.create(repository)
    git(folder, "init", "--quiet", "--initial-branch", "main")
    git(folder, "remote", "add", "origin", f"file://{bare}")
    environment = server.environment() | {"UV_PYTHON": PYTHON}
    project = Project(folder, repository, server, github, environment, build_container=unused)
    project.push()
    return project
