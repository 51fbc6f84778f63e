"""Every deployment needs these, so that no run hangs or fails unnoticed."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.flows import load_flow_from_entrypoint

PREFECT_YAML = Path(__file__).parent.parent / "prefect.yaml"
DEPLOYMENTS = yaml.safe_load(PREFECT_YAML.read_text(encoding="utf-8"))["deployments"]


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda each: each["name"])
def test_its_runs_end_and_its_failures_are_told(deployment: dict[str, Any]) -> None:
    seconds = load_flow_from_entrypoint(deployment["entrypoint"]).timeout_seconds
    assert seconds, "add timeout_seconds to its @flow"
    assert deployment.get("tags"), "add tags to it, by which alarms find it"
