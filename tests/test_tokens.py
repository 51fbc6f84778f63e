"""The workflow that brings updates hands its token to as few steps as it can."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

Parsed = dict[Any, Any]


@pytest.fixture
def workflow(tutorial: Path) -> Parsed:
    return yaml.safe_load((tutorial / ".github/workflows/template_update.yaml").read_text())


def handed_over(part: object) -> list[str]:
    """The expressions in a part of a workflow that could give away a secret or a token."""
    expressions = re.findall(r"\$\{\{ *(.*?) *\}\}", yaml.safe_dump(part, width=1000))
    return [found for found in expressions if re.search("(?i)secret|token|tojson", found)]


def test_only_the_step_that_opens_the_pull_request_has_a_token(workflow: Parsed) -> None:
    (job,) = workflow["jobs"].values()
    *earlier, last = job.pop("steps")
    # Everybody may know whether there is one.
    assert handed_over(workflow) == ["secrets.TEMPLATE_UPDATE_TOKEN != ''"]
    assert handed_over(earlier) == []
    token = last["env"].pop("GH_TOKEN")
    assert handed_over(token) == ["secrets.TEMPLATE_UPDATE_TOKEN || github.token"]
    assert handed_over(last) == []


def test_no_action_but_checkout_takes_part_and_it_leaves_no_token(workflow: Parsed) -> None:
    (job,) = workflow["jobs"].values()
    (action,) = [step for step in job["steps"] if "uses" in step]
    assert action["uses"].partition("@")[0] == "actions/checkout"
    assert action["with"] == {"persist-credentials": False}
