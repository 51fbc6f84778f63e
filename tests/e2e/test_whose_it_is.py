"""Foreign, newer and working things are never replaced, and local state is not trusted."""

import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tools.deploy import deploy

from tests.e2e.test_bootstrap import block, step
from tests.stand_ins.github import new_token
from tests.stand_ins.github_api import OWNER, READ
from tests.stand_ins.laptop import Laptop
from tests.support.changes import edit
from tests.support.git import commit, git

pytestmark = pytest.mark.e2e
Start = Callable[..., Laptop]


@pytest.fixture(scope="module")
def laptop(start: Start) -> Laptop:
    """A laptop on which everything is connected."""
    laptop = start()
    ready, steps = laptop.bootstrap()
    assert ready, steps
    return laptop


def deployment(laptop: Laptop) -> dict[str, Any]:
    return laptop.cloud.server.deployment(f"acme-{laptop.pool}-example")


# Tokens.


def test_a_token_of_the_shell_is_not_taken_for_the_containers(laptop: Laptop) -> None:
    laptop.github.rights[shells := new_token()] = OWNER
    said = step(laptop, "GitHub token", GITHUB_TOKEN=shells, GITHUB_CLONE_TOKEN=None)
    assert said == f"already there. the block acme-{laptop.pool} can read {laptop.name}"
    assert block(laptop)["token"] == laptop.token
    del laptop.github.rights[laptop.token]
    said = step(laptop, "GitHub token", GITHUB_TOKEN=shells, GITHUB_CLONE_TOKEN=None)
    assert ". set GITHUB_CLONE_TOKEN to a token from https://" in said
    assert block(laptop)["token"] == laptop.token
    laptop.github.rights[laptop.token] = READ


def test_a_network_that_fails_says_nothing_about_a_token(laptop: Laptop) -> None:
    settings = Path(laptop.environment()["GIT_CONFIG_GLOBAL"])
    # GitHub is reached through the proxy in git's settings.
    before = settings.read_text()
    settings.write_text(before.replace("proxy = ", "proxy = http://127.0.0.1:9 # "))
    found = laptop.doctor()
    settings.write_text(before)
    assert found["GitHub token"].startswith("skipped: GitHub cannot be reached: fatal: unable to")
    assert found["Commit"].startswith("skipped: GitHub cannot be reached: fatal: unable to access")


def test_a_way_to_github_with_the_owners_key_is_not_the_containers(laptop: Laptop) -> None:
    settings = Path(laptop.environment()["GIT_CONFIG_GLOBAL"])
    before = settings.read_text()
    settings.write_text(before + '[url "git@github.com:"]\n    insteadOf = https://github.com/\n')
    said = step(laptop, "GitHub token")
    settings.write_text(before)
    assert said.startswith("already there. ")
    # A login in a header also counts.
    header = (
        f'[http "https://github.com/"]\n    extraHeader = "Authorization: Bearer {laptop.owner}"\n'
    )
    settings.write_text(before + header)
    del laptop.github.rights[laptop.token]
    found = laptop.doctor()
    settings.write_text(before)
    laptop.github.rights[laptop.token] = READ
    assert "refuses the token" in found["GitHub token"]


@pytest.mark.parametrize("url", ["http://github.com", "https://example.com"])
def test_a_token_goes_to_no_other_place(laptop: Laptop, url: str) -> None:
    edit(laptop.project / "prefect.yaml", r"repository: .https://github.com", f'repository: "{url}')
    asked = len(laptop.github.requests)
    found = laptop.doctor()
    git(laptop.project, "checkout", "--quiet", "prefect.yaml")
    text = f"skipped: no token is sent to {url}/{laptop.name}: it is not https"
    assert text in found["GitHub token"]
    assert laptop.token not in {request.token for request in laptop.github.requests[asked:]}


# Two repositories of one name.


def test_a_second_repository_of_the_same_name_overwrites_nothing(
    laptop: Laptop, start: Start
) -> None:
    other = start(name=f"beta/{laptop.pool}", project_name=f"acme-{laptop.pool}")
    other.owner, other.token = (other.github.add_token(rights) for rights in (OWNER, READ))
    before = laptop.state(), deployment(laptop)
    # The first one's token can read its own repository only.
    other.github.rights[laptop.token] = READ
    laptops_url = f"https://github.com/{laptop.name}"
    other.github.create(laptop.name)
    other.github.visible[laptop.token] = {laptop.name}
    ready, steps = other.bootstrap(MODAL_TOKEN_SECRET=laptop.modal)
    assert not ready
    assert f"belongs to {laptops_url}: its token cannot read" in steps["GitHub token"]
    text = f"main/acme-{laptop.pool}-example already exists, from {laptops_url}"
    assert text in steps["Deployment"]
    assert text in other.doctor()["Deployment"]
    with other.project_here(CI="true") as project:
        assert deploy(project, force=False) == 1
    assert (laptop.state(), deployment(laptop)) == before


def test_new_projects_of_one_name_are_told_apart_by_their_owners(
    laptop: Laptop, start: Start
) -> None:
    other = start(name=f"beta/{laptop.pool}")
    before = deployment(laptop)
    ready, steps = other.bootstrap()
    assert ready, steps
    names = {each["name"] for each in laptop.cloud.server.post("deployments/filter")}
    assert {f"{owner}-{laptop.pool}-example" for owner in ("acme", "beta")} <= names
    assert deployment(laptop) == before
    assert block(laptop)["token"] == laptop.token


# What is on the server.


def test_a_checkout_that_is_behind_rolls_nothing_back(laptop: Laptop) -> None:
    old = git(laptop.project, "rev-parse", "HEAD")
    laptop.push()
    newer = git(laptop.project, "rev-parse", "HEAD")
    there = f"deployments/{deployment(laptop)['id']}"
    laptop.cloud.server.ask("PATCH", there, {"version": newer}).raise_for_status()
    git(laptop.project, "reset", "--quiet", "--hard", old)
    ready, steps = laptop.bootstrap()
    assert not ready
    assert "which this checkout does not have. git pull" in steps["Deployment"]
    # A pinned commit may have been followed by others, so the row Commit passes.
    found = laptop.doctor()
    assert found.keys() == {"Deployment"}
    text = f"is deployed from {newer[:10]}, which this checkout does not have. git pull; to"
    assert text in found["Deployment"]
    with laptop.project_here(PYTHONPATH="src") as project:
        assert deploy(project, force=False) == 1
        assert deployment(laptop)["version"] == newer
        assert deploy(project, force=True) == 0
    assert deployment(laptop)["version"] == old
    git(laptop.project, "reset", "--quiet", "--hard", newer)
    laptop.cloud.server.ask("PATCH", there, {"version": newer}).raise_for_status()
    assert laptop.doctor() == {}


def test_a_schedule_that_replaces_another_is_not_taken_for_left_over(laptop: Laptop) -> None:
    # The schedule that a deploy leaves if its slug is no longer in the file.
    former = {"slug": "former", "active": True, "schedule": {"cron": "0 6 * * *"}}
    server, path = laptop.cloud.server, f"deployments/{deployment(laptop)['id']}/schedules"
    server.ask("POST", path, [former]).raise_for_status()
    found = laptop.doctor()
    assert found.keys() == {"Orphaned deployments"}
    text = "the schedule former is not in prefect.yaml, but still starts runs. make prune"
    assert text in found["Orphaned deployments"]
    edit(
        laptop.project / "prefect.yaml", "slug: primary", "slug: primary\n        replaces: former"
    )
    assert "Orphaned deployments" not in laptop.doctor()
    git(laptop.project, "checkout", "--quiet", "prefect.yaml")
    (made,) = [each for each in deployment(laptop)["schedules"] if each["slug"] == "former"]
    server.ask("DELETE", f"{path}/{made['id']}").raise_for_status()
    assert laptop.doctor() == {}


def test_what_was_deployed_from_a_former_address_is_named(laptop: Laptop) -> None:
    server = laptop.cloud.server
    steps = deployment(laptop)["pull_steps"]
    former = "https://github.com/acme/former"
    steps[0]["prefect.deployments.steps.git_clone"]["repository"] = former
    flow = server.post("flows/", name="main")["id"]
    version = git(laptop.project, "rev-parse", "HEAD")
    made = server.post(
        "deployments/", name="former-example", flow_id=flow, pull_steps=steps, version=version
    )
    found = laptop.doctor()
    server.ask("DELETE", f"deployments/{made['id']}")
    assert found == {
        "Orphaned deployments": (
            f"warning: main/former-example is deployed from {former}, with a commit of this "
            "repository. if that is its former address: make prune"
        )
    }


# Keys and logins.


def test_an_expired_key_is_one_sentence_in_ci(laptop: Laptop) -> None:
    ci = {"CI": "true", "GITHUB_ACTIONS": "true", "PYTHONPATH": "src"}
    python = (laptop.tool("python"), "-m", "tools", "deploy")
    done = laptop.run(*python, PREFECT_API_KEY=(key := secrets.token_hex(8)), **ci)
    assert done.returncode == 1
    (line,) = done.stdout.splitlines()
    assert (
        "refuses the key%0A  replace the secret PREFECT_API_KEY with a new one from https" in line
    )
    assert key not in line
    done = laptop.run(*python, PREFECT_API_KEY=f"{laptop.cloud.key[:4]}\n{key}", **ci)
    assert done.stdout.strip().endswith("app.prefect.cloud/my/api-keys")
    assert "the API key has a line break in it" in done.stdout
    assert key not in done.stdout
    # A key that only ends with a line break is valid.
    done = laptop.run(*python, PREFECT_API_KEY=f"{laptop.cloud.key}\n", **ci)
    assert done.returncode == 0, done.stdout


def test_an_end_of_input_ends_it(start: Start) -> None:
    laptop = start()
    terminal = laptop.talk("bootstrap", GITHUB_CLONE_TOKEN=None)
    terminal.expect("Use gh's own token.*N")
    terminal.sendeof()
    terminal.expect("Interrupted. Run it again to continue.")
    terminal.wait()
    assert terminal.exitstatus == 130
    laptop.assert_no_secret_was_said()


def test_a_broken_configuration_of_modal_is_named(laptop: Laptop) -> None:
    (file := laptop.home / ".modal.toml").write_text("[acme\n")
    nothing: dict[str, str | None] = {"MODAL_TOKEN_ID": None, "MODAL_TOKEN_SECRET": None}
    found = laptop.doctor(**nothing)
    file.unlink()
    assert found["Modal token"].startswith("skipped: Modal's configuration cannot be read: ")


def test_a_project_can_stand_in_any_folder(laptop: Laptop, tmp_path: Path) -> None:
    """Its name may hold blanks and quotes, the environment may be elsewhere, and uv too."""
    without = shutil.ignore_patterns(".venv")
    folder = shutil.copytree(laptop.project, tmp_path / 'it\'s "my" flows', ignore=without)
    (tools := tmp_path / "my tools").mkdir()
    shutil.copy(laptop.tool("uv"), tools)
    inside = Laptop(**{**vars(laptop), "project": folder})
    path = f"{tools}:{laptop.environment()['PATH']}"
    done = inside.run(
        "make", "--silent", "setup", "doctor", PATH=path,
        UV_PROJECT_ENVIRONMENT=str(tmp_path / "an environment"),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert not (folder / ".venv").exists()
    # Without uv, the project installs its own.
    (folder / ".uv/bin").mkdir(parents=True)
    shutil.copy(laptop.tool("uv"), folder / ".uv/bin")
    done = inside.run("make", "--silent", "setup", PATH="/usr/bin:/bin")
    assert done.returncode == 0, done.stdout
    assert f'export PATH="{folder}/.uv/bin:$PATH"' in done.stdout
    commit(folder)
