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

from tests.stand_ins.modal_push_pool import CREDENTIALS, POOL_TYPE, base_job_template
from tests.support.environment import clean_environment


@dataclass
class PrefectServer:
    """A running server."""

    url: str
    """The address of its API."""
    home: Path
    """The PREFECT_HOME of its clients."""
    credentials: str = ""
    """The block with the Modal token of the work pools created here."""

    def environment(self) -> dict[str, str]:
        """The environment of a user who is logged in here."""
        return clean_environment(PREFECT_API_URL=self.url, PREFECT_HOME=str(self.home))

    def create_push_pool(self, name: str) -> httpx.Response:
        """Create a `modal:push` work pool, which otherwise only Prefect Cloud can do."""
        template = base_job_template(self.credentials)
        pool = {"name": name, "type": POOL_TYPE, "base_job_template": template}
        return self.ask("POST", "work_pools/", pool)

    def add_modal_credentials(self) -> None:
        """Add Prefect Cloud's block type for Modal tokens, and one such block."""
        name = {"name": "Modal Credentials", "slug": "modal-credentials"}
        kind = {"block_type_id": self.post("block_types/", **name)["id"]}
        schema = self.post("block_schemas/", **kind, fields=CREDENTIALS, version="1.0")
        token = {"token_id": "ak-0", "token_secret": "as-0"}
        block = {"name": "modal", "data": token, "block_schema_id": schema["id"], **kind}
        self.credentials = self.post("block_documents/", **block)["id"]

    # Answers are JSON, hence Any.

    def post(self, path: str, **body: object) -> Any:
        return self.ask("POST", path, body).raise_for_status().json()

    def get(self, path: str) -> Any:
        return self.ask("GET", path).raise_for_status().json()

    def ask(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """Retry while the database is busy, as Prefect's own client does."""
        for seconds in (0, 1, 2, 4, 8):
            time.sleep(seconds)
            answer = httpx.request(method, f"{self.url}/{path}", json=body)
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                break
        return answer

    def deployment(self, name: str) -> dict[str, Any]:
        """The only deployment of that name."""
        found: dict[str, Any]
        (found,) = self.post("deployments/filter", deployments={"name": {"any_": [name]}})
        return found

    def job_variables(self, deployment: dict[str, Any]) -> dict[str, Any]:
        """A run's job variables: the deployment's, over its work pool's defaults."""
        pool = self.get(f"work_pools/{deployment['work_pool_name']}")
        known = pool["base_job_template"]["variables"]["properties"]
        variables = {
            name: schema["default"] for name, schema in known.items() if "default" in schema
        }
        variables |= deployment["job_variables"]
        return variables


@contextmanager
def serve(home: Path) -> Iterator[PrefectServer]:
    """Start a server with its own home on a free port, and stop it afterwards."""
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
        PREFECT_UI_URL=server.url.removesuffix("/api"),
    )
    with (home / "server.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, *command], env=environment, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        _wait(server, process, home / "server.log")
        server.add_modal_credentials()
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
