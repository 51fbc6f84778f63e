"""The README's table of questions, made from copier.yml: `python -m scripts.questions_table`."""

import tempfile
from pathlib import Path

from copier._main import Worker
from jinja2.sandbox import SandboxedEnvironment

from tests.support.questionnaire import choices, questions
from tests.support.repository import ROOT, export_template

README = ROOT / "README.md"
BEGIN, END = "<!-- questions -->\n", "<!-- /questions -->"


def table() -> str:
    """Every question with its default for the placeholder's repository."""
    with tempfile.TemporaryDirectory() as folder:
        return _table(Worker(src_path=str(export_template(Path(folder)))).jinja_env)


def _table(environment: SandboxedEnvironment) -> str:
    asked = questions(asked=True)
    example = asked["repo_url"]["placeholder"]
    rows = ["| question | it asks | default |", "| --- | --- | --- |"]
    for name, details in asked.items():
        if "default" not in details:
            default = f"none; type one like `{details['placeholder']}`"
        elif isinstance(details["default"], bool):
            default = "yes" if details["default"] else "no"
        else:
            made = environment.from_string(details["default"]).render(repo_url=example)
            default = f"`{made}`"
            if made != details["default"]:
                default += f", for `{example}`"
            if others := [f"`{value}`" for value in choices(name) if value != made]:
                default += f"; or {', '.join(others)}"
        rows.append(f"| `{name}` | {details['help']} | {default} |")
    return "\n".join(rows) + "\n"


def with_table(readme: str) -> str:
    """The README with the table as it should be."""
    before, rest = readme.split(BEGIN)
    return before + BEGIN + table() + END + rest.split(END)[1]


if __name__ == "__main__":
    README.write_text(with_table(README.read_text()))
