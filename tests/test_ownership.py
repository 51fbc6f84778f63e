"""docs/ownership.md lists the owner of every rendered file; test_updates.py relies on it."""

from tests.conftest import Renderer
from tests.support.documents import owners
from tests.support.questionnaire import choices
from tests.support.repository import tree


def test_every_rendered_file_has_one_owner(render: Renderer) -> None:
    projects = [render(updates=choice) for choice in choices("updates")] + [render(runner="app")]
    rendered = {name for project in projects for name in tree(project)}
    rows = [row for row, _ in owners()]
    seen = []
    for name in rendered:
        (row,) = [row for row in rows if name == row or name.startswith(f"{row}/")]
        seen.append(row)
    assert sorted(set(seen)) == sorted(rows)
