"""Without a work pool, the project's Modal app starts each due run, and loses none.

The app is the rendered one, imported by Modal's own client; `tick` runs in this process, `run`
in a process of its own. Modal itself is a stand-in, to which the client deploys and sends calls.
"""

import importlib.util
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.message import Message
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.error import HTTPError

import pytest
from grpclib import Status
from tools import starter

from tests.e2e.conftest import StartProject
from tests.stand_ins.modal import Call, Modal, Result, serve_modal
from tests.stand_ins.modal_container import Containers
from tests.stand_ins.project import Project

HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"
FLOW = '''"""A flow that says what it does, and takes its time."""

import time
from pathlib import Path

from prefect import flow


@flow(log_prints=True, timeout_seconds=600)
def main(folder: str, seconds: float = 0, fails: int = 0) -> None:
    begun = list(Path(folder).iterdir())
    Path(folder, f"{len(begun)}-{time.time()}").touch()
    time.sleep(seconds)
    if len(begun) < fails:
        raise ValueError("again")


retrying = main.with_options(name="retrying", retries=1, retry_delay_seconds=4)
'''
DEPLOYMENTS = """
  - name: slow
    entrypoint: prefect_modal.flows.slow:main
    version: "{{ commit.stdout }}"
    paused: false
    tags: [slow]
    schedules: []
    work_pool:
      job_variables: {cpu: 0.5, memory: 1024, gpu: A10G, timeout: 90, secrets: [other]}
  - name: one-at-a-time
    entrypoint: prefect_modal.flows.slow:main
    version: "{{ commit.stdout }}"
    paused: false
    tags: [slow]
    schedules: []
    concurrency_limit: 1
    work_pool: *modal
  - name: retrying
    entrypoint: prefect_modal.flows.slow:retrying
    version: "{{ commit.stdout }}"
    paused: false
    tags: [slow]
    schedules: []
    work_pool: *modal
"""


@pytest.fixture(scope="module")
def modal() -> Iterator[Modal]:
    with serve_modal() as modal, pytest.MonkeyPatch.context() as patch:
        for name, value in modal.environment().items():
            patch.setenv(name, value)
        yield modal


@pytest.fixture(scope="module")
def project(start_project: StartProject, modal: Modal) -> Project:
    """A project that was deployed: the app to Modal, three more deployments to Prefect."""
    project = start_project(HERE, runner="app", schedule="never")
    (project.folder / "src/prefect_modal/flows/slow.py").write_text(FLOW)
    with (project.folder / "prefect.yaml").open("a") as file:
        file.write(DEPLOYMENTS)
    project.push()
    project.environment |= modal.environment()
    name = project.repository.replace("/", "-")
    modal.secrets |= {f"prefect-{name}": {"PREFECT_API_URL": project.server.url}, "other": {}}
    project.deploy()
    return project


@pytest.fixture(scope="module")
def app(project: Project, modal: Modal) -> Any:
    """The rendered modal_app.py."""
    spec = importlib.util.spec_from_file_location("modal_app", project.folder / "modal_app.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "modal_app", module)
        patch.setenv("PREFECT_API_URL", project.server.url)
        spec.loader.exec_module(module)
        yield module


class Runs:
    """Runs of the project's deployments, and their outcomes."""

    def __init__(self, project: Project, modal: Modal, folder: Path) -> None:
        self.project, self.modal, self.server = project, modal, project.server
        self.marks = folder / "marks"
        self.marks.mkdir()
        self.containers = Containers.of(
            project.folder, "prefect_modal", {"PREFECT_API_URL": project.server.url}, folder
        )

    def due(self, when: float = 0, deployment: str = "slow", **parameters: object) -> str:
        """Plan a run of a deployment, in so many seconds from now."""
        (found,) = self.server.post(
            "deployments/filter", deployments={"name": {"any_": [deployment]}}
        )
        then = (datetime.now(UTC) + timedelta(seconds=when)).isoformat()
        state = {"type": "SCHEDULED", "state_details": {"scheduled_time": then}}
        run = self.server.post(
            f"deployments/{found['id']}/create_flow_run",
            state=state, parameters={"folder": str(self.marks), **parameters},
        )  # fmt: skip
        return str(run["id"])

    def __getitem__(self, run: str) -> Any:
        return self.server.get(f"flow_runs/{run}")

    def states(self, run: str) -> list[str]:
        states = self.server.get(f"flow_run_states/?flow_run_id={run}")
        return [each["name"] for each in sorted(states, key=lambda each: each["timestamp"])]

    def set(self, run: str, state_type: str, **state: object) -> None:
        """Set the state of a run, as its engine or a person would."""
        body = {"state": {"type": state_type, **state}, "force": False}
        assert self.server.post(f"flow_runs/{run}/set_state", **body)["status"] == "ACCEPT"

    def running(self, tick: Callable[[], None], **due: Any) -> tuple[str, Call]:
        """A run whose container has begun its flow, according to Prefect."""
        tick()
        run = self.due(**due)
        tick()
        self.set(run, "RUNNING")
        return run, self.calls(run)[0]

    def wait_seconds(self, run: str) -> float:
        """The seconds from a run's last state until it is due."""
        state = self[run]["state"]
        then = datetime.fromisoformat(state["state_details"]["scheduled_time"])
        return (then - datetime.fromisoformat(state["timestamp"])).total_seconds()

    def calls(self, run: str) -> list[Call]:
        return [call for call in self.modal.calls.values() if call.arguments[0] == run]

    def wait(self, run: str, *types: str, seconds: float = 60) -> Any:
        """Wait until a run has one of these states."""
        end = time.monotonic() + seconds
        while (found := self[run])["state_type"] not in types:
            assert time.monotonic() < end, (found["state"], self.logs(run))
            time.sleep(0.2)
        return found

    def logs(self, run: str) -> str:
        return "\n".join(self.containers.log(call) for call in self.calls(run))


@pytest.fixture
def runs(project: Project, app: Any, modal: Modal, tmp_path: Path) -> Iterator[Runs]:
    """No call starts anything, unless a test uses containers."""
    modal.calls.clear()
    modal.on_call = lambda call: None
    modal.refuses.clear()
    yield (runs := Runs(project, modal, tmp_path))
    left = runs.server.post(
        "flow_runs/filter",
        flow_runs={"state": {"type": {"any_": ["SCHEDULED", "PENDING", "RUNNING", "CANCELLING"]}}},
    )
    for call in modal.calls.values():
        runs.containers.kill(call)
    for each in left:
        runs.server.ask("DELETE", f"flow_runs/{each['id']}")


def test_a_run_that_is_due_is_executed_with_what_was_deployed(
    runs: Runs, app: Any, modal: Modal
) -> None:
    modal.on_call = runs.containers.start
    run = runs.due(6)
    app.tick.local()
    ended = runs.wait(run, "COMPLETED")
    (call,) = runs.calls(run)
    assert runs.states(run) == ["Scheduled", "Pending", "Running", "Completed"]
    assert ended["infrastructure_pid"] == call.id
    begun, planned = map(
        datetime.fromisoformat, (ended["start_time"], ended["expected_start_time"])
    )
    assert begun > planned - timedelta(seconds=1)  # Not before its time, though the tick was.
    options = call.options
    assert (options.resources.milli_cpu, options.resources.memory_mb) == (500, 1024)
    assert (options.resources.gpu_config.gpu_type, options.timeout_secs) == ("A10G", 90)
    app.tick.local()
    assert len(runs.calls(run)) == 1


def test_of_four_ticks_at_once_one_starts_it(runs: Runs, app: Any) -> None:
    run = runs.due()
    with ThreadPoolExecutor() as threads:
        for done in [threads.submit(app.tick.local) for _ in range(4)]:
            done.result()
    assert len(runs.calls(run)) == 1


def test_a_run_that_is_late_is_started_and_one_that_is_not_due_is_not(runs: Runs, app: Any) -> None:
    late, early = runs.due(-7200), runs.due(300)
    app.tick.local()
    assert len(runs.calls(late)) == 1
    assert not runs.calls(early)
    assert runs[early]["state_name"] == "Scheduled"


@pytest.mark.parametrize("state", ["PAUSED", "CANCELLED"])
def test_a_run_that_is_paused_or_cancelled_is_not_started(runs: Runs, app: Any, state: str) -> None:
    run = runs.due()
    runs.server.post(f"flow_runs/{run}/set_state", state={"type": state}, force=True)
    app.tick.local()
    assert not runs.calls(run)
    assert runs[run]["state_type"] == state


def test_fifty_runs_that_are_due_at_once_are_started_once_each(runs: Runs, app: Any) -> None:
    due = {runs.due() for _ in range(50)}
    app.tick.local()
    app.tick.local()
    assert sorted(call.arguments[0] for call in runs.modal.calls.values()) == sorted(due)
    assert all(runs[run]["infrastructure_pid"] for run in due)


def test_a_run_over_the_concurrency_limit_waits_without_a_container(runs: Runs, app: Any) -> None:
    first = runs.due(0, "one-at-a-time")
    app.tick.local()
    second = runs.due(0, "one-at-a-time")
    app.tick.local()
    assert (len(runs.calls(first)), len(runs.calls(second))) == (1, 0)
    runs.set(first, "RUNNING")
    app.tick.local()
    assert not runs.calls(second)
    assert runs[second]["state_name"] == "AwaitingConcurrencySlot"
    runs.set(first, "COMPLETED")
    app.tick.local()
    assert len(runs.calls(second)) == 1


def test_while_prefect_is_away_runs_wait(
    runs: Runs, app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = runs.due()
    monkeypatch.setattr(starter, "time", SimpleNamespace(sleep=lambda _: None))
    with monkeypatch.context() as away:
        away.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
        for _ in range(3):
            with pytest.raises(RuntimeError, match="Prefect does not answer"):
                app.tick.local()
    assert not runs.calls(run)
    app.tick.local()
    assert len(runs.calls(run)) == 1


@pytest.mark.parametrize("fault", [429, 500, TimeoutError("timed out")])
def test_a_request_that_fails_for_a_while_is_sent_again(
    runs: Runs, app: Any, monkeypatch: pytest.MonkeyPatch, fault: int | OSError
) -> None:
    real, failed = urllib.request.urlopen, set()

    def busy(request: Any, timeout: float) -> Any:
        if request.full_url in failed:
            return real(request, timeout=timeout)
        failed.add(request.full_url)
        if isinstance(fault, int):
            raise HTTPError(request.full_url, fault, "busy", Message(), None)
        raise fault

    run = runs.due()
    monkeypatch.setattr(starter, "time", SimpleNamespace(sleep=lambda _: None))
    monkeypatch.setattr(urllib.request, "urlopen", busy)
    app.tick.local()
    assert len(runs.calls(run)) == 1
    assert runs[run]["infrastructure_pid"] == runs.calls(run)[0].id


class Died(BaseException):
    """The end of a tick's container."""


def die(*_: object, **__: object) -> None:
    raise Died


def test_a_claim_whose_tick_has_died_is_taken_back(
    runs: Runs, app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = runs.due()
    with monkeypatch.context() as dying:
        dying.setattr("modal.Function.from_name", die)
        app.tick.local()
    app.tick.local()
    assert runs[run]["state_name"] == "Pending"
    monkeypatch.setattr(starter, "LOST", 0)
    app.tick.local()
    assert runs[run]["state_name"] == "Late"
    assert "no container" in runs[run]["state"]["message"]
    assert 59 < runs.wait_seconds(run) < 61
    monkeypatch.setattr(starter, "AHEAD", 90)
    app.tick.local()
    assert len(runs.calls(run)) == 1


def test_a_container_whose_claim_was_taken_back_leaves_the_run_to_the_next(
    runs: Runs, app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, ask = runs.due(), starter.ask
    with monkeypatch.context() as dying:
        dying.setattr(
            starter, "ask", lambda way, *rest: die() if way == "PATCH" else ask(way, *rest)
        )
        app.tick.local()
    with monkeypatch.context() as lost:
        lost.setattr(starter, "LOST", 0)
        app.tick.local()
    runs.set(run, "SCHEDULED", state_details={"scheduled_time": datetime.now(UTC).isoformat()})
    app.tick.local()
    forgotten, known = runs.calls(run)
    assert runs[run]["infrastructure_pid"] == known.id
    runs.containers.start(forgotten)
    assert runs[run]["state_name"] == "Pending"
    runs.containers.start(known)
    assert runs[run]["state_type"] == "COMPLETED"
    assert len(list(runs.marks.iterdir())) == 1
    assert "Prefect" not in runs.containers.log(forgotten)


@pytest.mark.parametrize(("late", "wait"), [(0, 60), (600, 600), (86400, 3600)])
def test_a_run_that_modal_does_not_start_is_tried_less_and_less_often(
    runs: Runs, app: Any, modal: Modal, late: int, wait: int
) -> None:
    run = runs.due(-late)
    modal.refuses["FunctionMap"] = Status.PERMISSION_DENIED
    app.tick.local()
    assert runs[run]["state_name"] == "Late"
    assert "FunctionMap is refused" in runs[run]["state"]["message"]
    assert wait - 1 <= runs.wait_seconds(run) <= wait + 5


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (Result.GENERIC_STATUS_TIMEOUT, "FunctionTimeoutError"),
        (Result.GENERIC_STATUS_FAILURE, "RemoteError"),
        (Result.GENERIC_STATUS_INTERNAL_FAILURE, "InternalFailure"),
        (Result.GENERIC_STATUS_SUCCESS, "The container has stopped"),
    ],
)
def test_a_run_whose_container_has_stopped_crashes(
    runs: Runs, app: Any, status: Any, message: str
) -> None:
    run, call = runs.running(app.tick.local)
    app.tick.local()
    assert runs[run]["state_type"] == "RUNNING"
    call.end(status, "the reason")
    app.tick.local()
    assert runs[run]["state_type"] == "CRASHED"
    assert message in runs[run]["state"]["message"]


def test_a_container_that_stops_before_the_flow_is_started_again(runs: Runs, app: Any) -> None:
    run = runs.due()
    app.tick.local()
    runs.calls(run)[0].end(Result.GENERIC_STATUS_FAILURE, "the image is broken")
    app.tick.local()
    assert runs[run]["state_name"] == "Late"
    assert "the image is broken" in runs[run]["state"]["message"]


def test_a_run_of_a_deleted_deployment_does_not_stay_running(runs: Runs, app: Any) -> None:
    """Prefect then forgets the run's deployment."""
    run, call = runs.running(app.tick.local)
    runs.server.ask("PATCH", f"flow_runs/{run}", {"deployment_id": None})
    call.end(Result.GENERIC_STATUS_FAILURE)
    app.tick.local()
    assert runs[run]["state_type"] == "CRASHED"


def test_while_modal_does_not_answer_nothing_is_said_of_a_run(
    runs: Runs, app: Any, modal: Modal
) -> None:
    run, call = runs.running(app.tick.local)
    call.end(Result.GENERIC_STATUS_FAILURE)
    modal.refuses["FunctionGetOutputs"] = Status.UNAUTHENTICATED
    app.tick.local()
    assert runs[run]["state_type"] == "RUNNING"


def test_a_run_that_ends_while_the_tick_looks_keeps_its_state(
    runs: Runs, app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, call = runs.running(app.tick.local)
    look = starter.how_it_ended

    def just_now(call_id: str) -> str | None:
        if runs[run]["state_type"] == "RUNNING":
            runs.set(run, "COMPLETED")
            call.end()
        return str(look(call_id))

    monkeypatch.setattr(starter, "how_it_ended", just_now)
    app.tick.local()
    assert runs[run]["state_type"] == "COMPLETED"


def test_runs_that_the_app_has_not_started_are_left_alone(runs: Runs, app: Any) -> None:
    """Such as one of `make run WORKSPACE=1`, and the subflows of its own."""
    run = runs.due(300)
    runs.server.post(f"flow_runs/{run}/set_state", state={"type": "RUNNING"}, force=True)
    app.tick.local()
    assert runs[run]["state_type"] == "RUNNING"


def test_a_run_that_is_cancelled_before_its_container_is_there_ends(runs: Runs, app: Any) -> None:
    run = runs.due()
    app.tick.local()
    runs.set(run, "CANCELLING")
    runs.containers.start(runs.calls(run)[0])
    app.tick.local()
    assert runs[run]["state_type"] == "CANCELLED"
    assert not list(runs.marks.iterdir())


def test_a_run_that_does_not_stop_is_cancelled_with_its_container(
    runs: Runs, app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, call = runs.running(app.tick.local)
    runs.set(run, "CANCELLING")
    app.tick.local()
    assert not call.cancelled
    monkeypatch.setattr(starter, "STUCK", 0)
    app.tick.local()
    assert call.cancelled
    call.end(Result.GENERIC_STATUS_TERMINATED)
    app.tick.local()
    assert runs[run]["state_type"] == "CANCELLED"


def test_a_running_flow_is_cancelled_by_prefect(runs: Runs, app: Any, modal: Modal) -> None:
    modal.on_call = runs.containers.start
    run = runs.due(0, seconds=300)
    app.tick.local()
    runs.wait(run, "RUNNING")
    runs.set(run, "CANCELLING")
    runs.wait(run, "CANCELLED")


def test_a_flow_whose_machine_is_taken_away_begins_again_on_another(
    runs: Runs, app: Any, modal: Modal
) -> None:
    modal.on_call = runs.containers.start
    run = runs.due(0, seconds=8)
    app.tick.local()
    runs.wait(run, "RUNNING")
    runs.containers.take_away(runs.calls(run)[0])
    app.tick.local()
    assert runs.wait(run, "COMPLETED", "CRASHED", "FAILED")["state_type"] == "COMPLETED"
    assert "Crashed" not in runs.states(run)
    assert len(list(runs.marks.iterdir())) == 2
    assert len(runs.calls(run)) == 1


def test_a_container_that_is_killed_crashes_its_run(runs: Runs, app: Any, modal: Modal) -> None:
    modal.on_call = runs.containers.start
    run = runs.due(0, seconds=300)
    app.tick.local()
    runs.wait(run, "RUNNING")
    (call,) = runs.calls(run)
    runs.containers.kill(call)
    for _ in range(50):
        if call.result:
            break
        time.sleep(0.1)
    app.tick.local()
    assert runs[run]["state_type"] == "CRASHED"


def test_a_flow_that_waits_to_try_again_is_not_started_twice(
    runs: Runs, app: Any, modal: Modal
) -> None:
    modal.on_call = runs.containers.start
    run = runs.due(0, "retrying", fails=1)
    app.tick.local()
    runs.wait(run, "SCHEDULED")
    app.tick.local()
    runs.wait(run, "COMPLETED")
    assert len(runs.calls(run)) == 1
    assert len(list(runs.marks.iterdir())) == 2
