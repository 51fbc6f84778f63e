# mypy: ignore-errors
"""Start a project's runs on Modal: the functions behind modal_app.py.

A tick claims a run before it starts the container, and only one tick can claim it. A later tick
picks up what a tick or a container left unfinished, so that no run is lost or stuck. The tick's
image has only Modal's client and the standard library.
"""

import base64
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import modal
from modal import exception

AHEAD = 60
"""A container may start this many seconds before its run is due; it waits until then."""
LOST = 60
"""Seconds after which a claim without a container is given back; more than a tick takes."""
STUCK = 120
"""Seconds that a container may take to cancel its run."""
CLIENT = "prefect/3.9.1 (API 0.8.4)"
"""A client version that may take slots of Prefect's concurrency limits."""
ENDS = (
    RuntimeError,
    exception.ExecutionError,
    exception.FunctionTimeoutError,
    exception.InternalFailure,
    exception.NotFoundError,
    exception.OutputExpiredError,
    exception.RemoteError,
)
"""Modal's errors for a stopped container; other errors say nothing about it."""
# If Modal preempts a machine, it repeats the call, which then continues the run.
ENVIRONMENT = {"PREFECT_FLOW_RUN_EXECUTE_SIGTERM_BEHAVIOR": "relinquish", "PYTHONPATH": "/root"}


def ask(method: str, path: str, body: object = None) -> Any:
    """Return what Prefect's API answers; temporary failures are retried."""
    headers = {"Content-Type": "application/json", "User-Agent": CLIENT}
    if key := os.environ.get("PREFECT_API_KEY"):
        headers["Authorization"] = f"Bearer {key}"
    elif auth := os.environ.get("PREFECT_API_AUTH_STRING"):
        headers["Authorization"] = f"Basic {base64.b64encode(auth.encode()).decode()}"
    data = None if body is None else json.dumps(body).encode()
    url = f"{os.environ['PREFECT_API_URL'].rstrip('/')}/{path}"
    for wait in (1, 4, 0):
        try:
            request = urllib.request.Request(url, data, headers, method=method)
            with urllib.request.urlopen(request, timeout=15) as answer:
                return json.loads(answer.read() or "null")
        except OSError as error:
            passing = getattr(error, "code", 503) in (408, 429, 500, 502, 503, 504)
            if not wait or not passing:
                raise RuntimeError(f"Prefect does not answer: {error}") from None
            time.sleep(wait)


def propose(flow_run: dict[str, Any], state_type: str, **state: object) -> dict[str, Any]:
    body = {"state": {"type": state_type, **state}, "force": False}
    answer: dict[str, Any] = ask("POST", f"flow_runs/{flow_run['id']}/set_state", body)
    return answer


def every(path: str, **filters: object) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while page := ask("POST", path, {**filters, "offset": len(found)}):
        found += page
        if len(page) < 200:
            break
    return found


def tick(name: str, secret: modal.Secret) -> None:
    """Start the runs due before the next tick, and follow the started ones."""
    # Each deploy adds this tag to the deployments.
    tags = {"tags": {"all_": [f"modal:{name}"]}}
    found = every("deployments/filter", deployments=tags)
    job_variables = {each["id"]: each["job_variables"] for each in found}
    if job_variables:
        before = (datetime.now(UTC) + timedelta(seconds=AHEAD)).isoformat()
        asked = {"deployment_ids": list(job_variables), "scheduled_before": before}
        due = ask("POST", "deployments/get_scheduled_flow_runs", asked)
        each_of(due, partial(start, job_variables, secret))
    unfinished = {"state": {"type": {"any_": ["PENDING", "RUNNING", "CANCELLING"]}}}
    each_of(every("flow_runs/filter", flow_runs=tags | unfinished), follow)


def each_of(flow_runs: list[dict[str, Any]], do: Callable[[dict[str, Any]], None]) -> None:
    """Handle all runs, several at a time; the next tick retries those that fail."""
    with ThreadPoolExecutor(16) as threads:
        for flow_run, done in [(each, threads.submit(do, each)) for each in flow_runs]:
            if error := done.exception():
                print(f"{flow_run['name']}: {error!r}")


def start(
    job_variables: dict[str, dict[str, Any]], secret: modal.Secret, flow_run: dict[str, Any]
) -> None:
    """Claim a run, and start a container for it."""
    wanted = job_variables[flow_run["deployment_id"]] | (flow_run["job_variables"] or {})
    size = {name: wanted[name] for name in ("cpu", "memory", "gpu", "timeout") if name in wanted}
    secrets = [secret, *map(modal.Secret.from_name, wanted.get("secrets", []))]
    if call := flow_run["infrastructure_pid"]:
        if how_it_ended(call) is None:
            return  # Its container exists, and waits to try again.
        ask("PATCH", f"flow_runs/{flow_run['id']}", {"infrastructure_pid": None})
    claim = propose(flow_run, "PENDING")
    if claim["status"] != "ACCEPT":
        return  # It is over a concurrency limit, was cancelled, or another tick has it.
    try:
        function = modal.Function.from_name(wanted["app"], "run")
        sized = function.with_options(**size, secrets=secrets)
        call = sized.spawn(flow_run["id"], claim["state"]["id"], wanted.get("env", {})).object_id
    except Exception as error:
        again(flow_run, f"Modal did not start a container: {error}")
        raise
    ask("PATCH", f"flow_runs/{flow_run['id']}", {"infrastructure_pid": call})


def again(flow_run: dict[str, Any], why: str) -> None:
    """Give a claimed run back, with a growing delay of at most an hour."""
    late = datetime.now(UTC) - datetime.fromisoformat(flow_run["expected_start_time"])
    then = datetime.now(UTC) + min(max(late, timedelta(minutes=1)), timedelta(hours=1))
    details = {"scheduled_time": then.isoformat()}
    # Alarms report late runs, and only a scheduled run can be late.
    for name in ("Scheduled", "Late"):
        propose(flow_run, "SCHEDULED", name=name, message=why, state_details=details)


def follow(flow_run: dict[str, Any]) -> None:
    """Set the state of a run whose container stopped without reporting it."""
    state, call = flow_run["state"], flow_run["infrastructure_pid"]
    since = (datetime.now(UTC) - datetime.fromisoformat(state["timestamp"])).total_seconds()
    part = flow_run["parent_task_run_id"] and not flow_run["deployment_id"]
    if not call and (part or state["type"] == "RUNNING"):
        return  # It is part of another run, or was not started by this app.
    why = how_it_ended(call) if call else "The run has no container" if since > LOST else None
    if why is None:
        if call and state["type"] == "CANCELLING" and since > STUCK:
            modal.FunctionCall.from_id(call).cancel(terminate_containers=True)
    # It may have ended well just now.
    elif ask("GET", f"flow_runs/{flow_run['id']}")["state"]["id"] == state["id"]:
        if state["type"] == "PENDING":
            again(flow_run, why)
        else:
            ended = "CANCELLED" if state["type"] == "CANCELLING" else "CRASHED"
            propose(flow_run, ended, message=why)


def how_it_ended(call: str) -> str | None:
    """Why the container of a call has stopped; None while it is starting or running."""
    try:
        modal.FunctionCall.from_id(call).get(timeout=0)
    except TimeoutError:
        return None
    except ENDS as error:
        return f"The container has stopped: {type(error).__name__}: {error}"
    return "The container has stopped"


def run(flow_run_id: str, claim: str, env: dict[str, str]) -> None:
    """Execute a run with Prefect's command, which reports states, logs and cancellation."""
    call, flow_run = modal.current_function_call_id(), ask("GET", f"flow_runs/{flow_run_id}")
    repeated = flow_run["state_type"] == "RUNNING" and flow_run["infrastructure_pid"] == call
    if flow_run["state_id"] != claim and not repeated:
        return  # It was cancelled, or claimed again since.
    ask("PATCH", f"flow_runs/{flow_run_id}", {"infrastructure_pid": call})
    command = [sys.executable, "-m", "prefect", "flow-run", "execute", flow_run_id]
    # Prefect copies the folder in which it starts, so start in an empty one.
    process = subprocess.Popen(command, env=os.environ | env, cwd=tempfile.mkdtemp())
    try:
        process.wait()
    except BaseException:  # Modal preempts the machine, or the run's time is over.
        process.terminate()
        process.wait(25)
        raise
