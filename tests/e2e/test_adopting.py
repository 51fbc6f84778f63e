"""docs/adopting.md, followed to its end: the existing repository's checks, linters and tests pass."""

from pathlib import Path

import pytest

from tests.stand_ins.existing import FILES, Existing
from tests.support.changes import edit
from tests.support.documents import ADOPTING
from tests.support.git import git

pytestmark = pytest.mark.e2e


def test_an_existing_repository_passes_every_check(
    published_template: Path,
    newest_python: tuple[str, str],
    environments: Path,
    tmp_path: Path,
) -> None:
    existing = Existing(tmp_path / "reports", published_template, newest_python)
    existing.begin()
    existing.make_room()
    existing.resolve(existing.merge())
    in_common = {"UV_PROJECT_ENVIRONMENT": str(environments / newest_python[0])}
    said = {}
    for line in ADOPTING.sections()["Check"]:
        if line == "uv run ruff format":
            # The test that came along requires it, as the page says.
            orders = existing.folder / "src/reports/flows/orders.py"
            edit(orders, r"log_prints=True\)", "log_prints=True, timeout_seconds=600)")
        said[line] = existing.follow(line, **in_common)
    assert "15 passed" in said["make setup check"]
    assert git(existing.folder, "status", "--porcelain") == ""
    theirs = sum(name.startswith("tests/test_") for name in FILES)
    of_the_template = 3  # One for each deployment.
    assert f"{theirs + of_the_template} passed" in said["make lint test"]
