"""A real Prefect server, started on this machine, and its API."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.support.environment import clean_environment


@dataclass
class PrefectServer:
    """A server that is running."""

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

    # Answers are JSON, hence Any.

    def post(self, path: str, **body: object) -> Any:
        return self._ask("POST", path, body)

    def get(self, path: str) -> Any:
        return self._ask("GET", path)

    def _ask(self, method: str, path: str, body: dict[str, object] | None = None) -> Any:
        """Ask again while the database is busy, as Prefect's own client does."""
        for seconds in (0, 1, 2, 4, 8):
            time.sleep(seconds)
            answer = httpx.request(method, f"{self.url}/{path}", json=body)
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                break
        return answer.raise_for_status().json()

    def deployment(self, name: str) -> dict[str, Any]:
        """The one deployment of that name."""
        found: dict[str, Any]
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


def _wait(server: PrefectServer, process: subprocess.Popen[bytes], log: Path) -> None:
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
