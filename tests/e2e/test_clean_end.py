"""`make prune` and `make teardown`: what is deleted and what stays, and never without a yes."""

import contextlib
import io
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pexpect
import pytest
from tools.base.stop import ActionRequired
from tools.prune import prune
from tools.teardown import teardown

from tests.stand_ins.laptop import Laptop
from tests.support.changes import edit
from tests.support.git import git

pytestmark = pytest.mark.e2e
Start = Callable[..., Laptop]
PULL = "prefect.deployments.steps.git_clone"


@pytest.fixture(scope="module")
def laptop(start: Start) -> Laptop:
    """A laptop on which everything is connected."""
    laptop = start()
    ready, steps = laptop.bootstrap()
    assert ready, steps
    return laptop


@pytest.fixture(autouse=True)
def without_a_trace(laptop: Laptop) -> Iterator[None]:
    """Clean up after each test."""
    before = listing(laptop)
    yield
    for made in listing(laptop).keys() - before.keys():
        laptop.cloud.server.ask("DELETE", f"deployments/{made}")


def deployment(laptop: Laptop) -> dict[str, Any]:
    return laptop.cloud.server.deployment(f"acme-{laptop.pool}-example")


def listing(laptop: Laptop) -> dict[str, str]:
    """The IDs and names of all deployments, of all projects."""
    found = laptop.cloud.server.post("deployments/filter")
    return {each["id"]: each["name"] for each in found}


def automations(laptop: Laptop) -> list[str]:
    return [each["name"] for each in laptop.cloud.server.post("automations/filter")]


def deploy_other(laptop: Laptop, name: str, repository: str = "", **details: object) -> str:
    """Deploy something that prefect.yaml lacks, from this commit, and return its name."""
    server, example = laptop.cloud.server, deployment(laptop)
    steps = example["pull_steps"]
    steps[0][PULL]["repository"] = f"https://github.com/{repository or laptop.name}"
    version = git(laptop.project, "rev-parse", "HEAD")
    usual = {"pull_steps": steps, "version": version, "flow_id": example["flow_id"]}
    server.post("deployments/", name=f"{laptop.pool}-{name}", **(usual | details))
    return f"main/{laptop.pool}-{name}"


def preview(branch: str) -> list[str]:
    """The tags of a branch's preview."""
    return ["preview", f"branch:{quote(branch)}"]


def said(laptop: Laptop, command: Callable[..., int], yes: bool, **extra: str) -> tuple[int, str]:
    """The exit code of a command, and its output."""
    with (
        laptop.project_here(**extra) as project,
        contextlib.redirect_stdout(io.StringIO()) as shown,
    ):
        try:
            code = command(project, yes)
        except ActionRequired as error:
            code = 1
            print(error)
    laptop.said.append(shown.getvalue())
    return code, shown.getvalue()


def names(laptop: Laptop) -> set[str]:
    """The deployments with this laptop's name."""
    return {f"main/{name}" for name in listing(laptop).values() if laptop.pool in name}


# make prune


def test_a_renamed_schedule_is_shown_and_deleted_and_its_deployment_stays(laptop: Laptop) -> None:
    before = deployment(laptop)
    edit(laptop.project / "prefect.yaml", "slug: primary", "slug: noon")
    laptop.push()
    assert laptop.run("make", "prefect-deploy").returncode == 0
    assert {each["slug"] for each in deployment(laptop)["schedules"]} == {"primary", "noon"}
    assert laptop.doctor()["Orphaned deployments"] == (
        f"failed: main/{before['name']}: the schedule primary is not in prefect.yaml, but still "
        "starts runs. make prune"
    )
    shown = f"the schedule primary of main/{before['name']} (every day at 12:00, New York time)"
    done = laptop.run("make", "prune")
    assert done.returncode != 0
    assert (
        f"\n  {shown}\nNothing was deleted. To delete without a question, set YES=1.\n"
        in done.stdout
    )
    assert {each["slug"] for each in deployment(laptop)["schedules"]} == {"primary", "noon"}
    done = laptop.run("make", "prune", "YES=1")
    assert done.returncode == 0, done.stdout
    assert f"✓ deleted: {shown}\n" in done.stdout
    after = deployment(laptop)
    assert after["id"] == before["id"]
    assert [each["slug"] for each in after["schedules"]] == ["noon"]
    assert laptop.doctor() == {}
    assert said(laptop, prune, yes=False) == (0, "Nothing to delete.\n")


def test_only_what_is_surely_left_over_is_deleted(laptop: Laptop) -> None:
    former, fork = "acme/former", "beta/fork"
    laptop.github.moved[former] = laptop.name
    laptop.github.create(fork)
    git(laptop.github.repository(laptop.name), "branch", "feature/New-Orders", "main")
    gone = {
        deploy_other(laptop, "renamed"),
        deploy_other(laptop, "moved", former),
        deploy_other(laptop, "example--gone", tags=preview("feature/gone")),
        deploy_other(laptop, "moved--gone", former, tags=preview("gone"), version="1" * 40),
    }
    kept = {
        deploy_other(laptop, "example--feature-New-Orders", tags=preview("feature/New-Orders")),
        deploy_other(laptop, "newer", version="2" * 40),
        deploy_other(laptop, "forked", fork),
        deploy_other(laptop, "others", "beta/others", version="3" * 40),
        f"main/{deployment(laptop)['name']}",
    }
    assert names(laptop) == gone | kept
    code, shown = said(laptop, prune, yes=True)
    assert code == 0, shown
    assert names(laptop) == kept
    for name in gone:
        assert re.search(f"^✓ deleted: the (deployment|preview) {name}[,:] ", shown, re.MULTILINE)
    assert "others" not in shown
    prefix = f"! main/{laptop.pool}"
    text = "-example--feature-New-Orders stays, because GitHub has its branch feature/New-Orders"
    assert f"{prefix}{text}" in shown
    assert f"{prefix}-newer is deployed from 2222222222, which this checkout does not have" in shown
    text = f"{prefix}-forked is deployed from https://github.com/{fork}, with a commit of this"
    text += " repository, but GitHub does not forward that address here. If it is a former one: "
    assert text in shown


def test_what_cannot_be_told_or_deleted_stops_nothing_else(
    laptop: Laptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    unknown = deploy_other(laptop, "example--gone", tags=preview("gone"))
    first, second = (deploy_other(laptop, name) for name in ("a-first", "b-second"))
    (found,) = [key for key, name in listing(laptop).items() if first.endswith(name)]
    monkeypatch.setattr(laptop.cloud, "refused", f"deployments/{found}")
    nowhere = {"GIT_CONFIG_COUNT": "1"}
    nowhere |= {"GIT_CONFIG_KEY_0": "http.proxy", "GIT_CONFIG_VALUE_0": "http://127.0.0.1:9"}
    code, shown = said(laptop, prune, yes=True, **nowhere)
    assert code == 1
    assert "! Cannot tell which previews are in use: GitHub cannot be reached" in shown
    assert f"✗ not deleted: the deployment {first}" in shown
    assert f"✓ deleted: the deployment {second}" in shown
    assert {first, second, unknown} & names(laptop) == {first, unknown}
    # Either of the two is enough for that exit code.
    code, shown = said(laptop, prune, yes=True)
    assert code == 1
    assert f"✗ not deleted: the deployment {first}" in shown
    assert {first, unknown} & names(laptop) == {first}


def test_another_branch_does_not_say_what_is_left_over(laptop: Laptop) -> None:
    git(laptop.project, "switch", "--quiet", "--create", "feature")
    edit(laptop.project / "prefect.yaml", r"- name: .*-example\"", '- name: "renamed"')
    assert said(laptop, prune, yes=True) == (
        1, "make prune works only on main, and this is another branch\n  git switch main\n",
    )  # fmt: skip
    git(laptop.project, "checkout", "--quiet", "--force", "main")


def test_a_person_says_yes_or_no(laptop: Laptop) -> None:
    other = deploy_other(laptop, "other")
    for answer, left in (("", {other}), ("y", set[str]())):
        terminal = laptop.talk("prune")
        terminal.expect_exact(f"  the deployment {other}, from https://github.com/{laptop.name}")
        terminal.expect_exact("Delete this? [y/N] ")
        terminal.sendline(answer)
        terminal.expect(pexpect.EOF)
        terminal.close(force=True)
        assert terminal.exitstatus == len(left)
        assert {other} & names(laptop) == left


# make teardown


def everything(laptop: Laptop) -> list[object]:
    """The accounts, without what is on this machine and GitHub's setting for updates."""
    return [*laptop.state()[1:5], listing(laptop), sorted(automations(laptop))]


def add_alarm(laptop: Laptop) -> None:
    """An automation with the project's name, and the block that holds its address."""
    server = laptop.cloud.server
    kind = server.get("block_types/slug/secret")["id"]
    schemas = server.post("block_schemas/filter", block_schemas={"block_type_id": {"any_": [kind]}})
    block = server.post(
        "block_documents/", name=f"{laptop.pool}-alarm", data={"value": "x"}, block_type_id=kind,
        block_schema_id=schemas[0]["id"],
    )  # fmt: skip
    server.post(
        "automations/", name=f"acme-{laptop.pool} alarm",
        trigger={"type": "event", "posture": "Reactive", "expect": ["prefect.flow-run.Failed"], "threshold": 1, "within": 0},
        actions=[{"type": "call-webhook", "block_document_id": block["id"]}],
    )  # fmt: skip


@pytest.mark.long
def test_after_it_the_accounts_are_as_before_bootstrap_which_works_again(start: Start) -> None:
    laptop = start()
    before = everything(laptop)
    assert laptop.bootstrap()[0]
    add_alarm(laptop)
    deploy_other(laptop, "example--feature", tags=preview("feature"))
    connected = everything(laptop)
    assert connected != before

    done = laptop.run("make", "teardown")
    assert done.returncode != 0
    terminal = laptop.talk("teardown")
    terminal.expect_exact(f"Type acme-{laptop.pool} to delete this: ")
    terminal.sendline("y")
    terminal.expect_exact("Nothing was deleted.")
    terminal.expect(pexpect.EOF)
    assert everything(laptop) == connected

    terminal = laptop.talk("teardown")
    terminal.expect_exact(f"Type acme-{laptop.pool} to delete this: ")
    terminal.sendline(f"acme-{laptop.pool}")
    terminal.expect(pexpect.EOF)
    terminal.close(force=True)
    shown = str(terminal.before).replace("\r\n", "\n")
    assert terminal.exitstatus == 0, shown
    assert everything(laptop) == before
    # First what would restore the rest, last what the rest needs.
    example = f"main/acme-{laptop.pool}-example"
    assert re.findall("^✓ deleted: (.+)$", shown, re.MULTILINE) == [
        "the GitHub secret PREFECT_API_KEY",
        "the GitHub secret PREFECT_API_URL",
        f"the deployment {example}",
        f"the deployment main/{laptop.pool}-example--feature",
        f"the automation acme-{laptop.pool} alarm",
        f"the block with the webhook of acme-{laptop.pool} alarm",
        f"the block acme-{laptop.pool} with the GitHub token",
        f"the work pool {laptop.pool}, which no other deployment uses",
        f"the block {laptop.pool}-modal-credentials with the Modal token",
    ]
    for page in (
        "https://app.prefect.cloud/my/api-keys",
        "https://github.com/settings/personal-access-tokens",
        "https://modal.com/settings/tokens",
        f"https://github.com/{laptop.name}/settings/actions",
    ):
        assert page in shown
    code, shown = said(laptop, teardown, yes=True)
    assert (code, shown) == (0, "Nothing to delete.\n")
    ready, steps = laptop.bootstrap()
    assert ready, steps
    laptop.assert_no_secret_was_said()


def test_what_others_use_and_what_cannot_be_seen_stays(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    laptop = start()
    assert laptop.bootstrap()[0]
    other = deploy_other(laptop, "of-another", "beta/others", work_pool_name=laptop.pool)
    _, pools, blocks, _, secrets, _ = laptop.state()
    monkeypatch.setattr(laptop.cloud, "refused", "automations/filter")
    code, shown = said(laptop, teardown, yes=True, GH_TOKEN="")
    monkeypatch.undo()
    assert code == 1
    page = f"https://github.com/{laptop.name}/settings/secrets/actions"
    text = f"! gh is not logged in. Delete PREFECT_API_KEY and PREFECT_API_URL at {page}, or the"
    assert text in shown
    assert "! Alarm: Prefect answered 422\n" in shown
    assert f"! The block acme-{laptop.pool} stays, used by {other}\n" in shown
    assert f"! The work pool {laptop.pool} stays: used by {other}\n" in shown
    assert names(laptop) == {other}
    assert [laptop.state()[i] for i in (1, 2, 4)] == [pools, blocks, secrets]
    code, shown = said(laptop, teardown, yes=True)
    assert code == 0, shown
    assert laptop.github.secrets == {}
    assert [laptop.state()[i] for i in (1, 2)] == [pools, blocks]
