# mypy: ignore-errors
"""What the commands and their checks build on."""
