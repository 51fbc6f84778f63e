"""Every linter finds the faults that it is for."""

import re
import shutil
from pathlib import Path

from scripts.linters import lint
from tests.conftest import Renderer

FAULTS = [
    # The file, a text in it and its replacement, and the linter that finds it with its message.
    ("src/prefect_modal/flows/flow1.py", "^from prefect", "import os\n\\g<0>", "ruff check", "F401"),
    ("src/prefect_modal/flows/flow1.py", '"world"', "'world'", "ruff format", "would be reformatted"),
    ("prefect.yaml", "^pull:", "pull:   ", "yamllint", "trailing spaces"),
    (".github/workflows/ci.yaml", "timeout-minutes", "time-out", "check-jsonschema", "time-out"),
    (".github/workflows/ci.yaml", r"github\.ref", "github.reef", "node", 'property "reef" is not'),
    (".github/workflows/prefect_cd.yaml", "make .*", "make ${{ github.head_ref }}", "zizmor", "template-injection"),
    (".github/workflows/ci.yaml", "make lint", "echo $UNQUOTED", "shellcheck --shell", "$UNQUOTED"),
    ("tools/update/prepare.sh", '"\\$1"', "$1", "shellcheck", "SC2086"),
    (".github/dependabot.yml", "lockfile-only", "lock", "check-jsonschema", "'lock' is not one of"),
    ("renovate.json", r'"packageRules": \[', "\\g<0>7,", "check-jsonschema", "packageRules"),
    ("Makefile", r"\Z", "broken:\n    true\n", "make", "missing separator"),
]  # fmt: skip


def test_a_fault_is_seen_by_its_linter(render: Renderer, tmp_path: Path) -> None:
    clean = render(updates="renovate")
    project = shutil.copytree(clean, tmp_path / "project")
    shutil.copytree(render(updates="workflow"), project, dirs_exist_ok=True)
    for file, pattern, replacement, _, _ in FAULTS:
        text, count = re.subn(
            pattern, replacement, (project / file).read_text(), count=1, flags=re.MULTILINE
        )
        assert count == 1, f"{file} holds no {pattern}"
        (project / file).write_text(text)
    failures = lint([clean, project])
    for file, _, _, linter, word in FAULTS:
        seen = [failure for failure in failures if failure.startswith(linter) and word in failure]
        assert seen, f"{linter} does not see the fault in {file}:\n{''.join(failures)}"
