"""Connect the accounts that this project runs on, or say what is wrong with them.

    make bootstrap       connect what is not connected yet; run it as often as you like
    make doctor          change nothing; exit code 1 if something is wrong
    make rotate-tokens   replace the Modal token that Prefect keeps

STEPS and LOOKS, near the end, are the lists that these work through. A check looks at
one thing and returns a Finding; a step also has an action that puts it right. It is a
tool of the machine that deploys: no container runs it.
"""

import argparse
import getpass
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any
from uuid import UUID

import httpx
import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from prefect.cli.deploy._models import PrefectYamlModel
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import BlockDocumentUpdate
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule
from prefect.exceptions import (
    ObjectNotFound,
    PrefectException,
    PrefectHTTPStatusError,
)
from prefect.settings import get_current_settings
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
UV = os.environ.get("UV", "uv")
PREFECT = (sys.executable, "-m", "prefect")
SECRETS = ("PREFECT_API_KEY", "PREFECT_API_URL")
CONSOLE = re.compile(
    r"(?:https://)?app\.prefect\.cloud/account/([\w-]+)/workspace/([\w-]+).*"
)
KEYS = "https://app.prefect.cloud/my/api-keys"
API = r"https://api.prefect.cloud/api/accounts/\1/workspaces/\2"
DOCS = "https://docs.prefect.io/v3/how-to-guides/deployments"

out = Console(highlight=False)


@dataclass(frozen=True)
class Finding:
    """What a check found: "right", "wrong", or "unknown" where it could not look."""

    status: str
    text: str
    remedy: str = ""


def right(text: str) -> Finding:
    return Finding("right", text)


def wrong(text: str, remedy: str = "make bootstrap") -> Finding:
    return Finding("wrong", text, remedy)


class CannotLook(Exception):
    """Something else must be right first."""


class NeedsYou(Exception):
    """Only a person can go on; the text says how."""


# What the project says of itself.


def prefect_yaml_as_written() -> Any:
    return yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))


@cache
def prefect_yaml() -> dict[str, Any]:
    try:
        written = prefect_yaml_as_written()
    except yaml.YAMLError:
        written = None
    if isinstance(written, dict):
        return written
    raise CannotLook("prefect.yaml is not as Prefect wants it")


@cache
def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def deployments() -> list[dict[str, Any]]:
    found = prefect_yaml().get("deployments")
    if found and isinstance(found, list):
        return found
    raise CannotLook("prefect.yaml has no deployments")


def key(deployment: dict[str, Any]) -> tuple[Any, Any]:
    """What tells a deployment of prefect.yaml from the others."""
    return deployment.get("name"), deployment.get("entrypoint")


def work_pool(deployment: dict[str, Any]) -> dict[str, Any]:
    if (found := deployment.get("work_pool") or {}).get("name"):
        return found
    name = deployment.get("name")
    raise CannotLook(f"the deployment {name} has no work_pool: copy the first one's")


def pools() -> list[str]:
    return sorted({work_pool(deployment)["name"] for deployment in deployments()})


def clone_step() -> dict[str, Any]:
    for step in prefect_yaml().get("pull") or []:
        if found := step.get("prefect.deployments.steps.git_clone"):
            return found
    raise CannotLook("prefect.yaml has no git_clone step under pull")


def repository() -> tuple[str, str]:
    """The host, and owner/name, of the repository that containers clone."""
    return split(clone_step()["repository"])


def split(url: str) -> tuple[str, str]:
    """The host, and owner/name, of a repository's address in any form git takes."""
    address = r"(?:\w+://)?(?:[^@/]*@)?([^/:]+)(?::\d+(?=/))?[:/]+(.+?)(?:\.git)?/?"
    if found := re.fullmatch(address, url):
        return found[1], found[2]
    raise CannotLook("this is no address of a repository on GitHub")


def credentials_block() -> str:
    """The block with the token that containers clone with; empty if they need none."""
    credentials = clone_step().get("credentials", "")
    found = re.search(r"github-credentials\.([\w-]+)", credentials)
    return found[1] if found else ""


# What there is to talk to.


def run(
    *command: str, secret: str = "", **env: str
) -> subprocess.CompletedProcess[str]:
    """Run what can ask nobody. A secret goes to its input, never to its arguments."""
    # GITHUB_TOKEN is for containers: gh and git would take it for the owner's login.
    # This tool gives up at once where Prefect is silent; what it runs tries again.
    ours = ("GITHUB_TOKEN", "PREFECT_CLIENT_MAX_RETRIES")
    environment = {name: v for name, v in os.environ.items() if name not in ours}
    environment |= {"GIT_TERMINAL_PROMPT": "0", "COLUMNS": "1000"}
    if not somebody_is_there():
        environment |= {"GIT_ASKPASS": "false", "SSH_ASKPASS": "false"}
    try:
        return subprocess.run(
            command,
            cwd=ROOT,
            env=environment | env,
            input=secret,
            capture_output=True,
            text=True,
            check=False,
            # Away from a terminal that only seems to be there: ssh would ask it.
            start_new_session=not somebody_is_there(),
        )
    except FileNotFoundError:
        missing = f"{command[0]} is not installed"
        return subprocess.CompletedProcess(command, 127, "", missing)


def git(*arguments: str) -> subprocess.CompletedProcess[str]:
    return run("git", *arguments)


def somebody_is_there() -> bool:
    return bool(sys.stdin and sys.stdin.isatty())


def reason(done: subprocess.CompletedProcess[str]) -> str:
    """The last thing that a command said of what went wrong."""
    said = done.stderr.strip() or done.stdout.strip()
    noise = re.compile(r"\s*$|hint:|make(\[\d+\])?:")
    lines = [line.strip() for line in said.splitlines() if not noise.match(line)]
    errors = [line for line in lines if re.match("error|fatal", line, re.IGNORECASE)]
    # Prefect repeats after "Response:" what it was sent, secrets too.
    return [*(errors or lines or ["no reason given"])][-1].partition("Response:")[0]


def must(*command: str) -> None:
    """Run a command that has to succeed."""
    done = run(*command)
    if done.returncode != 0:
        raise NeedsYou(f"{shlex.join(command)}: {reason(done)}")


def talk(otherwise: str, *command: str) -> None:
    """Run a command that talks to the person in front of it, and begin again."""
    if not somebody_is_there():
        raise NeedsYou(f"{otherwise} Or run this in a terminal.")
    if subprocess.run(command, check=False).returncode != 0:
        raise NeedsYou(f"That did not work. Run this again, or: {otherwise}")
    restart()


def restart() -> None:
    """Begin again, because Prefect and Modal read their settings only once."""
    os.execv(sys.executable, [sys.executable, *sys.argv])


@cache
def prefect() -> SyncPrefectClient:
    if url := api_url():
        return SyncPrefectClient(url, api_key=api_key() or None)
    raise CannotLook("Prefect is not connected")


def api_url() -> str:
    return get_current_settings().api.url or ""


def api_key() -> str:
    key = get_current_settings().api.key
    return key.get_secret_value() if key else ""


# Prefect.


def prefect_api() -> Finding:
    if not api_url():
        return wrong("no API is configured", "uv run prefect cloud login")
    if console := CONSOLE.fullmatch(api_url()):
        mend = f"uv run prefect config set PREFECT_API_URL={console.expand(API)}"
        return wrong(f"{api_url()} is the console", mend)
    try:
        prefect().read_work_pools(limit=1)
    except PrefectHTTPStatusError as error:
        if error.response.status_code in (401, 403):
            mend = "uv run prefect cloud login, with a new key"
            if "PREFECT_API_KEY" in os.environ:
                mend = "set PREFECT_API_KEY to another one, or unset it and log in"
            return wrong(f"{api_url()} refuses the key", mend)
        raise
    return right(api_url())


def connect_prefect() -> None:
    if console := CONSOLE.fullmatch(api_url()):
        must(*PREFECT, "config", "set", f"PREFECT_API_URL={console.expand(API)}")
        restart()
    if "PREFECT_API_KEY" in os.environ and api_url():
        return  # Prefect logs nobody in over it.
    otherwise = f"Set PREFECT_API_URL and PREFECT_API_KEY (from {KEYS})."
    if api_url():
        otherwise = f"{api_url()} refuses the key. Set PREFECT_API_KEY to another one."
    talk(otherwise, *PREFECT, "cloud", "login")


# The token with which containers clone the repository.


def stored_token() -> str:
    """The token in the block.

    Raises:
        ObjectNotFound: there is no such block.
    """
    name, kind = credentials_block(), "github-credentials"
    return prefect().read_block_document_by_name(name, kind).data.get("token") or ""


def refusal(token: str) -> str:
    """Why this token cannot read the repository; empty if it can.

    It has to do so alone, as in a container: without this machine's own logins.
    """
    nothing = dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "GIT_DIR"), os.devnull)
    helper = '!f() { echo username=x-access-token; echo "password=$CANDIDATE"; }; f'
    alone = ("-c", "credential.helper=", "-c", f"credential.helper={helper}")
    url = clone_step()["repository"]
    done = run("git", *alone, "ls-remote", url, "HEAD", CANDIDATE=token, **nothing)
    return reason(done) if done.returncode != 0 else ""


def github_token() -> Finding:
    block = credentials_block()
    if not block:
        return right("not needed, the repository is public")
    try:
        refused = refusal(stored_token())
    except ObjectNotFound:
        return wrong(f"the block {block} is missing")
    if refused:
        return wrong(f"the token in the block {block} is refused: {refused}")
    return right(f"the block {block} can read {repository()[1]}")


def another_github_token() -> bool:
    given = os.environ.get("GITHUB_TOKEN")
    return bool(given and credentials_block()) and given != stored_token()


def save_github_token() -> None:
    from prefect_github import GitHubCredentials  # Only installed where needed.

    token = os.environ.get("GITHUB_TOKEN") or ask_for_github_token()
    if refused := refusal(token):
        raise NeedsYou(f"That token cannot read {repository()[1]}: {refused}")
    GitHubCredentials(token=token).save(credentials_block(), overwrite=True)


def ask_for_github_token() -> str:
    """A token that somebody types, or gh's, once it is said what that one can do."""
    host, name = repository()
    page = f"https://{host}/settings/personal-access-tokens/new"
    if not somebody_is_there():
        raise NeedsYou(f"Set GITHUB_TOKEN to a token from {page} that can read {name}.")
    status = run("gh", "auth", "status", "--hostname", host)
    if status.returncode == 0:
        scopes = re.search(r"Token scopes: (.+)", status.stdout + status.stderr)
        can = f"do {scopes[1]} in all your repositories" if scopes else "not only read"
        answer = input(f"gh's own token can {can}. Let containers have it? [y/N] ")
        if answer.strip().lower() in ("y", "yes"):
            return run("gh", "auth", "token", "--hostname", host).stdout.strip()
    out.print(f"Make one at {page}, only for {name}, with read access to Contents.")
    return getpass.getpass("GitHub token: ").strip()


# Modal.


def modal_token() -> dict[str, str | None]:
    """The token that the environment has, or Modal's own configuration."""
    from modal.config import Config

    return {name: Config().get(name) for name in ("token_id", "token_secret")}


def modal_block(pool: str) -> UUID | None:
    """The block in which Prefect keeps the Modal token of a work pool, if it has one."""
    try:
        template = prefect().read_work_pool(pool).base_job_template
    except ObjectNotFound:
        return None
    variables = template.get("variables", {})
    chosen = variables.get("properties", {}).get("modal_credentials", {})
    reference = (chosen.get("default") or {}).get("$ref", {})
    return UUID(reference["block_document_id"]) if reference else None


def modal_account() -> Finding:
    token = modal_token()
    if all(token.values()):
        return right("a token is configured here")
    if any(token.values()):
        mend = "set both MODAL_TOKEN_ID and MODAL_TOKEN_SECRET"
        return wrong("half of a token", mend)
    if all(map(modal_block, pools())):
        return right("not needed here, the work pool has its token")
    return wrong("no token is configured", "uv run modal setup")


def connect_modal() -> None:
    both = "Set MODAL_TOKEN_ID and MODAL_TOKEN_SECRET."
    talk(both, sys.executable, "-m", "modal", "setup")


def work_pools() -> Finding:
    for name in pools():
        try:
            pool = prefect().read_work_pool(name)
        except ObjectNotFound:
            return wrong(f"{name} is missing")
        if pool.type != "modal:push":
            mend = "name another one in prefect.yaml, or delete this one"
            return wrong(f"{name} is of type {pool.type}, not modal:push", mend)
        if pool.is_paused:
            mend = f"uv run prefect work-pool resume {shlex.quote(name)}"
            return wrong(f"{name} is paused", mend)
        if not modal_block(name):
            mend = "choose Modal credentials for it in Prefect, or delete it"
            return wrong(f"{name} has no Modal token", f"{mend} and make bootstrap")
    return right(f"{', '.join(pools())} starts containers on Modal")


def create_work_pools() -> None:
    present = {pool.name for pool in prefect().read_work_pools()}
    for name in pools():
        if name not in present:
            kind = ("--type", "modal:push", "--provision-infra")
            must(*PREFECT, "--no-prompt", "work-pool", "create", *kind, "--", name)


def rotate_tokens() -> int:
    if not all((token := modal_token()).values()):
        say("Set MODAL_TOKEN_ID and MODAL_TOKEN_SECRET, or uv run modal setup")
        return 1
    for pool in pools():
        if not (block := modal_block(pool)):
            say(f"{pool} has no Modal token yet: make bootstrap")
            return 1
        prefect().update_block_document(block, BlockDocumentUpdate(data=token))
        say(f"{pool} has the token that is configured here.")
    return 0


# GitHub Actions.


def github_secrets() -> Finding:
    host, name = repository()
    done = run("gh", "secret", "list", "--repo", f"{host}/{name}", "--json", "name")
    if done.returncode == 4:  # https://cli.github.com/manual/gh_help_exit-codes
        mend = f"gh auth login, or {add_secrets_by_hand()}"
        return Finding("unknown", "gh is not logged in", mend)
    if done.returncode != 0:
        text = f"gh cannot look: {reason(done)}"
        return Finding("unknown", text, add_secrets_by_hand())
    missing = set(SECRETS) - {secret["name"] for secret in json.loads(done.stdout)}
    if missing:
        return wrong(f"{name} lacks {' and '.join(sorted(missing))}")
    return right(f"{name} has {' and '.join(SECRETS)}")


def add_secrets_by_hand() -> str:
    host, name = repository()
    page = f"https://{host}/{name}/settings/secrets/actions"
    return f"add {' and '.join(SECRETS)} at {page} (README.md says where they are)"


def set_github_secrets() -> None:
    if not api_key():
        raise NeedsYou(f"{api_url()} is used without a key: uv run prefect cloud login")
    target = "/".join(repository())
    for name, value in zip(SECRETS, (api_key(), api_url()), strict=True):
        done = run("gh", "secret", "set", name, "--repo", target, secret=value)
        if done.returncode != 0:
            raise NeedsYou(f"gh cannot: {reason(done)}; {add_secrets_by_hand()}.")


# The repository.


def remote() -> Finding:
    origin = git("config", "remote.origin.url").stdout.strip()
    host, name = repository()
    if not origin:
        return wrong("there is no remote called origin")
    here = split(origin)
    # ssh may know the host by another name.
    if not origin.startswith("https://"):
        host = here[0]
    if "/".join(here).lower() != f"{host}/{name}".lower():
        mend = f"git remote set-url origin {clone_step()['repository']}"
        return wrong(f"origin is {'/'.join(here)}, not {host}/{name}", mend)
    return right(f"origin is {name}")


def add_remote() -> None:
    if git("rev-parse", "--git-dir").returncode != 0:
        must("git", "init", "--initial-branch", clone_step().get("branch", "main"))
    if git("config", "remote.origin.url").returncode != 0:
        must("git", "remote", "add", "origin", clone_step()["repository"])


def locked() -> bool:
    return git("ls-files", "--error-unmatch", "uv.lock").returncode == 0


def pushed() -> Finding:
    branch, pinned = clone_step().get("branch"), "commit_sha" in clone_step()
    if not locked():
        return wrong("uv.lock is not committed, and containers install from it")
    # A pinned deployment is refused for files that git does not know, too.
    untracked = f"--untracked-files={'normal' if pinned else 'no'}"
    if changed := git("status", "--porcelain", untracked).stdout:
        first = changed.splitlines()[0][3:]
        return wrong(f"{first} has changes that are not committed", "commit and push")
    there = f"refs/remotes/origin/{branch}" if branch else "refs/remotes/origin"
    if not git("for-each-ref", "--contains", "HEAD", there).stdout:
        where = f" to {branch}, which containers clone" if branch else ""
        return wrong(f"the last commit is not pushed{where}")
    return right("everything is committed and pushed")


def commit_and_push() -> None:
    """Commit a project that never was, or its lock file; push what is committed."""
    here = git("symbolic-ref", "--short", "HEAD").stdout.strip()
    branch = clone_step().get("branch") or here
    if here != branch:
        known = git("rev-parse", "--verify", branch).returncode == 0
        mend = f"git switch {'' if known else '--create '}{shlex.quote(branch)}"
        raise NeedsYou(f"This is {here}, containers clone {branch}. {mend}")
    try:
        if git("rev-parse", "--verify", "HEAD").returncode != 0:
            must("git", "add", "--all")
            must("git", "commit", "--message", "Start from the template")
        elif not locked():
            must("git", "add", "uv.lock")
            message = "Lock what containers install"
            must("git", "commit", "--message", message, "uv.lock")
        must("git", "push", "--set-upstream", "origin", "HEAD")
    except NeedsYou as refused:
        mend = "gh auth setup-git, or git remote set-url origin with an ssh address"
        if "failed to push some refs" in str(refused):
            mend = f"git pull --rebase origin {shlex.quote(branch)}"
        elif str(refused).startswith("git commit"):
            mend = "git config --global user.name NAME, and user.email ADDRESS"
        raise NeedsYou(f"{refused}. {mend}") from None


# What is deployed.


def on_the_server() -> dict[tuple[Any, Any], DeploymentResponse]:
    """The deployments that clone this repository, wherever they came from, by key."""
    found, page = [], prefect().read_deployments(limit=200)
    while page:
        found += page
        page = prefect().read_deployments(limit=200, offset=len(found))
    return {(each.name, each.entrypoint): each for each in found if clones_this(each)}


def clones_this(deployment: DeploymentResponse) -> bool:
    steps = [step for steps in deployment.pull_steps or [] for step in steps.values()]
    urls = {str(step.get("repository")).lower() for step in steps}
    return clone_step()["repository"].lower() in urls


def full_name(deployment: DeploymentResponse) -> str:
    """The name by which Prefect's commands know a deployment, quoted for a shell."""
    flow = prefect().read_flow(deployment.flow_id).name
    return shlex.quote(f"{flow}/{deployment.name}")


def deployed() -> Finding:
    there = on_the_server()
    commit = git("rev-parse", "HEAD").stdout.strip()
    for here in deployments():
        name, found = here.get("name"), there.get(key(here))
        if not found:
            return wrong(f"{name} is not deployed", "make prefect-deploy")
        # Other versions are their owner's business.
        if "commit.stdout" in str(here.get("version")) and found.version != commit:
            text = f"{name} is deployed from another commit"
            return wrong(text, "make prefect-deploy")
    names = ", ".join(str(deployment["name"]) for deployment in deployments())
    return right(f"{names}, from commit {commit[:10]}")


def deploy() -> None:
    must("make", "prefect-deploy")


def left_over() -> Finding:
    here = set(map(key, deployments()))
    for name_and_entrypoint, found in on_the_server().items():
        if name_and_entrypoint not in here:
            mend = f"uv run prefect deployment delete {full_name(found)}"
            return wrong(f"{found.name} is deployed, but not in prefect.yaml", mend)
    return right("nothing is deployed that prefect.yaml does not have")


# What this machine has.


def uv_version() -> Finding:
    (backend,) = map(Requirement, pyproject()["build-system"]["requires"])
    done = run(UV, "--version")
    if done.returncode != 0:
        return wrong("uv is missing", "make setup")
    version = done.stdout.split()[1]
    if version not in backend.specifier:
        return wrong(f"uv {version} is not {backend.specifier}", "uv self update")
    return right(f"uv {version}")


def lock_file() -> Finding:
    done = run(UV, "lock", "--check", "--offline")
    if done.returncode == 0:
        return right("it matches pyproject.toml")
    if "needs to be updated" in done.stderr or "Unable to find lockfile" in done.stderr:
        return wrong("it does not match pyproject.toml", "uv lock")
    raise CannotLook(f"uv cannot tell without a network: {reason(done)}")


def python_version() -> Finding:
    pinned = (ROOT / ".python-version").read_text(encoding="utf-8").strip()
    wanted = pyproject()["project"]["requires-python"]
    if pinned not in SpecifierSet(wanted):
        text = f".python-version is {pinned}, pyproject.toml wants {wanted}"
        return wrong(text, "make them agree")
    here = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if pinned != here:
        text = f".python-version is {pinned}, this is Python {here}"
        return wrong(text, "make setup")
    answers = yaml.safe_load((ROOT / ".copier-answers.yml").read_text(encoding="utf-8"))
    if pinned != answers.get("python_version", pinned):
        text = f".python-version is {pinned}, the answer {answers['python_version']}"
        return wrong(text, f"uvx copier update --data python_version={pinned}")
    return right(f"Python {pinned} in every file")


def template() -> Finding:
    copier = shlex.split(os.environ["COPIER"])
    done = run(*copier, "check-update", "--output-format", "json")
    if done.returncode != 0:
        raise CannotLook(f"Copier cannot look: {reason(done)}")
    found = json.loads(done.stdout)
    here, newest = found["current_version"], found["latest_version"]
    if found["update_available"]:
        return wrong(f"{here} is here, {newest} is the newest", "make update")
    return right(f"{here} is the newest")


# What prefect.yaml says.


def keys() -> Finding:
    """Prefect's own models, but strict: Prefect itself ignores a misspelt key."""
    schema = PrefectYamlModel.model_json_schema()
    deployment = schema["$defs"]["DeploymentConfig"]["properties"]
    schedule = {"$ref": "#/$defs/RawScheduleConfig"}
    deployment["schedules"] = {"type": "array", "items": schedule}
    schema["properties"]["definitions"] = {}  # Where Prefect's page keeps its anchors.
    for model in [schema, *schema["$defs"].values()]:
        if "properties" in model:
            model["additionalProperties"] = False
    mend, strict = f"see {DOCS}/prefect-yaml", Draft202012Validator(schema)
    try:
        if error := best_match(strict.iter_errors(prefect_yaml_as_written())):
            return wrong(f"{error.json_path}: {error.message}", mend)
        PrefectYamlModel.model_validate(prefect_yaml_as_written())
    except (yaml.YAMLError, ValidationError) as error:
        return wrong(" ".join(str(error).split()), mend)
    return right("Prefect knows every key")


def schedules() -> Finding:
    for deployment in deployments():
        name = deployment.get("name")
        if "paused" not in deployment:
            text = f"{name} does not say whether it is paused"
            return wrong(text, "add paused: false to it")
        for schedule in deployment.get("schedules") or []:
            if "slug" not in schedule:
                text = f"{name} has a schedule without a slug"
                return wrong(text, "add slug: and a name to it")
            try:
                if cron := schedule.get("cron"):
                    CronSchedule(cron=cron, timezone=schedule.get("timezone"))
            except ValidationError as error:
                text = f"{name}: {error.errors()[0]['msg']}"
                return wrong(text, f"see {DOCS}/create-schedules")
    return right("each says what Prefect needs to keep it over a deploy")


def variables() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The name, work pool and job variables of each deployment."""
    for deployment in deployments():
        pool = work_pool(deployment)
        name = str(deployment.get("name"))
        yield name, pool["name"], pool.get("job_variables") or {}


def secrets() -> Finding:
    for name, _, given in variables():
        for variable, value in given.items():
            if "prefect.blocks." in json.dumps(value):
                text = f"{name}: Prefect would store {variable} in plain text"
                return wrong(text, "load the block in the flow instead")
    return right("no job variable holds one")


def job_variables() -> Finding:
    for name, pool, given in variables():
        try:
            template = prefect().read_work_pool(pool).base_job_template
        except ObjectNotFound:
            raise CannotLook(f"the work pool {pool} is missing") from None
        known = template.get("variables", {}).get("properties", {})
        if strange := sorted(given.keys() - known.keys()):
            text = f"{name}: the work pool {pool} has no variable {strange[0]}"
            return wrong(text, f"use one of {', '.join(sorted(known))}")
    return right("the work pool knows each of them")


def containers() -> Finding:
    """What keeps a container from running a flow, as far as prefect.yaml tells."""
    installs = "UV_PROJECT_ENVIRONMENT" in json.dumps(prefect_yaml().get("pull"))
    for name, _, given in variables():
        if installs and "UV_PROJECT_ENVIRONMENT" not in (given.get("env") or {}):
            text = f"{name} does not set UV_PROJECT_ENVIRONMENT"
            return wrong(text, "copy job_variables from the first deployment")
    for deployment in deployments():
        module, _, flow = str(deployment.get("entrypoint")).partition(":")
        file = ROOT / "src" / f"{module.replace('.', '/')}.py"
        if module.endswith(".py"):
            file = ROOT / module
        elif not (ROOT / "src" / module.partition(".")[0]).exists():
            continue  # It comes from a package of somebody else's.
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        if not flow or not re.search(rf"\b{re.escape(flow)}\b", text):
            text = f"{deployment.get('name')} runs {module}:{flow}, which is not there"
            return wrong(text, "correct its entrypoint, as MODULE:FUNCTION")
    return right("each finds its Python and its flow")


def blocks() -> Finding:
    text = (ROOT / "prefect.yaml").read_text(encoding="utf-8")
    named = sorted(set(re.findall(r"prefect\.blocks\.([\w-]+)\.([\w-]+)", text)))
    for kind, name in named:
        try:
            prefect().read_block_document_by_name(name, kind, include_secrets=False)
        except ObjectNotFound:
            mend = "make bootstrap, or create it"
            return wrong(f"the block {name} of type {kind} is missing", mend)
    return right(", ".join(name for _, name in named) or "none")


# The lists.


@dataclass(frozen=True)
class Check:
    """Something to look at."""

    name: str
    look: Callable[[], Finding]


@dataclass(frozen=True)
class Step(Check):
    """Something to look at and to put right, once other steps are."""

    act: Callable[[], None]
    after: tuple[str, ...] = ()
    renew: Callable[[], bool] = lambda: False
    """Whether to act although all is right."""


STEPS = [
    Step("Prefect", prefect_api, connect_prefect),
    Step("GitHub token", github_token, save_github_token, (), another_github_token),
    Step("Modal token", modal_account, connect_modal),
    Step("Work pool", work_pools, create_work_pools, ("Modal token",)),
    Step("GitHub secrets", github_secrets, set_github_secrets, ("Work pool",)),
    Step("Remote", remote, add_remote),
    Step("Commit", pushed, commit_and_push, ("Remote",)),
    Step("Deployment", deployed, deploy, ("Work pool", "Commit")),
]
LOOKS = [
    Check("uv", uv_version),
    Check("Lock file", lock_file),
    Check("Python", python_version),
    Check("Keys", keys),
    Check("Schedules", schedules),
    Check("Secrets", secrets),
    Check("Containers", containers),
    Check("Job variables", job_variables),
    Check("Blocks", blocks),
    Check("Left over", left_over),
    Check("Template", template),
]
# One check that breaks hides nothing that the others find.
OBSTACLES = (
    CannotLook,
    NeedsYou,
    PrefectException,
    httpx.HTTPError,
    httpx.InvalidURL,
    yaml.YAMLError,
    AttributeError,
    ImportError,
    LookupError,
    OSError,
    TypeError,
    ValueError,
)
STOPPED: list[int] = []
MARKS = {"right": "[green]✓[/]", "wrong": "[red]✗[/]", "unknown": "[yellow]?[/]"}


def obstacle(error: Exception) -> str:
    """What to say of something that stands in the way."""
    match error:
        case CannotLook() | NeedsYou():
            return str(error)
        case PrefectHTTPStatusError():
            return f"Prefect answers {error.response.status_code}"
        case httpx.HTTPError() | ObjectNotFound():
            return f"Prefect cannot tell: {type(error).__name__}"
    return f"{type(error).__name__}: {error}"


def look(check: Check) -> Finding:
    try:
        return check.look()
    except OBSTACLES as error:
        return Finding("unknown", obstacle(error))


def connect(step: Step, ready: set[str]) -> str:
    """Look at a step and take it if it is needed; return what to say of it.

    Raises:
        NeedsYou: it is not right, or not right yet.
    """
    finding, taken = look(step), os.environ.get("BOOTSTRAP_TOOK") == step.name
    again = finding.status == "wrong" or (finding.status == "right" and step.renew())
    if again and not taken:
        for name in step.after:
            if name not in ready:
                raise NeedsYou(f"{finding.text}. {name} has to be right first.")
        # Some begin again with new settings, and come back here with this.
        os.environ["BOOTSTRAP_TOOK"] = step.name
        step.act()
        finding, taken = look(step), True
    if finding.status != "right":
        raise NeedsYou(f"{finding.text}. {finding.remedy}".strip())
    return f"{'done' if taken else 'already there'}. {finding.text}"


def say(text: str, mark: str = "") -> None:
    out.print(f"{mark}{escape(text)}", soft_wrap=True)


def stop(number: int, _frame: FrameType | None) -> None:
    """Keep in mind that somebody wants out: a library may swallow the exception."""
    STOPPED.append(number)
    raise KeyboardInterrupt


def bootstrap() -> int:
    ready: set[str] = set()
    for step in STEPS:
        if STOPPED:
            raise KeyboardInterrupt
        try:
            text, mark = connect(step, ready), MARKS["right"]
            ready.add(step.name)
        except OBSTACLES as error:
            text, mark = f"needs you. {obstacle(error)}", MARKS["wrong"]
        say(f"{step.name}: {text}", f"{mark} ")
    if len(ready) < len(STEPS):
        say("\nNot ready yet. Run make bootstrap again when you have done that.")
        return 1
    say("\nReady. Start a run, and watch it there or here:")
    there = on_the_server()
    for deployment in deployments():
        name = full_name(there[key(deployment)])
        say(f"  uv run prefect deployment run {name} --watch")
    say(f"  {get_current_settings().ui_url or api_url()}")
    return 0


def doctor(as_json: bool) -> int:
    findings = {check.name: look(check) for check in [*LOOKS, *STEPS]}
    if as_json:
        rows = [{"check": name, **vars(found)} for name, found in findings.items()]
        print(json.dumps(rows, indent=2))
    else:
        table = Table(box=None, pad_edge=False)
        for heading in ("", "", "finding", "what to do"):
            table.add_column(heading, overflow="fold")
        for name, found in findings.items():
            text, remedy = escape(found.text), escape(found.remedy)
            table.add_row(MARKS[found.status], name, text, remedy)
        out.print(table)
    return int(any(found.status == "wrong" for found in findings.values()))


def main() -> int:
    signal.signal(signal.SIGINT, stop)
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("bootstrap")
    commands.add_parser("doctor").add_argument("--json", action="store_true")
    commands.add_parser("rotate-tokens")
    arguments = parser.parse_args()
    if console := CONSOLE.fullmatch(os.environ.get("PREFECT_API_URL", "")):
        os.environ["PREFECT_API_URL"] = console.expand(API)
        restart()
    try:
        if arguments.command == "doctor":
            return doctor(arguments.json)
        return bootstrap() if arguments.command == "bootstrap" else rotate_tokens()
    except KeyboardInterrupt:
        say("\nInterrupted. Run it again: it goes on where it stopped.")
        return 130
    except OBSTACLES as error:
        say(obstacle(error))
        return 1


if __name__ == "__main__":
    sys.exit(main())
