"""The names in `extensions/data/` are those of their sources."""

import re

from scripts import data
from tests.support.pythons import missing


def test_the_time_zones_are_those_of_the_database() -> None:
    written = (data.FOLDER / "timezones.jinja").read_text()
    assert written == data.contents()["timezones.jinja"], "run make data"


def test_the_standard_library_is_that_of_every_offered_python() -> None:
    written = (data.FOLDER / "standard_library.jinja").read_text()
    names = set(re.findall(r"^[a-z0-9_]+$", written, re.MULTILINE))
    here = data.standard_library()
    assert here <= names, "run make data"
    assert here == names or missing(), "run make data"
