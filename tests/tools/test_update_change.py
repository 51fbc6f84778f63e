"""An update is made without running any of it, and changes only allowed files."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.stand_ins.github_api import READ
from tests.stand_ins.updates import OURS, THEIRS, Change, Project, copied, edit
from tests.support.copier import URL, copier
from tests.support.environment import clean_environment
from tests.support.git import git
from tests.support.repository import tree

LOCKED = '{ name = "anyio", specifier = "<200" }'
CONSTRAINTS = "constraint-dependencies = [\n"


@pytest.fixture
def project(beginning: Path, newest_python: tuple[str, str], tmp_path: Path) -> Iterator[Project]:
    """A project of the release v1.0.0, which is still the newest."""
    with copied(tmp_path, beginning, newest_python[1]) as project:
        yield project


def prepared(project: Project) -> tuple[dict[str, object], Path]:
    """The result of the first job, and a checkout with the update applied."""
    done, update = project.prepare(checkout := project.clone("main"))
    assert done.returncode == 0, done.stdout
    assert git(checkout, "status", "--porcelain", "--ignored", "--", ":!tools") == ""
    git(checkout, "apply", str(update / "update.patch"))
    return json.loads((update / "update.json").read_text()), checkout


def stopped(project: Project) -> str:
    """The error of the first job."""
    done, update = project.prepare()
    assert done.returncode == 1, done.stdout
    assert not (update / "update.json").exists()
    return done.stdout


# What comes out.


def test_what_is_prepared_is_a_fresh_render_with_a_fresh_lock(project: Project) -> None:
    project.release("v2.0.0", ("template/.gitignore", "__pycache__/", "build/\n__pycache__/"))
    facts, checkout = prepared(project)
    assert (facts["before"], facts["after"]) == ("v1.0.0", "v2.0.0")
    assert (facts["conflicts"], facts["locked"]) == ([], True)
    fresh = project.folder / "fresh"
    answers = ["--data-file", str(checkout / ".copier-answers.yml"), URL, str(fresh)]
    done = copier("copy", "--quiet", "--defaults", *answers, env=project.environment)
    assert done.returncode == 0, done.stderr
    made = {name: text for name, text in tree(checkout).items() if "__pycache__" not in name}
    assert LOCKED.encode() in made.pop("uv.lock")
    assert made == tree(fresh)


def test_without_a_newer_release_there_is_nothing(project: Project) -> None:
    done, update = project.prepare()
    assert done.returncode == 0, done.stdout
    assert [file.name for file in update.iterdir()] == ["update.json"]
    assert json.loads((update / "update.json").read_text()) == {}


def test_conflicts_are_named_and_what_the_lock_is_made_from_is_left_to_a_person(
    project: Project,
) -> None:
    project.push("pyproject.toml", CONSTRAINTS, f'{CONSTRAINTS}    "mine<9",\n')
    project.push(*OURS)
    project.release("v2.0.0", THEIRS)
    facts, checkout = prepared(project)
    assert facts["conflicts"] == ["README.md", "pyproject.toml"]
    assert "<<<<<<< before updating\n## Our commands\n" in (checkout / "README.md").read_text()
    assert LOCKED not in (checkout / "uv.lock").read_text()


def test_what_cannot_be_locked_is_left_to_a_person(project: Project) -> None:
    project.push("pyproject.toml", '["prefect"]', '["prefect>=3.8.5"]')
    project.release(
        "v2.0.0", ("template/pyproject.toml.jinja", "prefect>=3.8,<4", "prefect>=3.8,<3.8.3")
    )
    facts, checkout = prepared(project)
    assert facts["locked"] is False
    assert '["prefect>=3.8.5"]' in (checkout / "pyproject.toml").read_text()
    assert LOCKED not in (checkout / "uv.lock").read_text()


def test_an_update_that_copier_cannot_make_stops_with_its_reason(project: Project) -> None:
    question = "team:\n  type: str\n  validator: \"{{ '' if team else 'Say who you are.' }}\"\n\n"
    project.release("v2.0.0", ("copier.yml", "package_name:\n", f"{question}package_name:\n"))
    assert 'Question "team" is required' in stopped(project)


def test_a_template_that_cannot_be_reached_is_named(project: Project) -> None:
    shutil.rmtree(project.folder / "template/.git")
    said = stopped(project)
    assert f"::error::The template at {URL} cannot be read. " in said
    assert "does not appear to be a git repository" in said


def test_a_private_template_is_read_with_its_own_token(project: Project) -> None:
    address = "https://github.com/acme/template.git"
    git(project.folder, "clone", "-q", "--bare", "template", "repositories/acme/template")
    project.push(".copier-answers.yml", URL, address)
    assert "TEMPLATE_READ_TOKEN" in stopped(project)
    token = project.github.add_token(READ)
    for written in (address, "git@github.com:acme/template.git"):
        done, update = project.prepare(TEMPLATE_READ_TOKEN=token)
        assert done.returncode == 0, done.stdout
        assert json.loads((update / "update.json").read_text()) == {}
        assert token not in done.stdout
        if written == address:
            project.push(".copier-answers.yml", address, "git@github.com:acme/template.git")


# Nothing of a hostile release is run.

DIRECTORY = "template/{{ '.g' ~ 'it' }}"


def program(folder: Path) -> str:
    return f"touch {folder / 'has-run'}"


HOSTILE: dict[str, list[Change]] = {
    # git would start it during the update.
    "git's settings": [(f"{DIRECTORY}/config", "", "[core]\n\tfsmonitor = PROGRAM; false\n")],
    "other letters": [
        ("template/{{ '.G' ~ 'it' }}/config", "", "[core]\n\tfsmonitor = PROGRAM; false\n")
    ],
    "by another name": [
        (
            "copier.yml",
            "package_name:\n",
            "hidden:\n  when: false\n  default: .git\npackage_name:\n",
        ),
        ("template/{{ hidden }}/config", "", "[core]\n\tfsmonitor = PROGRAM; false\n"),
    ],
    "a hook": [(f"{DIRECTORY}/hooks/post-checkout", "", "#!/bin/sh\nPROGRAM\n")],
    # uv would start them.
    "a Python": [
        ("template/.python-version.jinja", "{{ python_version }}", "./tools/python"),
        ("template/tools/python", "", "#!/bin/sh\nPROGRAM\n"),
    ],
    "an environment": [
        ("template/.venv/pyvenv.cfg", "", "home = /usr/bin\n"),
        ("template/.venv/bin/python", "", "#!/bin/sh\nPROGRAM\n"),
    ],
    "a build backend": [
        ("template/pyproject.toml.jinja", 'version = "0.1.0"', 'dynamic = ["version"]'),
        ("template/pyproject.toml.jinja", 'requires = ["uv_build>=0.9,<1"]', "requires = []"),
        (
            "template/pyproject.toml.jinja",
            'build-backend = "uv_build"',
            'build-backend = "backend"\nbackend-path = ["tools"]',
        ),
        ("template/tools/backend.py", "", "import os\nos.system('PROGRAM')\n"),
    ],
    "a package": [("template/pyproject.toml.jinja", '"ruff"]', '"ruff", "x @ file:///evil"]')],
    # Python would find it first.
    "a module": [("template/_strptime.py", "", "import os\nos.system('PROGRAM')\n")],
    "a tool": [
        ("template/tools/update/text.py", '"""', "__import__('os').system('PROGRAM')\n\"\"\"")
    ],
}
STOPPED = ("git's settings", "other letters", "by another name", "a hook")


@pytest.mark.parametrize(
    "what",
    [
        pytest.param(what, marks=() if what in ("git's settings", "a tool") else pytest.mark.long)
        for what in HOSTILE
    ],
)
def test_nothing_of_a_release_is_run(project: Project, what: str) -> None:
    has_run = project.folder / "has-run"
    changes = [
        (name, old, new.replace("PROGRAM", program(project.folder)))
        for name, old, new in HOSTILE[what]
    ]
    for name, old, new in changes:
        edit(project.folder / "template", name, old, new)
        if new.startswith("#!"):
            (project.folder / "template" / name).chmod(0o755)
    git(project.folder / "template", "add", "--all", "--force")
    project.release("v2.0.0")
    checkout = project.clone("main")
    before = git_files(checkout)
    done, update = project.prepare(checkout)
    assert not has_run.exists()
    assert git_files(checkout) == before
    assert (done.returncode == 1) is (what in STOPPED or what == "a Python"), done.stdout
    if what in STOPPED:
        assert "this release of the template writes to" in done.stdout
    if update.joinpath("update.json").exists() and what != "an environment":
        assert json.loads((update / "update.json").read_text())["locked"] is (
            what not in ("a build backend", "a package")
        )


def test_what_a_release_builds_with_is_not_installed(project: Project) -> None:
    """A wheel from any address, which needs no build."""
    has_run, wheel = project.folder / "has-run", project.folder / "evil-1-py3-none-any.whl"
    with ZipFile(wheel, "w") as packed:
        packed.writestr("evil.py", f"open({str(has_run)!r}, 'w')")
        packed.writestr(
            "evil-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: evil\nVersion: 1"
        )
        packed.writestr("evil-1.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any")
        packed.writestr("evil-1.dist-info/RECORD", "")
    file = "template/pyproject.toml.jinja"
    project.release(
        "v2.0.0",
        (file, 'version = "0.1.0"', 'dynamic = ["version"]'),
        (file, '"uv_build>=0.9,<1"', f'"evil @ {wheel.as_uri()}"'),
        (file, 'build-backend = "uv_build"', 'build-backend = "evil"'),
    )
    facts, checkout = prepared(project)
    assert facts["locked"] is False
    assert not has_run.exists()
    # The usual command would have run it.
    env = clean_environment(UV_PYTHON=project.environment["UV_PYTHON"])
    subprocess.run(["uv", "lock", "--no-build"], cwd=checkout, env=env, check=False)
    assert has_run.exists()


def git_files(checkout: Path) -> dict[str, bytes]:
    """Git's files for a checkout, except objects and index."""
    return {
        str(path.relative_to(checkout)): path.read_bytes()
        for path in (checkout / ".git").rglob("*")
        if path.is_file() and "objects" not in path.parts and path.name != "index"
    }
