"""A GitHub token that is refused: where it came from, and where another one is created."""

import getpass

import pytest
from tools.base.project import Project
from tools.base.stop import ActionRequired
from tools.checks import github_token
from tools.checks.github_token import fix_github_token

REPOSITORY = "Ben-Epstein/prefect-modal"
PAGE = "https://github.com/settings/personal-access-tokens/new"


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """GitHub, which refuses every token."""
    monkeypatch.setenv("GITHUB_CLONE_TOKEN", "expired")
    monkeypatch.setattr(github_token, "stored_token", lambda _: "stored")
    monkeypatch.setattr(github_token, "other_owner", lambda *_: "")
    monkeypatch.setattr(github_token, "refusal", lambda *_: "Not found")
    return monkeypatch


def test_a_refused_token_is_named_with_the_page_for_another_one(
    project: Project, refused: pytest.MonkeyPatch
) -> None:
    refused.setattr(github_token, "interactive", lambda: False)
    expected = (
        f"The token in GITHUB_CLONE_TOKEN cannot read {REPOSITORY}: Not found\n  create another"
    )
    with pytest.raises(ActionRequired, match=f"^{expected} one at {PAGE}$"):
        fix_github_token(project)


def test_without_a_terminal_it_is_said_that_the_stored_token_is_refused(
    project: Project, refused: pytest.MonkeyPatch
) -> None:
    refused.setattr(github_token, "interactive", lambda: False)
    refused.delenv("GITHUB_CLONE_TOKEN")
    with pytest.raises(
        ActionRequired, match=r"^GitHub refuses the token in the block ben-"
    ) as error:
        fix_github_token(project)
    assert error.value.remedy == f"set GITHUB_CLONE_TOKEN to a token from {PAGE}"


def test_in_a_terminal_another_token_is_asked_for_and_why(
    project: Project, refused: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = iter(["other"])
    refused.setattr(github_token, "interactive", lambda: True)
    refused.setattr("builtins.input", lambda _: "n")
    refused.setattr(getpass, "getpass", lambda _: next(typed))
    refused.setenv("PATH", "")  # Without gh.
    with pytest.raises((StopIteration, RuntimeError)):
        fix_github_token(project)
    why = (
        "GitHub refuses the token in the block ben-epstein-prefect-modal; "
        f"containers need a GitHub token that can read {REPOSITORY}."
    )
    where = f"Create a token at {PAGE}, only for {REPOSITORY}, with read access to Contents."
    assert capsys.readouterr().out.splitlines() == [
        f"✗ The token in GITHUB_CLONE_TOKEN cannot read {REPOSITORY}: Not found", why, where,
        f"✗ That token cannot read {REPOSITORY}: Not found", why, where,
    ]  # fmt: skip
