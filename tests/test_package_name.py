"""A package's name imports the project's package and nothing else; the oracle is Python."""

import importlib
import importlib.metadata
import keyword
import string
import sys
import tempfile
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from tests.conftest import Renderer
from tests.support.questionnaire import questions
from tests.support.repository import tree

Macro = Callable[..., str]
INSTALLED = importlib.metadata.packages_distributions().keys()
HIDES = "would hide a package that the project uses"


@settings(max_examples=100, deadline=None)
@given(
    name=st.one_of(
        st.text(string.ascii_lowercase + string.digits + "_", min_size=1, max_size=8),
        st.text(max_size=6),
    )
)
@example("match")
@example("type")
@example("a__b_")
def test_what_is_taken_imports(macro: Macro, name: str) -> None:
    # Python's `test` exists only in some installations; the others are in this repository.
    assume(name not in {*INSTALLED, "test", "tests", "tools", "scripts", "benchmarks"})
    if macro("package.error", name) == "":
        with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
            package = Path(folder, name)
            package.mkdir()
            (package / "__init__.py").touch()
            # Last on the path, so anything that it would hide is found first.
            patch.setattr(sys, "path", [*sys.path, folder])
            importlib.invalidate_caches()
            compile(f"import {name}", name, "exec")
            assert importlib.import_module(name).__file__ == str(package / "__init__.py")
            del sys.modules[name]


def test_no_folder_or_module_of_the_project_is_taken(macro: Macro, render: Renderer) -> None:
    files = [Path(name) for name in tree(render(runner="app")) if name.endswith(".py")]
    names = {file.parts[0].removesuffix(".py") for file in files} - {"src"}
    assert {"tools", "modal_app"} <= names
    assert [name for name in names if not macro("package.error", name)] == []


def test_no_keyword_and_no_module_of_python_is_taken(macro: Macro) -> None:
    names = [*keyword.kwlist, *sys.stdlib_module_names]
    assert [name for name in names if not macro("package.error", name)] == []


@settings(max_examples=100, deadline=None)
@given(name=st.from_regex(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", fullmatch=True))
def test_an_ordinary_name_is_taken(macro: Macro, name: str) -> None:
    error = macro("package.error", name)
    assert error == "" or "would hide" in error or "keyword" in error or len(name) > 50


def test_what_the_project_names_as_a_dependency_is_refused(macro: Macro, tutorial: Path) -> None:
    pyproject = tomllib.loads((tutorial / "pyproject.toml").read_text())
    named = {*pyproject["project"]["dependencies"]}.union(*pyproject["dependency-groups"].values())
    assert {"prefect", "prefect-github", "modal"} <= named
    for name in named:
        assert HIDES in macro("package.error", name.replace("-", "_"))


@pytest.mark.parametrize("name", ["tests", "test_flow1", "conftest", "docker", "yaml", "prefect_"])
def test_what_would_clash_in_the_project_is_refused(macro: Macro, name: str) -> None:
    assert HIDES in macro("package.error", name)


@settings(max_examples=200, deadline=None)
@given(
    repository=st.from_regex(r"[A-Za-z0-9._-]{1,100}", fullmatch=True),
    owner=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,38}", fullmatch=True),
)
@example("prefect", "acme")
@example("json", "acme")
@example("class", "acme")
@example("2024-etl", "acme")
@example("---", "acme")
@example("a" * 100, "acme")
@example(".github", "acme")
@example("flows", "2024")
@example("flows", "a" * 39)
def test_the_name_proposed_for_a_repository_is_taken(
    macro: Macro, repository: str, owner: str
) -> None:
    assert macro("package.error", macro("package.suggest", repository, owner)) == ""


README_EXAMPLE = questions(asked=True)["repo_url"]["placeholder"].removeprefix(
    "https://github.com/"
)


@pytest.mark.parametrize("repository", ["acme/flows", "acme/Flows", "acme/.flows", README_EXAMPLE])
def test_no_import_of_a_new_project_says_flows_twice(macro: Macro, repository: str) -> None:
    owner, name = repository.split("/")
    assert macro("package.suggest", name, owner) != "flows"


@pytest.mark.parametrize(
    ("repository", "package", "distribution"),
    [
        ("prefect-modal", "prefect_modal", "prefect-modal"),
        ("Data.Flows", "data_flows", "data-flows"),
        ("prefect", "prefect_flows", "prefect-flows"),
        ("2024-etl", "flows_2024_etl", "flows-2024-etl"),
        ("---", "my_flows", "my-flows"),
        ("flows", "acme_corp_flows", "acme-corp-flows"),
    ],
)
def test_a_repository_gives_its_package_a_name(
    macro: Macro, repository: str, package: str, distribution: str
) -> None:
    assert macro("package.suggest", repository, "Acme-Corp") == package
    assert macro("package.distribution", package) == distribution
