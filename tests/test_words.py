"""Words that people understand: sentences that newcomers stumbled over, gone for good."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from ui.i18n.translate import LANGUAGES, table

ROOT = Path(__file__).parents[1]
FILES = sorted(
    file
    for pattern in ("distill_core/**/*.py", "ui/**/*.py", "ui/**/*.js", "ui/**/*.html")
    for file in ROOT.glob(pattern)
)
# of each sentence as many words as no other has
GONE = (
    "learns one decision about a text", "eine einzige Entscheidung über",
    "to choose by", "to be tested on", "texts without a label for the teacher to answer", "Scored on: ",
    "stand} in a text of {split}", "taken out of train (", "also in validation or {split}: taken", "keeps them).",
    "and which draw", "welche Ziehung",
    "that already knows the task", "das die Aufgabe schon beherrscht",
    "yet to be fine-tuned, so", "hat darum nichts zu sagen",
    "told from its size", "aus seiner Größe geschlossen",
    "the paper's and the book's", "des Buchs",
    "As the preset has it", "the paper's for the paper", "wie im Aufsatz beim Aufsatz",
    "has learnt for more than a minute", "lernt seit mehr als einer Minute",
    "what the sentence names", "is not made twice", "was der Satz nennt",
    "Four models on the same held-out rows", "your own text in front of both", "eigener Text vor beiden",
    "How far a probability can", "einer Wahrscheinlichkeit zu trauen",
    "gap and kept are told in", "worin Abstand und Erhalt",
    "Give one text that isn't empty", "der nicht leer ist",
    "Undichte Stellen", "gleich wer",
    # of the same kind, mended with them
    "than this run is given", "Nothing is made", "Its cost is told", "It can't start like this", "Told from {n",
    "are as “{name}” has them", "has to say appears here", "is known only to those who", "not at its comparison",
    "the kinder the best of them", "which there is no more", "No run fits", "is taken in.", "stayed behind",
    "those that there are", "Only a run that has ended can be taken in", "is the most that is taken in",
    "can be shared out", "the scores may flatter", "also stands with another label", "nobody will know what",
    "Stopped before there was a student to keep", "what was on disk is kept",
)  # fmt: skip
# words of the page that were too short to be understood where they stand
TOO_SHORT = (
    "any", "neither", "only the teacher", "only the student", "the kept one", "the one that is kept", "Am besten",
    "keiner", "das behaltene",
)  # fmt: skip


def texts(file: Path) -> Iterator[str]:
    """What a file holds of words: the strings of a Python file, each whole; all of any other."""
    source = file.read_text(encoding="utf-8")
    if file.suffix != ".py":
        yield source
        return
    tree = ast.parse(source)
    # what stored runs say is translated still
    tree.body = [
        node for node in tree.body if not (isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "EARLIER")
    ]
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@pytest.fixture(scope="module")
def words() -> dict[str, str]:
    """The words of every file by its path."""
    return {file.relative_to(ROOT).as_posix(): "\n".join(texts(file)) for file in FILES}


@pytest.mark.parametrize("fragment", GONE)
def test_no_sentence_that_was_not_understood_comes_back(fragment: str, words: dict[str, str]) -> None:
    assert [name for name, text in words.items() if fragment in text] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_word_that_was_too_short_comes_back(language: str) -> None:
    assert [key for key, text in table(language).items() if text in TOO_SHORT] == []


def test_every_kind_of_file_with_words_is_read(words: dict[str, str]) -> None:
    assert "left out, so that the scores stay fair" in words["distill_core/data/leakage.py"]  # over two lines
    assert "Look at the data" in words["ui/i18n/locales/en.py"] and "Aufgabe" in words["ui/i18n/locales/de.py"]
    assert {"ui/i18n/engine_messages/de.py", "ui/learn/lessons/8_compare.js", "ui/steps/task.html"} <= set(words)
