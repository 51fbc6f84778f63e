# mypy: ignore-errors
"""This machine: uv, the lock file, Python, and the template's release."""

import json
import re
import sys

from packaging.requirements import Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion

from tools.base import process
from tools.base.finding import Finding, failed, passed
from tools.base.project import Project
from tools.base.stop import CheckSkipped

COPIER = "copier>=9.17.2,<10"


def check_uv(project: Project) -> Finding:
    done = project.run(process.uv(project.root), "--version")
    if done.returncode != 0:
        return failed("uv is missing", "make setup")
    version = done.stdout.split()[1]
    required = map(Requirement, project.pyproject["build-system"]["requires"])
    for backend in required:
        if backend.name in ("uv_build", "uv-build") and version not in backend.specifier:
            return failed(f"uv {version} is not {backend.specifier}", "uv self update")
    return passed(f"uv {version}")


def check_lock_file(project: Project) -> Finding:
    if project.git("check-ignore", "--quiet", "uv.lock").returncode == 0:
        text = "git ignores it, but containers install from it"
        return failed(text, "delete the rule that git check-ignore --verbose uv.lock shows")
    done = project.run(process.uv(project.root), "lock", "--check", "--offline")
    if done.returncode == 0:
        return passed("it matches pyproject.toml")
    if "needs to be updated" in done.stderr or "Unable to find lockfile" in done.stderr:
        return failed("it does not match pyproject.toml", "uv lock")
    raise CheckSkipped(f"uv cannot check it offline: {process.last_error(done)}")


def check_python(project: Project) -> Finding:
    pinned = project.read(".python-version").strip()
    if re.fullmatch(r"\d+\.\d+\.\d+", pinned):
        minor = pinned.rpartition(".")[0]
        text = f".python-version is {pinned}, but containers may have another {minor}"
        return failed(text, f"write {minor} in it")
    required = str(project.pyproject["project"]["requires-python"])
    try:
        fits = pinned in SpecifierSet(required)
    except (InvalidSpecifier, InvalidVersion) as error:
        return failed(str(error), "name a version such as 3.12 in both files")
    if not fits:
        text = f".python-version is {pinned}, but pyproject.toml requires {required}"
        return failed(text, "write a version in .python-version that pyproject.toml allows")
    here = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if pinned != here:
        return failed(f".python-version is {pinned}, but this is Python {here}", "make setup")
    answer = project.answers.get("python_version", pinned)
    if pinned != answer:
        text = f".python-version is {pinned}, but the answer is {answer}"
        return failed(text, f"uvx copier update --data python_version={pinned}")
    return passed(f"Python {pinned} in every file")


def check_template(project: Project) -> Finding:
    if not project.answers:
        return passed("this project no longer uses it")
    copier = (process.uv(project.root), "tool", "run", "--from", COPIER, "copier")
    done = project.run(*copier, "check-update", "--output-format", "json")
    if done.returncode != 0:
        raise CheckSkipped(f"Copier cannot list the releases: {process.last_error(done)}")
    found = json.loads(done.stdout)
    here, newest = found["current_version"], found["latest_version"]
    if found["update_available"]:
        return failed(f"this is {here}, the newest release is {newest}", "make update")
    return passed(f"{here} is the newest release")
