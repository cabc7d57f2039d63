"""Teachers that were fine-tuned here and are kept for the next run, and the bases worth naming.

Imports nothing heavy, so that a page or a terminal can list them at once. A kept teacher is a folder
`<home>/teachers/<key>` that holds its weights, its tokenizer and `teacher.json`.
"""

import json
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distill_core.cache import MARKER, Cache
from distill_core.config.schema import Config
from distill_core.environment import home, public_host
from distill_core.errors import TeacherError
from distill_core.hub import models
from distill_core.messages import message
from distill_core.registry import TASKS

PREFIX = "kept:"
KIND = "teachers"
FACTS = "teacher.json"
KEY_LENGTH = 12  # of the folder's name, in the name that people see: enough for 100,000 teachers
DEFAULT = "google-bert/bert-base-uncased"


@dataclass(frozen=True)
class Suggestion:
    """A base worth naming. `weights` in all and `layers` the weights besides its tables, which its time goes by;
    `published`: the accuracy its authors give, and on what."""

    name: str
    help: str
    weights: float
    layers: float
    published: tuple[float, str] | None = None


SUGGESTED = (
    Suggestion(DEFAULT, message("BERT base: the usual teacher; fine-tune it."), 109.5e6, 85.1e6),
    Suggestion("google-bert/bert-large-uncased",
               message("BERT large: the paper's and the book's; three times the cost of BERT base."), 335.1e6, 302.3e6),
    Suggestion("FacebookAI/roberta-base", message("RoBERTa base: often a little better than BERT; fine-tune it."),
               124.6e6, 85.1e6),
    Suggestion("distilbert/distilbert-base-uncased", message("DistilBERT: half the cost of BERT base; fine-tune it."),
               66.4e6, 42.5e6),
    Suggestion("sentence-transformers/all-MiniLM-L6-v2", message("MiniLM with six layers: the quickest to fine-tune."),
               22.7e6, 10.6e6),
    Suggestion("distilbert/distilbert-base-uncased-finetuned-sst-2-english",
               message("DistilBERT already fine-tuned for SST-2."), 67.0e6, 42.5e6, (0.913, "SST-2")),
    Suggestion("google-bert/bert-base-multilingual-cased",
               message("Multilingual BERT, 104 languages; fine-tune it."), 177.9e6, 85.1e6),
)  # fmt: skip


@dataclass(frozen=True)
class SavedTeacher:
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


def teacher_name(config: Config) -> str:
    """The teacher that `config` means: the one it names, else its task's own, else BERT base."""
    return config.teacher or TASKS.constant(config.task, "TEACHER") or DEFAULT


def teacher_cache(folder: Path | None = None) -> Cache:
    """Where the kept teachers stand, as a cache of the kind KIND. `folder` is the home, the user's own if left out."""
    return Cache(folder or home())


def saved_teachers(folder: Path | None = None) -> list[SavedTeacher]:
    """All kept teachers under the home `folder`, the newest first. What can't be read is left out."""
    found = []
    for place in (teacher_cache(folder).root / KIND).glob("[0-9a-f]*"):
        with suppress(OSError, ValueError, TypeError, KeyError):
            if (place / MARKER).is_file():
                facts = json.loads((place / FACTS).read_text(encoding="utf-8"))
                facts["labels"] = tuple(facts["labels"])
                found.append(SavedTeacher(name=PREFIX + place.name[:KEY_LENGTH], folder=place, **facts))
    return sorted(found, key=lambda one: one.date, reverse=True)


def find_saved(name: str, folder: Path | None = None) -> SavedTeacher:
    """The kept teacher called "kept:<key>"; any unambiguous beginning of the key will do. Raises TeacherError."""
    key = name.removeprefix(PREFIX)
    everything = saved_teachers(folder)
    matches = [one for one in everything if re.fullmatch("[0-9a-f]{4,40}", key) and one.folder.name.startswith(key)]
    if len(matches) == 1:
        return matches[0]
    if not everything:
        raise TeacherError(message("No single kept teacher is called {name}. None is kept yet.", name=repr(name)))
    raise TeacherError(message("No single kept teacher is called {name}. Kept are: {known}.", name=repr(name),
                              known=", ".join(one.name for one in everything[:5])))  # fmt: skip


def builtin_card() -> dict[str, Any]:
    """What the built-in teacher is, as the script that made it wrote it down."""
    return json.loads((Path(__file__).parents[1] / "builtin" / "MADE.json").read_text(encoding="utf-8"))


def is_local(name: str, allow_pickle: bool = False) -> bool:
    """Whether the teacher `name` can be loaded without a download."""
    if name == "builtin":
        return True
    if name.startswith(PREFIX):
        return any(one.name.startswith(name) for one in saved_teachers())
    return (not public_host() and Path(name).expanduser().is_dir()) or models.on_this_machine(name, allow_pickle)
