"""What is typed for a second flow reaches `make flow`; tests/tools/test_flow.py has the rest."""

import pytest

from tests.e2e.conftest import StartProject

pytestmark = pytest.mark.e2e


def test_what_is_typed_arrives_as_it_is_and_the_surroundings_do_not(
    start_project: StartProject,
) -> None:
    project = start_project(private_repository=False)
    # Some shells have a NAME of their own.
    surroundings = {"NAME": "laptop", "SCHEDULE": "hourly", "TIMEZONE": "UTC"}
    done = project.make("flow", **surroundings)
    assert done.returncode != 0
    assert "NAME: Type a name like orders" in done.stdout
    done = project.make("flow", 'NAME=it\'s "$HOME" `x`', **surroundings)
    assert "NAME: Type a name like orders" in done.stdout
    typed = ["NAME=orders", "SCHEDULE=0 6 * * 1-5", "TIMEZONE=Europe/Berlin"]
    done = project.make("flow", *typed, **surroundings)
    assert done.returncode == 0, done.stdout
    assert "Runs on Modal every weekday at 06:00, Berlin time." in done.stdout
    text = (project.folder / "prefect.yaml").read_text()
    assert "only when asked" not in text
