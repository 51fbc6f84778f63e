# mypy: ignore-errors
"""Prefect's command, with a `deploy` that needs no work pool: modal_app.py starts the runs."""

import json
import os
import runpy
from typing import Any
from uuid import UUID

from prefect.cli.deploy import _core
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import DeploymentUpdate
from prefect.client.schemas.objects import WorkPool
from prefect.deployments.runner import RunnerDeployment

from tools.app import STARTER

MERGE = "_merge_with_default_deploy_config"
merge, register = getattr(_core, MERGE), RunnerDeployment.aapply


def with_starter(config: dict[str, Any]) -> dict[str, Any]:
    """A deployment with the name of a work pool, without which Prefect does not deploy it."""
    merged = merge(config)
    return {**merged, "work_pool": {**merged["work_pool"], "name": STARTER}, "pull": []}


async def read_work_pool(_: PrefectClient, name: str) -> WorkPool:
    return WorkPool.model_construct(name=name, type="modal:push", base_job_template={})


async def no_workers(_: PrefectClient, *__: Any, **___: Any) -> list[Any]:
    return []


async def without_work_pool(self: RunnerDeployment, schedules: Any = None, **_: Any) -> UUID:
    """Register a deployment, and clear settings of a former work pool."""
    given = json.loads(os.environ["MODAL_APP"])
    self.tags = [*(self.tags or []), given["tag"]]
    variables = {**given["job_variables"], **(self.job_variables or {})}
    self.work_pool_name = self.work_queue_name = None
    self.job_variables = {}
    found = await register(self, schedules=schedules)
    async with get_client() as client:
        update = DeploymentUpdate(job_variables=variables, path=None, pull_steps=[])
        await client.update_deployment(found, update)
    return found


if __name__ == "__main__":
    for owner, name, ours in (
        (_core, MERGE, with_starter),
        (PrefectClient, "read_work_pool", read_work_pool),
        (PrefectClient, "read_workers_for_work_pool", no_workers),
        (RunnerDeployment, "apply", without_work_pool),
    ):
        setattr(owner, name, ours)
    runpy.run_module("prefect", run_name="__main__", alter_sys=True)
