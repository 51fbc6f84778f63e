"""docs/ownership.md says of every rendered file whose it is, and updates act on it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Renderer
from tests.support.copier import TUTORIAL, URL, copier, data, published
from tests.support.git import commit
from tests.support.questionnaire import choices
from tests.support.repository import ROOT, tree


def rows() -> Iterator[tuple[str, str]]:
    """Each file or folder of the table, and its owner."""
    for line in (ROOT / "docs/ownership.md").read_text().splitlines():
        if row := re.match(r"\| `([^`]+)` \| ([^|]+) \|", line):
            yield row[1].removesuffix("/…"), row[2]


def test_every_rendered_file_has_one_owner(render: Renderer) -> None:
    projects = [render(updates=choice).project_dir for choice in choices("updates")]
    rendered = {name for project in projects for name in tree(project)}
    owners = dict(rows())
    seen = set()
    for name in rendered:
        (row,) = [row for row in owners if name == row or name.startswith(f"{row}/")]
        seen.add(row)
    assert seen == owners.keys()
    assert len(list(rows())) == len(owners)


@pytest.mark.parametrize("name", [name for name, owner in rows() if owner == "yours"])
def test_no_update_touches_what_is_yours(
    published_template: Path, tmp_path: Path, name: str
) -> None:
    env = published(published_template)
    project = tmp_path / "project"
    done = copier("copy", "--quiet", "--defaults", *data(TUTORIAL), URL, str(project), env=env)
    assert done.returncode == 0, done.stderr
    kept, *deleted = sorted((project / name).rglob("*.py"))
    kept.write_text("mine\n")
    for file in deleted:
        file.unlink()
    commit(project)
    before = tree(project)
    done = copier("update", "--defaults", "--vcs-ref", ":current:", env=env, cwd=project)
    assert done.returncode == 0, done.stderr
    assert tree(project) == before
