"""The committed example is what comes out, byte for byte."""

from pathlib import Path

from scripts.golden import render
from tests.support.repository import ROOT, tree


def test_the_committed_tutorial_project_is_what_is_rendered(tmp_path: Path) -> None:
    render(tmp_path / "project")
    rendered, committed = tree(tmp_path / "project"), tree(ROOT / "tests/golden/tutorial")
    assert rendered.keys() == committed.keys()
    stale = [name for name in rendered if rendered[name] != committed[name]]
    assert not stale, f"read the difference of these files, then run `make golden`: {stale}"


def test_rendering_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    render(tmp_path / "once")
    render(tmp_path / "twice")
    assert tree(tmp_path / "once") == tree(tmp_path / "twice")
