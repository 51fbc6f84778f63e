# mypy: ignore-errors
"""`make update` and the weekly workflow. The only package that this needs is Copier."""
