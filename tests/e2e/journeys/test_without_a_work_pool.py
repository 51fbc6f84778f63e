"""All commands of a project whose Modal app starts its runs, on a plain Prefect server."""

import contextlib
import io
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from grpclib import Status
from tools import starter
from tools.prune import prune
from tools.rotate_tokens import rotate_tokens
from tools.teardown import teardown

from tests.e2e.journeys.test_documents import follow
from tests.stand_ins.laptop import Laptop
from tests.stand_ins.modal import Modal, serve_modal
from tests.stand_ins.modal_container import Containers
from tests.support.documents import MOVING, RUNNERS
from tests.support.environment import UV_CACHE, clean_environment
from tests.support.git import git

SCHEDULE = re.compile(r"cron: .*\n *timezone: .*\n")
pytestmark = [pytest.mark.e2e, pytest.mark.long]


@pytest.fixture(scope="module")
def modal() -> Iterator[Modal]:
    with serve_modal() as modal:
        yield modal


@pytest.fixture(scope="module")
def laptop(start: Callable[..., Laptop], modal: Modal) -> Laptop:
    """A private project that `make bootstrap` has connected to the owner's own server."""
    laptop = start(runner="app")
    nothing = dict.fromkeys(("PREFECT_API_URL", "PREFECT_API_KEY", "GITHUB_CLONE_TOKEN"))
    laptop.others = {**modal.environment(), **nothing}
    log_in, bootstrap = RUNNERS.sections()["Your own server"]
    follow(laptop, log_in.replace("https://prefect.acme-corp.com/api", laptop.cloud.server.url))
    assert bootstrap == "make bootstrap"
    ready, steps = laptop.make_bootstrap()
    assert ready, "\n".join(f"{name}: {text}" for name, text in steps.items())
    return laptop


def call(laptop: Laptop, command: Callable[..., int], *arguments: Any) -> str:
    with (
        laptop.project_here() as project,
        contextlib.redirect_stdout(io.StringIO()) as said,
    ):
        code = command(project, *arguments)
    assert code == 0, said.getvalue()
    return said.getvalue()


def name_of(laptop: Laptop) -> str:
    return laptop.name.replace("/", "-")


def image(modal: Modal, laptop: Laptop, folder: Path) -> Path:
    """The Python of the image, made by the command that Modal's client has asked for."""
    (step,) = {
        command
        for image in modal.images
        for command in image.dockerfile_commands
        if "uv sync" in command
    }
    for file in ("pyproject.toml", "uv.lock"):
        (folder / file).write_bytes((laptop.project / file).read_bytes())
    command = step.removeprefix("RUN /.uv/").replace("/.uv", str(folder)).split()
    environment = clean_environment(UV_CACHE_DIR=str(UV_CACHE), UV_PYTHON=sys.executable)
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return folder / ".venv/bin/python"


def test_bootstrap_connects_it_and_a_second_one_changes_nothing(
    laptop: Laptop, modal: Modal
) -> None:
    url = laptop.cloud.server.url
    token = modal.environment()
    assert modal.secrets == {f"prefect-{name_of(laptop)}": {"PREFECT_API_URL": url}}
    assert laptop.github.secrets == {
        "PREFECT_API_URL": url,
        "MODAL_TOKEN_ID": token["MODAL_TOKEN_ID"],
        "MODAL_TOKEN_SECRET": token["MODAL_TOKEN_SECRET"],
    }
    assert set(modal.apps[name_of(laptop)].functions) == {"tick", "run"}
    deployment = laptop.cloud.server.deployment(f"{name_of(laptop)}-example")
    assert deployment["version"] == git(laptop.project, "rev-parse", "HEAD")
    assert (deployment["work_pool_name"], deployment["pull_steps"]) == (None, [])
    assert deployment["path"] is None
    assert set(deployment["tags"]) == {name_of(laptop), f"modal:{name_of(laptop)}"}

    before = laptop.state()
    ready, steps = laptop.bootstrap()
    assert ready, "\n".join(f"{name}: {text}" for name, text in steps.items())
    assert {text.split(".")[0] for text in steps.values()} <= {
        "already there",
        "checked",
        "skipped",
    }
    assert laptop.state() == before
    assert laptop.doctor() == {}


def test_a_scheduled_run_completes_in_the_image_of_the_lock_file(
    laptop: Laptop, modal: Modal, tmp_path: Path
) -> None:
    server = laptop.cloud.server
    containers = Containers.of(
        laptop.project, "flows", modal.secrets[f"prefect-{name_of(laptop)}"], tmp_path
    )
    (tmp_path / "image").mkdir()
    containers.python = image(modal, laptop, tmp_path / "image")
    modal.on_call = containers.start
    (laptop.project / "src/flows/greeting.txt").write_text("Hello")
    yaml = laptop.project / "prefect.yaml"
    yaml.write_text(SCHEDULE.sub("interval: 10\n", yaml.read_text()))
    assert laptop.run("make", "prefect-deploy").returncode == 0
    ended: list[Any] = []
    deadline = time.monotonic() + 150
    while not ended:
        assert time.monotonic() < deadline, [containers.log(call) for call in modal.calls.values()]
        tick(laptop, modal)
        time.sleep(1)
        ended = server.post(
            "flow_runs/filter",
            flow_runs={"state": {"type": {"any_": ["COMPLETED", "CRASHED", "FAILED"]}}},
            deployments={"name": {"any_": [f"{name_of(laptop)}-example"]}},
        )
    assert f"{starter.ENVIRONMENT['PYTHONPATH']}/flows/greeting.txt" in modal.files
    git(laptop.project, "checkout", "--quiet", "prefect.yaml")
    (laptop.project / "src/flows/greeting.txt").unlink()
    assert {run["state_type"] for run in ended} == {"COMPLETED"}
    (started,) = [call for call in modal.calls.values() if call.arguments[0] == ended[0]["id"]]
    # A container sends the rest of its log after its run has ended.
    while started.result is None:
        assert time.monotonic() < deadline, containers.log(started)
        time.sleep(0.2)
    logs = server.post("logs/filter", logs={"flow_run_id": {"any_": [ended[0]["id"]]}})
    assert "Hello world from Prefect! 🤗" in [each["message"] for each in logs]
    assert laptop.run("make", "prefect-deploy").returncode == 0


def tick(laptop: Laptop, modal: Modal) -> None:
    """Modal's minutely call, in an environment without Prefect's client."""
    code = "import modal_app; modal_app.tick.local()"
    secret = modal.secrets[f"prefect-{name_of(laptop)}"]
    done = laptop.run(laptop.tool("python"), "-c", code, **secret)
    assert done.returncode == 0, done.stdout


def test_a_preview_has_an_app_of_its_own_and_starts_nothing_by_itself(
    laptop: Laptop, modal: Modal
) -> None:
    server, name = laptop.cloud.server, name_of(laptop)
    modal.on_call = lambda call: None
    git(laptop.project, "switch", "--quiet", "--create", "feature/retry")
    git(laptop.project, "commit", "--quiet", "--allow-empty", "--message", "More")
    assert laptop.run("git", "push", "--quiet", "--set-upstream", "origin", "HEAD").returncode == 0
    assert laptop.run("make", "preview").returncode == 0
    app = f"{name}--feature-retry"
    assert not modal.apps[app].functions["tick"].HasField("schedule")
    assert modal.apps[name].functions["tick"].HasField("schedule")
    deployment = server.deployment(f"{name}-example--feature-retry")
    assert deployment["paused"] is True
    assert deployment["job_variables"]["app"] == app
    then = (datetime.now(UTC) + timedelta(seconds=5)).isoformat()
    state = {"type": "SCHEDULED", "state_details": {"scheduled_time": then}}
    run = server.post(f"deployments/{deployment['id']}/create_flow_run", state=state)
    tick(laptop, modal)
    (started,) = [call for call in modal.calls.values() if call.arguments[0] == run["id"]]
    assert started.app == app

    assert laptop.run("make", "preview-delete").returncode == 0
    assert app not in modal.apps
    assert name in modal.apps
    git(laptop.project, "switch", "--quiet", "main")


def test_a_deployment_that_the_files_no_longer_have_is_pruned(laptop: Laptop) -> None:
    server, name = laptop.cloud.server, name_of(laptop)
    yaml = laptop.project / "prefect.yaml"
    text = yaml.read_text()
    yaml.write_text(text.replace(f"{name}-example", f"{name}-former"))
    assert laptop.run("make", "prefect-deploy").returncode == 0
    yaml.write_text(text)
    assert "is deployed, but not in prefect.yaml" in laptop.doctor()["Orphaned deployments"]
    assert f"Deleted {name}-former" not in call(laptop, prune, True)
    found = server.post("deployments/filter", deployments={"name": {"any_": [f"{name}-former"]}})
    assert found == []


def test_another_token_and_password_reach_modal_and_github(laptop: Laptop, modal: Modal) -> None:
    laptop.others |= {
        "MODAL_TOKEN_ID": "ak-another",
        "PREFECT_API_AUTH_STRING": (password := f"admin:{secrets.token_hex(8)}"),
    }
    said = call(laptop, rotate_tokens)
    assert laptop.github.secrets["MODAL_TOKEN_ID"] == "ak-another"
    for there in (laptop.github.secrets, modal.secrets[f"prefect-{name_of(laptop)}"]):
        assert there["PREFECT_API_AUTH_STRING"] == password
        assert there["PREFECT_API_URL"] == laptop.cloud.server.url
    assert password not in said


def test_a_missing_secret_is_named_and_made_again(laptop: Laptop, modal: Modal) -> None:
    del modal.secrets[name := f"prefect-{name_of(laptop)}"]
    assert laptop.doctor() == {"Modal secret": f"failed: {name} is missing. make bootstrap"}
    ready, steps = laptop.bootstrap()
    assert ready, "\n".join(f"{name}: {text}" for name, text in steps.items())
    assert name in modal.secrets


def test_an_app_that_modal_refuses_leaves_the_deployments_as_they_are(
    laptop: Laptop, modal: Modal
) -> None:
    before = laptop.cloud.server.deployment(f"{name_of(laptop)}-example")
    git(laptop.project, "commit", "--quiet", "--allow-empty", "--message", "More")
    modal.refuses["AppPublish"] = Status.PERMISSION_DENIED
    done = laptop.run("make", "prefect-deploy")
    modal.refuses.clear()
    git(laptop.project, "reset", "--quiet", "--hard", "HEAD~1")
    assert done.returncode != 0
    assert "AppPublish is refused" in done.stdout
    after = laptop.cloud.server.deployment(f"{name_of(laptop)}-example")
    assert after["version"] == before["version"]


def test_it_can_be_checked_and_rehearsed_without_any_account(laptop: Laptop) -> None:
    nowhere = dict.fromkeys(("PREFECT_API_URL", "MODAL_TOKEN_ID", "MODAL_TOKEN_SECRET"))
    done = laptop.run("make", "check", **nowhere)
    assert "14 passed" in done.stdout, done.stdout
    done = laptop.run("make", "rehearse", 'PARAMS={"name": "Modal"}', **nowhere)
    assert "Hello Modal from Prefect! 🤗" in done.stdout, done.stdout
    assert f"✓ {name_of(laptop)}-example: Completed" in done.stdout


def test_teardown_leaves_nothing(laptop: Laptop, modal: Modal) -> None:
    call(laptop, teardown, True)
    assert modal.apps == {}
    assert modal.secrets == {}
    assert laptop.github.secrets == {}
    names = {"name": {"like_": name_of(laptop)}}
    assert laptop.cloud.server.post("deployments/filter", deployments=names) == []


def test_a_project_moves_to_an_app_and_back_with_an_answer_and_a_deploy(
    start: Callable[..., Laptop], modal: Modal
) -> None:
    laptop = start()
    ready, steps = laptop.bootstrap()
    assert ready, steps
    name, server = name_of(laptop), laptop.cloud.server
    before = server.deployment(f"{name}-example")
    assert before["work_pool_name"] == laptop.pool
    laptop.others = {**modal.environment()}
    heading = "From a work pool to an app"
    for line in MOVING.sections()[heading]:
        follow(laptop, line)
    found = server.deployment(f"{name}-example")
    assert found["id"] == before["id"]
    assert (found["work_pool_name"], found["work_queue_name"]) == (None, None)
    assert (found["pull_steps"], found["tags"][-1]) == ([], f"modal:{name}")
    assert [each["slug"] for each in found["schedules"]] == ["primary"]
    assert modal.secrets[f"prefect-{name}"]["PREFECT_API_KEY"] == laptop.cloud.key
    assert laptop.doctor() == {}

    for line in MOVING.sections()[heading]:
        follow(laptop, line.replace("runner=app", "runner=push"))
    found = server.deployment(f"{name}-example")
    for key in ("id", "work_pool_name", "work_queue_name", "tags", "pull_steps", "job_variables"):
        if key != "pull_steps":
            assert found[key] == before[key]
    assert [*found["pull_steps"][0]] == [*before["pull_steps"][0]]
    assert not (laptop.project / "modal_app.py").exists()
    assert laptop.doctor() == {}
