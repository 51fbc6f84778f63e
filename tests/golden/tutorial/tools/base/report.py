# mypy: ignore-errors
"""The findings of checks, as a table or as JSON."""

import json
from collections import Counter

from tools.base.finding import Finding
from tools.base.screen import FindingsTable, say, screen
from tools.base.words import counted

Row = tuple[str, Finding]


def show(report: list[Row], as_json: bool) -> None:
    if as_json:
        print(json.dumps([{"check": name, **vars(found)} for name, found in report], indent=2))
        return
    screen.print(table(report), crop=False)
    say(f"\n{summary(report)}")


def table(report: list[Row]) -> FindingsTable:
    return FindingsTable([(found.status, name, found.text, found.remedy) for name, found in report])


def summary(report: list[Row]) -> str:
    """How many checks passed, failed or were skipped, and why they were skipped."""
    counts = Counter(found.status for _, found in report)
    said = [
        counted(count, status) if status in ("warning", "bug") else f"{count} {status}"
        for status, count in counts.most_common()
    ]
    reasons = Counter(found.text for _, found in report if found.status == "skipped")
    why = "; ".join(f"{text} ({count})" for text, count in reasons.most_common())
    return ", ".join(said) + (f". Skipped because: {why}" if why else "")
