"""Names that the last release accepted are still accepted: projects hold them as answers."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import macros
from tests.support.git import git
from tests.support.releases import releases
from tests.support.repository import ROOT

Macro = Callable[..., str]


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The questions of the last release, and what they are made of."""
    *_, change = releases().values()
    folder = tmp_path_factory.mktemp("released")
    packed = folder / "template.zip"
    git(ROOT, "archive", f"--output={packed}", change, "copier.yml", "extensions")
    shutil.unpack_archive(packed, folder)
    return folder


def words(folder: Path, *patterns: str) -> list[str]:
    """Whatever stands between blanks in these files of `extensions/`, the names among it."""
    files = [file for pattern in patterns for file in (folder / "extensions").rglob(pattern)]
    return sorted({word for file in files for word in file.read_text().split()})


def test_no_time_zone_is_refused_later(macro: Macro, released: Path) -> None:
    then = macros(released)
    names = [word for word in words(released, "timezone*") if word[0].isupper()]
    accepted = [name for name in names if not then("timezone.error", name)]
    assert len(accepted) > 590
    assert [name for name in accepted if macro("timezone.error", name)] == []


def test_no_package_name_is_refused_later(macro: Macro, template: Path, released: Path) -> None:
    then = macros(released)
    names = filter(str.isidentifier, words(template, "package.jinja", "standard_library.jinja"))
    refused = [name for name in names if macro("package.error", name)]
    assert len(refused) > 200
    assert [name for name in refused if not then("package.error", name)] == []
