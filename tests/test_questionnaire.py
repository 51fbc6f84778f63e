"""copier.yml says what it seems to say: Copier ignores whatever it does not know."""

import re
from pathlib import Path

import pytest
from copier._user_data import Question

from tests.support.questionnaire import questionnaire, questions
from tests.support.repository import ROOT, files

SETTINGS = {
    "_min_copier_version",
    "_subdirectory",
    "_exclude",
    "_message_after_copy",
    "_message_after_update",
}
REFUSALS = {"data_names", "template_address"}
ASKED = [
    "repo_url",
    "package_name",
    "private_repository",
    "branch",
    "work_pool",
    "schedule",
    "timezone",
    "python_version",
    "pin_commit",
    "updates",
]


def test_the_questions_keep_their_names_and_their_order() -> None:
    assert list(questions(asked=True)) == ASKED


def test_every_setting_is_one_that_needs_no_trust() -> None:
    assert {name for name in questionnaire() if name.startswith("_")} == SETTINGS


@pytest.mark.parametrize("name", [name for name in questionnaire() if name not in SETTINGS])
def test_every_key_of_a_question_is_one_that_copier_knows(name: str) -> None:
    known = Question.__dataclass_fields__.keys() - {"var_name", "answers", "context", "jinja_env"}
    assert questionnaire()[name].keys() <= known


@pytest.mark.parametrize("name", ASKED)
def test_every_question_has_one_sentence_of_help_that_fits_a_terminal(name: str) -> None:
    text = questions(asked=True)[name]["help"].strip()
    assert text.endswith(("?", "."))
    assert len(text) <= 77


@pytest.mark.parametrize("name", ASKED)
def test_every_question_has_a_default_or_a_placeholder(name: str) -> None:
    details = questions(asked=True)[name]
    assert ("default" in details) != ("placeholder" in details)


@pytest.mark.parametrize("name", ASKED)
def test_every_question_has_a_validator_or_choices(name: str) -> None:
    details = questions(asked=True)[name]
    assert ("validator" in details) != ("choices" in details)


def test_only_the_repository_must_be_typed() -> None:
    required = [n for n, details in questions(asked=True).items() if "default" not in details]
    assert required == ["repo_url"]


def sources() -> dict[Path, str]:
    """What may use an answer: the files of the template, their paths included."""
    return {
        file: f"{file}\n{(ROOT / file).read_text()}"
        for file in files()
        if file.parts[0] == "template"
    }


@pytest.mark.parametrize("name", [n for n in questionnaire() if n not in SETTINGS])
def test_every_answer_is_used(name: str) -> None:
    word = re.compile(rf"\b{name}\b")
    others = [str(details) for other, details in questionnaire().items() if other != name]
    in_expressions = re.compile(r"{[{%].*?[%}]}", re.DOTALL)
    used = [
        part for text in [*sources().values(), *others] for part in in_expressions.findall(text)
    ]
    assert name in REFUSALS or any(word.search(part) for part in used)


def test_the_names_that_may_follow_data_are_those_of_the_questions() -> None:
    text = (ROOT / "extensions/data_names.jinja").read_text()
    listed = re.search(r"QUESTIONS = \[(.*?)\]", text, re.DOTALL)
    assert listed is not None
    assert re.findall(r"'(\w+)'", listed[1]) == ASKED


def test_every_extension_is_used_and_begins_by_saying_what_it_is() -> None:
    modules = sorted((ROOT / "extensions").rglob("*.jinja"))
    everything = "".join([*sources().values(), str(questionnaire())])
    everything += "".join(module.read_text() for module in modules)
    for module in modules:
        assert module.read_text().startswith("{#- ")
        assert module.relative_to(ROOT).as_posix() in everything
