"""Every tracked file can be checked out anywhere, and none names a person's machine."""

import re

from tests.support.repository import ROOT, files

NAMES = [file.as_posix() for file in files()]


def test_no_file_has_an_odd_name() -> None:
    plain = r"(?:[A-Za-z0-9_./{}-]|{% if [a-z_]+ == '[a-z]+' %}|{% endif %})+"
    assert [name for name in NAMES if not re.fullmatch(plain, name)] == []


def test_there_is_no_lock_file() -> None:
    locks = [n for n in NAMES if re.search(r"(^|/)(uv\.lock|pylock.*\.toml|package-lock.json)$", n)]
    assert locks == []


def test_the_pins_name_no_index() -> None:
    pins = (ROOT / "constraints.txt").read_text().splitlines()
    assert len(pins) > 50
    assert [pin for pin in pins if not re.match(r"[a-z0-9._-]+==[^ ]+( ; .+)?$", pin)] == []


def test_rendered_makefiles_use_tabs() -> None:
    for name in ("Makefile", "template/Makefile.jinja"):
        assert "\n    " not in (ROOT / name).read_text()
