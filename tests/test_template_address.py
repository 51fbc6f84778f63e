"""The template's address is stored in a form that every update understands."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from copier._vcs import get_repo

from tests.support.changes import edit
from tests.support.copier import AS_RENOVATE, TUTORIAL, URL, copier, data, published
from tests.support.environment import clean_environment
from tests.support.git import commit

SHORT = [
    "gh:acme/template",
    "gh:acme/template.git",
    "gh:/acme/template",
    "gl:acme/group/template",
    "git+https://example.com/template.git",
]
REMOTE = [
    URL,
    "https://github.com/acme/template",
    "https://git.acme-corp.com/acme/template.git",
    "git@github.com:acme/template.git",
    "ssh://git@git.acme-corp.com/acme/template.git",
    "template-host:acme/template.git",
]
ABSOLUTE = [
    "/a/gh:b",
    "~/template",
    "file:///a/template",
    r"C:\template",
    "C:/t",
    r"\\server\share",
]
RELATIVE = [".", "..", "./template", "../template", "template", "a/b", "./a:b", r"a\b"]


@pytest.mark.parametrize("short", SHORT)
def test_what_to_type_instead_is_what_copier_would_clone(
    macro: Callable[..., str], short: str
) -> None:
    assert macro("template_address.canonical", short) == get_repo(short)
    assert macro("template_address.error", short).startswith(f"Type {get_repo(short)} as")


@pytest.mark.parametrize("secret", ["token@", "someone:word@", ":@"])
def test_a_token_in_the_address_is_refused_and_not_repeated(
    macro: Callable[..., str], secret: str
) -> None:
    text = macro("template_address.error", f"https://{secret}example.com/template.git")
    assert text.startswith("Type https://example.com/template.git as")
    assert secret not in text


@pytest.mark.parametrize("address", REMOTE)
def test_a_full_address_is_taken(macro: Callable[..., str], address: str) -> None:
    assert macro("template_address.error", address) == ""
    assert macro("template_address.note", address, "v1.0.0") == ""


@pytest.mark.parametrize("path", ABSOLUTE)
def test_an_absolute_path_is_taken_and_explained(macro: Callable[..., str], path: str) -> None:
    assert macro("template_address.error", path) == ""
    note = macro("template_address.note", path, "v1.0.0")
    assert f"Updates work on this machine only, while the template stays in {path}." in note
    assert "copy from its web address, such as https://" in note


@pytest.mark.parametrize("path", RELATIVE)
def test_a_relative_path_is_refused(macro: Callable[..., str], path: str) -> None:
    text = macro("template_address.error", path)
    assert text.startswith("Type the template's web address, such as https://")
    assert text.endswith(f"updates run in the project, where {path} is another folder.")


def test_a_folder_without_git_cannot_update_a_project(macro: Callable[..., str]) -> None:
    note = macro("template_address.note", "/template", "")
    assert (
        note.strip() == "The project cannot be updated, because /template is not a git repository."
    )


def test_a_relative_path_leaves_nothing(published_template: Path, tmp_path: Path) -> None:
    options = ["copy", "--defaults", *data(TUTORIAL)]
    folder = published_template
    done = copier(*options, ".", str(tmp_path / "p"), env=clean_environment(), cwd=folder)
    assert done.returncode == 1
    assert "Type the template's web address" in done.stderr.splitlines()[-1]
    assert not (tmp_path / "p").exists()


def test_the_closing_message_explains_an_absolute_path_and_updates_take_it(
    published_template: Path, tmp_path: Path
) -> None:
    template = shutil.copytree(published_template, tmp_path / "template")
    project = tmp_path / "project"
    options = ["copy", "--defaults", *data(TUTORIAL)]
    done = copier(*options, str(template), str(project), env=clean_environment())
    assert done.returncode == 0, done.stderr
    message = done.stderr.split("and deploys\n")[1]
    assert message.strip().splitlines()[0].endswith(f"while the template stays in {template}.")
    commit(project)
    commit(template, tag="v1.1.0")
    done = copier("update", *AS_RENOVATE, "v1.1.0", env=clean_environment(), cwd=project)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("address", ["../template", "gh:acme/template"])
def test_an_address_that_is_stored_is_not_refused_by_an_update(
    published_template: Path, tmp_path: Path, address: str
) -> None:
    project = tmp_path / "project"
    template = shutil.copytree(published_template, tmp_path / "template")
    env = published(template) | {"GIT_CONFIG_VALUE_0": "https://github.com/acme/template.git"}
    options = ["copy", "--quiet", "--defaults", *data(TUTORIAL)]
    done = copier(*options, str(template), str(project), env=env)
    assert done.returncode == 0, done.stderr
    edit(project / ".copier-answers.yml", r"^_src_path: .*$", f"_src_path: {address}")
    commit(project)
    commit(template, tag="v1.1.0")
    done = copier("update", *AS_RENOVATE, "v1.1.0", env=env, cwd=project)
    assert done.returncode == 0, done.stderr
    assert f"_src_path: {address}\n" in (project / ".copier-answers.yml").read_text()


def test_a_short_form_leaves_nothing(published_template: Path, tmp_path: Path) -> None:
    project = tmp_path / "project"
    address = "https://github.com/acme/template.git"
    env = published(published_template) | {"GIT_CONFIG_VALUE_0": address}
    done = copier("copy", "--defaults", *data(TUTORIAL), "gh:acme/template", str(project), env=env)
    assert done.returncode == 1
    assert f"Type {address} as the template" in done.stderr.splitlines()[-1]
    assert not project.exists()
