# mypy: ignore-errors
"""As much of prefect.yaml as the checks use."""

from typing import Any

from pydantic import BaseModel, Field

from tools.base.stop import CheckSkipped


class WorkPool(BaseModel):
    name: str
    job_variables: dict[str, Any] = Field(default_factory=dict)


class Deployment(BaseModel):
    """An element of `deployments` in prefect.yaml."""

    name: str
    entrypoint: str = ""
    version: Any = None
    paused: Any = None
    schedules: list[dict[str, Any]] | None = None
    work_pool: WorkPool | None = None

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from the others."""
        return self.name, self.entrypoint

    @property
    def pool(self) -> WorkPool:
        """Its work pool.

        Raises:
            CheckSkipped: it has none.
        """
        if self.work_pool:
            return self.work_pool
        raise CheckSkipped(f"{self.name} has no work_pool: copy it from another deployment")


class PrefectYaml(BaseModel):
    """The file."""

    deployments: list[Deployment] = Field(min_length=1)
    pull: list[dict[str, Any]] = Field(default_factory=list)
