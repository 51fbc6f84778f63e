"""docs/platform_team.md: company defaults, and a fork whose questions have other defaults."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
import yaml

from scripts import organization
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
"""The defaults that do not depend on other answers."""
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
"""The fork's changes to copier.yml."""
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
"""One test of each kind that failed in forks when tests took their answers from copier.yml."""


def asked(found: dict[str, object]) -> dict[str, object]:
    """The answers that do not depend on others; some of them decide which questions are asked."""
    return {name: found[name] for name in FIXED if name in found}


def rendered(template: Path, folder: Path, settings: Path) -> dict[str, object]:
    """The answers of a project with only the repository typed."""
    env = published(template, COPIER_SETTINGS_PATH=str(settings))
    done = copier("copy", "--quiet", "--defaults", *data(FLOWS), URL, str(folder), env=env)
    assert done.returncode == 0, done.stderr
    return answers(folder)


def test_the_page_is_short() -> None:
    assert len(PAGE.text.splitlines()) <= 135


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


ANSWERS: dict[str, str | RuntimeError] = {
    "acme/broken": RuntimeError("gh: Server Error (HTTP 502)\nTry again later."),
    "acme/invoices": f"_commit: v1.0.0\n_src_path: {URL}\n",
    "acme/website": "",
}
"""What GitHub answers for each repository's .copier-answers.yml."""


@pytest.fixture
def listed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[str, str]]:
    """List the projects of these repositories, and return the output of both streams."""

    def listing(
        repositories: Iterable[str], tags: str = "abc\trefs/tags/v1.1.0\n", *options: str
    ) -> tuple[str, str]:
        def run(*command: str, may_fail: str = "") -> str:
            if command[:2] == ("git", "ls-remote"):
                return tags
            if command[:2] == ("gh", "repo"):
                url = {"url": "https://github.com", "isArchived": False}
                return json.dumps([url | {"nameWithOwner": name} for name in repositories])
            answer = ANSWERS[command[2].removeprefix("repos/").removesuffix(ANSWERS_FILE)]
            if isinstance(answer, RuntimeError):
                raise answer
            return answer

        monkeypatch.setattr(organization, "run", run)
        monkeypatch.setattr(organization, "doctor", lambda _: "make setup failed\nno uv")
        organization.main("acme", URL, *options)
        return capsys.readouterr()

    return listing


ANSWERS_FILE = "/contents/.copier-answers.yml"
Listed = Callable[..., tuple[str, str]]


def test_a_repository_that_cannot_be_read_is_one_row_of_the_table(listed: Listed) -> None:
    rows, notice = listed(ANSWERS)
    assert rows.splitlines() == [
        "acme/broken    unknown                   gh: Server Error (HTTP 502)",
        "    Try again later.",
        "acme/invoices  v1.0.0, behind v1.1.0     make setup failed",
        "    no uv",
    ]
    assert notice == "Running make doctor in 1 project, four at a time …\n"


def test_without_a_release_or_a_project_the_list_says_so(listed: Listed) -> None:
    with pytest.raises(RuntimeError, match=r"has no release: it needs a tag vX\.Y\.Z"):
        listed(ANSWERS, tags="")
    with pytest.raises(RuntimeError, match=f"No project of acme names {re.escape(URL)} as its"):
        listed(["acme/website"])


@pytest.mark.long
def test_the_tests_of_a_fork_pass_without_an_edit(tmp_path: Path) -> None:
    fork = publish(tmp_path / "fork")
    export(fork)
    assert CHANGED.keys() == FIXED.keys()
    for name, default in CHANGED.items():
        edit(fork / "copier.yml", rf"^({name}:\n(?:  .*\n)*?  default: ).*$", rf"\g<1>{default}")
    for name in (".venv", ".python"):
        (fork / name).symlink_to(ROOT / name)
    pytest_here = ["pytest", "--quiet", f"--basetemp={tmp_path / 'tests'}", *AFFECTED]
    # Testing a fork of the fork would prove nothing more.
    pytest_here.append(f"--deselect={__name__.replace('.', '/')}.py::{THIS}")
    for command in (["scripts.questions_table"], pytest_here):
        done = subprocess.run(
            [sys.executable, "-m", *command], cwd=fork, env=clean_environment(),
            check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
        commit(fork)
    # The tests of updates use a next release of the fork, too.
    by_template(fork)


def test_an_option_that_does_not_exist_is_answered_with_the_usage() -> None:
    command = [sys.executable, str(ROOT / "scripts/organization.py"), "acme", URL, "--verions"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert "organization.py ORGANIZATION TEMPLATE [--versions]" in done.stderr
