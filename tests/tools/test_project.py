"""How the tools read a project's files."""

from pathlib import Path

import pytest
from tools.base.project import Project, split_address
from tools.base.stop import CheckSkipped
from tools.base.workspace import api_of_console

from tests.support.changes import edit


@pytest.mark.parametrize(
    "address",
    [
        "https://github.com/acme/flows", "https://github.com/acme/flows.git/",
        "https://someone@github.com/acme/flows.git", "git@github.com:acme/flows.git",
        "ssh://git@github.com:22/acme/flows.git", "git://github.com/acme/flows",
    ],
)  # fmt: skip
def test_a_repository_is_known_in_every_form_of_its_address(address: str) -> None:
    assert split_address(address) == ("github.com", "acme/flows")


@pytest.mark.parametrize("address", ["", "flows", "/", "github.com", "--upload-pack=x:/acme/flows"])
def test_what_is_no_address_is_not_taken_for_one(address: str) -> None:
    with pytest.raises(CheckSkipped, match="no address of a GitHub repository"):
        split_address(address)


def test_the_project_says_where_containers_find_it(project: Project) -> None:
    assert project.repository == ("github.com", "Ben-Epstein/prefect-modal")
    assert project.credentials_block == "ben-epstein-prefect-modal"
    assert project.pools == ["pref-modal-pool"]
    (deployment,) = project.deployments
    assert deployment.name == "Ben-Epstein-prefect-modal-example"
    assert deployment.entrypoint == "prefect_modal.flows.flow1:main"


@pytest.mark.parametrize("scheme", ["https://", ""])
def test_the_address_of_prefects_console_leads_to_its_api(scheme: str) -> None:
    console = f"{scheme}app.prefect.cloud/account/a-1/workspace/w-2/dashboard"
    assert api_of_console(console) == ("https://api.prefect.cloud/api/accounts/a-1/workspaces/w-2")


def test_a_public_repository_has_no_block(project: Project) -> None:
    edit(project.root / "prefect.yaml", r"^ +credentials: .*\n", "")
    assert project.credentials_block == ""


def test_a_project_knows_whether_it_is_pinned(folder: Path) -> None:
    def said() -> tuple[str, bool]:
        return Project(folder).branch, Project(folder).pinned

    assert said() == ("main", True)
    edit(folder / "prefect.yaml", r"^ +git checkout .*\n", "")
    assert said() == ("main", False)
    # The form up to v0.4.0, which the owner may have kept.
    edit(folder / "prefect.yaml", "^      branch: .*", '      commit_sha: "{{ commit.stdout }}"')
    assert said() == ("", True)


@pytest.mark.parametrize(
    "pull", ["pull: []", "", "pull: [{prefect.deployments.steps.git_clone: 1}]"]
)
def test_without_a_clone_step_checks_say_so(folder: Path, pull: str) -> None:
    edit(folder / "prefect.yaml", r"^pull:\n(?:(?: .*)?\n)+?(?=^deployments)", f"{pull}\n")
    with pytest.raises(CheckSkipped, match="no git_clone step under pull"):
        _ = Project(folder).repository


@pytest.mark.parametrize("name", ["pyproject.toml", ".copier-answers.yml"])
@pytest.mark.parametrize("content", [None, b"\xff", b"a = = b: ["])
def test_a_missing_or_malformed_file_is_named(
    folder: Path, name: str, content: bytes | None
) -> None:
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    elif name == ".copier-answers.yml":
        # A project that has left the template has none.
        assert Project(folder).answers == {}
        return
    with pytest.raises(CheckSkipped, match=name):
        _ = Project(folder).pyproject, Project(folder).answers
