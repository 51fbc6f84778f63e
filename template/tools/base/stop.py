# mypy: ignore-errors
"""The expected reasons for which something stops."""

from threading import Event


class CheckSkipped(Exception):
    """Something else has to be right before this can be checked."""


class ActionRequired(Exception):
    """Only a person can go on; the text says how."""


interrupted = Event()
"""Whether somebody has pressed Ctrl-C."""


def interrupt(*_: object) -> None:
    """Stop as Python does: a handler of SIGINT."""
    interrupted.set()
    raise KeyboardInterrupt


def go_on() -> None:
    """Stop now if something has swallowed the interrupt, as some libraries do at their import.

    Raises:
        KeyboardInterrupt: it has.
    """
    if interrupted.is_set():
        raise KeyboardInterrupt
