"""The template's own address is written down in a form that every update understands."""

from collections.abc import Callable
from pathlib import Path

import pytest
from copier._vcs import get_repo

from tests.support.copier import TUTORIAL, URL, copier, data, published

SHORT = [
    "gh:acme/template",
    "gh:acme/template.git",
    "gh:/acme/template",
    "gl:acme/group/template",
    "git+https://example.com/template.git",
]
FULL = [URL, "https://github.com/acme/template", "git@github.com:acme/template.git", "/a/gh:b", "."]


@pytest.mark.parametrize("short", SHORT)
def test_what_to_type_instead_is_what_copier_would_clone(
    macro: Callable[..., str], short: str
) -> None:
    assert macro("template_address.canonical", short) == get_repo(short)
    assert macro("template_address.error", short).startswith(f"Type {get_repo(short)} for")


@pytest.mark.parametrize("secret", ["token@", "somebody:word@", ":@"])
def test_a_token_in_the_address_is_refused_and_not_repeated(
    macro: Callable[..., str], secret: str
) -> None:
    text = macro("template_address.error", f"https://{secret}example.com/template.git")
    assert text.startswith("Type https://example.com/template.git for")
    assert secret not in text


@pytest.mark.parametrize("full", FULL)
def test_a_full_address_and_a_local_path_are_taken(macro: Callable[..., str], full: str) -> None:
    assert macro("template_address.error", full) == ""


def test_a_short_form_leaves_nothing(published_template: Path, tmp_path: Path) -> None:
    project = tmp_path / "project"
    address = "https://github.com/acme/template.git"
    env = published(published_template) | {"GIT_CONFIG_VALUE_0": address}
    done = copier("copy", "--defaults", *data(TUTORIAL), "gh:acme/template", str(project), env=env)
    assert done.returncode == 1
    assert f"Type {address} for the template" in done.stderr.splitlines()[-1]
    assert not project.exists()
