# mypy: ignore-errors
"""Secrets that Prefect would store and show in plain text."""

import re
from collections.abc import Iterator
from typing import Any

from tools.base.finding import Finding, Findings, failed, passed, warning
from tools.base.prefect_yaml import PLACEHOLDER
from tools.base.project import Project

SECRET_NAME = re.compile(
    r"(?:.*[_-])?(?:password|passwd|passphrase|pwd|secret|token|credentials?"
    r"|(?:api|access|account|auth|encryption|license|private|secret|signing|ssh)[_-]?key)",
    re.IGNORECASE,
)
SECRET_VALUE = re.compile(
    # Tokens of GitHub, AWS, Slack, OpenAI and Prefect, private keys, and addresses with a password.
    r"gh[pousr]_\w{20,}|github_pat_\w{20,}|AKIA[0-9A-Z]{16}|xox[abp]-|sk-\w{20,}|pn[ub]_\w{20,}"
    r"|-----BEGIN .*PRIVATE KEY|\w+://[^/\s:@]+:[^/\s@]+@"
)
RANDOM = re.compile(r"(?=.*\d)(?=.*[A-Za-z])[\w+/=-]{20,}")


def check_secrets(project: Project) -> Findings:
    """Look for secrets that Prefect would store and show in plain text."""
    problems = []
    deployments = project.deployments
    for deployment, written in zip(
        deployments, project.written_prefect_yaml.get("deployments", []), strict=True
    ):
        given = {
            "job_variables": (written.get("work_pool") or {}).get("job_variables"),
            "parameters": written.get("parameters"),
        }
        for path, value in leaves(given):
            if found := exposed(deployment.name, path, value):
                problems.append(found)
    return problems or passed("no job variable or parameter looks like a secret")


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Each text in a value, with the path of its keys."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, path)
    elif isinstance(value, str) and value:
        yield path, value


def exposed(deployment: str, path: str, value: str) -> Finding | None:
    top, _, rest = path.partition(".")
    placeholders = PLACEHOLDER.findall(value)
    if any(each.startswith("prefect.blocks.") for each in placeholders):
        text = f"{deployment}: Prefect would store {rest} in plain text"
        return failed(text, "load the block in the flow instead")
    if variables := [each for each in placeholders if each.startswith("$")]:
        text = f"{deployment}: Prefect stores {', '.join(variables)} in plain text as {rest}"
        return warning(
            f"{text}; where the variable is not set, such as in CI, it is empty",
            "write the value itself; for a secret, use a Modal secret under secrets",
        )
    # These are names of Modal secrets.
    if placeholders or re.match(r"job_variables\.(secrets|image)\b", path):
        return None
    name = rest.rpartition(".")[2]
    text = f"{deployment}: {rest} looks like a secret, and Prefect shows it in plain text"
    remedy = "move it to a Modal secret under secrets; revoke it if it was pushed"
    if SECRET_VALUE.search(value) or (name.lower().endswith("key") and RANDOM.fullmatch(value)):
        return failed(text, remedy)
    if SECRET_NAME.fullmatch(name):
        # A parameter may be the name of a block.
        return failed(text, remedy) if top == "job_variables" else warning(text, remedy)
    return None
