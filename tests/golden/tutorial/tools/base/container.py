# mypy: ignore-errors
"""An imitation of Modal's container for a run: a Python, a home and nothing else."""

import contextlib
import os
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.base import process
from tools.base.project import Project
from tools.base.stop import CheckSkipped

KEPT = ("LANG", "LC_ALL", "SSL_CERT_FILE", "http_proxy", "https_proxy", "no_proxy")
SYNC = ("sync", "--quiet", "--locked", "--no-default-groups", "--no-editable")


@dataclass
class Container:
    """One start of an image, killed after the job variable `timeout`."""

    prefix: Path
    """The folder of its Python; in an image, /usr/local."""
    home: Path
    environment: dict[str, str] = field(default_factory=dict)
    path: tuple[str, ...] = ()
    """Folders of programs that its Python lacks."""
    second: float = 1.0
    """The real duration of one second of `timeout`."""
    output: int | None = subprocess.PIPE

    def execute(self, flow_run_id: str, job_variables: dict[str, Any]) -> process.Completed:
        """Start a flow run as Modal does; the exit code says nothing about the run."""
        command = (str(self.prefix / "bin/python"), "-m", "prefect", "flow-run", "execute")
        (work := self.home / "work").mkdir(parents=True)
        return self.run(*command, cwd=work, given=job_variables, PREFECT__FLOW_RUN_ID=flow_run_id)

    def run(
        self, *command: str, cwd: Path, given: dict[str, Any], **extra: str
    ) -> process.Completed:
        """Run a program with the environment and timeout of the job variables."""
        env = given.get("env") or {}
        environment = {name: os.environ[name] for name in KEPT if name in os.environ}
        environment |= {
            "HOME": str(self.home),
            "GIT_CONFIG_NOSYSTEM": "1",
            "PATH": os.pathsep.join((str(self.prefix / "bin"), *self.path)),
        }
        environment |= {n: str(self.prefix) if v == "/usr/local" else v for n, v in env.items()}
        started = subprocess.Popen(
            command,
            cwd=cwd,
            env=environment | self.environment | extra,
            stdin=subprocess.DEVNULL,
            stdout=self.output,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        try:
            output, _ = started.communicate(timeout=given.get("timeout", 300) * self.second)
        except BaseException as error:
            self.kill()
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            output, _ = started.communicate()
        return process.Completed(command, started.returncode, output, "")

    def kill(self) -> None:
        """Kill every process in it; Prefect starts the flow's process in its own session."""
        home = f"HOME={self.home}\0".encode()
        for _ in range(3):  # A process may just have started another one.
            for environment in Path("/proc").glob("[0-9]*/environ"):
                with contextlib.suppress(OSError):
                    if home in environment.read_bytes():
                        os.kill(int(environment.parent.name), signal.SIGKILL)


def install(project: Project, prefix: Path, *options: str) -> None:
    """Make the environment of a run: the locked packages without dependency groups.

    Raises:
        CheckSkipped: uv failed, with its message.
    """
    uv = process.uv(project.root)
    done = project.run(uv, *SYNC, *options, limit=None, UV_PROJECT_ENVIRONMENT=str(prefix))
    if done.returncode != 0:
        raise CheckSkipped(f"uv cannot install the project: {process.last_error(done)}")
