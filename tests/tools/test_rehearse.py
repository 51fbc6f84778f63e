"""The output of `make rehearse`; tests/e2e/test_check.py runs one."""

from typing import Any

import pytest
from tools.base.project import Project
from tools.base.stop import ActionRequired
from tools.rehearse import chosen, missing, told


def test_the_first_deployment_is_taken_unless_another_one_is_named(project: Project) -> None:
    name = "Ben-Epstein-prefect-modal-example"
    assert chosen(project, "").name == chosen(project, name).name == name
    with pytest.raises(ActionRequired, match=f"^There is no deployment other. Use one of {name}$"):
        chosen(project, "other")


def test_it_names_what_only_modal_has() -> None:
    variables = {
        "image": {"tag": "docker.io/acme/flows:1"}, "gpu": "A10G", "cpu": 2.0, "timeout": 60,
        "secrets": ["warehouse", "mail"],
    }  # fmt: skip
    assert missing(variables) == [
        "the image docker.io/acme/flows:1",
        "cpu: 2.0",
        "gpu: A10G",
        "the Modal secrets warehouse, mail",
        "the blocks and variables of your workspace",
    ]


@pytest.mark.parametrize(
    ("state", "text", "code"),
    [
        ({"type": "COMPLETED", "name": "Completed"}, "✓ x: Completed", 0),
        ({"type": "FAILED", "name": "Failed", "message": "Why"}, "✗ x: Failed. Why", 1),
        ({"type": "CRASHED", "name": "Crashed", "message": None}, "✗ x: Crashed", 1),
        (
            {"type": "RUNNING", "name": "Running"},
            "✗ x: Running, stopped after 60 s, as on Modal",
            1,
        ),
    ],
)
def test_it_says_how_the_run_ended(
    project: Project,
    capsys: pytest.CaptureFixture[str],
    state: dict[str, Any],
    text: str,
    code: int,
) -> None:
    deployment = project.deployments[0].model_copy(update={"name": "x"})
    assert told(deployment, {"state": state}, {"timeout": 60}) == code
    assert capsys.readouterr().out.strip() == text
