"""The initial database of a temporary server; tests/e2e starts such servers."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tools.base import server


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (folder := tmp_path / "environment").mkdir()
    monkeypatch.setattr(server, "EMPTY", folder / "prefect-3.db")
    return server.EMPTY


def database(folder: Path, table: str) -> Path:
    with closing(sqlite3.connect(folder / "prefect.db")) as here:
        here.execute(f"CREATE TABLE {table} (name)")
    return folder / "prefect.db"


def tables(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as there:
        return [name for (name,) in there.execute("SELECT name FROM sqlite_master")]


def test_the_first_one_is_kept_and_later_ones_are_not(empty: Path, tmp_path: Path) -> None:
    server.keep(database(tmp_path, "first"))
    server.keep(database(tmp_path, "second"))
    assert tables(empty) == ["first"]
    assert list(empty.parent.iterdir()) == [empty]


def test_where_it_cannot_be_kept_nothing_fails(empty: Path, tmp_path: Path) -> None:
    empty.parent.rmdir()
    server.keep(database(tmp_path, "first"))
    assert not empty.exists()
