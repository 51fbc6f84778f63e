"""copier.yml has only keys that Copier knows, because Copier ignores unknown ones."""

import re

import pytest
from copier._user_data import Question
from jinja2 import meta, nodes

from tests.support.questionnaire import questionnaire, questions
from tests.support.repository import ROOT

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
    "runner",
    "project_name",
    "private_repository",
    "branch",
    "work_pool",
    "schedule",
    "timezone",
    "python_version",
    "bake",
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


def test_every_answer_is_used(parsed: dict[str, nodes.Template]) -> None:
    used = {
        name
        for source, syntax in parsed.items()
        for name in meta.find_undeclared_variables(syntax)
        if not source.startswith(("extensions/", f"copier.yml: {name}: "))
    }
    assert (questions(asked=True) | questions(asked=False)).keys() - used == REFUSALS


def test_the_names_that_may_follow_data_are_those_of_the_questions() -> None:
    text = (ROOT / "extensions/data_names.jinja").read_text()
    listed = re.search(r"QUESTIONS = \[(.*?)\]", text, re.DOTALL)
    assert listed is not None
    assert re.findall(r"'(\w+)'", listed[1]) == ASKED


def test_every_extension_is_used_and_begins_by_saying_what_it_is(
    parsed: dict[str, nodes.Template],
) -> None:
    imported = {
        node.template.as_const()
        for syntax in parsed.values()
        for node in syntax.find_all(nodes.FromImport)
    }
    assert imported == {source for source in parsed if source.startswith("extensions/")}
    for module in imported:
        assert (ROOT / module).read_text().startswith("{#- ")
