"""Any address that GitHub shows for a repository leads to the same project."""

import re
import subprocess
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

Macro = Callable[..., str]
EXAMPLE = "https://github.com/acme/flows"


@pytest.mark.parametrize(
    "address",
    [
        "https://github.com/acme/flows",
        "https://github.com/acme/flows.git",
        "https://github.com/acme/flows/",
        "https://github.com/acme/flows.git/",
        "https://GitHub.com/acme/flows",
        "https://www.github.com/acme/flows",
        "git@github.com:acme/flows.git",
        "git@github.com:acme/flows",
        "ssh://git@github.com/acme/flows.git",
        "acme/flows",
        "acme/flows.git",
    ],
)
def test_every_form_of_an_address_is_the_same_repository(macro: Macro, address: str) -> None:
    assert macro("repository.error", address) == ""
    assert macro("repository.canonical", address) == EXAMPLE
    assert macro("repository.owner", address) == "acme"
    assert macro("repository.name", address) == "flows"


@pytest.mark.parametrize(
    "address",
    [
        "https://git.acme-corp.com/data_team/etl.v2.git",
        "git@git.acme-corp.com:data_team/etl.v2.git",
        "ssh://git@git.acme-corp.com/data_team/etl.v2",
    ],
)
def test_an_enterprise_host_is_kept(macro: Macro, address: str) -> None:
    assert macro("repository.error", address) == ""
    assert macro("repository.canonical", address) == "https://git.acme-corp.com/data_team/etl.v2"
    assert macro("repository.host", address) == "git.acme-corp.com"


@pytest.mark.parametrize(
    ("address", "advice"),
    [
        ("https://SECRET@github.com/acme/flows", f"Type only {EXAMPLE}, nothing before an @ sign"),
        (
            "https://me:SECRET@github.com/acme/flows",
            f"Type only {EXAMPLE}, nothing before an @ sign",
        ),
        ("me:SECRET@github.com:acme/flows.git", f"Type only {EXAMPLE}, nothing before an @ sign"),
        (
            "ssh://git:SECRET@github.com/acme/flows",
            f"Type only {EXAMPLE}, nothing before an @ sign",
        ),
        ("http://github.com/acme/flows", f"Type {EXAMPLE}, with https"),
        (
            "https://github.com/acme/flows/tree/main",
            f"Type only {EXAMPLE}, nothing after the repository's name",
        ),
        (
            "https://github.com/acme/flows?SECRET",
            f"Type only {EXAMPLE}, nothing after the repository's name",
        ),
        (
            "https://github.com/acme/flows#readme",
            f"Type only {EXAMPLE}, nothing after the repository's name",
        ),
        (
            "git@github.com:acme/flows/more",
            f"Type only {EXAMPLE}, nothing after the repository's name",
        ),
        ("https://gitlab.com/acme/flows", "Type a GitHub address"),
        ("git@bitbucket.org:acme/flows.git", "Type a GitHub address"),
        ("https://github.com", f"Type an address like {EXAMPLE}"),
        ("https://github.com/", f"Type an address like {EXAMPLE}"),
        ("https://github.com/acme", f"Type an address like {EXAMPLE}"),
        ("github.com", f"Type an address like {EXAMPLE}"),
        ("https://github.com/acme/ flows", f"Type an address like {EXAMPLE}"),
        (" https://github.com/acme/flows", f"Type an address like {EXAMPLE}"),
        ("https://github.com/acme/flows\n", f"Type an address like {EXAMPLE}"),
        ("https://github.com/acme/\x1bflows", f"Type an address like {EXAMPLE}"),
        ("https://github.com/acme/..", f"Type an address like {EXAMPLE}"),
        ("https://github.com/acme/.git", f"Type an address like {EXAMPLE}"),
        ("https://github.com/acme/flows.git.git", f"Type an address like {EXAMPLE}"),
        ("https://github.com/-acme/flows", f"Type an address like {EXAMPLE}"),
        ("https://github.com:443/acme/flows", f"Type an address like {EXAMPLE}"),
        ("file:///acme/flows", f"Type an address like {EXAMPLE}"),
        ("", f"Type an address like {EXAMPLE}"),
    ],
)
def test_a_refusal_says_what_to_type(macro: Macro, address: str, advice: str) -> None:
    error = macro("repository.error", address)
    assert error.startswith(advice)
    assert EXAMPLE in error
    assert "SECRET" not in error


@settings(max_examples=500, deadline=None)
@given(
    address=st.one_of(
        st.text(max_size=40),
        st.from_regex(
            r"(https://|git@|ssh://git@|)([a-z.]{0,9}[/:]){0,2}[A-Za-z0-9._-]{0,8}/[A-Za-z0-9._/-]{0,9}",
            fullmatch=True,
        ),
    )
)
def test_what_is_taken_has_a_canonical_form(macro: Macro, address: str) -> None:
    if macro("repository.error", address) == "":
        canonical = macro("repository.canonical", address)
        assert re.fullmatch(r"https://[a-z0-9.-]+/[A-Za-z0-9_-]+/[A-Za-z0-9._-]+", canonical)
        assert macro("repository.error", canonical) == ""
        assert macro("repository.canonical", canonical) == canonical
        git_reads = ["git", "ls-remote", "--get-url", canonical]
        assert subprocess.check_output(git_reads, text=True) == f"{canonical}\n"
