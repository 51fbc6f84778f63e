"""A project's name in Prefect is valid for its deployments and its block."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prefect.types.names import raise_on_name_alphanumeric_dashes_only

Macro = Callable[..., str]


@given(name=st.from_regex(r"[A-Za-z0-9._-]{1,140}", fullmatch=True))
def test_a_block_has_a_name_that_prefect_takes(macro: Macro, name: str) -> None:
    assert macro("project_name.error", name) == ""
    block = macro("project_name.block", name)
    assert block
    assert raise_on_name_alphanumeric_dashes_only(block) == block


@pytest.mark.parametrize(
    ("name", "block"),
    [("acme-prefect-modal", "acme-prefect-modal"), ("acme-Data.Flows_2", "acme-data-flows-2"),
     (".github", "github"), ("__", "github")],
)  # fmt: skip
def test_a_block_is_called_after_its_project(macro: Macro, name: str, block: str) -> None:
    assert macro("project_name.block", name) == block


@pytest.mark.parametrize("name", ["", "a b", "a/b", "{{ a }}", "ä", "a\n", "a" * 141])
def test_another_name_is_refused_with_what_to_type(macro: Macro, name: str) -> None:
    assert macro("project_name.error", name).startswith("Type a name like acme-reports: ")
