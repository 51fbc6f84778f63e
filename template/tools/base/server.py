# mypy: ignore-errors
"""A Prefect server that is thrown away, with the work pools that a project uses."""

import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tools.base import process
from tools.base.pool_variables import SCHEMA
from tools.base.stop import ActionRequired, CheckSkipped

STARTUP = 120
"""Seconds that it may take until the server answers."""


@contextmanager
def throw_away_server(ui: bool = False) -> Iterator[str]:
    """Start a server on this machine, and yield the address of its API.

    Raises:
        CheckSkipped: it does not start.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    url = f"http://127.0.0.1:{port}/api"
    start = ("server", "start", "--host", "127.0.0.1", "--port", port)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        environment = process.environment(**settings(url, home))
        log = Path(home, "server.log")
        with log.open("w") as output:
            server = subprocess.Popen(
                (*process.PREFECT, *start, "--ui" if ui else "--no-ui"),
                cwd=home, env=environment, stdout=output, stderr=output, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        try:
            wait(server, url, log)
            yield url
        finally:
            server.terminate()
            server.wait()


def wait(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    """Return as soon as the server answers."""
    end = time.monotonic() + STARTUP
    while time.monotonic() < end:
        if server.poll() is not None:
            break
        try:
            if httpx.get(f"{url}/health", trust_env=False).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    raise CheckSkipped(f"a Prefect server does not start here: {' '.join(lines[-3:]).strip()}")


def create_pool(url: str, name: str) -> None:
    """Create a work pool that takes what a `modal:push` pool takes."""
    template = {
        "job_configuration": {each: f"{{{{ {each} }}}}" for each in SCHEMA["properties"]},
        "variables": SCHEMA,
    }
    ask(url, "work_pools/", name=name, type="modal:push", base_job_template=template)


def ask(url: str, route: str, **body: Any) -> Any:
    """What the server answers; while its database is busy, it is asked again.

    Raises:
        ActionRequired: it refuses, with its reason.
    """
    for seconds in (0, 1, 2, 4, 8):
        time.sleep(seconds)
        answer = httpx.post(f"{url}/{route}", json=body, trust_env=False, timeout=60)
        if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
            break
    if answer.is_error:
        raise ActionRequired(f"Prefect refuses it: {answer.json().get('detail') or answer.text}")
    return answer.json()


def settings(url: str, home: str) -> dict[str, Any]:
    """Variables with which Prefect's programs know one server, whatever is set here."""
    others: dict[str, str | None] = {
        name: None for name in os.environ if name.startswith("PREFECT_")
    }
    return others | {
        "PREFECT_API_URL": url,
        "PREFECT_HOME": home,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_API_URL": url,
    }
