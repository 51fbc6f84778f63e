"""The stand-in for GitHub refuses wrong requests, so that tests do not pass by mistake."""

import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.stand_ins.github import serve_github
from tests.support.environment import clean_environment

pytestmark = pytest.mark.e2e


def refusal(env: dict[str, str], *command: str) -> str:
    """The output of a command that fails."""
    environment = clean_environment() | env
    done = subprocess.run(command, check=False, env=environment, capture_output=True, text=True)
    assert done.returncode != 0
    return done.stderr


def test_git_gets_nowhere_else_and_without_a_token_to_public_repositories_only(
    tmp_path: Path,
) -> None:
    with serve_github(tmp_path) as github:
        github.create("acme/flows")
        read = ["git", "ls-remote", "https://github.com/acme/flows"]
        assert "could not read Username" in refusal(github.environment(), *read)
        elsewhere = [*read[:-1], "https://gitlab.com/acme/flows"]
        assert "response 502" in refusal(github.environment(github.add_token()), *elsewhere)


def test_a_request_that_it_does_not_know_is_refused_and_fails_the_test(tmp_path: Path) -> None:
    stand_in = ExitStack()
    github = stand_in.enter_context(serve_github(tmp_path))
    github.create("acme/flows")
    ask = ["gh", "api", "repos/acme/flows/issues"]
    assert "does not know this" in refusal(github.environment(github.add_token()), *ask)
    with pytest.raises(AssertionError, match="GET /repos/acme/flows/issues"):
        stand_in.close()
