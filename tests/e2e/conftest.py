"""Fixtures for a real run: a server, containers, and rendered projects with their commands."""

import contextlib
import fcntl
import hashlib
import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Renderer
from tests.stand_ins.container import (
    Container,
    build_image,
    contents,
    copy_image,
    image_tag,
    install,
)
from tests.stand_ins.github import GitHub, new_token, serve_github
from tests.stand_ins.github_api import OWNER, READ
from tests.stand_ins.laptop import Laptop
from tests.stand_ins.prefect_cloud import PrefectCloud, serve_cloud
from tests.stand_ins.project import Done, Project, make
from tests.support.copier import URL, copier, data, published
from tests.support.environment import UV_CACHE, clean_environment
from tests.support.git import git
from tests.support.prefect_server import PrefectServer, serve
from tests.support.pythons import interpreters, missing

Make = Callable[..., Done]
StartProject = Callable[..., Project]
BuildContainer = Callable[[dict[str, Any], Path, dict[str, str]], Container]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Report which Python versions this machine cannot test."""
    if absent := missing():
        terminalreporter.section("not run here")
        terminalreporter.write_line(f"no interpreter on this machine: Python {', '.join(absent)}")


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    with serve(tmp_path_factory.mktemp("prefect")) as server:
        yield server


@pytest.fixture(scope="session")
def github(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitHub]:
    with serve_github(tmp_path_factory.mktemp("github")) as github:
        yield github


@pytest.fixture(scope="session")
def prefect_cloud(prefect_server: PrefectServer) -> Iterator[PrefectCloud]:
    with serve_cloud(prefect_server, key=f"key-{secrets.token_hex(8)}") as cloud:
        yield cloud


@pytest.fixture
def run_make(tmp_path: Path) -> Make:
    """Run a rendered project's own `make`, in a clean environment and an empty home."""

    def run(project: Path, *targets: str, env: dict[str, str] | None = None, **extra: str) -> Done:
        (home := tmp_path / "home").mkdir(exist_ok=True)
        settings = {"HOME": str(home), "UV_CACHE_DIR": str(UV_CACHE)}
        settings |= {"UV_PYTHON_DOWNLOADS": "never"}
        return make(project, *targets, env=(env or clean_environment()) | settings | extra)

    return run


@pytest.fixture(scope="session")
def build_container(
    newest_python: tuple[str, str], tmp_path_factory: pytest.TempPathFactory
) -> BuildContainer:
    """Do Modal's work before a run: get an image, install packages into it, start it.

    An image of Prefect is as fresh as the lock file that it is first needed for, and built once
    for all processes of a run.
    """
    images: dict[str, Path] = {}
    here = tmp_path_factory.getbasetemp()
    shared = here.parent if "PYTEST_XDIST_WORKER" in os.environ else here

    def image(tag: str, lock: Path) -> Path:
        if tag not in images:
            prefect, version = contents(tag)
            export = ["uv", "export", "--frozen", "--no-default-groups", "--no-emit-project"]
            locked = subprocess.check_output(
                [*export, "--no-hashes", "--quiet"],
                cwd=lock.parent, env=clean_environment(), text=True,
            )  # fmt: skip
            name = hashlib.sha256(f"{tag}\n{locked}".encode()).hexdigest()
            (folder := shared / f"image-{name}").mkdir(exist_ok=True)
            with (folder / "lock").open("w") as lock_file:
                fcntl.flock(lock_file, fcntl.LOCK_EX)
                if not (folder / "ready").exists():
                    (constraints := folder / "constraints.txt").write_text(locked)
                    packages = ["pip", "uv", "cowsay", prefect, "--constraint", str(constraints)]
                    # Most containers have the newest Python: that image is compiled once for all.
                    often = version == newest_python[0]
                    build_image(folder / "local", interpreters()[version], packages, often)
                    (folder / "ready").touch()
            images[tag] = folder / "local"
        return images[tag]

    def build(job_variables: dict[str, Any], lock: Path, environment: dict[str, str]) -> Container:
        prefix = tmp_path_factory.mktemp("container") / "local"
        copy_image(image(image_tag(job_variables), lock), prefix)
        if packages := job_variables.get("pip_packages"):
            install(prefix, packages)
        return Container(prefix, prefix / "home", environment)

    return build


@pytest.fixture(scope="session")
def environments(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The environment that projects of one Python share, so that uv updates it quickly."""
    return tmp_path_factory.mktemp("environments")


@pytest.fixture(scope="session")
def lock() -> Callable[[Path, str], None]:
    """Lock a project for a Python; another one with the same requirements gets the same file."""
    made: dict[str, bytes] = {}

    def lock(project: Path, python: str) -> None:
        text = (project / "pyproject.toml").read_text()
        key = re.sub("^description = .*$", python, text, flags=re.MULTILINE)
        if key not in made:
            env = clean_environment(UV_PYTHON=python)
            subprocess.run(["uv", "lock", "--quiet"], cwd=project, env=env, check=True)
            made[key] = (project / "uv.lock").read_bytes()
        (project / "uv.lock").write_bytes(made[key])

    return lock


@pytest.fixture(scope="session")
def start_project(
    prefect_server: PrefectServer,
    github: GitHub,
    render: Renderer,
    build_container: BuildContainer,
    lock: Callable[[Path, str], None],
    newest_python: tuple[str, str],
    environments: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> StartProject:
    """Follow the README up to the first push: render, lock, create the pool, push."""

    def start(
        python_version: str = newest_python[0], repository: str = "", **answers: object
    ) -> Project:
        home = tmp_path_factory.mktemp("project")
        repository = repository or f"acme/{home.name}"
        rendered = render(
            repo_url=repository, package_name="prefect_modal", python_version=python_version,
            **answers,
        )  # fmt: skip
        folder = shutil.copytree(rendered, home / "laptop")

        def build(job_variables: dict[str, Any]) -> Container:
            return build_container(job_variables, folder / "uv.lock", github.environment())

        environment = prefect_server.environment() | {
            "HOME": str(home),
            "UV_CACHE_DIR": str(UV_CACHE),
            "UV_PYTHON": interpreters()[python_version],
            "UV_PROJECT_ENVIRONMENT": str(environments / python_version),
        }
        project = Project(folder, repository, prefect_server, github, environment, build)
        prefect_server.create_push_pool("pref-modal-pool")
        bare = github.create(repository)
        if answers.get("private_repository") is False:
            github.public.add(repository)
        lock(folder, interpreters()[python_version])
        git(folder, "init", "--quiet", "--initial-branch", "main")
        git(folder, "remote", "add", "origin", f"file://{bare}")
        project.push()
        return project

    return start


@pytest.fixture(scope="module")
def released_template(published_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template of these laptops; a test may release a newer version."""
    return shutil.copytree(published_template, tmp_path_factory.mktemp("released") / "template")


@pytest.fixture(scope="module")
def start(
    released_template: Path,
    prefect_cloud: PrefectCloud,
    lock: Callable[[Path, str], None],
    newest_python: tuple[str, str],
    environments: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[..., Laptop]]:
    """Render a private project for an empty repository on GitHub.

    It is for the Python of this process and has a lock file already, so that its tools can
    be called here; or else it is for the newest Python and as `copier copy` leaves it.
    """
    with contextlib.ExitStack() as edges:

        def render(locked: bool = True, name: str = "", **answers: object) -> Laptop:
            folder = tmp_path_factory.mktemp("laptop")
            (home := folder / "home").mkdir()
            (folder / "github").mkdir()
            github = edges.enter_context(serve_github(folder / "github"))
            github.create(name := name or f"acme/{folder.name}")
            here = f"{sys.version_info[0]}.{sys.version_info[1]}"
            version, python = (here, interpreters()[here]) if locked else newest_python
            wanted = {
                "repo_url": name, "package_name": "flows", "work_pool": name.split("/")[1],
                "python_version": version,
            }  # fmt: skip
            options = ["--defaults", *data(wanted | answers)]
            done = copier(
                "copy", *options, URL, str(folder / "project"), env=published(released_template)
            )
            assert done.returncode == 0, done.stderr
            laptop = Laptop(
                project=folder / "project",
                name=name,
                cloud=prefect_cloud,
                github=github,
                template=released_template,
                home=home,
                python=python,
                packages=environments / version,
                token=github.add_token(READ),
                modal=new_token(),
                owner=github.add_token(OWNER),
                closing_message=done.stderr,
            )
            if locked:
                lock(laptop.project, python)
            return laptop

        yield render
