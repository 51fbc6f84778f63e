"""In a project generated with `updates=renovate`, Renovate behaves as the README says."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from tests.renovate.conftest import RENOVATE, Report
from tests.support.copier import AS_RENOVATE, TUTORIAL, URL, copier, data, published
from tests.support.environment import UV_CACHE, clean_environment
from tests.support.git import commit, git
from tests.support.releases import TODAY, publish, releases
from tests.support.repository import ROOT, export

WORKFLOW = """
on: push
jobs:
  audit:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1
"""
LOCK = 'version = 1\nrequires-python = ">=3.12"\n'


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template with three releases, of which projects here start from the first."""
    folder = export(tmp_path_factory.mktemp("releases") / "template")
    for tag in ("v0.1.0", "v0.2.0", "v1.0.0"):
        with (folder / "template/.gitignore").open("a") as file:
            file.write(f"{tag}/\n")
        commit(folder, tag=tag)
    return folder


@pytest.fixture(scope="module")
def project(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project at v0.1.0 whose owner has added a dependency and a workflow."""
    folder = tmp_path_factory.mktemp("project") / "project"
    answers = data(TUTORIAL | {"updates": "renovate"})
    options = ["--quiet", "--defaults", "--vcs-ref", "v0.1.0"]
    done = copier("copy", *options, *answers, URL, str(folder), env=published(template))
    assert done.returncode == 0, done.stderr
    pyproject = folder / "pyproject.toml"
    before = pyproject.read_text()
    pyproject.write_text(before.replace('["prefect"]', '["prefect", "polars>=1,<2"]'))
    assert pyproject.read_text() != before
    (folder / "uv.lock").write_text(LOCK)
    (folder / ".github/workflows/audit.yaml").write_text(WORKFLOW)
    commit(folder)
    return folder


@pytest.fixture(scope="module")
def report(renovate: Callable[..., Report], project: Path, template: Path) -> Report:
    return renovate(project, template)


def test_a_new_release_arrives_as_one_pull_request(report: Report) -> None:
    assert report.updates()[".copier-answers.yml", URL] == {"renovate/template": "v1.0.0"}
    assert report.titles["renovate/template"] == "Update from the template to v1.0.0"


def test_it_calls_copier_as_the_tests_of_updates_do() -> None:
    code = (RENOVATE / "modules/manager/copier/artifacts.js").read_text()
    # Renovate adds --trust where its administrator allows scripts: the template needs none.
    flags = [flag for flag in re.findall(r"'(--[a-z-]+)'", code) if flag != "--trust"]
    assert flags == [option for option in AS_RENOVATE if option.startswith("--")]


def test_what_the_template_pins_is_left_to_the_template(report: Report) -> None:
    seen = {(found.file, found.name) for found in report.dependencies}
    updated = report.updates().keys()
    ours = {("pyproject.toml", "polars"), (".github/workflows/audit.yaml", "actions/checkout")}
    assert updated == ours | {(".copier-answers.yml", URL)}
    assert (".github/workflows/ci.yaml", "actions/checkout") in seen
    assert (".github/workflows/prefect_cd.yaml", "astral-sh/setup-uv") in seen
    assert {(".python-version", "python"), ("pyproject.toml", "uv_build")} <= seen


def test_what_has_no_bound_moves_with_the_lock_file(report: Report) -> None:
    assert ("pyproject.toml", "prefect") not in report.updates()
    assert report.titles["renovate/lock-file-maintenance"] == "Lock file maintenance"


def copier_rule(project: Path) -> dict[str, Any]:
    """What renovate.json says about updates from the template."""
    (rule,) = [
        rule
        for rule in json.loads((project / "renovate.json").read_text())["packageRules"]
        if rule["matchManagers"] == ["copier"]
    ]
    return cast("dict[str, Any]", rule)


def filled_in(text: str, **fields: object) -> str:
    """A text of renovate.json, as Renovate fills it in."""
    code = "console.log(require(process.argv[1]).compile(process.argv[2], JSON.parse(process.argv[3])))"
    return subprocess.check_output(
        ["node", "-e", code, RENOVATE / "util/template", text, json.dumps(fields)],
        env=clean_environment(),
        text=True,
    ).rstrip("\n")


def test_the_pull_request_links_the_changelog_of_its_release(project: Path, report: Report) -> None:
    (update,) = [found for found in report.dependencies if found.name == URL]
    version = update.updates["renovate/template"]
    link = filled_in(
        copier_rule(project)["changelogUrl"], sourceUrl=update.source, newValue=version
    )
    assert link == f"{URL.removesuffix('.git')}/blob/v1.0.0/CHANGELOG.md"


def test_its_branch_has_a_lock_file_that_is_current(tmp_path: Path) -> None:
    template, project = tmp_path / "template", tmp_path / "project"
    publish(template)
    *_, released = releases()
    answers = data(TUTORIAL | {"updates": "renovate"})
    options = ["--quiet", "--defaults", "--vcs-ref", released]
    done = copier("copy", *options, *answers, URL, str(project), env=published(template))
    assert done.returncode == 0, done.stderr
    uv = clean_environment(UV_CACHE_DIR=str(UV_CACHE))
    subprocess.run(["uv", "lock", "--quiet"], cwd=project, env=uv, check=True)
    commit(project)
    (home := tmp_path / "home").mkdir()
    git(home, "config", "--file", ".gitconfig", f"url.file://{template}.insteadOf", URL)
    upgrade = {"manager": "copier", "packageFile": ".copier-answers.yml", "newValue": TODAY}
    branch = {
        "repository": f"file://{project}",
        "folder": str(tmp_path / "clone"),
        "baseBranch": "main",
        "branchName": "renovate/template",
        "upgrades": [upgrade],
    }
    environment = clean_environment(HOME=str(home))
    environment.pop("GIT_CONFIG_GLOBAL")
    code = Path(__file__).with_name("branch.js")
    command = ["node", str(code), str(RENOVATE), json.dumps(branch)]
    subprocess.run(command, check=True, env=environment)
    git(project, "checkout", "--quiet", "renovate/template")
    assert f"_commit: {TODAY}" in (project / ".copier-answers.yml").read_text()
    subprocess.run(["uv", "lock", "--quiet", "--check"], cwd=project, env=uv, check=True)


def test_only_the_pull_request_of_a_major_release_asks_for_a_new_lock_file(project: Path) -> None:
    (note,) = copier_rule(project)["prBodyNotes"]
    assert filled_in(note, isMinor=True) == ""
    assert "`uv lock`" in filled_in(note, isMajor=True)


@pytest.mark.parametrize("config", ["project", "repository"])
def test_renovate_accepts_the_configuration(project: Path, config: str) -> None:
    folder = {"project": project, "repository": ROOT}[config]
    command = ["node", str(RENOVATE / "config-validator.js"), "--strict", "renovate.json"]
    done = subprocess.run(
        command, check=False, cwd=folder, env=clean_environment(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
