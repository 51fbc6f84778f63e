# mypy: ignore-errors
"""The expected reason for which an update stops."""


class UpdateStopped(Exception):
    """An update cannot go on; the text says why, and what to do."""
