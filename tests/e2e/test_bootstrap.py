"""`make bootstrap` connects everything that is not connected yet, and says what it needs."""

import secrets
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pexpect
import pytest
from tools.base.finding import told
from tools.base.stop import ActionRequired
from tools.bootstrap import ALL, STEPS, take
from tools.checks.modal import PLAN
from tools.rotate_tokens import rotate_tokens

from tests.e2e.conftest import BuildContainer
from tests.stand_ins.github import new_token
from tests.stand_ins.github_api import FORBIDDEN, NOTHING, OWNER, PUSH, READ
from tests.stand_ins.http_edge import Answer, listen
from tests.stand_ins.laptop import Laptop, sentences
from tests.stand_ins.prefect_cloud import WORKER
from tests.stand_ins.project import Project
from tests.support.changes import edit
from tests.support.git import commit, git

pytestmark = pytest.mark.e2e
DOWN = "\x1b[B"
AUDIT = """
import sys
def note(event, details):
    if event == "subprocess.Popen":
        with open({log!r}, "a") as log:
            print(details[1], file=log)
sys.addaudithook(note)
"""


def block(laptop: Laptop) -> dict[str, Any]:
    """The block with the containers' token, including its secrets."""
    path = f"block_types/slug/github-credentials/block_documents/name/acme-{laptop.pool}"
    data: dict[str, Any] = laptop.cloud.server.get(f"{path}?include_secrets=true")["data"]
    return data


def step(laptop: Laptop, name: str, **extra: str | None) -> str:
    """Run one step as if the earlier ones had passed, and return its output."""
    (it,) = [step for step in STEPS if step.name == name]
    with laptop.project_here(**extra) as project:
        try:
            did, found = take(it, project, ready={step.name for step in ALL})
            said = sentences(did, told(*found))
        except ActionRequired as error:
            said = sentences("action needed", str(error))
    laptop.said.append(said)
    return said


def test_values_in_the_environment_are_enough(
    start: Callable[..., Laptop], build_container: BuildContainer, tmp_path: Path
) -> None:
    laptop = start(locked=False)
    (tmp_path / "sitecustomize.py").write_text(AUDIT.format(log=str(tmp_path / "log")))
    with listen(lambda _: Answer(200)) as chat:
        webhook = f"{chat}/{secrets.token_hex(8)}"
        ready, steps = laptop.make_bootstrap(PYTHONPATH=str(tmp_path), ALARM_WEBHOOK=webhook)
    assert ready, steps
    done = {name for name, text in steps.items() if text.startswith("done. ")}
    assert done == {step.name for step in STEPS} - {"Prefect", "Modal token"}

    assert block(laptop)["token"] == laptop.token
    assert laptop.cloud.token_of(laptop.pool)["token_secret"] == laptop.modal
    assert laptop.github.secrets == {
        "PREFECT_API_KEY": laptop.cloud.key,
        "PREFECT_API_URL": laptop.cloud.url,
    }
    head = git(laptop.project, "rev-parse", "HEAD")
    assert laptop.github.permissions["can_approve_pull_request_reviews"] is True
    assert git(laptop.github.repository(laptop.name), "rev-parse", "main") == head
    assert laptop.cloud.server.deployment(f"acme-{laptop.pool}-example")["version"] == head

    # No program was started with a secret among its arguments.
    started = (tmp_path / "log").read_text()
    for program in ("'ls-remote'", "'secret', 'set'", "'work-pool', 'create'", "'prefect-deploy'"):
        assert program in started
    values = (laptop.token, laptop.owner, laptop.modal, laptop.cloud.key, webhook)
    assert [value for value in values if value in started] == []
    assert webhook not in "".join(laptop.said)

    before = laptop.state()
    ready, steps = laptop.bootstrap()
    assert ready, steps
    assert {text.split(".")[0] for text in steps.values()} == {"already there", "checked"}
    assert laptop.state() == before

    # A run finds everything that it needs.
    project = Project(
        laptop.project, laptop.name, laptop.cloud.server, laptop.github, laptop.environment(),
        lambda variables: build_container(
            variables, laptop.project / "uv.lock", laptop.github.environment()
        ),
    )  # fmt: skip
    run = project.run(name="Modal")
    assert run.state == "COMPLETED", run.output
    assert "Hello Modal from Prefect! 🤗" in run.logs
    laptop.assert_no_secret_was_said()


def test_without_any_value_each_step_says_what_it_needs(start: Callable[..., Laptop]) -> None:
    laptop = start()
    before = laptop.state()
    ready, steps = laptop.bootstrap(
        PREFECT_API_URL=None, PREFECT_API_KEY=None, GITHUB_CLONE_TOKEN=None, MODAL_TOKEN_ID=None,
        MODAL_TOKEN_SECRET=None, GH_TOKEN=None,
    )  # fmt: skip
    assert not ready
    assert steps["Prefect"].startswith("action needed. Set PREFECT_API_URL and PREFECT_API_KEY")
    for name in ("GitHub token", "Work pool", "Deployment"):
        assert steps[name] == "action needed. Prefect is not connected"
    page = f"https://github.com/{laptop.name}/settings/secrets/actions"
    assert steps["GitHub secrets"].startswith(
        "action needed. gh is not logged in. gh auth login, or set GH_TOKEN, or add"
    )
    assert " PREFECT_API_KEY (a new key from " in steps["GitHub secrets"]
    assert steps["GitHub secrets"].endswith(f" at {page}")
    # The repository needs no account but GitHub's own.
    assert steps["Commit"].startswith("done. ")
    assert laptop.state()[1:] == before[1:]

    nothing: dict[str, str | None] = dict.fromkeys(
        ("GITHUB_CLONE_TOKEN", "MODAL_TOKEN_ID", "MODAL_TOKEN_SECRET")
    )
    said = step(laptop, "GitHub token", **nothing)
    assert said.startswith("action needed. containers need a GitHub token that can read ")
    assert step(laptop, "Modal token", **nothing) == (
        "action needed. Set MODAL_TOKEN_ID and MODAL_TOKEN_SECRET. Or run this in a terminal."
    )
    laptop.assert_no_secret_was_said()


def test_what_is_refused_is_not_saved(start: Callable[..., Laptop]) -> None:
    laptop = start()
    laptop.github.rights[other := new_token()] = NOTHING
    laptop.github.rights[laptop.owner] = PUSH
    assert "refuses the key" in step(laptop, "Prefect", PREFECT_API_KEY=(wrong := new_token()))
    page = f"https://github.com/{laptop.name}/settings/secrets/actions"
    assert page in step(laptop, "GitHub secrets")
    assert f"The token in GITHUB_CLONE_TOKEN cannot read {laptop.name}" in step(
        laptop, "GitHub token", GITHUB_CLONE_TOKEN=other
    )
    # The token must be able to read as in a container, without this machine's logins.
    (laptop.home / ".netrc").write_text(f"machine github.com login x password {laptop.owner}\n")
    assert f"The token in GITHUB_CLONE_TOKEN cannot read {laptop.name}" in step(
        laptop, "GitHub token", GITHUB_CLONE_TOKEN=new_token()
    )
    with pytest.raises(httpx.HTTPStatusError, match="404"):
        block(laptop)
    assert laptop.github.secrets == {}
    assert wrong not in "".join(laptop.said)
    assert other not in "".join(laptop.said)
    laptop.assert_no_secret_was_said()


def test_what_prefect_repeats_of_a_refused_request_is_not_shown(
    start: Callable[..., Laptop],
) -> None:
    laptop = start()
    laptop.cloud.refused = "block_documents"
    try:
        before = laptop.state()
        assert "422" in step(laptop, "Work pool")
        # The work pool that had no token yet is gone again.
        assert laptop.state() == before
        with pytest.raises(Exception, match="422"):
            step(laptop, "GitHub token")
    finally:
        laptop.cloud.refused = ""
    laptop.assert_no_secret_was_said()


def test_a_plan_without_push_work_pools_is_named_and_nothing_is_left_half_made(
    start: Callable[..., Laptop], monkeypatch: pytest.MonkeyPatch
) -> None:
    laptop = start()
    monkeypatch.setattr(laptop.cloud, "plan", "hobby")
    before = laptop.state()
    assert step(laptop, "Work pool") == f"action needed. {PLAN}"
    assert laptop.state() == before
    assert laptop.doctor()["Work pool"] == (
        f"failed: {laptop.pool} is missing. make bootstrap (needs a paid Prefect Cloud plan)"
    )


def test_new_tokens_replace_the_old_ones(start: Callable[..., Laptop]) -> None:
    laptop = start()
    for name in ("GitHub token", "Work pool"):
        assert step(laptop, name).startswith("done. ")
    laptop.github.rights[fresh := new_token()] = READ
    assert step(laptop, "GitHub token", GITHUB_CLONE_TOKEN=fresh).startswith("done. ")
    assert block(laptop)["token"] == fresh
    rotated = {"MODAL_TOKEN_SECRET": new_token()}
    assert step(laptop, "Work pool", **rotated).startswith("already there. ")
    assert laptop.cloud.token_of(laptop.pool)["token_secret"] == laptop.modal

    # A work pool that is paused may have its token replaced, too.
    server, path = laptop.cloud.server, f"work_pools/{laptop.pool}"
    server.ask("PATCH", path, {"is_paused": True}).raise_for_status()
    with laptop.project_here(**rotated) as project:
        assert rotate_tokens(project) == 0
    expected = {"token_id": "token-id", "token_secret": rotated["MODAL_TOKEN_SECRET"]}
    assert laptop.cloud.token_of(laptop.pool) == expected
    with laptop.project_here(MODAL_TOKEN_ID=None, MODAL_TOKEN_SECRET=None) as project:
        assert rotate_tokens(project) == 1
    assert laptop.cloud.token_of(laptop.pool) == expected
    server.ask("DELETE", path).raise_for_status()
    with laptop.project_here() as project:
        assert rotate_tokens(project) == 1

    # One that is made again has this machine's token, although Prefect has kept the old one.
    assert laptop.cloud.token_of(laptop.pool) == expected
    assert step(laptop, "Work pool").startswith("done. ")
    assert laptop.cloud.token_of(laptop.pool)["token_secret"] == laptop.modal


def test_the_consoles_address_is_understood(start: Callable[..., Laptop]) -> None:
    laptop = start()
    console = "https://app.prefect.cloud/account/a-1/workspace/w-2/dashboard"
    api = "https://api.prefect.cloud/api/accounts/a-1/workspaces/w-2"
    prefect = laptop.tool("prefect")
    assert laptop.run(prefect, "config", "set", f"PREFECT_API_URL={console}").returncode == 0
    found = laptop.doctor(PREFECT_API_URL=None)
    assert f"uv run prefect config set PREFECT_API_URL={api}" in found["Prefect"]
    step(laptop, "Prefect", PREFECT_API_URL=None)
    profile = laptop.run(prefect, "config", "view", PREFECT_API_URL=None)
    assert f"PREFECT_API_URL='{api}'" in profile.stdout
    # In the environment, it means the API.
    with laptop.project_here(PREFECT_API_URL=console) as project:
        assert project.workspace.url == api


def test_a_file_that_names_the_console_again_is_no_endless_loop(
    start: Callable[..., Laptop],
) -> None:
    laptop = start()
    console = "https://app.prefect.cloud/account/a-1/workspace/w-2/dashboard"
    (laptop.project / ".env").write_text(f"PREFECT_API_URL={console}\n")
    done = laptop.run(laptop.tool("python"), "-m", "tools", "bootstrap", PREFECT_API_URL=None)
    assert f"Prefect (action needed): {console} is the console's address\n" in done.stdout


# In front of a terminal.


def test_a_person_types_a_token_and_may_interrupt(start: Callable[..., Laptop]) -> None:
    laptop = start()
    laptop.owner = f"ghp_{secrets.token_hex(18)}"
    laptop.github.scopes = "repo, workflow"
    laptop.github.rights[laptop.owner] = OWNER
    terminal = laptop.talk("bootstrap", GITHUB_CLONE_TOKEN=None)
    terminal.expect(f"Containers need a GitHub token that can read {laptop.name}.")
    terminal.expect("Use gh's own token.*can change all your repositories.*N")
    terminal.sendline("n")
    terminal.expect("GitHub token: ")
    terminal.sendline(laptop.token)
    terminal.expect_exact("GitHub token (done)")
    terminal.sendintr()
    terminal.expect("Run it again to continue")
    terminal.expect(pexpect.EOF)
    terminal.close(force=True)
    assert terminal.exitstatus == 130
    assert laptop.github.secrets == {}
    assert block(laptop)["token"] == laptop.token
    ready, steps = laptop.bootstrap()
    assert ready, steps
    assert steps["GitHub token"].startswith("already there. ")
    assert steps["Deployment"].startswith("done. ")
    laptop.assert_no_secret_was_said()


def test_a_token_that_cannot_read_is_refused_and_ghs_own_taken(
    start: Callable[..., Laptop],
) -> None:
    laptop = start()
    terminal = laptop.talk("bootstrap", GITHUB_CLONE_TOKEN=None)
    terminal.expect("can do more than read.*N")
    terminal.sendline("")
    terminal.expect("GitHub token: ")
    terminal.sendline(wrong := new_token())
    terminal.expect(f"That token cannot read {laptop.name}")
    terminal.expect("can do more than read.*N")
    terminal.sendline("y")
    terminal.expect_exact("GitHub token (done)")
    terminal.close(force=True)
    assert block(laptop)["token"] == laptop.owner
    assert wrong not in "".join(laptop.said)
    laptop.assert_no_secret_was_said()


def test_a_person_logs_in_to_prefect_and_modal(start: Callable[..., Laptop]) -> None:
    laptop = start()
    nothing: dict[str, str | None] = dict.fromkeys(
        ("PREFECT_API_URL", "PREFECT_API_KEY", "MODAL_TOKEN_ID", "MODAL_TOKEN_SECRET")
    )
    terminal = laptop.talk("bootstrap", **nothing)
    terminal.expect("How would you like to authenticate")
    terminal.send(f"{DOWN}\r")
    terminal.expect("Paste your API key")
    terminal.sendline(laptop.cloud.key)
    terminal.expect_exact("Prefect (done): http")
    # The same process continues with the login that was missing when it started.
    terminal.expect_exact("GitHub token (done)")
    terminal.expect("▟█▀▀▀▀▜▖")  # Modal's sign; then it opens a browser and waits.
    terminal.close(force=True)
    pools = laptop.cloud.server.post("work_pools/filter")
    assert laptop.pool not in {pool["name"] for pool in pools}
    laptop.assert_no_secret_was_said()
    # Modal's setup writes this file.
    (laptop.home / ".modal.toml").write_text(
        f"[acme]\ntoken_id = 'configured'\ntoken_secret = '{laptop.modal}'\nactive = true\n"
    )
    ready, steps = laptop.bootstrap(**nothing)
    assert ready, steps
    token = {"token_id": "configured", "token_secret": laptop.modal}
    assert laptop.cloud.token_of(laptop.pool) == token
    assert laptop.github.secrets["PREFECT_API_KEY"] == laptop.cloud.key
    assert laptop.doctor(**nothing) == {}


# What is there already, wrong or refused.


def test_without_gh_it_says_what_to_add_by_hand(
    start: Callable[..., Laptop], monkeypatch: pytest.MonkeyPatch
) -> None:
    laptop = start()
    (tools := laptop.home / "bin").mkdir()
    page = f"https://github.com/{laptop.name}/settings/secrets/actions"
    monkeypatch.setattr(sys, "executable", str(tools / "python"))
    assert step(laptop, "GitHub secrets", PATH=str(tools)) == (
        "action needed. gh cannot list the secrets: gh is not installed. "
        "add PREFECT_API_KEY (a new key from https://app.prefect.cloud/my/api-keys) and PREFECT_API_URL "
        f"(printed by uv run prefect config view where you are logged in) at {page}"
    )


def test_nothing_is_pushed_to_another_repository(start: Callable[..., Laptop]) -> None:
    laptop = start()
    git(laptop.project, "init", "--quiet", "--initial-branch", "main")
    git(laptop.project, "remote", "add", "origin", "https://github.com/acme/other.git")
    ready, steps = laptop.bootstrap()
    assert not ready
    remedy = f"git remote set-url origin https://github.com/{laptop.name}"
    assert remedy in steps["Remote"]
    assert "fix Remote first" in steps["Commit"]
    for name in ("GitHub token", "Work pool"):
        assert "fix Remote first" in steps[name]
    assert "fix Work pool first" in steps["Deployment"]
    assert laptop.run("git", "log").returncode != 0


def test_a_bad_first_day_ends_well(start: Callable[..., Laptop]) -> None:
    laptop = start()
    server = laptop.cloud.server
    # A work pool of another kind is left alone.
    server.post("work_pools/", name=laptop.pool, type="process")
    assert f"{laptop.pool} is of type process, not modal:push" in step(laptop, "Work pool")
    assert server.get(f"work_pools/{laptop.pool}")["type"] == "process"
    server.ask("DELETE", f"work_pools/{laptop.pool}").raise_for_status()

    # One that was not made here has no token of Modal's, and may be paused.
    template = {"base_job_template": WORKER["default_base_job_configuration"]}
    server.post("work_pools/", name=laptop.pool, type="modal:push", is_paused=True, **template)
    ready, steps = laptop.bootstrap()
    assert not ready
    resume = f"uv run prefect work-pool resume {laptop.pool}"
    assert steps["Work pool"] == f"action needed. {laptop.pool} is paused. {resume}"
    assert "fix Work pool first" in steps["GitHub secrets"]
    assert laptop.run(*resume.split()).returncode == 0
    assert step(laptop, "Work pool") == (
        f"action needed. {laptop.pool} has no Modal token. "
        "choose Modal credentials for it in Prefect, or delete it and make bootstrap"
    )
    server.ask("DELETE", f"work_pools/{laptop.pool}").raise_for_status()

    # Rights that are missing.
    laptop.github.rights[laptop.owner] = PUSH
    assert "add PREFECT_API_KEY (a new key from " in step(laptop, "GitHub secrets")
    laptop.github.rights[laptop.owner] = READ
    git(laptop.project, "commit", "--quiet", "--allow-empty", "--message", "Mine")
    said = step(laptop, "Commit")
    assert "git push" in said
    assert "log in as a user who may push: gh auth login" in said
    laptop.github.rights[laptop.owner] = OWNER

    # A flow that is not there.
    edit(laptop.project / "prefect.yaml", "flow1:main", "flow2:main")
    commit(laptop.project)
    assert laptop.run("git", "push", "--quiet", "origin", "HEAD").returncode == 0
    assert "flow2" in step(laptop, "Deployment")
    edit(laptop.project / "prefect.yaml", "flow2:main", "flow1:main")
    commit(laptop.project)

    # Runs do not need what the organization forbids to updates.
    laptop.github.permissions["can_approve_pull_request_reviews"] = False
    laptop.github.refusals = {FORBIDDEN}
    ready, steps = laptop.bootstrap()
    assert ready, steps
    assert steps["Updates"].startswith("action needed. Actions may not open pull requests")
    laptop.github.refusals.clear()
    assert step(laptop, "Updates").startswith("done. connected; ")
    assert laptop.doctor() == {}


def test_a_public_repository_needs_no_github_token(start: Callable[..., Laptop]) -> None:
    laptop = start(private_repository="no")
    said = step(laptop, "GitHub token", GITHUB_CLONE_TOKEN=None)
    assert said == "already there. not needed, the repository is public"


def test_a_server_of_ones_own_gets_nothing_from_github(start: Callable[..., Laptop]) -> None:
    laptop = start()
    own = {"PREFECT_API_URL": laptop.cloud.server.url, "PREFECT_API_KEY": None}
    assert "Unknown work pool type 'modal:push'" in step(laptop, "Work pool", **own)
    assert "has no API key here" in step(laptop, "GitHub secrets", **own)
    assert laptop.github.secrets == {}
