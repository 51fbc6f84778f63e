"""`make check` and `make rehearse` show whether a commit would run, without any account."""

import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.context import refresh_global_settings_context
from tools.base.finding import failed
from tools.base.project import Project
from tools.base.stop import CheckSkipped
from tools.check import check
from tools.checks.imports import check_imports
from tools.checks.machine import check_lock_file

from tests.conftest import Renderer
from tests.stand_ins.http_edge import Answer, Request, listen
from tests.stand_ins.project import make
from tests.support.changes import edit
from tests.support.environment import clean_environment
from tests.support.forked import forks
from tests.support.git import commit, git
from tests.support.pythons import interpreters

pytestmark = pytest.mark.e2e

HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"
FLOW = "from prefect import flow\n\n{}\n\n@flow\ndef main(day: str, count: int = 1) -> None: ...\n"
FOUND = """
Keys | failed | {first}: Prefect does not know descripton | see https://docs.prefect.io/v3/how-to-guides/deployments/prefect-yaml
Names | failed | main/twice is defined more than once, and the last one overwrites the others | give each of them its own name
Flows | failed | misspelt: ours.misspelt:main has no parameter cuont | use one of count, day
Flows | failed | missing: its scheduled runs lack the parameter day | add it under parameters, or give it a default
Flows | failed | task runs ours.flows.flow1:do_print, which is a task | correct its entrypoint: MODULE:FUNCTION
Job variables | failed | variable: pref-modal-pool has no variable cpus | use one of command, cpu, env, gpu, image, memory, modal_credentials, pip_packages, secrets, timeout
Imports | warning | asks: ours/asks.py:4 calls a server at import, which cannot be tested here | call it inside the flow
Imports | failed | dev-only: ours/dev_only.py:3 imports pytest, which containers do not install | uv add pytest
Imports | failed | environment: ours/environment.py:4 needs KEY in the environment at import | set KEY under env in job_variables, or read it inside the flow
Imports | failed | made: ours.made:taken has no parameter dya | use one of day
Imports | failed | raises: ours/raises.py:3 cannot be imported: RuntimeError: no | fix it, then run make test
Imports | failed | unpackaged: ours/unpackaged.py:4 opens /usr/local/lib/python{python}/data.csv, which containers do not have | move it into the package, and open it with importlib.resources
Imports | failed | a-file: src/ours/a_file.py:4 needs KEY in the environment at import | set KEY under env in job_variables, or read it inside the flow
Deploy | failed | type: Prefect refuses to deploy it: count: [1] is not of type 'integer' | correct it in prefect.yaml
Deploy | warning | cloud: SLA configuration is currently only supported on Prefect Cloud, which this check does not use | make prefect-deploy shows whether it works
"""
DEPLOYMENT = """
  - name: {name}
    entrypoint: {entrypoint}
    paused: false
    tags: [acme-flows]
    parameters: {parameters}
    work_pool: *modal
"""


@pytest.fixture(scope="module")
def committed(render: Renderer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project for this process's Python, with a lock file and a commit."""
    rendered = render(repo_url="acme/flows", package_name="ours", python_version=HERE)
    folder = shutil.copytree(rendered, tmp_path_factory.mktemp("checked") / "project")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert os.spawnlp(os.P_WAIT, "uv", "uv", "lock", "--quiet") == 0
    commit(folder)
    return folder


@pytest.fixture
def project(committed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An importable copy of it, on a machine without any login."""
    for name, value in clean_environment(PYTHONPATH="src", UV_PYTHON=interpreters()[HERE]).items():
        monkeypatch.setenv(name, value)
    yield shutil.copytree(committed, tmp_path / "project")
    monkeypatch.undo()
    refresh_global_settings_context()


def add(
    project: Path, name: str, flow: str = "", entrypoint: str = "", parameters: str = ""
) -> None:
    """Add a deployment, and a module with this code before its flow."""
    module = name.replace("-", "_")
    (project / f"src/ours/{module}.py").write_text(FLOW.format(flow))
    text = DEPLOYMENT.format(
        name=name,
        entrypoint=entrypoint or f"ours.{module}:main",
        parameters=parameters or "{day: today}",
    )
    with (project / "prefect.yaml").open("a") as file:
        file.write(text)


def found(project: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    """The exit code of `make check`, and each row that has not passed."""
    with forks():
        code = check(project, as_json=True)
    rows = json.loads(capsys.readouterr().out)
    return code, [" | ".join(row.values()) for row in rows if row["status"] != "passed"]


def test_a_fresh_project_passes_and_nobody_is_asked(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = git(project, "rev-parse", "HEAD")
    asked: list[Request] = []

    def answer(request: Request) -> Answer:
        asked.append(request)
        return Answer(500)

    with listen(answer) as address:
        monkeypatch.setenv("PREFECT_API_URL", f"{address}/api")
        monkeypatch.setenv("PREFECT_API_KEY", "a-key")
        refresh_global_settings_context()
        assert found(project, capsys) == (0, [])
    assert asked == []
    assert git(project, "rev-parse", "HEAD") == before
    assert git(project, "status", "--porcelain") == ""


def test_each_fault_is_found_at_once(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "data.csv").write_text("1")
    edit(project / "prefect.yaml", "description:", "descripton:")
    add(project, "variable")
    edit(project / "prefect.yaml", r"\*modal\n\Z", "\n      <<: *modal\n      job_variables:\n"
         "        {<<: *job_variables, cpus: 1}\n")  # fmt: skip
    add(project, "type", parameters="{day: today, count: [1]}")
    add(project, "misspelt", parameters="{day: today, cuont: 1}")
    add(project, "missing", parameters="{}")
    edit(project / "prefect.yaml", r"(\n    parameters: {}\n)",
         r"\1    schedules: [{slug: a, cron: 0 6 * * *, timezone: UTC}]\n")  # fmt: skip
    add(project, "task", entrypoint="ours.flows.flow1:do_print")
    add(project, "dev-only", "import pytest")
    read = "from pathlib import Path\nDATA = Path(__file__).parents[{}].joinpath('data.csv').read_text()"
    add(project, "unpackaged", read.format(2))
    add(project, "environment", 'import os\nKEY = os.environ["KEY"]')
    add(project, "a-file", 'import os\nKEY = os.environ["KEY"]', "src/ours/a_file.py:main")
    add(project, "raises", "raise RuntimeError('no')")
    add(project, "asks", "from prefect.blocks.system import Secret\nKEY = Secret.load('key')")
    add(project, "made", "def taken(day: str): ...\ntaken = flow(taken)", "ours.made:taken",
        "{dya: today}")  # fmt: skip
    add(
        project,
        "cloud",
        parameters="{day: today}\n    sla: [{name: late, severity: high, duration: 10}]",
    )
    for _ in range(2):
        add(project, "twice")
    # Correct: a container starts in its clone of the repository and has its files.
    add(project, "clone", "from pathlib import Path\nDATA = Path('data.csv').read_text()")
    assert found(project, capsys) == (
        1,
        FOUND.format(python=HERE, first="acme-flows-example").strip().splitlines(),
    )


def test_a_stale_lock_file_is_found_and_left_alone(project: Path) -> None:
    edit(
        project / "pyproject.toml",
        r'dependencies = \["prefect"\]',
        'dependencies = ["prefect", "rich"]',
    )
    before = (project / "uv.lock").read_bytes()
    stale = Project(project)
    assert check_lock_file(stale) == failed("it does not match pyproject.toml", "uv lock")
    with pytest.raises(CheckSkipped, match="uv cannot install the project: error: The lockfile"):
        check_imports(stale)
    assert (project / "uv.lock").read_bytes() == before


def test_a_rehearsal_runs_what_is_here_as_a_container_would(
    project: Path,
) -> None:
    edit(project / "src/ours/flows/flow1.py", "Hello", "Good morning,")
    with forks():
        done = make(project, "rehearse", """PARAMS={"name": "it's me"}""", env=dict(os.environ))
    assert done.returncode == 0, done.stdout
    assert ", with uncommitted changes …" in done.stdout
    assert "Not emulated here: the image docker.io/prefecthq/prefect:" in done.stdout
    assert "Executing deployment step: git_clone" in done.stdout
    assert "Good morning, it's me from Prefect!" in done.stdout
    assert "✓ acme-flows-example: Completed" in done.stdout
    assert "rehearsal-" not in done.stdout
    assert git(project, "status", "--porcelain") == "M src/ours/flows/flow1.py"
