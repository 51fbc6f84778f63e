# mypy: ignore-errors
"""The valid names, schedules and time zones of flows, as in the template's questions."""

import builtins
import difflib
import importlib.util
import keyword
import re
import sys
import zoneinfo

from prefect.client.schemas.schedules import CronSchedule
from pydantic import ValidationError

from tools.base.words import next_run

LONGEST = 50
WORDS = {
    "hourly": "0 * * * *",
    "daily": "0 12 * * *",
    "weekdays": "0 12 * * 1-5",
    "weekly": "0 12 * * 1",
    "monthly": "0 12 1 * *",
    "never": "0 12 * * *",
}
"""Schedules by name; `never` is for a paused deployment."""
NOON = WORDS["daily"]


def name_error(name: str) -> str:
    """What to type instead of a flow's name; empty if the name is valid."""
    if not re.fullmatch("[a-z][a-z0-9_]*", name):
        letters = "lowercase letters, digits and underscores, starting with a letter"
        return f"Type a name like orders: {letters}"
    if len(name) > LONGEST:
        return f"Type a shorter name: at most {LONGEST} characters"
    plain = re.sub("_+", "_", name).strip("_")
    if keyword.iskeyword(name):
        why = f"{name} is a Python keyword"
    elif plain in sys.stdlib_module_names:
        why = f"{name} would hide a module of Python's standard library"
    elif plain in ("flow", "task") or is_package(plain):
        why = f"{name} would hide a package that the project uses"
    elif hasattr(builtins, name):
        why = f"{name} would hide a function of Python"
    elif name.startswith("test") or name.endswith("_test"):
        return f"Type another name: pytest would take {name} for a test"
    else:
        return ""
    return f"Type a name like {plain}_flow: {why}"


def is_package(name: str) -> bool:
    """Whether the environment has a package of that name; a folder without Python files is none."""
    found = importlib.util.find_spec(name)
    return bool(found and found.origin)


def cron_of(schedule: str) -> str:
    """The cron expression of a word, or the expression itself, with single spaces."""
    return WORDS.get(schedule) or " ".join(schedule.split())


def schedule_error(schedule: str) -> str:
    """What to type instead of a schedule; empty if Prefect accepts it and it has a next run."""
    cron = cron_of(schedule)
    try:
        planned = CronSchedule(cron=cron, timezone="UTC")
    except ValidationError:
        planned = None
    # Prefect also accepts @daily and fields for seconds and years.
    if not planned or len(cron.split()) != 5:
        return (
            "Type daily, or cron like 0 12 * * 1-5 (minute, hour, day, month, weekday), "
            f"or another word: {', '.join(WORDS)}"
        )
    # If this Prefect can plan no schedule at all, this one may be right.
    if not next_run(planned) and next_run(CronSchedule(cron=NOON, timezone="UTC")):
        return "Type another day, or never: this date does not exist"
    return ""


def timezone_error(timezone: str) -> str:
    """What to type instead of a time zone; empty if the time zone is valid."""
    names = zoneinfo.available_timezones() - {"localtime"}  # Names on this machine only.
    if timezone in names:
        return ""
    cities = {name.lower().rpartition("/")[2]: name for name in sorted(names, reverse=True)}
    known = {**cities, **{name.lower(): name for name in names}}
    typed = timezone.strip().lower().replace(" ", "_")
    region, _, city = typed.rpartition("/")
    there = [name for name in known if name.startswith(f"{region}/")] if region else []
    near = [typed, *difflib.get_close_matches(typed, there, 1, 0.75), city]
    near += difflib.get_close_matches(city, known, 1, 0.75)
    nearest = next((known[each] for each in near if each in known), "America/New_York")
    return f"Type {nearest}, or another name from the IANA time zone database, such as UTC"
