"""Job variables that Modal's work pool would refuse, ignore or misread are found offline."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tools.base.finding import Findings
from tools.base.pool_variables import SCHEMA
from tools.base.project import Project
from tools.checks.job_variables import check_images, check_job_variables, check_timeouts
from tools.doctor import show_variables

from tests.stand_ins.modal_push_pool import base_job_template
from tests.support.changes import append, edit
from tests.tools.conftest import problems

CHECKS: dict[str, Callable[[Project], Findings]] = {
    "Job variables": check_job_variables,
    "Images": check_images,
    "Timeouts": check_timeouts,
}
LOCK = """version = 1

[[package]]
name = "prefect"
version = "3.9.1"
"""
LIVE: dict[str, Any] = base_job_template()["variables"]
"""The schema of a work pool on the server."""
TAG = r"tag: docker\.io/prefecthq/prefect:.*"


@pytest.fixture
def locked(project: Project) -> Project:
    (project.root / "uv.lock").write_text(LOCK)
    return project


def variable(text: str) -> tuple[str, str]:
    return r"^        env:$", f"        {text}\n        env:"


# The given job variable, and the finding.
FAULTS: dict[str, tuple[tuple[str, str], str, str]] = {
    "an image that is no object": (
        (r"image:\n +tag: ", "image: "),
        "Job variables", "write it like image: {tag: docker",
    ),
    "a number for a GPU": (
        variable("gpu: 1"), "Job variables", "gpu: 1 is not of type 'string'. write it like gpu: A10G",
    ),
    "a timeout with a unit": (
        ("timeout: 3600", "timeout: 1h"),
        "Job variables", "timeout: '1h' is not of type 'integer'. write it like timeout: 3600, in seconds",
    ),
    "memory with a unit": (
        variable("memory: 4Gi"), "Job variables", "memory: '4Gi' is not of type 'integer'",
    ),
    "a CPU that is no quarter": (
        variable("cpu: 0.3"), "Job variables", "cpu: 0.3 is not a multiple of 0.25",
    ),
    "a number in the environment": (
        ("UV_PROJECT_ENVIRONMENT: ", "RETRIES: 3\n          UV_PROJECT_ENVIRONMENT: "),
        "Job variables", "env.RETRIES: 3 is not of type 'string'. write it like env: {RETRIES:",
    ),
    "a date in the environment": (
        ("UV_PROJECT_ENVIRONMENT: ", "DAY: 2026-11-25\n          UV_PROJECT_ENVIRONMENT: "),
        "Job variables", "env.DAY: datetime.date(2026, 11, 25) is not of type 'string'",
    ),
    "a package that is no list": (
        variable("pip_packages: pandas"), "Job variables",
        "pip_packages: 'pandas' is not of type 'array'. write it like pip_packages: [polars",
    ),
    "a secret that is no list": (
        variable("secrets: warehouse"), "Job variables", "secrets: 'warehouse' is not of type 'array'",
    ),
    "a variable that there is not": (
        variable("cpus: 2"), "Job variables", "pref-modal-pool has no variable cpus. use one of command, cpu",
    ),
    "an image of another Python": (
        (r"-python3\.12", "-python3.13"), "Images",
        "has Python 3.13, but .python-version is 3.12. end its tag with -python3.12",
    ),
    "an image of another Prefect": (
        (r"\{\{ prefect-version\.stdout \}\}", "3.4.0"), "Images",
        "prefect:3.4.0-python3.12 has a different Prefect than uv.lock (3.9.1). write {{ prefect-version",
    ),
    "no timeout": (
        (r"^ +timeout: 3600\n", ""), "Timeouts",
        "has no timeout: Modal stops its runs after 300 s. add timeout: 3600",
    ),
}  # fmt: skip


@pytest.mark.parametrize("schema", [SCHEMA, LIVE], ids=["offline", "live"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_with_how_to_write_it(
    locked: Project, fault: str, schema: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.checks.job_variables.schema_of", lambda *_: schema)
    change, name, text = FAULTS[fault]
    edit(locked.root / "prefect.yaml", *change)
    found = {name: problems(check, locked) for name, check in CHECKS.items()}
    assert {name for name, texts in found.items() if texts} == {name}
    assert text in found[name][0]


def test_offline_it_knows_the_names_and_defaults_of_the_pool() -> None:
    known, there = (
        {n: v.get("default") for n, v in s["properties"].items()} for s in (SCHEMA, LIVE)
    )
    assert known == there


HARMLESS = {
    "the project as it comes": ("^deployments:", "deployments:"),
    "an image of one's own": (TAG, "tag: docker.io/acme/flows:7"),
    "one from a private registry": (TAG, "tag: acme/flows:7\n          secret: registry"),
    "a tag that moves, of the same minor version": (TAG, "tag: prefecthq/prefect:3.9-python3.12"),
    "all of them": variable(
        "cpu: 0.5\n        memory: 4096\n        gpu: A10G\n        secrets: [warehouse]\n"
        '        pip_packages: "{{ baked.packages }}"'
    ),
}


@pytest.mark.parametrize("oddity", HARMLESS)
def test_what_the_pool_takes_passes(locked: Project, oddity: str) -> None:
    edit(locked.root / "prefect.yaml", *HARMLESS[oddity])
    found = {name: problems(check, locked) for name, check in CHECKS.items()}
    assert {name: texts for name, texts in found.items() if texts} == {}


def test_all_faults_of_all_deployments_are_named(locked: Project) -> None:
    edit(locked.root / "prefect.yaml", *variable("gpu: 1\n        memory: much"))
    append(
        locked.root / "prefect.yaml",
        "  - name: second\n    work_pool: {name: other, job_variables: {timeout: soon}}\n",
    )
    found = problems(check_job_variables, locked)
    assert sorted(text.split(": ")[2] for text in found) == ["gpu", "memory", "timeout"]


@pytest.mark.parametrize(("python", "faults"), [("3.12", 0), ("3.13", 1)])
def test_the_default_image_has_one_python_only(locked: Project, python: str, faults: int) -> None:
    edit(locked.root / "prefect.yaml", rf"^ +image:\n +{TAG}\n", "")
    (locked.root / ".python-version").write_text(f"{python}\n")
    found = problems(check_images, locked)
    assert len(found) == faults
    assert all(
        "the default image has Python 3.12, not 3.13. add image: {tag: docker" in text
        for text in found
    )


def test_other_deployments_share_what_the_first_one_has(locked: Project) -> None:
    append(
        locked.root / "prefect.yaml",
        "  - name: second\n    work_pool: *modal\n"
        "  - name: third\n    work_pool:\n      <<: *modal\n"
        "      job_variables: {<<: *job_variables, gpu: A10G}\n",
    )
    first, second, third = Project(locked.root).deployments
    assert second.pool == first.pool
    assert third.pool.job_variables == first.pool.job_variables | {"gpu": "A10G"}
    assert {name: problems(check, locked) for name, check in CHECKS.items()} == {
        name: [] for name in CHECKS
    }


def test_what_a_pool_takes_is_shown_with_types_and_defaults(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    assert show_variables(project) == 0
    said = capsys.readouterr().out
    assert re.search(r"^timeout +integer +300 +timeout: 3600, in", said, re.MULTILINE)
    assert re.search(r"^gpu +string +gpu: A10G *$", said, re.MULTILINE)


def test_only_packages_of_an_index_for_linux_are_baked(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tools.packages import packages

    export = """anyio==4.16.0
colorama==0.4.6 ; sys_platform == 'win32'
cffi==2.1.1 ; platform_python_implementation != 'PyPy'
coverage[toml]==7.0 ; python_full_version >= '3.8'
torch==2.9.0+cpu
flows @ git+https://github.com/acme/flows@0123
wheel @ https://example.com/wheel-1.0-py3-none-any.whl
"""
    names = ("prefect", "anyio", "colorama", "cffi", "coverage")
    lock = [f'[[package]]\nname = "{name}"\nsource = {{ registry = "first" }}\n' for name in names]
    lock += ['[[package]]\nname = "torch"\nsource = { registry = "second" }\n']
    (folder / "uv.lock").write_text("".join(lock))
    (uv := folder / "uv").write_text(f"#!/bin/sh\ncat <<'END'\n{export}END\n")
    uv.chmod(0o755)
    monkeypatch.setenv("UV", str(uv))
    assert packages(folder) == 0
    assert capsys.readouterr().out == (
        '{"packages": ["anyio==4.16.0", "cffi==2.1.1", "coverage[toml]==7.0"]}\n'
    )
    uv.write_text("#!/bin/sh\necho 'error: the lock is stale' >&2; exit 1\n")
    assert packages(folder) == 1
    assert "the lock is stale" in capsys.readouterr().err
