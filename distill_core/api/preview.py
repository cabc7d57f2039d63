"""Previews before a run: an own file, the data, the offspring of a text, the teacher's answer to one."""

import importlib
import os
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from distill_core.api import inference
from distill_core.api.answers import Offspring, Preview, SourcePreview, TeacherAnswer
from distill_core.api.questions import question
from distill_core.api.session import SampledTexts, session
from distill_core.api.teacher_answers import teacher_probabilities
from distill_core.cache import atomic_file, checksum
from distill_core.config.knobs import path_names
from distill_core.config.schema import Config
from distill_core.environment import public_host
from distill_core.errors import TeacherError, UserError
from distill_core.messages import message

if TYPE_CHECKING:
    from distill_core.augmentation.augmenter import Augmenter
    from distill_core.data.dataset import Dataset
    from distill_core.distillation.word_coverage import WordCoverage
    from distill_core.teacher.model import Teacher

# What the first preview imports, in pieces of a second or so.
HEAVY_MODULES = (
    "torch",
    "transformers",
    "transformers.modeling_utils",
    "transformers.models.bert.modeling_bert",
    "transformers.models.bert.tokenization_bert",
    "distill_core.teacher.loading",
    "distill_core.augmentation.augmenter",
    "textblob.en",
)
MOST_NEAR_TEXTS = 20_000  # whose words a preview counts: as many as "auto" makes, a second or two
MOST_BANK_TEXTS = 2_000  # of each text bank that a preview looks at: a second
SAMPLED = 200  # of these that are as near as a run's would be
MOST_TURNS = 3  # masked texts for each one of a preview, for some turns mask nothing
GENERATED = 8  # lines that a language model writes for a preview: some seconds
CALM_PAUSE = 0.3  # seconds between two looks whether it is calm


def save_upload(file: Path | str) -> Path:
    """Save a copy of an uploaded file in the home folder, under its digest, so that a resumed run still finds it.

    Args:
        file: A file that exists.

    Returns:
        The copy. The same content under the same name gives the same path.

    Raises:
        UserError: The home can only be read.

    Example:
        >>> copy = core.save_upload(table)
        >>> copy.name, core.is_upload(copy), core.is_upload(table)
        ('toy.csv', True, False)
    """
    import shutil

    session.store().require_writable()
    source = Path(file)
    place = _uploads() / checksum(source)[:32]
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    copy = place / source.name
    if not copy.is_file():
        with atomic_file(copy) as part:
            shutil.copyfile(source, part)
    os.utime(place)  # `sweep_uploads` goes by it
    return copy


def _uploads() -> Path:
    """The folder of uploads: on a public host one of its own, which is swept."""
    return session.store().home / ("visitors" if public_host() else "uploads")


def sweep_uploads(hours: float) -> int:
    """Delete the copies that `save_upload` made on a public host, but those of the last hours and those that a waiting
    run will read: a run that has begun has its rows in its own folder. Elsewhere nothing is deleted.

    Args:
        hours: How long a copy stays.

    Returns:
        How many uploads were deleted.

    Example:
        >>> core.sweep_uploads(hours=24)
        0
    """
    import shutil

    if not public_host():
        return 0
    configs = [row.config for row in session.store().runs(10_000, status="queued")]
    values = [config.get(knob) or [] for config in configs for knob in path_names()]
    waiting = {Path(name).parent for value in values for name in ([value] if isinstance(value, str) else value)}
    swept = 0
    for place in _uploads().glob("*"):
        with suppress(OSError):  # another app of this home sweeps too
            if place not in waiting and time.time() - place.stat().st_mtime > 3600 * hours:
                shutil.rmtree(place)
                swept += 1
    return swept


def is_upload(file: Path | str | None) -> bool:
    """Whether `file` is a copy that `save_upload` made. Its path has the file's digest, so only its uploader knows it.

    Args:
        file: Any path, or None.

    Example:
        >>> core.is_upload(None), core.is_upload(core.save_upload(table))
        (False, True)
    """
    if not file:
        return False
    path, uploads = Path(file).resolve(), _uploads().resolve()
    return path.is_file() and path.parent.parent == uploads


def columns(file: Path | str) -> tuple[str, ...]:
    """Columns of a table file, by name.

    Args:
        file: A CSV, TSV, JSONL, Excel or Parquet file.

    Raises:
        DataError: The file can't be read as a table.

    Example:
        >>> core.columns(table)
        ('text', 'label')
    """
    from distill_core.data import readers

    return readers.read_table(file).columns


@dataclass(frozen=True)
class Inspection:
    """Inspection of a config's data. `rows`: train, valid, test, unlabelled; `balance`: training rows of each label;
    `sample`: the first training rows as {"text", "label"} and "text2" for a pair; `notes`: (level, sentence)."""

    rows: dict[str, int]
    labels: tuple[str, ...]
    balance: dict[str, int]
    sample: list[dict[str, str]]
    notes: list[tuple[str, str]]
    columns: dict[str, str]
    pair: bool
    language: str
    scored_on: str


def inspect(config: Config, sample: int = 8) -> Inspection:
    """Inspect the config's data as a run reads and checks them.

    Args:
        config: The knobs of a run.
        sample: Training rows to show.

    Raises:
        UserError: The data can't be read, or no run could use them.

    Example:
        >>> inspection = core.inspect(config)
        >>> inspection.labels, inspection.columns["text"], inspection.pair
        (('bad', 'good'), 'text', False)
    """
    from distill_core.evaluation import diagnostics
    from distill_core.evaluation.objective import objective_for

    data, objective = session.load_data(config), objective_for(config)
    names = ("text", "text2")
    lengths = diagnostics.check_lengths(data, config)
    return Inspection(
        rows={"train": len(data.train.texts), "valid": len(data.valid.texts), "test": len(data.test.texts),
              "unlabelled": len(data.unlabelled)},
        labels=tuple(data.labels),
        balance=objective.balance(data.train.labels, data.labels),
        sample=[dict(zip(names, text, strict=False)) | {"label": objective.label(label, data.labels)}
                for text, label in list(zip(data.train.texts, data.train.labels, strict=True))[:sample]],
        notes=[_note(note) for note in (*data.notes, *diagnostics.check_data(data), *lengths)],
        columns=dict(data.columns), pair=data.pair, language=data.language, scored_on=data.scored_on,
    )  # fmt: skip


def check_data(config: Config) -> None:
    """Check the config's own file before a run is started on it, which would fail at once. A data set of the Hub is
    checked by its run.

    Args:
        config: The knobs of a run.

    Raises:
        UserError: The file can't be read, no run could use it, or none is named.

    Example:
        >>> core.check_data(config)
    """
    session.check_data(config)


def data_refusal(config: Config) -> UserError | None:
    """Refusal of the config's own file, as far as `inspect` has read it already. Reads nothing itself.

    Args:
        config: The knobs of a run.

    Returns:
        The error that `inspect` and `check_data` raise; None where the file can be used or was not read yet.

    Example:
        >>> core.data_refusal(config) is None
        True
    """
    return session.data_refusal(config)


@question
def preview(
    config: Config, text: str | inference.Text | None = None, n: int = 5, *, ask: bool = True, seed: int | None = None
) -> Preview:
    """Preview of the texts that the augmentation rules make of one text, with the teacher's answer to each. For a pair
    the new pairs of its sentences come first, whose rule is "paired".

    Args:
        config: The knobs of a run.
        text: A string, or a tuple of two for a task of pairs; None for a training text.
        n: Offspring to make, at least 1.
        ask: Whether the teacher answers.
        seed: Draws other offspring, and another training text, than the config's own seed.

    Returns:
        {"text": [side, …], "probabilities": {label: p}, "answer": label, "offspring": [{"text", "rules", "changed":
        [[side, word number, before, after, rule], …], "probabilities", "answer"}, …]}; neither probabilities nor answer
        where `ask` is False or the teacher is yet to be fine-tuned. Where the config makes texts with near words and
        the teacher is on this machine: "near", offspring with such words (of a teacher that is yet to be fine-tuned by
        its table before), and "words", {"brought", "before", "after"}: how many words they bring; and "sources", the
        texts of a text bank and of a language model, those with filled masks, single words, and words in frames. None
        of these where `ask` is False.

    Raises:
        UserError: The data or the teacher can't be loaded, or the text is empty or of the wrong number of sides.

    Example:
        >>> offspring = core.preview(config, "a warm and funny film", n=2, ask=False)["offspring"]
        >>> len(offspring), sorted(offspring[0])
        (2, ['changed', 'rules', 'text'])
    """
    from distill_core.augmentation import augmenter as augmentation_augmenter
    from distill_core.distillation.sources.paired import SOURCE, first_pairs
    from distill_core.evaluation.objective import objective_for
    from distill_core.tokenization import WITHOUT_SPACES

    if n < 1:
        raise UserError(message("A preview shows 1 text or more, not {n:,}.", n=n))
    data = session.load_data(config)
    teacher = session.load_teacher(config) if ask and not config.fine_tune else None
    seed = config.seed if seed is None else seed
    chosen = inference.check_text(text, data.pair) if text else data.train.texts[seed % len(data.train.texts)]
    pieces = (
        teacher.subword_tokenizer() if teacher and data.language in WITHOUT_SPACES else None
    )  # else words need none
    # Tagging all training texts takes seconds, the offspring of one text nothing.
    key = (data.fingerprint(), repr(config.rules), teacher.fingerprint if pieces and teacher else "")
    with session.load_lock:
        augmenter = session.cached(
            session.augmenters,
            key,
            lambda: augmentation_augmenter.Augmenter(data.train.texts, config, pieces, data.language),
        )
        offspring = augmenter.first(chosen, n, seed)
        near, base = None, _base(config, data, teacher) if ask else None
        with suppress(TeacherError):  # without the teacher's pieces there are no such texts, as in the run
            near = _near_words(config, data, base) if base else None
        near_offspring = near[0].first(chosen, n, seed) if near else []
        sources = _sources(config, data, base, chosen, n) if ask else {}
    paired = first_pairs(chosen, data.train.texts, min(n, config.pairing), seed) if data.pair else []
    from_elsewhere = [child for source in sources.values() for child in source["texts"]]
    texts = [chosen, *paired, *(child.text for child in (*offspring, *near_offspring)),
             *(tuple(child["text"]) for child in from_elsewhere)]  # fmt: skip
    objective = objective_for(config)
    shares = teacher_probabilities(teacher, texts, objective) if teacher else []
    children: list[Offspring] = [{"text": list(pair), "rules": [SOURCE], "changed": []} for pair in paired]
    children += [
        {"text": list(child.text), "rules": list(child.rules), "changed": [list(change) for change in child.changed]}
        for child in (*offspring, *near_offspring)
    ]
    result: Preview = {"text": list(chosen), "offspring": children[: len(paired) + len(offspring)]}
    if near:
        result["near"] = children[len(paired) + len(offspring) :]
        result["words"] = {"brought": near[1].brought, "before": near[1].before, "after": near[1].after}
    if sources:
        result["sources"] = sources
    for part, one in zip(
        (result, *children, *from_elsewhere), shares, strict=False
    ):  # no answers where the teacher is not asked
        part["probabilities"], part["answer"] = one, objective.answer(one)
    return result


class _Base(NamedTuple):
    """The model of whose table and pieces new texts are made, loaded when it is asked for, and what tells it from
    others."""

    key: tuple[str, str | None]
    load: "Callable[[], Teacher]"


def _base(config: Config, data: "Dataset", teacher: "Teacher | None") -> _Base | None:
    """The `teacher`, or before its fine-tuning the base of the config's; None where that is not on this machine."""
    from distill_core.teacher import fine_tuning
    from distill_core.teacher.catalog import is_local, teacher_name

    name = teacher_name(config)
    if teacher is None and not is_local(name, config.allow_pickle):
        return None
    key = (name, teacher.fingerprint if teacher else None)
    return _Base(key, lambda: teacher or fine_tuning.load_untuned(config, data.labels))


def _near_words(config: Config, data: "Dataset", base: _Base) -> "tuple[Augmenter, WordCoverage] | None":
    """The augmenter that exchanges words for near ones, and the words that its texts bring; None where a run of
    `config` makes none."""
    from distill_core.distillation.neighbours import NeighbourWords
    from distill_core.distillation.sources import neighbour
    from distill_core.distillation.word_coverage import word_coverage
    from distill_core.tokenization import WITHOUT_SPACES

    texts, passes = data.train.texts, neighbour.planned_passes(config, data)
    if not passes:
        return None

    def make() -> "tuple[Augmenter, WordCoverage]":
        source = base.load()
        pieces = source.subword_tokenizer() if data.language in WITHOUT_SPACES else None
        augmenter = neighbour.neighbour_augmenter(texts, config, NeighbourWords(source), pieces, data.language)
        children = islice(neighbour.neighbour_texts(augmenter, texts, passes), MOST_NEAR_TEXTS)
        return augmenter, word_coverage(texts, (child.text for child in children), data.valid.texts)

    key = (data.fingerprint(), base.key, passes, config.seed)
    return session.cached(session.near_words, key, make)


def _sources(
    config: Config, data: "Dataset", base: _Base | None, chosen: "inference.Text", n: int
) -> dict[str, SourcePreview]:
    """Previews of the other sources that a run of `config` asks, by their names, without those that need a base that
    is not here; `chosen` is the text on show."""
    asked: dict[str, Callable[[], SampledTexts]] = {}
    if config.bank and not data.pair and base:
        asked["bank"] = partial(_bank, config, data, base)
    if config.generator and not data.pair:
        asked["generator"] = partial(_generated, config, data)
    if config.lexicon and not data.pair and base:
        asked["lexicon"] = partial(_single_words, config, data, base)
    if config.framed and not data.pair and base:
        asked["frame"] = partial(_framed, config, data, base)
    if config.filled:
        asked["mask_fill"] = partial(_filled, config, data, chosen, n)
    previews: dict[str, SourcePreview] = {}
    for name, find in asked.items():
        try:
            found = find()
        except UserError as error:
            previews[name] = {"texts": [], "looked": 0, "problem": error.args[0]}
            continue
        words = found.words
        previews[name] = {
            "texts": [{"text": list(text), "rules": [name], "changed": []} for text in found.texts[:n]],
            "looked": found.looked, "varied": name == "mask_fill",
            "words": {"brought": words.brought, "before": words.before, "after": words.after},
        }  # fmt: skip
    return previews


def _filled(config: Config, data: "Dataset", chosen: "inference.Text", n: int) -> SampledTexts:
    """The first texts with filled masks of the chosen one, and the words that those of some rows bring. Raises
    UserError, also where the model is not on this machine."""
    from distill_core.augmentation.augmenter import AugmentedText
    from distill_core.distillation.mask_filling import MaskFiller, model_name
    from distill_core.distillation.sources import mask_fill
    from distill_core.distillation.transfer_builder import SourceInputs
    from distill_core.distillation.word_coverage import word_coverage
    from distill_core.teacher.catalog import is_local

    name = model_name(config)
    if not is_local(name, config.allow_pickle):
        raise UserError(message("The model {name} is not on this machine yet: a run downloads it.", name=name))
    filler = session.cached(
        session.fillers, (name, config.allow_pickle, config.token_limit), lambda: MaskFiller(config)
    )
    inputs = SourceInputs(data, config)

    def fill(children: "Iterable[AugmentedText]") -> list[inference.Text]:
        return [child.text for child in mask_fill.filled_texts(filler, inputs, children) if child.rules]

    def make() -> "tuple[int, WordCoverage]":
        rows = data.train.texts[:SAMPLED]
        texts = fill(mask_fill.masker(rows, inputs).make(row, 0, place) for place, row in enumerate(rows))
        return len(texts), word_coverage(data.train.texts, texts, data.valid.texts)

    looked, words = session.cached(session.filled, (data.fingerprint(), name, config.seed, config.token_limit), make)
    masker = mask_fill.masker([chosen], inputs)
    own = fill(masker.make(chosen, turn) for turn in range(MOST_TURNS * n))
    return SampledTexts(list(dict.fromkeys(own)), looked, words)


def _bank(config: Config, data: "Dataset", base: _Base) -> SampledTexts:
    """Nearest texts among the first ones of the config's banks, by the base's table alone. Raises UserError."""
    from distill_core.data import text_bank
    from distill_core.distillation.nearest_texts import sieve
    from distill_core.distillation.transfer_builder import SourceInputs
    from distill_core.distillation.word_coverage import word_coverage
    from distill_core.events import CapturedGenerator

    def make() -> SampledTexts:
        most = min(MOST_BANK_TEXTS, config.bank_lines)
        texts = [text for one in config.bank for text in islice(text_bank.open_bank(one).texts, most)]
        choosing = CapturedGenerator(
            sieve(SourceInputs(data, config, teacher=base.load()), texts, min(SAMPLED, config.bank_texts), len(texts))
        )
        for _ in choosing:
            pass
        best: list[inference.Text] = [(one.text,) for one in choosing.value]
        return SampledTexts(best, len(texts), word_coverage(data.train.texts, best, data.valid.texts))

    versions = tuple(map(repr, map(text_bank.file_version, config.bank)))
    sizes = (config.bank_lines, config.bank_texts, config.token_limit, config.cut)
    key = (data.fingerprint(), base.key, versions, sizes)
    return session.cached(session.banks, key, make)


def _single_words(config: Config, data: "Dataset", base: _Base) -> SampledTexts:
    """The first words of the base's vocabulary that no row has. Raises UserError."""
    from distill_core.data.overlap import distinct_words
    from distill_core.distillation.sources.lexicon import vocabulary_words
    from distill_core.distillation.word_coverage import word_coverage

    def make() -> SampledTexts:
        words = vocabulary_words(base.load())[: config.lexicon]
        known = distinct_words(data.train.texts)
        texts: list[inference.Text] = [(word,) for word in words]
        coverage = word_coverage(data.train.texts, texts, data.valid.texts)
        return SampledTexts([text for text in texts if text[0].casefold() not in known], len(texts), coverage)

    key = (data.fingerprint(), base.key, config.lexicon)
    return session.cached(session.lexicons, key, make)


def _framed(config: Config, data: "Dataset", base: _Base) -> SampledTexts:
    """The first words in frequent frames of the rows, those first whose word no row has. Raises UserError."""
    from distill_core.data.overlap import distinct_words
    from distill_core.distillation.sources.frame import LEAST, NO_FRAMES, framed_words, frequent_frames
    from distill_core.distillation.word_coverage import word_coverage
    from distill_core.tokenization import WITHOUT_SPACES

    def make() -> SampledTexts:
        source, rows = base.load(), data.train.texts
        pieces = source.subword_tokenizer() if data.language in WITHOUT_SPACES else None
        frames = frequent_frames(rows, data.language, pieces)
        if not frames:
            raise UserError(message(NO_FRAMES, least=LEAST))
        words = framed_words(source, frames, config.seed)
        texts: list[inference.Text] = [(text,) for text in islice(words, config.framed)]
        known = distinct_words(rows)
        coverage = word_coverage(rows, texts, data.valid.texts)
        return SampledTexts([text for text in texts if distinct_words([text]) - known], len(texts), coverage)

    key = (data.fingerprint(), base.key, config.framed, config.seed)
    return session.cached(session.frames, key, make)


def _generated(config: Config, data: "Dataset") -> SampledTexts:
    """A few texts of the config's language model. Raises UserError, also where the model is not on this machine."""
    from distill_core.distillation import language_model
    from distill_core.distillation.sources.generator import first_texts
    from distill_core.distillation.transfer_builder import SourceInputs
    from distill_core.distillation.word_coverage import word_coverage

    name = config.generator or ""
    language_model.check_name(name)
    if not language_model.is_local(name, config.allow_pickle):
        raise UserError(message("The model {name} is not on this machine yet: a run downloads it.", name=name))

    def make() -> SampledTexts:
        written, *_ = first_texts(SourceInputs(data, config), name, GENERATED)
        texts: list[inference.Text] = [(text,) for text in written]
        return SampledTexts(texts, len(texts), word_coverage(data.train.texts, texts, data.valid.texts))

    return session.cached(session.generated, (data.fingerprint(), name, config.seed, config.token_limit), make)


@question
def ask_teacher(config: Config, text: str | inference.Text) -> TeacherAnswer:
    """Ask the config's teacher about one text.

    Args:
        config: The knobs of a run.
        text: A string, or a tuple of two for a task of pairs.

    Returns:
        {"labels": […], "objective": how logits are read ("single_label": by a softmax), "logits": […],
        "probabilities": {label: probability}, "ms": median milliseconds}.

    Raises:
        UserError: The teacher can't be loaded or is yet to be fine-tuned, or the text is empty or of the wrong number
            of sides.

    Example:
        >>> answer = core.ask_teacher(config, "a warm and funny film")
        >>> answer["labels"], len(answer["logits"]), answer["ms"] > 0
        (['bad', 'good'], 2, True)
    """
    from distill_core.evaluation.objective import objective_for

    if config.fine_tune:
        raise UserError(message("This teacher has not been trained on your data yet. Ask it after the run."))
    data = session.load_data(config)
    chosen = inference.check_text(text, data.pair)
    return inference.teacher_answer(session.load_teacher(config), chosen, objective_for(config))


def warm_up(calm: Callable[[], bool]) -> None:
    """Warm up what the first preview would wait for, in a thread. Returns at once.

    Args:
        calm: Whether the machine has time now; asked before each import and load.
    """

    def load() -> None:
        pieces: list[Callable[[], object]] = [partial(importlib.import_module, name) for name in HEAVY_MODULES]
        pieces += [partial(preview, Config(), n=1), partial(ask_teacher, Config(), "a film")]
        for piece in pieces:
            while not calm():
                time.sleep(CALM_PAUSE)
            with session.load_lock, suppress(Exception):  # the preview itself reports it
                piece()

    threading.Thread(target=load, name="stillroom-warm-up", daemon=True).start()


def _note(note: Any) -> tuple[str, str]:
    return ("info", note) if isinstance(note, str) else (note[0], note[1])
