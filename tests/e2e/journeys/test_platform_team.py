"""docs/platform_team.md, followed by a job: two projects made, connected and looked after."""

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

import pytest

from tests.stand_ins.github_api import ORGANIZATION
from tests.stand_ins.laptop import Laptop
from tests.support.changes import append, edit
from tests.support.copier import URL
from tests.support.documents import DOCUMENTS
from tests.support.git import commit, git
from tests.support.repository import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.long]
(PAGE,) = (document for document in DOCUMENTS if document.name == "docs/platform_team.md")
SECTIONS = PAGE.sections()
NAMES = ("invoices", "sales")
UPDATE_TOKEN = token_hex()


@dataclass
class Team:
    """The folder in which the page is followed, with the laptop's accounts."""

    laptop: Laptop
    folder: Path
    environment: str
    """The virtual environment of both projects, one after the other."""

    def follow(self, heading: str, **extra: str) -> str:
        """Run the commands of a section without a terminal, and return their output."""
        lines = "\n".join(SECTIONS[heading]).replace("<url>", URL)
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", lines.replace("scripts/", f"{ROOT}/scripts/")],
            check=False, cwd=self.folder, env=self.laptop.environment(LOGIN=None, **extra),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        self.laptop.said.append(done.stdout)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def generate(self) -> str:
        """Generate and connect both projects, and return what the logs say."""
        heading = "Generate and connect projects"
        said = self.follow(heading, UV_PROJECT_ENVIRONMENT=self.environment)
        logs = "".join((self.folder / f"{name}.log").read_text() for name in NAMES)
        assert said == "".join(f"{name} is ready\n" for name in NAMES), logs
        assert "gh: Not Found" not in logs
        self.laptop.said.append(logs)
        return logs

    def head(self, name: str) -> str:
        return git(self.laptop.github.repository(f"acme/{name}"), "rev-parse", "main")

    def deployed(self, name: str) -> object:
        """The commit of a project in Prefect."""
        return self.laptop.cloud.server.deployment(f"acme-{name}-example")["version"]


@pytest.fixture(scope="module")
def team(start: Callable[..., Laptop], newest_python: tuple[str, str], environments: Path) -> Team:
    """The team, once its organization has the secrets and both projects."""
    laptop = start(locked=False)
    laptop.github.rights[laptop.owner] |= ORGANIZATION
    (folder := laptop.home.parent / "platform").mkdir()
    answers = re.findall(r"^```yaml\n(.*?)^```$", PAGE.text, re.DOTALL | re.MULTILINE)[-1]
    (folder / "company.yml").write_text(f'{answers}python_version: "{newest_python[0]}"\n')
    team = Team(laptop, folder, str(environments / newest_python[0]))
    team.follow("Secrets of the organization", TEMPLATE_UPDATE_TOKEN=UPDATE_TOKEN)
    team.generate()
    return team


def test_a_job_makes_projects_that_are_connected(team: Team) -> None:
    for name in NAMES:
        assert team.deployed(name) == team.head(name)
    pools = [pool["name"] for pool in team.laptop.cloud.server.post("work_pools/filter")]
    assert pools.count("acme-modal") == 1
    # The repositories deploy with the organization's.
    cloud = team.laptop.cloud
    assert team.laptop.github.secrets == {}
    secrets = {"PREFECT_API_KEY": cloud.key, "PREFECT_API_URL": cloud.url}
    secrets["TEMPLATE_UPDATE_TOKEN"] = UPDATE_TOKEN
    assert team.laptop.github.organization == secrets
    team.laptop.assert_no_secret_was_said()


def test_it_can_be_run_again(team: Team) -> None:
    before = [team.head(name) for name in NAMES]
    said = team.generate()
    assert not re.search(r"\(done\)", said), said
    assert [team.head(name) for name in NAMES] == before


def test_one_command_shows_every_project(team: Team, released_template: Path) -> None:
    github = team.laptop.github
    for name in ("website", "broken", "old", "empty"):
        github.create(f"acme/{name}")
    github.archived.add("old")
    for name, file in (("website", "README.md"), ("broken", ".copier-answers.yml")):
        (team.folder / name).mkdir()
        (team.folder / name / file).write_text(f"_commit: v0.9.0\n_src_path: {URL}\n")
    # One project has the newest release, which it has not deployed yet.
    commit(released_template, tag="v1.1.0")
    edit(team.folder / "sales/.copier-answers.yml", "^_commit: v1.0.0$", "_commit: v1.1.0")
    append(team.folder / "sales/README.md", "\nOurs.\n")
    for name in ("sales", "website", "broken", "invoices"):
        commit(team.folder / name)
        to = "old" if name == "invoices" else name
        url = f"file://{github.repository(f'acme/{to}')}"
        git(team.folder / name, "push", "--quiet", url, "main")
    rows = [re.split(" {2,}", row) for row in team.follow("See all projects").splitlines()]
    versions = [
        ["acme/broken", "v0.9.0, behind v1.1.0"],
        ["acme/invoices", "v1.0.0, behind v1.1.0"],
        ["acme/sales", "v1.1.0"],
    ]
    found = [
        ["make: *** No rule to make target 'setup'.", "Stop."],
        ["Template failed"],
        ["Deployment failed"],
    ]
    notice = ["Running make doctor in 3 projects, four at a time …"]
    assert rows == [*versions, notice, *map(list.__add__, versions, found)]
