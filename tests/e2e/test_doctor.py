"""`make doctor` finds every fault of the accounts and the server, and nothing else."""

import copy
import re
import shlex
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any
from xml.etree import ElementTree

import pytest
from tools.base.screen import SIGNS
from tools.doctor import CHECKS, diagnose

from tests.stand_ins.laptop import SLOW, Laptop
from tests.support.changes import edit
from tests.support.git import git
from tests.support.repository import ROOT

pytestmark = pytest.mark.e2e
Env = dict[str, str | None]
Fault = Callable[[Laptop], AbstractContextManager[Env]]


@pytest.fixture(scope="module")
def laptop(start: Callable[..., Laptop]) -> Laptop:
    """A laptop on which everything is connected."""
    laptop = start()
    ready, steps = laptop.bootstrap()
    assert ready, steps
    assert laptop.doctor() == {}
    return laptop


def environment(**extra: str | None) -> Fault:
    return lambda _: nullcontext(extra)


def in_prefect_yaml(pattern: str, replacement: str) -> Fault:
    """A line that is wrong, until git restores it."""

    @contextmanager
    def fault(laptop: Laptop) -> Iterator[Env]:
        edit(laptop.project / "prefect.yaml", pattern, replacement)
        yield {}
        git(laptop.project, "checkout", "--quiet", "HEAD", "--", "prefect.yaml")

    return fault


def change_pool(laptop: Laptop, **changed: Any) -> None:
    path = f"work_pools/{laptop.pool}"
    laptop.cloud.server.ask("PATCH", path, changed).raise_for_status()


@contextmanager
def paused(laptop: Laptop) -> Iterator[Env]:
    change_pool(laptop, is_paused=True)
    yield {}
    change_pool(laptop, is_paused=False)


@contextmanager
def without_credentials(laptop: Laptop) -> Iterator[Env]:
    before = laptop.cloud.server.get(f"work_pools/{laptop.pool}")["base_job_template"]
    after = copy.deepcopy(before)
    del after["variables"]["properties"]["modal_credentials"]["default"]
    change_pool(laptop, base_job_template=after)
    yield {}
    change_pool(laptop, base_job_template=before)


@contextmanager
def missing_block(laptop: Laptop) -> Iterator[Env]:
    path = f"block_types/slug/github-credentials/block_documents/name/acme-{laptop.pool}"
    server = laptop.cloud.server
    server.ask("DELETE", f"block_documents/{server.get(path)['id']}").raise_for_status()
    yield {}
    assert laptop.bootstrap()[0]


@contextmanager
def expired_token(laptop: Laptop) -> Iterator[Env]:
    rights = laptop.github.rights.pop(laptop.token)
    yield {}
    laptop.github.rights[laptop.token] = rights


@contextmanager
def missing_secret(laptop: Laptop) -> Iterator[Env]:
    value = laptop.github.secrets.pop("PREFECT_API_KEY")
    yield {}
    laptop.github.secrets["PREFECT_API_KEY"] = value


@contextmanager
def updates_held_back(laptop: Laptop) -> Iterator[Env]:
    laptop.github.permissions["can_approve_pull_request_reviews"] = False
    yield {}
    assert laptop.bootstrap()[0]


@contextmanager
def not_deployed(laptop: Laptop) -> Iterator[Env]:
    laptop.push()
    yield {}
    assert laptop.bootstrap()[0]


CHANGED = {"Commit": "uncommitted changes in "}
ORPHANED = "is deployed, but not in prefect.yaml. make prune"
FAULTS: dict[str, tuple[Fault, dict[str, str]]] = {
    "a block that does not exist": (
        in_prefect_yaml("env:$", 'gpu: "{{ prefect.blocks.secret.gpu.value }}"\n        env:'),
        {"Secrets": "", "Blocks": "the block gpu of type secret is missing"} | CHANGED,
    ),
    "a job variable that the work pool does not know": (
        in_prefect_yaml("env:$", "cpus: 2\n        env:"),
        {"Job variables": "has no variable cpus. use one of command, cpu, env"} | CHANGED,
    ),
    "a renamed deployment": (
        in_prefect_yaml(r"- name: .*-example\"", '- name: "renamed"'),
        {
            "Orphaned deployments": ORPHANED,
            "Deployment": "renamed is not deployed. make prefect-deploy",
        }
        | CHANGED,
    ),
    "a missing work pool": (
        in_prefect_yaml(r"&modal\n +name: .*", '&modal\n      name: "none"'),
        {"Work pool": "none is missing. make bootstrap (needs a paid"} | CHANGED,
    ),
    "a paused work pool": (
        paused, {"Work pool": "is paused. uv run prefect work-pool resume laptop"},
    ),
    "a work pool without Modal's token": (
        without_credentials, {"Work pool": "has no Modal token. choose Modal credentials"},
    ),
    "a missing block": (
        missing_block,
        {
            "Blocks": "of type github-credentials is missing. make bootstrap",
            "GitHub token": "is missing. make bootstrap",
        },
    ),
    "an expired token": (expired_token, {"GitHub token": "GitHub refuses the token in the block"}),
    "half of Modal's token": (
        environment(MODAL_TOKEN_SECRET=None),
        {"Modal token": "only one of MODAL_TOKEN_ID and MODAL_TOKEN_SECRET is set. set both"},
    ),
    "a missing GitHub secret": (missing_secret, {"GitHub secrets": "lacks PREFECT_API_KEY. make"}),
    "updates that GitHub holds back": (
        updates_held_back, {"Updates": "may not open pull requests, so no update arrives. make"},
    ),
    "no API": (environment(PREFECT_API_URL=None), {"Prefect": "no API is configured. uv run"}),
    "a refused key": (
        environment(PREFECT_API_KEY="other"),
        {"Prefect": "refuses the key. set PREFECT_API_KEY to a new one from https://"},
    ),
    "a commit that is not deployed": (not_deployed, {"Deployment": "is deployed from an older commit. make prefect-deploy"}),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_with_its_remedy(laptop: Laptop, fault: str) -> None:
    provoke, expected = FAULTS[fault]
    with provoke(laptop) as env:
        found = laptop.doctor(**env)
    if env:  # Without Prefect, many checks are skipped.
        found = {check: text for check, text in found.items() if text.startswith("failed: ")}
    assert found.keys() == expected.keys(), found
    assert {check: text for check, text in found.items() if expected[check] not in text} == {}


def test_the_commands_that_are_named_fix_it(laptop: Laptop) -> None:
    server = laptop.cloud.server
    other = {"name": "other", "flow_id": server.post("flows/", name="main")["id"]}
    steps = server.deployment(f"acme-{laptop.pool}-example")["pull_steps"]
    server.post("deployments/", **other, pull_steps=steps)
    change_pool(laptop, is_paused=True)
    found = laptop.doctor()
    assert found.keys() == {"Orphaned deployments", "Work pool"}
    for text in found.values():
        command = text.split(". ")[-1]
        yes = ["YES=1"] if "make" in command else []
        done = laptop.run(*shlex.split(command), *yes)
        assert done.returncode == 0, done.stdout
    assert laptop.doctor() == {}


def test_without_a_network_it_says_what_it_cannot_check(laptop: Laptop) -> None:
    nowhere = {"PREFECT_API_URL": "http://127.0.0.1:9/api", "GH_TOKEN": None}
    nowhere |= {"GIT_CONFIG_KEY_0": "http.proxy", "GIT_CONFIG_VALUE_0": "http://127.0.0.1:9"}
    found = laptop.doctor(**nowhere)
    assert {text.split(":")[0] for text in found.values()} == {"skipped"}
    assert found.keys() == {
        "Blocks", "Orphaned deployments", "Prefect", "GitHub token",
        "Work pool", "GitHub secrets", "Deployment", "Last runs", "Commit",
        "Updates", "Alarm",
    }  # fmt: skip


def test_the_real_command_says_the_same_and_changes_nothing(laptop: Laptop) -> None:
    assert laptop.run("make", "setup").returncode == 0
    with paused(laptop):
        assert laptop.make_doctor().keys() == {"Work pool"}
        done = laptop.run("make", "--silent", "doctor")
    assert done.returncode != 0
    rows = [line for line in done.stdout.splitlines() if line[:1] in [*"✓✗?!"]]
    assert [row.split()[1:3] for row in rows if row[0] != "✓"] == [["Work", "pool"]]
    assert "\n26 passed, 1 failed\n" in done.stdout
    laptop.assert_no_secret_was_said()


# The picture in README.md.


def drawn_rows(name: str) -> list[list[str]]:
    """The parts of a drawn table: sign, check, and finding with remedy."""
    lines: dict[float, str] = {}
    svg = ElementTree.parse(ROOT / "docs/pictures" / name)
    for text in svg.iter("{http://www.w3.org/2000/svg}text"):
        if "clip-path" in text.attrib:
            column, y = round(float(text.attrib["x"]) / 12.2), float(text.attrib["y"])
            lines[y] = lines.get(y, "").ljust(column) + (text.text or "").replace("\xa0", " ")
    shown = [line for _, line in sorted(lines.items())]
    finding = 5 + max(len(check.name) for check in CHECKS)
    rows: list[list[str]] = []
    for line in shown[1:-1]:  # After the command, before the summary.
        if line[:1].strip():
            rows.append([line[0], line[3:finding].strip(), line[finding:]])
        elif line.strip():
            rows[-1][2] += line[finding:]
    return rows


def alike(text: str) -> str:
    """A cell without spaces, where lines are wrapped, and without what differs between machines."""
    text = re.sub(r"http\S+/accounts/\S+|Python\s*[\d.]+|commit\s*\w+", "…", text)
    return re.sub(r"\s", "", text)


def test_the_picture_shows_what_it_says_of_a_run_that_crashed(laptop: Laptop) -> None:
    server, pool = laptop.cloud.server, laptop.pool
    deployment = server.deployment(f"acme-{pool}-example")["id"]
    path = f"deployments/{deployment}/create_flow_run"
    run = server.post(path, name="crouching-civet")["id"]
    log = {"name": "prefect", "level": 20, "timestamp": "2026-01-01T00:00:00Z", "flow_run_id": run}
    log["message"] = "Executing deployment step: git_clone"
    server.ask("POST", "logs/", [log]).raise_for_status()
    server.post(f"flow_runs/{run}/set_state", state={"type": "CRASHED"}, force=True)
    checks = [check for check in CHECKS if check.name not in SLOW]
    with expired_token(laptop), laptop.project_here() as project:
        report = [[SIGNS[found.status], name, found.text + found.remedy]
                  for name, found in diagnose(project, checks)]  # fmt: skip
    server.ask("DELETE", f"flow_runs/{run}").raise_for_status()

    for old, new in (
        (laptop.name, "acme/reports"),
        (f"acme-{pool}", "acme-reports"),
        (pool, "pref-modal-pool"),
    ):
        report = [[cell.replace(old, new) for cell in row] for row in report]
    drawn = [row for row in drawn_rows("doctor.svg") if row[1].strip() not in SLOW]
    assert [list(map(alike, row)) for row in drawn] == [list(map(alike, row)) for row in report], (
        "run `make pictures PICTURES=doctor`"
    )
