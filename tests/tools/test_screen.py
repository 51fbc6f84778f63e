"""What a person sees is safe and legible on every terminal."""

import io

import pytest
from rich.console import Console
from tools.base import screen
from tools.base.finding import failed, passed
from tools.base.report import table


def shown(monkeypatch: pytest.MonkeyPatch, encoding: str) -> str:
    """What a terminal gets to show of two findings and a line."""
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="replace")
    monkeypatch.setattr(screen, "screen", Console(file=file, highlight=False, width=100))
    screen.screen.print(table([("One", passed("a\x1b[2Jb")), ("Two", failed("no", "do it"))]))
    screen.say("c\x1b[2Jd\x9be", "passed")
    file.flush()
    file.seek(0)
    return file.read()


def test_a_name_of_the_server_cannot_control_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(monkeypatch, "utf-8")
    assert not {"\x1b", "\x9b"} & {*text}
    assert "a\N{REPLACEMENT CHARACTER}[2Jb" in text
    assert "c\N{REPLACEMENT CHARACTER}[2Jd\N{REPLACEMENT CHARACTER}e" in text


@pytest.mark.parametrize(("encoding", "signs"), [("utf-8", "✓✗"), ("ascii", "+x")])
def test_the_signs_are_those_that_the_terminal_has(
    monkeypatch: pytest.MonkeyPatch, encoding: str, signs: str
) -> None:
    text = shown(monkeypatch, encoding)
    assert f"\n{signs[0]}  One" in text
    assert f"\n{signs[1]}  Two" in text
