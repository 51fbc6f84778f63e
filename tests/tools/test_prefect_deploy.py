"""A deployment that fails is named with its reason, and the others are still deployed."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tools.base.prefect_deploy import Outcome, deploy_each, reason
from tools.base.project import Project

from tests.support.changes import append

ENTRYPOINT = "prefect_modal.flows.flow1:main"
FIRST = "Ben-Epstein-prefect-modal-example"
# The output of Prefect 3.8.8 and 3.9.1 for a deployment, wrapped as in a narrow terminal.
CREATED = (
    "╭─╮\n│ Deployment 'main/x' successfully │\n│ created with id 'd7fb6fbb-c3c2-43d1' │\n╰─╯\n"
)


def failure(error: str) -> str:
    return f'Traceback (most recent call last):\n  File "it", line 1\n    it()\n{error}\nAn exception occurred.\n'


class Prefect:
    """Prefect's command, which deploys in the given order up to the first failure."""

    def __init__(self, errors: dict[str, str]) -> None:
        self.errors = errors
        self.calls: list[list[str]] = []

    def __call__(self, project: Project, arguments: list[str]) -> tuple[int, str]:
        self.calls.append([name.rpartition("/")[2] for name in arguments if name != "--name"])
        names = [here.name for here in project.deployments if here.name != "unnamed"]
        output = ""
        for name in names if arguments == ["--all"] else self.calls[-1]:
            if name in self.errors:
                return 1, output + failure(self.errors[name])
            output += CREATED
        return 0, output


Deploy = Callable[..., tuple[list[list[str]], Outcome]]


@pytest.fixture
def deploy(project: Project, folder: Path) -> Deploy:
    """Deploy the first deployment and three more, of which some fail."""
    for name in ("two", "three", "four"):
        append(
            folder / "prefect.yaml",
            f"  - name: {name}\n    entrypoint: {ENTRYPOINT}\n    work_pool: *modal\n",
        )

    def run(**errors: str) -> tuple[list[list[str]], Outcome]:
        prefect = Prefect({FIRST if name == "one" else name: e for name, e in errors.items()})
        return prefect.calls, deploy_each(project, prefect)

    return run


def names(outcome: Outcome) -> tuple[list[str], dict[str, str], list[str]]:
    return (
        [here.name for here in outcome.deployed],
        {here.name: why for here, why in outcome.failed},
        [here.name for here in outcome.untried],
    )


def test_where_nothing_fails_prefect_is_asked_once(deploy: Deploy) -> None:
    calls, outcome = deploy()
    assert calls == [["--all"]]
    assert names(outcome) == ([FIRST, "two", "three", "four"], {}, [])
    assert outcome.code == 0


def test_those_after_one_that_fails_are_deployed_too(deploy: Deploy) -> None:
    calls, outcome = deploy(two="ValueError: no", four="KeyError: 'x'")
    assert calls == [["--all"], ["three", "four"]]
    failed = {"two": "ValueError: no", "four": "KeyError: 'x'"}
    assert names(outcome) == ([FIRST, "three"], failed, [])
    assert outcome.code == 1


def test_the_same_reason_twice_in_a_row_is_that_of_the_others_too(deploy: Deploy) -> None:
    calls, outcome = deploy(**dict.fromkeys(("one", "two", "three", "four"), "ValueError: no"))
    assert calls == [["--all"], ["two", "three", "four"]]
    assert names(outcome)[2] == ["three", "four"]
    # Not if one in between succeeded.
    calls, outcome = deploy(one="ValueError: no", three="ValueError: no")
    assert names(outcome)[::2] == (["two", "four"], [])


@pytest.mark.parametrize(
    "error",
    [
        "httpx.ConnectError: All connection attempts failed",
        "httpx.ReadTimeout",
        "prefect.exceptions.PrefectHTTPStatusError: Client error '401 Unauthorized' for url 'x'",
    ],
)
def test_nothing_else_is_tried_without_an_answer_or_a_key(deploy: Deploy, error: str) -> None:
    calls, outcome = deploy(two=error)
    assert calls == [["--all"]]
    assert names(outcome)[::2] == ([FIRST], ["three", "four"])


def test_a_file_that_prefect_cannot_read_is_left_to_its_command(
    project: Project, folder: Path
) -> None:
    (folder / "prefect.yaml").write_text("deployments: [")
    outcome = deploy_each(project, lambda project, arguments: (1, "it is malformed"))
    assert (outcome.code, outcome.failed, outcome.untried) == (1, [], [])


URL = "for url 'https://x/api/deployments/' - Response:"
MORE = "- For more information check: https://x"
PANEL = "╭──╮\n│ Deploying x │\n╰──╯\n"
# Printed by Prefect 3.9.1.
SAID = {
    failure("ModuleNotFoundError: No module named 'x'"): "ModuleNotFoundError: No module named 'x'",
    failure(
        f"prefect.exceptions.PrefectHTTPStatusError: Client error '409 Conflict' {URL} "
        f"{{'detail': \"Error creating deployment: <ValidationError: '1 is not valid'>\"}} {MORE}"
    ): "409 Conflict: Error creating deployment: <ValidationError: '1 is not valid'>",
    # It repeats the request.
    failure(
        f"prefect.exceptions.PrefectHTTPStatusError: Client error '422 Unprocessable Entity' {URL} "
        f"{{'exception_message': 'Invalid', 'request_body': {{'token': 'secret'}}}} {MORE}"
    ): "422 Unprocessable Entity",
    failure("x.Error: no Response: {'token': 'secret'}"): "Error: no",
    failure("RuntimeError: `run_shell_script` failed with error code 1: Push your commits first.\n")
    + failure("prefect.deployments.steps.core.StepExecutionError: Encountered error while running x"): (
        "Push your commits first"
    ),
    f"{PANEL}Running deployment build steps...\n > Running it...\n1 validation error for it\ncron\n  no\n": (
        "1 validation error for it cron no"
    ),
    "Invalid fields in deployments:\n • x: schedules\nAn entrypoint must be provided:\n": (
        "prefect.yaml has a wrong key, which make check names"
    ),
    f"{PANEL}\x1b[31mThere is no work pool\nof that name.\x1b[0m\n": "There is no work pool of that name",
    failure(f"ValueError: {'x' * 400}"): f"ValueError: {'x' * 288} …",
}  # fmt: skip


@pytest.mark.parametrize("output", SAID)
def test_the_reason_is_one_line_without_secrets(output: str) -> None:
    assert reason(f"{CREATED}\n{output}") == SAID[output]
