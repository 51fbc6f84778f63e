"""The committed example is what comes out, byte for byte, whenever and wherever it is rendered."""

from pathlib import Path

from jinja2 import Environment, meta, nodes

from scripts.golden import render
from tests.support.questionnaire import questions
from tests.support.repository import ROOT, tree

CHANGING = {
    "ans_random", "expanduser", "expandvars", "fileglob", "lipsum", "random", "random_mac",
    "realpath", "relpath", "shuffle", "strftime", "to_datetime",
}  # fmt: skip
"""What Copier's Jinja has that gives another text at another time, on another machine, or always."""


def test_the_committed_tutorial_project_is_what_is_rendered(tmp_path: Path) -> None:
    render(tmp_path / "project")
    rendered, committed = tree(tmp_path / "project"), tree(ROOT / "tests/golden/tutorial")
    assert rendered.keys() == committed.keys()
    stale = [name for name in rendered if rendered[name] != committed[name]]
    assert not stale, f"read the difference of these files, then run `make golden`: {stale}"


def test_a_project_depends_on_its_answers_alone(
    jinja: Environment, parsed: dict[str, nodes.Template]
) -> None:
    assert jinja.filters.keys() | jinja.globals.keys() > CHANGING
    for name, syntax in parsed.items():
        used = {node.name for node in syntax.find_all(nodes.Filter)}
        used |= {node.name for node in syntax.find_all(nodes.Name)}
        assert used & CHANGING == set(), name
    answers = questions(asked=True).keys() | questions(asked=False).keys()
    known = answers | jinja.globals.keys() | {"_copier_answers"}
    for name, syntax in parsed.items():
        # Copier lets its user choose another name for the file with the answers.
        if name.startswith("template/") and not name.endswith("answers_file}}.jinja (its path)"):
            assert meta.find_undeclared_variables(syntax) <= known, name
