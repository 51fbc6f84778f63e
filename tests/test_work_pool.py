"""A refused work pool name gets a text that says why; tests/e2e asks Prefect's server."""

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
        (" a", "Type it without spaces at either end"),
        ("a\u00a0", "Type it without spaces at either end"),
        ("a/b", "Type it without / % & > < ? # or {{"),
        ("a%b", "Type it without / % & > < ? # or {{"),
        ("a&b", "Type it without / % & > < ? # or {{"),
        ("a>b", "Type it without / % & > < ? # or {{"),
        ("a<b", "Type it without / % & > < ? # or {{"),
        ("a?b", "Type it without / % & > < ? # or {{"),
        ("a#b", "Type it without / % & > < ? # or {{"),
        ("{{ a }}", "Type it without / % & > < ? # or {{"),
        ("prefect", "Type a name like pref-modal-pool: Prefect reserves"),
        ("Prefect-pool", "Type a name like pref-modal-pool: Prefect reserves"),
        ("PREFECTLY", "Type a name like pref-modal-pool: Prefect reserves"),
        ("a\nb", "Type it again by hand"),
        ("a\x7f", "Type it again by hand"),
    ],
)
def test_a_refusal_says_what_to_type(macro: Macro, name: str, advice: str) -> None:
    assert macro("work_pool.error", name).startswith(advice)
