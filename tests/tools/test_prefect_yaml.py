"""`make doctor` names each fault of prefect.yaml with its remedy, and nothing else."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tools.base.finding import Findings
from tools.base.project import Project
from tools.checks.prefect_yaml import check_containers, check_keys, check_schedules, check_secrets

from tests.support.changes import append, edit
from tests.tools.conftest import problems

CHECKS: dict[str, Callable[[Project], Findings]] = {
    "Keys": check_keys,
    "Schedules": check_schedules,
    "Secrets": check_secrets,
    "Containers": check_containers,
}
SECOND = """  - name: second
    entrypoint: flows/report.py:main
    paused: false
    work_pool:
      name: pref-modal-pool
      job_variables:
        env: {UV_PROJECT_ENVIRONMENT: /usr/local}
"""
MALFORMED = "skipped: prefect.yaml is malformed, see Keys."
FAULTS: dict[str, tuple[str, str, dict[str, str]]] = {
    "a misspelt key": (
        "work_queue_name:", "work_queue:", {"Keys": "'work_queue' was unexpected"},
    ),
    "a misspelt key of a schedule": ("timezone:", "timezon:", {"Keys": "'timezon'"}),
    "a value of the wrong type": ("paused: false", "paused: sometimes", {"Keys": "'sometimes'"}),
    "a schedule without a slug": (
        r"- slug: primary\n +cron", "- cron",
        {"Schedules": "failed: prefect-modal-example has a schedule without a slug. add slug:"},
    ),
    "a schedule that is no cron": (
        r"cron: .*", 'cron: "61 * * * *"', {"Schedules": "61 * * * *"},
    ),
    "a deployment that does not say whether it is paused": (
        r" +paused: false\n", "", {"Schedules": "add paused: false to it"},
    ),
    "a secret in a job variable": (
        "env:$", 'gpu: "{{ prefect.blocks.secret.gpu.value }}"\n        env:',
        {"Secrets": "Prefect would store gpu in plain text. load the block in the flow"},
    ),
    "a container that does not know its Python": (
        "UV_PROJECT_ENVIRONMENT: /", "OTHER: /",
        {"Containers": "does not set UV_PROJECT_ENVIRONMENT. copy job_variables"},
    ),
    "a flow that does not exist": (
        "flow1:main", "flow1:mian",
        {"Containers": "flow1:mian, which does not exist. correct its entrypoint, as MODULE"},
    ),
    "a module that does not exist": (
        "flow1:main", "flow2:main", {"Containers": "flow2:main, which does not exist"},
    ),
    "an entrypoint that names no flow": (
        "flow1:main", "flow1", {"Containers": "flows.flow1, which does not exist"},
    ),
    "a deployment without a work pool": (
        r"^    work_pool:.*\n(?:      .*\n)+", "",
        dict.fromkeys(
            ("Secrets", "Containers"),
            "skipped: prefect-modal-example has no work_pool: copy it from another deployment",
        ),
    ),
    "no deployment at all": (
        r"^deployments:\n(?s:.*)", "deployments: []\n",
        dict.fromkeys(("Schedules", "Secrets", "Containers"), MALFORMED),
    ),
    "a file that is no YAML": (
        r"^pull:", "pull: [",
        {"Keys": "failed: while parsing"}
        | dict.fromkeys(("Schedules", "Secrets", "Containers"), MALFORMED),
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_with_its_remedy(project: Project, fault: str) -> None:
    pattern, replacement, expected = FAULTS[fault]
    edit(project.root / "prefect.yaml", pattern, replacement)
    found = {name: problems(check, project) for name, check in CHECKS.items()}
    assert {name for name, texts in found.items() if texts} == expected.keys()
    for name, text in expected.items():
        assert text in found[name][0]


def test_every_deployment_with_a_fault_is_named(project: Project) -> None:
    append(project.root / "prefect.yaml", SECOND)
    edit(project.root / "prefect.yaml", "flow1:main", "flow1:mian")
    found = problems(check_containers, project)
    assert [text.split()[1] for text in found] == ["prefect-modal-example", "second"]


# What looks odd, and is right: found, it would keep a project from being ready.
HARMLESS = {
    "anchors": ("^pull:", "definitions:\n  tags: &tags [a]\n\npull:"),
    "a version of the owner's own": ('version: ".*"', 'version: "7"'),
    "no version": ('    version: ".*"\n', ""),
    "no schedule": (r"    schedules:\n(?:      .*\n)+", ""),
    "a flow from another package": ("prefect_modal.flows.flow1", "acme.flows.report"),
    "a date as a parameter": ("    paused:", "    parameters: {day: 2026-11-25}\n    paused:"),
}


@pytest.mark.parametrize("oddity", HARMLESS)
def test_what_is_only_odd_passes(project: Project, oddity: str) -> None:
    edit(project.root / "prefect.yaml", *HARMLESS[oddity])
    found = {name: problems(check, project) for name, check in CHECKS.items()}
    assert {name: texts for name, texts in found.items() if texts} == {}


@pytest.mark.parametrize("text", ["- 1\n", "deployments: 7\n", "", "pull: [1]", "\x00", "a: *b"])
def test_a_malformed_file_is_a_finding_and_breaks_no_other_check(folder: Path, text: str) -> None:
    (folder / "prefect.yaml").write_text(text)
    found = {name: problems(check, Project(folder)) for name, check in CHECKS.items()}
    (keys,) = found.pop("Keys")
    assert keys.startswith("failed: ")
    assert found == {name: [MALFORMED] for name in found}


def test_a_missing_file_is_a_finding(folder: Path) -> None:
    (folder / "prefect.yaml").unlink()
    for check in CHECKS.values():
        assert problems(check, Project(folder)) == ["skipped: prefect.yaml is missing."]


def test_without_prefects_private_models_only_their_check_is_skipped(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "prefect.cli.deploy._models", None)
    found = {name: problems(check, project) for name, check in CHECKS.items()}
    assert found.pop("Keys") == ["skipped: this version of Prefect keeps its models elsewhere."]
    assert {text for texts in found.values() for text in texts} == set()
