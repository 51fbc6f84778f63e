# mypy: ignore-errors
"""The import of each flow, in an environment like a container's."""

import json
import tempfile
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

from tools.base.container import Container, install
from tools.base.finding import Finding, Findings, failed, passed, warning
from tools.base.flows import Flow, NoFlow, find_flow, split_entrypoint
from tools.base.prefect_yaml import OF_PREFECT, Deployment
from tools.base.project import Project
from tools.checks.flows import parameter_problems

SECONDS = 120
"""The time limit for the imports, in seconds."""
NOWHERE = "http://127.0.0.1:9/api"
"""An address where nothing answers."""


def check_imports(project: Project) -> Findings:
    """Import each entrypoint as a run does: with its packages and variables, in a fresh clone.

    Args:
        project: a snapshot, because a container has no ignored files.
    """
    problems = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        install(project, prefix := Path(folder, "local"))
        container = Container(prefix, Path(folder, "home"), {"PREFECT_API_URL": NOWHERE})
        container.environment["PREFECT_CLIENT_MAX_RETRIES"] = "0"
        for env, deployments in by_environment(project):
            entrypoints = sorted({each.entrypoint for each in deployments})
            for entrypoint, found in import_all(project, container, env, entrypoints).items():
                those = [each for each in deployments if each.entrypoint == entrypoint]
                if "kind" in found:
                    problems.append(explained(project, those, found, folder))
                elif not find_flow(project.root, entrypoint):
                    # Its parameters are known only now.
                    flow = Flow("", found["parameters"], frozenset(found["required"]))
                    problems += [bad for each in those for bad in parameter_problems(each, flow)]
    return problems or passed("each flow can be imported in a container")


def by_environment(project: Project) -> Iterator[tuple[dict[str, str], list[Deployment]]]:
    """The deployments that have a flow, grouped by the environment of their runs."""
    groups: dict[str, list[Deployment]] = {}
    for deployment in project.deployments:
        if project.app and split_entrypoint(deployment.entrypoint)[0].endswith(".py"):
            continue  # Another check reports it.
        try:
            find_flow(project.root, deployment.entrypoint)
        except NoFlow:
            continue  # Another check reports it.
        env = deployment.pool.job_variables.get("env")
        env = {str(k): str(v) for k, v in env.items()} if isinstance(env, dict) else {}
        groups.setdefault(json.dumps(env, sort_keys=True), []).append(deployment)
    yield from ((json.loads(env), deployments) for env, deployments in groups.items())


def import_all(
    project: Project, container: Container, env: dict[str, str], entrypoints: list[str]
) -> dict[str, dict[str, Any]]:
    """The result of import_flows.py for each entrypoint."""
    found = container.prefix / "found.json"
    script = Path(__file__).parent.parent / "import_flows.py"
    python = str(container.prefix / "bin/python")
    done = container.run(
        python, "-P", str(script), str(found), *entrypoints,
        cwd=container.prefix if project.app else project.root, given={"env": env, "timeout": SECONDS},
    )  # fmt: skip
    if found.exists():
        faults: dict[str, dict[str, Any]] = json.loads(found.read_text(encoding="utf-8"))
        found.unlink()
        return faults
    text = f"not finished after {SECONDS} seconds" if done.returncode < 0 else done.stdout[-200:]
    return {each: {"kind": "Import", "text": text} for each in entrypoints}


def explained(
    project: Project, deployments: list[Deployment], fault: dict[str, str], folder: str
) -> Finding:
    """The fault, and the remedy for its kind."""
    names = ", ".join(each.name for each in deployments)
    where = place(project, fault)
    match fault["kind"]:
        case "ModuleNotFoundError":
            distributions = packages_distributions().get(fault["name"].partition(".")[0], [])
            remedy = f"uv add {' '.join(distributions) or 'the package that provides it'}"
            text = f"{names}: {where} imports {fault['name']}, which containers do not install"
            if own_image(deployments[0]):
                return warning(f"{text}, so the image must have it", remedy)
            return failed(text, remedy)
        case "environ":
            name = fault["text"].strip("'")
            text = f"{names}: {where} needs {name} in the environment at import"
            remedy = f"set {name} under env in job_variables, or read it inside the flow"
            if secrets := deployments[0].pool.job_variables.get("secrets"):
                return warning(f"{text}, so {secrets} must have it", "read it inside the flow")
            return failed(text, remedy)
        case "FileNotFoundError" if fault["path"]:
            path = fault["path"].replace(f"{folder}/local", "/usr/local")
            text = f"{names}: {where} opens {path}, which containers do not have"
            remedy = "move it into the package, and open it with importlib.resources"
            return failed(text, remedy)
        case "ConnectError" | "ConnectTimeout":
            text = f"{names}: {where} calls a server at import, which cannot be tested here"
            return warning(text, "call it inside the flow")
    text = " ".join(f"{fault['kind']}: {fault['text']}".split())
    return failed(f"{names}: {where} cannot be imported: {text}", "fix it, then run make test")


def own_image(deployment: Deployment) -> bool:
    """Whether its image may have packages that Prefect's own image lacks."""
    given = deployment.pool.job_variables
    tag = (given.get("image") or {}).get("tag", "") if isinstance(given.get("image"), dict) else ""
    added = isinstance(given.get("pip_packages"), list)
    return added or bool(tag and OF_PREFECT not in tag)


def place(project: Project, fault: dict[str, str]) -> str:
    """The file and line of the fault in the project."""
    if not fault.get("file") or fault["file"].startswith("<"):
        return "its module"
    file = Path(fault["file"])
    if "site-packages" in file.parts:
        file = Path(*file.parts[file.parts.index("site-packages") + 1 :])
    elif file.is_relative_to(project.root):
        file = file.relative_to(project.root)
    return f"{file}:{fault['line']}"
