# mypy: ignore-errors
"""The expected reasons to stop."""


class CheckSkipped(Exception):
    """This cannot be checked until something else is fixed."""


class Malformed(CheckSkipped):
    """prefect.yaml cannot be read; the text says where."""


class ActionRequired(Exception):
    """A person has to act; the text says how."""
