# mypy: ignore-errors
"""The expected reasons to stop."""


class Stop(Exception):
    """An expected reason to stop, and its remedy."""

    def __init__(self, text: str, remedy: str = "") -> None:
        super().__init__(text, remedy)
        self.text, self.remedy = text, remedy

    def __str__(self) -> str:
        return f"{self.text}\n  {self.remedy}".rstrip()


class CheckSkipped(Stop):
    """This cannot be checked until something else is fixed."""


class Malformed(CheckSkipped):
    """prefect.yaml cannot be read; the text says where."""


class ActionRequired(Stop):
    """A person has to act; the text or the remedy says how."""
