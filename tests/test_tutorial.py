"""The tutorial's answers result in the tutorial's project, row by row, corrected for today."""

import ast
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.documents import BY_HAND
from tests.support.repository import tree

Parsed = dict[Any, Any]


@pytest.fixture(scope="session")
def prefect_yaml(tutorial: Path) -> Parsed:
    content: Parsed = yaml.safe_load((tutorial / "prefect.yaml").read_text())
    return content


@pytest.fixture(scope="session")
def deployment(prefect_yaml: Parsed) -> dict[str, Any]:
    only: dict[str, Any]
    (only,) = prefect_yaml["deployments"]
    return only


@pytest.fixture(scope="session")
def pyproject(tutorial: Path) -> Parsed:
    return tomllib.loads((tutorial / "pyproject.toml").read_text())


@pytest.fixture(scope="session")
def deploy(tutorial: Path) -> Parsed:
    file = tutorial / ".github/workflows/prefect_cd.yaml"
    content: Parsed = yaml.safe_load(file.read_text())
    return content


def test_it_has_the_tutorials_files_and_no_more_than_it_needs(tutorial: Path) -> None:
    names = {re.sub("^tools/.*", "tools/", name) for name in tree(tutorial)}
    assert sorted(names) == [
        ".copier-answers.yml",
        ".gitattributes",
        ".github/dependabot.yml",
        ".github/workflows/ci.yaml",
        ".github/workflows/prefect_cd.yaml",
        ".github/workflows/template_update.yaml",
        ".gitignore",
        ".python-version",
        "AGENTS.md",
        "CLAUDE.md",
        "Makefile",
        "README.md",
        "prefect.yaml",
        "pyproject.toml",
        "src/prefect_modal/__init__.py",
        "src/prefect_modal/flows/__init__.py",
        "src/prefect_modal/flows/flow1.py",
        "src/prefect_modal/py.typed",
        "tests/conftest.py",
        "tests/test_deployments.py",
        "tests/test_flow1.py",
        "tools/",
    ]


def test_the_package_is_called_prefect_modal_and_runs_on_python_3_12(
    tutorial: Path, pyproject: Parsed
) -> None:
    assert pyproject["project"]["name"] == "prefect-modal"
    assert pyproject["tool"]["uv"]["build-backend"]["module-name"] == "prefect_modal"
    assert pyproject["project"]["requires-python"] == ">=3.12"
    assert (tutorial / ".python-version").read_text() == "3.12\n"


def test_containers_install_prefect_and_nothing_of_the_deploying_machine(
    pyproject: Parsed,
) -> None:
    assert pyproject["project"]["dependencies"] == ["prefect"]
    groups = pyproject["dependency-groups"]
    assert groups == {"setup": ["modal", "prefect-github"], "dev": ["pytest", "ruff"]}
    assert pyproject["build-system"]["build-backend"] == "uv_build"


def test_a_container_clones_the_private_repository_with_the_blocks_token(
    prefect_yaml: Parsed,
) -> None:
    assert prefect_yaml["name"] == "prefect-modal"
    clone = prefect_yaml["pull"][0]["prefect.deployments.steps.git_clone"]
    assert clone == {
        "id": "clone-step",
        "repository": "https://github.com/Ben-Epstein/prefect-modal",
        "branch": "main",
        "credentials": "{{ prefect.blocks.github-credentials.ben-epstein-prefect-modal }}",
    }


def test_a_container_has_uv_and_installs_from_the_lock_file(prefect_yaml: Parsed) -> None:
    (step,) = prefect_yaml["pull"][1:]
    install = step["prefect.deployments.steps.run_shell_script"]
    assert install["directory"] == "{{ clone-step.directory }}"
    assert "\n" not in install["script"]
    assert "command -v uv || pip install uv || " in install["script"]
    assert 'test "$UV_PROJECT_ENVIRONMENT" ||' in install["script"]
    # Another departure: a run executes the deployed commit.
    assert " commit={{ commit.stdout }}; " in install["script"]
    options = "--locked --inexact --no-default-groups --no-editable --no-python-downloads"
    assert install["script"].endswith(f"uv sync {options} '")


def test_the_deployment_names_its_flow_as_a_module(deployment: Parsed) -> None:
    assert deployment["name"] == "Ben-Epstein-prefect-modal-example"
    assert deployment["entrypoint"] == "prefect_modal.flows.flow1:main"
    assert deployment["description"] == "Runs on Modal every day at 12:00, New York time"


def test_alarms_know_the_deployment_by_the_projects_name(deployment: dict[str, Any]) -> None:
    assert deployment["tags"] == ["Ben-Epstein-prefect-modal"]


def test_the_example_ends_before_modal_stops_its_container(
    tutorial: Path, deployment: dict[str, Any]
) -> None:
    flow = (tutorial / "src/prefect_modal/flows/flow1.py").read_text()
    (seconds,) = re.findall(r"timeout_seconds=(\d+)", flow)
    assert int(seconds) < deployment["work_pool"]["job_variables"]["timeout"]


def test_it_runs_daily_at_noon_in_new_york(deployment: Parsed) -> None:
    assert deployment["schedules"] == [
        {
            "slug": "primary",
            "cron": "0 12 * * *",
            "timezone": "America/New_York",
        }
    ]
    assert deployment["paused"] is False


def test_it_runs_in_the_modal_pool_with_the_containers_own_python(
    deployment: Parsed,
) -> None:
    assert deployment["work_pool"] == {
        "name": "pref-modal-pool",
        "work_queue_name": "default",
        "job_variables": {
            "image": {"tag": "docker.io/prefecthq/prefect:{{ prefect-version.stdout }}-python3.12"},
            "timeout": 3600,
            "env": {"UV_PROJECT_ENVIRONMENT": "/usr/local"},
        },
    }


def test_the_example_flow_is_the_tutorials(tutorial: Path) -> None:
    module = ast.parse((tutorial / "src/prefect_modal/flows/flow1.py").read_text())
    functions = [node for node in module.body if isinstance(node, ast.FunctionDef)]
    signatures = [
        (
            [ast.unparse(decorator) for decorator in function.decorator_list],
            function.name,
            ast.unparse(function.args),
            ast.unparse(function.returns or ast.Constant(None)),
        )
        for function in functions
    ]
    # Two departures: a task with retries, and a flow with a timeout.
    task, main = "task(retries=2, retry_delay_seconds=10)", "log_prints=True, timeout_seconds=3000"
    assert signatures == [
        ([task], "do_print", "param: str", "None"),
        (["flow(log_prints=True)"], "run_my_flow", "param: str", "None"),
        ([f"flow({main})"], "main", "name: str='world', goodbye: bool=False", "None"),
    ]
    assert ast.unparse(module.body[-1]) == "if __name__ == '__main__':\n    main()"


def test_a_push_to_main_deploys_with_make_once_ci_has_passed(deploy: Parsed) -> None:
    # PyYAML reads the bare word `on` as true.
    assert deploy[True] == {"push": {"branches": ["main"]}, "workflow_dispatch": None}
    check, job = deploy["jobs"]["check"], deploy["jobs"]["deploy"]
    assert check == {"name": "Check", "uses": "./.github/workflows/ci.yaml"}
    assert (job["needs"], job["if"]) == ("check", "github.ref == 'refs/heads/main'")
    assert job["environment"] == "production"
    assert job["steps"][-1]["run"] == "make prefect-deploy"


def test_only_the_deploying_step_sees_the_secrets(tutorial: Path) -> None:
    texts = [file.read_text() for file in (tutorial / ".github/workflows").glob("[cp]*.yaml")]
    assert "".join(texts).count("${{ secrets.") == 2
    (step,) = (text for text in "".join(texts).split("- name: ") if "${{ secrets." in text)
    assert step.startswith("Deploy\n")


@pytest.mark.parametrize("name", ["ci.yaml", "prefect_cd.yaml"])
def test_a_workflow_may_only_read_and_ends_in_time(tutorial: Path, name: str) -> None:
    workflow = yaml.safe_load((tutorial / ".github/workflows" / name).read_text())
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow["concurrency"]["cancel-in-progress"] is (name == "ci.yaml")
    for job in (job for job in workflow["jobs"].values() if "steps" in job):
        assert 0 < job["timeout-minutes"] <= 15
        used = [step["uses"] for step in job["steps"] if "uses" in step]
        assert [action.split("@")[0] for action in used] == [
            "actions/checkout",
            "astral-sh/setup-uv",
        ]
        assert all(len(action.split("@")[1]) == 40 for action in used)
        (checkout,) = [s for s in job["steps"] if s.get("uses", "").startswith("actions/checkout@")]
        assert checkout["with"]["persist-credentials"] is False


def test_a_deploy_and_the_ci_that_it_calls_do_not_wait_for_each_other(tutorial: Path) -> None:
    groups = [
        yaml.safe_load((tutorial / ".github/workflows" / name).read_text())["concurrency"]["group"]
        for name in ("ci.yaml", "prefect_cd.yaml")
    ]
    assert groups == ["ci-${{ github.ref }}", "prefect-deploy-${{ github.ref }}"]


@pytest.mark.parametrize(
    "text",
    [
        "uv run prefect cloud login",
        'GitHubCredentials(token=getpass("GitHub token: ")).save("acme-reports", overwrite=True)',
        "uv run modal setup",
        "uv run prefect work-pool create --type modal:push --provision-infra pref-modal-pool",
        "https://github.com/acme/reports/settings/secrets/actions",
        "https://api.prefect.cloud/api/accounts/ACCOUNT_ID/workspaces/WORKSPACE_ID",
        "https://app.prefect.cloud/account/ACCOUNT_ID/workspace/WORKSPACE_ID",
        "git push --set-upstream origin main",
    ],
)
def test_the_page_for_doing_it_by_hand_has_every_step_of_the_tutorial(text: str) -> None:
    assert text in BY_HAND.text


def test_the_readme_says_what_runs_when_and_how_to_run_it(tutorial: Path) -> None:
    text = (tutorial / "README.md").read_text()
    assert "`Ben-Epstein-prefect-modal-example` runs every day at 12:00, New York time." in text
    assert "uv run prefect deployment run main/Ben-Epstein-prefect-modal-example" in text


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("pyproject.toml", "hatch"),  # another build backend than uv's
        ("pyproject.toml", r"\buv>=0\.5"),  # two years old
        ("Makefile", "PYTHONPATH"),  # does nothing
        ("README.md", r"\bE[SD]T\b"),  # wrong for half of the year
        ("prefect.yaml", r"\bE[SD]T\b"),
        ("prefect.yaml", r"^ +schedule:"),  # resumes a paused schedule
    ],
)
def test_nothing_that_the_tutorial_gets_wrong_today_is_left(
    tutorial: Path, name: str, wrong: str
) -> None:
    assert re.findall(wrong, (tutorial / name).read_text(), re.MULTILINE) == []


@pytest.mark.parametrize(
    "wrong",
    ["block create", "modal token new"],  # The first fails, the second makes a second token.
)
def test_the_page_for_doing_it_by_hand_repeats_none_of_the_tutorials_mistakes(wrong: str) -> None:
    assert wrong not in BY_HAND.text
