"""A time zone is one that Prefect accepts; the oracles are the IANA database and Prefect."""

from collections.abc import Callable
from importlib.resources import files

import pytest
from prefect.client.schemas.schedules import CronSchedule

Macro = Callable[..., str]
ZONES = sorted((files("tzdata") / "zones").read_text().split())


def test_every_zone_of_the_database_is_taken_by_prefect_too(macro: Macro) -> None:
    assert len(ZONES) > 590
    for zone in ZONES:
        assert macro("timezone.error", zone) == ""
        CronSchedule(cron="0 12 * * *", timezone=zone)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("america/new_york", "America/New_York"),
        ("New York", "America/New_York"),
        ("Europe/Munich", "Europe/Berlin"),
        ("US/Berlin", "Europe/Berlin"),
        ("PST", "America/Los_Angeles"),
        ("Asia/Calcuta", "Asia/Calcutta"),
        ("Europe/Belrin", "Europe/Berlin"),
        ("Europe/Bxrlin", "Europe/Berlin"),
        ("utc", "UTC"),
    ],
)
def test_a_refusal_names_the_nearest_zone(macro: Macro, typed: str, meant: str) -> None:
    assert macro("timezone.error", typed).startswith(f"Type {meant}, or another name from the IANA")


def test_a_refusal_without_a_near_zone_says_what_to_type(macro: Macro) -> None:
    assert macro("timezone.error", "Mars") == macro("timezone.error", "")
    assert macro("timezone.error", "").startswith("Type America/New_York, or another name")


@pytest.mark.parametrize(
    ("zone", "words"),
    [
        ("America/New_York", "New York time"),
        ("America/Argentina/Buenos_Aires", "Buenos Aires time"),
        ("UTC", "UTC"),
        ("EST5EDT", "EST5EDT"),
        ("Etc/GMT+5", "Etc/GMT+5"),
        ("Japan", "Japan time"),
    ],
)
def test_a_zone_is_put_into_words(macro: Macro, zone: str, words: str) -> None:
    assert macro("timezone.describe", zone) == words
