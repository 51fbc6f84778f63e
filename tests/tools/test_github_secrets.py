"""The secrets of a deploy, which a repository, its organization or an environment may hold."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tools.base.git import advice
from tools.base.project import Project
from tools.base.removal import Kept, Removal
from tools.checks.github_secrets import check_github_secrets, fix_github_secrets
from tools.checks.prefect_account import SECRETS
from tools.checks.repository import check_remote
from tools.checks.updates import check_updates
from tools.teardown import github_secrets

from tests.stand_ins.github import GitHub, serve_github
from tests.stand_ins.github_api import OWNER
from tests.support.git import git
from tests.tools.conftest import findings

NAME = "Ben-Epstein/prefect-modal"
KEY, URL = SECRETS


@pytest.fixture
def github(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, project: Project) -> Iterator[GitHub]:
    """GitHub, for the repository's owner, who is logged in to Prefect Cloud."""
    (folder := tmp_path / "github").mkdir()
    with serve_github(folder) as github:
        github.create(NAME)
        for name, value in github.environment(github.add_token(OWNER)).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("PREFECT_API_KEY", "mine")
        monkeypatch.setenv("PREFECT_API_URL", "https://api.prefect.cloud/api/mine")
        yield github


def found(project: Project) -> str:
    (finding,) = findings(check_github_secrets, project)
    return f"{finding.status}: {finding.text}"


def test_the_repositorys_own_are_enough(project: Project, github: GitHub) -> None:
    assert found(project) == f"failed: {NAME} lacks {KEY} and {URL}"
    fix_github_secrets(project)
    assert found(project) == f"passed: {NAME} has {KEY} and {URL}"
    assert github.secrets == {KEY: "mine", URL: "https://api.prefect.cloud/api/mine"}
    # Then no other place is asked.
    asked = [request.path for request in github.requests[-1:]]
    assert asked == [f"/repos/{NAME}/actions/secrets"]


def test_those_of_the_organization_are_enough_too(project: Project, github: GitHub) -> None:
    github.organization |= {KEY: "theirs", URL: "theirs", "OTHER": "theirs"}
    said = f"passed: {NAME} has {KEY} from the organization and {URL} from the organization"
    assert found(project) == said
    fix_github_secrets(project)
    assert github.secrets == {}


def test_only_what_the_organization_lacks_is_set(project: Project, github: GitHub) -> None:
    github.organization[URL] = "theirs"
    assert found(project) == f"failed: {NAME} lacks {KEY}"
    fix_github_secrets(project)
    assert github.secrets == {KEY: "mine"}
    assert found(project) == f"passed: {NAME} has {KEY} and {URL} from the organization"


def test_an_environments_come_before_the_organizations(project: Project, github: GitHub) -> None:
    github.organization |= {KEY: "theirs", URL: "theirs"}
    github.production[KEY] = "production"
    said = f"{KEY} from the environment production and {URL} from the organization"
    assert found(project) == f"passed: {NAME} has {said}"


def test_a_teardown_deletes_only_the_repositorys_own(project: Project, github: GitHub) -> None:
    github.secrets[KEY] = "mine"
    github.organization |= {KEY: "theirs", URL: "theirs", "OTHER": "theirs"}
    parts = list(github_secrets(project))
    removed = [part.what for part in parts if isinstance(part, Removal)]
    assert removed == [f"the GitHub secret {KEY}"]
    kept = [part.text for part in parts if isinstance(part, Kept)]
    command = f"gh workflow disable prefect_cd.yaml --repo github.com/{NAME}"
    assert kept == [
        f"{secret} of the organization stays, so a push may deploy again. To prevent that: {command}"
        for secret in (KEY, URL)
    ]
    for part in parts:
        if isinstance(part, Removal):
            part.delete()
    assert github.secrets == {}
    assert len(github.organization) == 3


def test_the_environment_is_the_one_that_the_workflow_deploys_in(folder: Path) -> None:
    workflow = (folder / ".github/workflows/prefect_cd.yaml").read_text()
    assert re.findall(r"^ +environment: (.+)$", workflow, re.MULTILINE) == ["production"]


def test_a_refused_login_and_a_missing_repository_are_named(
    project: Project, github: GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    github.repository(NAME).rename(github.repository(NAME).with_name("moved"))
    git(project.root, "init", "--quiet")
    git(project.root, "remote", "add", "origin", f"https://github.com/{NAME}")
    (remote,) = findings(check_remote, project)
    assert remote.text == f"GitHub has no {NAME} that your login can see"
    assert remote.remedy.startswith(f"create it: gh repo create {NAME} --private, or log in")
    assert found(project) == f"skipped: gh cannot see {NAME}"
    for name, value in github.environment("expired").items():
        monkeypatch.setenv(name, value)
    assert advice(project, "fatal: Authentication failed for 'x'").startswith("set GH_TOKEN to a")
    for check in (check_github_secrets, check_updates):
        (finding,) = findings(check, project)
        assert finding.text == "GitHub refuses the login of gh"
        assert finding.remedy == "set GH_TOKEN to a new token, or unset it and run gh auth login"
