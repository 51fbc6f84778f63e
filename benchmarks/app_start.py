"""Compare the runners: from a container's start, and from the due time, to the first line.

Also measures the cost of an idle minute of the app. Excludes Modal's work before the container.
"""

import importlib.util
import os
import resource
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from unittest import mock
from urllib.parse import urlsplit

from benchmarks import container_start
from benchmarks.container_start import DISTANCES, START, TRIPS, at
from benchmarks.distance import Distance, distant
from benchmarks.projects import (
    PYTHON,
    deployed,
    fresh_image,
    project_baked_in,
    pushed,
    render,
    shell,
    without_pull_steps,
)
from benchmarks.proxy import counting_proxy
from benchmarks.tables import Sample, interleave, ratio, show
from tests.stand_ins.container import build_image, copy_image
from tests.stand_ins.github import GitHub
from tests.stand_ins.github_api import READ
from tests.stand_ins.modal import Call, Modal, serve_modal
from tests.stand_ins.modal_container import MODAL, Containers
from tests.stand_ins.project import Project
from tests.support.environment import clean_environment
from tests.support.prefect_server import PrefectServer

PUSH, LIMIT, APP, ENGINE = "push", "limit", "app", "app, engine alone"
CPU, SECONDS, MEMORY = "CPU, s", "seconds", "memory, MB"
DUE = "due to first line, s"
COMMAND = '"prefect", "flow-run", "execute", '
"""The command of `run`, which the row of the engine replaces."""
TICK = "import sys; sys.path.append(sys.argv[1]); import modal_app; modal_app.tick.local()"
AHEAD = (30, 3)
"""Seconds from a tick to the due times of two runs, with and without a ready container."""
MONTH = 30 * 24 * 60
"""Ticks per month."""
CORE, GIB = 0.0000131, 0.00000222
"""Dollars per second, from https://modal.com/pricing in June 2026."""
RESERVED = {"cores": 0.125, "GiB": 0.125}
"""The reservation of `tick`, Modal's minimum."""
WINDOWS = {"2, as it is": 2, "60, Modal's default": 60}
"""Seconds for which a container waits for another call."""


def measure(folder: Path, server: PrefectServer, github: GitHub) -> None:
    """Compare containers with everything installed with those of a work pool."""
    push = render(folder / "app-push")
    limit = without_pull_steps(folder / "app-limit", push)
    app = render(folder / "app-app", runner="app")
    fresh = fresh_image(folder / "image", push)
    projects = {PUSH: deployed(push, server, github), LIMIT: deployed(limit, server, github)}
    projects[PUSH].save_token(github.add_token(READ))
    images = {PUSH: fresh, LIMIT: project_baked_in(copy_image(fresh, folder / "baked"), push)}
    with serve_modal() as modal, mock.patch.dict(os.environ, modal.environment()):
        modal.secrets["prefect-acme-app-app"] = {"PREFECT_API_URL": server.url}
        projects[APP] = pushed(app, server, github)
        projects[APP].environment |= modal.environment()
        projects[APP].deploy()
        starter = Starter(projects[APP], modal, folder / "start")
        starter.build(folder / "image-app")
        for where, (round_trip, times) in DISTANCES.items():
            port = urlsplit(server.url).port or 0
            with counting_proxy() as proxy, distant(port, round_trip) as distance:
                variants: dict[str, Callable[[], Sample]] = {
                    name: container_start.sampler(
                        projects[name], image, folder / "container", proxy, distance
                    )
                    for name, image in images.items()
                }
                variants |= {
                    APP: partial(starter.sample, distance),
                    ENGINE: partial(starter.sample, distance, '"prefect.engine", '),
                }
                rows = interleave(variants, times)
                first_lines = partial(ratio, rows, column=START)
                show(
                    f"Runners: container start, {where}",
                    rows,
                    f"Start to first line: app {first_lines(APP, LIMIT)} x the limit (goal: 1.05), "
                    f"{first_lines(APP, PUSH)} x push; engine alone {first_lines(ENGINE, APP)} x "
                    f"the app, with {ratio(rows, ENGINE, APP, CPU)} x its CPU seconds.",
                    [START, CPU, TRIPS],
                )
                idle = interleave({where: partial(starter.idle, distance)}, times)
                show("Runners: one idle tick", idle, bill(idle[where]))
        late = {f"app, due {ahead} s after a tick": partial(starter.late, ahead) for ahead in AHEAD}
        show(
            "Runners: due time", interleave(late, 3), "A run of a push pool starts when it is due."
        )
    show(
        "Runners: an automation on late runs", {"one run": late_automation(server, projects[PUSH])}
    )


def bill(tick: Sample) -> str:
    """The cost of a month's ticks: Modal bills the larger of usage and reservation."""
    texts = []
    for name, window in WINDOWS.items():
        life = min(tick[SECONDS] + window, 60)
        cores = RESERVED["cores"] * life
        if life < 60:  # Otherwise, the container never stops, and imports only once.
            cores += max(tick[CPU] - RESERVED["cores"] * tick[SECONDS], 0)
        dollars = MONTH * (cores * CORE + RESERVED["GiB"] * life * GIB)
        texts.append(f"${dollars:.2f} with a scaledown_window of {name}")
    return f"A month of idle ticks: {'; '.join(texts)}."


class Starter:
    """The project's app, imported here, and the containers that it starts."""

    def __init__(self, project: Project, modal: Modal, folder: Path) -> None:
        self.project, self.modal, self.folder = project, modal, folder
        self.server = project.server
        self.image = folder
        spec = importlib.util.spec_from_file_location("modal_app", project.folder / "modal_app.py")
        assert spec
        assert spec.loader
        self.app = importlib.util.module_from_spec(spec)
        sys.modules["modal_app"] = self.app
        spec.loader.exec_module(self.app)

    def build(self, kept: Path) -> None:
        """Make the image of `run` with the command that Modal's client sent.

        Its environment depends on its folder, so each container is a copy at the same path.
        """
        base = build_image(self.folder / "usr", PYTHON, ["pip", "uv"])
        root = self.folder / ".uv"
        root.mkdir()
        for name in ("pyproject.toml", "uv.lock"):
            shutil.copy(self.project.folder / name, root)
        lines = [line for image in self.modal.images for line in image.dockerfile_commands]
        (sync,) = {line for line in lines if line.startswith("RUN /.uv/uv sync ")}
        command = sync.removeprefix("RUN ").replace("/.uv/uv ", "uv ").replace("/.uv", str(root))
        shell(root, *command.split(), UV_PYTHON=str(base / "bin/python"))
        self.image = self.folder.rename(kept)

    def container(self, secrets: dict[str, str]) -> Containers:
        """A fresh container."""
        shutil.rmtree(self.folder, ignore_errors=True)
        copy_image(self.image, self.folder)
        containers = Containers.of(
            self.project.folder, "prefect_modal", secrets, self.folder / "home"
        )
        containers.python = self.folder / ".uv/.venv/bin/python"
        return containers

    def plan(self, ahead: float = 0) -> tuple[str, float]:
        """Plan a run in so many seconds, and return its ID and time."""
        when = datetime.now(UTC) + timedelta(seconds=ahead)
        state = {"type": "SCHEDULED", "state_details": {"scheduled_time": when.isoformat()}}
        path = f"deployments/{self.project.deployment()['id']}/create_flow_run"
        return str(self.server.post(path, state=state)["id"]), when.timestamp()

    def start(self, containers: Containers, ahead: float = 0) -> tuple[float, float, float]:
        """Let a tick start a run; return its due time, container start and first line."""
        run, due = self.plan(ahead)
        ended = threading.Event()
        started: list[float] = []

        def on_call(call: Call) -> None:
            if call.arguments[0] == run:
                started.append(time.time())
                containers.start(call)
                ended.set()

        self.modal.on_call = on_call
        with mock.patch.dict(os.environ, {"PREFECT_API_URL": self.server.url}):
            self.app.tick.local()
        assert ended.wait(120)
        (call,) = (each for each in self.modal.calls.values() if each.arguments[0] == run)
        state = self.server.get(f"flow_runs/{run}")["state"]
        assert state["type"] == "COMPLETED", (state, containers.log(call))
        logs = self.server.post("logs/filter", logs={"flow_run_id": {"any_": [run]}})
        return due, started[0], at(logs, "Hello ")

    def sample(self, distance: Distance, command: str = COMMAND) -> Sample:
        """Start a container of `run`, with Prefect's command or another."""
        containers = self.container({"PREFECT_API_URL": near(distance)})
        file = containers.root / "tools/starter.py"
        text = file.read_text()
        assert text.count(COMMAND) == 1
        file.write_text(text.replace(COMMAND, command))
        distance.trips.clear()
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        _, started, greeted = self.start(containers)
        return {
            START: greeted - started,
            CPU: cpu(resource.getrusage(resource.RUSAGE_CHILDREN)) - cpu(used),
            TRIPS: sum(when < greeted for when, _ in distance.trips),
        }

    def late(self, ahead: float) -> Sample:
        due, _, greeted = self.start(self.container({"PREFECT_API_URL": self.server.url}), ahead)
        return {DUE: greeted - due}

    def idle(self, distance: Distance) -> Sample:
        """A tick in a separate process, as in its bare image, when nothing is due."""
        containers = self.container({})
        environment = clean_environment(
            PREFECT_API_URL=near(distance), PYTHONPATH=str(containers.root)
        )
        began = time.perf_counter()
        tick = subprocess.Popen(
            [str(self.folder / "usr/bin/python"), "-c", TICK, str(MODAL)],
            cwd=containers.root,
            env=environment | self.modal.environment(),
        )
        _, code, used = os.wait4(tick.pid, 0)
        tick.returncode = code
        assert code == 0
        return {
            SECONDS: time.perf_counter() - began,
            CPU: cpu(used),
            MEMORY: used.ru_maxrss / 1024,
        }


def near(distance: Distance) -> str:
    return f"http://127.0.0.1:{distance.port}/api"


def cpu(used: resource.struct_rusage) -> float:
    return used.ru_utime + used.ru_stime


@contextmanager
def webhook() -> Iterator[tuple[str, list[float]]]:
    """A receiver for an automation's messages: its address, and the time of each message."""
    calls: list[float] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            calls.append(time.time())
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}", calls
        http.shutdown()


def late_automation(server: PrefectServer, project: Project) -> Sample:
    """The other way to start a run without a work pool: an automation for late runs."""
    deployment = project.deployment()["id"]
    with webhook() as (address, calls):
        kind = server.get("block_types/slug/webhook")["id"]
        schemas = server.post(
            "block_schemas/filter", block_schemas={"block_type_id": {"any_": [kind]}}
        )
        block = server.post(
            "block_documents/", name="starter", block_type_id=kind,
            block_schema_id=schemas[0]["id"], data={"method": "POST", "url": address},
        )  # fmt: skip
        automation = server.post(
            "automations/", name="starter",
            trigger={
                "type": "event", "posture": "Reactive", "threshold": 1, "within": 0,
                "expect": ["prefect.flow-run.Late"],
                "match_related": {"prefect.resource.id": f"prefect.deployment.{deployment}"},
            },
            actions=[{"type": "call-webhook", "block_document_id": block["id"], "payload": "{}"}],
        )  # fmt: skip
        due = time.time() + 5
        then = datetime.fromtimestamp(due, UTC).isoformat()
        state = {"type": "SCHEDULED", "state_details": {"scheduled_time": then}}
        server.post(f"deployments/{deployment}/create_flow_run", state=state)
        while not calls and time.time() < due + 60:
            time.sleep(0.1)
        server.ask("DELETE", f"automations/{automation['id']}")
    return {"due to call, s": calls[0] - due}
