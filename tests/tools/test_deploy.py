"""The output of a deploy in GitHub Actions: missing secrets, failures, and a summary."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID

import pytest
from markdown_it import MarkdownIt
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule
from prefect.context import refresh_global_settings_context
from tools import summary
from tools.base.actions import say_failed
from tools.base.finding import failed
from tools.base.prefect_deploy import Outcome
from tools.base.project import Project
from tools.checks.deployments import Deployed
from tools.checks.prefect_account import check_prefect

from tests.support.git import commit, git
from tests.tools.conftest import problems

API = "https://api.prefect.cloud/api/accounts/A/workspaces/W"
NOBODY = "http://127.0.0.1:9/api"
ID = UUID(int=7)


@pytest.fixture
def in_actions(project: Project, tmp_path: Path) -> Iterator[pytest.MonkeyPatch]:
    """The project in a workflow of GitHub Actions, on a machine without any login."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GITHUB_ACTIONS", "true")
        patch.setenv("GITHUB_SERVER_URL", "https://github.com")
        patch.setenv("GITHUB_REPOSITORY", "acme/flows")
        patch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
        yield patch
    refresh_global_settings_context()


WHERE = {
    "PREFECT_API_KEY": "a new key from https://app.prefect.cloud/my/api-keys",
    "PREFECT_API_URL": "printed by uv run prefect config view where you are logged in",
}


@pytest.mark.parametrize(
    "missing",
    [["PREFECT_API_URL"], ["PREFECT_API_KEY"], ["PREFECT_API_URL", "PREFECT_API_KEY"]],
)
def test_missing_secrets_are_named_with_the_page_where_they_are_added(
    project: Project, in_actions: pytest.MonkeyPatch, missing: list[str]
) -> None:
    for name, value in (("PREFECT_API_URL", NOBODY), ("PREFECT_API_KEY", "key")):
        # GitHub's value for a missing secret.
        in_actions.setenv(name, "" if name in missing else value)
    page = "https://github.com/acme/flows/settings/secrets/actions"
    assert problems(check_prefect, project) == [
        f"failed: the secret {name} is missing. add it at {page}: {WHERE[name]}" for name in missing
    ]
    in_actions.delenv("GITHUB_ACTIONS")
    assert "secret" not in str(problems(check_prefect, project))


@pytest.mark.usefixtures("in_actions")
def test_a_failure_is_an_annotation_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    say_failed("100% of it\r\nfailed [red]")
    assert capsys.readouterr().out == "::error::100%25 of it%0D%0Afailed [red]\n"


# The summary.


def rendered(markdown: str) -> list[str]:
    """The texts of a page, with code marked and links followed by their address."""
    texts = []
    for block in MarkdownIt("commonmark").enable("table").parse(markdown):
        if block.type == "inline":
            shown = ""
            for token in block.children or []:
                if token.type == "link_open":
                    shown += f"<{token.attrs['href']}>"
                code = token.type == "code_inline"
                shown += f"<code>{token.content}</code>" if code else token.content
            texts.append(shown)
    return texts


def deployed(*schedules: tuple[object, bool], paused: bool = False) -> Deployed:
    """A deployment on the server, with active and inactive schedules."""
    given = [SimpleNamespace(schedule=each, active=active) for each, active in schedules]
    found = SimpleNamespace(id=ID, paused=paused, schedules=given)
    return Deployed(name="main/a|b *c*", flow="main", repository="", found=found)  # type: ignore[arg-type]


def row(project: Project, there: Deployed) -> list[str]:
    head = "| Deployment | Runs | Next run |\n| --- | --- | --- |\n"
    return rendered(head + summary.row(project, there))[3:]


def test_a_row_links_a_deployment_and_says_when_it_runs(
    project: Project, in_actions: pytest.MonkeyPatch
) -> None:
    in_actions.setenv("PREFECT_API_URL", API)
    page = f"https://app.prefect.cloud/account/A/workspace/W/deployments/deployment/{ID}"
    daily = CronSchedule(cron="0 12 * * *", timezone="Asia/Tokyo")
    hourly = IntervalSchedule(interval=timedelta(hours=1))
    name, runs, following = row(project, deployed((daily, True), (hourly, False)))
    assert name == f"<{page}>main/a|b *c*"
    assert runs == "every day at 12:00, Tokyo time<br>every hour, UTC"
    when, off = following.split("<br>")
    assert datetime.strptime(when, "%a %d %b %Y, %H:%M").strftime("%H:%M") == "12:00"
    assert off == "paused"
    assert row(project, deployed((daily, True), paused=True))[2] == "paused"
    assert row(project, deployed())[1:] == ["only when asked", "–"]


@pytest.mark.usefixtures("in_actions")
def test_the_summary_names_the_commit_and_what_has_failed(project: Project, folder: Path) -> None:
    commit(folder)
    version = git(folder, "rev-parse", "HEAD")
    (here,) = project.deployments
    problem = [failed("a|b: <b>no</b>", "Prefect still has the previous version")]
    title = f"from commit <https://github.com/acme/flows/commit/{version}>{version[:10]}"
    text = "a|b: <b>no</b>. Prefect still has the previous version."
    for outcome, found, said in (
        (Outcome(0, [here]), [], "Deployed"),
        (Outcome(1, [here], [(here, "no")]), problem, "Deployed in part"),
        (Outcome(1, [], [(here, "no")]), problem, "Not deployed"),
    ):
        shown = rendered(summary.results(project, outcome, found))
        assert shown == [f"{said} {title}", *([text] if found else [])]


@pytest.mark.parametrize(
    ("remedy", "shown"),
    [
        ("uv run it 'main/a`b'", "<code>uv run it 'main/a`b'</code>"),
        ("if it is *that*: uv run it", "if it is *that*: <code>uv run it</code>"),
        ("git pull", "git pull"),
    ],
)  # fmt: skip
def test_the_command_against_what_is_left_over_is_code(remedy: str, shown: str) -> None:
    assert rendered(summary.with_command(remedy)) == [shown]
