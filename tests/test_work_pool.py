"""A work pool's name is refused with a text that says why; tests/e2e asks Prefect's server."""

from collections.abc import Callable

import pytest

Macro = Callable[..., str]


@pytest.mark.parametrize(
    "name", ["pref-modal-pool", "a b", "it's", 'a"b', "a$b", "a:b", "a`b", "😀", "-x", "a\\b", "-"]
)
def test_an_unusual_name_is_taken(macro: Macro, name: str) -> None:
    assert macro("work_pool.error", name) == ""


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("", "Type a name like"),
        (" ", "Type a name like"),
        ("'\"", "Type a name like"),
        (".", "Type a name like"),
        (" a", "Type it without blanks at either end"),
        ("a\u00a0", "Type it without blanks at either end"),
        ("a/b", "Type it without / % & > < ? # and {{"),
        ("a%b", "Type it without / % & > < ? # and {{"),
        ("a&b", "Type it without / % & > < ? # and {{"),
        ("a>b", "Type it without / % & > < ? # and {{"),
        ("a<b", "Type it without / % & > < ? # and {{"),
        ("a?b", "Type it without / % & > < ? # and {{"),
        ("a#b", "Type it without / % & > < ? # and {{"),
        ("{{ a }}", "Type it without / % & > < ? # and {{"),
        ("prefect", "Type a name like pref-modal-pool: Prefect keeps"),
        ("Prefect-pool", "Type a name like pref-modal-pool: Prefect keeps"),
        ("PREFECTLY", "Type a name like pref-modal-pool: Prefect keeps"),
        ("a\nb", "Type it again by hand"),
        ("a\x7f", "Type it again by hand"),
    ],
)
def test_a_refusal_says_what_to_type(macro: Macro, name: str, advice: str) -> None:
    assert macro("work_pool.error", name).startswith(advice)
