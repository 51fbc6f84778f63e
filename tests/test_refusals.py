"""A refused answer ends Copier with exit code 1 and a text that says what to type; nothing is written.

docs/questions.md shows what is refused, and test_documents.py holds it to that; the rules behind
the texts have a test module each.
"""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.copier import TUTORIAL, URL, copier, data, published
from tests.support.questionnaire import questions
from tests.support.repository import ROOT

Refusal = Callable[..., str]


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (
            {"repo_url": "https://SECRET@github.com/acme/flows"},
            "Type owner/name, like acme/reports",
        ),
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


REFUSED = {
    "branch": ["-x", "my branch", "a..b"],
    "package": ["My-Flows", "a" * 51, "continue", "multiprocessing", "prefect_github"],
    "project_name": ["my project"],
    "repository": [
        "acme", "me@github.com/acme/x", "https://gitlab.com/acme/x", "https://gihub.com/acme/x",
        "http://github.com/acme/reports", "https://github.com/acme/reports/tree/main",
    ],
    "schedule": ["noon", "0 0 30 2 *"],
    "text": ["a\tb"],
    "timezone": ["berlin", "Mars/Base"],
    "work_pool": ["", " a", "a/b", "prefect-pool"],
    "yes_or_no": ["nope"],
}  # fmt: skip
"""An answer for each text, by extension; the other refusals are not in answer to a question."""
NARROW = 36
"""The characters that a terminal with 80 columns shows after Copier's `Validation error for …`."""


@pytest.mark.parametrize("name", REFUSED)
def test_what_to_type_is_in_the_part_that_a_narrow_terminal_shows(
    macro: Callable[..., str], name: str
) -> None:
    calls = [(f"{name}.error", each) for each in REFUSED[name]]
    if name == "project_name":
        calls += [(f"{name}.app_error", each) for each in ("a" * 51, f"modal-{'a' * 22}")]
    texts = [macro(*call) for call in calls]
    for text in texts:
        clause = re.split(r"[,:.](?: |$)", text)[0]
        assert len(clause) <= NARROW, text
    source = (ROOT / f"extensions/{name}.jinja").read_text()
    for line in re.findall("^Type .*$", source, re.MULTILINE):
        pattern = ".+".join(map(re.escape, re.split(r"\{\{.+?\}\}", line)))
        assert any(re.fullmatch(pattern, text) for text in texts), line


@pytest.mark.parametrize("name", questions(asked=True))
def test_no_answer_may_be_empty(refusal: Refusal, name: str) -> None:
    text = refusal(**TUTORIAL | {name: ""})
    assert text.startswith(
        (f"Validation error for question '{name}': Type ", f"Invalid choice for '{name}': ")
    )


def test_the_repository_must_be_named(refusal: Refusal) -> None:
    assert refusal() == 'Question "repo_url" is required'


# All but the question that holds the check.
@pytest.mark.parametrize("name", sorted(questions(asked=False).keys() - {"data_names"}))
def test_a_derived_answer_cannot_be_given(refusal: Refusal, name: str) -> None:
    assert refusal(**TUTORIAL | {name: "x"}).startswith(f"There is no question {name}. ")
