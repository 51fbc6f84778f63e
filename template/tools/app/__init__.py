# mypy: ignore-errors
"""The parts of the other tools that differ if modal_app.py starts the runs."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tools.base import process
from tools.base.finding import Check, Finding, Step, failed, passed
from tools.base.pool_variables import SCHEMA as OF_A_POOL
from tools.base.prefect_yaml import GIT_CLONE, Deployment, PrefectYaml, WorkPool
from tools.base.project import Project, split_address
from tools.base.removal import Removal
from tools.base.stop import ActionRequired, CheckSkipped
from tools.checks.modal import read_token
from tools.checks.prefect_account import KEYS

STARTER = "modal_app.py"
"""The value that the other tools use as a work pool's name."""
COMMAND = (sys.executable, "-m", "tools.app.prefect", "--no-prompt", "deploy")
TAKEN = ("cpu", "memory", "gpu", "timeout", "secrets", "env")
SCHEMA = {**OF_A_POOL, "properties": {name: OF_A_POOL["properties"][name] for name in TAKEN}}
SCHEMA["properties"] |= {
    "cpu": {"type": "number", "exclusiveMinimum": 0, "default": 0.125},
    "memory": {"type": "integer", "default": 128},
    "timeout": {"type": "integer", "default": 3600, "maximum": 86400},
}
"""The job variables that modal_app.py supports."""
LONGEST = 64
"""Modal's names must be shorter."""
WITH_POOL = {"name": "no work pool", "work_queue_name": "no work queue"}
SECRETS = {
    "PREFECT_API_URL": "the address of Prefect's API",
    "PREFECT_API_KEY": f"a new key from {KEYS}",
    "PREFECT_API_AUTH_STRING": "the auth string of your Prefect server",
    "MODAL_TOKEN_ID": "from modal token new",
    "MODAL_TOKEN_SECRET": "from modal token new",
}
"""The secrets that GitHub Actions deploys with, and where to find each value."""
LOGIN = ("PREFECT_API_KEY", "PREFECT_API_AUTH_STRING")
"""Those that your own Prefect server may not need."""


def values(project: Project) -> dict[str, str]:
    """The values that this machine has, and so a deploy needs."""
    token = {f"MODAL_{name.upper()}": value or "" for name, value in read_token().items()}
    return {**project.workspace.credentials, **token}


def secrets_of(project: Project) -> dict[str, str]:
    """The secrets that a deploy needs, and where to find each value."""
    given = values(project)
    return {name: text for name, text in SECRETS.items() if name in given or name not in LOGIN}


def name_of(project: Project) -> str:
    """The name of the Modal app, also part of its secret's name and its tag."""
    if found := re.search(r'^NAME = "(.+)"', project.read(STARTER), re.MULTILINE):
        return found[1]
    raise CheckSkipped(f"{STARTER} has no NAME")


def secret_of(project: Project) -> str:
    return f"prefect-{name_of(project)}"


def seen(project: Project, file: PrefectYaml) -> PrefectYaml:
    """prefect.yaml for the other tools: a run executes this commit of this repository."""
    given = str(project.answers.get("repo_url") or "")
    given = given or project.git("remote", "get-url", "origin").stdout.strip()
    if re.fullmatch(r"[\w.-]+/[\w.-]+", given):
        given = f"https://github.com/{given}"
    host, name = split_address(given)
    clone = {"repository": f"https://{host}/{name}", "commit_sha": "HEAD"}
    clone["branch"] = project.answers.get("branch") or "main"
    for each in file.deployments:
        each.pull = None
        each.work_pool = WorkPool(name=STARTER, job_variables=each.pool.job_variables)
    file.pull = [{GIT_CLONE: clone}]
    return file


def settings(project: Project) -> dict[str, str]:
    """The settings that tools.app.prefect adds to each deployment."""
    variables = {"app": name_of(project), "repository": project.repository_url}
    return {
        "MODAL_APP": json.dumps({"tag": f"modal:{name_of(project)}", "job_variables": variables})
    }


def app_of(project: Project, preview: str) -> str:
    """The name of a preview's app, short enough for Modal."""
    name = f"{name_of(project)}--{preview}"
    return name if len(name) < LONGEST else f"{name[:50]}-{sha256(name.encode()).hexdigest()[:12]}"


def of_preview(project: Project, here: Deployment, preview: str) -> dict[str, object]:
    """The `work_pool` of a preview, whose runs start in the preview's own app."""
    return {"job_variables": {**here.pool.job_variables, "app": app_of(project, preview)}}


def deploy(project: Project, preview: str = "") -> int:
    """Deploy the app or a preview's app, and return the exit code."""
    name = app_of(project, preview) if preview else name_of(project)
    command = (sys.executable, "-m", "modal", "deploy", "--name", name, STARTER)
    env = process.environment(PREVIEW="1" if preview else None)
    return subprocess.run(command, cwd=project.root, env=env, check=False).returncode


def stop(project: Project, app: str) -> None:
    """Stop an app and its runs, unless it is already stopped."""
    done = project.run(sys.executable, "-m", "modal", "app", "stop", "--yes", app)
    if done.returncode != 0 and "not found" not in f"{done.stdout}{done.stderr}".lower():
        raise ActionRequired(f"modal app stop {app}: {process.last_error(done)}")


def fitting(project: Project, checks: list[Check]) -> list[Check]:
    """Checks and steps, with the app's in place of a work pool's."""
    those = {
        "GitHub token": None,
        "Images": None,
        "Blocks": None,
        "Containers": Check("Containers", check_containers),
        "Work pool": Step(
            "Modal secret", check_secret, fix_secret, after=("Prefect", "Modal token")
        ),
    }
    found = [those.get(each.name, each) for each in checks]
    return [renamed(each) for each in found if each]


def renamed(check: Check) -> Check:
    if not isinstance(check, Step):
        return check
    return replace(
        check, after=tuple(each.replace("Work pool", "Modal secret") for each in check.after)
    )


def check_containers(project: Project) -> list[Finding] | Finding:
    return [*not_possible(project)] or passed("each container runs what is in the image")


def not_possible(project: Project) -> Iterator[Finding]:
    """Find settings of prefect.yaml that need a work pool."""
    package = project.pyproject.get("tool", {}).get("uv", {}).get("build-backend", {})
    top = package.get("module-name", "")
    for here, there in zip(
        project.deployments, project.written_prefect_yaml["deployments"], strict=True
    ):
        for key, what in WITH_POOL.items():
            if (there.get("work_pool") or {}).get(key):
                yield failed(f"{here.name}: there is {what}", f"remove {key} under its work_pool")
        if there.get("pull") or project.written_prefect_yaml.get("pull"):
            yield failed(
                f"{here.name} has pull steps, but the image already has the project", "remove pull"
            )
        if re.search(r"prefect\.(work-pool|work-queue|worker)\b", str(there.get("triggers"))):
            yield failed(f"{here.name}: a trigger waits for a work pool", "remove it")
        if here.entrypoint and here.entrypoint.partition(".")[0] != top:
            text = f"{here.name} runs {here.entrypoint}, but the image has only the package {top}"
            yield failed(text, f"write it like {top}.flows.flow1:main")


def secrets() -> Any:
    """Modal's secrets; nothing else here needs its client."""
    import modal

    modal.config.logger.setLevel("ERROR")
    return modal.Secret.objects


def check_secret(project: Project) -> Finding:
    name = secret_of(project)
    if not all(read_token().values()):
        raise CheckSkipped("no Modal token is configured", "fix Modal token first")
    try:
        there = [each.name for each in secrets().list()]
    except Exception as error:
        raise CheckSkipped(f"Modal does not answer: {error}") from None
    return passed(f"{name} exists") if name in there else failed(f"{name} is missing")


def fix_secret(project: Project) -> None:
    """Create the secret or replace its contents, under the ID that the app knows."""
    if not project.workspace.url:
        raise CheckSkipped("Prefect is not connected")
    with TemporaryDirectory() as folder:
        (file := Path(folder, "secret.json")).write_text(json.dumps(project.workspace.credentials))
        create = (sys.executable, "-m", "modal", "secret", "create", secret_of(project), "--force")
        process.run_checked(*create, "--from-json", str(file), cwd=project.root)


def removals(project: Project) -> Iterator[Removal]:
    """The app and its secret on Modal."""
    name = name_of(project)
    yield Removal(f"the Modal app {name}", partial(stop, project, name))
    if check_secret(project).status == "passed":
        delete = partial(secrets().delete, secret_of(project))
        yield Removal(f"the Modal secret {secret_of(project)}", delete)
