"""Expected obstacles are reported in one sentence; a bug in the tools is reported as a bug."""

import contextlib
import logging
import socket
import sys
from types import SimpleNamespace

import httpx
import pytest
import tools.__main__
import tools.bootstrap
import tools.doctor
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from tools.__main__ import parse
from tools.base import workspace
from tools.base.finding import (
    Check,
    Finding,
    Findings,
    Status,
    Step,
    examine,
    failed,
    offered,
    passed,
    skipped,
    warning,
)
from tools.base.project import Project
from tools.base.report import summary
from tools.base.stop import ActionRequired, CheckSkipped
from tools.bootstrap import NEEDED, bootstrap, take
from tools.checks.commit import check_commit
from tools.checks.deployments import check_orphaned
from tools.checks.prefect_account import check_blocks, check_prefect
from tools.doctor import doctor

from tests.support.changes import append, edit
from tests.support.git import commit

REQUEST = httpx.Request("GET", "https://example.com")


def answer(status: int) -> PrefectHTTPStatusError:
    refused = httpx.Response(status, request=REQUEST)
    error = httpx.HTTPStatusError("", request=REQUEST, response=refused)
    return PrefectHTTPStatusError.from_httpx_error(error)


def check_that_raises(error: Exception) -> Check:
    def check(_: Project) -> Findings:
        raise error

    return Check("it", check)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (CheckSkipped("no uv"), "no uv"),
        (ActionRequired("log in"), "log in"),
        (answer(503), "Prefect answered 503"),
        # The row Prefect says why.
        (answer(401), "Prefect is not connected"),
        (ObjectNotFound(Exception()), "Prefect answered 404"),
        (httpx.ConnectTimeout("slow"), "Prefect cannot be reached: ConnectTimeout"),
        (httpx.InvalidURL("what"), "Prefect cannot be reached: InvalidURL"),
    ],
)  # fmt: skip
def test_what_is_in_the_way_is_a_finding(project: Project, error: Exception, text: str) -> None:
    assert examine(check_that_raises(error), project) == [Finding("skipped", text)]


def test_a_bug_says_that_it_is_one_and_shows_its_traceback_with_a_flag(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    check = check_that_raises(TypeError("no such thing"))
    (found,) = examine(check, project)
    assert (found.status, found.text) == ("bug", "a bug in these tools: TypeError: no such thing")
    assert "--traceback" in found.remedy
    assert caplog.text == ""
    with caplog.at_level(logging.DEBUG, "tools"):
        examine(check, project)
    assert "raise error\nTypeError: no such thing" in caplog.text


@pytest.mark.parametrize("command", ["bootstrap", "doctor", "rotate-tokens"])
def test_the_flag_is_taken_where_make_puts_it(command: str) -> None:
    assert parse([command, "--traceback"]).traceback
    assert not parse([command]).traceback


def test_a_bug_in_a_fix_says_how_to_report_it(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fix(_: Project) -> None:
        raise TypeError("no such thing")

    monkeypatch.setattr(tools.bootstrap, "ALL", [Step("It", Switch(right=False).check, fix)])
    assert bootstrap(project) == 1
    said = capsys.readouterr().out
    assert (
        "It (action needed): a bug in these tools: TypeError: no such thing\n    report it" in said
    )


ON, OFF = passed("it is on"), failed("it is off", "turn it on")


class Switch:
    """A step that can be fixed, and how often it was fixed."""

    def __init__(self, right: bool, fixable: bool = True) -> None:
        self.right, self.fixable, self.fixed = right, fixable, 0

    def check(self, _: Project) -> Finding:
        return ON if self.right else OFF

    def fix(self, _: Project) -> None:
        self.fixed += 1
        self.right = self.right or self.fixable


def test_a_step_is_taken_once_and_only_if_it_is_needed(project: Project) -> None:
    switch = Switch(right=False)
    step = Step("it", switch.check, switch.fix)
    assert take(step, project, set()) == ("done", [ON])
    assert take(step, project, set()) == ("already there", [ON])
    assert switch.fixed == 1


def test_a_step_that_stays_wrong_says_what_to_do(project: Project) -> None:
    switch = Switch(right=False, fixable=False)
    assert take(Step("it", switch.check, switch.fix), project, set()) == (NEEDED, [OFF])
    assert switch.fixed == 1


def test_a_step_waits_for_those_that_it_needs(project: Project) -> None:
    switch = Switch(right=False)
    step = Step("it", switch.check, switch.fix, after=("Work pool",))
    first = failed("it is off", "fix Work pool first")
    assert take(step, project, set()) == (NEEDED, [first])
    assert switch.fixed == 0
    assert take(step, project, {"Work pool"}) == ("done", [ON])


def test_a_step_that_passes_can_be_renewed(project: Project) -> None:
    switch = Switch(right=True)
    step = Step("it", switch.check, switch.fix, renew=lambda _: True)
    assert take(step, project, set()) == ("done", [ON])
    assert switch.fixed == 1


def test_a_step_is_not_right_while_one_that_it_needs_is_not(project: Project) -> None:
    switch = Switch(right=True)
    step = Step("it", switch.check, switch.fix, after=("Commit",))
    assert take(step, project, set()) == (NEEDED, [skipped("fix Commit first")])


def test_bootstrap_says_all_that_a_step_finds(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = [failed("one is wrong", "do this"), failed("two is wrong", "do that")]
    monkeypatch.setattr(tools.bootstrap, "ALL", [Step("It", lambda _: found, lambda _: None)])
    assert bootstrap(project) == 1
    assert capsys.readouterr().out.startswith(
        "✗ It (action needed):\n  one is wrong\n    do this\n  two is wrong\n    do that\n\nNot ready"
    )


def test_what_is_left_out_is_not_ticked(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    off = Step("Alarm", lambda _: offered("not connected", "connect it"), optional=True)
    monkeypatch.setattr(tools.bootstrap, "ALL", [off])
    monkeypatch.setattr(tools.bootstrap, "of_this_repository", lambda _: [])
    assert bootstrap(project) == 0
    assert capsys.readouterr().out.startswith(
        "? Alarm (skipped): not connected\n    connect it\n\nReady. Start a run, and watch it here"
    )
    monkeypatch.setattr(tools.bootstrap, "other_branch", lambda _: "main is the deployed branch")
    assert bootstrap(project) == 0
    assert "\nReady. Start a run of main, and watch it here" in capsys.readouterr().out


def test_a_file_with_conflict_markers_is_not_pushed(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    commit(project.root)
    append(project.root / "README.md", "<<<<<<< before updating\n=======\n>>>>>>> after updating\n")
    steps = [each for each in tools.bootstrap.ALL if each.name in ("Conflicts", "Commit")]
    monkeypatch.setattr(tools.bootstrap, "ALL", steps)
    assert bootstrap(project) == 1
    said = capsys.readouterr().out
    assert said.startswith(
        "✗ Conflicts (action needed): README.md has conflict markers\n    keep the"
    )
    assert "fix Conflicts first\n" in said
    assert "Conflicts" in [check.name for check in tools.doctor.CHECKS]
    (found,) = examine(Check("Commit", check_commit), project)
    assert (found.status, found.remedy) == ("skipped", "fix Conflicts first")


def test_a_warning_stops_no_step(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    step = Step("it", lambda _: warning("it is odd", "look at it"), lambda _: None)
    assert take(step, project, set()) == ("already there", [warning("it is odd", "look at it")])
    monkeypatch.setattr(tools.bootstrap, "ALL", [step])
    monkeypatch.setattr(tools.bootstrap, "of_this_repository", lambda _: [])
    assert bootstrap(project) == 0
    assert "! it (already there): it is odd\n    look at it\n" in capsys.readouterr().out


def test_a_file_that_would_not_run_is_not_deployed(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(project.root / "prefect.yaml", "flow1:main", "flow1:mian")
    edit(project.root / "prefect.yaml", r" +paused: false\n", "")
    deployed = Switch(right=False)
    last = Step("Deployment", deployed.check, deployed.fix, after=("prefect.yaml",))
    monkeypatch.setattr(tools.bootstrap, "ALL", [tools.bootstrap.ALL[1], last])
    assert bootstrap(project) == 1
    said = capsys.readouterr().out
    assert "flow1:mian, which does not exist" in said
    assert "does not say whether it is paused" in said
    assert "Deployment (action needed): it is off\n    fix prefect.yaml first\n" in said
    assert deployed.fixed == 0


@pytest.mark.parametrize(
    ("key", "said"),
    [("", "no API key is set. set PREFECT_API_KEY, from https://app.prefect.cloud/my/api-keys"),
     ("old", "http://127.0.0.1:9/api refuses the key. set PREFECT_API_KEY to a new one from https")],
)  # fmt: skip
def test_a_key_that_is_not_set_is_not_called_refused(
    project: Project, monkeypatch: pytest.MonkeyPatch, key: str, said: str
) -> None:
    def refuse(limit: int) -> None:
        raise answer(401)

    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    monkeypatch.setenv("PREFECT_API_KEY", key)
    project.workspace.client = SimpleNamespace(read_work_pools=refuse)  # type: ignore[assignment]
    (found,) = examine(Check("Prefect", check_prefect), project)
    assert f"{found.text}. {found.remedy}".startswith(said)


def test_the_last_line_counts_what_was_skipped_and_why() -> None:
    report = [
        ("a", passed("")),
        ("b", skipped("no uv")),
        ("c", skipped("no uv")),
        ("d", failed("")),
    ]
    assert summary(report) == "2 skipped, 1 passed, 1 failed. Skipped because: no uv (2)"
    odd = [("e", warning("", ""))]
    assert summary(odd) == "1 warning"
    assert summary(odd * 2) == "2 warnings"


@pytest.mark.parametrize(("status", "code"), [("skipped", 1), ("failed", 1), ("passed", 0)])
def test_what_is_not_known_of_prefect_is_not_success(
    project: Project, monkeypatch: pytest.MonkeyPatch, status: Status, code: int
) -> None:
    report = [("uv", skipped("no uv")), ("Prefect", Finding(status, "it"))]
    monkeypatch.setattr(tools.doctor, "diagnose", lambda _: report)
    assert doctor(project, as_json=True) == code


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, EOFError])
def test_an_interrupt_at_any_time_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    interrupt: type[BaseException],
) -> None:
    def imports(*_: object) -> None:
        raise interrupt

    monkeypatch.setattr(tools.__main__, "run", imports)
    monkeypatch.setattr(sys, "argv", ["tools", "doctor"])
    assert tools.__main__.main() == 130
    assert "Interrupted. Run it again to continue." in capsys.readouterr().out


def test_a_server_that_does_not_answer_is_waited_for_once(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        monkeypatch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{port}/api")
        monkeypatch.setenv("PREFECT_CLIENT_MAX_RETRIES", "0")
        monkeypatch.setattr(workspace, "SECONDS", 0.2)
        checks = [check_prefect, check_blocks, check_orphaned]
        found = [examine(Check("it", check), project) for check in checks]
        asked = 0
        silent.settimeout(0)
        with contextlib.suppress(BlockingIOError):
            while silent.accept():
                asked += 1
    assert found == [[skipped("Prefect cannot be reached: ReadTimeout")]] * 3
    assert asked == 1
