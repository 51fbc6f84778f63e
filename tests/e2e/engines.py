"""What takes part in a real run: Prefect's server, GitHub's repositories, and a laptop's project."""

import json
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx

from tests.e2e.container import Container
from tests.template import clean_environment, commit, git

UV_CACHE = Path.home() / ".cache/uv"
"""The cache of whoever runs the tests: what is downloaded once serves all projects."""


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
        return self._ask("POST", path, json=body)

    def get(self, path: str):
        return self._ask("GET", path)

    def _ask(self, method: str, path: str, **body: object):
        """Ask again while the database is busy, as Prefect's own client does."""
        for seconds in (0, 1, 2, 4, 8):
            time.sleep(seconds)
            answer = httpx.request(method, f"{self.url}/{path}", **body)
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                break
        return answer.raise_for_status().json()

    def deployment(self, name: str) -> dict:
        """The one deployment of that name."""
        (found,) = self.post("deployments/filter", deployments={"name": {"any_": [name]}})
        return found


@contextmanager
def serve(home: Path) -> Iterator[PrefectServer]:
    """Start a server on a free port of this machine, with a home of its own, and stop it again."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = PrefectServer(f"http://127.0.0.1:{port}/api", home)
    command = ["-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    environment = clean_environment(
        PREFECT_HOME=str(home),
        PREFECT_SERVER_ANALYTICS_ENABLED="false",
        PREFECT_SERVER_SERVICES_SCHEDULER_RECENT_DEPLOYMENTS_LOOP_SECONDS="1",
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

    def planned_runs(self) -> int:
        """How many runs the server plans; it looks at what was deployed once a second."""
        time.sleep(3)
        chosen = {"id": {"any_": [self.deployment()["id"]]}}
        return self.server.post("flow_runs/count", deployments=chosen)

    def planned_times(self) -> set[str]:
        """At what times of the day the planned runs start, in New York."""
        chosen = {"id": {"any_": [self.deployment()["id"]]}}
        runs = self.server.post("flow_runs/filter", deployments=chosen)
        starts = [datetime.fromisoformat(run["expected_start_time"]) for run in runs]
        there = ZoneInfo("America/New_York")
        return {start.astimezone(there).strftime("%H:%M") for start in starts}

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
