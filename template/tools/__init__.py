# mypy: ignore-errors
"""The project's commands, kept current by the template: `uv run python -m tools` lists them."""
