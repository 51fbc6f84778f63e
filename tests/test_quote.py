"""A file holds exactly the answer; the oracles are the parsers of the files."""

import shlex
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from tests.stand_ins.actions import run_workflow
from tests.support.environment import clean_environment
from tests.support.git import commit, git

Macro = Callable[..., str]
anything = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)


@settings(max_examples=500, deadline=None)
@given(value=anything)
@example('pool\'s "$HOME" \\ `x` {{ y }} 😀')
@example("no")
@example("a\u00a0b")
def test_a_string_is_read_back_as_it_was(macro: Macro, value: str) -> None:
    if macro("text.error", value) == "":
        quoted = macro("quote.string", value)
        assert yaml.safe_load(f"key: {quoted}\n") == {"key": value}
        assert tomllib.loads(f"key = {quoted}\n") == {"key": value}


@pytest.mark.parametrize("character", ["\0", "\t", "\n", "\x7f", "\x85", "\u2028", "\ufeff", "\uffff", "\udc80"])  # fmt: skip
def test_a_character_that_files_cannot_hold_is_refused(macro: Macro, character: str) -> None:
    assert macro("text.error", f"a{character}b").startswith("Type it again by hand")


@settings(max_examples=300, deadline=None)
@given(value=anything)
@example("-x")
@example("it's")
def test_an_argument_is_one_word_of_the_shell(macro: Macro, value: str) -> None:
    if macro("text.error", value) == "":
        words = shlex.split(macro("quote.argument", value))
        assert words == (["--", value] if value.startswith("-") else [value])


@settings(max_examples=300, deadline=None)
@given(value=anything.map(str.strip).filter(bool))
@example("`")
@example("a``b`c")
@example("*a* _b_ <c> &amp;")
def test_code_is_shown_as_it_was(macro: Macro, value: str) -> None:
    if macro("text.error", value) == "":
        paragraph = MarkdownIt().parse(f"See {macro('quote.code', value)}.")[1]
        kinds = [(token.type, token.content) for token in paragraph.children or []]
        assert kinds == [("text", "See "), ("code_inline", value), ("text", ".")]


@pytest.mark.parametrize(
    ("branch", "pattern"),
    [("main", "main"), ("a+b", "a\\+b"), ("!a!b", "\\!a!b"), ("release/v1", "release/v1")],
)
def test_a_branch_filter_has_no_wildcards(macro: Macro, branch: str, pattern: str) -> None:
    assert yaml.safe_load(macro("quote.branch_filter", branch)) == pattern


JOBS = """
on: push
jobs:
  deploy:
    if: github.ref == {}
    runs-on: ubuntu-latest
    steps:
      - run: echo deployed
"""


@pytest.mark.parametrize("branch", ["main", 'it\'s-"$HOME"-`x`+{z}/#😀'])
def test_an_expression_of_actions_is_true_of_its_branch_alone(
    macro: Macro, tmp_path: Path, branch: str
) -> None:
    (workflow := tmp_path / "checkout/.github/workflows/it.yaml").parent.mkdir(parents=True)
    workflow.write_text(JOBS.format(macro("quote.expression", f"refs/heads/{branch}")))
    for name in (branch, f"{branch}-2"):
        commit(checkout := tmp_path / "checkout")
        git(checkout, "branch", "--move", name)
        environment = clean_environment(HOME=str(tmp_path), XDG_CACHE_HOME=str(tmp_path / "cache"))
        done = run_workflow(checkout, "push", "it.yaml", environment, {})
        assert done.returncode == 0, done.stdout
        assert ("| deployed" in done.stdout) is (name == branch), done.stdout
