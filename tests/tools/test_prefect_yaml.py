"""`make doctor` names each fault of prefect.yaml with its remedy, and nothing else."""

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tools.base.finding import Check, Findings, examine, skipped
from tools.base.flows import find_flow
from tools.base.project import Project
from tools.base.stop import CheckSkipped
from tools.bootstrap import PREFECT_YAML, bootstrap
from tools.checks.commit import check_commit
from tools.deploy import deploy
from tools.which_flow import which_flow

from tests.support.changes import append, edit
from tests.tools.conftest import problems

CHECKS: dict[str, Callable[[Project], Findings]] = {
    check.name: check.check
    for check in PREFECT_YAML
    if check.name not in ("Job variables", "Images", "Timeouts")
}
SECOND = """  - name: second
    entrypoint: flows/report.py:main
    paused: false
    work_pool:
      name: pref-modal-pool
      job_variables:
        env: {UV_PROJECT_ENVIRONMENT: /usr/local}
"""
MALFORMED = "skipped: prefect.yaml cannot be read."
EVERY = "Names", "Flows", "Schedules", "Secrets", "Containers"
CRON = r"cron: .*\n +timezone: .*"
FAULTS: dict[str, tuple[str, str, dict[str, str]]] = {
    "a misspelt key": (
        "work_queue_name:", "work_queue:", {"Keys": "example, work_pool: Prefect does not know work_queue. see https://"},
    ),
    "a misspelt key of a schedule": ("timezone:", "timezon:", {"Keys": "schedules.0: Prefect does not know timezon"}),
    "a value of the wrong type": ("paused: false", "paused: sometimes", {"Keys": "'sometimes'"}),
    "a date where Prefect takes text": (
        "version: .*", "version: 2026-11-25", {"Keys": "failed: Ben-Epstein-prefect-modal-example, version: datetime.date(2026, 11, 25) is not"},
    ),
    "a key that is given twice": (
        "    paused: false", "    paused: false\n    paused: true",
        {"Keys": "paused is given twice. remove one of them"},
    ),
    "a misspelt key of the file": (
        "^pull:", "pul:", {"Keys": "failed: prefect.yaml: Prefect does not know pul. see"},
    ),
    "a tag without a list": (
        "^    tags: .*", "    tags: mine", {"Keys": "Ben-Epstein-prefect-modal-example, tags: 'mine' is not of type"},
    ),
    "an entry of another type": ("^    tags: .*", "    tags: {a: b}", {"Keys": "Ben-Epstein-prefect-modal-example, tags: "}),
    "a deployment without a name": (
        r"- name: \"Ben.*", "- enforce_parameter_schema: true", {"Names": "a deployment has no name. add name: to it"},
    ),
    "a schedule without a slug": (
        r"- slug: primary\n +cron", "- cron",
        {"Schedules": "prefect-modal-example has a schedule without a slug. add slug:"},
    ),
    "a schedule that is no cron": (
        r"cron: .*", 'cron: "61 * * * *"', {"Schedules": "61 * * * *"},
    ),
    "a schedule in no time zone": (
        "timezone: .*", "timezone: Nowhere/X", {"Schedules": 'Invalid timezone: "Nowhere/X"'},
    ),
    "an interval that Prefect does not read": (
        CRON, "interval: 1h", {"Schedules": "interval: Input should be a valid timedelta"},
    ),
    "an interval that goes back": (
        CRON, "interval: -5", {"Schedules": "interval: Input should be greater than 0"},
    ),
    "an anchor that is no date": (
        CRON, "interval: 3600\n        anchor_date: soon", {"Schedules": "string [soon]"},
    ),
    "a rule that is none": (CRON, "rrule: FREQ=DAYLY", {"Schedules": "invalid 'FREQ': DAYLY"}),
    "a schedule that says two things": (
        CRON, 'cron: "0 6 * * *"\n        interval: 3600', {"Schedules": "Exactly one of"},
    ),
    "a slug that is given twice": (
        r"^( +)- slug: primary\n((?: +\w+: .*\n){2})", r"\g<0>\g<0>",
        {"Schedules": "has the slug primary twice"},
    ),
    "the schedule of old": (
        r"    schedules:\n +- slug: primary\n +cron: .*\n +timezone: .*",
        '    schedule:\n      cron: "0 6 * * *"',
        {"Schedules": "has a schedule:, which each deploy resumes if it was paused. move it to"},
    ),
    "a deployment that does not say whether it is paused": (
        r" +paused: false\n", "", {"Schedules": "add paused: false to it"},
    ),
    "a block in a job variable": (
        "env:$", 'gpu: "{{ prefect.blocks.secret.gpu.value }}"\n        env:',
        {"Secrets": "Prefect would store gpu in plain text. load the block in the flow"},
    ),
    "the environment in a job variable": (
        "env:$", 'env:\n          WAREHOUSE: "{{ $WAREHOUSE }}"',
        {"Secrets": "warning: Ben-Epstein-prefect-modal-example: Prefect stores $WAREHOUSE in plain"},
    ),
    "a password in a job variable": (
        "env:$", "env:\n          DB_PASSWORD: hunter2",
        {"Secrets": "env.DB_PASSWORD looks like a secret, and Prefect shows it in plain text. move it"},
    ),
    "a password in an address": (
        "env:$", "env:\n          DATABASE: postgresql://me:hunter2@db/flows",
        {"Secrets": "failed: Ben-Epstein-prefect-modal-example: env.DATABASE looks like a secret"},
    ),
    "a random key": (
        "env:$", "env:\n          STRIPE_KEY: a1b2c3d4e5f6a7b8c9d0",
        {"Secrets": "failed: Ben-Epstein-prefect-modal-example: env.STRIPE_KEY looks like"},
    ),
    "a parameter that may be a secret": (
        "    paused:", "    parameters: {name: {token: hunter2}}\n    paused:",
        {"Secrets": "warning: Ben-Epstein-prefect-modal-example: name.token looks like a secret"},
    ),
    "a work pool from the environment": (
        r"name: \"pref-modal-pool\"", 'name: "{{ $POOL }}"',
        {"Containers": "is {{ $POOL }}, which is not set here. set it in the env"},
    ),
    "a work pool without a name": (
        r"name: \"pref-modal-pool\"", "x: 1",
        {"Keys": "", "Containers": "example has no work pool. add name: pref-modal-pool under its work_pool"},
    ),
    "two schedules without a slug": (
        r"- slug: primary\n +(cron: .*\n)( +timezone: .*)", r"- \1\2\n      - \1\2",
        {"Schedules": "has a schedule without a slug"},
    ),
    "a pull that gets no code": (
        "    paused:", "    pull:\n    - prefect.deployments.steps.set_working_directory: {directory: /app}\n    paused:",
        {"Containers": "warning: Ben-Epstein-prefect-modal-example has its own pull, which only changes the directory. delete its"},
    ),
    "a container that does not know its Python": (
        "UV_PROJECT_ENVIRONMENT: /", "OTHER: /",
        {"Containers": "does not set UV_PROJECT_ENVIRONMENT. add UV_PROJECT_ENVIRONMENT: /usr"},
    ),
    "a flow that does not exist": (
        "flow1:main", "flow1:mian",
        {"Flows": "flow1:mian, which does not exist. correct its entrypoint: MODULE"},
    ),
    "a flow with the name of a module's part": (
        "flow1:main", "flow1:Doing", {"Flows": "flow1:Doing, which does not exist"},
    ),
    "a task in place of a flow": (
        "flow1:main", "flow1:do_print", {"Flows": "flow1:do_print, which is a task"},
    ),
    "a module that does not exist": (
        "flow1:main", "flow2:main", {"Flows": "flow2:main, which does not exist"},
    ),
    "an entrypoint that names no flow": (
        "flow1:main", "flow1", {"Flows": "flows.flow1, which does not exist"},
    ),
    "no entrypoint": (" +entrypoint: .*\n", "", {"Flows": "has no entrypoint. add entrypoint:"}),
    "a misspelt parameter": (
        "    paused:", "    parameters: {nmae: Ada}\n    paused:",
        {"Flows": "flow1:main has no parameter nmae. use one of goodbye, name"},
    ),
    "a misspelt parameter of a schedule": (
        "timezone: .*", "\\g<0>\n        parameters: {nmae: Ada}", {"Flows": "no parameter nmae"},
    ),
    "a parameter that is missing": (
        "flow1:main", "flow1:run_my_flow", {"Flows": "its scheduled runs lack the parameter param"},
    ),
    "a deployment without a work pool": (
        r"^    work_pool:.*\n(?:      .*\n)+", "",
        {"Containers": "prefect-modal-example has no work pool. add a work pool to it: work_pool:"},
    ),
    "no deployment at all": (
        r"^deployments:\n(?s:.*)", "deployments: []\n", {"Names": "prefect.yaml has no deployment. add"},
    ),
    "a file that is no YAML": (
        r"^pull:", "pull: [", {"Keys": "failed: prefect.yaml, line 28: "} | dict.fromkeys(EVERY, MALFORMED),
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_with_its_remedy(project: Project, fault: str) -> None:
    pattern, replacement, expected = FAULTS[fault]
    edit(project.root / "prefect.yaml", pattern, replacement)
    found = {name: problems(check, project) for name, check in CHECKS.items()}
    assert {name for name, texts in found.items() if texts} == expected.keys()
    assert all(len(texts) == len({*texts}) for texts in found.values())
    for name, text in expected.items():
        assert text in found[name][0]


def test_every_deployment_with_a_fault_is_named(project: Project) -> None:
    append(project.root / "prefect.yaml", SECOND)
    edit(project.root / "prefect.yaml", "flow1:main", "flow1:mian")
    edit(
        project.root / "prefect.yaml",
        "    paused: false\n    w",
        "    paused: false\n    x: 1\n    w",
    )
    edit(project.root / "prefect.yaml", "work_queue_name:", "work_queue:")
    found = problems(CHECKS["Flows"], project)
    assert [text.split()[1] for text in found] == ["Ben-Epstein-prefect-modal-example", "second"]
    assert len(problems(CHECKS["Keys"], project)) == 2


@pytest.mark.parametrize(
    "entrypoint", ["prefect_modal.flows.flow1:main", "src/prefect_modal/flows/flow1.py:main"]
)
def test_two_deployments_that_overwrite_each_other_are_named(
    project: Project, entrypoint: str
) -> None:
    second = SECOND.replace("second", "Ben-Epstein-prefect-modal-example")
    append(project.root / "prefect.yaml", second.replace("flows/report.py:main", entrypoint))
    assert problems(CHECKS["Names"], project) == [
        (
            "failed: main/Ben-Epstein-prefect-modal-example is defined more than once, and the last one "
            "overwrites the others. give each of them its own name"
        )
    ]
    # With another flow, it is another deployment.
    edit(
        project.root / "prefect.yaml",
        re.escape(entrypoint) + "\n    paused: false\n    work_pool:\n      n",
        "prefect_modal.flows.flow1:run_my_flow\n    paused: false\n    work_pool:\n      n",
    )
    assert problems(CHECKS["Names"], Project(project.root)) == []


FLOWS = {
    "renamed at its import": ("from prefect import flow as job\n\n@job\ndef main(): ...", ""),
    "of the whole module": ("import prefect as p\n\n@p.flow(name='x')\ndef main(): ...", ""),
    "defined later again": ("main = 1\n\nfrom prefect import flow\n@flow\ndef main(): ...", ""),
    "in a condition": ("from prefect import flow\nif True:\n    @flow\n    def main(): ...", ""),
    "asynchronous": ("from prefect import flow\n@flow\nasync def main(): ...", ""),
    "made by a call": ("from prefect import flow\ndef f(): ...\nmain = flow(f)", ""),
    "imported": ("from acme import main", ""),
    "imported with all others": ("from acme import *", ""),
    "with a decorator of one's own": ("from acme import mine\n@mine\ndef main(): ...", ""),
    "with both decorators": ("from prefect import flow\n@print\n@flow\ndef main(): ...", ""),
    "a function": ("def main(): ...", "which is a function without @flow"),
    "a class": ("class main: ...", "which is not a flow"),
    "a variable": ("main = {'a': 1}", "which is not a flow"),
    "another module's decorator": ("import prefect\n@prefect.task(retries=1)\ndef main(): ...", "which is a task"),
    "a file that Python cannot read": ("def main(:", "which cannot be read: invalid syntax"),
    "with any parameters": ("from prefect import flow\n@flow\ndef main(**k): ...", ""),
}  # fmt: skip


@pytest.mark.parametrize("kind", FLOWS)
def test_a_flow_is_known_by_its_source(project: Project, kind: str) -> None:
    source, expected = FLOWS[kind]
    (project.root / "src/prefect_modal/flows/flow1.py").write_text(source)
    found = problems(CHECKS["Flows"], project)
    assert expected in (found[0] if found else "")
    assert bool(expected) is bool(found)


def test_prefects_names_of_flows_are_known(project: Project) -> None:
    file = project.root / "src/prefect_modal/flows/flow1.py"
    for decorator, name in (
        ("flow", "two-words"),
        ("flow(name='It')", "It"),
        ("flow(name=f())", ""),
    ):
        file.write_text(f"from prefect import flow\n@{decorator}\ndef two_words(): ...")
        flow = find_flow(project.root, "prefect_modal.flows.flow1.two_words")
        assert flow is not None
        assert flow.name == name


def test_a_value_of_the_environment_is_what_prefect_takes(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit(project.root / "prefect.yaml", 'name: "pref-modal-pool"', 'name: "{{ $POOL }}"')
    edit(project.root / "prefect.yaml", "      branch: .*", '      branch: "{{ $BRANCH }}"')
    assert project.pools == []
    with pytest.raises(CheckSkipped, match=r"has \{\{ \$BRANCH \}\}, which is not set here"):
        _ = project.branch
    monkeypatch.setenv("POOL", "theirs")
    monkeypatch.setenv("BRANCH", "stable")
    project = Project(project.root)
    assert project.pools == ["theirs"]
    assert project.branch == "stable"
    assert problems(CHECKS["Containers"], project) == []


# Unusual but valid settings; a finding would prevent a project from being ready.
HARMLESS = {
    "anchors": ("^pull:", "definitions:\n  tags: &tags [a]\n\npull:"),
    "a version of the owner's own": ('version: ".*"', 'version: "7"'),
    "no version": ('    version: ".*"\n', ""),
    "no schedule": (r"    schedules:\n(?:      .*\n)+", ""),
    "a flow from another package": ("prefect_modal.flows.flow1", "acme.flows.report"),
    "a date as a parameter": ("    paused:", "    parameters: {name: 2026-11-25}\n    paused:"),
    "an interval in seconds": (CRON, "interval: 3600"),
    "an interval with an anchor": (
        CRON,
        "interval: PT1H\n        anchor_date: '2026-01-01T00:00:00Z'",
    ),
    "a rule": (CRON, "rrule: FREQ=DAILY;BYHOUR=6\n        timezone: Europe/Berlin"),
    "keys of one's own": ("^pull:", "x-team: [a]\n\npull:"),
    "names that only sound like secrets": (
        "env:$",
        "env:\n          PRIMARY_KEY: id\n          TOKENIZER: bert\n          MAX_TOKENS: '9'"
        + "\n          TOKEN_URL: https://acme.example/token\n          OBJECT_KEY: 2026/11/orders.csv",
    ),
    "names of Modal's secrets": ("env:$", "secrets: [warehouse-password]\n        env:"),
    "no pull steps of its own": ("    paused:", "    pull: []\n    paused:"),
    "one pull step of its own": (
        "    paused:",
        "    pull:\n      acme.steps.download: {directory: /app}\n    paused:",
    ),
    "an image with the code": (
        r"    paused:((?:.*\n)+?) +tag: .*",
        "    pull:\n      prefect.deployments.steps.set_working_directory: {directory: /app}\n    paused:"
        + r"\1          tag: acme/flows",
    ),
    "a flow's last part after a dot": ("flow1:main", "flow1.main"),
    "a file": ("prefect_modal.flows.flow1:main", "src/prefect_modal/flows/flow1.py:main"),
    "a parameter that a run by hand is given": (
        "(?s:prefect_modal.flows.flow1:main(.*)    schedules:\n.*?    work_pool)",
        r"prefect_modal.flows.flow1:run_my_flow\1    work_pool",
    ),
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
    keys, *_ = found.pop("Keys")
    assert keys.startswith("failed: ")
    assert found == {name: [MALFORMED] for name in found}


MALFORMED_FILES = {
    "pull:\n- a: 1\n  b: : 2\n": (
        "prefect.yaml, line 3: mapping values are not allowed here; check the indentation there"
    ),
    "b: 1\na: [1\n": "prefect.yaml, line 2: a bracket or quotation mark there is not closed",
    "b: 1\na: '1\n": "prefect.yaml, line 2: a bracket or quotation mark there is not closed",
    f"b: 1\n{'<' * 7} before updating\na: 1\n": (
        "prefect.yaml, line 2: a merge conflict that is not resolved"
    ),
    "a: *b": "prefect.yaml, line 1: found undefined alias 'b'",
    "\x00": "prefect.yaml: unacceptable character #x0000: special characters are not allowed",
    "a: 2026-13-01": "prefect.yaml: month must be in 1..12",
}


@pytest.mark.parametrize("text", MALFORMED_FILES)
def test_without_a_table_a_command_says_itself_what_is_malformed(
    project: Project, text: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (project.root / "prefect.yaml").write_text(text)
    why = MALFORMED_FILES[text]
    with pytest.raises(CheckSkipped, match=f"^{re.escape(why)}$"):
        which_flow(project, "orders", "")
    # A deploy does not start Prefect, which would ask for an entrypoint.
    assert deploy(project, force=True) == 1
    assert capfd.readouterr().out == f"✗ {why}\n  Nothing was deployed\n"
    # Bootstrap goes no further, and its file is not to be committed.
    assert bootstrap(project) == 1
    conflicts, _, said = capfd.readouterr().out.partition("\n")
    assert conflicts.startswith("✓ Conflicts ")
    assert said.startswith(f"✗ prefect.yaml (action needed): {why}\n    see https://")
    assert "Remote" not in said
    assert examine(Check("Commit", check_commit), project) == [
        skipped("prefect.yaml cannot be read")
    ]


SHAPES = {
    "deployments: none\n": 'deployments: must be a list, with "- " before each element',
    "": "must have keys, such as deployments:",
    "deployments:\n- name: it\n  work_pool: mine\n": "it, work_pool: must have keys, such as name:",
    "deployments:\n- pull: 1\n": 'deployments.0.pull: must be a list, with "- " before each element',
}


@pytest.mark.parametrize("text", SHAPES)
def test_a_file_of_another_shape_is_named_without_a_table(
    folder: Path, text: str, capfd: pytest.CaptureFixture[str]
) -> None:
    (folder / "prefect.yaml").write_text(text)
    assert deploy(Project(folder), force=True) == 1
    assert capfd.readouterr().out == f"✗ prefect.yaml: {SHAPES[text]}\n  Nothing was deployed\n"
    (keys,) = problems(CHECKS["Keys"], Project(folder))
    assert f"prefect.yaml: {SHAPES[text]}" in keys


def test_a_missing_file_is_a_finding(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (folder / "prefect.yaml").unlink()
    found = {name: problems(check, Project(folder)) for name, check in CHECKS.items()}
    remedy = "git checkout HEAD -- prefect.yaml"
    assert found.pop("Keys") == [f"failed: prefect.yaml is missing. {remedy}"]
    assert {text for texts in found.values() for text in texts} == {MALFORMED}
    assert deploy(Project(folder), force=True) == 1
    assert capfd.readouterr().out == f"✗ prefect.yaml is missing\n  {remedy}\n"


def test_without_prefects_private_models_only_their_check_is_skipped(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "prefect.cli.deploy._models", None)
    found = {name: problems(check, project) for name, check in CHECKS.items()}
    assert found.pop("Keys") == ["skipped: this check does not support the installed Prefect."]
    assert {text for texts in found.values() for text in texts} == set()
