"""Teachers that were fine-tuned here and are kept for the next run, and the bases worth naming.

Imports nothing heavy, so that a page or a terminal can list them at once. A kept teacher is a folder
`<home>/teachers/<key>` that holds its weights, its tokenizer and `teacher.json`.
"""

import json
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from distill_core.cache import MARKER, Cache
from distill_core.config import Config
from distill_core.errors import TeacherError
from distill_core.parts import TASKS
from distill_core.store import home

PREFIX = "kept:"
KIND = "teachers"
FACTS = "teacher.json"
KEY_LENGTH = 12  # of the folder's name, in the name that people see: enough for 100,000 teachers
DEFAULT = "google-bert/bert-base-uncased"
SUGGESTED: tuple[tuple[str, str], ...] = (
    (DEFAULT, "BERT base, 110 M weights: the usual teacher; fine-tune it."),
    ("google-bert/bert-large-uncased", "BERT large, 340 M weights: the paper's and the book's; three times the cost."),
    ("FacebookAI/roberta-base", "RoBERTa base, 125 M weights: often a little better than BERT; fine-tune it."),
    ("distilbert/distilbert-base-uncased", "DistilBERT, 66 M weights: half the cost of BERT base."),
    ("sentence-transformers/all-MiniLM-L6-v2", "MiniLM with six layers, 22 M weights: the quickest to fine-tune."),
    ("distilbert/distilbert-base-uncased-finetuned-sst-2-english", "DistilBERT already fine-tuned for SST-2."),
    ("google-bert/bert-base-multilingual-cased", "Multilingual BERT, 104 languages; fine-tune it."),
)


@dataclass(frozen=True)
class Kept:
    """One kept teacher. `name` is what the knob `teacher` takes; `accuracy` is a fraction, on its validation rows;
    `date` is ISO 8601 in UTC."""

    name: str
    base: str
    task: str
    labels: tuple[str, ...]
    pair: bool
    accuracy: float
    rows: int
    date: str
    folder: Path


def name_for(config: Config) -> str:
    """The teacher that `config` means: the one it names, else its task's own, else BERT base."""
    return config.teacher or TASKS.constant(config.task, "TEACHER") or DEFAULT


def shelf(folder: Path | None = None) -> Cache:
    """Where the kept teachers stand, as a cache of the kind KIND. `folder` is the home, the user's own if left out."""
    return Cache(folder or home())


def kept(folder: Path | None = None) -> list[Kept]:
    """All kept teachers under the home `folder`, the newest first. What can't be read is left out."""
    found = []
    for place in (shelf(folder).root / KIND).glob("[0-9a-f]*"):
        with suppress(OSError, ValueError, TypeError, KeyError):
            if (place / MARKER).is_file():
                facts = json.loads((place / FACTS).read_text(encoding="utf-8"))
                facts["labels"] = tuple(facts["labels"])
                found.append(Kept(name=PREFIX + place.name[:KEY_LENGTH], folder=place, **facts))
    return sorted(found, key=lambda one: one.date, reverse=True)


def find(name: str, folder: Path | None = None) -> Kept:
    """The kept teacher called "kept:<key>"; any unambiguous beginning of the key will do. Raises TeacherError."""
    key = name.removeprefix(PREFIX)
    everything = kept(folder)
    matches = [one for one in everything if re.fullmatch("[0-9a-f]{4,40}", key) and one.folder.name.startswith(key)]
    if len(matches) == 1:
        return matches[0]
    known = ", ".join(one.name for one in everything[:5])
    raise TeacherError(
        f"No single kept teacher is called {name!r}. " + (f"Kept are: {known}." if known else "None is kept yet.")
    )
