"""A branch's name is one that git accepts; the oracle is `git check-ref-format --branch`."""

import subprocess
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

Macro = Callable[..., str]
names = st.one_of(
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12),
    st.lists(
        st.sampled_from([*"ab.-/@{}~^:?*[]\\ #!+$'\"`|&;<>()%é😀", ".lock", "..", "@{", "HEAD"]),
        max_size=6,
    ).map("".join),
)


def git_takes(branch: str) -> bool:
    # Outside of any repository, where no @{-1} can stand for an earlier branch.
    command = ["git", "check-ref-format", "--branch", branch]
    return subprocess.run(command, check=False, cwd="/", capture_output=True).returncode == 0


@settings(max_examples=800, deadline=None)
@given(branch=names)
@example("feature/x+y")
@example("-x")
@example("a.lock/b")
@example("@{-1}")
@example("ünï/😀")
def test_a_branch_is_taken_exactly_when_git_takes_it(macro: Macro, branch: str) -> None:
    beyond_git = branch == "@" or "{{" in branch or macro("text.error", branch) != ""
    assert (macro("branch.error", branch) == "") == (git_takes(branch) and not beyond_git)


@pytest.mark.parametrize("branch", ["@", "a{{b", "a\u2028b", "a\x85b"])
def test_what_would_break_a_file_is_refused_although_git_takes_it(
    macro: Macro, branch: str
) -> None:
    assert git_takes(branch)
    assert macro("branch.error", branch) != ""
