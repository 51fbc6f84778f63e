# mypy: ignore-errors
"""The last run of each deployment: whether it reached its flow, and how that ended."""

from collections.abc import Iterator
from textwrap import shorten
from uuid import UUID

from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    LogFilter,
    LogFilterFlowRunId,
)
from prefect.client.schemas.objects import TERMINAL_STATES, FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort, LogSort

from tools.base.finding import Finding, Findings, failed, passed, warning
from tools.base.project import Project
from tools.checks.deployments import of_this_repository

STEP = "Executing deployment step: "
"""Prefect logs this with the step's name before each pull step."""
STEPS_DONE = "All deployment steps completed successfully"
LONGEST = 150
"""The maximum length of a message; the run's page has all of it."""
CAUSES = (
    "Lock file",
    "Flows",
    "Containers",
    "Job variables",
    "GitHub token",
    "Work pool",
    "Commit",
)
"""Rows of `make doctor` whose failures can prevent a run from reaching its flow."""


def check_last_runs(project: Project, failed_rows: list[str]) -> Findings:
    """Find the deployments whose last run crashed before its flow began.

    Prefect keeps the state and the log of the pull steps; the text of an exception is only in
    the container's output. The rows that failed before this one are likely causes.
    """
    causes = [name for name in CAUSES if name in failed_rows]
    remedy = f"fix {' and '.join(causes)} above, " if causes else ""
    remedy += "see its container's output: https://modal.com/apps"
    there = {each.found.id: each.found.name for each in of_this_repository(project)}
    runs = last_runs(project, list(there))
    problems = [
        failed(f"{there[deployment]}: the run {run.name} crashed {where(project, run)}", remedy)
        for deployment, run in runs.items()
        if never_began(run)
    ]
    problems += in_their_flows(project, there, runs)
    return problems or passed("each reached its flow" if runs else "no runs yet")


def never_began(run: FlowRun) -> bool:
    return run.state_type == StateType.CRASHED and run.run_count == 0


def in_their_flows(
    project: Project, names: dict[UUID, str], runs: dict[UUID, FlowRun]
) -> Iterator[Finding]:
    """The runs that failed in their flows, which may be no fault of the project."""
    for deployment, run in runs.items():
        if run.state_type in (StateType.CRASHED, StateType.FAILED) and not never_began(run):
            text = f"{names[deployment]}: the run {run.name} {run.state_type.value.lower()}"
            lines = str((run.state and run.state.message) or "").strip().splitlines()
            text += f": {shorten(lines[0], LONGEST, placeholder=' …')}" if lines else ""
            page = f"{project.workspace.ui_url}/runs/flow-run/{run.id}"
            yield warning(text.rstrip("."), f"see {page}")


def last_runs(project: Project, deployments: list[UUID]) -> dict[UUID, FlowRun]:
    """The newest ended run of each deployment, among the newest 200 runs of all."""
    if not deployments:
        return {}
    ended = FlowRunFilterStateType(any_=[*TERMINAL_STATES])
    found = project.workspace.client.read_flow_runs(
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=deployments)),
        flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=ended)),
        sort=FlowRunSort.END_TIME_DESC,
        limit=200,
    )
    return {run.deployment_id: run for run in reversed(found) if run.deployment_id}


def where(project: Project, run: FlowRun) -> str:
    """How far a run came, by its log."""
    logs = project.workspace.client.read_logs(
        log_filter=LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run.id])),
        sort=LogSort.TIMESTAMP_ASC,
    )
    said = [log.message for log in logs]
    if STEPS_DONE in said:
        return "while loading its flow"
    steps = [message.removeprefix(STEP) for message in said if message.startswith(STEP)]
    return f"in the pull step {steps[-1]}" if steps else "before its first pull step"
