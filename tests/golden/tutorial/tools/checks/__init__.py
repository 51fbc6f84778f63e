# mypy: ignore-errors
"""The checks (`check_…`) and their fixes (`fix_…`), one module per subject."""
