"""No release refuses what an earlier one accepted, because projects hold such answers.

Copier would silently replace a refused stored answer by the default.
"""

import itertools
import re
import shutil
import sys
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import pytest
import yaml
from copier._main import Worker

from tests.support.copier import AS_RENOVATE, URL, copier, data, published
from tests.support.git import commit, git
from tests.support.questionnaire import answers, questionnaire, questions
from tests.support.releases import releases
from tests.support.repository import ROOT, export_template, tree

# An update as Renovate calls it, of a project whose answers the next release refuses.

STORED: dict[str, object] = {
    "repo_url": "git@git.acme-corp.com:data/flows.git",
    "package_name": "reports",
    "runner": "push",
    "project_name": "Reports",
    "private_repository": False,
    "branch": "release/stable",
    "work_pool": "it's $mine: 😀",
    "schedule": "30 6 * * mon-fri",
    "timezone": "Asia/Kolkata",
    "python_version": "3.13",
    "bake": True,
    "pin_commit": False,
    "updates": "renovate",
}
REFUSED = "Type something else."


@pytest.fixture(scope="module")
def stricter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template as v1.0.0; v1.1.0 and v1.2.0 refuse every text and each add a line."""
    folder = export_template(tmp_path_factory.mktemp("stricter") / "template")
    commit(folder, tag="v1.0.0")
    used = "".join(questionnaire()[name].get("validator", "") for name in questions(asked=True))
    for name in set(re.findall(r"extensions/(\w+)\.jinja", used)) - {"yes_or_no"}:
        with (folder / f"extensions/{name}.jinja").open("a") as file:
            file.write(f"{{%- macro error(value) -%}}{REFUSED}{{%- endmacro -%}}\n")
    for tag in ("v1.1.0", "v1.2.0"):
        with (folder / "template/.gitignore").open("a") as file:
            file.write(f"{tag}/\n")
        commit(folder, tag=tag)
    return folder


@pytest.fixture
def project(stricter: Path, tmp_path: Path) -> Path:
    """A project of v1.0.0, without any default answer."""
    folder = tmp_path / "project"
    options = ["--quiet", "--defaults", "--vcs-ref", "v1.0.0", *data(STORED)]
    done = copier("copy", *options, URL, str(folder), env=published(stricter))
    assert done.returncode == 0, done.stderr
    assert answers(folder) == STORED
    commit(folder)
    return folder


def test_an_update_keeps_every_answer_that_its_release_would_refuse(
    stricter: Path, project: Path
) -> None:
    # The second update starts at a release that refuses the project's answers.
    for release in ("v1.1.0", "v1.2.0"):
        env = published(stricter)
        done = copier("update", *AS_RENOVATE, release, env=env, cwd=project)
        assert done.returncode == 0, done.stderr
        assert "Warning" not in done.stderr
        assert answers(project) == STORED
        changed = git(project, "diff", "--name-only").split()
        assert changed == [".copier-answers.yml", ".gitignore"]
        assert git(project, "status", "--porcelain").count("\n") == 1
        commit(project)


def test_an_update_refuses_a_new_answer_as_a_copy_does(stricter: Path, project: Path) -> None:
    before = tree(project)
    options = ["--defaults", "--skip-answered", "--data", "package_name=other"]
    done = copier("update", *options, env=published(stricter), cwd=project)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith(f"for question 'package_name': {REFUSED}")
    assert tree(project) == before
    assert git(project, "status", "--porcelain") == ""


# What each release accepts, by its own validators.

RELEASES = releases()
REPOSITORIES = {
    f"{host}{path}{end}"
    for host in ("", "https://github.com/", "git@github.com:", "ssh://git@git.acme-corp.com/")
    for path in ("acme/flows", "acme/.github", "a-b_c/1.x", "Acme/Odd_Name--", "acme")
    for end in ("", "/", ".git", ".git/")
}
SCHEDULES = {
    " ".join(fields)
    for fields in itertools.product(
        ("0", "*/7", "5-10,59"), ("*", "23", "1-5/2"), ("*", "29", "L", "?", "31"),
        ("*", "2", "jan-mar", "11"), ("*", "0", "7", "mon-fri", "5#2", "L5", "?"),
    )
}  # fmt: skip
ODD = {
    "", " ", ".", "..", "-x", "@", "a b", "a/b", "a.b", "é", "😀", "it's", '"x"', "$HOME", "{z}",
    "`x`", "\\", "_", "x_", "x__y", "1x", "X", "#1", "50%", "~", "!x", "x" * 50, "x" * 51, "x" * 140,
}  # fmt: skip
CORPUS = REPOSITORIES | SCHEDULES | ODD | available_timezones() | sys.stdlib_module_names


def words(folder: Path) -> set[str]:
    """The words of `extensions/`, and the text in backticks in the reference."""
    files = [file for file in (folder / "extensions").rglob("*") if file.is_file()]
    found = {word for file in files for word in file.read_text().split()}
    for reference in folder.glob("docs/questions.md"):  # The first releases lack the page.
        found.update(re.findall(r"`([^`\n]+)`", reference.read_text()))
    return found | {word.strip("',;:()[]") for word in found}


class Questionnaire:
    """The questions that a release asks, and its validators in Copier's own Jinja environment."""

    def __init__(self, folder: Path) -> None:
        content: dict[str, Any] = yaml.safe_load((folder / "copier.yml").read_text())
        environment = Worker(src_path=str(folder)).jinja_env
        self.questions = {
            name: details
            for name, details in content.items()
            if not name.startswith("_") and details.get("when", True) is not False
        }
        self.validators = {
            name: environment.from_string(details["validator"])
            for name, details in self.questions.items()
            if "validator" in details
        }
        self.words = words(folder)

    def accepts(self, question: str, answer: str) -> bool:
        """Whether a first copy accepts that answer."""
        context = {question: answer, "stored": {}, "_copier_conf": {"data": {}}}
        return not self.validators[question].render(context).strip()


@pytest.fixture(scope="module")
def today(template: Path) -> Questionnaire:
    return Questionnaire(template)


@pytest.fixture(scope="module", params=RELEASES)
def then(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Questionnaire:
    """The questionnaire of a release."""
    folder = tmp_path_factory.mktemp("released")
    packed = folder / "template.zip"
    parts = ("copier.yml", "extensions", "docs")
    git(ROOT, "archive", f"--output={packed}", RELEASES[request.param], *parts)
    shutil.unpack_archive(packed, folder)
    return Questionnaire(folder)


MISSPELT = {"https://gihub.com/acme/reports", "https://gihub.com/acme/x"}
HIDDEN = {"modal_app", "tools"}
"""No release meant to accept these; a project that has stored one keeps it."""


def test_no_answer_that_a_release_accepts_is_refused_today(
    then: Questionnaire, today: Questionnaire
) -> None:
    corpus = CORPUS | then.words | today.words
    for question in then.validators:
        # Any other word would be replaced by the nearest time zone.
        typed = {word for word in corpus if question != "timezone" or word[:1].isupper()}
        accepted = [answer for answer in typed if then.accepts(question, answer)]
        assert len(accepted) > (5 if then.questions[question]["type"] == "bool" else 100)
        refused = {answer for answer in accepted if not today.accepts(question, answer)}
        assert refused <= (HIDDEN if question == "package_name" else MISSPELT)


def test_every_question_and_choice_of_a_release_is_still_there(
    then: Questionnaire, today: Questionnaire
) -> None:
    for question, details in then.questions.items():
        assert today.questions[question]["type"] == details["type"]
        assert offered(details) <= offered(today.questions[question])


def offered(details: dict[str, Any]) -> set[str]:
    """The choices of a question, as they are stored."""
    choices = details.get("choices", [])
    return set(choices.values() if isinstance(choices, dict) else choices)
