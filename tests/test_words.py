"""The prose of this repository is plain English: no word of the glossary's list, and short lines."""

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.documents import DOCUMENTS, Document
from tests.support.repository import ROOT, files

# What to write instead, for words that are old, or odd in technical English.
REPLACEMENTS = {
    "shall": "should, or rephrase",
    "mend(?:s|ed|ing)?": "fix",
    "wants|wanted": "needs",
    "whoever": "you, or the passive",
    "nobody|somebody": "you, someone, or the passive",
    "lies": "is",
    "anew": "again",
    "as far as": "if, where, or rephrase",
    "the one that": "the name of it",
    "where there is no": "if … has no",
}
GLOSSARY = [
    # A phrase may go on in the next line, after the sign of a comment.
    (re.compile(rf"\b(?:{words})\b".replace(" ", r"[\s#]+"), re.IGNORECASE), instead)
    for words, instead in REPLACEMENTS.items()
]
OTHERS = ("LICENSE", "tests/golden/", "extensions/data/", "docs/pictures/", "tests/test_words.py")
"""Words that are not ours, not English, or copied from elsewhere in this repository."""
TEXTS = [
    name
    for name in map(str, files())
    if not name.startswith(OTHERS) and b"\0" not in (ROOT / name).read_bytes()
]


def prose(name: str, text: str) -> str:
    """The text, without the names of Python's code, which are no prose."""
    if not name.endswith(".py"):
        return text
    lines = text.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.NAME:
            (row, start), (_, end) = token.start, token.end
            lines[row - 1] = f"{lines[row - 1][:start]}{'_' * (end - start)}{lines[row - 1][end:]}"
    return "\n".join(lines)


def faults(name: str) -> Iterator[str]:
    text = prose(name, (ROOT / name).read_text())
    for pattern, instead in GLOSSARY:
        for found in pattern.finditer(text):
            line = text.count("\n", 0, found.start()) + 1
            yield f"{name}:{line}: {' '.join(found[0].split())} → {instead}"


def test_no_text_has_a_word_that_the_glossary_replaces() -> None:
    assert len(TEXTS) > 200
    assert [fault for name in TEXTS for fault in faults(name)] == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It shall run.", 1),
        ("Mended, as\n# far as one can see.", 2),
        ("Recommended: it applies to marshall.", 0),
        ("def wanted(): pass  # it wants a name", 1),
    ],
)
def test_a_word_is_found_wherever_it_is_prose(
    text: str, found: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suffix = ".py" if text.startswith("def") else ".md"
    (tmp_path / f"text{suffix}").write_text(text)
    monkeypatch.setattr("tests.test_words.ROOT", tmp_path)
    assert len(list(faults(f"text{suffix}"))) == found


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_no_line_of_a_page_is_wider_than_a_screen(document: Document) -> None:
    lines = [line for line in document.prose.splitlines() if not line.startswith("|")]
    assert [line for line in lines if len(line) > 120] == []
