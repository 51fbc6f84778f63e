"""Tests of the example flow, on Prefect's temporary test server."""

import pytest

from prefect_modal.flows.flow1 import main


def test_it_greets_the_world(caplog: pytest.LogCaptureFixture) -> None:
    main()
    assert "Hello world from Prefect! 🤗" in caplog.messages
    assert "Goodbye world!" not in caplog.messages


def test_it_says_goodbye_when_asked(caplog: pytest.LogCaptureFixture) -> None:
    main(name="Modal", goodbye=True)
    assert "Hello Modal from Prefect! 🤗" in caplog.messages
    assert "Goodbye Modal!" in caplog.messages
