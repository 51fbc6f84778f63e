"""`make flow` accepts the same names, schedules and time zones as the questions."""

import keyword
import sys
from collections.abc import Callable

import pytest
from tools.base.answers import WORDS, cron_of, name_error, schedule_error, timezone_error

from tests.test_schedule import WORDS as MEANT
from tests.test_timezone import ZONES

Macro = Callable[..., str]
NAMES = [
    "orders", "daily_orders", "etl2", "o", "match", "type_", "a" * 50,
    "", "Orders", "1st", "_orders", "daily-orders", "orders.py", "orders\n", "bestellungen_für", "a" * 51,
    "prefect", "prefect_github", "modal", "pytest", "yaml", "json_", "json__tool",
]  # fmt: skip
SCHEDULES = [
    *WORDS, "0 12 * * *", "*/15 * * * *", " 0  12 * *\t* ", "0 12 * * *\n", "0 9 * * MON-fri", "0 22-4 * * *",
    "0 0 L * *", "0 0 ? * *", "0 0 * * 5#2", "0 0 * * L5", "0 0 29 2 *", "0 0 31 feb,mar *",
    "", "Daily", "noon", "@daily", "0 12 * *", "0 12 * * * *", "0 0 12 * * * *", "61 * * * *", "R * * * *",
    "0 0 30 2 *", "0 0 31 feb ?", "0 0 31 4 *",
]  # fmt: skip
TIMEZONES = [
    "", "Mars", "america/new_york", "New York", "US/Berlin", "Asia/Calcuta", "Europe/Belrin", "utc", "UTC ", "localtime",
    "posixrules", "../etc/passwd",
]  # fmt: skip


def test_a_name_is_judged_as_that_of_the_package_is(macro: Macro) -> None:
    for name in (*NAMES, *keyword.kwlist, *sys.stdlib_module_names):
        ours, theirs = name_error(name), macro("package.error", name).removesuffix(".")
        assert bool(ours) is bool(theirs), name
        # The text before it is an example, here the name of a flow.
        assert ours.partition(": ")[2] == theirs.partition(": ")[2]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("print", "Type a name like print_flow: print would hide a function of Python"),
        ("flow", "Type a name like flow_flow: flow would hide a package that the project uses"),
        ("task", "would hide"),
        ("httpx", "Type a name like httpx_flow: httpx would hide a package that the project uses"),
        ("test_orders", "Type another name: pytest would take test_orders for a test"),
        ("orders_test", "pytest would take"),
    ],
)
def test_a_name_that_only_a_flow_cannot_have_is_refused(name: str, why: str) -> None:
    assert why in name_error(name)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_schedule_is_judged_as_in_the_questions(macro: Macro, schedule: str) -> None:
    theirs = macro("schedule.error", schedule)
    assert schedule_error(schedule) == theirs.removesuffix(".")
    if not theirs:
        assert cron_of(schedule) == macro("schedule.canonical", schedule)


def test_the_words_for_schedules_are_those_of_the_questions() -> None:
    assert {word: cron for word, (cron, _) in MEANT.items()} == WORDS


def test_a_time_zone_is_judged_as_in_the_questions(macro: Macro) -> None:
    assert [zone for zone in ZONES if timezone_error(zone)] == []
    for zone in TIMEZONES:
        assert timezone_error(zone) == macro("timezone.error", zone).removesuffix(".")
