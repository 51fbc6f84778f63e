"""`make bootstrap` connects whatever is not connected yet, and says what it needs."""

import secrets
import shutil
from collections.abc import Callable
from pathlib import Path

import httpx
import pexpect
import pytest

from tests.stand_ins.container import Container, copy_image
from tests.stand_ins.github import new_token
from tests.stand_ins.github_api import NOTHING, OWNER, PUSH, READ
from tests.stand_ins.laptop import STEPS, Laptop
from tests.stand_ins.prefect_cloud import WORKER
from tests.stand_ins.project import Project
from tests.support.changes import edit
from tests.support.git import commit, git

pytestmark = pytest.mark.e2e
DOWN = "\x1b[B"


def block(laptop: Laptop) -> dict:
    """The block from which containers take the token, with its secrets."""
    name = laptop.name.split("/")[1]
    path = f"block_types/slug/github-credentials/block_documents/name/{name}"
    return laptop.cloud.server.get(f"{path}?include_secrets=true")["data"]


def test_values_in_the_environment_are_enough(
    start: Callable[..., Laptop], image: Callable[[str, Path], Path], tmp_path: Path
) -> None:
    laptop = start()
    ready, steps = laptop.bootstrap()
    assert ready, steps
    done = {name for name, text in steps.items() if text.startswith("done. ")}
    assert done == set(STEPS) - {"Prefect", "Modal token"}

    assert block(laptop)["token"] == laptop.token
    pool = laptop.pool
    assert laptop.cloud.token_of(pool)["token_secret"] == laptop.modal
    assert laptop.github.secrets == {
        "PREFECT_API_KEY": laptop.cloud.key,
        "PREFECT_API_URL": laptop.cloud.url,
    }
    head = git(laptop.project, "rev-parse", "HEAD")
    assert git(laptop.github.repository(laptop.name), "rev-parse", "main") == head
    assert laptop.cloud.server.deployment(f"{pool}-example")["version"] == head

    before = laptop.state()
    ready, steps = laptop.bootstrap()
    assert ready, steps
    assert {text.split(".")[0] for text in steps.values()} == {"already there"}
    assert laptop.state() == before
    assert laptop.doctor() == {}

    # What was connected is what a run needs.
    version = (laptop.project / ".python-version").read_text().strip()
    prefix = copy_image(image(version, laptop.project), tmp_path / "container")
    container = Container(prefix, tmp_path / "home", laptop.github.environment())
    project = Project(
        laptop.project, laptop.name, laptop.cloud.server, laptop.github, laptop.environment(),
        start_container=lambda: container,
    )  # fmt: skip
    run = project.run(name="Modal")
    assert run.state == "COMPLETED", run.output
    assert "Hello Modal from Prefect! 🤗" in run.logs
    laptop.assert_no_secret_was_said()


def test_without_any_value_each_step_says_what_it_needs(start: Callable[..., Laptop]) -> None:
    laptop = start()
    before = laptop.state()
    ready, steps = laptop.bootstrap(
        PREFECT_API_URL=None, PREFECT_API_KEY=None, GITHUB_TOKEN=None, MODAL_TOKEN_ID=None,
        MODAL_TOKEN_SECRET=None, GH_TOKEN=None,
    )  # fmt: skip
    assert not ready
    assert steps["Prefect"].startswith("needs you. Set PREFECT_API_URL and PREFECT_API_KEY (from")
    for step in ("GitHub token", "Modal token", "Work pool", "Deployment"):
        assert steps[step] == "needs you. Prefect is not connected."
    page = f"https://github.com/{laptop.name}/settings/secrets/actions"
    assert steps["GitHub secrets"].startswith("needs you. gh is not logged in. gh auth login, or")
    assert f"add PREFECT_API_KEY and PREFECT_API_URL at {page}" in steps["GitHub secrets"]
    # The repository needs no account but GitHub's own.
    assert steps["Commit"].startswith("done. ")
    assert laptop.state()[1:] == before[1:]

    _, steps = laptop.bootstrap(GITHUB_TOKEN=None, MODAL_TOKEN_ID=None, MODAL_TOKEN_SECRET=None)
    assert steps["Prefect"].startswith("already there. ")
    assert steps["GitHub token"].startswith("needs you. Set GITHUB_TOKEN to a token from https://")
    assert steps["Modal token"] == (
        "needs you. Set MODAL_TOKEN_ID and MODAL_TOKEN_SECRET. Or run this in a terminal."
    )
    assert steps["Work pool"].startswith("needs you. ")
    laptop.assert_no_secret_was_said()


def test_what_is_refused_is_not_saved(start: Callable[..., Laptop]) -> None:
    laptop = start()
    _, steps = laptop.bootstrap(PREFECT_API_KEY=(wrong := new_token()))
    assert "refuses the key" in steps["Prefect"]
    assert laptop.github.secrets == {}
    laptop.github.rights[other := new_token()] = NOTHING
    laptop.github.rights[laptop.owner] = PUSH
    _, steps = laptop.bootstrap(GITHUB_TOKEN=other)
    assert f"That token cannot read {laptop.name}" in steps["GitHub token"]
    assert f"https://github.com/{laptop.name}/settings/secrets/actions" in steps["GitHub secrets"]
    with pytest.raises(httpx.HTTPStatusError, match="404"):
        block(laptop)
    assert laptop.github.secrets == {}
    said = "".join(laptop.said)
    assert wrong not in said
    assert other not in said
    laptop.assert_no_secret_was_said()


def test_a_work_pool_that_is_not_modals_is_left_alone(start: Callable[..., Laptop]) -> None:
    laptop = start()
    pool = laptop.pool
    laptop.cloud.server.post("work_pools/", name=pool, type="process")
    _, steps = laptop.bootstrap()
    assert f"{pool} is of type process, not modal:push" in steps["Work pool"]
    assert laptop.cloud.server.get(f"work_pools/{pool}")["type"] == "process"


def test_new_tokens_replace_the_old_ones(start: Callable[..., Laptop]) -> None:
    laptop = start()
    assert laptop.bootstrap()[0]
    pool = laptop.pool
    laptop.github.rights[fresh := new_token()] = READ
    ready, steps = laptop.bootstrap(GITHUB_TOKEN=fresh, MODAL_TOKEN_SECRET=(rotated := new_token()))
    assert ready
    assert steps["GitHub token"].startswith("done. ")
    assert block(laptop)["token"] == fresh
    assert laptop.cloud.token_of(pool)["token_secret"] == laptop.modal
    # A pool that rests may have its token replaced, too.
    url = f"{laptop.cloud.server.url}/work_pools/{pool}"
    httpx.patch(url, json={"is_paused": True}).raise_for_status()
    done = laptop.run("make", "rotate-tokens", MODAL_TOKEN_SECRET=rotated)
    assert done.returncode == 0, done.stdout
    assert laptop.cloud.token_of(pool) == {"token_id": "token-id", "token_secret": rotated}
    done = laptop.run("make", "rotate-tokens", MODAL_TOKEN_ID=None, MODAL_TOKEN_SECRET=None)
    assert done.returncode != 0
    assert "uv run modal setup" in done.stdout
    assert laptop.cloud.token_of(pool)["token_secret"] == rotated
    delete(laptop, f"work_pools/{pool}")
    done = laptop.run("make", "rotate-tokens")
    assert done.returncode != 0
    assert f"{pool} has no Modal token yet: make bootstrap" in done.stdout


@pytest.mark.parametrize("scheme", ["https://", ""])
def test_the_consoles_address_is_understood(start: Callable[..., Laptop], scheme: str) -> None:
    laptop = start()
    laptop.run("make", "setup")
    console = f"{scheme}app.prefect.cloud/account/a-1/workspace/w-2/dashboard"
    api = "https://api.prefect.cloud/api/accounts/a-1/workspaces/w-2"
    done = laptop.run(".venv/bin/prefect", "config", "set", f"PREFECT_API_URL={console}")
    assert done.returncode == 0, done.stdout
    found = laptop.doctor(PREFECT_API_URL=None)
    assert f"uv run prefect config set PREFECT_API_URL={api}" in found["Prefect"]
    laptop.bootstrap(PREFECT_API_URL=None)
    profile = laptop.run(".venv/bin/prefect", "config", "view", PREFECT_API_URL=None)
    assert f"PREFECT_API_URL='{api}'" in profile.stdout
    # Where a file says otherwise, it gives up instead of beginning again for ever.
    (laptop.project / ".env").write_text(f"PREFECT_API_URL={console}\n")
    _, steps = laptop.bootstrap(PREFECT_API_URL=None)
    assert steps["Prefect"].startswith(f"needs you. {console} is the console.")
    (laptop.project / ".env").unlink()
    # In the environment, it is enough to take it for what is meant.
    assert "Prefect cannot tell" in laptop.doctor(PREFECT_API_URL=console)["Prefect"]


def test_in_a_terminal_it_asks_for_the_token_and_does_not_show_it(
    start: Callable[..., Laptop],
) -> None:
    laptop = start()
    laptop.owner = f"ghp_{secrets.token_hex(18)}"
    laptop.github.scopes = "repo, workflow"
    laptop.github.rights[laptop.owner] = OWNER
    terminal = laptop.talk("bootstrap", GITHUB_TOKEN=None)
    terminal.expect("gh's own token can do 'repo', 'workflow' in all your repositories.*N")
    terminal.sendline("n")
    terminal.expect("GitHub token: ")
    terminal.sendline(laptop.token)
    terminal.expect("GitHub token: done")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0
    assert block(laptop)["token"] == laptop.token
    laptop.assert_no_secret_was_said()


def test_in_a_terminal_a_token_that_cannot_read_is_refused_and_ghs_own_taken(
    start: Callable[..., Laptop],
) -> None:
    laptop = start()
    terminal = laptop.talk("bootstrap", GITHUB_TOKEN=None)
    terminal.expect("not only read.*N")
    terminal.sendline("")
    terminal.expect("GitHub token: ")
    terminal.sendline(wrong := new_token())
    terminal.expect(f"That token cannot read {laptop.name}")
    terminal.expect(pexpect.EOF)
    terminal = laptop.talk("bootstrap", GITHUB_TOKEN=None)
    terminal.expect("not only read.*N")
    terminal.sendline("y")
    terminal.expect("GitHub token: done")
    terminal.expect(pexpect.EOF)
    assert block(laptop)["token"] == laptop.owner
    assert wrong not in "".join(laptop.said)
    laptop.assert_no_secret_was_said()


def test_in_a_terminal_it_logs_in_to_prefect(start: Callable[..., Laptop]) -> None:
    laptop = start()
    terminal = laptop.talk("bootstrap", PREFECT_API_URL=None, PREFECT_API_KEY=None)
    terminal.expect("How would you like to authenticate")
    terminal.send(f"{DOWN}\r")
    terminal.expect("Paste your API key")
    terminal.sendline(laptop.cloud.key)
    terminal.expect("Prefect: done. http")
    terminal.expect("Deployment: done")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0
    laptop.assert_no_secret_was_said()
    assert laptop.github.secrets["PREFECT_API_KEY"] == laptop.cloud.key
    assert laptop.doctor(PREFECT_API_URL=None, PREFECT_API_KEY=None) == {}


def test_in_a_terminal_it_runs_modals_own_setup(start: Callable[..., Laptop]) -> None:
    laptop = start()
    terminal = laptop.talk("bootstrap", MODAL_TOKEN_ID=None, MODAL_TOKEN_SECRET=None)
    terminal.expect("GitHub token: done")
    terminal.expect("▟█▀▀▀▀▜▖")  # Modal's sign; then it opens a browser and waits.
    terminal.close(force=True)
    pools = laptop.cloud.server.post("work_pools/filter")
    assert laptop.pool not in {pool["name"] for pool in pools}


def test_without_gh_it_says_what_to_add_by_hand(start: Callable[..., Laptop]) -> None:
    laptop = start()
    (tools := laptop.home / "bin").mkdir()
    for tool in ("awk", "git", "make", "sh", "uv"):
        (tools / tool).symlink_to(shutil.which(tool, path=laptop.environment()["PATH"]))
    _, steps = laptop.bootstrap(PATH=str(tools))
    page = f"https://github.com/{laptop.name}/settings/secrets/actions"
    assert steps.pop("GitHub secrets") == (
        "needs you. gh cannot look: gh is not installed. "
        f"add PREFECT_API_KEY and PREFECT_API_URL at {page} (README.md says where they are)"
    )
    assert {text.split(". ")[0] for text in steps.values()} <= {"done", "already there"}, steps


def test_nothing_is_pushed_to_another_repository(start: Callable[..., Laptop]) -> None:
    laptop = start()
    git(laptop.project, "init", "--quiet", "--initial-branch", "main")
    git(laptop.project, "remote", "add", "origin", "https://github.com/acme/other.git")
    ready, steps = laptop.bootstrap()
    assert not ready
    mend = f"git remote set-url origin https://github.com/{laptop.name}"
    assert mend in steps["Remote"]
    assert "Remote has to be right first" in steps["Commit"]
    assert "Commit has to be right first" in steps["Deployment"]
    assert laptop.run("git", "log").returncode != 0


def test_an_interrupted_bootstrap_goes_on_where_it_stopped(start: Callable[..., Laptop]) -> None:
    laptop = start()
    terminal = laptop.talk("bootstrap")
    terminal.expect("GitHub token: done")
    terminal.sendintr()
    terminal.expect("goes on where it stopped")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus != 0
    assert laptop.github.secrets == {}
    ready, steps = laptop.bootstrap()
    assert ready, steps
    assert steps["GitHub token"].startswith("already there. ")
    assert steps["Deployment"].startswith("done. ")


# What is there already, wrong or refused.


def test_a_bad_first_day_ends_well(start: Callable[..., Laptop]) -> None:
    laptop = start()
    server = laptop.cloud.server
    bare = laptop.github.repository(laptop.name)

    def needs(step: str, **extra: str | None) -> str:
        ready, steps = laptop.bootstrap(**extra)
        assert not ready
        return steps[step].removeprefix("needs you. ")

    # A work pool from elsewhere, and a repository that began on another branch.
    template = {"base_job_template": WORKER["default_base_job_configuration"]}
    server.post("work_pools/", name=laptop.pool, type="modal:push", is_paused=True, **template)
    git(laptop.project, "init", "--quiet", "--initial-branch", "master")
    nobody = dict.fromkeys(
        f"GIT_{role}_{what}" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    )
    ready, steps = laptop.bootstrap()
    assert not ready
    resume = f"uv run prefect work-pool resume {laptop.pool}"
    assert steps["Work pool"] == f"needs you. {laptop.pool} is paused. {resume}"
    assert "Work pool has to be right first" in steps["GitHub secrets"]
    switch = "git switch --create main"
    assert steps["Commit"] == f"needs you. This is master, containers clone main. {switch}"
    assert git(laptop.project, "ls-remote", str(bare)) == ""
    assert laptop.run(*resume.split()).returncode == 0
    assert laptop.run(*switch.split()).returncode == 0
    assert "git config --global user.name NAME" in needs("Commit", **nobody)

    assert needs("Work pool") == (
        f"{laptop.pool} has no Modal token. "
        "choose Modal credentials for it in Prefect, or delete it and make bootstrap"
    )
    httpx.delete(f"{server.url}/work_pools/{laptop.pool}").raise_for_status()

    # Rights that are missing, one after the other.
    laptop.github.rights[laptop.owner] = PUSH
    assert "add PREFECT_API_KEY and PREFECT_API_URL at https" in needs("GitHub secrets")
    laptop.github.rights[laptop.owner] = READ
    git(laptop.project, "commit", "--quiet", "--allow-empty", "--message", "Mine")
    said = needs("Commit")
    assert "git push" in said
    assert "gh auth setup-git" in said
    laptop.github.rights[laptop.owner] = OWNER

    # Somebody else has pushed since.
    other = laptop.home / "other"
    git(laptop.home, "clone", "--quiet", str(bare), str(other))
    git(other, "switch", "--quiet", "--create", "theirs")
    git(other, "commit", "--quiet", "--allow-empty", "--message", "Theirs")
    git(other, "push", "--quiet", "--force", "origin", "HEAD:main")
    said = needs("Commit")
    assert "error: failed to push some refs" in said
    pull = "git pull --rebase origin main"
    assert said.endswith(f". {pull}")
    git(bare, "update-ref", "-d", "refs/heads/main")

    # A flow that is not there.
    edit(laptop.project / "prefect.yaml", "flow1:main", "flow2:main")
    commit(laptop.project)
    assert "flow2" in needs("Deployment")
    edit(laptop.project / "prefect.yaml", "flow2:main", "flow1:main")
    commit(laptop.project)
    ready, steps = laptop.bootstrap()
    assert ready, steps
    assert laptop.doctor() == {}


@pytest.fixture(scope="module")
def connected(start: Callable[..., Laptop]) -> Laptop:
    """A laptop on which everything is ready."""
    laptop = start()
    ready, steps = laptop.bootstrap()
    assert ready, steps
    return laptop


def delete(laptop: Laptop, path: str) -> None:
    httpx.delete(f"{laptop.cloud.server.url}/{path}").raise_for_status()


def commit_something(laptop: Laptop) -> None:
    git(laptop.project, "commit", "--quiet", "--allow-empty", "--message", "More")


STOPPED_BEFORE: dict[str, Callable[[Laptop], object]] = {
    "GitHub secrets": lambda laptop: laptop.github.secrets.pop("PREFECT_API_URL"),
    "Work pool": lambda laptop: delete(laptop, f"work_pools/{laptop.pool}"),
    "Remote": lambda laptop: git(laptop.project, "remote", "remove", "origin"),
    "Commit": commit_something,
    "Deployment": lambda laptop: delete(
        laptop, f"deployments/{laptop.cloud.server.deployment(f'{laptop.pool}-example')['id']}"
    ),
}


@pytest.mark.parametrize("step", STOPPED_BEFORE)
def test_it_goes_on_from_wherever_it_stopped(connected: Laptop, step: str) -> None:
    STOPPED_BEFORE[step](connected)
    ready, steps = connected.bootstrap()
    assert ready, steps
    assert steps[step].startswith("done. ")
    assert connected.doctor() == {}


def test_no_program_is_started_with_a_secret_among_its_arguments(
    start: Callable[..., Laptop], tmp_path: Path
) -> None:
    laptop = start()
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "def note(event, details):\n"
        "    if event == 'subprocess.Popen':\n"
        f"        with open({str(tmp_path / 'log')!r}, 'a') as log:\n"
        "            print(details[1], file=log)\n"
        "sys.addaudithook(note)\n"
    )
    ready, steps = laptop.bootstrap(PYTHONPATH=str(tmp_path))
    assert ready, steps
    started = (tmp_path / "log").read_text()
    for program in ("'ls-remote'", "'secret', 'set'", "'work-pool', 'create'", "'prefect-deploy'"):
        assert program in started
    values = (laptop.token, laptop.owner, laptop.modal, laptop.cloud.key)
    assert [value for value in values if value in started] == []


def test_what_prefect_repeats_of_a_refused_request_is_not_shown(
    start: Callable[..., Laptop],
) -> None:
    laptop = start()
    laptop.cloud.refused = "block_documents"
    try:
        ready, steps = laptop.bootstrap()
        assert not ready
        assert "422" in steps["Work pool"]
        assert "422" in steps["GitHub token"]
    finally:
        laptop.cloud.refused = ""
    laptop.assert_no_secret_was_said()


def test_a_token_has_to_read_without_the_logins_of_this_machine(
    start: Callable[..., Laptop],
) -> None:
    laptop = start()
    (laptop.home / ".netrc").write_text(f"machine github.com login x password {laptop.owner}\n")
    _, steps = laptop.bootstrap(GITHUB_TOKEN=new_token())
    assert f"That token cannot read {laptop.name}" in steps["GitHub token"]


def test_a_public_repository_needs_no_github_token(start: Callable[..., Laptop]) -> None:
    laptop = start(private_repository="no")
    laptop.github.public.add(laptop.name)
    ready, steps = laptop.bootstrap(GITHUB_TOKEN=None)
    assert ready, steps
    assert steps["GitHub token"] == "already there. not needed, the repository is public"
    assert laptop.doctor(GITHUB_TOKEN=None) == {}


def test_modals_own_configuration_is_enough(start: Callable[..., Laptop]) -> None:
    laptop = start()
    (laptop.home / ".modal.toml").write_text(
        f"[acme]\ntoken_id = 'configured'\ntoken_secret = '{laptop.modal}'\nactive = true\n"
    )
    ready, steps = laptop.bootstrap(MODAL_TOKEN_ID=None, MODAL_TOKEN_SECRET=None)
    assert ready, steps
    token = {"token_id": "configured", "token_secret": laptop.modal}
    assert laptop.cloud.token_of(laptop.pool) == token


def test_a_server_of_ones_own_gets_nothing_from_github(start: Callable[..., Laptop]) -> None:
    laptop = start()
    own = {"PREFECT_API_URL": laptop.cloud.server.url, "PREFECT_API_KEY": None}
    ready, steps = laptop.bootstrap(**own)
    assert not ready
    assert "Unknown work pool type 'modal:push'" in steps["Work pool"]
    assert laptop.github.secrets == {}
