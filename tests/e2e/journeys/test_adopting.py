"""docs/adopting.md, followed to its end: checks, linters and tests pass, deployments go on."""

from pathlib import Path
from typing import Any

import pytest

from tests.stand_ins.existing import FILES, Existing
from tests.support.changes import edit
from tests.support.documents import ADOPTING
from tests.support.git import git
from tests.support.prefect_server import PrefectServer

pytestmark = [pytest.mark.e2e, pytest.mark.long]


def test_an_existing_repository_passes_every_check_and_its_deployments_go_on(
    published_template: Path,
    newest_python: tuple[str, str],
    environments: Path,
    prefect_server: PrefectServer,
    tmp_path: Path,
) -> None:
    existing = Existing(tmp_path / "reports", published_template, newest_python)
    existing.begin()
    login = {
        "PREFECT_API_URL": prefect_server.url,
        "PREFECT_HOME": str(prefect_server.home),
    }
    prefect_server.post("work_pools/", name="docker-pool", type="process")
    existing.follow("prefect --no-prompt deploy --all", **login)
    before = deployed(prefect_server)
    existing.make_room()
    existing.resolve(existing.merge())
    in_common = {"UV_PROJECT_ENVIRONMENT": str(environments / newest_python[0])}
    said = {}
    for line in ADOPTING.sections()["Check"]:
        if line == "uv run ruff check --fix":
            # The test that came along requires it, as the page says.
            orders = existing.folder / "src/reports/flows/orders.py"
            edit(orders, r"log_prints=True\)", "log_prints=True, timeout_seconds=600)")
        said[line] = existing.follow(line, **in_common)
    assert "15 passed" in said["make setup check"]
    assert "where day = 'today'" in said["make rehearse DEPLOYMENT=orders"]
    assert git(existing.folder, "status", "--porcelain") == ""
    theirs = sum(name.startswith("tests/test_") for name in FILES)
    of_the_template = 3  # One for each deployment.
    assert f"{theirs + of_the_template} passed" in said["make lint test"]

    # What the workflow does once the pull request is merged and the accounts are connected.
    prefect_server.create_push_pool("modal-reports")
    git(existing.folder, "clone", "--quiet", "--bare", ".", str(tmp_path / "origin"))
    git(existing.folder, "remote", "add", "origin", str(tmp_path / "origin"))
    git(existing.folder, "fetch", "--quiet", "origin")
    existing.follow("make prefect-deploy", CI="true", **in_common, **login)
    after = deployed(prefect_server)
    assert {name: each["id"] for name, each in after.items()} == {
        name: each["id"] for name, each in before.items()
    }
    for name, each in after.items():
        assert each["work_pool_name"] == "modal-reports"
        # None runs twice, and none is missing.
        assert crons(each) == crons(before[name])


NAMES = {"any_": ["orders", "orders-backfill", "stock"]}


def deployed(server: PrefectServer) -> dict[str, dict[str, Any]]:
    """The server's three deployments, by name."""
    found = server.post("deployments/filter", deployments={"name": NAMES})
    assert sorted(each["name"] for each in found) == NAMES["any_"]
    return {each["name"]: each for each in found}


def crons(deployment: dict[str, Any]) -> list[str]:
    return sorted(each["schedule"]["cron"] for each in deployment["schedules"] if each["active"])
