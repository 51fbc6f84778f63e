# mypy: ignore-errors
"""A Prefect server for one command, with the work pools that a project uses."""

import contextlib
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from tools.base import process
from tools.base.pool_variables import SCHEMA
from tools.base.stop import ActionRequired

LIMIT = 120
"""The time limit for a start on a busy machine, in seconds."""


EMPTY = Path(sys.prefix, f"prefect-{version('prefect')}.db")
"""A new database of this Prefect version; creating it takes most of a first start."""


@contextmanager
def throw_away_server(ui: bool = False) -> Iterator[str]:
    """Run a server for this machine only, and yield the address of its API.

    It reads no settings of the user or the project, and leaves nothing behind.

    Raises:
        ActionRequired: it did not start.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    url = f"http://127.0.0.1:{port}/api"
    command = (*process.PREFECT, "server", "start", "--host", "127.0.0.1", "--port", port)
    with TemporaryDirectory(prefix="prefect-", ignore_cleanup_errors=True) as home:
        environment = process.environment(
            **settings(url, home),
            PREFECT_SERVER_UI_API_URL=url,
            PREFECT_SERVER_UI_ENABLED=str(ui),
        )
        database = Path(home, "prefect.db")
        if EMPTY.exists():
            shutil.copy(EMPTY, database)
        with (log := Path(home, "server.log")).open("wb") as output:
            server = subprocess.Popen(
                command,
                cwd=home,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # Ctrl-C is for the flow, which still has to report its end to the server.
                start_new_session=True,
            )
        try:
            wait(url, server, log)
            keep(database)
            yield url
        finally:
            stop(server)


def settings(url: str, home: str) -> dict[str, Any]:
    """Variables that point Prefect's programs to one server, overriding all settings."""
    others = {name: None for name in os.environ if name.startswith("PREFECT_")}
    return others | {
        "PREFECT_API_URL": url,
        "PREFECT_HOME": home,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    }


def wait(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    """Return as soon as the server answers."""
    end = time.monotonic() + LIMIT
    while server.poll() is None and time.monotonic() < end:
        try:
            if httpx.get(f"{url}/health", trust_env=False).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    EMPTY.unlink(missing_ok=True)
    said = log.read_text(errors="replace").strip().splitlines() or ["it printed nothing"]
    raise ActionRequired(f"Prefect's server did not start: {said[-1].strip()}")


def keep(database: Path) -> None:
    """Keep a new database to speed up the next start."""
    if EMPTY.exists():
        return
    mine = EMPTY.with_suffix(f".{os.getpid()}")
    with contextlib.suppress(OSError, sqlite3.Error):
        with (
            contextlib.closing(sqlite3.connect(database)) as here,
            contextlib.closing(sqlite3.connect(mine)) as there,
        ):
            here.backup(there)
        mine.replace(EMPTY)


def stop(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(timeout=10)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def create_pool(url: str, name: str) -> None:
    """Create a work pool with the schema of a `modal:push` pool."""
    template = {
        "job_configuration": {each: f"{{{{ {each} }}}}" for each in SCHEMA["properties"]},
        "variables": SCHEMA,
    }
    ask(url, "work_pools/", name=name, type="modal:push", base_job_template=template)


def ask(url: str, route: str, **body: Any) -> Any:
    """Return the server's answer; retry while its database is busy.

    Raises:
        ActionRequired: the server refuses, with its reason.
    """
    for seconds in (0, 1, 2, 4, 8):
        time.sleep(seconds)
        answer = httpx.post(f"{url}/{route}", json=body, trust_env=False, timeout=60)
        if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
            break
    if answer.is_error:
        raise ActionRequired(f"Prefect refuses this: {answer.json().get('detail') or answer.text}")
    return answer.json()
