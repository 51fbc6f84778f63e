"""The documents are true: links, files, commands, examples, figures and pictures."""

import re
import subprocess
from collections.abc import Callable, Iterator
from importlib.metadata import distribution
from pathlib import Path
from xml.etree import ElementTree

import pytest

from scripts.questions_table import README, with_table
from scripts.recording import picture, record
from tests.conftest import Renderer
from tests.support.documents import DOCUMENTS, PROJECT, Document
from tests.support.git import commit
from tests.support.questionnaire import questions
from tests.support.repository import ROOT, files, tree

BY_NAME = {document.name: document for document in DOCUMENTS}
each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=BY_NAME.keys())

REPORTS = {"repo_url": "https://github.com/acme/reports"}

# Named, but in neither place: created later by a command, by their owner, or by Copier.
MADE = {"uv.lock", "project.mk", "answers.yml", "company.yml", ".rej", ".venv/bin/python"}
MADE |= {"src/etl", "src/reports", "poetry.lock"}
GONE = {"tools/accounts.py"}  # Mentioned in the changelog.
ENDINGS = (".json", ".lock", ".md", ".mk", ".py", ".svg", ".toml", ".txt", ".yaml", ".yml")


@each_document
def test_every_link_leads_somewhere(document: Document) -> None:
    for link in document.links:
        file, _, anchor = link.partition("#")
        target = (document.path.parent / file).resolve() if file else document.path
        assert target.exists(), link
        assert not anchor or anchor in Document(target).anchors, link


@pytest.fixture(scope="module")
def rendered(render: Renderer) -> set[str]:
    """The names of all files that a project can have."""
    choices = ({"updates": "workflow"}, {"updates": "renovate"}, {"runner": "app"})
    return {name for chosen in choices for name in tree(render(**chosen))}


@each_document
def test_every_file_that_is_named_exists(document: Document, rendered: set[str]) -> None:
    tops = {name.split("/")[0] for name in rendered} | {path.name for path in ROOT.iterdir()}
    for code in document.code:
        name = code.replace("<package>", "prefect_modal").rstrip("…/")
        if re.fullmatch(r"[\w./-]+", name) is None or name in MADE | GONE:
            continue
        if name.endswith(ENDINGS) or (name.split("/")[0] in tops and "/" in code):
            places = [document.path.parent / name, ROOT / name, PROJECT / name]
            in_a_project = any(f"/{path}".endswith(f"/{name}") for path in rendered)
            assert in_a_project or any(place.exists() for place in places), code


def targets(makefile: Path) -> set[str]:
    return set(re.findall(r"^([a-z-]+):", makefile.read_text(), re.MULTILINE))


@each_document
def test_every_make_target_that_is_named_exists(document: Document) -> None:
    known = targets(PROJECT / "Makefile")
    if PROJECT not in document.path.parents:
        known |= targets(ROOT / "Makefile")
    for command in [*document.code, *document.commands]:
        if words := re.match(r"make( -C \S+)?((?: [a-z-]+)+)", command):
            assert set(words[2].split()) <= known, command


@each_document
def test_the_spelling_is_american_and_nothing_is_praised(document: Document) -> None:
    british = r"\w*(?:colour|favour|neighbour|behaviour|licence|centre|catalogue|[a-z]isation)\w*"
    praise = (
        r"(?:amazing|awesome|best-in-class|blazing\w*|effortless\w*|powerful|seamless\w*|simply)"
    )
    found = re.findall(rf"\b(?:{british}|{praise})\b", document.prose, re.IGNORECASE)
    assert found == []


@pytest.mark.parametrize(
    "name", ["README.md", "docs/accounts.md", "docs/tutorial.md", "tests/golden/tutorial/README.md"]
)
def test_a_page_that_names_the_accounts_asks_for_a_paid_plan_at_prefect_cloud(name: str) -> None:
    prose = " ".join(BY_NAME[name].prose.split())
    assert "a paid plan" in prose
    assert not re.search(r"free (?:accounts|\[Prefect Cloud)", prose)


@pytest.mark.parametrize("folder", [ROOT, PROJECT], ids=["here", "in a project"])
def test_agents_find_one_short_page_by_either_name(folder: Path) -> None:
    assert (folder / "CLAUDE.md").read_text() == "@AGENTS.md\n"
    assert len((folder / "AGENTS.md").read_text().splitlines()) <= 45


# The front page.


def test_the_front_page_is_short_and_its_table_of_questions_current() -> None:
    text = README.read_text()
    assert len(text.splitlines()) <= 140
    assert text == with_table(text), "run `make golden`"


def test_the_front_page_leads_to_every_page() -> None:
    pages = {name for name in BY_NAME if name.startswith("docs/")}
    assert pages <= {link.partition("#")[0] for link in BY_NAME["README.md"].links}


def test_the_front_page_names_every_rendered_file(rendered: set[str]) -> None:
    described = README.read_text().replace("<package>", "prefect_modal")
    for name in rendered:
        if Path(name).name not in ("__init__.py", "py.typed", ".gitignore", ".gitattributes"):
            assert f"`{re.sub('^tools/.*', 'tools/', name)}`" in described


def cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip().strip("|").split(" | ")]


def figures(name: str, heading: str, first: str) -> list[str]:
    """The row that begins with `first`, in the section of that heading."""
    section = BY_NAME[name].text.split(f"## {heading}\n")[1].split("\n## ")[0]
    (row,) = [cells(row) for row in section.splitlines() if row.startswith(f"| {first} |")]
    return row[1:]


def test_the_times_of_the_comparison_are_those_that_were_measured() -> None:
    fresh = ("docs/performance.md", "Container start, server on the same machine")
    tutorial, ours = (figures(*fresh, variant) for variant in ("tutorial", "ours"))
    compared = [
        figures("README.md", "How it compares", f"container start: {name}")
        for name in ("pull steps", "packages installed")
    ]
    assert [compared[0][0], compared[0][2]] == [f"{tutorial[0]} s", f"{ours[0]} s"]
    assert [compared[1][0], compared[1][2]] == [tutorial[3], ours[3]]


def test_the_pinned_actions_of_the_comparison_are_those_of_a_project() -> None:
    workflows = "".join(file.read_text() for file in PROJECT.glob(".github/workflows/*"))
    pinned = len(re.findall(r"uses: \S+@[0-9a-f]{40} # v", workflows))
    used = len(re.findall(r"uses: (?!\./)", workflows))
    compared = figures("README.md", "How it compares", "pinned actions")
    assert compared[2] == f"{pinned} of {used}"


def test_the_steps_are_counted() -> None:
    text = BY_NAME["docs/tutorial.md"].text
    rows = [cells(row) for row in text.splitlines() if re.match(r"\| (\d+|\+) \|", row)]
    assert [row[0] for row in rows if row[0] != "+"] == [str(n + 1) for n in range(44)]
    ours = [row[-1] for row in rows if row[-1].startswith("**you**")]
    public = ours.count("**you**")
    prose = " ".join(text.split())
    assert "has 44 manual steps" in prose
    assert f"{len(ours)} are left, or {public} for a public repository" in prose
    compared = figures("README.md", "How it compares", "manual steps")
    assert (compared[0], compared[2]) == ("44", str(len(ours)))


# The questions.


def examples() -> Iterator[tuple[str, str, str, bool]]:
    """The examples of docs/questions.md: question, answer, result, and whether it is accepted."""
    for section in BY_NAME["docs/questions.md"].text.split("\n## ")[1:]:
        taken = True
        for line in section.splitlines():
            taken = taken and not line.startswith("| refused |")
            if row := re.fullmatch(r"\| `(.+)` \| `(.+)` \|", line):
                yield section.splitlines()[0], row[1], row[2], taken


def test_the_reference_has_each_question_in_order() -> None:
    headings = re.findall(r"^## (\w+)$", BY_NAME["docs/questions.md"].text, re.MULTILINE)
    assert headings == list(questions(asked=True))
    shown = {(question, taken) for question, _, _, taken in examples()}
    assert shown == {(question, taken) for question in headings for taken in (True, False)}


@pytest.mark.parametrize(
    ("question", "answer", "result"), [row[:3] for row in examples() if row[3]]
)
def test_an_answer_that_the_reference_takes_is_taken(
    render: Renderer, question: str, answer: str, result: str
) -> None:
    rendered = tree(render(**(REPORTS | {question: answer})))
    assert any(result in content.decode() for content in rendered.values())


@pytest.mark.parametrize(
    ("question", "answer", "result"), [row[:3] for row in examples() if not row[3]]
)
def test_an_answer_that_the_reference_refuses_is_refused_with_that_text(
    refusal: Callable[..., str], question: str, answer: str, result: str
) -> None:
    text = refusal(**REPORTS | {question: answer})
    assert text.partition(": ")[2] == result
    # In a terminal, Copier shows only one line, so the text begins with what to type.
    assert result.startswith("Type ") or text.startswith("Invalid choice")


# Messages that people look for.

FOREIGN = {
    "copier": ["copier/_main.py", "copier/_user_data.py"],
    "jsonschema": ["jsonschema/_keywords.py"],
    "prefect": [
        "prefect/runner/storage.py",
        "prefect/utilities/schema_tools/validation.py",
        "prefect/utilities/templating/__init__.py",
    ],
}
"""Files of other distributions, with messages that docs/troubleshooting.md explains."""
CLOUD = ["Flow run could not be submitted to infrastructure: <reason>"]
"""Output of Prefect Cloud, quoted in https://github.com/PrefectHQ/prefect/issues/16395."""
BLANK = "\0"


@pytest.fixture
def printed(tmp_path: Path) -> str:
    """Everything that projects, those modules, git and make can print, on one line with blanks."""
    places = [ROOT / file for file in files() if file.parts[0] in ("template", "extensions")]
    for name, names in FOREIGN.items():
        places += [Path(str(distribution(name).locate_file(file))) for file in names]
    # Python joins adjacent strings.
    texts = [re.sub(r'"\s*\n\s*f?"', "", place.read_text()) for place in places]
    commit(tmp_path)
    (tmp_path / "Makefile").write_text("<<<<<<< before updating\n")
    for command in (["git", "push", ".", "nowhere"], ["make"]):
        done = subprocess.run(command, check=False, cwd=tmp_path, capture_output=True, text=True)
        texts.append(done.stderr)
    words = " ".join([*texts, *CLOUD]).split()
    return " ".join(BLANK if re.search(r"\{[^{}]+\}|\$\w", word) else word for word in words)


def test_every_message_that_is_explained_is_one_that_is_printed(printed: str) -> None:
    headings = re.findall(r"^### `(.+)`$", BY_NAME["docs/troubleshooting.md"].text, re.MULTILINE)
    assert len(headings) > 20
    for heading in headings:
        words = [f"(?:{re.escape(word)}|{BLANK})" for word in heading.split()]
        found = re.findall(" ".join(words).replace("…", ".{1,40}?"), printed)
        assert any(message.count(BLANK) * 2 < len(words) for message in found), heading


# Pictures.


def test_the_recorded_questions_are_what_is_asked(published_template: Path, tmp_path: Path) -> None:
    committed = (ROOT / "docs/pictures/questions.svg").read_text()
    ElementTree.fromstring(committed)
    lines = record(published_template, tmp_path)
    assert committed == picture("questions", *lines), "run `make pictures PICTURES=questions`"


@pytest.mark.parametrize(
    "file", sorted((ROOT / "docs/pictures").glob("*.svg")), ids=lambda file: file.name
)
def test_a_drawn_picture_looks_the_same_with_any_monospace_font(file: Path) -> None:
    assert "@font-face" not in file.read_text()
    texts = list(ElementTree.parse(file).iter("{http://www.w3.org/2000/svg}text"))
    assert texts
    assert all("textLength" in text.attrib for text in texts)


def test_every_picture_is_shown_and_small() -> None:
    shown = {link for document in DOCUMENTS for link in document.links if "pictures/" in link}
    pictures = sorted((ROOT / "docs/pictures").iterdir())
    assert {f"docs/pictures/{file.name}" for file in pictures} == shown
    assert all(file.stat().st_size < 200_000 for file in pictures)
