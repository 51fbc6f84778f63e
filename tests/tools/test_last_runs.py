"""The last run of each deployment, as `make doctor` shows it."""

from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from prefect.client.schemas.objects import StateType
from tools.base.finding import Finding
from tools.base.project import Project
from tools.checks import last_runs
from tools.checks.last_runs import check_last_runs

from tests.tools.conftest import findings

ID = UUID(int=7)
PAGE = f"see https://app.prefect.cloud/account/A/workspace/W/runs/flow-run/{ID}"
ERROR = "Flow run encountered an exception: ValueError: no orders"


@pytest.mark.parametrize(
    ("state", "message", "found"),
    [
        (StateType.FAILED, f"{ERROR}\nand more", f"orders: the run civet failed: {ERROR}"),
        (StateType.FAILED, "one " * 100, f"orders: the run civet failed: {'one ' * 37}…"),
        (StateType.CRASHED, None, "orders: the run civet crashed"),
        (StateType.COMPLETED, None, ""),
        (StateType.CANCELLED, "by hand", ""),
    ],
)
def test_a_run_that_failed_in_its_flow_is_a_warning_with_its_page(
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
    state: StateType,
    message: str | None,
    found: str,
) -> None:
    api = "https://api.prefect.cloud/api/accounts/A/workspaces/W"
    monkeypatch.setenv("PREFECT_API_URL", api)
    there: Any = SimpleNamespace(found=SimpleNamespace(id=ID, name="orders"))
    run = SimpleNamespace(
        id=ID, name="civet", deployment_id=ID, run_count=1, state_type=state,
        state=SimpleNamespace(message=message),
    )  # fmt: skip
    monkeypatch.setattr(last_runs, "of_this_repository", lambda _: [there])
    project.workspace.client = SimpleNamespace(  # type: ignore[assignment]
        read_flow_runs=lambda **_: [run]
    )
    expected = (
        Finding("warning", found, PAGE) if found else Finding("passed", "each reached its flow")
    )
    assert findings(lambda project: check_last_runs(project, []), project) == [expected]
