"""The example flow, run for real on Prefect's throw-away test server."""

from collections.abc import Iterator

import pytest
from prefect.testing.utilities import prefect_test_harness

from prefect_modal.flows.flow1 import main


@pytest.fixture(autouse=True, scope="module")
def prefect_server() -> Iterator[None]:
    with prefect_test_harness(server_startup_timeout=120):
        yield


def test_it_greets_the_world(caplog: pytest.LogCaptureFixture) -> None:
    main()
    assert "Hello world from Prefect! 🤗" in caplog.messages
    assert "Goodbye world!" not in caplog.messages


def test_it_says_goodbye_when_asked(caplog: pytest.LogCaptureFixture) -> None:
    main(name="Modal", goodbye=True)
    assert "Hello Modal from Prefect! 🤗" in caplog.messages
    assert "Goodbye Modal!" in caplog.messages
