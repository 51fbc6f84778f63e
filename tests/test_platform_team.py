"""docs/platform_team.md: company defaults, and a fork whose questions have other defaults."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from scripts.organization import short
from tests.support.changes import by_template, edit
from tests.support.copier import URL, copier, data, published
from tests.support.documents import DOCUMENTS
from tests.support.environment import clean_environment
from tests.support.git import commit
from tests.support.questionnaire import answers, questions
from tests.support.releases import publish
from tests.support.repository import ROOT, export

(PAGE,) = (document for document in DOCUMENTS if document.name == "docs/platform_team.md")
FLOWS = {"repo_url": "https://github.com/acme/flows"}
FIXED = {
    name: details["default"]
    for name, details in questions(asked=True).items()
    if "default" in details and "{%" not in str(details["default"])
}
"""The defaults that are not made from other answers."""
CHANGED = {
    "runner": "app",
    "private_repository": "false",
    "branch": "trunk",
    "work_pool": "acme-modal",
    "schedule": "weekdays",
    "timezone": "Europe/Berlin",
    "python_version": '"3.13"',
    "bake": "true",
    "pin_commit": "false",
    "updates": "renovate",
}
"""What the fork has in copier.yml."""
THIS = "test_the_tests_of_a_fork_pass_without_an_edit"
AFFECTED = [
    "tests/test_documents.py::test_the_front_page_is_short_and_its_table_of_questions_current",
    "tests/test_documents.py::test_the_recorded_questions_are_what_is_asked",
    "tests/test_environments.py",
    "tests/test_golden.py",
    "tests/test_no_trust.py::test_the_closing_message_says_what_to_type_next",
    "tests/test_package_name.py::test_what_the_project_names_as_a_dependency_is_refused",
    "tests/test_platform_team.py",
    "tests/test_tokens.py",
    "tests/test_tutorial.py",
]
"""Of each kind one that was red in a fork when the tests took their answers from copier.yml."""


def asked(found: dict[str, object]) -> dict[str, object]:
    """The answers that are not made from others; what there is to ask depends on some of them."""
    return {name: found[name] for name in FIXED if name in found}


def rendered(template: Path, folder: Path, settings: Path) -> dict[str, object]:
    """The answers of a project for which only its repository was typed."""
    env = published(template, COPIER_SETTINGS_PATH=str(settings))
    done = copier("copy", "--quiet", "--defaults", *data(FLOWS), URL, str(folder), env=env)
    assert done.returncode == 0, done.stderr
    return answers(folder)


def test_the_page_is_short() -> None:
    assert len(PAGE.text.splitlines()) <= 130


def test_company_defaults_replace_those_of_the_template(
    published_template: Path, tmp_path: Path
) -> None:
    (block,) = re.findall(r"^```yaml\n(defaults:\n.*?)^```$", PAGE.text, re.DOTALL | re.MULTILINE)
    (settings := tmp_path / "settings.yml").write_text(block)
    company = yaml.safe_load(block)["defaults"]
    assert company.items() - FIXED.items()
    found = rendered(published_template, tmp_path / "project", settings)
    assert asked(found) == {name: (FIXED | company)[name] for name in asked(found)}


def test_each_default_is_an_answer_that_is_taken(published_template: Path, tmp_path: Path) -> None:
    (settings := tmp_path / "settings.yml").write_text("{}\n")
    found = rendered(published_template, tmp_path / "project", settings)
    assert asked(found) == {name: FIXED[name] for name in asked(found)}


def test_the_other_tests_do_not_depend_on_the_defaults() -> None:
    given = yaml.safe_load((ROOT / "tests/settings.yml").read_text())["defaults"]
    assert given.keys() == FIXED.keys()


@pytest.mark.parametrize(
    "address",
    ["https://github.com/Acme/template", "git@github.com:acme/template.git",
     "ssh://git@github.com/acme/template.git/"],
)  # fmt: skip
def test_a_project_is_known_by_any_address_of_its_template(address: str) -> None:
    assert short(address) == short("https://github.com/acme/template.git")
    assert short(address) != short("https://github.com/acme/templates.git")


def test_the_tests_of_a_fork_pass_without_an_edit(tmp_path: Path) -> None:
    fork = publish(tmp_path / "fork")
    export(fork)
    assert CHANGED.keys() == FIXED.keys()
    for name, default in CHANGED.items():
        edit(fork / "copier.yml", rf"^({name}:\n(?:  .*\n)*?  default: ).*$", rf"\g<1>{default}")
    for name in (".venv", ".python"):
        (fork / name).symlink_to(ROOT / name)
    pytest_here = ["pytest", "--quiet", f"--basetemp={tmp_path / 'tests'}", *AFFECTED]
    # A fork of the fork would show nothing more.
    pytest_here.append(f"--deselect={__name__.replace('.', '/')}.py::{THIS}")
    for command in (["scripts.questions_table"], pytest_here):
        done = subprocess.run(
            [sys.executable, "-m", *command], cwd=fork, env=clean_environment(),
            check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
        commit(fork)
    # What stands for the next release in the tests of updates is one of the fork's, too.
    by_template(fork)
