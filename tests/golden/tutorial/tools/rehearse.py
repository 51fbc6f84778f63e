# mypy: ignore-errors
"""`make rehearse`: run a deployment as its container would, on a temporary server."""

import os
import secrets
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from prefect.client.schemas.objects import TERMINAL_STATES

from tools.base import process
from tools.base.container import Container, install
from tools.base.git import head
from tools.base.parameters import read_parameters
from tools.base.prefect_deploy import deploy_each, quietly
from tools.base.prefect_yaml import Deployment, clone_step
from tools.base.project import Project
from tools.base.screen import say
from tools.base.server import ask, create_pool, settings, throw_away_server
from tools.base.snapshot import snapshot
from tools.base.stop import ActionRequired

SAVE = "import sys; from prefect_github import GitHubCredentials as Block; "
SAVE += "Block(token=sys.stdin.read()).save(sys.argv[1])"
MACHINE = ("cpu", "memory", "gpu", "command")
"""Job variables that have no effect on this machine."""


def rehearse(root: Path, name: str, params: str) -> int:
    """Deploy and run one deployment, show its log, and return 0 if it completed.

    Raises:
        ActionRequired: it cannot start; the text says what to do.
    """
    given = read_parameters(params)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        here = Project(root, offline=True)
        project = snapshot(here, Path(folder, "repository"))
        deployment = chosen(project, name)
        changed = "" if head(project) == head(here) else ", with uncommitted changes"
        say(f"Rehearsing {deployment.name} at {head(project)[:10]}{changed} …")
        with throw_away_server() as url:
            container = prepare(project, deployment, url, Path(folder))
            found = deployed(project, deployment, url, folder)
            say(f"Not emulated here: {', '.join(missing(found['job_variables']))}.")
            run = ask(url, f"deployments/{found['id']}/create_flow_run", parameters=given)
            container.execute(run["id"], found["job_variables"])
            (ended,) = ask(url, "flow_runs/filter", flow_runs={"id": {"any_": [run["id"]]}})
    return told(deployment, ended, found["job_variables"])


def chosen(project: Project, name: str) -> Deployment:
    if not (names := [each.name for each in project.deployments]):
        raise ActionRequired("prefect.yaml has no deployment", "add one under deployments")
    for each in project.deployments:
        if each.name == name or not name:
            return each
    raise ActionRequired(f"There is no deployment {name}. Use one of {', '.join(names)}")


def prepare(project: Project, deployment: Deployment, url: str, folder: Path) -> Container:
    """A container with the locked packages, which clones the snapshot as the repository."""
    install(project, prefix := folder / "local", *() if project.app else ("--no-install-project",))
    uv = process.uv(project.root)
    cache = project.run(uv, "cache", "dir").stdout.strip()
    step = clone_step(project.prefect_yaml.pull_steps(deployment))
    address = urlsplit(str(step.get("repository", "")))
    addresses = [address.geturl()]
    if block := project.credentials_block:
        token = f"rehearsal-{secrets.token_hex(8)}"
        addresses.append(address._replace(netloc=f"{token}@{address.netloc}").geturl())
        save = (sys.executable, "-c", SAVE, block)
        done = process.run(*save, cwd=folder, secret=token, **settings(url, str(folder)))
        if done.returncode != 0:
            raise ActionRequired(f"Cannot create the block {block}: {process.last_error(done)}")
    environment = {"PREFECT_API_URL": url, "UV_CACHE_DIR": cache, "GIT_TERMINAL_PROMPT": "0"}
    environment["DO_NOT_TRACK"] = "1"  # Each new home would be told of Prefect's telemetry.
    environment["GIT_CONFIG_COUNT"] = str(len(addresses))
    for number, each in enumerate(addresses):
        environment[f"GIT_CONFIG_KEY_{number}"] = f"url.file://{project.root}.insteadOf"
        environment[f"GIT_CONFIG_VALUE_{number}"] = each
    path = (str(Path(uv).resolve().parent), os.environ["PATH"])
    return Container(prefix, folder / "home", environment, path, output=None)


def deployed(project: Project, deployment: Deployment, url: str, home: str) -> dict[str, Any]:
    """Deploy it, and return the server's record of it."""
    create_pool(url, deployment.pool.name)
    run = quietly(settings(url, home))
    for _, why in deploy_each(project, run, [deployment.name]).failed:
        raise ActionRequired(f"Prefect refuses to deploy {deployment.name}: {why}")
    chosen = {"name": {"any_": [deployment.name]}}
    found: list[dict[str, Any]] = ask(url, "deployments/filter", deployments=chosen)
    return found[0]


def missing(job_variables: dict[str, Any]) -> list[str]:
    """What a run on Modal has and this one lacks."""
    absent = [f"{key}: {job_variables[key]}" for key in MACHINE if job_variables.get(key)]
    if tag := (job_variables.get("image") or {}).get("tag"):
        absent.insert(0, f"the image {tag}")
    if names := job_variables.get("secrets"):
        absent.append(f"the Modal secrets {', '.join(names)}")
    return [*absent, "the blocks and variables of your workspace"]


def told(deployment: Deployment, run: dict[str, Any], job_variables: dict[str, Any]) -> int:
    """Print how the run ended, and return the exit code."""
    state = run["state"]
    completed = state["type"] == "COMPLETED"
    text = f"{deployment.name}: {state['name']}"
    if state["type"] not in TERMINAL_STATES:
        text += f", stopped after {job_variables.get('timeout', 300)} s, as on Modal"
    elif not completed:
        text += f". {state.get('message') or ''}".rstrip(". ")
    say(text, "passed" if completed else "failed")
    return int(not completed)
