"""The containers that Modal starts for calls of a project's `run`."""

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import modal

from tests.stand_ins.modal import Call, Result
from tests.support.environment import clean_environment

MODAL = Path(modal.__file__).parent.parent
"""The folder of Modal's client, which every container gets besides its own packages."""
RUN = """
import json, sys
sys.path.append(sys.argv[1])
from modal._runtime.execution_context import _set_current_context_ids
_set_current_context_ids(["in-0"], [sys.argv[2]], [""])
import modal_app
modal_app.run.local(*json.loads(sys.argv[3]))
"""


@dataclass
class Containers:
    """Runs each call as a process in its own environment, until it ends or is stopped."""

    root: Path
    """The folder `/root`, which has the app and the package."""
    secrets: dict[str, str]
    """The environment of `run`."""
    home: Path
    python: Path = Path(sys.executable)
    """The environment of the image."""
    running: dict[str, subprocess.Popen[str]] = field(default_factory=dict)
    repeated: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, project: Path, package: str, secrets: dict[str, str], home: Path) -> "Containers":
        root = home / "root"
        shutil.copytree(project / "src" / package, root / package)
        shutil.copy(project / "modal_app.py", root)
        shutil.copytree(project / "tools", root / "tools")
        return cls(root, secrets, home)

    def start(self, call: Call) -> None:
        """Run the call, repeat it if its machine was preempted, and report its end."""
        while True:
            again = self.once(call)
            if not again:
                return

    def once(self, call: Call) -> bool:
        command = [str(self.python), "-c", RUN, str(MODAL), call.id, json.dumps(call.arguments)]
        environment = clean_environment() | self.secrets | {
            "HOME": str(self.home), "PYTHONPATH": str(self.root),
            "PREFECT_FLOW_RUN_EXECUTE_SIGTERM_BEHAVIOR": "relinquish",
        }  # fmt: skip
        with (self.home / f"{call.id}.log").open("a") as log:
            process = self.running[call.id] = subprocess.Popen(
                command, cwd=self.root, env=environment, stdout=log, stderr=log, text=True,
                start_new_session=True,
            )  # fmt: skip
            code = process.wait()
        if call.id in self.repeated:
            self.repeated.discard(call.id)
            return True
        if call.result is None:
            status = Result.GENERIC_STATUS_FAILURE if code else Result.GENERIC_STATUS_SUCCESS
            call.end(status, f"exit code {code}" if code else "")
        return False

    def take_away(self, call: Call) -> None:
        """Preempt the machine after an interrupt; Modal repeats the call elsewhere."""
        self.repeated.add(call.id)
        self.running[call.id].send_signal(signal.SIGINT)

    def kill(self, call: Call) -> None:
        """Kill everything in the container, as when its memory is used up."""
        home = f"HOME={self.home}\0".encode()
        for environment in Path("/proc").glob("[0-9]*/environ"):
            try:
                if home in environment.read_bytes():
                    os.kill(int(environment.parent.name), signal.SIGKILL)
            except OSError:
                continue

    def log(self, call: Call) -> str:
        return (self.home / f"{call.id}.log").read_text()
