"""Programs of this Python that start in no time: as forks of this process, which has Prefect already."""

import contextlib
import inspect
import os
import re
import runpy
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

from plumbum import local
from prefect.context import refresh_global_settings_context

from tests.support.repository import ROOT

COPIER = ROOT / ".venv/bin/copier"
TARGETS = {
    "check": "check",
    "prefect-deploy": "deploy",
    "preview": "preview",
    "preview-delete": "preview-delete",
    "prune": "prune",
    "rehearse": "rehearse",
}
"""Targets of a project's Makefile, and which command of its tools each runs."""
OPTIONS = {"FORCE=1": "--force", "YES=1": "--yes"}


def arguments_of(command: tuple[str, ...]) -> list[str]:
    """What stands after `python -m`, if the command is one of these or of those targets."""
    if command[:2] == (sys.executable, "-m"):
        return list(command[2:])
    if command[:1] == (str(COPIER),):
        return ["copier", *command[1:]]
    if command[:1] != ("make",) or command[1] not in TARGETS:
        return []
    options = [re.sub("^PARAMS=", "--params=", OPTIONS.get(each, each)) for each in command[2:]]
    known = all(each.startswith("--") for each in options)
    return ["tools", TARGETS[command[1]], *options] if known else []


class Forked(subprocess.Popen[Any]):
    """A process like any other; but what runs a module in this Python is a fork of this process.

    Prefect takes a second or two to import, and most programs that the tools start need it. That
    make and uv start the same is proved where act runs a workflow or a document is followed.
    """

    def _execute_child(self, *arguments: Any) -> None:
        start = super()._execute_child  # type: ignore[misc]
        given = inspect.signature(start).bind(*arguments).arguments
        module = arguments_of(tuple(map(str, given["args"])))
        if not module:
            start(*arguments)
            return
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if not self.pid:
            _become(module, given)
        self._child_created = True
        pipes = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
        self._close_pipe_fds(*(given[name] for name in pipes))  # type: ignore[attr-defined]


def _become(arguments: list[str], given: dict[str, Any]) -> None:
    """Run a module in this fork, with the streams and the session that Popen was asked for."""
    if given["start_new_session"]:
        os.setsid()
    for number, name in enumerate(("p2cread", "c2pwrite", "errwrite")):
        if given[name] != -1:
            os.dup2(given[name], number)
    if given["cwd"] is not None:
        os.chdir(given["cwd"])
    become(arguments, os.environ if given["env"] is None else given["env"])


def become(arguments: list[str], environment: Mapping[str, str]) -> None:
    """Run a module in this fork as its only program, and end with its exit code."""
    code = 1
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.closerange(3, 4096)
        for number, name in enumerate(("stdin", "stdout", "stderr")):
            setattr(sys, name, os.fdopen(number, "w" if number else "r", closefd=False))
        variables = dict(environment)
        os.environ.clear()
        os.environ.update(variables)
        # An environment in which uv has installed the project, with the project's own tools.
        sys.path[:0] = [os.getcwd(), str(Path("src").absolute())]
        for name in [name for name in sys.modules if name.partition(".")[0] == "tools"]:
            del sys.modules[name]
        if arguments[0] == "tools":
            os.environ["PREFECT_CLIENT_MAX_RETRIES"] = "0"
        refresh_global_settings_context()
        # Copier starts git with the environment and the folder that plumbum remembers.
        local.env.clear()
        local.env.update(os.environ)
        local.cwd.chdir(os.getcwd())
        sys.argv = arguments
        runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


@contextlib.contextmanager
def forks() -> Iterator[None]:
    """Let this process fork what it starts of its own Python."""
    with mock.patch.object(subprocess, "Popen", Forked):
        yield
