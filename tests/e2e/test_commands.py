"""A rendered project's own commands do what its README says, for real."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pexpect
import pytest

from scripts.recording import CLEAR
from tests.conftest import Renderer
from tests.e2e.conftest import Make
from tests.stand_ins.http_edge import Answer, Request, listen
from tests.stand_ins.project import Done, make
from tests.support.changes import append, edit
from tests.support.copier import TUTORIAL, URL, copier, data, published
from tests.support.environment import UV_CACHE, clean_environment
from tests.support.git import commit, git
from tests.support.prefect_server import PrefectServer
from tests.support.questionnaire import answers, questions
from tests.support.releases import TODAY, publish
from tests.support.repository import ROOT

pytestmark = pytest.mark.e2e
Update = Callable[..., Done]


@pytest.fixture
def project(render: Renderer, newest_python: tuple[str, str], tmp_path: Path) -> Path:
    """The tutorial's project on that Python, for one test alone."""
    rendered = render(python_version=newest_python[0])
    return shutil.copytree(rendered, tmp_path / "project")


def test_make_alone_lists_the_commands(project: Path, run_make: Make) -> None:
    listed = run_make(project).stdout
    for command in ("setup", "run", "flow", "test", "lint", "prefect-deploy", "update"):
        assert f"  make {command} " in listed


def test_targets_and_the_flow_of_the_owner_go_to_project_mk(project: Path, run_make: Make) -> None:
    append(
        project / "project.mk",
        "FLOW := acme.flows.report\n\nhello: ## Greet\n\t@echo 'Hello from $(FLOW)'\n",
    )
    listed = run_make(project).stdout.splitlines()
    assert ["make", "hello", "Greet"] in [line.split() for line in listed]
    assert run_make(project, "hello").stdout == "Hello from acme.flows.report\n"
    # Typed values override those in the files.
    for typed, runs in ([], "acme.flows.report"), (["DEPLOYMENT=nightly"], "nightly"):
        shown = run_make(project, "run", "UV=true", "TOOLS=@echo $$ASKED #", *typed).stdout
        assert shown.splitlines()[-1] == runs


def test_it_sets_itself_up_and_runs_away_from_the_workspace_that_is_logged_in(
    project: Path, run_make: Make, in_common: dict[str, str], tmp_path: Path
) -> None:
    # No server listens there: any request would fail.
    elsewhere = "http://127.0.0.1:9/api"
    home = tmp_path / "prefect"
    home.mkdir()
    (home / "profiles.toml").write_text(
        f'active = "cloud"\n[profiles.cloud]\nPREFECT_API_URL = "{elsewhere}"\n'
    )
    (project / ".env").write_text(f"PREFECT_API_URL={elsewhere}\n")
    commit(project)
    environment = {"PREFECT_HOME": str(home), "PREFECT_API_URL": elsewhere}
    done = run_make(project, "setup", "run", **in_common, **environment)
    assert done.returncode == 0, done.stdout
    assert "Hello world from Prefect! 🤗" in done.stdout
    assert "Finished in state Completed()" in done.stdout
    assert "Traceback" not in done.stdout
    assert elsewhere not in done.stdout
    # Git ignores all files of the commands except the lock file.
    assert git(project, "status", "--porcelain") == "?? uv.lock"


(SAVE,) = re.findall(r"`(Secret\(value=[^`]+)`", (ROOT / "docs/resources.md").read_text())
MODULES = {
    "test_early.py": """from prefect.blocks.system import Secret

try:
    Secret.load("warehouse")
    found = "it"
except Exception as error:
    found = type(error).__name__


def test_what_is_asked_too_early_reaches_nobody() -> None:
    assert found == "ConnectError"
""",
    "test_programs.py": """import subprocess
import sys

from prefect.settings import PREFECT_API_URL

CODE = "from prefect.settings import PREFECT_API_URL as url; print(url.value())"


def test_a_program_talks_to_the_same_server() -> None:
    said = subprocess.check_output([sys.executable, "-c", CODE], text=True)
    assert said.strip() == PREFECT_API_URL.value()
    print("server", PREFECT_API_URL.value())
""",
    "test_secret.py": f"""from prefect.blocks.system import Secret


def test_a_block_can_be_saved_as_the_page_says() -> None:
    {SAVE}
    assert Secret.load("warehouse").get() == "x"
""",
    "test_workspace.py": """from prefect.context import use_profile
from prefect.settings import PREFECT_API_URL


def test_only_who_asks_gets_the_workspace() -> None:
    print("server", PREFECT_API_URL.value())
    with use_profile("cloud", override_environment_variables=True):
        assert PREFECT_API_URL.value().endswith("/workspace")
""",
}


@pytest.mark.long
def test_tests_share_one_server_and_send_nothing_to_the_workspace(
    project: Path, run_make: Make, in_common: dict[str, str], tmp_path: Path
) -> None:
    for name, module in MODULES.items():
        (project / "tests" / name).write_text(module)
    (home := tmp_path / "prefect").mkdir()
    asked: list[str] = []

    def workspace(request: Request) -> Answer:
        asked.append(request.path)
        return Answer(404)

    with listen(workspace) as address:
        url = f"{address}/workspace"
        (home / "profiles.toml").write_text(
            f'active = "cloud"\n[profiles.cloud]\nPREFECT_API_URL = "{url}"\n'
            'PREFECT_API_KEY = "pnu_profile"\n'
        )
        (project / ".env").write_text(f"PREFECT_API_URL={url}\nPREFECT_API_KEY=pnu_file\n")
        append(project / "pyproject.toml", f'\n[tool.prefect.api]\nurl = "{url}"\n')
        login = {"PREFECT_HOME": str(home), "PREFECT_API_URL": url, "PREFECT_API_KEY": "pnu_shell"}
        done = run_make(project, "test", PYTEST_ADDOPTS="-s", **login, **in_common)
    assert done.returncode == 0, done.stdout
    assert "7 passed" in done.stdout
    assert asked == []
    first, second = (line for line in done.stdout.splitlines() if "server http://" in line)
    assert first.split()[-1] == second.split()[-1]
    assert done.stdout.count("Starting temporary server") == 1

    # It also passes without any test, which is pytest's exit code 5.
    for code in (5, 1):
        pytest_ends = ["--old-file=setup", f"UV=sh -c 'exit {code}'"]
        assert (run_make(project, "test", *pytest_ends).returncode == 0) is (code == 5)


ODD = 'it\'s "$HOME" `x` $(FLOW) \\ # 🤗'
REPORT = """from prefect import flow
from prefect.blocks.system import Secret


@flow(log_prints=True)
async def report(day: str, note: str) -> None:
    print(day, note, (await Secret.aload("warehouse")).get())


@flow
def broken() -> None:
    raise ValueError("it is broken")
"""
DEPLOYMENT = """
  - name: daily report
    entrypoint: src/prefect_modal/flows/report.py:report
    parameters: {day: 2026-11-25, note: none}
"""


def test_a_flow_runs_in_the_workspace_where_its_blocks_are(
    project: Path, run_make: Make, in_common: dict[str, str], prefect_server: PrefectServer
) -> None:
    (project / "src/prefect_modal/flows/report.py").write_text(REPORT)
    append(project / "prefect.yaml", DEPLOYMENT)
    login = prefect_server.environment()
    save = "from prefect.blocks.system import Secret; Secret(value='hidden').save('warehouse', overwrite=True)"
    subprocess.run([sys.executable, "-c", save], env=login, check=True)
    params = f"PARAMS={json.dumps({'note': ODD}, ensure_ascii=False)}"
    typed = ["run", "WORKSPACE=1", "DEPLOYMENT=daily report", params]
    done = run_make(project, *typed, env=login, **in_common)
    assert done.returncode == 0, done.stdout
    assert f" - 2026-11-25 {ODD} hidden\n" in done.stdout
    assert "Starting" not in done.stdout

    flow = "FLOW=prefect_modal.flows.report:broken"
    done = run_make(project, "run", "WORKSPACE=1", flow, env=login, **in_common)
    assert done.returncode != 0
    assert done.stdout.count("Traceback") == 1
    assert "ValueError: it is broken" in done.stdout
    assert "tools/" not in done.stdout


def test_the_ui_shows_the_run_until_it_is_interrupted(
    project: Path, in_common: dict[str, str], run_make: Make, tmp_path: Path
) -> None:
    assert run_make(project, "setup", **in_common).returncode == 0
    (scratch := tmp_path / "scratch").mkdir()
    python = Path(in_common["UV_PROJECT_ENVIRONMENT"]) / "bin/python"
    # Not through make, which counts an interrupt as a failure.
    terminal = pexpect.spawn(
        str(python), ["-m", "tools", "run", "--ui"], cwd=str(project), timeout=120, encoding="utf-8",
        env=clean_environment(PREFECT_HOME=str(tmp_path / "prefect"), TMPDIR=str(scratch)),
        dimensions=(24, 200),
    )  # fmt: skip
    terminal.expect(r"The run: ((http://127\.0\.0\.1:\d+)/runs/flow-run/(\S+))")
    assert isinstance(terminal.match, re.Match)
    page, server, run = terminal.match.groups()
    assert httpx.get(f"{server}/api/flow_runs/{run}").json()["state"]["type"] == "COMPLETED"
    assert "<html" in httpx.get(page, headers={"Accept": "text/html"}).text
    assert httpx.get(f"{server}/ui-settings").json()["api_url"] == f"{server}/api"
    terminal.sendintr()
    terminal.expect(pexpect.EOF)
    terminal.close(force=True)
    assert terminal.exitstatus == 0, terminal.before
    with pytest.raises(httpx.ConnectError):
        httpx.get(server)
    assert not list(scratch.glob("prefect-*"))


@pytest.fixture
def path_without_uv(tmp_path: Path, newest_python: tuple[str, str]) -> str:
    """The search path of a machine that has never seen uv."""
    (tools := tmp_path / "tools").mkdir()
    # Parts of git and what uv installs are shell scripts, which need the small ones.
    small = ["awk", "basename", "dirname", "echo", "realpath", "sed", "uname"]
    for tool in ["git", "make", "sh", *small]:
        (tools / tool).symlink_to(shutil.which(tool) or tool)
    # Not a link, through which a relocated Python does not find its library.
    (tools / "python3").write_text(f'#!/bin/sh\nexec {newest_python[1]} "$@"\n')
    (tools / "python3").chmod(0o755)
    return str(tools)


def test_setup_brings_its_own_uv_where_there_is_none(
    project: Path, run_make: Make, path_without_uv: str
) -> None:
    done = run_make(project, "setup", PATH=path_without_uv)
    assert done.returncode == 0, done.stdout
    assert f'export PATH="{project}/.uv/bin:$PATH"' in done.stdout
    assert (project / "uv.lock").exists()
    assert os.access(project / ".uv/bin/uv", os.X_OK)


@pytest.fixture
def in_common(newest_python: tuple[str, str], environments: Path) -> dict[str, str]:
    """Settings that let a project share its environment with others."""
    version, path = newest_python
    return {"UV_PYTHON": path, "UV_PROJECT_ENVIRONMENT": str(environments / version)}


def test_nothing_is_deployed_where_nobody_is_logged_in(
    project: Path, run_make: Make, in_common: dict[str, str], tmp_path: Path
) -> None:
    done = run_make(project, "prefect-deploy", PREFECT_HOME=str(tmp_path / "new"), **in_common)
    assert done.returncode != 0
    assert "uv run prefect cloud login" in done.stdout
    assert not list(tmp_path.glob("new/*.db"))


def test_a_missing_or_stale_lock_file_stops_ci_and_deploy(
    project: Path, run_make: Make, in_common: dict[str, str]
) -> None:
    locked = {"UV_LOCKED": "1", **in_common}
    for target in ("prefect-deploy", "lint", "test"):
        done = run_make(project, target, **locked)
        assert done.returncode != 0
        assert "Unable to find lockfile" in done.stdout
    assert run_make(project, "uv.lock", **in_common).returncode == 0
    edit(project / "pyproject.toml", r"fastapi<[\d.]+", "fastapi<0.150")
    for target in ("prefect-deploy", "lint", "test"):
        done = run_make(project, target, **locked)
        assert done.returncode != 0
        assert "The lockfile at `uv.lock` needs to be updated" in done.stdout


def test_the_oddest_names_are_deployed_as_they_are(
    prefect_server: PrefectServer,
    render: Renderer,
    run_make: Make,
    newest_python: tuple[str, str],
    in_common: dict[str, str],
) -> None:
    pool, branch = 'it\'s "$HOME" `x` \\ {z}: 😀', 'it\'s-"$HOME"-`x`+{z}/😀'
    rendered = render(
        repo_url="acme/.Odd_Name--", project_name="acme-.Odd_Name--", package_name="odd__name_",
        work_pool=pool, branch=branch, pin_commit=False,
        schedule="*/7 3 L * *", timezone="Asia/Kolkata", python_version=newest_python[0],
    )  # fmt: skip
    assert prefect_server.create_push_pool(pool).is_success
    commit(rendered)
    git(rendered, "branch", "--move", branch)
    env = prefect_server.environment()
    done = run_make(rendered, "prefect-deploy", env=env, **in_common)
    assert done.returncode == 0, done.stdout
    deployment = prefect_server.deployment("acme-.Odd_Name---example")
    assert deployment["work_pool_name"] == pool
    assert deployment["entrypoint"] == "odd__name_.flows.flow1:main"
    assert deployment["pull_steps"][0]["prefect.deployments.steps.git_clone"] == {
        "id": "clone-step",
        "repository": "https://github.com/acme/.Odd_Name--",
        "branch": branch,
        "credentials": "{{ prefect.blocks.github-credentials.acme-odd-name }}",
    }
    (schedule,) = deployment["schedules"]
    assert schedule["schedule"]["cron"] == "*/7 3 L * *"
    assert schedule["schedule"]["timezone"] == "Asia/Kolkata"
    assert schedule["active"] is True


@pytest.fixture(scope="session")
def template_with_a_newer_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template as it is, and a newer release that moves a bound."""
    folder = publish(tmp_path_factory.mktemp("newer") / "template")
    edit(folder / "template/pyproject.toml.jinja", r"fastapi<[\d.]+", "fastapi<0.150")
    changelog = (folder / "CHANGELOG.md").read_text()
    new = f"## v1001.0.0\n\n- A bound.\n\n## {TODAY}\n\n- Today.\n\n"
    (folder / "CHANGELOG.md").write_text(changelog.replace("## ", f"{new}## ", 1))
    commit(folder, tag="v1001.0.0")
    return folder


@pytest.fixture(scope="session")
def project_before(
    template_with_a_newer_release: Path,
    newest_python: tuple[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A project of the release before the newest, locked and committed."""
    env = published(template_with_a_newer_release, UV_PYTHON=newest_python[1])
    project = tmp_path_factory.mktemp("before") / "project"
    answers = [*data(TUTORIAL | {"python_version": newest_python[0]}), "--vcs-ref", TODAY]
    done = copier("copy", "--quiet", "--defaults", *answers, URL, str(project), env=env)
    assert done.returncode == 0, done.stderr
    assert make(project, "uv.lock", env=env).returncode == 0
    commit(project)
    return project


@pytest.fixture
def old_project(project_before: Path, tmp_path: Path) -> Path:
    """Such a project, for one test alone."""
    return shutil.copytree(project_before, tmp_path / "project")


@pytest.fixture
def make_update(
    template_with_a_newer_release: Path, run_make: Make, newest_python: tuple[str, str]
) -> Update:
    """Run `make update` where the template's newer release can be reached."""
    env = published(template_with_a_newer_release, UV_PYTHON=newest_python[1])
    return lambda project, **extra: run_make(project, "update", env=env | extra)


def test_an_update_stops_before_anything_changes_where_work_is_not_committed(
    old_project: Path, make_update: Update
) -> None:
    append(old_project / "README.md", "Not committed.\n")
    before = git(old_project, "diff")
    done = make_update(old_project)
    assert done.returncode != 0
    assert done.stdout.startswith("Commit or stash your changes first: git status\n")
    assert git(old_project, "diff") == before


def test_an_update_shows_what_is_new_and_what_to_read_first_and_runs_none_of_it(
    old_project: Path, make_update: Update, path_without_uv: str
) -> None:
    locked = (old_project / "uv.lock").read_bytes()
    done = make_update(old_project, PATH=path_without_uv)
    assert done.returncode == 0, done.stdout
    assert done.stdout == (
        "From v1000.0.0 to v1001.0.0.\n\n"
        "## v1001.0.0\n\n- A bound.\n\n"
        "Read these files first. GitHub, containers, make or other programs run them:\n\n"
        "  M pyproject.toml\n\n"
        "The other files:\n\n"
        "  M .copier-answers.yml\n\n"
        "Review it (git status, git diff), run make setup lint check test, and commit.\n"
    )
    changed = git(old_project, "diff", "--name-only").splitlines()
    assert changed == [".copier-answers.yml", "pyproject.toml"]
    # The owner's next step, after the review, is to lock.
    assert (old_project / "uv.lock").read_bytes() == locked
    commit(old_project)

    done = make_update(old_project)
    assert done.returncode == 0, done.stdout
    assert done.stdout == "Nothing to do: v1001.0.0 is the newest release of the template.\n"
    assert git(old_project, "status", "--porcelain") == ""


def test_an_update_asks_what_is_new_and_nothing_else(
    template_with_a_newer_release: Path,
    old_project: Path,
    newest_python: tuple[str, str],
    tmp_path: Path,
) -> None:
    template = shutil.copytree(template_with_a_newer_release, tmp_path / "asking")
    append(template / "copier.yml", "\nteam:\n  type: str\n  help: Whose flows?\n  default: all\n")
    edit(template / "extensions/data_names.jinja", r"'updates',", "'updates', 'team',")
    commit(template, tag="v1002.0.0")
    before = answers(old_project)
    old = [question["help"] for question in questions(asked=True).values()]
    env = published(
        template, UV_PYTHON=newest_python[1], UV_CACHE_DIR=str(UV_CACHE), HOME=str(tmp_path)
    )
    terminal = pexpect.spawn(
        "make", ["update"], cwd=str(old_project), env=env, timeout=300, encoding="utf-8",
        dimensions=(24, 200),
    )  # fmt: skip
    assert terminal.expect_exact(["Whose flows?", *old]) == 0
    terminal.send(f"{CLEAR}data\r")
    assert terminal.expect_exact([pexpect.EOF, *old]) == 0
    terminal.close(force=True)
    assert terminal.exitstatus == 0, terminal.before
    assert answers(old_project) == before | {"team": "data"}


def test_an_update_that_cannot_be_merged_names_the_files_and_what_comes_next(
    old_project: Path, make_update: Update
) -> None:
    edit(old_project / "pyproject.toml", r"fastapi<[\d.]+", "fastapi<0.149")
    commit(old_project)
    done = make_update(old_project)
    assert done.returncode != 0
    assert (
        "Your changes conflict with the template's in these files:\n  pyproject.toml\n"
        in done.stdout
    )
    # As after a merge by git itself.
    assert git(old_project, "diff", "--name-only", "--diff-filter=U") == "pyproject.toml"
    assert "fastapi<0.149" in git(old_project, "show", ":2:pyproject.toml")
    assert "To take the template's version instead: git checkout --theirs FILE" in done.stdout
    git(old_project, "checkout", "--theirs", "pyproject.toml")
    git(old_project, "add", "pyproject.toml")
    assert '"fastapi<0.150"' in (old_project / "pyproject.toml").read_text()
    assert "<<<<" not in (old_project / "pyproject.toml").read_text()


def test_tools_in_conflict_say_how_to_take_the_templates_version(old_project: Path) -> None:
    append(old_project / "tools/doctor.py", "<<<<<<< before updating\n")
    done = subprocess.run(
        [sys.executable, "-m", "tools", "doctor"],
        check=False, cwd=old_project, env=clean_environment(), capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    *_, last = done.stdout.splitlines()
    assert last == (
        "tools/doctor.py: invalid syntax. To take the template's version: "
        "git checkout --theirs tools/doctor.py"
    )


HOSTILE = "[core]\n\tfsmonitor = touch {}; false\n"


def test_a_hostile_release_runs_nothing_and_changes_nothing(
    template_with_a_newer_release: Path,
    old_project: Path,
    run_make: Make,
    newest_python: tuple[str, str],
    tmp_path: Path,
) -> None:
    """Its file names lead into git's folder, where Copier's own git would start a program."""
    template = shutil.copytree(template_with_a_newer_release, tmp_path / "hostile")
    (folder := template / "template/{{ '.g' ~ 'it' }}").mkdir()
    (folder / "config").write_text(HOSTILE.format(tmp_path / "has-run"))
    commit(template, tag="v1002.0.0")
    before = (old_project / ".git/config").read_bytes()
    env = published(template, UV_PYTHON=newest_python[1])
    done = run_make(old_project, "update", env=env)
    assert done.returncode != 0
    assert "this release of the template writes to " in done.stdout
    assert not (tmp_path / "has-run").exists()
    assert git(old_project, "status", "--porcelain") == ""
    assert (old_project / ".git/config").read_bytes() == before


def test_an_update_of_what_is_no_repository_says_what_to_do(
    old_project: Path, make_update: Update
) -> None:
    shutil.rmtree(old_project / ".git")
    done = make_update(old_project)
    assert done.returncode != 0
    assert done.stdout.startswith("This folder is not a git repository, which an update needs")
    assert "Traceback" not in done.stdout


def test_an_update_without_answers_says_where_the_way_back_is(
    old_project: Path, make_update: Update
) -> None:
    (old_project / ".copier-answers.yml").unlink()
    commit(old_project)
    done = make_update(old_project)
    assert done.returncode != 0
    assert done.stdout.startswith(".copier-answers.yml is missing, so it is unknown which template")
