"""docs/ownership.md says of every rendered file whose it is, and updates act on it."""

import re
from collections.abc import Iterator
from pathlib import Path

import copier

from tests.conftest import Renderer
from tests.support.copier import TUTORIAL
from tests.support.git import commit
from tests.support.questionnaire import choices
from tests.support.repository import ROOT, tree


def rows() -> Iterator[tuple[str, str]]:
    """Each file or folder of the table, and its owner."""
    for line in (ROOT / "docs/ownership.md").read_text().splitlines():
        if row := re.match(r"\| `([^`]+)` \| ([^|]+) \|", line):
            yield row[1].removesuffix("/…"), row[2]


def test_every_rendered_file_has_one_owner(render: Renderer) -> None:
    projects = [render(updates=choice) for choice in choices("updates")]
    rendered = {name for project in projects for name in tree(project)}
    owners = dict(rows())
    seen = set()
    for name in rendered:
        (row,) = [row for row in owners if name == row or name.startswith(f"{row}/")]
        seen.add(row)
    assert seen == owners.keys()
    assert len(list(rows())) == len(owners)


def test_no_update_touches_what_is_yours(published_template: Path, tmp_path: Path) -> None:
    yours = [name for name, owner in rows() if owner == "yours"]
    assert yours == ["src", "tests"]
    copier.run_copy(str(published_template), tmp_path, TUTORIAL, defaults=True, quiet=True)
    for name in yours:
        kept, *deleted = sorted((tmp_path / name).rglob("*.py"))
        kept.write_text("mine\n")
        for file in deleted:
            file.unlink()
    commit(tmp_path)
    before = tree(tmp_path)
    copier.run_update(
        tmp_path, vcs_ref=copier.VcsRef.CURRENT, defaults=True, overwrite=True, quiet=True
    )
    assert tree(tmp_path) == before
