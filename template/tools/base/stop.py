# mypy: ignore-errors
"""The two expected reasons for which something stops."""


class CheckSkipped(Exception):
    """Something else has to be right before this can be checked."""


class ActionRequired(Exception):
    """Only a person can go on; the text says how."""
