"""Ctrl-C stops `make bootstrap` before its next step, even if a library has swallowed it."""

import signal
from contextlib import suppress

import pytest
import tools.bootstrap
from tools.base.finding import Finding, Step, passed
from tools.base.project import Project
from tools.base.stop import interrupt, interrupted


def test_an_interrupt_that_was_swallowed_stops_the_next_step(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def swallow(_: Project) -> Finding:
        with suppress(KeyboardInterrupt):
            interrupt(signal.SIGINT, None)
        return passed("done")

    def refuse(_: Project) -> Finding:
        raise AssertionError("This step is not reached.")

    monkeypatch.setattr(tools.bootstrap, "ALL", [Step("One", swallow), Step("Two", refuse)])
    try:
        with pytest.raises(KeyboardInterrupt):
            tools.bootstrap.bootstrap(project)
    finally:
        interrupted.clear()
