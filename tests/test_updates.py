"""`copier update` brings every old project up to date, and keeps its owner's edits."""

import functools
import re
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from _pytest.mark import ParameterSet
from copier import VcsRef, run_copy, run_update
from tools.base.finding import failed, passed
from tools.base.project import Project
from tools.checks.conflicts import check_conflicts

from tests.support.changes import by_owner, by_template, edit
from tests.support.copier import AS_RENOVATE, TUTORIAL, copier
from tests.support.documents import owners, set_up_staging
from tests.support.environment import clean_environment
from tests.support.git import commit, git
from tests.support.questionnaire import answers, questionnaire, questions
from tests.support.releases import TODAY, headings, publish, releases
from tests.support.repository import ROOT, tree

NEXT = "v1001.0.0"
"""An invented release, so that there is always one to update to."""
UPDATES = [*((release, TODAY) for release in releases()), (TODAY, NEXT)]
"""From every release to today, and on to the next."""

ANSWERS: dict[str, dict[str, object]] = {
    "defaults": {},
    "public": {
        "private_repository": False,
        "pin_commit": False,
        "schedule": "never",
        "python_version": "3.14",
        "updates": "renovate",
    },
    "awkward": {
        "pin_commit": True,
        "python_version": "3.11",
        "updates": "none",
        "repo_url": "acme/.Odd_Name--",
        "package_name": "odd__name_",
        "branch": 'it\'s-"$HOME"-`x`+{z}/😀',
        "work_pool": 'it\'s "$HOME" `x` \\ {z}: 😀',
        "schedule": "*/7 3 L * *",
        "timezone": "Asia/Kolkata",
    },
}

COMPARED = [
    (old, new, chosen)
    for old, new in UPDATES
    for chosen in ANSWERS
    # Releases between the oldest and the newest would add tests with each release; their edited
    # projects are updated.
    if (old, new) in [UPDATES[0], *UPDATES[-2:]]
]


def cases(of: Sequence[tuple[str, ...]]) -> list[ParameterSet]:
    """Test cases, of which those of old releases are long."""
    recent = [old for old, _ in UPDATES[-2:]]
    return [pytest.param(*case, marks=() if case[0] in recent else pytest.mark.long) for case in of]


Conflicts = dict[str, list[tuple[str, str]]]
HUNK = re.compile(r"^<{7} .*\n((?:.*\n)*?)={7}\n((?:.*\n)*?)>{7} .*\n", re.MULTILINE)

# The budget: the conflicts of an update with the owner's edits, as (ours, theirs).
# These cannot be avoided.
CONFLICTS: dict[str, Conflicts] = {
    # Both rename the deploy job.
    TODAY: {
        ".github/workflows/prefect_cd.yaml": [
            (
                "  ship:\n    name: Ship to production\n",
                "  deploy:\n    name: Deploy to Prefect\n",
            ),
        ],
    },
}

OTHER_ANSWERS: dict[str, object] = {
    "repo_url": "acme/flows",
    "package_name": "other",
    "runner": "app",
    "project_name": "Other",
    "private_repository": False,
    "branch": "production",
    "work_pool": "other-pool",
    "schedule": "never",
    "timezone": "Asia/Tokyo",
    "python_version": "3.13",
    "bake": True,
    "pin_commit": False,
    "updates": "renovate",
}

Copy = Callable[..., Path]


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This repository: every release, the working tree, and a possible next release."""
    folder = publish(tmp_path_factory.mktemp("history") / "template")
    by_template(folder)
    commit(folder, tag=NEXT)
    return folder


@pytest.fixture(scope="session")
def copy(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """Render a version for its owner: each call returns a new repository."""

    @functools.cache
    def render(version: str, *answers: tuple[str, object]) -> Path:
        project = tmp_path_factory.mktemp("fresh") / "project"
        run_copy(str(template), project, dict(answers), vcs_ref=version, defaults=True, quiet=True)
        commit(project)
        return project

    def start(version: str, **answers: object) -> Path:
        known = yaml.safe_load(git(template, "show", f"{version}:copier.yml"))
        given = {name: answer for name, answer in answers.items() if name in known}
        rendered = render(version, *(TUTORIAL | given).items())
        return shutil.copytree(rendered, tmp_path_factory.mktemp("project") / "project")

    return start


def update(project: Path, version: str | VcsRef, **answers: object) -> None:
    """Update a project as Renovate would, but in this process."""
    run_update(
        project, answers, vcs_ref=version,
        defaults=True, skip_answered=True, overwrite=True, quiet=True,
    )  # fmt: skip


@pytest.fixture(scope="session")
def grow(copy: Copy, tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """A project of a version after its owner's first months; each call returns a new one."""

    @functools.cache
    def edited(version: str) -> Path:
        project = copy(version)
        by_owner(project)
        commit(project)
        return project

    return lambda version: shutil.copytree(edited(version), tmp_path_factory.mktemp("grown") / "p")


@pytest.fixture(scope="session")
def grown_and_updated(grow: Copy) -> Copy:
    """A grown project after an update between two versions, created once, for reading only."""

    @functools.cache
    def run(old: str, new: str) -> Path:
        project = grow(old)
        update(project, new)
        return project

    return run


def conflicts(project: Path) -> Conflicts:
    """The conflicts of an update, by file; git lists the same files."""
    files = {name: text.decode() for name, text in tree(project).items()}
    found = {name: HUNK.findall(text) for name, text in files.items()}
    found = {name: hunks for name, hunks in found.items() if hunks}
    assert found.keys() == set(git(project, "diff", "--name-only", "--diff-filter=U").splitlines())
    assert [name for name in files if name.endswith(".rej")] == []
    return found


def lines(project: Path, name: str) -> Counter[bytes]:
    """The lines of a file, with counts."""
    file = project / name
    return Counter(file.read_bytes().splitlines() if file.exists() else [])


OWNED = tuple(f"{name}/" for name, owner in owners() if owner == "yours")
"""The folders that updates never change."""


def split(project: Path) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """The files that belong only to the owner, and those that updates merge."""
    files = tree(project)
    owned = {name: content for name, content in files.items() if name.startswith(OWNED)}
    return owned, {name: content for name, content in files.items() if name not in owned}


def shared(project: Path) -> list[Any]:
    """The owner's additions to a grown project's shared files, as programs read them."""
    pyproject = tomllib.loads((project / "pyproject.toml").read_text())
    deployments = yaml.safe_load((project / "prefect.yaml").read_text())["deployments"]
    return [
        pyproject["project"]["dependencies"],
        pyproject["dependency-groups"]["dev"],
        pyproject["tool"]["ruff"],
        deployments[0]["entrypoint"],
        deployments[0]["schedules"],
        deployments[0]["work_pool"]["job_variables"]["env"]["REPORTS"],
        deployments[1:],
    ]


@pytest.mark.long
def test_a_grown_project_is_one_that_works(grow: Copy) -> None:
    project = grow(TODAY)
    dependencies, dev, *_ = shared(project)
    assert "polars" in dependencies
    assert "hypothesis" in dev
    assert not (project / "src/prefect_modal/flows/flow1.py").exists()
    deployments = yaml.safe_load((project / "prefect.yaml").read_text())["deployments"]
    entrypoints = [deployment["entrypoint"].split(":") for deployment in deployments]
    program = [f"from {module} import {flow}" for module, flow in entrypoints]
    program += [
        "import pytest",
        "raise SystemExit(pytest.main(['-p', 'no:cacheprovider', 'tests']))",
    ]
    env = clean_environment(PYTHONPATH="src", PYTHONDONTWRITEBYTECODE="1")
    subprocess.run([sys.executable, "-c", "\n".join(program)], cwd=project, env=env, check=True)


@pytest.mark.parametrize(("old", "new", "chosen"), cases(COMPARED))
def test_an_updated_project_is_what_a_fresh_copy_would_be(
    copy: Copy, old: str, new: str, chosen: str
) -> None:
    project = copy(old, **ANSWERS[chosen])
    owned, _ = split(project)
    before = answers(project)
    update(project, new)
    assert before.items() <= answers(project).items()
    _, fresh = split(copy(new, **answers(project)))
    assert split(project) == (owned, fresh)
    assert len(owned) >= 5
    assert not conflicts(project)


@pytest.mark.parametrize(("old", "new"), cases(UPDATES))
def test_an_update_keeps_every_edit_and_brings_every_change(
    copy: Copy, grow: Copy, grown_and_updated: Copy, old: str, new: str
) -> None:
    base, mine = copy(old), grow(old)
    # Projects older than the question keep their name.
    theirs = copy(new, **({"project_name": "prefect-modal"} | answers(base)))
    project = grown_and_updated(old, new)
    in_conflict = conflicts(project)
    assert in_conflict == CONFLICTS.get(old, {})

    owned, merged = split(mine)
    assert split(project)[0] == owned
    before, after = split(base)[1].keys(), split(theirs)[1].keys()
    assert split(project)[1].keys() == (merged.keys() - (before - after)) | after

    for name in split(project)[1]:
        expected = lines(mine, name)
        expected.update(lines(theirs, name))
        expected.subtract(lines(base, name))
        got = lines(project, name)
        assert got >= +expected if name in in_conflict else got == +expected

    assert shared(project) == shared(mine)


def test_the_next_release_adds_a_file_and_changes_files_of_every_kind(copy: Copy) -> None:
    today, following = tree(copy(TODAY)), tree(copy(NEXT))
    assert following.keys() - today.keys() == {"OWNERS"}
    assert {name for name in today if following[name] != today[name]} > {
        ".github/workflows/ci.yaml",
        ".github/workflows/prefect_cd.yaml",
        ".gitignore",
        "Makefile",
        "README.md",
        "prefect.yaml",
        "pyproject.toml",
        "src/prefect_modal/flows/flow1.py",
        "tests/test_flow1.py",
    }


def test_an_update_to_the_same_version_changes_nothing(grow: Copy) -> None:
    project = grow(TODAY)
    before = tree(project)
    update(project, TODAY)
    assert tree(project) == before
    assert git(project, "status", "--porcelain") == ""


OWN_DEPENDABOT = """version: 2
updates:
  - package-ecosystem: docker
    directory: /
    schedule:
      interval: daily
"""


@pytest.mark.parametrize(
    ("old", "before", "new", "change"),
    [
        # The last release without the file.
        pytest.param("v0.5.0", "workflow", TODAY, {}, id="by an update"),
        pytest.param(TODAY, "none", VcsRef.CURRENT, {"updates": "workflow"}, id="by an answer"),
    ],
)
def test_a_dependabot_file_of_the_owners_is_kept_beside_the_one_that_comes(
    copy: Copy, old: str, before: str, new: str | VcsRef, change: dict[str, object]
) -> None:
    project = copy(old, updates=before)
    file = project / ".github/dependabot.yml"
    file.write_text(OWN_DEPENDABOT)
    commit(project)
    update(project, new, **change)
    ours = (copy(TODAY) / ".github/dependabot.yml").read_text()
    assert conflicts(project) == {".github/dependabot.yml": [(OWN_DEPENDABOT, ours)]}


@pytest.mark.parametrize("name", ["AGENTS.md", "CLAUDE.md"])
def test_a_page_for_agents_of_the_owners_is_kept_beside_the_one_that_comes(
    copy: Copy, name: str
) -> None:
    project = copy("v0.5.0")  # A release without these pages.
    (project / name).write_text("Ask Ada first.\n")
    commit(project)
    update(project, TODAY)
    ours = (copy(TODAY) / name).read_text()
    assert conflicts(project) == {name: [("Ask Ada first.\n", ours)]}


def test_a_dependabot_file_of_the_owners_stays_where_there_is_none_of_the_templates(
    copy: Copy,
) -> None:
    project = copy(TODAY, updates="renovate")
    file = project / ".github/dependabot.yml"
    file.write_text(OWN_DEPENDABOT)
    commit(project)
    update(project, NEXT)
    commit(project)
    update(project, VcsRef.CURRENT, updates="none")
    assert file.read_text() == OWN_DEPENDABOT


def locked_from(project: Path) -> dict[str, Any]:
    """Everything that a lock file depends on."""
    pyproject = tomllib.loads((project / "pyproject.toml").read_text())
    others = ("build-system", "project.description", "project.readme", "tool.uv.build-backend")
    for name in (*others, "tool.uv.default-groups"):
        *tables, key = name.split(".")
        functools.reduce(dict.__getitem__, tables, pyproject).pop(key)
    return pyproject


# Renovate cannot lock again: it makes a lock file from the pyproject.toml of the default branch, and
# not from Copier's, even if both change on one branch.
@pytest.mark.parametrize("chosen", ["defaults", "public"])
def test_only_a_major_release_changes_what_uv_lock_is_made_from(copy: Copy, chosen: str) -> None:
    newest, *_ = headings((ROOT / "CHANGELOG.md").read_text())
    versions = [old for old in releases() if old.split(".")[0] == newest.split(".")[0]]
    today = locked_from(copy(TODAY, **ANSWERS[chosen]))
    for version in versions:
        assert locked_from(copy(version, **ANSWERS[chosen])) == today, version


def test_every_answer_can_be_changed_and_changed_back(copy: Copy) -> None:
    assert OTHER_ANSWERS.keys() == questions(asked=True).keys()
    project = copy(TODAY)
    before, original = tree(project), answers(project)
    assert not OTHER_ANSWERS.items() & original.items()
    for change in (OTHER_ANSWERS, {"updates": "none"}, original):
        update(project, VcsRef.CURRENT, **change)
        assert not conflicts(project)
        assert change.items() <= answers(project).items()
        fresh = copy(TODAY, **answers(project))
        assert split(project) == (split(copy(TODAY))[0], split(fresh)[1])
        commit(project)
    assert tree(project) == before


@pytest.fixture(scope="session")
def oldest_copier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The oldest Copier that the template supports."""
    folder = tmp_path_factory.mktemp("oldest")
    copier_version = questionnaire()["_min_copier_version"]
    for command in (
        ["venv", "--python", sys.executable, str(folder / "venv")],
        ["pip", "install", "--python", str(folder / "venv"), f"copier=={copier_version}"],
    ):
        subprocess.run(["uv", "--quiet", *command], env=clean_environment(), check=True)
    return folder / "venv/bin/copier"


def test_the_oldest_copier_updates_as_the_newest_does(
    template: Path, grow: Copy, grown_and_updated: Copy, oldest_copier: Path
) -> None:
    by_newest, by_oldest = grown_and_updated(TODAY, NEXT), grow(TODAY)
    options = [*AS_RENOVATE, NEXT]
    done = copier("update", *options, env=clean_environment(), cwd=by_oldest, command=oldest_copier)
    assert done.returncode == 0, done.stderr
    assert tree(by_oldest) == tree(by_newest)
    assert conflicts(by_oldest) == conflicts(by_newest)


def test_the_lines_that_make_a_staging_merge_with_the_next_release(copy: Copy) -> None:
    project, fresh, name = copy(TODAY), copy(NEXT), ".github/workflows/prefect_cd.yaml"
    for each in (project, fresh):
        set_up_staging(each / name)
    commit(project)
    update(project, NEXT)
    assert (project / name).read_text() == (fresh / name).read_text()


def test_an_example_that_was_changed_stays_as_it_is_and_a_deleted_one_stays_away(
    copy: Copy,
) -> None:
    project = copy(TODAY)
    flow = project / "src/prefect_modal/flows/flow1.py"
    edit(flow, r"Hello \{name\}", "Welcome {name}")
    mine = flow.read_bytes()
    (project / "tests/test_flow1.py").unlink()
    commit(project)
    update(project, NEXT)
    assert flow.read_bytes() == mine
    assert not (project / "tests/test_flow1.py").exists()


def test_another_package_name_leaves_the_code_where_it_is(grow: Copy) -> None:
    project = grow(TODAY)
    before = {name: text for name, text in tree(project).items() if name.startswith(OWNED)}
    update(project, VcsRef.CURRENT, package_name="other")
    assert {name: text for name, text in tree(project).items() if name.startswith(OWNED)} == before
    assert 'module-name = "other"' in (project / "pyproject.toml").read_text()
    # The owner uses another module there, so the owner has to choose.
    entrypoint = "    entrypoint: {}.flows.{}:main\n"
    assert conflicts(project) == {
        "prefect.yaml": [
            (entrypoint.format("prefect_modal", "report"), entrypoint.format("other", "flow1"))
        ],
    }


def test_make_check_refuses_what_an_update_could_not_merge(
    grow: Copy, grown_and_updated: Copy
) -> None:
    assert check_conflicts(Project(grow(TODAY))) == passed("none")
    found = check_conflicts(Project(grown_and_updated(TODAY, NEXT)))
    assert isinstance(found, list)
    assert {each.status for each in found} == {"failed"}
    assert {each.text.split(" ")[0] for each in found} == CONFLICTS[TODAY].keys()


def test_make_check_refuses_what_git_has_rejected(copy: Copy) -> None:
    project = copy(TODAY)
    (project / "Makefile.rej").touch()
    commit(project)
    assert check_conflicts(Project(project)) == [
        failed("Makefile.rej is a rejected part of an update", "apply it by hand, then delete it")
    ]
