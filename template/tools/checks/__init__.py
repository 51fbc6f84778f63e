# mypy: ignore-errors
"""What is looked at (`check_…`) and put right (`fix_…`), one module for each subject."""
