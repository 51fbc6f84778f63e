"""Renovate itself, and the network's edge: where it asks for releases."""

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.support.copier import URL
from tests.support.environment import clean_environment
from tests.support.git import git
from tests.support.repository import ROOT

RENOVATE = ROOT / ".venv/renovate/node_modules/renovate/dist"


@dataclass
class Dependency:
    """One version in one file, as Renovate sees it."""

    file: str
    name: str
    value: str | None
    """What the file says, such as `v7.0.1` or `<2`."""
    updates: dict[str, str]
    """What it would say instead, by the branch that brings it."""
    source: str | None
    """The web address of the code."""


@dataclass
class Report:
    """What Renovate says about a repository."""

    dependencies: list[Dependency]
    titles: dict[str, str]
    """The titles of the pull requests that it would open, by branch."""

    def updates(self) -> dict[tuple[str, str], dict[str, str]]:
        """What Renovate would update, by file and name."""
        return {(d.file, d.name): d.updates for d in self.dependencies if d.updates}


NEWEST = "9999.0.0"


class Registries(BaseHTTPRequestHandler):
    """Where every action and every package has 1200 old releases and a new one, `NEWEST`."""

    VERSIONS = (*(f"{n // 100}.{n // 5 % 20}.{n % 5}" for n in range(1200)), NEWEST)

    def do_POST(self) -> None:
        """Answer as GitHub does when it is asked for the tags of a repository."""
        self.rfile.read(int(self.headers["Content-Length"]))
        date = "2026-01-01T00:00:00Z"
        commit = {"type": "Commit", "oid": "f" * 40, "releaseTimestamp": date}
        tags = [{"version": f"v{version}", "target": commit} for version in self.VERSIONS]
        payload = {"nodes": tags, "pageInfo": {"hasNextPage": False}}
        self.answer({"data": {"repository": {"isRepoPrivate": False, "payload": payload}}})

    def do_GET(self) -> None:
        """Answer as an index of Python packages does."""
        self.answer({"releases": {version: [{}] for version in self.VERSIONS}})

    def answer(self, body: dict[str, object]) -> None:
        content = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture(scope="session")
def registries() -> Iterator[str]:
    """The address of the stand-in for GitHub's API and for the index of Python packages."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Registries) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="session")
def renovate(
    registries: str, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Path, Path | None], Report]:
    """Run Renovate over a git repository, with the template of the project in a folder."""

    def run(folder: Path, template: Path | None = None) -> Report:
        home = tmp_path_factory.mktemp("renovate")
        if template:
            setting = [f"url.file://{template}.insteadOf", URL]
            git(home, "config", "--file", ".gitconfig", *setting)
        # As an administrator of Renovate would name a mirror; the project's own rules come after.
        rules = [{"matchDatasources": ["github-tags", "pypi"], "registryUrls": [registries]}]
        environment = clean_environment(
            HOME=str(home),
            RENOVATE_BASE_DIR=str(home / "base"),
            RENOVATE_CONFIG=json.dumps({"packageRules": rules}),
        )
        # A full dry run names the pull requests, and ends there: a local folder has no branches.
        command = [
            "node", str(RENOVATE / "renovate.js"), "--platform=local", "--dry-run=full", "--onboarding=false",
            "--github-token-warn=false", "--report-type=file", f"--report-path={home}/report.json",
        ]  # fmt: skip
        done = subprocess.run(
            command,
            check=False,
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == 0, done.stdout
        report = json.loads((home / "report.json").read_text())["repositories"]["local"]
        found = [
            Dependency(
                file["packageFile"],
                dep["depName"],
                dep.get("currentValue"),
                {update["branchName"]: update["newValue"] for update in dep.get("updates", [])},
                dep.get("sourceUrl"),
            )
            for files in report["packageFiles"].values()
            for file in files
            for dep in file["deps"]
        ]
        assert found, done.stdout
        return Report(found, {b["branchName"]: b["prTitle"] for b in report["branches"]})

    return run
