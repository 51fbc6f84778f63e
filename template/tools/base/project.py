# mypy: ignore-errors
"""The project's files; no server is asked."""

import re
import tomllib
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from tools.base import process
from tools.base.prefect_yaml import (
    PLACEHOLDER,
    Deployment,
    PrefectYaml,
    clone_step,
    fault,
    resolve,
)
from tools.base.stop import CheckSkipped, Malformed
from tools.base.workspace import Workspace


class Project:
    """A project in a folder. Everything is read once, when it is first asked for.

    Every attribute but `root` raises CheckSkipped if its file is missing or malformed.
    """

    def __init__(self, root: Path, offline: bool = False) -> None:
        self.root = root
        self.offline = offline
        """Whether to contact no server, even if this machine is logged in."""

    @cached_property
    def app(self) -> Any:
        """The module tools.app, if a Modal app starts the runs; None with a work pool."""
        return import_module("tools.app") if (self.root / "modal_app.py").exists() else None

    def fitting(self, checks: list[Any]) -> list[Any]:
        """The checks that apply to this project."""
        return self.app.fitting(self, checks) if self.app else checks

    @cached_property
    def workspace(self) -> Workspace:
        return Workspace()

    def run(self, *command: str, **options: Any) -> process.Completed:
        return process.run(*command, cwd=self.root, **options)

    def git(self, *arguments: str) -> process.Completed:
        return self.run("git", *arguments)

    def read(self, name: str) -> str:
        try:
            return (self.root / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            raise CheckSkipped(f"{name} is missing") from None
        except (OSError, UnicodeDecodeError) as error:
            raise CheckSkipped(f"{name} cannot be read: {error}") from None

    def read_toml(self, name: str) -> dict[str, Any]:
        try:
            return tomllib.loads(self.read(name))
        except tomllib.TOMLDecodeError as error:
            raise CheckSkipped(f"{name}: {error}") from None

    @cached_property
    def pyproject(self) -> dict[str, Any]:
        return self.read_toml("pyproject.toml")

    @cached_property
    def lock(self) -> dict[str, Any]:
        return self.read_toml("uv.lock")

    def locked_version(self, package: str) -> str:
        """The version of a package in uv.lock; empty if it is not there."""
        packages = self.lock.get("package", [])
        return next((each["version"] for each in packages if each["name"] == package), "")

    @cached_property
    def answers(self) -> dict[str, Any]:
        """The answers to the template's questions; empty if the project has left the template."""
        if not (self.root / ".copier-answers.yml").exists():
            return {}
        try:
            return dict(yaml.safe_load(self.read(".copier-answers.yml")))
        except (yaml.YAMLError, TypeError, ValueError):
            raise CheckSkipped(".copier-answers.yml is malformed") from None

    @cached_property
    def written_prefect_yaml(self) -> Any:
        """prefect.yaml as written, with placeholders."""
        try:
            text = self.read("prefect.yaml")
        except CheckSkipped as error:
            raise Malformed(error.text, "git checkout HEAD -- prefect.yaml") from None
        try:
            return yaml.safe_load(text)
        except (yaml.YAMLError, ValueError) as error:
            marker = re.search("^<{7} ", text, re.MULTILINE)
            line = text.count("\n", 0, marker.start()) + 1 if marker else 0
            conflict = f"prefect.yaml, line {line}: a merge conflict that is not resolved"
            raise Malformed(conflict if marker else fault(error)) from None

    @cached_property
    def resolved_prefect_yaml(self) -> PrefectYaml:
        """prefect.yaml as written, with the environment's values."""
        try:
            return resolve(self.written_prefect_yaml)
        except (ValidationError, RecursionError) as error:
            raise Malformed(fault(error, self.written_prefect_yaml)) from None

    @cached_property
    def prefect_yaml(self) -> PrefectYaml:
        file = self.resolved_prefect_yaml
        return self.app.seen(self, file) if self.app else file

    @property
    def deployments(self) -> list[Deployment]:
        return self.prefect_yaml.deployments

    @property
    def with_pool(self) -> list[Deployment]:
        """The deployments that have a work pool."""
        return [deployment for deployment in self.deployments if not deployment.without_pool]

    @property
    def tag(self) -> str:
        """The tag of the project's deployments in Prefect; empty if they have none."""
        if name := self.answers.get("project_name"):
            return str(name)
        return next((tag for each in self.deployments for tag in each.all_tags), "")

    @cached_property
    def pools(self) -> list[str]:
        """The names of the work pools that the deployments use."""
        return sorted({deployment.pool.name for deployment in self.with_pool})

    @cached_property
    def pull_steps(self) -> list[dict[str, Any]]:
        """The pull steps that clone the repository."""
        file = self.prefect_yaml
        for steps in (file.pull, *map(file.pull_steps, file.deployments)):
            if clone_step(steps):
                return steps
        raise CheckSkipped("prefect.yaml has no git_clone step under pull")

    @cached_property
    def clone_step(self) -> dict[str, Any]:
        """The pull step that clones the repository."""
        found = clone_step(self.pull_steps)
        if unset := PLACEHOLDER.search(f"{found['repository']} {found.get('branch')}"):
            raise CheckSkipped(f"the git_clone step has {unset[0]}, which is not set here")
        return found

    @property
    def repository_url(self) -> str:
        return str(self.clone_step["repository"])

    @property
    def repository(self) -> tuple[str, str]:
        """The host and the owner/name of the repository that containers clone."""
        return split_address(self.repository_url)

    @property
    def branch(self) -> str:
        """The branch that containers clone; empty if `git_clone` has none."""
        return str(self.clone_step.get("branch") or "")

    @property
    def pinned(self) -> bool:
        """Whether a run executes the deployed commit instead of the branch's newest."""
        # Up to v0.4.0, this was Prefect's commit_sha; now a later step checks out the commit.
        return "commit_sha" in self.clone_step or "git checkout " in str(self.pull_steps)

    @property
    def credentials_block(self) -> str:
        """The block with the token for clones; empty if none is needed."""
        credentials = str(self.clone_step.get("credentials", ""))
        found = re.search(r"github-credentials\.([\w-]+)", credentials)
        return found[1] if found else ""


def split_address(url: str) -> tuple[str, str]:
    """The host and the owner/name in a repository's address, in any form that git accepts."""
    address = r"(?:\w+://)?(?:[^@/]*@)?([^/:-][^/:]*)(?::\d+(?=/))?[:/]+(.+?)(?:\.git)?/?"
    if found := re.fullmatch(address, url):
        return found[1].lower(), found[2]
    raise CheckSkipped("the git_clone step has no address of a GitHub repository")


def same_repository(one: str, other: str) -> bool:
    """Whether two addresses lead to the same repository; GitHub ignores case."""
    try:
        return "/".join(split_address(one)).lower() == "/".join(split_address(other)).lower()
    except CheckSkipped:
        return False
