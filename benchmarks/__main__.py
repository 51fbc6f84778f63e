"""Print the named tables, or all, in the form of docs/performance.md.

`make benchmark TABLES=container` starts this with the folder of the project's tools on the path.
"""

import os
import platform
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks import app_start, container_start, deploy_job, doctor, fifty, growth, render
from tests.stand_ins.github import GitHub, serve_github
from tests.support.prefect_server import PrefectServer, serve

TABLES: dict[str, Callable[[Path, PrefectServer, GitHub], None]] = {
    "container": container_start.measure,
    "app": app_start.measure,
    "deploy": deploy_job.measure,
    "render": render.measure,
    "growth": growth.measure,
    "doctor": doctor.measure,
    "fifty": fifty.measure,
}


def main(names: list[str]) -> None:
    if unknown := set(names) - TABLES.keys():
        sys.exit(f"No such table: {', '.join(sorted(unknown))}. Type {', '.join(TABLES)}.")
    print(
        f"Measured on {datetime.now(UTC):%Y-%m-%d} on {os.cpu_count()} cores, "
        f"with Python {platform.python_version()}, Prefect {version('prefect')}, "
        f"uv {version('uv')} and Copier {version('copier')}."
    )
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        for name in ("server", "github"):
            (top / name).mkdir()
        with serve(top / "server") as server, serve_github(top / "github") as github:
            server.create_push_pool("pref-modal-pool")
            for name in names or TABLES:
                (top / name).mkdir()
                TABLES[name](top / name, server, github)


if __name__ == "__main__":
    main(sys.argv[1:])
