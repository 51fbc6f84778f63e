# mypy: ignore-errors
"""What a person sees."""

import sys

from rich.console import Console
from rich.markup import escape

COLOURS = {"passed": "green", "failed": "red", "skipped": "yellow", "warning": "yellow"}
SIGNS = {"passed": "✓", "failed": "✗", "skipped": "?", "warning": "!", "bug": "!"}
ASCII = SIGNS | {"passed": "+", "failed": "x"}

if sys.stdout and hasattr(sys.stdout, "reconfigure"):
    sys.stdout.reconfigure(errors="replace")
screen = Console(highlight=False)


def mark(status: str) -> str:
    """The sign of a status, in a form that the terminal can show."""
    try:
        "✓✗".encode(screen.encoding)
        signs = SIGNS
    except UnicodeEncodeError:
        signs = ASCII
    return f"[{COLOURS.get(status, 'red')}]{signs[status]}[/]"


def clean(text: str) -> str:
    """A text for the terminal: names from servers may hold what would control it."""
    return escape(
        "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)
    )


def say(text: str, status: str = "") -> None:
    """Print a line, which is not wrapped, after the sign of an optional status."""
    screen.print(f"{mark(status)} {clean(text)}" if status else clean(text), soft_wrap=True)
