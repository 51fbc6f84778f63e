"""`copier copy` and `copier update` need neither `--trust` nor any answer but the repository's."""

from pathlib import Path

import pytest
import yaml

from tests.support.copier import TUTORIAL, URL, copier, data, published
from tests.support.git import commit, git
from tests.support.repository import export_template, tree


@pytest.fixture(scope="module")
def copied(published_template: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A project copied from the template's address, and Copier's output."""
    project = tmp_path_factory.mktemp("copied") / "my flows"
    env = published(published_template)
    done = copier("copy", "--defaults", *data(TUTORIAL), URL, str(project), env=env)
    assert done.returncode == 0, done.stderr
    return project, done.stderr


def test_a_copy_from_the_git_url_gives_the_tutorial_project(
    copied: tuple[Path, str], tutorial: Path
) -> None:
    made, expected = tree(copied[0]), tree(tutorial)
    answers = yaml.safe_load(made.pop(".copier-answers.yml"))
    expected.pop(".copier-answers.yml")
    assert made == expected
    assert (answers["_src_path"], answers["_commit"]) == (URL, "v1.0.0")


def test_the_closing_message_says_what_to_type_next(copied: tuple[Path, str]) -> None:
    project, output = copied
    message = output.split("Next:\n")[1]
    commands = [line.strip() for line in message.splitlines() if line.startswith("  ")]
    assert commands == [
        f"cd '{project}'",
        "make run         # runs the flow on this machine, without any account",
        "make bootstrap   # connects GitHub, Prefect and Modal, and deploys",
    ]
    assert max(map(len, message.splitlines()[2:])) <= 78


@pytest.fixture
def template_with_a_later_release(tmp_path: Path) -> Path:
    """The template as v1.0.0, and v1.1.0 with one more line in a rendered file."""
    folder = export_template(tmp_path / "template")
    commit(folder, tag="v1.0.0")
    with (folder / "template/.gitignore").open("a") as file:
        file.write("build/\n")
    commit(folder, tag="v1.1.0")
    return folder


def test_an_update_brings_a_later_release_into_a_changed_project(
    template_with_a_later_release: Path, tmp_path: Path
) -> None:
    env = published(template_with_a_later_release)
    project = tmp_path / "project"
    answers = data(TUTORIAL | {"schedule": "weekdays", "work_pool": "it's $mine: 😀"})
    done = copier("copy", "--defaults", "--vcs-ref", "v1.0.0", *answers, URL, str(project), env=env)
    assert done.returncode == 0, done.stderr
    with (project / "README.md").open("a") as file:
        file.write("Ours.\n")
    commit(project)
    before = tree(project)

    done = copier("update", "--skip-answered", "--defaults", env=env, cwd=project)
    assert done.returncode == 0, done.stderr
    after = tree(project)
    changed = {name for name in after if after[name] != before.get(name)}
    assert changed == {".copier-answers.yml", ".gitignore"}
    assert after[".gitignore"].endswith(b"build/\n")
    assert b"_commit: v1.1.0\n" in after[".copier-answers.yml"]
    assert git(project, "status", "--porcelain").count("\n") == 1
