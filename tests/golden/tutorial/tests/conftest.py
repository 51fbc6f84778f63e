"""One temporary Prefect server for all tests; they reach no other server."""

import os
from collections.abc import Iterator

import pytest

# Set before Prefect is imported: a request while tests are collected, such as for
# a block that a module loads, fails instead of reaching your workspace.
os.environ["PREFECT_API_URL"] = "http://127.0.0.1:9/api"
os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"

from prefect.settings import PREFECT_API_URL
from prefect.testing.utilities import prefect_test_harness


@pytest.fixture(autouse=True, scope="session")
def prefect_server() -> Iterator[None]:
    with prefect_test_harness(server_startup_timeout=120):
        # For programs that tests start.
        os.environ["PREFECT_API_URL"] = PREFECT_API_URL.value()
        yield
