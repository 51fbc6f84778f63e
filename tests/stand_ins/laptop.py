"""A user's machine with a rendered project, and the accounts to connect it to."""

import contextlib
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import pexpect
from prefect.context import refresh_global_settings_context
from tools.base.project import Project
from tools.bootstrap import bootstrap
from tools.doctor import CHECKS, diagnose

from tests.stand_ins.github import GitHub
from tests.stand_ins.prefect_cloud import PrefectCloud
from tests.support.copier import published
from tests.support.environment import UV_CACHE
from tests.support.forked import become, forks
from tests.support.git import commit, git

STEPS = [
    "Conflicts", "prefect.yaml", "Remote", "Prefect", "GitHub token", "Modal token", "Work pool",
    "GitHub secrets", "Commit", "Deployment", "Updates", "Alarm",
]  # fmt: skip
"""The steps of `make bootstrap`, in order."""
APP_STEPS = [name.replace("Work pool", "Modal secret") for name in STEPS if name != "GitHub token"]
"""The steps if a Modal app starts the runs."""
SLOW = ("uv", "Lock file", "Template")


def steps(said: str) -> dict[str, str]:
    """The output of `make bootstrap` for each step, in sentences."""
    lines = re.findall(r"^[✓✗!?] (.+?) \((.+?)\):\s+(.*(?:\n  .*)*)", said, re.MULTILINE)
    found = {name: sentences(did, text) for name, did, text in lines}
    assert list(found) in (STEPS, APP_STEPS), said
    return found


def sentences(did: str, text: str) -> str:
    """What was done and is found, in one line."""
    return re.sub(r"\n +", ". ", f"{did}. {text}")


class Transcript:
    """A file for pexpect that writes to a list."""

    def __init__(self, said: list[str]) -> None:
        self.write = said.append

    def flush(self) -> None:
        """Nothing waits."""


@dataclass
class Laptop:
    """A machine with a rendered project, and its user."""

    project: Path
    name: str
    cloud: PrefectCloud
    github: GitHub
    template: Path
    home: Path
    python: str
    packages: Path
    """The environment that it shares with the other laptops of its Python."""
    token: str
    """The GitHub token for containers; it can only read."""
    modal: str
    owner: str
    """The GitHub token of the laptop's owner, with all rights."""
    closing_message: str
    """Copier's message about what to do next."""
    said: list[str] = field(default_factory=list)
    """The whole output."""
    others: dict[str, str | None] = field(default_factory=dict)
    """Values for other kinds of accounts; None removes one."""

    def environment(self, **extra: str | None) -> dict[str, str]:
        """Every value that the accounts need; None removes one."""
        environment: dict[str, str | None] = {
            **published(self.template),
            **self.cloud.environment(),
            **self.github.environment(self.owner),
            "GIT_AUTHOR_NAME": "Test", "GIT_AUTHOR_EMAIL": "test@example.com",
            "GIT_COMMITTER_NAME": "Test", "GIT_COMMITTER_EMAIL": "test@example.com",
            "HOME": str(self.home), "PREFECT_HOME": str(self.home / ".prefect"),
            "UV_CACHE_DIR": str(UV_CACHE), "UV_PYTHON": self.python,
            "UV_PYTHON_DOWNLOADS": "never", "UV_PROJECT_ENVIRONMENT": str(self.packages),
            "GITHUB_CLONE_TOKEN": self.token,
            "MODAL_TOKEN_ID": "token-id", "MODAL_TOKEN_SECRET": self.modal,
            **self.others,
            **extra,
        }  # fmt: skip
        return {name: value for name, value in environment.items() if value is not None}

    def run(self, *command: str, **extra: str | None) -> subprocess.CompletedProcess[str]:
        with forks():
            done = subprocess.run(
                command, check=False, cwd=self.project, env=self.environment(**extra),
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                start_new_session=True, timeout=300,
            )  # fmt: skip
        self.said.append(done.stdout)
        return done

    @staticmethod
    def tool(name: str) -> str:
        """A program of the tests' environment, which has a project's packages."""
        return str(Path(sys.executable).with_name(name))

    @contextmanager
    def project_here(self, **extra: str | None) -> Iterator[Project]:
        """The project for the tools in this process, with the laptop's environment."""
        # The server's database may be busy for a moment.
        environment = self.environment(PREFECT_CLIENT_MAX_RETRIES="1", **extra)
        with mock.patch.dict(os.environ, environment, clear=True), forks():
            yield Project(self.project)
        refresh_global_settings_context()

    def make_bootstrap(self, **extra: str | None) -> tuple[bool, dict[str, str]]:
        """Whether `make bootstrap` calls the project ready, and its output for each step."""
        done = self.run("make", "bootstrap", **extra)
        return done.returncode == 0, steps(done.stdout)

    def bootstrap(self, **extra: str | None) -> tuple[bool, dict[str, str]]:
        """The same without make, in this process."""
        with (
            self.project_here(**extra) as project,
            contextlib.redirect_stdout(io.StringIO()) as said,
        ):
            code = bootstrap(project)
        self.said.append(said.getvalue())
        return code == 0, steps(said.getvalue())

    def doctor(self, **extra: str | None) -> dict[str, str]:
        """The findings of `make doctor` that have not passed: status, finding and remedy by check.

        It leaves out the checks of uv and Copier, which take most of its time.
        """
        with self.project_here(**extra) as project:
            checks = [check for check in CHECKS if check.name not in SLOW]
            report = list(diagnose(project, checks))
        found = {
            name: f"{found.status}: {found.text}. {found.remedy}"
            for name, found in report
            if found.status != "passed"
        }
        self.said.append(str(found))
        return found

    def make_doctor(self, **extra: str | None) -> dict[str, str]:
        """The same from its real command, which changes nothing."""
        before = self.state()
        done = self.run("make", "--silent", "doctor", "ARGS=--json", **extra)
        # Prefect may warn before, and make reports the exit code after.
        found, _ = json.JSONDecoder().raw_decode(done.stdout, done.stdout.index("[\n"))
        assert (done.returncode == 0) is ("failed" not in [check["status"] for check in found])
        assert self.state() == before
        return {
            check["check"]: f"{check['status']}: {check['text']}. {check['remedy']}"
            for check in found
            if check["status"] != "passed"
        }

    def state(self) -> list[object]:
        """Everything that a command could change, here and on the server."""
        server = self.cloud.server
        pools = server.post("work_pools/filter")
        return [
            self.files() if self.is_repository() else "",
            [{n: v for n, v in pool.items() if n not in ("updated", "status")} for pool in pools],
            server.post("block_documents/filter", include_secrets=True),
            [d["version"] for d in server.post("deployments/filter")],
            dict(self.github.secrets),
            dict(self.github.permissions),
        ]

    def files(self) -> list[str]:
        """The state of the project's files in git, without Python's caches."""
        lines = git(self.project, "status", "--porcelain", "--ignored").splitlines()
        return [line for line in lines if "__pycache__" not in line]

    def is_repository(self) -> bool:
        return (self.project / ".git").exists()

    def push(self) -> None:
        commit(self.project)
        self.run("git", "push", "--quiet", "origin", "HEAD")

    def talk(self, command: str, **extra: str | None) -> "pexpect.spawn[str]":
        """Run a command of the tools in a terminal; its output is added to `said`."""
        environment = self.environment(TERM="xterm", NO_COLOR="1", COLUMNS="200", **extra)
        terminal = pexpect.spawn(
            sys.executable, cwd=str(self.project), encoding="utf-8", timeout=60,
            preexec_fn=lambda: become(["tools", command], environment),
        )  # fmt: skip
        terminal.logfile_read = Transcript(self.said)
        return terminal

    def assert_no_secret_was_said(self) -> None:
        values = (self.token, self.owner, self.modal, self.cloud.key)
        texts = {"what was said": "".join(self.said)}
        for file in self.project.rglob("*"):
            if file.is_file() and not {".venv", "objects"} & set(file.parts):
                texts[str(file)] = file.read_bytes().decode(errors="replace")
        if self.is_repository():
            texts["the history"] = git(self.project, "log", "--all", "--patch")
        assert {place for place, text in texts.items() for v in values if v in text} == set()

    @property
    def pool(self) -> str:
        """The name of its work pool."""
        return self.name.split("/")[1]
