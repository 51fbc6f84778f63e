"""A package's name imports the project's package and nothing else; the oracle is Python."""

import importlib
import importlib.metadata
import re
import string
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.pythons import interpreters

Macro = Callable[..., str]
TEMPLATE = Path(__file__).parent.parent / "template"


def closure(*names: str) -> set[str]:
    """The distributions that `names` need, themselves included, on any platform."""
    found: set[tuple[str, str]] = set()
    todo = [(canonicalize_name(name), "") for name in names]
    while todo:
        if (name_and_extra := todo.pop()) in found:
            continue
        found.add(name_and_extra)
        name, extra = name_and_extra
        try:
            requires = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue  # For another platform: what it needs in turn is not known here.
        for wanted in map(Requirement, requires):
            asked_by = re.search(r"extra == [\"'](.+?)[\"']", str(wanted.marker))
            if not asked_by or canonicalize_name(asked_by[1]) == canonicalize_name(extra):
                todo += [(canonicalize_name(wanted.name), e) for e in ("", *wanted.extras)]
    return {name for name, _ in found}


DEPENDENCIES = closure("prefect", "modal", "prefect-github", "pytest", "ruff")
MODULES = {
    module
    for module, owners in importlib.metadata.packages_distributions().items()
    if {canonicalize_name(owner) for owner in owners} & DEPENDENCIES
}


def is_candidate(name: str) -> bool:
    return re.fullmatch("[a-z][a-z0-9_]*", name) is not None


@settings(max_examples=400, deadline=None)
@given(
    name=st.one_of(
        st.text(string.ascii_lowercase + string.digits + "_", min_size=1, max_size=8),
        st.sampled_from(sorted(MODULES | set(sys.stdlib_module_names) | {"class", "my_flows"})),
        st.text(max_size=6),
    )
)
@example("match")
@example("type")
@example("a__b_")
def test_what_is_taken_imports(macro: Macro, name: str) -> None:
    if macro("package.error", name) == "":
        with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
            package = Path(folder, name)
            package.mkdir()
            (package / "__init__.py").touch()
            # Last on the path: anything that it would hide is found instead of it.
            patch.setattr(sys, "path", [*sys.path, folder])
            importlib.invalidate_caches()
            compile(f"import {name}", name, "exec")
            assert importlib.import_module(name).__file__ == str(package / "__init__.py")
            del sys.modules[name]


@settings(max_examples=300, deadline=None)
@given(name=st.from_regex(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", fullmatch=True))
def test_an_ordinary_name_is_taken(macro: Macro, name: str) -> None:
    error = macro("package.error", name)
    assert error == "" or "would hide" in error or "keyword" in error or len(name) > 50


@pytest.mark.parametrize("version", sorted(interpreters()))
def test_no_module_of_the_standard_library_is_hidden(macro: Macro, version: str) -> None:
    command = [interpreters()[version], "-c", "import sys; print(*sys.stdlib_module_names)"]
    modules = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert [
        name for name in modules if is_candidate(name) and not macro("package.error", name)
    ] == []


def test_nothing_that_the_project_installs_is_hidden(macro: Macro) -> None:
    names = {name.lower().replace("-", "_") for name in MODULES | DEPENDENCIES}
    assert len(names) > 120
    hidden = [n for n in sorted(names) if is_candidate(n) and not macro("package.error", n)]
    assert hidden == [], "add these to extensions/package.jinja"


@pytest.mark.parametrize("name", ["tests", "test_flow1", "conftest", "httpx_", "python_dateutil"])
def test_what_would_clash_in_the_project_is_refused(macro: Macro, name: str) -> None:
    assert "would hide a package that the project uses" in macro("package.error", name)


@settings(max_examples=400, deadline=None)
@given(repository=st.from_regex(r"[A-Za-z0-9._-]{1,100}", fullmatch=True))
@example("prefect")
@example("json")
@example("class")
@example("2024-etl")
@example("---")
@example("a" * 100)
@example(".github")
def test_the_name_proposed_for_a_repository_is_taken(macro: Macro, repository: str) -> None:
    assert macro("package.error", macro("package.suggest", repository)) == ""


@pytest.mark.parametrize(
    ("repository", "package", "distribution"),
    [
        ("prefect-modal", "prefect_modal", "prefect-modal"),
        ("Data.Flows", "data_flows", "data-flows"),
        ("prefect", "prefect_flows", "prefect-flows"),
        ("2024-etl", "flows_2024_etl", "flows-2024-etl"),
        ("---", "my_flows", "my-flows"),
    ],
)
def test_a_repository_gives_its_package_a_name(
    macro: Macro, repository: str, package: str, distribution: str
) -> None:
    assert macro("package.suggest", repository) == package
    assert macro("package.distribution", package) == distribution
