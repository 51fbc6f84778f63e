"""The tests' wrapper around pytest-copie reports errors."""

import pytest

from tests.conftest import Renderer


def test_an_answer_to_no_question_is_refused(render: Renderer) -> None:
    with pytest.raises(ValueError, match="no such questions: \\['worker_pool'\\]"):
        render(worker_pool="x")


def test_a_derived_answer_is_refused(render: Renderer) -> None:
    with pytest.raises(ValueError, match="no such questions: \\['cron'\\]"):
        render(cron="0 0 * * *")


def test_a_refused_answer_is_an_error(render: Renderer) -> None:
    with pytest.raises(ValueError, match="Validation error for question 'branch'"):
        render(branch="a..b")
