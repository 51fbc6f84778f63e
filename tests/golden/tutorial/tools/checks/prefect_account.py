# mypy: ignore-errors
"""The connection to Prefect, and the blocks that the project uses."""

import os
import re

from prefect.exceptions import PrefectHTTPStatusError

from tools.base import process
from tools.base.actions import in_actions, web_address
from tools.base.finding import Finding, Findings, failed, passed
from tools.base.project import Project
from tools.base.workspace import api_of_console

KEYS = "https://app.prefect.cloud/my/api-keys"
SECRETS = {
    "PREFECT_API_KEY": f"a new key from {KEYS}",
    "PREFECT_API_URL": "printed by uv run prefect config view where you are logged in",
}
"""The secrets that GitHub Actions deploys with, and where to find each value."""


def check_prefect(project: Project) -> Findings:
    url = project.workspace.url
    if in_actions() and (missing := missing_secrets(project)):
        return missing
    if not url:
        return failed("no API is configured", "uv run prefect cloud login")
    if api := api_of_console(url):
        remedy = f"uv run prefect config set PREFECT_API_URL={api}"
        return failed(f"{url} is the console's address", remedy)
    if not project.workspace.key.isprintable():
        return failed("the API key has a line break in it", f"copy it again, from {KEYS}")
    try:
        project.workspace.client.read_work_pools(limit=1)
    except PrefectHTTPStatusError as error:
        if error.response.status_code not in (401, 403):
            raise
        if not has_login(project):
            return failed("no API key is set", f"set PREFECT_API_KEY, from {KEYS}")
        remedy = "uv run prefect cloud login, with a new key"
        if "PREFECT_API_KEY" in os.environ:
            remedy = f"set PREFECT_API_KEY to a new one from {KEYS}, or unset it and log in"
        if in_actions():
            remedy = f"replace the secret PREFECT_API_KEY with a new one from {KEYS}"
        return failed(f"{url} refuses the key", remedy)
    return passed(url)


def has_login(project: Project) -> bool:
    return bool(project.workspace.key or project.workspace.auth_string)


def missing_secrets(project: Project) -> list[Finding]:
    """The missing GitHub secrets: a step gets an empty text for each."""
    given = {"PREFECT_API_URL": project.workspace.url, "PREFECT_API_KEY": project.workspace.key}
    if project.app:
        del given["PREFECT_API_KEY"]  # Your own server may need none.
    page = web_address("settings", "secrets", "actions")
    return [
        failed(f"the secret {name} is missing", f"add it at {page}: {SECRETS[name]}")
        for name, value in given.items()
        if not value
    ]


def fix_prefect(project: Project) -> None:
    url = project.workspace.url
    if api := api_of_console(url):
        command = (*process.PREFECT, "config", "set", f"PREFECT_API_URL={api}")
        process.run_checked(*command, cwd=project.root)
    elif "PREFECT_API_KEY" in os.environ and url:
        return  # Prefect's login does not replace a key in the environment.
    else:
        otherwise = f"Set PREFECT_API_URL and PREFECT_API_KEY (from {KEYS})."
        if url:
            otherwise = f"{url} refuses the key. Set PREFECT_API_KEY to another one, from {KEYS}."
            if not has_login(project):
                otherwise = f"No API key is set. Set PREFECT_API_KEY, from {KEYS}."
        login = (*process.PREFECT, "cloud", "login")
        process.run_interactively(*login, cwd=project.root, otherwise=otherwise)
    project.workspace.refresh()


def check_blocks(project: Project) -> Findings:
    text = project.read("prefect.yaml")
    named = sorted(set(re.findall(r"prefect\.blocks\.([\w-]+)\.([\w-]+)", text)))
    problems = [
        failed(f"the block {name} of type {kind} is missing", "make bootstrap, or create it")
        for kind, name in named
        if project.workspace.block(kind, name) is None
    ]
    return problems or passed(", ".join(name for _, name in named) or "none")
