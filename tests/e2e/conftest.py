"""What takes part in a real run: a Prefect server, and rendered projects with their own commands."""

import json
import os
import secrets
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.conftest import Renderer
from tests.e2e.container import Container, build_image
from tests.pythons import OFFERED, interpreters
from tests.template import clean_environment, commit, git


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in the open which Python versions this machine cannot prove."""
    if missing := [version for version in OFFERED if version not in interpreters()]:
        terminalreporter.section("not run here")
        terminalreporter.write_line(f"no interpreter on this machine: Python {', '.join(missing)}")


@dataclass
class PrefectServer:
    """A real Prefect server on this machine."""

    url: str
    """The address of its API."""
    home: Path
    """The PREFECT_HOME of whoever talks to it."""

    def environment(self) -> dict[str, str]:
        """The environment of somebody who is logged in here."""
        return clean_environment(PREFECT_API_URL=self.url, PREFECT_HOME=str(self.home))

    def create_push_pool(self, name: str) -> httpx.Response:
        """Create a `modal:push` work pool, as only Prefect Cloud would do it."""
        pool = {"name": name, "type": "modal:push", "base_job_template": {}}
        return httpx.post(f"{self.url}/work_pools/", json=pool)

    def post(self, path: str, **body: object):
        return httpx.post(f"{self.url}/{path}", json=body).raise_for_status().json()

    def get(self, path: str):
        return httpx.get(f"{self.url}/{path}").raise_for_status().json()

    def deployment(self, name: str) -> dict:
        """The one deployment of that name."""
        (found,) = self.post("deployments/filter", deployments={"name": {"any_": [name]}})
        return found


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    home = tmp_path_factory.mktemp("prefect")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = PrefectServer(f"http://127.0.0.1:{port}/api", home)
    command = ["-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    environment = clean_environment(
        PREFECT_HOME=str(home),
        PREFECT_SERVER_ANALYTICS_ENABLED="false",
        PREFECT_SERVER_UI_API_URL=server.url,
    )
    with (home / "server.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, *command], env=environment, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        _wait(server, process, home / "server.log")
        yield server
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait(server: PrefectServer, process: subprocess.Popen, log: Path) -> None:
    """Return as soon as the server answers, within two minutes."""
    for _ in range(600):
        assert process.poll() is None, log.read_text()
        try:
            if httpx.get(f"{server.url}/health").is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise TimeoutError(log.read_text())


@dataclass
class GitHub:
    """Repositories under their real addresses; git itself sends those to this machine."""

    folder: Path
    token: str

    def create(self, repository: str) -> Path:
        """Create an empty repository, such as `acme/flows`."""
        bare = self.folder / repository
        bare.parent.mkdir(exist_ok=True)
        git(self.folder, "init", "--quiet", "--bare", "--initial-branch", "main", str(bare))
        # As on GitHub: https://docs.github.com/get-started/using-git
        git(bare, "config", "uploadpack.allowFilter", "true")
        git(bare, "config", "uploadpack.allowAnySHA1InWant", "true")
        return bare

    def reachable(self, token: str | None = None) -> dict[str, str]:
        """Settings for git that let it in with this token, or without one, and nowhere else."""
        user = f"{token}@" if token else ""
        rules = {
            f"url.file://{self.folder}/.insteadOf": f"https://{user}github.com/",
            "url.file:///no-such-host/.insteadOf": "https://",
        }
        settings = {"GIT_CONFIG_COUNT": str(len(rules))}
        for number, (name, value) in enumerate(rules.items()):
            settings |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
        return settings


@pytest.fixture(scope="session")
def github(tmp_path_factory: pytest.TempPathFactory) -> GitHub:
    return GitHub(tmp_path_factory.mktemp("github"), token=f"token-{secrets.token_hex(8)}")


@pytest.fixture
def run_make(tmp_path: Path):
    """Run a rendered project's own `make`, in a clean environment and an empty home."""

    def run(
        project: Path, *targets: str, env: dict[str, str] | None = None, **extra: str
    ) -> subprocess.CompletedProcess[str]:
        (home := tmp_path / "home").mkdir(exist_ok=True)
        environment = (env or clean_environment()) | {
            "HOME": str(home),
            "UV_CACHE_DIR": _uv_cache(),
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


def _uv_cache() -> str:
    """The cache of whoever runs the tests: what is downloaded once serves all projects."""
    return os.environ.get("UV_CACHE_DIR") or str(Path.home() / ".cache/uv")


@dataclass
class Run:
    """A flow run that has ended."""

    state: str
    """The type of its last state, such as COMPLETED or CRASHED."""
    logs: list[str]
    """What Prefect shows of it."""
    output: str
    """What its container printed, which is what Modal shows."""
    everything: str
    """All that the server knows of it, as JSON."""


@dataclass
class Project:
    """A rendered project on somebody's laptop, with its repository on GitHub."""

    folder: Path
    repository: str
    server: PrefectServer
    github: GitHub
    make: Callable[..., subprocess.CompletedProcess[str]]
    start_container: Callable[[], Container]

    def push(self) -> str:
        """Commit and push everything, and return the commit."""
        commit(self.folder)
        git(self.folder, "push", "--quiet", "--set-upstream", "origin", "main")
        return git(self.folder, "rev-parse", "HEAD")

    def deploy(self) -> str:
        """Run `make prefect-deploy`, and return what it printed."""
        done = self.make(self.folder, "prefect-deploy", env=self.server.environment())
        assert done.returncode == 0, done.stdout
        return done.stdout

    def deployment(self) -> dict:
        return self.server.deployment(f"{self.repository.split('/')[1]}-example")

    def save_token(self, token: str) -> None:
        """Follow the README's step that puts the GitHub token into a Prefect block."""
        readme = (self.folder / "README.md").read_text()
        (line,) = [line for line in readme.splitlines() if "GitHubCredentials(" in line]
        subprocess.run(
            shlex.split(line), cwd=self.folder, env=self.server.environment(),
            input=f"{token}\n", text=True, check=True, capture_output=True,
        )  # fmt: skip

    def run(self, container: Container | None = None, **parameters: object) -> Run:
        """Run the deployed flow in a fresh container, as Modal would."""
        deployment = self.deployment()
        run = self.server.post(
            f"deployments/{deployment['id']}/create_flow_run", parameters=parameters
        )
        container = container or self.start_container()
        container.environment.setdefault("PREFECT_API_URL", self.server.url)
        output = container.execute(run["id"], deployment["job_variables"]).stdout
        logs = self.server.post(
            "logs/filter", logs={"flow_run_id": {"any_": [run["id"]]}}, sort="TIMESTAMP_ASC"
        )
        ended = self.server.get(f"flow_runs/{run['id']}")
        states = self.server.get(f"flow_run_states/?flow_run_id={run['id']}")
        everything = json.dumps([deployment, ended, states, logs])
        return Run(ended["state"]["type"], [log["message"] for log in logs], output, everything)


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

    def start(python_version: str = newest_python[0], **answers: object) -> Project:
        repository = f"acme/{tmp_path.name.replace('_', '-')}"
        rendered = render(
            repo_url=repository, package_name="prefect_modal", python_version=python_version,
            **answers,
        ).project_dir  # fmt: skip
        folder = shutil.copytree(rendered, tmp_path / "laptop")
        python = {"UV_PYTHON": interpreters()[python_version]}

        def make(*words: object, env: dict[str, str] | None = None) -> object:
            return run_make(*words, env=(env or clean_environment()) | python)

        def start_container(token: str | None = github.token) -> Container:
            number = len(list(tmp_path.glob("container*")))
            prefix = tmp_path / f"container{number}"
            source = image(python_version, folder)
            shutil.copytree(source, prefix, symlinks=True, copy_function=os.link)
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
