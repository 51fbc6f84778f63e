"""The output is safe and legible on every terminal."""

import io

import pytest
from rich.console import Console
from tools.base import screen
from tools.base.finding import failed, passed
from tools.base.report import table


def shown(monkeypatch: pytest.MonkeyPatch, encoding: str) -> str:
    """The terminal output of two findings and a line."""
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="replace")
    monkeypatch.setattr(screen, "screen", Console(file=file, highlight=False, width=100))
    screen.screen.print(table([("One", passed("a\x1b[2Jb")), ("Two", failed("no", "do it"))]))
    screen.say("c\x1b[2Jd\x9be", "passed")
    file.flush()
    file.seek(0)
    return file.read()


URL = f"https://github.com/acme/reports/settings/{'x' * 40}"
COMMAND = "uv run prefect work-pool create modal-reports --type modal:push --overwrite"
ROWS = [
    ("passed", "Prefect", "connected", ""),
    ("failed", "GitHub token", f"the token cannot read {URL}. It may have expired", COMMAND),
    (
        "warning",
        "Orphaned deployments",
        "a [b] is not in prefect.yaml",
        f"open {URL}, then {COMMAND}",
    ),
]


def lines(width: int, rows: list[tuple[str, str, str, str]] = ROWS) -> list[str]:
    """The lines of the table in a terminal of that width."""
    console = Console(file=io.StringIO(), highlight=False, width=width)
    console.print(screen.FindingsTable(rows), crop=False)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return text.splitlines()


def test_a_narrow_terminal_has_the_remedy_below_its_finding_and_breaks_no_command() -> None:
    assert [line.strip() for line in lines(80)] == [
        "✓  Prefect               connected",
        "✗  GitHub token          the token cannot read",
        f"{URL}.",
        "It may have expired",
        COMMAND,
        "!  Orphaned deployments  a [b] is not in prefect.yaml",
        f"open {URL},",
        f"then {COMMAND}",
    ]


def test_a_wide_terminal_has_both_side_by_side() -> None:
    head, first, *_ = lines(160, ROWS[:1])
    assert head.split("  ")[-1].strip() == "what to do"
    assert first.split() == ["✓", "Prefect", "connected"]
    assert len(lines(400)) == 4


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
    assert f"\n{signs[0]}  One" in f"\n{text}"
    assert f"\n{signs[1]}  Two" in text
