"""A refused answer ends Copier's own command with exit code 1, a text, and nothing written."""

from pathlib import Path

import pytest

from tests.support.copier import TUTORIAL, URL, copier, data, published

REFUSED = {
    "repo_url": [
        "https://SECRET@github.com/acme/flows", "http://github.com/acme/flows",
        "https://github.com/acme/flows/tree/main", "https://github.com/acme/flows?tab=readme",
        "https://github.com/acme/my flows", "https://github.com/acme/flows\n", "https://github.com",
        "https://gitlab.com/acme/flows", "",
    ],
    "package_name": ["class", "json", "prefect", "modal", "prefect_github", "tests", "My-Flows", ""],
    "private_repository": ["perhaps"],
    "branch": ["-x", "a..b", "a b", "a.lock", "HEAD", "@", ""],
    "work_pool": [
        "a/b", "a%b", "a&b", "a>b", "a<b", "prefect-pool", "Prefect", "", " a", "a ", "a\tb",
    ],
    "schedule": ["61 * * * *", "* * * *", "* * * * * *", "@daily", "noon", "R * * * *", "0 0 30 2 *", ""],
    "timezone": ["new york", "EDT", "Mars/Base", ""],
    "python_version": ["3.10", "3", "3.12.1", ""],
}  # fmt: skip
CASES = [(name, value) for name, values in REFUSED.items() for value in values]


@pytest.mark.parametrize(("name", "value"), CASES, ids=[f"{n}={v!r}" for n, v in CASES])
def test_a_refused_answer_leaves_nothing(
    published_template: Path, tmp_path: Path, name: str, value: str
) -> None:
    answers = data(TUTORIAL | {name: value})
    project = tmp_path / "project"
    done = copier(
        "copy", "--defaults", *answers, URL, str(project), env=published(published_template)
    )
    assert done.returncode == 1
    assert not project.exists()
    last_line = done.stderr.strip().splitlines()[-1]
    # Interactively, Copier shows as much as fits on one line: what to type stands first.
    prefix = {"python_version": "Invalid choice for 'python_version': "}
    assert last_line.startswith(
        "ValueError: " + prefix.get(name, f"Validation error for question '{name}': Type ")
    )
    assert "SECRET" not in done.stdout + done.stderr


def test_the_repository_must_be_named(published_template: Path, tmp_path: Path) -> None:
    project = tmp_path / "project"
    done = copier("copy", "--defaults", URL, str(project), env=published(published_template))
    assert done.returncode == 1
    assert 'Question "repo_url" is required' in done.stderr
    assert not project.exists()


@pytest.mark.parametrize("name", ["scheduel", "cron", "block_name"])
def test_a_name_that_is_no_question_is_refused(
    published_template: Path, tmp_path: Path, name: str
) -> None:
    project = tmp_path / "project"
    answers = data(TUTORIAL | {name: "hourly"})
    done = copier(
        "copy", "--defaults", *answers, URL, str(project), env=published(published_template)
    )
    assert done.returncode == 1
    assert f"There is no question {name}. The questions are repo_url, package_name" in done.stderr
    assert not project.exists()
