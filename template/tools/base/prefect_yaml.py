# mypy: ignore-errors
"""The parts of prefect.yaml that the checks use, read as Prefect does."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

import yaml
from prefect.utilities.annotations import NotSet
from prefect.utilities.templating import apply_values
from pydantic import BaseModel, Field, ValidationError, field_validator

PLACEHOLDER = re.compile(r"\{\{\s*(\$?[\w.$\-\[\]]+)\s*\}\}")
MERGE = "tag:yaml.org,2002:merge"
GIT_CLONE = "prefect.deployments.steps.git_clone"
OF_PREFECT = "prefecthq/prefect:"
"""The name of Prefect's own images, before the version."""
SHAPES = {
    "model_type": "must have keys, such as name:",
    "dict_type": "must have keys, each with a value",
    "list_type": 'must be a list, with "- " before each element',
}
"""What a value has to be, by the error of Pydantic."""


class WorkPool(BaseModel):
    name: str = ""
    job_variables: dict[str, Any] = Field(default_factory=dict)


def as_steps(given: Any) -> Any:
    """Prefect also accepts one step without a list."""
    return [given] if isinstance(given, dict) and given else given or []


class Deployment(BaseModel):
    """An element of `deployments` in prefect.yaml."""

    name: str = "a deployment without a name"
    entrypoint: str = ""
    version: Any = None
    paused: Any = None
    schedule: Any = None
    schedules: list[Any] | None = None
    parameters: dict[str, Any] = Field(default_factory=dict)
    tags: Any = None
    pull: list[dict[str, Any]] | None = None
    work_pool: WorkPool | None = None

    @field_validator("pull", mode="before")
    @classmethod
    def _steps(cls, given: Any) -> Any:
        return None if given is None else as_steps(given)

    @property
    def without_pool(self) -> str:
        """Why it has no work pool; empty if it has one."""
        if not (self.work_pool and self.work_pool.name):
            return f"{self.name} has no work pool"
        if unset := PLACEHOLDER.search(self.work_pool.name):
            return f"the work pool of {self.name} is {unset[0]}, which is not set here"
        return ""

    @property
    def pool(self) -> WorkPool:
        """Its work pool, or an empty one."""
        return self.work_pool or WorkPool()

    @property
    def all_tags(self) -> list[str]:
        """Its tags; Prefect would make a tag of each character of a text."""
        tags = self.tags if isinstance(self.tags, list | str) else []
        return [str(tag) for tag in tags if tag]

    @property
    def all_schedules(self) -> list[Any]:
        return [each for each in [self.schedule, *(self.schedules or [])] if each]


class PrefectYaml(BaseModel):
    """The file."""

    deployments: list[Deployment] = Field(default_factory=list)
    pull: list[dict[str, Any]] = Field(default_factory=list)

    @field_validator("pull", mode="before")
    @classmethod
    def _steps(cls, given: Any) -> Any:
        return as_steps(given)

    def pull_steps(self, deployment: Deployment) -> list[dict[str, Any]]:
        """The pull steps of this deployment, its own or the shared ones."""
        return self.pull if deployment.pull is None else deployment.pull


def clone_step(steps: list[dict[str, Any]]) -> dict[str, Any]:
    """The step that clones a repository; empty if there is none."""
    for step in steps:
        found = step.get(GIT_CLONE)
        if isinstance(found, dict) and isinstance(found.get("repository"), str):
            return found
    return {}


def resolve(written: Any) -> PrefectYaml:
    """The file with the environment's values. Placeholders that are not set stay.

    Raises:
        pydantic.ValidationError: it has a shape that the checks cannot use.
        RecursionError: it contains itself.
    """
    return PrefectYaml.model_validate(substituted(written))


def substituted(value: Any) -> Any:
    """A value with its environment placeholders replaced, as in Prefect."""
    match value:
        case dict():
            return {key: substituted(inner) for key, inner in value.items()}
        case list():
            return [substituted(inner) for inner in value]
        case str():
            found = apply_values(value, {}, remove_notset=False)
            return value if found is NotSet else found
    return value


def place(written: Any, path: Iterable[Any]) -> str:
    """A place in the file: the deployment's name, and the keys in it."""
    match [*path]:
        case ["deployments", int(number), *keys]:
            here = written["deployments"][number]
            if isinstance(here, dict) and isinstance(name := here.get("name"), str):
                return ", ".join(filter(None, [name, ".".join(map(str, keys))]))
    return ".".join(map(str, path))


def fault(error: Exception, written: Any = None) -> str:
    """What is wrong with the file, and where."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        opened = re.search("flow sequence|flow mapping|quoted scalar", error.context or "")
        if opened and error.context_mark:
            line = error.context_mark.line + 1
            return f"prefect.yaml, line {line}: a bracket or quotation mark there is not closed"
        text = f"prefect.yaml, line {error.problem_mark.line + 1}: {error.problem}"
        # Other errors, such as an unknown alias, name their cause.
        parsing = isinstance(error, yaml.scanner.ScannerError | yaml.parser.ParserError)
        return f"{text}; check the indentation there" if parsing else text
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        said = SHAPES.get(first["type"], first["msg"])
        said = said if first["loc"] else "must have keys, such as deployments:"
        return ": ".join(filter(None, ("prefect.yaml", place(written, first["loc"]), said)))
    return f"prefect.yaml: {' '.join(str(error).split())}".partition(' in "<')[0]


def duplicate_keys(text: str) -> Iterator[str]:
    """Each key that is given twice, with its line; YAML silently takes the last one."""
    seen, todo = set(), [yaml.compose(text, Loader=yaml.SafeLoader)]
    while todo:
        node = todo.pop()
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            todo += node.value
        elif isinstance(node, yaml.MappingNode):
            keys = [key.value for key, _ in node.value]
            for position, (key, value) in enumerate(node.value):
                todo.append(value)
                if key.value in keys[:position] and key.tag != MERGE:
                    yield f"line {key.start_mark.line + 1}: {key.value} is given twice"
