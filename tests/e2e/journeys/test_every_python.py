"""On every supported Python, a project passes its own checks; on the oldest, it also runs.

On the newest, all other tests do both.
"""

import pytest

from tests.e2e.conftest import StartProject
from tests.support.changes import edit
from tests.support.pythons import interpreters

pytestmark = [pytest.mark.e2e, pytest.mark.long]

OLDER = sorted(interpreters(), key=lambda version: int(version.split(".")[1]))[:-1]


@pytest.mark.parametrize("version", OLDER)
def test_it_is_tested_and_linted_on_every_python(start_project: StartProject, version: str) -> None:
    project = start_project(python_version=version, private_repository=False)
    done = project.make("test", "lint")
    assert done.returncode == 0, done.stdout
    assert f"Python {version}." in done.stdout
    assert "3 passed" in done.stdout
    assert "All checks passed!" in done.stdout


def test_a_container_has_the_python_of_its_project(start_project: StartProject) -> None:
    project = start_project(python_version=(version := OLDER[0]), private_repository=False)
    flow = project.folder / "src/prefect_modal/flows/flow1.py"
    edit(flow, r"Hello \{name", "{__import__('sys').version} {__import__('sys').prefix} {name")
    project.push()
    project.deploy()
    container = project.start_container()
    run = project.run(container)
    assert run.state == "COMPLETED", run.output
    assert any(log.startswith(f"{version}.") and str(container.prefix) in log for log in run.logs)
