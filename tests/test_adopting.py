"""docs/adopting.md, followed with the real git and Copier, loses nothing of an existing repository.

The lines that need an environment are followed in tests/e2e/journeys/test_adopting.py.
"""

import re
import shutil
import subprocess
import tomllib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.stand_ins.existing import FILES, IGNORED, Existing, what_to_keep
from tests.support.changes import by_template
from tests.support.copier import AS_RENOVATE
from tests.support.documents import ADOPTING, owners
from tests.support.git import commit, git

MOVED = {"Makefile": "project.mk"}
REMOVED = {".github/workflows/prefect.yml"}
BY_HAND = {"pyproject.toml", "prefect.yaml"}
"""Files of which the page keeps parts, so that a comparison of lines does not work."""


@pytest.fixture(scope="module")
def adopted(
    published_template: Path,
    newest_python: tuple[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Existing, tuple[str, str], set[str]]:
    """The repository with the template, the output of two lines, and the files in conflict."""
    folder = tmp_path_factory.mktemp("adopted")
    template = shutil.copytree(published_template, folder / "template")
    existing = Existing(folder / "reports", template, newest_python)
    existing.begin()
    listed, conflicts = existing.make_room(), existing.merge()
    existing.resolve(conflicts)
    for line in ADOPTING.sections()["Check"]:
        if line.startswith(("git ", "rm ")) and "rules" not in line:
            existing.follow(line)
    return existing, listed, conflicts


def renamed(text: str) -> str:
    """A text with the final names of code and tools."""
    text = re.sub(r"\b(from|import) flows\b", r"\1 reports.flows", text)
    text = re.sub(r"\bflows/(\w+)\.py:", r"reports.flows.\1:", text)
    return text.replace("--cov=flows", "--cov=reports").replace(
        "flows.orders:cli", "reports.flows.orders:cli"
    )


def lines(text: str) -> set[str]:
    return {line.strip() for line in text.splitlines() if line.strip()}


def lost(folder: Path) -> dict[str, set[str]]:
    """The lines that are missing from the owner's files."""
    found = {}
    for name, text in FILES.items():
        if name in REMOVED | BY_HAND:
            continue
        now = folder / re.sub(r"^(flows|sql)/", r"src/reports/\1/", MOVED.get(name, name))
        found[name] = lines(renamed(text)) - lines(now.read_text())
    return {name: missing for name, missing in found.items() if missing}


GONE = {
    "Makefile": {
        ".PHONY: install test deploy backfill clean", "deploy:", "prefect --no-prompt deploy --all",
        "test:",
    },
    "tests/conftest.py": {'"""What the tests share."""'},
}  # fmt: skip
"""Lines that the page renames or removes."""


def assert_nothing_is_lost(folder: Path) -> None:
    assert lost(folder) == GONE
    old = tomllib.loads(renamed(FILES["pyproject.toml"]))
    new = tomllib.loads((folder / "pyproject.toml").read_text())
    for key in ("name", "version", "description", "optional-dependencies", "scripts"):
        assert new["project"][key] == old["project"][key]
    assert new["project"]["dependencies"] == ["prefect", "typer>=0.12"]
    assert {"ruff", "pytest"} <= old["tool"].keys() & new["tool"].keys()
    for tool in ("ruff", "pytest"):
        assert new["tool"][tool] == old["tool"][tool]
    assert [each["name"] for each in deployments(folder)] == ["orders", "orders-backfill", "stock"]
    before = yaml.safe_load(renamed(FILES["prefect.yaml"]))["deployments"]
    for was, now in zip(before, deployments(folder), strict=True):
        assert [now.get(key) for key in SAME] == [was.get(key) for key in SAME]
        assert set(now["tags"]) == {"acme-reports", *was.get("tags", [])}
        assert [without_slug(each) for each in now.get("schedules", [])] == was.get("schedules", [])
        if (queue := was["work_pool"]["work_queue_name"]) != "default":
            assert now["work_pool"]["work_queue_name"] == queue
        env = now["work_pool"]["job_variables"]["env"]
        assert was["work_pool"]["job_variables"]["env"].items() <= env.items()


SAME = ("name", "entrypoint", "parameters")


def deployments(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]]
    found = yaml.safe_load((folder / "prefect.yaml").read_text())["deployments"]
    return found


def without_slug(schedule: dict[str, Any]) -> dict[str, Any]:
    assert schedule["slug"]
    return {key: value for key, value in schedule.items() if key != "slug"}


Adopted = tuple[Existing, tuple[str, str], set[str]]


def test_nothing_of_the_owners_is_lost(adopted: Adopted) -> None:
    assert_nothing_is_lost(adopted[0].folder)


def test_what_names_the_old_folder_and_what_deploys_is_listed(adopted: Adopted) -> None:
    named, deploys = adopted[1]
    found = {line.split(":")[0] for line in named.splitlines()}
    assert {".github/workflows/ci.yml", "project.mk", "pyproject.toml"} <= found
    assert set(deploys.splitlines()) == {"project.mk", ".github/workflows/prefect.yml"}


SHAPES = {
    "from flows import orders": "from reports.flows import orders",
    "    from flows.orders import load": "    from reports.flows.orders import load",
    "import flows.orders as shop": "import reports.flows.orders as shop",
    "from reports.flows import stock": "from reports.flows import stock",
}
"""The imports that are rewritten, or right already."""
BY_HAND_LATER = [
    "from . import flows", "from acme import flows", "import flows", "flows.load()",
    'patch("flows.orders.load")',
]  # fmt: skip


def test_imports_are_renamed_only_where_that_keeps_their_meaning(tmp_path: Path) -> None:
    _, _, rename, _, named = ADOPTING.sections()["Only for `flows/` at the top"]
    file = tmp_path / "code.py"
    file.write_text("\n".join([*SHAPES, *BY_HAND_LATER, ""]))
    commit(tmp_path)
    bash = partial(subprocess.check_output, cwd=tmp_path, text=True)
    bash(["bash", "-c", rename])
    assert file.read_text().splitlines() == [*SHAPES.values(), *BY_HAND_LATER]
    listed = bash(["bash", "-c", named]).splitlines()
    assert [line.split(":", 2)[2] for line in listed] == BY_HAND_LATER


ENTRYPOINTS = {
    "flows/stock.py:stock": "reports.flows.stock:stock",
    "./flows/stock.py:stock": "reports.flows.stock:stock",
    '"flows/etl/stock.py:load"': '"reports.flows.etl.stock:load"',
    "./flows/etl/daily/stock.py:load": "reports.flows.etl.daily.stock:load",
    "reports.flows.stock:stock": "reports.flows.stock:stock",
}
"""The entrypoints that are rewritten, or right already."""


def test_entrypoints_become_modules_in_any_folder(tmp_path: Path) -> None:
    *_, rename, _ = ADOPTING.sections()["Only for `flows/` at the top"]
    file = tmp_path / "prefect.yaml"
    file.write_text("".join(f"  - entrypoint: {each}\n" for each in ENTRYPOINTS))
    subprocess.check_call(["bash", "-c", rename], cwd=tmp_path)
    found = [line.removeprefix("  - entrypoint: ") for line in file.read_text().splitlines()]
    assert found == [*ENTRYPOINTS.values()]


def test_what_the_template_has_deploys_once(adopted: Adopted) -> None:
    workflows = (adopted[0].folder / ".github/workflows").iterdir()
    assert [file.name for file in workflows if re.search("prefect.*deploy", file.read_text())] == [
        "prefect_cd.yaml"
    ]


def test_git_names_each_conflict_and_the_table_says_what_to_keep(adopted: Adopted) -> None:
    conflicts = adopted[2]
    assert conflicts == {
        ".gitignore", "README.md", "prefect.yaml", "pyproject.toml", "tests/conftest.py",
    }  # fmt: skip
    assert conflicts <= what_to_keep().keys()


def test_the_table_has_each_file_of_the_template() -> None:
    folders = {name.rstrip("/…") for name in what_to_keep()}
    for name, owner in owners():
        assert any(f"{name}/".startswith(f"{each}/") for each in folders) or owner == "Copier's", (
            name
        )


def test_git_never_gets_what_it_ignores(adopted: Adopted) -> None:
    folder = adopted[0].folder
    assert all((folder / name).exists() for name in IGNORED)
    committed = set(git(folder, "log", "--all", "-m", "--name-only", "--format=").splitlines())
    assert not committed & IGNORED.keys()
    assert "data/raw/" in (folder / ".gitignore").read_text()
    assert git(folder, "status", "--porcelain") == ""


def test_both_histories_are_there_and_only_the_templates_files_are_new(adopted: Adopted) -> None:
    folder = adopted[0].folder
    subjects = {
        "work",
        "Make room for the template",
        "Render the template",
        "Bring in the template",
    }
    assert set(git(folder, "log", "--format=%s").splitlines()) == subjects
    assert not (folder / "src/reports/flows/flow1.py").exists()
    assert not (folder / "tests/test_flow1.py").exists()
    assert not (folder.parent / "from-template").exists()


def test_the_targets_of_both_are_there_once(adopted: Adopted) -> None:
    done = adopted[0].run("make")
    assert "make backfill        Load one day again" in done.stdout
    assert "make check " in done.stdout
    assert done.stderr == ""


@pytest.fixture
def updated(adopted: Adopted, tmp_path: Path) -> Existing:
    """A copy of it, with the template's next release."""
    existing, *_ = adopted
    template = shutil.copytree(existing.template, tmp_path / "template")
    by_template(template)
    commit(template, tag="v2.0.0")
    updated = Existing(
        shutil.copytree(existing.folder, tmp_path / "reports"), template, existing.python
    )
    updated.follow(f"copier update {' '.join(AS_RENOVATE)} v2.0.0")
    return updated


def test_a_later_release_is_merged_and_nothing_is_lost(
    updated: Existing, contents: Callable[[str], str]
) -> None:
    assert git(updated.folder, "diff", "--name-only", "--diff-filter=U") == ""
    assert_nothing_is_lost(updated.folder)
    assert "_commit: v2.0.0\n" in contents(".copier-answers.yml")
    for name, text in NEW.items():
        assert text in contents(name), name
    assert not (updated.folder / "src/reports/flows/flow1.py").exists()


NEW = {
    ".gitignore": "dist/\nbuild/\n",
    ".github/workflows/ci.yaml": "timeout-minutes: 20\n",
    "Makefile": "run pytest --quiet ",
    "OWNERS": "everybody\n",
    "README.md": "## When nothing helps\n",
    "prefect.yaml": 'UV_NO_PROGRESS: "1"\n',
    "pyproject.toml": '"fastapi<1"',
}
"""The changes of that release."""


@pytest.fixture
def contents(updated: Existing) -> Callable[[str], str]:
    return lambda name: (updated.folder / name).read_text()
