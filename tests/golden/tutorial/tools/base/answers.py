# mypy: ignore-errors
"""What may be typed for a flow's name, schedule and time zone, as in the template's questions."""

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
"""Schedules by name; `never` is one for a deployment that is paused."""
NOON = WORDS["daily"]


def name_error(name: str) -> str:
    """What to type instead of a flow's name; empty if it can be one."""
    if not re.fullmatch("[a-z][a-z0-9_]*", name):
        return "Type a name like orders: lower-case letters, digits and underscores, a letter first"
    if len(name) > LONGEST:
        return f"Type a shorter name: at most {LONGEST} characters"
    plain = re.sub("_+", "_", name).strip("_")
    if keyword.iskeyword(name):
        why = f"{name} is a keyword of Python"
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
    """Whether the environment has a package of that name; a folder without Python is none."""
    found = importlib.util.find_spec(name)
    return bool(found and found.origin)


def cron_of(schedule: str) -> str:
    """The cron expression behind a word, or the expression itself, with single blanks."""
    return WORDS.get(schedule) or " ".join(schedule.split())


def schedule_error(schedule: str) -> str:
    """What to type instead of a schedule; empty if Prefect starts runs by it."""
    cron = cron_of(schedule)
    try:
        planned = CronSchedule(cron=cron, timezone="UTC")
    except ValidationError:
        planned = None
    # Prefect also takes seconds and years as fields, and @daily.
    if not planned or len(cron.split()) != 5:
        return (
            "Type daily, or cron like 0 12 * * 1-5 (minute, hour, day, month, weekday), "
            f"or another word: {', '.join(WORDS)}"
        )
    # Where no schedule at all can be planned, this one may be right.
    if not next_run(planned) and next_run(CronSchedule(cron=NOON, timezone="UTC")):
        return "Type another day, or never: this one is in no calendar"
    return ""


def timezone_error(timezone: str) -> str:
    """What to type instead of a time zone; empty if it is one."""
    names = zoneinfo.available_timezones() - {"localtime"}  # What this machine has.
    if timezone in names:
        return ""
    cities = {name.lower().rpartition("/")[2]: name for name in sorted(names, reverse=True)}
    known = {**cities, **{name.lower(): name for name in names}}
    typed = timezone.strip().lower().replace(" ", "_")
    city = typed.rpartition("/")[2]
    near = [typed, city, *difflib.get_close_matches(city, known, 1, 0.75)]
    nearest = next((known[each] for each in near if each in known), "America/New_York")
    return f"Type {nearest}, or another name of the IANA time zone database, such as UTC"
