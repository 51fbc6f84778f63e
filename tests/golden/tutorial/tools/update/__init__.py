# mypy: ignore-errors
"""What `make update` and the weekly workflow do. It needs no package but Copier."""
