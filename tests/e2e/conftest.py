"""What takes part in a real run: a Prefect server, and rendered projects with their own commands."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.pythons import OFFERED, interpreters
from tests.template import clean_environment


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

    def post(self, path: str, **body: object) -> list[dict]:
        return httpx.post(f"{self.url}/{path}", json=body).raise_for_status().json()


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
