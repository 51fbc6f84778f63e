"""A refused answer ends Copier with exit code 1 and a text that says what to type; nothing is written.

docs/questions.md shows what is refused, and test_documents.py holds it to that; the rules behind
the texts have a test module each.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.copier import TUTORIAL, URL, copier, data, published
from tests.support.questionnaire import questions

Refusal = Callable[..., str]


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ({"repo_url": "https://SECRET@github.com/acme/flows"}, "Type only https://github.com/acme"),
        ({"scheduel": "hourly"}, "There is no question scheduel. The questions are repo_url, "),
    ],
    ids=["answer", "question"],
)
def test_the_command_fails_with_the_text_and_leaves_nothing(
    published_template: Path, tmp_path: Path, answer: dict[str, object], text: str
) -> None:
    project = tmp_path / "project"
    options = ["--defaults", *data(TUTORIAL | answer)]
    done = copier("copy", *options, URL, str(project), env=published(published_template))
    assert done.returncode == 1
    assert text in done.stderr.splitlines()[-1]
    assert "SECRET" not in done.stdout + done.stderr
    assert not project.exists()


@pytest.mark.parametrize("name", questions(asked=True))
def test_no_answer_may_be_empty(refusal: Refusal, name: str) -> None:
    text = refusal(**TUTORIAL | {name: ""})
    assert text.startswith(
        (f"Validation error for question '{name}': Type ", f"Invalid choice for '{name}': ")
    )


def test_the_repository_must_be_named(refusal: Refusal) -> None:
    assert refusal() == 'Question "repo_url" is required'


# All but the one that holds the check.
@pytest.mark.parametrize("name", sorted(questions(asked=False).keys() - {"data_names"}))
def test_a_derived_answer_cannot_be_given(refusal: Refusal, name: str) -> None:
    assert refusal(**TUTORIAL | {name: "x"}).startswith(f"There is no question {name}. ")
