# mypy: ignore-errors
"""`make run`: run the flow `main` of a module on a Prefect server of its own.

It is started with `python -P`, so that a package of the project may be called anything.
"""

import importlib
import os
import sys

os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"

from prefect.testing.utilities import prefect_test_harness

flow = importlib.import_module(sys.argv[1]).main
with prefect_test_harness(server_startup_timeout=120):
    flow()
