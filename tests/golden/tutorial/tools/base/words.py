# mypy: ignore-errors
"""Schedules in words, and their next runs."""

import asyncio
import re
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule, RRuleSchedule

WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
NUMBERS = {name[:3].lower(): str(number) for number, name in enumerate(WEEKDAYS[:7])}
UNITS = {"day": 86400, "hour": 3600, "minute": 60, "second": 1}
FREQUENCIES = {
    "YEARLY": "year",
    "MONTHLY": "month",
    "WEEKLY": "week",
    "DAILY": "day",
    "HOURLY": "hour",
    "MINUTELY": "minute",
}


def in_words(schedule: Any) -> str:
    """When a schedule starts runs; an unusual schedule is quoted."""
    match schedule:
        case CronSchedule():
            words = cron_in_words(schedule.cron)
        case IntervalSchedule():
            words = interval_in_words(schedule.interval)
        case RRuleSchedule():
            words = rrule_in_words(schedule.rrule)
        case _:
            return str(schedule)
    return f"{words}, {zone_in_words(schedule.timezone or 'UTC')}"


def cron_in_words(cron: str) -> str:
    unusual = f"on the cron schedule `{' '.join(cron.split())}`"
    fields = cron.lower().split()
    if len(fields) != 5:
        return unusual
    minute, hour, day, month, weekday = fields
    at = f" at {int(hour):02}:{int(minute):02}" if hour.isdecimal() and minute.isdecimal() else ""
    weekday = re.sub("[a-z]{3}", lambda name: NUMBERS.get(name[0], name[0]), weekday)
    match (day, month, weekday):
        case ("*", "*", "*"):
            return f"every day{at}" if at else within_a_day(minute, hour) or unusual
        case ("*", "*", "1-5") if at:
            return f"every weekday{at}"
        case ("*", "*", _) if at and re.fullmatch("0*[0-7]", weekday):
            return f"every {WEEKDAYS[int(weekday)]}{at}"
        case (_, "*", "*") if at and day.isdecimal():
            return f"on day {int(day)} of every month{at}"
        case ("l", "*", "*") if at:
            return f"on the last day of every month{at}"
    return unusual


def within_a_day(minute: str, hour: str) -> str:
    """A schedule with several runs a day; empty if it is unusual."""
    step = r"\*/([2-9]|[1-3]\d)"
    if hour == "*" and minute in ("*", "*/1"):
        return "every minute"
    if hour == "*" and minute.isdecimal():
        at = f"at minute {int(minute)}"
        return f"every hour {at}" if int(minute) else "every hour, on the hour"
    # Other steps restart with each hour or day, so the runs are not evenly spaced.
    if hour == "*" and (found := re.fullmatch(step, minute)) and 60 % int(found[1]) == 0:
        return f"every {int(found[1])} minutes"
    if minute in ("0", "00") and (found := re.fullmatch(step, hour)) and 24 % int(found[1]) == 0:
        return f"every {int(found[1])} hours, on the hour"
    return ""


def interval_in_words(interval: timedelta) -> str:
    seconds, parts = int(interval.total_seconds()), []
    for unit, length in UNITS.items():
        count, seconds = divmod(seconds, length)
        parts += [counted(count, unit)] if count else []
    return f"every {' '.join(parts)}" if len(parts) > 1 else f"every {without_one(*parts)}"


def rrule_in_words(rrule: str) -> str:
    rule = r"(?:RRULE:)?FREQ=(\w+)(?:;INTERVAL=(\d+))?;?"
    if (found := re.fullmatch(rule, rrule.strip())) and found[1] in FREQUENCIES:
        return f"every {without_one(counted(int(found[2] or 1), FREQUENCIES[found[1]]))}"
    return f"by the rule `{' '.join(rrule.split())}`"


def listing(names: Collection[str]) -> str:
    """Names in a sentence, such as "a, b and c"."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def counted(count: int, unit: str) -> str:
    return f"{count} {unit}{'s' if count != 1 else ''}"


def without_one(counted: str) -> str:
    """Turn "every 1 day" into "every day"."""
    return counted.removeprefix("1 ")


def zone_in_words(zone: str) -> str:
    if zone.startswith("Etc/") or ("/" not in zone and zone == zone.upper()):
        return zone
    return f"{zone.rpartition('/')[2].replace('_', ' ')} time"


def next_run(schedule: Any, after: datetime | None = None) -> datetime | None:
    """The next run of a schedule in its time zone, as Prefect's server plans it.

    None if there is no next run, or if this Prefect version has no function for it.
    """
    try:
        from prefect.server.schemas import schedules

        model = getattr(schedules, type(schedule).__name__)
        planned = model.model_validate(schedule.model_dump()).get_dates(n=1, start=after)
        dates = asyncio.run(planned)
    except Exception:  # Its libraries raise various errors for days that do not exist.
        return None
    return dates[0].astimezone(ZoneInfo(schedule.timezone or "UTC")) if dates else None
