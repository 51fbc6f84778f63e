"""A schedule is accepted exactly if Prefect accepts it; the oracle is Prefect's parser."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from prefect.client.schemas.schedules import CronSchedule
from prefect.server.schemas.schedules import CronSchedule as ServerCronSchedule

Macro = Callable[..., str]
WORDS = {
    "hourly": ("0 * * * *", "every hour, on the hour, New York time"),
    "daily": ("0 12 * * *", "every day at 12:00, New York time"),
    "weekdays": ("0 12 * * 1-5", "every weekday at 12:00, New York time"),
    "weekly": ("0 12 * * 1", "every Monday at 12:00, New York time"),
    "monthly": ("0 12 1 * *", "on day 1 of every month at 12:00, New York time"),
    "never": ("0 12 * * *", "only when asked"),
}
MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]


def prefect_takes(cron: str) -> bool:
    try:
        CronSchedule(cron=cron)
    except ValueError:
        return False
    return True


def fires(cron: str) -> bool:
    """Whether Prefect's server finds a next run."""
    schedule = ServerCronSchedule(cron=cron, timezone="UTC")
    start = datetime(2026, 1, 1, tzinfo=UTC)
    return len(asyncio.run(schedule.get_dates(n=1, start=start))) == 1


def field(low: int, high: int, names: list[str]) -> st.SearchStrategy[str]:
    """One field of crontab(5): stars, numbers, names, ranges, steps and lists of them."""
    spellings = [
        (number, f"{number:{width}}") for number in range(low, high + 1) for width in ("", "02")
    ]
    spellings += [
        (number, spell(name))
        for number, name in enumerate(names, low)
        for spell in (str.lower, str.upper, str.title)
    ]
    spelled = st.sampled_from(spellings)
    value = spelled.map(lambda one: one[1])
    ranged = st.tuples(spelled, spelled).map(sorted).map(lambda two: f"{two[0][1]}-{two[1][1]}")
    step = st.integers(1, high)
    item = st.one_of(
        st.just("*"),
        value,
        ranged,
        st.tuples(st.one_of(st.just("*"), ranged), step).map(lambda t: f"{t[0]}/{t[1]}"),
    )
    return st.lists(item, min_size=1, max_size=4).map(",".join)


FIELDS = [
    field(0, 59, []),
    field(0, 23, []),
    field(1, 31, []),
    field(1, 12, MONTHS),
    field(0, 7, WEEKDAYS),
]
crontab = st.tuples(*FIELDS).map(" ".join)
almost_cron = st.lists(
    st.one_of(
        *FIELDS,
        st.text("0123456789*/,-?lLwW#@ruhRHsunmoja ", max_size=6),
        st.sampled_from(["L", "?", "5#2", "l5", "fri#2", "R", "H", "*/0", "22-4", "1-L", "٣"]),
    ),
    min_size=4,
    max_size=6,
).map(" ".join)
near_miss = st.tuples(crontab, st.integers(0, 4), st.integers(0, 99)).map(
    lambda drawn: " ".join(
        str(drawn[2]) if position == drawn[1] else field
        for position, field in enumerate(drawn[0].split(" "))
    )
)


@pytest.mark.parametrize(("word", "cron", "words"), [(w, *both) for w, both in WORDS.items()])
def test_a_word_stands_for_a_schedule(macro: Macro, word: str, cron: str, words: str) -> None:
    assert macro("schedule.error", word) == ""
    assert macro("schedule.canonical", word) == cron
    assert prefect_takes(cron)
    assert macro("schedule.describe", word, "America/New_York") == words


@settings(max_examples=400, deadline=None)
@given(cron=crontab)
def test_what_crontab_takes_is_taken(macro: Macro, cron: str) -> None:
    error = macro("schedule.error", cron)
    if error != "Type another day, or never: this date does not exist.":
        assert error == ""
        assert prefect_takes(cron)


@settings(max_examples=1500, deadline=None)
@given(cron=st.one_of(near_miss, almost_cron, st.text(max_size=30)))
@example("0 12 * *")
@example("0 12 * * * *")
@example("@daily")
@example("0 12 * * *\n")
@example("0 12 * * 1,5#2")
@example("0 0 L * *")
@example("0 0 * * 5#2,l1")
@example("R * * * *")
@example("  0   12 *\t* * ")
def test_what_is_taken_prefect_takes(macro: Macro, cron: str) -> None:
    if macro("schedule.error", cron) == "":
        canonical = macro("schedule.canonical", cron)
        assert prefect_takes(canonical)
        assert len(canonical.split(" ")) == 5
        assert macro("schedule.describe", cron, "UTC").endswith(", UTC")


@pytest.mark.parametrize(
    "cron",
    ["0 0 L * *", "0 0 * * 5#2", "0 0 * * fri#2,mon#1", "0 0 * * L5", "0 0 ? * *", "0 22-4 * * *",
     "0 9 * * fri-mon", "5/15 * * * *", "0 0 29 2 *", "0 0 31 feb,mar *", "0 0 31 1 mon"],
)  # fmt: skip
def test_what_prefect_takes_beyond_crontab_is_taken(macro: Macro, cron: str) -> None:
    assert prefect_takes(cron)
    assert fires(cron)
    assert macro("schedule.error", cron) == ""


@pytest.mark.parametrize(
    "cron",
    [
        "0 0 30 2 *",
        "0 0 31 feb ?",
        "0 0 30,31 2 *",
        "0 0 31 4 *",
        "0 0 31 jun,9,11 *",
        "0 0 31 2 1",
    ],
)
def test_a_day_that_no_calendar_has_is_refused(macro: Macro, cron: str) -> None:
    assert prefect_takes(cron)
    with pytest.raises(ValueError, match="failed to find next date"):
        fires(cron)
    assert "this date does not exist" in macro("schedule.error", cron)


@pytest.mark.parametrize(
    ("cron", "words"),
    [
        ("30 6 * * *", "every day at 06:30"),
        ("0 9 * * mon-fri", "every weekday at 09:00"),
        ("0 9 * * SUN", "every Sunday at 09:00"),
        ("0 9 * * 7", "every Sunday at 09:00"),
        ("15 * * * *", "every hour at minute 15"),
        ("* * * * *", "every minute"),
        ("*/15 * * * *", "every 15 minutes"),
        ("0 */6 * * *", "every 6 hours, on the hour"),
        ("0 8 15 * *", "on day 15 of every month at 08:00"),
        ("0 8 L * *", "on the last day of every month at 08:00"),
        ("*/7 * * * *", "on the cron schedule `*/7 * * * *`"),
        ("0 8  1,15 * *", "on the cron schedule `0 8 1,15 * *`"),
    ],
)
def test_a_schedule_is_put_into_words(macro: Macro, cron: str, words: str) -> None:
    assert macro("schedule.describe", cron, "UTC") == f"{words}, UTC"
