# mypy: ignore-errors
"""What checks found, as a table or as JSON."""

import json
from collections import Counter

from rich.table import Table

from tools.base.finding import Finding
from tools.base.screen import clean, mark, say, screen

Row = tuple[str, Finding]


def show(report: list[Row], as_json: bool) -> None:
    if as_json:
        print(json.dumps([{"check": name, **vars(found)} for name, found in report], indent=2))
        return
    screen.print(table(report))
    say(f"\n{summary(report)}")


def table(report: list[Row]) -> Table:
    rows = Table(box=None, pad_edge=False)
    for heading in ("", "", "finding", "what to do"):
        rows.add_column(heading, overflow="fold")
    for name, found in report:
        rows.add_row(mark(found.status), name, clean(found.text), clean(found.remedy))
    return rows


def summary(report: list[Row]) -> str:
    """How many checks passed, failed or were skipped, and why those were."""
    counts = Counter(found.status for _, found in report)
    said = [f"{count} {status}" for status, count in counts.most_common()]
    reasons = Counter(found.text for _, found in report if found.status == "skipped")
    why = "; ".join(f"{text} ({count})" for text, count in reasons.most_common())
    return ", ".join(said) + (f". Skipped because: {why}" if why else "")
