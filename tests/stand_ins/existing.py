"""An existing repository, years older than the template: acme/reports."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.support.changes import append, edit
from tests.support.copier import URL, data, published
from tests.support.documents import ADOPTING
from tests.support.environment import UV_CACHE
from tests.support.git import commit, git

FILES = {
    ".github/workflows/ci.yml": """name: Tests
on: [push, pull_request]
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with: {python-version: "3.12"}
      - run: pip install -e .[dev]
      - run: pytest --cov=flows
""",
    ".github/workflows/prefect.yml": """name: Prefect
on:
  push:
    branches: [main]
jobs:
  deploy:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: pip install -e .
      - run: prefect --no-prompt deploy --all
        env:
          PREFECT_API_URL: ${{ secrets.PREFECT_API_URL }}
          PREFECT_API_KEY: ${{ secrets.PREFECT_API_KEY }}
""",
    ".gitignore": """# Python
__pycache__/
*.egg-info/
.venv/
build/

# Never commit these
credentials/
*.pem
.env.*

data/raw/
""",
    "CODEOWNERS": "* @acme/data\n",
    "Makefile": """PYTHON ?= python3

.PHONY: install test deploy backfill clean

install:
\t$(PYTHON) -m pip install -e .[dev]

test:
\t$(PYTHON) -m pytest --cov=flows

deploy:
\tprefect --no-prompt deploy --all

backfill: ## Load one day again: DAY=2026-01-31
\t$(PYTHON) scripts/backfill.py $(DAY)

clean:
\trm -rf build *.egg-info
""",
    "README.md": """# Reports

The flows of the data team. Ask in #data before you change the schedule of `stock`.

## Backfill

`make backfill DAY=2026-01-31` loads one day again.
""",
    "flows/__init__.py": "",
    "flows/common.py": '''"""What all flows share."""

from pathlib import Path

QUERIES = Path(__file__).parents[1] / "sql"


def query(name: str) -> str:
    return (QUERIES / f"{name}.sql").read_text()
''',
    "flows/orders.py": '''"""Load the orders of one day."""

import typer
from prefect import flow, task

from flows.common import query


@task
def load(day: str) -> str:
    return query('orders').format(day=day)


@flow(name="load-orders", log_prints=True)
def orders(day: str = "today") -> str:
    print(loaded := load(day))
    return loaded


def cli() -> None:
    typer.run(orders.fn)
''',
    "flows/stock.py": '''"""Compare the stock of two warehouses."""

from prefect import flow

from flows import orders


@flow(timeout_seconds=600)
def stock(warehouses: list[str]) -> int:
    orders.load.fn("today")
    return len(warehouses)
''',
    "prefect.yaml": """name: reports
prefect-version: 3.4.1

definitions:
  pool: &pool
    name: docker-pool
    work_queue_name: default
    job_variables:
      env: {REGION: eu}
  mornings: &weekday_mornings
    cron: 30 6 * * 1-5
    timezone: Europe/Berlin

pull:
  - prefect.deployments.steps.git_clone:
      repository: https://github.com/acme/reports.git
      branch: main
      access_token: "{{ prefect.blocks.secret.github-token }}"

deployments:
  - name: orders
    entrypoint: flows/orders.py:orders
    tags: [finance]
    schedules:
      - *weekday_mornings
    work_pool: *pool
  - name: orders-backfill
    entrypoint: flows/orders.py:orders
    parameters: {day: yesterday}
    work_pool: *pool
  - name: stock
    entrypoint: flows/stock.py:stock
    parameters: {warehouses: [north, south]}
    schedules:
      - *weekday_mornings
      - cron: 0 12 * * 6
        timezone: Europe/Berlin
    work_pool:
      <<: *pool
      work_queue_name: slow
""",
    "pyproject.toml": """[build-system]
requires = ["setuptools>=68"]
build-backend = "setuptools.build_meta"

[project]
name = "acme-reports"
version = "2.3.1"
description = "Flows of the data team"
requires-python = ">=3.10"
dependencies = ["prefect==3.4.1", "typer>=0.12"]

[project.optional-dependencies]
dev = ["pytest", "pytest-cov"]
excel = ["openpyxl>=3.1"]

[project.scripts]
load-orders = "flows.orders:cli"

[tool.setuptools.packages.find]
include = ["flows*"]

[tool.ruff]
line-length = 110

[tool.ruff.lint]
extend-select = ["I", "UP"]

[tool.ruff.format]
quote-style = "single"

[tool.pytest.ini_options]
addopts = "-q"
""",
    "scripts/backfill.py": '''"""Load one day again."""

import sys

from flows.orders import orders

if __name__ == "__main__":
    orders(sys.argv[1])
''',
    "sql/orders.sql": "select * from orders where day = '{day}'\n",
    "tests/conftest.py": '''"""What the tests share."""

import pytest


@pytest.fixture
def warehouses() -> list[str]:
    return ["north", "south"]
''',
    "tests/test_orders.py": """from flows.orders import load


def test_the_day_is_in_the_query() -> None:
    assert "day = 'today'" in load.fn("today")
""",
    "tests/test_stock.py": """from flows.stock import stock


def test_it_counts_the_warehouses(warehouses: list[str]) -> None:
    assert stock.fn(warehouses) == 2
""",
}
"""The committed files."""

IGNORED = {"credentials/warehouse.json": "{}\n", ".env.local": "REGION=eu\n"}
"""Files on the owner's machine only, which must not get into git."""


def what_to_keep() -> dict[str, str]:
    """The rows of the page's table of conflicts: the first words of each, by file."""
    rows = re.findall(
        r"^\| (`.+`[^|]*) \| (both|the template's|yours)\b", ADOPTING.text, re.MULTILINE
    )
    return {file: kept for names, kept in rows for file in re.findall(r"`([^`]+)`", names)}


@dataclass
class Existing:
    """The repository and its owner, who adopts the template with docs/adopting.md."""

    folder: Path
    template: Path
    python: tuple[str, str]
    """The Python version of the flows, and its path."""

    def environment(self) -> dict[str, str]:
        return published(self.template) | {
            "GIT_AUTHOR_NAME": "Test", "GIT_AUTHOR_EMAIL": "test@example.com",
            "GIT_COMMITTER_NAME": "Test", "GIT_COMMITTER_EMAIL": "test@example.com",
            "UV_CACHE_DIR": str(UV_CACHE), "UV_PYTHON": self.python[1],
            "UV_PYTHON_DOWNLOADS": "never",
        }  # fmt: skip

    def begin(self) -> None:
        """Make the repository, with a commit on its branch main."""
        for name, text in (FILES | IGNORED).items():
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_text(text)
        commit(self.folder)

    def run(self, line: str, **extra: str) -> subprocess.CompletedProcess[str]:
        """Run a line in bash; `uvx` starts the Copier of these tests, with the answers."""
        answers = {
            "repo_url": "acme/reports",
            "package_name": "reports",
            "work_pool": "modal-reports",
        }
        given = ["--defaults", *data(answers | {"python_version": self.python[0]})]
        uvx = f'uvx() {{ "$@" {" ".join(given)}; }}'
        return subprocess.run(
            ["bash", "-c", f"{uvx}; {line}".replace("<url>", URL)],
            check=False, cwd=self.folder, env=self.environment() | extra, stdin=subprocess.DEVNULL,
            capture_output=True, text=True,
        )  # fmt: skip

    def follow(self, line: str, **extra: str) -> str:
        done = self.run(line, **extra)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        return done.stdout

    def make_room(self) -> tuple[str, str]:
        """Follow the page's first section, and return what its two lists name."""
        sections = ADOPTING.sections()
        *for_all, deploys = sections["Make room"]
        *for_flows, named = sections["Only for `flows/` at the top"]
        for line in for_all:
            self.follow(line)
        deploying = self.follow(deploys)
        for line in for_flows:
            self.follow(line)
        listed = self.follow(named), deploying
        for name in (".github/workflows/ci.yml", "project.mk"):
            edit(self.folder / name, "--cov=flows", "--cov=reports")
        project_mk = self.folder / "project.mk"
        edit(project_mk, r"^deploy:\n.*\n\n", "")
        edit(project_mk, r"^test:", "coverage:")
        edit(project_mk, r"install test deploy", "install coverage")
        for line in sections["Commit"]:
            self.follow(line)
        return listed

    def merge(self) -> set[str]:
        """Follow the second section, and return the files that are in conflict then."""
        *lines, merge = ADOPTING.sections()["Merge"]
        for line in lines:
            self.follow(line)
        assert self.run(merge).returncode == 1
        return set(git(self.folder, "diff", "--name-only", "--diff-filter=U").splitlines())

    def resolve(self, conflicts: set[str]) -> None:
        """Resolve each file in conflict as the page's table says."""
        kept = what_to_keep()
        for name in conflicts:
            ours, theirs = (
                git(self.folder, "show", f"{side}:{name}") for side in ("HEAD", "MERGE_HEAD")
            )
            texts = {"both": f"{theirs}\n\n{ours}\n", "yours": f"{ours}\n"}
            (self.folder / name).write_text(texts.get(kept[name], f"{theirs}\n"))
        conftest = self.folder / "tests/conftest.py"
        edit(conftest, r'\n"""What the tests share."""\n\nimport pytest\n', "")
        self._fill_pyproject()
        self._fill_prefect_yaml()

    def _fill_pyproject(self) -> None:
        file = self.folder / "pyproject.toml"
        edit(file, r'^name = "reports"$', 'name = "acme-reports"')
        edit(file, r'^version = "0.1.0"$', 'version = "2.3.1"')
        edit(file, r"^description = .*$", 'description = "Flows of the data team"')
        edit(
            file,
            r'^dependencies = \["prefect"\]\n',
            'dependencies = ["prefect", "typer>=0.12"]\n\n[project.optional-dependencies]\n'
            'dev = ["pytest", "pytest-cov"]\nexcel = ["openpyxl>=3.1"]\n\n[project.scripts]\n'
            'load-orders = "reports.flows.orders:cli"\n',
        )
        edit(file, r'^dev = \["pytest", "ruff"\]$', 'dev = ["pytest", "pytest-cov", "ruff"]')
        ours = git(self.folder, "show", "HEAD:pyproject.toml")
        append(file, f"\n{ours[ours.index('[tool.ruff]') :]}\n")

    def _fill_prefect_yaml(self) -> None:
        file = self.folder / "prefect.yaml"
        edit(file, r"^deployments:$", f"{ANCHORS}\n\\g<0>")
        edit(file, r"name: .acme-reports-example.", "name: orders")
        edit(file, r"^    description: .*\n", "")
        edit(file, r"entrypoint: .*", "entrypoint: reports.flows.orders:orders")
        edit(file, r'tags: \["acme-reports"\]', "tags: [acme-reports, finance]")
        edit(
            file,
            r"- slug: primary\n.*cron.*\n.*timezone.*$",
            "- slug: weekdays\n        <<: *weekday_mornings",
        )
        edit(file, r"^( +)UV_PROJECT_ENVIRONMENT: .*$", "\\g<0>\n\\1REGION: eu")
        append(file, DEPLOYMENTS)


ANCHORS = """definitions:
  mornings: &weekday_mornings
    cron: 30 6 * * 1-5
    timezone: Europe/Berlin
"""
DEPLOYMENTS = """
  - name: orders-backfill
    version: "{{ commit.stdout }}"
    entrypoint: reports.flows.orders:orders
    paused: false
    tags: [acme-reports]
    parameters: {day: yesterday}
    work_pool: *modal
  - name: stock
    version: "{{ commit.stdout }}"
    entrypoint: reports.flows.stock:stock
    paused: false
    tags: [acme-reports]
    parameters: {warehouses: [north, south]}
    schedules:
      - slug: weekdays
        <<: *weekday_mornings
      - slug: saturdays
        cron: 0 12 * * 6
        timezone: Europe/Berlin
    work_pool:
      <<: *modal
      work_queue_name: slow
"""
"""The final deployments, except the first."""
