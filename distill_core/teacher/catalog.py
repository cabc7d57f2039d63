"""Catalog of teachers: those saved after a fine-tuning here, and suggested bases.

Imports nothing heavy, so that a page or a terminal can list them at once. A saved teacher is a folder
`<home>/teachers/<key>` with its weights, its tokenizer and `teacher.json`.
"""

import dataclasses
import datetime
import json
import re
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from distill_core.cache import MARKER, Cache, damaged_file, write_atomic
from distill_core.config.schema import Config
from distill_core.environment import home, local_path, public_host
from distill_core.errors import TeacherError
from distill_core.hub import models
from distill_core.messages import message
from distill_core.registry import TASKS
from distill_core.teacher.label_names import order_by_name

PREFIX = "kept:"
KIND = "teachers"
FACTS = "teacher.json"
TITLE = "title.txt"  # that a person gave it; no checksum is of this file, for it may change
KEY_LENGTH = 12  # letters of the folder's name in a teacher's name: enough for 100,000 teachers
DEFAULT = "google-bert/bert-base-uncased"


@dataclass(frozen=True)
class Suggestion:
    """Suggested teacher. `short` is what people call it; `weights` counts all of them, `layers` those outside the
    embedding tables, which decide its speed; `width` is that of its hidden states. `published`: the accuracy that its
    authors report, and the data set."""

    name: str
    short: str
    help: str
    weights: float
    layers: float
    width: int = 768
    published: tuple[float, str] | None = None


SUGGESTED = (  # the first ones are shown as cards
    Suggestion(DEFAULT, "BERT base", message("BERT base: the usual teacher; fine-tune it."), 109.5e6, 85.1e6),
    Suggestion("sentence-transformers/all-MiniLM-L6-v2", "MiniLM",
               message("MiniLM with six layers: the quickest to fine-tune."), 22.7e6, 10.6e6, 384),
    Suggestion("sentence-transformers/all-MiniLM-L12-v2", "MiniLM-L12",
               message("MiniLM with twelve layers: a quarter of the cost of BERT base; fine-tune it."),
               33.4e6, 21.3e6, 384),
    Suggestion("distilbert/distilbert-base-uncased", "DistilBERT",
               message("DistilBERT: half the cost of BERT base; fine-tune it."), 66.4e6, 42.5e6),
    Suggestion("FacebookAI/roberta-base", "RoBERTa base",
               message("RoBERTa base: often a little better than BERT; fine-tune it."), 124.6e6, 85.1e6),
    Suggestion("google-bert/bert-large-uncased", "BERT large",
               message("BERT large: used in the paper; takes three times as long as BERT base."),
               335.1e6, 302.3e6, 1024),
    Suggestion("distilbert/distilbert-base-uncased-finetuned-sst-2-english", "DistilBERT (SST-2)",
               message("DistilBERT already fine-tuned for SST-2."), 67.0e6, 42.5e6, published=(0.913, "SST-2")),
    Suggestion("google-bert/bert-base-multilingual-cased", "Multilingual BERT",
               message("Multilingual BERT, 104 languages; fine-tune it."), 177.9e6, 85.1e6),
)  # fmt: skip


MONTHS = (
    message("Jan"), message("Feb"), message("Mar"), message("Apr"), message("May"), message("Jun"), message("Jul"),
    message("Aug"), message("Sep"), message("Oct"), message("Nov"), message("Dec"),
)  # fmt: skip
LONGEST_TITLE = 80  # letters


def suggestion(name: str) -> Suggestion | None:
    """Suggested teacher of that name, None for any other."""
    return next((one for one in SUGGESTED if one.name == name), None)


def smaller_suggestions(config: Config) -> list[str]:
    """Names of the smaller English encoders that can be fine-tuned in the place of the usual teacher, the largest
    first; none where the config or its task names another."""
    usual = SUGGESTED[0]
    if teacher_name(config) != usual.name:
        return []
    smaller = [one for one in SUGGESTED if one.layers < usual.layers and one.published is None]
    return [one.name for one in sorted(smaller, key=lambda one: -one.layers)]


@dataclass(frozen=True)
class SavedTeacher:
    """Saved teacher. `name` is its value for the knob `teacher`; `accuracy` is a fraction, on its validation rows;
    `date` is ISO 8601 in UTC. `metric` and `score` are those of its run on the same rows, `file` the name of the file
    that its rows came from, and `given` the title that a person gave it; earlier ones lack all four."""

    name: str
    base: str
    task: str
    labels: tuple[str, ...]
    pair: bool
    accuracy: float
    rows: int
    date: str
    folder: Path
    metric: str = "accuracy"
    score: float | None = None
    file: str = ""
    given: str = ""

    @property
    def title(self) -> str:
        """Title to show: the given one, else its base, its rows, its date and its score."""
        if self.given:
            return self.given
        known = suggestion(self.base)
        base = known.short if known else re.split(r"[/\\]", self.base)[-1]
        data = self.file or (message("own rows") if self.task == "file" else self.task)
        day = datetime.datetime.fromisoformat(self.date).astimezone()
        facts = {"base": base, "data": data, "date": message("{day} {month}", day=day.day, month=MONTHS[day.month - 1])}
        if self.metric == "accuracy":
            return message("{base}, {data}, {date}, accuracy {share:.0%}", share=self.accuracy, **facts)
        return message("{base}, {data}, {date}, {metric:metric} {score:.2f}", metric=self.metric,
                       score=self.score or 0.0, **facts)  # fmt: skip

    def fits(self, labels: Collection[str], pair: bool | None = None) -> bool:
        """True where it answers with these labels by name, and to pairs or to single texts as asked. No labels: any
        will do."""
        return (not labels or order_by_name(self.labels, list(labels)) is not None) and pair in (None, self.pair)


FACT_KEYS = {field.name for field in dataclasses.fields(SavedTeacher)} - {"name", "folder"}


def teacher_name(config: Config) -> str:
    """Name of the config's teacher: its own, else its task's, else BERT base."""
    return config.teacher or TASKS.constant(config.task, "TEACHER") or DEFAULT


def teacher_cache(folder: Path | None = None) -> Cache:
    """Cache of the saved teachers, of the kind KIND. `folder` is the home, by default the user's own."""
    return Cache(folder or home())


def saved_teachers(folder: Path | None = None) -> list[SavedTeacher]:
    """All saved teachers under the home `folder`, the newest first, without unreadable ones."""
    teachers = []
    for place in (teacher_cache(folder).root / KIND).glob("[0-9a-f]*"):
        with suppress(OSError, ValueError, TypeError, KeyError):
            if (place / MARKER).is_file():
                facts = json.loads((place / FACTS).read_text(encoding="utf-8"))
                facts = {key: value for key, value in facts.items() if key in FACT_KEYS}
                if (place / TITLE).is_file():
                    facts["given"] = (place / TITLE).read_text(encoding="utf-8", errors="replace")
                facts |= {"labels": tuple(facts["labels"]), "name": PREFIX + place.name[:KEY_LENGTH], "folder": place}
                datetime.datetime.fromisoformat(facts["date"])  # its title holds it
                teachers.append(SavedTeacher(**facts))
    return sorted(teachers, key=lambda one: one.date, reverse=True)


def find_saved(name: str, folder: Path | None = None) -> SavedTeacher:
    """Saved teacher called "kept:<key>"; any unambiguous beginning of the key will do, but on a public host, where the
    key is what its owner knows. Raises TeacherError."""
    key, least = name.removeprefix(PREFIX), KEY_LENGTH if public_host() else 4
    everything = saved_teachers(folder)
    right = re.fullmatch(f"[0-9a-f]{{{least},40}}", key)
    matches = [one for one in everything if right and one.folder.name.startswith(key)]
    if len(matches) == 1:
        return matches[0]
    if public_host():
        raise TeacherError(message("No kept teacher is called {name}. Choose one that the page offers.",
                                   name=repr(name)))  # fmt: skip
    if not everything:
        raise TeacherError(message("No single kept teacher is called {name}. None is kept yet.", name=repr(name)))
    raise TeacherError(message("No single kept teacher is called {name}. Kept are: {known}.", name=repr(name),
                              known=", ".join(f"{one.name} ({one.title})" for one in everything[:5])))  # fmt: skip


def intact_folder(name: str) -> Path:
    """Folder of the saved teacher `name`, whose files are as they were written. Raises TeacherError."""
    saved = find_saved(name)
    if damaged := damaged_file(saved.folder):
        raise TeacherError(message(
            "The kept teacher {name} is damaged: {file} is not as it was written. Run the same fine-tuning again, "
            "which sets it aside and makes it anew, or choose another teacher.", name=saved.name,
            file=damaged[:60]))  # fmt: skip
    return saved.folder


def teacher_title(name: str, folder: Path | None = None) -> str:
    """Title of a saved teacher under the home `folder`, the name itself of any other, and of one that is gone."""
    with suppress(TeacherError):
        if name.startswith(PREFIX):
            return find_saved(name, folder).title
    return name


def rename(name: str, title: str) -> SavedTeacher:
    """Give the saved teacher `name` another title; an empty one takes the given title away. Raises TeacherError."""
    saved = find_saved(name)
    given = " ".join("".join(letter if letter.isprintable() else " " for letter in title).split())[:LONGEST_TITLE]
    write_atomic(saved.folder / TITLE, given.encode())
    return dataclasses.replace(saved, given=given)


class BuiltinCard(TypedDict):
    """Card of the built-in teacher, as far as the list of teachers shows it."""

    weights: int
    held_out_accuracy: float


def builtin_card() -> BuiltinCard:
    """Card of the built-in teacher, written by the script that trained it."""
    card: BuiltinCard = json.loads((Path(__file__).parents[1] / "builtin" / "MADE.json").read_text(encoding="utf-8"))
    return card


def is_local(name: str, allow_pickle: bool = False) -> bool:
    """True where the teacher `name` can be loaded without a download."""
    if name == "builtin":
        return True
    if name.startswith(PREFIX):
        return any(one.name.startswith(name) for one in saved_teachers())
    path = local_path(name)
    return (path is not None and path.is_dir()) or models.on_this_machine(name, allow_pickle)
