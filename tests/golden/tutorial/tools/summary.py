# mypy: ignore-errors
"""The summary of a deploy on the page of its run in GitHub Actions."""

import re
from collections.abc import Iterator

from tools.base.actions import web_address
from tools.base.finding import Check, Finding, examine
from tools.base.git import head
from tools.base.prefect_deploy import Outcome
from tools.base.project import Project
from tools.base.words import in_words, next_run
from tools.checks.deployments import Deployed, check_orphaned, counterpart, on_the_server


def results(project: Project, outcome: Outcome, problems: list[Finding]) -> str:
    """The deployed commit, and what failed."""
    commit = head(project)
    said = "Deployed" if outcome.deployed else "Not deployed"
    said += " in part" if outcome.deployed and problems else ""
    lines = [f"### {said} from commit [{commit[:10]}]({web_address('commit', commit)})"]
    lines += [""] if problems else []
    lines += [f"- {plain(found.text)}. {plain(found.remedy)}." for found in problems]
    return "\n".join((*lines, ""))


def table(project: Project) -> str:
    """The deployments and when they run."""
    there = on_the_server(project)
    found = (counterpart(project, here, there) for here in project.deployments)
    rows = (row(project, each) for each in found if each)
    return "\n".join(("", "| Deployment | Runs | Next run |", "| --- | --- | --- |", *rows, ""))


def left_over(project: Project) -> str:
    """What is left over on the server; empty if nothing is."""
    found = examine(Check("Orphaned deployments", check_orphaned), project)
    left = (each for each in found if each.status != "passed")
    lines = [f"- {plain(each.text)}. {with_command(each.remedy)}".strip() for each in left]
    return "\n".join(("", "### Left over", "", *lines, "")) if lines else ""


def row(project: Project, there: Deployed) -> str:
    page = f"{project.workspace.ui_url}/deployments/deployment/{there.found.id}"
    runs, following = zip(*schedules(there), strict=True)
    cells = (f"[{plain(there.name)}]({page})", "<br>".join(runs), "<br>".join(following))
    return f"| {' | '.join(cells)} |"


def schedules(there: Deployed) -> Iterator[tuple[str, str]]:
    """Each schedule in words, and its next run."""
    if not there.found.schedules:
        yield "only when asked", "–"
    for each in there.found.schedules:
        words = in_words(each.schedule).replace("|", r"\|")
        if there.found.paused or not each.active:
            yield words, "paused"
        else:
            when = next_run(each.schedule)
            yield words, f"{when:%a %d %b %Y, %H:%M}" if when else "–"


def with_command(remedy: str) -> str:
    """The remedy, with its command as code in a fence that does not occur in it."""
    before, uv, command = remedy.partition("uv run ")
    if not uv:
        return plain(remedy)
    fence = "`" * (max(map(len, re.findall("`+", command)), default=0) + 1)
    return f"{plain(before)} {fence}{uv}{command}{fence}".strip()


def plain(text: str) -> str:
    """A text that Markdown shows unchanged, even in a table."""
    return re.sub(r"([\\`*_{}\[\]<>|#~&])", r"\\\1", " ".join(text.split()))
