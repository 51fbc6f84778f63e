# mypy: ignore-errors
"""What a person sees."""

from rich.console import Console
from rich.markup import escape

MARKS = {
    "passed": "[green]✓[/]",
    "failed": "[red]✗[/]",
    "skipped": "[yellow]?[/]",
    "bug": "[red]![/]",
}

screen = Console(highlight=False)


def say(text: str, mark: str = "") -> None:
    """Print a line, which is not wrapped, after an optional mark."""
    screen.print(f"{mark} {escape(text)}" if mark else escape(text), soft_wrap=True)
