"""Every form of a repository's address on GitHub results in the same project."""

import re
import subprocess
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

Macro = Callable[..., str]
EXAMPLE = "https://github.com/acme/reports"
NO_TOKEN = "Type owner/name, like acme/reports, nothing before an @ sign"


@pytest.mark.parametrize(
    "address",
    [
        "https://github.com/acme/reports",
        "https://github.com/acme/reports.git",
        "https://github.com/acme/reports/",
        "https://github.com/acme/reports.git/",
        "https://GitHub.com/acme/reports",
        "https://www.github.com/acme/reports",
        "git@github.com:acme/reports.git",
        "git@github.com:acme/reports",
        "ssh://git@github.com/acme/reports.git",
        "acme/reports",
        "acme/reports.git",
    ],
)
def test_every_form_of_an_address_is_the_same_repository(macro: Macro, address: str) -> None:
    assert macro("repository.error", address) == ""
    assert macro("repository.canonical", address) == EXAMPLE
    assert macro("repository.owner", address) == "acme"
    assert macro("repository.name", address) == "reports"


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
        ("https://SECRET@github.com/acme/reports", NO_TOKEN),
        ("https://me:SECRET@github.com/acme/reports", NO_TOKEN),
        ("me:SECRET@github.com:acme/reports.git", NO_TOKEN),
        ("ssh://git:SECRET@github.com/acme/reports", NO_TOKEN),
        ("http://github.com/acme/reports", f"Type {EXAMPLE}, with https"),
        ("http://git.acme-corp.com/a/b.git", "Type https://git.acme-corp.com/a/b, with https"),
        ("https://github.com/acme/reports/tree/main", f"Type {EXAMPLE}, nothing after"),
        ("http://github.com/acme/reports/tree/main", f"Type {EXAMPLE}, nothing after"),
        ("https://github.com/acme/reports?SECRET", f"Type {EXAMPLE}, nothing after"),
        ("https://github.com/acme/reports#readme", f"Type {EXAMPLE}, nothing after"),
        ("git@github.com:acme/reports/more", f"Type {EXAMPLE}, nothing after"),
        ("acme/reports/tree/main", f"Type {EXAMPLE}, nothing after"),
        ("https://gihub.com/acme/reports", f"Type {EXAMPLE}, not gihub.com"),
        ("git@GitHub.co:acme/reports.git", f"Type {EXAMPLE}, not github.co"),
        ("http://github.org/acme/reports/pulls", f"Type {EXAMPLE}, not github.org"),
        ("http://gitlab.com/acme/reports", "Type a GitHub address:"),
        ("https://gitlab.com/acme/reports", "Type a GitHub address:"),
        ("git@bitbucket.org:acme/reports.git", "Type a GitHub address:"),
        ("https://github.com", "Type owner/name, like acme/reports, or"),
        ("https://github.com/", "Type owner/name, like acme/reports, or"),
        ("https://github.com/acme", "Type owner/name, like acme/reports, or"),
        ("github.com", "Type owner/name, like acme/reports, or"),
        ("https://github.com/acme/ flows", "Type owner/name, like acme/reports, or"),
        (" https://github.com/acme/reports", "Type owner/name, like acme/reports, or"),
        ("https://github.com/acme/reports\n", "Type owner/name, like acme/reports, or"),
        ("https://github.com/acme/\x1bflows", "Type owner/name, like acme/reports, or"),
        ("https://github.com/acme/..", "Type owner/name, like acme/reports, or"),
        ("https://github.com/acme/.git", "Type owner/name, like acme/reports, or"),
        ("https://github.com/acme/reports.git.git", "Type owner/name, like acme/reports, or"),
        ("https://github.com/-acme/reports", "Type owner/name, like acme/reports, or"),
        ("https://github.com:443/acme/reports", "Type owner/name, like acme/reports, or"),
        ("file:///acme/reports", "Type owner/name, like acme/reports, or"),
        ("", "Type owner/name, like acme/reports, or"),
    ],
)
def test_a_refusal_says_what_to_type(macro: Macro, address: str, advice: str) -> None:
    error = macro("repository.error", address)
    assert error.startswith(advice)
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
