# mypy: ignore-errors
"""The last run of each deployment: whether it reached its flow."""

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

from tools.base.finding import Findings, failed, passed
from tools.base.project import Project
from tools.checks.deployments import of_this_repository

STEP = "Executing deployment step: "
"""Prefect logs this, and the step's name, before each pull step."""
STEPS_DONE = "All deployment steps completed successfully"
CAUSES = (
    "Lock file",
    "Flows",
    "Containers",
    "Job variables",
    "GitHub token",
    "Work pool",
    "Commit",
)
"""The rows of `make doctor` that can keep a run from its flow."""


def check_last_runs(project: Project, failed_rows: list[str]) -> Findings:
    """Find the deployments whose last run crashed before its flow began.

    Prefect keeps the state and the log of the pull steps; an exception's text is only in
    the output of the container. The rows that failed before this one are likely causes.
    """
    causes = [name for name in CAUSES if name in failed_rows]
    remedy = f"fix {' and '.join(causes)} above, " if causes else ""
    remedy += "see what its container printed: https://modal.com/apps"
    there = {each.found.id: each.found.name for each in of_this_repository(project)}
    runs = last_runs(project, list(there))
    problems = [
        failed(f"{there[deployment]}: the run {run.name} crashed {where(project, run)}", remedy)
        for deployment, run in runs.items()
        if run.state_type == StateType.CRASHED and run.run_count == 0
    ]
    return problems or passed("each reached its flow" if runs else "nothing has run yet")


def last_runs(project: Project, deployments: list[UUID]) -> dict[UUID, FlowRun]:
    """The newest ended run of each deployment, among the newest 200 of all of them."""
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
    """How far a run came, as its log says."""
    logs = project.workspace.client.read_logs(
        log_filter=LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run.id])),
        sort=LogSort.TIMESTAMP_ASC,
    )
    said = [log.message for log in logs]
    if STEPS_DONE in said:
        return "when its flow was loaded"
    steps = [message.removeprefix(STEP) for message in said if message.startswith(STEP)]
    return f"in the pull step {steps[-1]}" if steps else "before its first pull step"
