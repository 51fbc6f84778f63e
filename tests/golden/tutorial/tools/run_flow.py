# mypy: ignore-errors
"""`make run`: run a flow on a Prefect server of its own, without any account."""

import importlib

from prefect.testing.utilities import prefect_test_harness


def run_flow(module: str) -> int:
    """Run the flow `main` of a module, and return the exit code."""
    flow = importlib.import_module(module).main
    with prefect_test_harness(server_startup_timeout=120):
        flow()
    return 0
