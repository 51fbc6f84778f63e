"""Shared fixtures: the template, rendered in this process or by Copier's own command."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import copier
import pytest
from copier._main import Worker
from hypothesis import settings
from jinja2 import Environment, TemplateRuntimeError, nodes
from plumbum import local
from pytest_copie.plugin import Copie

from tests.stand_ins.updates import begin
from tests.support.copier import TUTORIAL
from tests.support.environment import clean_environment
from tests.support.git import commit
from tests.support.pythons import interpreters, missing
from tests.support.questionnaire import questions
from tests.support.repository import export_template

# In CI the same examples every time; elsewhere new ones, to find what CI has not seen.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")


def pytest_configure() -> None:
    """In CI, every supported Python must be tested, or the run fails before it begins."""
    # In the background, everything that the tests start would ignore interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if os.environ.get("CI") and (absent := missing()):
        raise pytest.UsageError(f"Install Python {' '.join(absent)}: see CONTRIBUTING.md")


def pytest_xdist_auto_num_workers() -> int:
    """Half as many again as there are cores: much of the time, a test waits for a server."""
    return (os.cpu_count() or 2) * 3 // 2


@pytest.fixture(scope="session", autouse=True)
def no_settings_of_the_user() -> Iterator[None]:
    """Keep the settings of the person who runs the tests out of everything that they start."""
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ.keys() - clean_environment().keys():
            patch.delenv(name)
        for name, value in clean_environment().items():
            patch.setenv(name, value)
        # Copier starts git with the environment that plumbum has read when it was imported.
        with local.env():
            local.env.clear()
            local.env.update(os.environ)
            yield


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The working tree's template without git, which renders fastest."""
    return export_template(tmp_path_factory.mktemp("template"))


@pytest.fixture(scope="session")
def published_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template as a git repository, with the working tree released as v1.0.0."""
    folder = export_template(tmp_path_factory.mktemp("published"))
    commit(folder, tag="v1.0.0")
    return folder


def macros(template: Path) -> Callable[..., str]:
    """Call a template's macros in Copier's own Jinja environment: `call("branch.error", x)`."""
    environment = Worker(src_path=str(template)).jinja_env

    def call(name: str, *arguments: object) -> str:
        module, function = name.split(".")
        exported = environment.get_template(f"extensions/{module}.jinja").module
        return str(getattr(exported, function)(*arguments))

    return call


@pytest.fixture(scope="session")
def macro(template: Path) -> Callable[..., str]:
    """Call a macro of `extensions/`: `macro("branch.error", x)`."""
    return macros(template)


class Renderer:
    """pytest-copie without its two traps: it drops unknown answers and hides errors."""

    def __init__(self, copie: Copie) -> None:
        self.copie = copie

    def __call__(self, **answers: object) -> Path:
        """Render a project, by default the tutorial's, and return its folder.

        Raises:
            ValueError: an answer has no question.
            Exception: an error of Copier.
        """
        if unknown := answers.keys() - questions(asked=True).keys():
            raise ValueError(f"no such questions: {sorted(unknown)}")
        result = self.copie.copy(TUTORIAL | answers)
        if result.exception is not None:
            raise result.exception
        assert result.project_dir is not None
        return result.project_dir


@pytest.fixture(scope="session")
def render(copie_session: Copie, template: Path) -> Renderer:
    copie_session.default_template_dir = template
    return Renderer(copie_session)


@pytest.fixture(scope="session")
def tutorial(render: Renderer) -> Path:
    """The tutorial's own project."""
    return render()


@pytest.fixture(scope="session")
def newest_python() -> tuple[str, str]:
    """The newest supported Python on this machine: its version and its path."""
    return max(interpreters().items(), key=lambda item: int(item[0].split(".")[1]))


@pytest.fixture(scope="session")
def beginning(tmp_path_factory: pytest.TempPathFactory, newest_python: tuple[str, str]) -> Path:
    """A project that was just rendered from the template's release v1.0.0."""
    state = tmp_path_factory.mktemp("beginning")
    return begin(state, tmp_path_factory.mktemp("laptop"), newest_python)


@pytest.fixture(scope="session")
def jinja(template: Path) -> Environment:
    """Copier's own Jinja environment, in which the template is rendered."""
    return Worker(src_path=str(template)).jinja_env


@pytest.fixture(scope="session")
def parsed(jinja: Environment, template: Path) -> dict[str, nodes.Template]:
    """Everything that Jinja reads for a project: questions, macros, files and their paths."""
    trees = {
        f"copier.yml: {question}: {key}": jinja.parse(text)
        for question, details in (questions(asked=True) | questions(asked=False)).items()
        for key, text in details.items()
        if isinstance(text, str)
    }
    for file in sorted(template.glob("template/**/*")):
        if file.is_file():
            name = file.relative_to(template).as_posix()
            trees[f"{name} (its path)"] = jinja.parse(name)
            if file.suffix == ".jinja":
                trees[name] = jinja.parse(file.read_text())
    for file in sorted(template.glob("extensions/**/*.jinja")):
        trees[file.relative_to(template).as_posix()] = jinja.parse(file.read_text())
    return trees


@pytest.fixture
def refusal(template: Path, tmp_path: Path) -> Callable[..., str]:
    """Give answers that Copier must refuse, as after `--data`, and return its message."""

    def refuse(**answers: object) -> str:
        project = tmp_path / "project"
        with pytest.raises((ValueError, TemplateRuntimeError)) as refused:
            copier.run_copy(str(template), project, data=answers, defaults=True, quiet=True)
        assert not project.exists()
        return str(refused.value)

    return refuse
