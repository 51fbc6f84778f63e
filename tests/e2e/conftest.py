"""The engines of a real run, as fixtures, and rendered projects with their own commands."""

import contextlib
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import Renderer
from tests.stand_ins.container import Container, build_image, copy_image
from tests.stand_ins.git_https import PUSH, READ, GitOverHttp, serve_git
from tests.stand_ins.github import GitHub
from tests.stand_ins.github_secrets import GitHubSecrets, serve_secrets
from tests.stand_ins.laptop import Laptop, new_token
from tests.stand_ins.prefect_cloud import PrefectCloud, serve_cloud
from tests.stand_ins.project import Project
from tests.support.copier import URL, copier, data, published
from tests.support.environment import UV_CACHE, clean_environment
from tests.support.git import git
from tests.support.prefect_server import PrefectServer, serve
from tests.support.pythons import interpreters, missing


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in the open which Python versions this machine cannot prove."""
    if absent := missing():
        terminalreporter.section("not run here")
        terminalreporter.write_line(f"no interpreter on this machine: Python {', '.join(absent)}")


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    with serve(tmp_path_factory.mktemp("prefect")) as server:
        yield server


@pytest.fixture(scope="session")
def github(tmp_path_factory: pytest.TempPathFactory) -> GitHub:
    return GitHub(tmp_path_factory.mktemp("github"), token=f"token-{secrets.token_hex(8)}")


@pytest.fixture(scope="session")
def prefect_cloud(prefect_server: PrefectServer) -> Iterator[PrefectCloud]:
    with serve_cloud(prefect_server, key=f"key-{secrets.token_hex(8)}") as cloud:
        yield cloud


@pytest.fixture
def git_https(github: GitHub) -> Iterator[GitOverHttp]:
    with serve_git(github, {github.token: PUSH}) as git:
        yield git


@pytest.fixture
def github_secrets(github: GitHub, tmp_path: Path) -> Iterator[GitHubSecrets]:
    (folder := tmp_path / "gh").mkdir()
    with serve_secrets(folder, "acme/flows", {github.token}) as stored:
        yield stored


@pytest.fixture
def run_make(tmp_path: Path):
    """Run a rendered project's own `make`, in a clean environment and an empty home."""

    def run(
        project: Path, *targets: str, env: dict[str, str] | None = None, **extra: str
    ) -> subprocess.CompletedProcess[str]:
        (home := tmp_path / "home").mkdir(exist_ok=True)
        environment = (env or clean_environment()) | {
            "HOME": str(home),
            "UV_CACHE_DIR": str(UV_CACHE),
            "UV_PYTHON_DOWNLOADS": "never",
        }
        return subprocess.run(
            ["make", *targets],
            check=False,
            cwd=project,
            env=environment | extra,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    return run


@pytest.fixture(scope="session")
def newest_python() -> tuple[str, str]:
    """The newest offered Python that this machine has: its version and its path."""
    return max(interpreters().items(), key=lambda item: int(item[0].split(".")[1]))


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Path], Path]:
    """The image of a Python version, as fresh as a project's lock file; each is built once."""
    built: dict[str, Path] = {}

    def get(version: str, project: Path) -> Path:
        if version not in built:
            export = ["uv", "export", "--frozen", "--no-default-groups", "--no-emit-project"]
            locked = subprocess.check_output(
                [*export, "--no-hashes", "--quiet"], cwd=project, env=clean_environment(), text=True
            )
            folder = tmp_path_factory.mktemp("image")
            (requirements := folder / "requirements.txt").write_text(locked)
            packages = ["pip", "uv", "cowsay", "--requirement", str(requirements)]
            built[version] = build_image(folder / "local", interpreters()[version], packages)
        return built[version]

    return get


@pytest.fixture
def start_project(
    prefect_server: PrefectServer,
    github: GitHub,
    render: Renderer,
    run_make: Callable[..., subprocess.CompletedProcess[str]],
    image: Callable[[str, Path], Path],
    newest_python: tuple[str, str],
    tmp_path: Path,
) -> Callable[..., Project]:
    """Do what the README says up to the first push: render, set up, make the pool, push."""

    def start(
        python_version: str = newest_python[0], repository: str = "", **answers: object
    ) -> Project:
        repository = repository or f"acme/{tmp_path.name.replace('_', '-')}"
        rendered = render(
            repo_url=repository, package_name="prefect_modal", python_version=python_version,
            **answers,
        )  # fmt: skip
        folder = shutil.copytree(rendered, tmp_path / "laptop")
        python = {"UV_PYTHON": interpreters()[python_version]}

        def make(*words: object, env: dict[str, str] | None = None) -> object:
            return run_make(*words, env=(env or clean_environment()) | python)

        def start_container(token: str | None = github.token) -> Container:
            number = len(list(tmp_path.glob("container*")))
            prefix = copy_image(image(python_version, folder), tmp_path / f"container{number}")
            return Container(prefix, tmp_path / f"home{number}", github.reachable(token))

        project = Project(folder, repository, prefect_server, github, make, start_container)
        prefect_server.create_push_pool("pref-modal-pool")
        bare = github.create(repository)
        done = make(folder, "setup")
        assert done.returncode == 0, done.stdout
        git(folder, "init", "--quiet", "--initial-branch", "main")
        git(folder, "remote", "add", "origin", f"file://{bare}")
        project.push()
        return project

    return start


@pytest.fixture(scope="module")
def released_template(published_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template as these laptops find it; a test may release something newer."""
    return shutil.copytree(published_template, tmp_path_factory.mktemp("released") / "template")


@pytest.fixture(scope="module")
def start(
    released_template: Path,
    prefect_cloud: PrefectCloud,
    github: GitHub,
    newest_python: tuple[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[..., Laptop]]:
    """Render a private project for an empty repository on GitHub.

    It is for the Python of this process and has a lock file already, so that its tools can
    be called here; or else it is for the newest Python and as `copier copy` leaves it.
    """
    locks: dict[str, bytes] = {}
    with contextlib.ExitStack() as edges:

        def render(locked: bool = True, **answers: object) -> Laptop:
            folder = tmp_path_factory.mktemp("laptop")
            (home := folder / "home").mkdir()
            (gh := folder / "gh").mkdir()
            name = f"acme/{folder.name}"
            here = f"{sys.version_info[0]}.{sys.version_info[1]}"
            version, python = (here, interpreters()[here]) if locked else newest_python
            github.create(name)
            reading, owner = new_token(), new_token()
            wanted = {
                "repo_url": name, "package_name": "flows", "work_pool": folder.name,
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
                git=edges.enter_context(serve_git(github, {reading: READ, owner: PUSH})),
                github=edges.enter_context(serve_secrets(gh, name, {owner})),
                template=released_template,
                home=home,
                python=python,
                token=reading,
                modal=new_token(),
                owner=owner,
                closing_message=done.stderr,
            )
            if locked:
                lock, which = laptop.project / "uv.lock", str(answers)
                if which not in locks:
                    assert laptop.run("uv", "lock", "--quiet").returncode == 0
                    locks[which] = lock.read_bytes()
                lock.write_bytes(locks[which])
            return laptop

        yield render
