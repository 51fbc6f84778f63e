"""A project's own README, followed by its owner from the first command to the last."""

import re
import subprocess
import time
from collections.abc import Callable

import pytest

from tests.e2e.conftest import BuildContainer
from tests.e2e.journeys.test_documents import follow
from tests.stand_ins.laptop import Laptop
from tests.support.documents import BY_HAND, PROJECT, Document

pytestmark = [pytest.mark.e2e, pytest.mark.long]


def owners_readme(laptop: Laptop) -> dict[str, list[str]]:
    """The commands of the project's README, by heading."""
    sections = Document(laptop.project / "README.md").sections()
    assert sections.keys() == Document(PROJECT / "README.md").sections().keys()
    return sections


def watch(laptop: Laptop, line: str, build_container: BuildContainer) -> None:
    """Follow a line that starts a run and waits for its end; execute that run as Modal does.

    The stand-in for Prefect Cloud passes no web sockets on, so this talks to the server behind it.
    """
    server = laptop.cloud.server
    direct = laptop.environment(PREFECT_API_URL=server.url, PREFECT_API_KEY=None)
    deployment = server.deployment(f"acme-{laptop.pool}-example")
    of_it: dict[str, object] = {
        "deployments": {"id": {"any_": [deployment["id"]]}},
        "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}},
    }

    def asked_for() -> set[str]:
        found = server.post("flow_runs/filter", **of_it)
        return {run["id"] for run in found if "auto-scheduled" not in run["tags"]}

    before = asked_for()
    variables = server.job_variables(deployment)
    environment = laptop.github.environment() | {"PREFECT_API_URL": server.url}
    container = build_container(variables, laptop.project / "uv.lock", environment)
    with subprocess.Popen(
        ["bash", "-e", "-c", line], cwd=laptop.project, env=direct,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as process:  # fmt: skip
        started: set[str] = set()
        while not started and process.poll() is None:
            time.sleep(0.5)
            started = asked_for() - before
        for run in started:
            container.execute(run, variables)
        said = process.communicate(timeout=60)[0]
    assert process.returncode == 0, said
    assert "finished successfully" in said


def test_an_owner_can_set_it_up_step_by_step_run_it_and_turn_it_off(
    start: Callable[..., Laptop], build_container: BuildContainer
) -> None:
    laptop = start()
    run, bootstrap = re.findall(r"^  (make .+)$", laptop.closing_message, re.MULTILINE)
    assert bootstrap.startswith("make bootstrap ")
    follow(laptop, run)
    sections = owners_readme(laptop)
    assert sections.pop("Set up once") == ["make bootstrap"]
    for line in BY_HAND.commands:
        line = line.replace("acme-reports", f"acme-{laptop.pool}").replace(
            "acme/reports", laptop.name
        )
        follow(laptop, line.replace("pref-modal-pool", laptop.pool))
    # What is left: the page's table of secrets, for a browser, and the deploy after a push.
    follow(laptop, "make prefect-deploy")
    assert laptop.doctor().keys() == {"GitHub secrets", "Updates"}
    laptop.github.secrets = {
        "PREFECT_API_KEY": laptop.cloud.key,
        "PREFECT_API_URL": laptop.cloud.url,
    }

    # Each of these has a test of its own.
    for line in sections.pop("Everyday commands"):
        follow(laptop, f"{line.split('#')[0]} --dry-run")
    (line,) = sections.pop("Run it on Modal")
    watch(laptop, line, build_container)

    listed = "".join(follow(laptop, line) for line in sections.pop("See what runs"))
    assert f"acme-{laptop.pool}-example" in listed
    assert "COMPLETED" in listed
    (secret,) = sections.pop("Change it")
    follow(laptop, secret)
    path = "block_types/slug/secret/block_documents/name/warehouse?include_secrets=true"
    assert laptop.cloud.server.get(path)["data"] == {"value": "s3cret"}

    pause, teardown = sections.pop("Turn it off")
    follow(laptop, pause)
    assert laptop.cloud.server.get(f"work_pools/{laptop.pool}")["is_paused"]
    follow(laptop, f"{teardown} YES=1")
    assert sections == {}
    assert laptop.github.secrets == {}
    server = laptop.cloud.server
    assert laptop.pool not in {pool["name"] for pool in server.post("work_pools/filter")}
    named = {block["name"] for block in server.post("block_documents/filter")}
    assert not {name for name in named if laptop.pool in str(name)}
    left = server.post("deployments/filter")
    assert f"acme-{laptop.pool}-example" not in {deployment["name"] for deployment in left}
    laptop.assert_no_secret_was_said()
