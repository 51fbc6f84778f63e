"""docs/moving.md, followed with the real Copier and git: what changes, what stays, the ways back.

The lines that need Prefect or an environment are followed in test_moving.py.
"""

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.support.changes import append, by_owner, by_template, edit
from tests.support.copier import URL, copier, data, published
from tests.support.documents import MOVING
from tests.support.environment import UV_CACHE
from tests.support.git import commit, git
from tests.support.questionnaire import answers
from tests.support.releases import TODAY, publish
from tests.support.repository import tree

pytestmark = pytest.mark.long
NEXT = "v1001.0.0"
"""A release after the working tree, so that there is always a newer one."""
REPORTS = {"repo_url": "acme/reports"}
"""The answers of the project that the page is about; the others are the defaults."""
SECTIONS = MOVING.sections()
COMMON = SECTIONS["What they have in common"]
CHANGES = [heading for heading, lines in SECTIONS.items() if "copier update" in "".join(lines)]
WAYS_BACK = [heading for heading in SECTIONS if heading not in CHANGES]


@dataclass
class Owner:
    """A project, the user who follows the page in it, and the repository for its pushes."""

    project: Path
    template: Path

    @property
    def github(self) -> Path:
        return self.project.parent / "github"

    def environment(self) -> dict[str, str]:
        return published(self.template) | {
            "GIT_CONFIG_COUNT": "2",
            "GIT_CONFIG_KEY_1": f"url.file://{self.github}/.insteadOf",
            "GIT_CONFIG_VALUE_1": "https://github.com/",
            "GIT_AUTHOR_NAME": "Test", "GIT_AUTHOR_EMAIL": "test@example.com",
            "GIT_COMMITTER_NAME": "Test", "GIT_COMMITTER_EMAIL": "test@example.com",
            "GIT_PAGER": "cat", "UV_CACHE_DIR": str(UV_CACHE), "UV_PYTHON_DOWNLOADS": "never",
        }  # fmt: skip

    def run(self, line: str) -> subprocess.CompletedProcess[str]:
        """Run a line in bash; `uvx` starts the Copier of these tests."""
        return subprocess.run(
            ["bash", "-c", f'uvx() {{ "$@"; }}; {line}'.replace("<url>", URL)],
            check=False, cwd=self.project, env=self.environment(), stdin=subprocess.DEVNULL,
            capture_output=True, text=True,
        )  # fmt: skip

    def follow(self, line: str) -> str:
        done = self.run(line)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        return done.stdout

    def create(self, name: str) -> None:
        """Create an empty repository on GitHub."""
        (self.github / name).parent.mkdir(parents=True, exist_ok=True)
        options = ["--quiet", "--bare", "--initial-branch", "main"]
        git(self.project, "init", *options, str(self.github / name))

    def changed(self) -> set[str]:
        return set(git(self.project, "diff", "--name-only", "HEAD").splitlines())

    def stored(self, name: str) -> str:
        """Copier's own answers."""
        text = (self.project / ".copier-answers.yml").read_text()
        return str(yaml.safe_load(text)[name])


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = publish(tmp_path_factory.mktemp("history") / "template")
    by_template(folder)
    commit(folder, tag=NEXT)
    return folder


def render(template: Path, folder: Path, version: str, **given: object) -> Path:
    options = ["--quiet", "--defaults", "--vcs-ref", version, *data(REPORTS | given)]
    done = copier("copy", *options, URL, str(folder), env=published(template))
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def rendered(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project of the page, with a lock file, as of today."""
    project = render(template, tmp_path_factory.mktemp("rendered") / "project", TODAY)
    Owner(project, template).follow("uv lock --quiet")
    commit(project)
    return project


@pytest.fixture
def owner(template: Path, rendered: Path, tmp_path: Path) -> Owner:
    """Its owner, who has pushed it."""
    owner = Owner(shutil.copytree(rendered, tmp_path / "project"), template)
    owner.create("acme/reports")
    owner.follow("git remote add origin https://github.com/acme/reports")
    owner.follow("git push --quiet --set-upstream origin main")
    return owner


def updates(heading: str) -> str:
    """The only line of a section that calls Copier."""
    (line,) = [line for line in SECTIONS[heading] if line.startswith("uvx copier update")]
    return line


# Changes of an answer.


def table() -> Iterator[tuple[str, set[str]]]:
    """The page's table: an answer, and the files that change with it."""
    for line in MOVING.text.splitlines():
        if row := re.fullmatch(r"\| \[.+\]\(#.+\) \| `(\w+)` \| (.+?) \| .+ \|", line):
            yield row[1], set(re.findall(r"`([^`]+)`", row[2]))


def test_the_table_has_each_change_of_the_page() -> None:
    given = {updates(heading).split("--data ")[1].split("=")[0] for heading in CHANGES[1:]}
    assert given == dict(table()).keys()
    assert len(CHANGES) == 10


@pytest.mark.parametrize("heading", CHANGES[1:])
def test_a_change_touches_the_files_that_are_named_and_ends_pushed(
    owner: Owner, heading: str
) -> None:
    if heading == "From public to private":
        owner.follow(f"{updates('From private to public')} && uv lock && git commit -qam public")
    owner.create("acme-corp/analytics")
    before, lock = answers(owner.project), (owner.project / "uv.lock").read_bytes()
    name, value = updates(heading).split("--data ")[1].split("=")
    for line in SECTIONS[heading]:
        if line == updates(heading):
            owner.follow(line)
            assert owner.changed() == dict(table())[name] | {".copier-answers.yml"}
            expected = yaml.safe_load(value) if value in ("yes", "no") else value
            assert answers(owner.project) == before | {name: expected}
            assert owner.stored("_commit") == TODAY
            stale = owner.run("uv lock --check").returncode != 0
        elif line.startswith("make setup"):
            assert stale
            owner.follow("uv lock")
            assert (owner.project / "uv.lock").read_bytes() != lock
        elif not line.startswith(("make ", "uv run ")):
            owner.follow(line)
    assert stale is any(line.startswith("make setup") for line in SECTIONS[heading])
    assert git(owner.project, "status", "--porcelain") == ""
    if any(line.startswith("git push") for line in SECTIONS[heading]):
        there = owner.follow("git for-each-ref --format='%(objectname)' refs/remotes").split()
        assert set(there) == {git(owner.project, "rev-parse", "HEAD")}


SHAPES = {
    "from reports.flows import report": "from etl.flows import report",
    "    from reports import flows": "    from etl import flows",
    "import reports.flows as flows": "import etl.flows as flows",
    'patch("reports.flows.report.load")': 'patch("etl.flows.report.load")',
    "from . import reports": "from . import reports",
    "from acme import reports": "from acme import reports",
    "import reports": "import reports",
}
"""Lines before and after the package is renamed."""


def test_imports_are_renamed_only_where_that_keeps_their_meaning(tmp_path: Path) -> None:
    _, _, rename, *_ = SECTIONS["A new package name"]
    (file := tmp_path / "code.py").write_text("\n".join(SHAPES))
    commit(tmp_path)
    subprocess.run(["bash", "-c", rename], cwd=tmp_path, check=True)
    assert dict(zip(SHAPES, file.read_text().splitlines(), strict=True)) == SHAPES


def test_a_renamed_package_is_renamed_wherever_git_finds_it(owner: Owner) -> None:
    by_owner(owner.project, "reports")
    commit(owner.project)
    update, move, rename, *_ = SECTIONS["A new package name"]
    owner.follow(update)
    assert "UU prefect.yaml\n" in owner.follow("git status --porcelain")
    owner.follow(move)
    owner.follow(rename)
    # Of the two versions of the entrypoint, the page keeps the first.
    prefect_yaml = owner.project / "prefect.yaml"
    edit(prefect_yaml, r"^<{7} .*\n((?:.*\n)*?)={7}\n(?:.*\n)*?>{7} .*\n", "\\1")
    commit(owner.project)
    deployments = yaml.safe_load(prefect_yaml.read_text())["deployments"]
    assert [each["entrypoint"] for each in deployments] == [
        "etl.flows.report:main",
        "etl.flows.nightly:nightly",
    ]
    assert "FLOW := etl.flows.report" in (owner.project / "project.mk").read_text()
    # The repository and the project have the same name, and keep it.
    left = owner.run(r"git grep --extended-regexp 'reports\.flows|src/reports|from reports'")
    assert left.returncode == 1, left.stdout
    assert answers(owner.project)["repo_url"] == "acme/reports"
    assert 'repository: "https://github.com/acme/reports"' in prefect_yaml.read_text()
    assert (
        "def nightly(reports: list[str])"
        in (owner.project / "src/etl/flows/nightly.py").read_text()
    )


# What they have in common.


def test_the_release_stays_unless_that_is_left_out(owner: Owner) -> None:
    line = COMMON[0]
    assert owner.stored("_commit") == TODAY
    owner.follow(line)
    assert owner.stored("_commit") == TODAY
    assert answers(owner.project)["timezone"] == "Europe/Berlin"
    owner.follow("git reset --hard")
    # It asks new questions.
    owner.follow(line.replace("--vcs-ref=:current:", "--defaults"))
    assert owner.stored("_commit") == NEXT


def test_a_conflict_ends_with_0_is_listed_by_git_and_can_be_undone(owner: Owner) -> None:
    edit(owner.project / "prefect.yaml", r"timezone: .*", "timezone: Asia/Tokyo")
    commit(owner.project)
    before = tree(owner.project)
    owner.follow(COMMON[0])
    assert "both modified:   prefect.yaml" in owner.follow("git status")
    assert "\n++<<<<<<< " in owner.follow(COMMON[1])
    owner.follow("git reset --hard")
    assert tree(owner.project) == before


def test_an_answer_that_is_edited_by_hand_changes_nothing(owner: Owner) -> None:
    edit(owner.project / ".copier-answers.yml", r"^branch: main$", "branch: production")
    commit(owner.project)
    owner.follow("uvx copier update --vcs-ref=:current: --skip-answered")
    assert owner.changed() == set()
    assert 'branch: "main"' in (owner.project / "prefect.yaml").read_text()


def test_recopy_brings_the_example_back_and_replaces_what_is_edited(owner: Owner) -> None:
    by_owner(owner.project, "reports")
    commit(owner.project)
    owner.follow("uvx copier recopy --overwrite --vcs-ref=:current: --skip-answered")
    assert (owner.project / "src/reports/flows/flow1.py").exists()
    assert (owner.project / "tests/test_flow1.py").exists()
    assert "nightly" not in (owner.project / "prefect.yaml").read_text()


# The ways back.

LOST, ARCHIVE, WRONG = WAYS_BACK
ANSWERS = ".copier-answers.yml"


@pytest.fixture(scope="session")
def before_and_after(
    template: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, bytes]]:
    """The project as of the release that the page names, and the files of one as of today."""
    (version,) = {version for text in MOVING.commands for version in re.findall(r"v\d\S+", text)}
    folder = tmp_path_factory.mktemp("releases")
    today = tree(render(template, folder / "today", TODAY))
    return render(template, folder / "earlier", version), today


@pytest.fixture
def earlier(
    template: Path, before_and_after: tuple[Path, dict[str, bytes]], tmp_path: Path
) -> Owner:
    """The owner of such a project, before its first commit."""
    owner = Owner(shutil.copytree(before_and_after[0], tmp_path / "project"), template)
    owner.create("acme/reports")
    return owner


@pytest.fixture
def assert_it_updates(
    earlier: Owner, before_and_after: tuple[Path, dict[str, bytes]]
) -> Callable[[], None]:
    """An update to a newer release results in a fresh copy of it, except for its code."""
    today = before_and_after[1]
    shared = [name for name in today if not name.startswith(("src/", "tests/"))]

    def update() -> None:
        assert git(earlier.project, "status", "--porcelain") == ""
        before = answers(earlier.project)
        earlier.follow(f"uvx copier update --skip-answered --defaults --vcs-ref {TODAY}")
        assert before.items() <= answers(earlier.project).items()
        after = tree(earlier.project)
        assert {name: after.get(name) for name in shared} == {name: today[name] for name in shared}
        assert earlier.stored("_commit") == TODAY

    return update


def test_an_answers_file_that_was_committed_comes_from_git(
    earlier: Owner, assert_it_updates: Callable[[], None]
) -> None:
    commit(earlier.project)
    before = (earlier.project / ANSWERS).read_bytes()
    (earlier.project / ANSWERS).unlink()
    commit(earlier.project)
    append(earlier.project / "notes.md", "Later work.\n")
    commit(earlier.project)
    for line in SECTIONS[LOST][:2]:
        earlier.follow(line)
    assert (earlier.project / ANSWERS).read_bytes() == before
    assert_it_updates()


def test_an_answers_file_that_was_never_committed_is_made_again(
    earlier: Owner, assert_it_updates: Callable[[], None]
) -> None:
    before = (earlier.project / ANSWERS).read_bytes()
    (earlier.project / ANSWERS).unlink()
    commit(earlier.project)
    copy, compare, *take = SECTIONS[LOST][2:]
    earlier.follow(copy)
    assert earlier.follow(compare) == ""
    # The tools of another release differ.
    another = copy.replace("../fresh", "../another").replace("v0.5.0", "v0.4.0")
    earlier.follow(another)
    assert earlier.run(compare.replace("../fresh", "../another")).returncode == 1
    for line in take:
        earlier.follow(line)
    assert (earlier.project / ANSWERS).read_bytes() == before
    assert_it_updates()


def test_an_archive_becomes_a_repository(
    earlier: Owner, assert_it_updates: Callable[[], None]
) -> None:
    for line in SECTIONS[ARCHIVE][:3]:
        earlier.follow(line)
    assert_it_updates()


def test_an_archive_with_edits_is_connected_to_its_repository(
    earlier: Owner, assert_it_updates: Callable[[], None]
) -> None:
    commit(earlier.project)
    earlier.follow("git push --quiet https://github.com/acme/reports main")
    shutil.rmtree(earlier.project / ".git")
    flow = earlier.project / "src/reports/flows/flow1.py"
    append(flow, "# Mine.\n")
    for line in SECTIONS[ARCHIVE][3:]:
        said = earlier.follow(line)
    assert earlier.changed() == {flow.relative_to(earlier.project).as_posix()}
    assert "+# Mine.\n" in said
    commit(earlier.project)
    assert git(earlier.project, "log", "--oneline").count("\n") == 1
    assert_it_updates()


@pytest.mark.parametrize("lost", ["_commit", "_src_path"])
def test_a_template_that_is_not_found_is_written_down(
    earlier: Owner, assert_it_updates: Callable[[], None], lost: str
) -> None:
    lines = (earlier.project / ANSWERS).read_text().splitlines()
    wrong = [f"{lost}: {earlier.project}-gone" if lost == "_src_path" else "# gone"]
    kept = [line for line in lines if not line.startswith(f"{lost}:")]
    (earlier.project / ANSWERS).write_text("\n".join(kept + wrong) + "\n")
    commit(earlier.project)
    assert earlier.run("uvx copier update --skip-answered --defaults").returncode != 0
    (yaml_text,) = re.findall(r"^```yaml\n(.*?)^```$", MOVING.text, re.DOTALL | re.MULTILINE)
    right = [*kept, *(line for line in yaml_text.splitlines() if line.startswith(lost))]
    (earlier.project / ANSWERS).write_text("\n".join(right).replace("<url>", URL) + "\n")
    for line in SECTIONS[WRONG]:
        earlier.follow(line)
    assert_it_updates()
