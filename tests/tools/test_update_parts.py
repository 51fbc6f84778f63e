"""The decisions of an update, each by itself: what it may change, lock and say."""

import os
from pathlib import Path

import pytest
from tools.base.stop import ActionRequired
from tools.update import guarded_copier
from tools.update.change import answer, changelog, full_address
from tools.update.lock import BOUND, split, texts
from tools.update.patch import Changed, changed, check, only_pins
from tools.update.text import FIRST, listed, printable

from tests.support.git import commit, git

SHA, OTHER = "a" * 40, "b" * 40
USES = f"      - uses: actions/checkout@{SHA} # v7.0.1\n"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a workflow and some other files."""
    (folder := tmp_path / "repository").mkdir()
    (workflows := folder / ".github/workflows").mkdir(parents=True)
    (workflows / "ci.yaml").write_text(f"on:\n  push:\njobs:\n  a:\n    steps:\n{USES}{USES}")
    for name in ("README.md", "Makefile", "old.txt"):
        (folder / name).write_text("text\n")
    commit(folder)
    return folder


def staged(repository: Path) -> list[Changed]:
    git(repository, "add", "--all")
    return changed(repository, "--cached", "HEAD")


def test_the_others_are_so_called_only_after_the_first(repository: Path) -> None:
    (repository / "README.md").write_text("changed\n")
    assert listed(staged(repository), lambda _, name: name) == "Changed files:\n\nREADME.md"
    (repository / "Makefile").write_text("changed\n")
    assert listed(staged(repository), lambda _, name: name).endswith(
        "\n\nMakefile\n\nThe other files:\n\nREADME.md"
    )


def test_many_tools_are_one_line(repository: Path) -> None:
    (repository / "tools").mkdir()
    expected = ["A tools/0.py\nA tools/1.py\nA tools/2.py", "A tools/ (4 files)"]
    for number in range(4):
        (repository / f"tools/{number}.py").touch()
        text = listed(staged(repository), lambda status, name: f"{status} {name}")
        if number > 1:
            assert text == f"{FIRST}\n\n{expected[number - 2]}"


# What may be touched.


def test_what_is_run_is_listed_first(repository: Path) -> None:
    for name in ("README.md", "Makefile", "new file.txt"):
        (repository / name).write_text("other\n")
    (repository / "old.txt").unlink()
    found = [(each.status, each.name, each.is_run) for each in staged(repository)]
    assert found == [
        ("M", "Makefile", True),
        ("A", "new file.txt", True),
        ("D", "old.txt", True),
        ("M", "README.md", False),
    ]
    check(staged(repository))


@pytest.mark.parametrize("name", ["src/a.py", "tests/a.py", "project.mk", "uv.lock"])
def test_what_is_the_owners_may_not_be_touched(repository: Path, name: str) -> None:
    (repository / name).parent.mkdir(exist_ok=True)
    (repository / name).write_text("")
    with pytest.raises(ActionRequired, match=f"changes {name}, which belongs to you alone"):
        check(staged(repository))


def test_a_link_may_not_be_made(repository: Path) -> None:
    (repository / "link").symlink_to("/etc/passwd")
    with pytest.raises(ActionRequired, match="turns link into something other than a file"):
        check(staged(repository))


def test_a_file_may_not_become_a_program_and_a_program_may_stay_one(repository: Path) -> None:
    (repository / "Makefile").chmod(0o755)
    with pytest.raises(ActionRequired, match="turns Makefile into something other"):
        check(staged(repository))
    commit(repository)
    (repository / "Makefile").write_text("new\n")
    check(staged(repository))


@pytest.mark.parametrize(
    ("old", "new", "only"),
    [
        (USES, USES.replace(SHA, OTHER), True),
        (USES, USES.replace("# v7.0.1", "# v8"), True),
        (USES, USES.replace("actions/checkout", "evil/checkout"), False),
        (USES, USES.replace(SHA, "main"), False),
        (USES, USES + USES, False),
        (USES + USES, USES, False),
        ("  push:\n", "  push:\n  pull_request_target:\n", False),
        ("on:\n", "++ on:\n", False),
        ("    steps:\n", "    env:\n      KEY: ${{ secrets.KEY }}\n    steps:\n", False),
    ],
)
def test_new_pins_are_told_from_what_a_workflow_does(
    repository: Path, old: str, new: str, only: bool
) -> None:
    ci = repository / ".github/workflows/ci.yaml"
    ci.write_text(ci.read_text().replace(old, new, 1))
    (repository / "Makefile").write_text("other\n")
    git(repository, "add", "--all")
    assert only_pins(repository, "--cached", "HEAD") is only


def test_a_new_workflow_is_no_new_pin(repository: Path) -> None:
    (repository / ".github/workflows/new.yaml").write_text("on: push\n")
    git(repository, "add", "--all")
    assert not only_pins(repository, "--cached", "HEAD")


@pytest.mark.parametrize(
    ("path", "refused"),
    [
        (".git/config", True),
        ("a/.GIT/hooks/x", True),
        ("a/.git./config", True),
        ("a/.g\u200cit/config", True),
        ("git~1/config", True),
        (".git", True),
        ("link/config", True),
        (".git/objects/info/alternates", False),
        (".gitignore", False),
        (".github/workflows/a.yaml", False),
        ("template.git/config", False),
    ],
)
def test_no_name_of_gits_folder_is_written_to(tmp_path: Path, path: str, refused: bool) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "link").symlink_to(".git")
    for event, arguments in (
        ("open", (str(tmp_path / path), "w", os.O_WRONLY | os.O_CREAT)),
        ("os.mkdir", (str(tmp_path / path), 0o777, -1)),
        ("os.rename", ("a", str(tmp_path / path), -1, -1)),
        ("os.symlink", (str(tmp_path / path), "a", -1)),
    ):
        if refused:
            with pytest.raises(PermissionError, match="this release of the template writes to"):
                guarded_copier.refuse(event, arguments)
        else:
            guarded_copier.refuse(event, arguments)
    guarded_copier.refuse("open", (str(tmp_path / path), "r", os.O_RDONLY))


# What is locked.


def test_bounds_are_told_from_what_else_uv_reads() -> None:
    bounds, rest = split(
        '[project]\nname = "a"\ndependencies = ["x<1"]\n[dependency-groups]\ndev = ["y", '
        '{include-group = "z"}]\nz = []\n[tool.uv]\nconstraint-dependencies = ["w<2"]\n'
        "package = true\n"
    )
    assert sorted(texts(bounds)) == ["w<2", "x<1", "y", "z"]
    assert rest == {"project": {"name": "a"}, "tool": {"uv": {"package": True}}}


@pytest.mark.parametrize(
    ("requirement", "plain"),
    [
        ("prefect", True),
        ("prefect[github]>=3.8,<4", True),
        ("ruff >= 0.17, != 0.18.*", True),
        ("x @ https://example.com/x.whl", False),
        ("x@file:///x", False),
        ("./x", False),
    ],
)
def test_a_requirement_may_name_versions_and_no_address(requirement: str, plain: bool) -> None:
    assert bool(BOUND.fullmatch(requirement)) is plain


# What is said.


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A template with a changelog of three releases."""
    (folder := tmp_path / "template").mkdir()
    sections = "".join(
        f"## {name}\n\n- Of [{name}](docs/it.md#a).\n\n" for name in ("v1.2.0", "v1.1.0", "v1.0.0")
    )
    (folder / "CHANGELOG.md").write_text(f"# Changelog\n\n{sections}")
    commit(folder, tag="v1.2.0")
    (folder / "CHANGELOG.md").unlink()
    commit(folder, tag="v1.3.0")
    return folder


@pytest.mark.parametrize("before", ["v1.0.0", "v1.0.0-2-gabc1234"])
def test_the_changelog_is_that_of_the_releases_in_between(template: Path, before: str) -> None:
    assert changelog(template, before, "v1.2.0") == (
        "## v1.2.0\n\n- Of v1.2.0.\n\n## v1.1.0\n\n- Of v1.1.0."
    )


def test_a_link_in_the_changelog_leads_somewhere(template: Path) -> None:
    text = "## v1.4.0\n\n- [Of](docs/a.md) [Prefect](https://docs.prefect.io)\n"
    (template / "CHANGELOG.md").write_text(text)
    commit(template, tag="v1.4.0")
    said = changelog(template, "v1.3.0", "v1.4.0")
    assert said == "## v1.4.0\n\n- Of [Prefect](https://docs.prefect.io)"


def test_a_release_without_a_changelog_has_none(template: Path) -> None:
    assert changelog(template, "v1.0.0", "v1.3.0") == ""


def test_a_changelog_cannot_control_a_terminal() -> None:
    assert printable("a\x1b[2J\u202eb\n") == "a\ufffd[2J\ufffdb\n"


@pytest.mark.parametrize(
    ("written", "full"),
    [
        ("gh:acme/template", "https://github.com/acme/template.git"),
        ("gl:acme/template.git", "https://gitlab.com/acme/template.git"),
        ("git+https://example.com/template", "https://example.com/template"),
        ("git@example.com:acme/template.git", "git@example.com:acme/template.git"),
    ],
)
def test_an_address_is_what_copier_would_clone(written: str, full: str) -> None:
    assert full_address(written) == full


def test_what_copier_has_written_down_is_read(tmp_path: Path) -> None:
    with pytest.raises(ActionRequired, match=r"^\.copier-answers\.yml is missing, so"):
        answer(tmp_path, "_commit")
    (tmp_path / ".copier-answers.yml").write_text("_commit: 'v1.0'\n_src_path: /a b\nbranch: x\n")
    assert (answer(tmp_path, "_commit"), answer(tmp_path, "_src_path")) == ("v1.0", "/a b")
    with pytest.raises(ActionRequired, match=r"^\.copier-answers\.yml has no _other"):
        answer(tmp_path, "_other")
