"""A schedule in words matches Prefect's runs and the template's wording."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule, RRuleSchedule
from prefect.server.schemas import schedules as of_the_server
from tools.base.words import in_words, next_run

ZONE = "America/New_York"
START = datetime(2026, 1, 1, tzinfo=ZoneInfo(ZONE))
MINUTES = [START + timedelta(minutes=n) for n in range(62 * 24 * 60)]


def at(hour: int, minute: int = 0) -> Callable[[datetime], bool]:
    return lambda when: (when.hour, when.minute) == (hour, minute)


USUAL: dict[str, tuple[str, Callable[[datetime], bool]]] = {
    "* * * * *": ("every minute", lambda when: True),
    "*/15 * * * *": ("every 15 minutes", lambda when: when.minute % 15 == 0),
    "0 * * * *": ("every hour, on the hour", lambda when: when.minute == 0),
    "7 * * * *": ("every hour at minute 7", lambda when: when.minute == 7),
    "0 */6 * * *": ("every 6 hours, on the hour", lambda when: when.hour % 6 == when.minute == 0),
    "0 12 * * *": ("every day at 12:00", at(12)),
    "30 9 * * 1-5": ("every weekday at 09:30", lambda when: at(9, 30)(when) and when.weekday() < 5),
    "0 8 * * MON-FRI": ("every weekday at 08:00", lambda when: at(8)(when) and when.weekday() < 5),
    "0 8 * * 7": ("every Sunday at 08:00", lambda when: at(8)(when) and when.weekday() == 6),
    "0 8 * * wed": ("every Wednesday at 08:00", lambda when: at(8)(when) and when.weekday() == 2),
    "0 8 1 * *": ("on day 1 of every month at 08:00", lambda when: at(8)(when) and when.day == 1),
    "0 8 L * *": (
        "on the last day of every month at 08:00",
        lambda when: at(8)(when) and (when + timedelta(days=1)).day == 1,
    ),
}


@pytest.mark.parametrize("cron", USUAL)
def test_the_words_are_when_prefect_starts_runs(cron: str) -> None:
    words, expected = USUAL[cron]
    schedule = CronSchedule(cron=cron, timezone=ZONE)
    assert in_words(schedule) == f"{words}, New York time"
    # Prefect plans a thousand runs at most.
    planned = [when for when in MINUTES if expected(when)][:1000]
    model = of_the_server.CronSchedule(cron=cron, timezone=ZONE)
    assert asyncio.run(model.get_dates(n=len(planned), start=START)) == planned


@pytest.mark.parametrize("zone", [ZONE, "UTC", "Etc/GMT+5", "Asia/Kolkata", "GMT"])
@pytest.mark.parametrize(
    "cron",
    # The last ones are unusual: restarting steps, lists, months, both kinds of days.
    [*USUAL, "*/7 * * * *", "0 */5 * * *", "0 8,9 * * *", "0 8 * 2 *", "0 8 1 * 1", "0 8 * * 5#2"],
)
def test_the_template_says_it_in_the_same_words(
    macro: Callable[..., str], cron: str, zone: str
) -> None:
    assert in_words(CronSchedule(cron=cron, timezone=zone)) == macro(
        "schedule.describe", cron, zone
    )


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        (IntervalSchedule(interval=timedelta(hours=1)), "every hour, UTC"),
        (IntervalSchedule(interval=timedelta(seconds=90)), "every 1 minute 30 seconds, UTC"),
        (
            IntervalSchedule(interval=timedelta(days=2), timezone="Europe/Berlin"),
            "every 2 days, Berlin time",
        ),
        (RRuleSchedule(rrule="FREQ=DAILY"), "every day, UTC"),
        (RRuleSchedule(rrule="RRULE:FREQ=WEEKLY;INTERVAL=2"), "every 2 weeks, UTC"),
        (
            RRuleSchedule(rrule="DTSTART:20260101T080000\nRRULE:FREQ=MONTHLY;BYDAY=1MO"),
            "by the rule `DTSTART:20260101T080000 RRULE:FREQ=MONTHLY;BYDAY=1MO`, UTC",
        ),
        (CronSchedule(cron="@daily"), "on the cron schedule `@daily`, UTC"),
    ],
)
def test_other_schedules_are_said_in_words_or_as_they_are_written(
    schedule: Any, words: str
) -> None:
    assert in_words(schedule) == words


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        # Noon there, before and after the clock change.
        (CronSchedule(cron="0 12 * * *", timezone=ZONE), "2026-03-07 12:00 EST"),
        (CronSchedule(cron="0 12 8 * *", timezone=ZONE), "2026-03-08 12:00 EDT"),
        (CronSchedule(cron="0 12 * * *"), "2026-03-07 12:00 UTC"),
        (
            IntervalSchedule(
                interval=timedelta(hours=7), anchor_date=datetime(2026, 3, 7, tzinfo=UTC)
            ),
            "2026-03-07 07:00 UTC",
        ),
        (RRuleSchedule(rrule="DTSTART:20260401T080000\nFREQ=DAILY"), "2026-04-01 08:00 UTC"),
        (RRuleSchedule(rrule="DTSTART:20260101T080000\nFREQ=DAILY;COUNT=2"), None),
        # This day does not exist.
        (CronSchedule(cron="0 12 30 2 *"), None),
    ],
)
def test_the_next_run_is_computed_in_the_schedules_time_zone(
    schedule: Any, expected: str | None
) -> None:
    found = next_run(schedule, after=datetime(2026, 3, 7, 6, tzinfo=UTC))
    assert (f"{found:%Y-%m-%d %H:%M %Z}" if found else None) == expected
