"""The update workflow passes its tokens to as few steps as possible."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

Workflow = dict[str, Any]


@pytest.fixture
def workflow(tutorial: Path) -> Workflow:
    file = tutorial / ".github/workflows/template_update.yaml"
    content: Workflow = yaml.safe_load(file.read_text())
    return content


def handed_over(part: object) -> list[str]:
    """The expressions in a part of a workflow that could reveal a secret or a token."""
    expressions = re.findall(r"\$\{\{ *(.*?) *\}\}", yaml.safe_dump(part, width=1000))
    return [found for found in expressions if re.search("(?i)secret|token|tojson", found)]


def test_each_token_is_handed_to_one_step(workflow: Workflow) -> None:
    expected = {
        "prepare": {"TEMPLATE_READ_TOKEN": ["secrets.TEMPLATE_READ_TOKEN"]},
        "offer": {
            "GH_TOKEN": ["github.token"],
            "TEMPLATE_UPDATE_TOKEN": ["secrets.TEMPLATE_UPDATE_TOKEN"],
        },
    }
    for name, job in workflow["jobs"].items():
        (step,) = [step for step in job["steps"] if "env" in step]
        env = step.pop("env")
        assert {key: handed_over(value) for key, value in env.items()} == expected[name]
    assert handed_over(workflow) == []


def test_what_handles_a_release_cannot_write(workflow: Workflow) -> None:
    assert workflow["permissions"] == {}
    assert workflow["jobs"]["prepare"]["permissions"] == {"contents": "read"}


def test_what_can_write_takes_nothing_but_an_artifact_from_the_other_job(
    workflow: Workflow,
) -> None:
    actions = {
        name: [step["uses"].partition("@")[0] for step in job["steps"] if "uses" in step]
        for name, job in workflow["jobs"].items()
    }
    assert actions == {
        "prepare": ["actions/checkout", "actions/upload-artifact"],
        "offer": ["actions/checkout", "actions/download-artifact"],
    }
    for job in workflow["jobs"].values():
        assert job["steps"][0]["with"] == {"persist-credentials": False}
        assert "outputs" not in job
