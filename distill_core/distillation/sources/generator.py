"""Texts that a language model writes after some of the labelled ones, whose labels it is not shown.

Each batch of lines goes on after other rows, so that the texts are as different as the rows. What the model wrote is in
the cache, chunk by chunk, before anything is left out of it: a stopped run goes on at the chunk it was in, and a run
that asks for more texts writes the rest alone. The teacher's confidence leaves no text out: it would be asked before
the stage that labels, at the same cost, and a text of which it is unsure shows its student where its answers change.

Not for pairs: a line is one text.
"""

import json
import random
import time
from collections.abc import Generator, Iterator
from math import ceil
from pathlib import Path

from distill_core.cache import CacheKey, digest, write_file
from distill_core.config.schema import Config
from distill_core.distillation import language_model
from distill_core.distillation.language_model import LanguageModel, ModelFiles
from distill_core.distillation.text_filter import ROOM, TextFilter
from distill_core.distillation.transfer_builder import NOT_OF_ROWS, SourceInputs, TransferSetBuilder, transfer_note
from distill_core.events import Event, Progress
from distill_core.progress import TimeLeft

NAME = "generator"
FORMAT = 1  # raise when the same model would write other texts after the same rows
FILE = "texts.json"
EXAMPLES = 8  # rows in front of a batch
BATCH = 32  # lines that are written at once: 5 texts a second of a core with 135 M weights, no more with 48
CHUNK = 4  # batches in an entry of the cache: half a minute of a small model at most is lost
TRIES = 4  # texts that are written for each one that is wanted, before it is given up
SAMPLE = 500  # rows whose tokens say how long a text may become


def check(config: Config) -> None:
    """Raise TeacherError where the config's language model can be none, before a run begins."""
    if config.generator:
        language_model.check_name(config.generator)


def add_texts(builder: TransferSetBuilder, inputs: SourceInputs) -> Iterator[Event]:
    """Add the texts of the config's language model, up to the limit. Raises TeacherError, HubError, Stopped."""
    config = inputs.config
    if not config.generator:
        return
    if inputs.data.pair:
        yield transfer_note("The language model wrote no texts: your rows are pairs, and it writes single texts.",
                            "warning")  # fmt: skip
        return
    wanted = min(config.generated_texts, builder.limit - len(builder.texts))
    if wanted <= 0:
        yield transfer_note("The language model wrote no texts: the limit of {limit:,} texts ({knob:knob}) is reached.",
                            "warning", **builder.limit_values())  # fmt: skip
        return
    yield Progress("transfer", 0, wanted, "texts")
    written, accepted, added = _Written(inputs, config.generator), TextFilter(inputs.data), 0
    time_left = TimeLeft(wanted)
    for number in range(ceil(TRIES * wanted / (CHUNK * BATCH))):
        if not written.is_cached(number):
            time_left = time_left if written.computed else TimeLeft(wanted, added)
        for place, text in enumerate((yield from written.chunk(number, added, wanted, time_left))):
            if added < wanted and accepted.accepts(text):
                added += builder.add((text,), NAME, number * CHUNK * BATCH + place, NOT_OF_ROWS)
        if added == wanted:
            break
    yield Progress("transfer", wanted, wanted, "texts", 0.0)
    if added < wanted:
        yield transfer_note("The language model wrote {added:,} of {wanted:,} texts that were asked for; the others "
                            "were no new ones, or of another length than your rows.", "warning",
                            added=added, wanted=wanted)  # fmt: skip


def first_texts(inputs: SourceInputs, name: str, count: int) -> tuple[list[str], float, int]:
    """As many texts as one batch of the model gives, as a run would accept them, the seconds for each of them, and the
    bytes of the model."""
    written, accepted = _Written(inputs, name), TextFilter(inputs.data)
    model = written.model()
    started = time.monotonic()
    texts = [text for text in written.batch(model, 0, 0, count) if accepted.accepts(text)]
    return texts, (time.monotonic() - started) / max(1, len(texts)), model.bytes


def _load(entry: Path) -> list[str]:
    texts: list[str] = json.loads((entry / FILE).read_text(encoding="utf-8"))
    return texts


class _Written:
    """What a language model writes after the rows, in chunks that are written where the cache lacks them."""

    def __init__(self, inputs: SourceInputs, name: str):
        self._inputs = inputs
        self._rows = [text[0] for text in inputs.data.train.texts]
        self._files: ModelFiles = language_model.locate(name, inputs.config.allow_pickle)
        self._key: CacheKey = {
            "format": FORMAT, "model": self._files.fingerprint, "rows": digest(self._rows), "seed": inputs.config.seed,
        }  # fmt: skip
        self._model: LanguageModel | None = None
        self._most_tokens = 0
        self.computed = 0  # chunks that the cache lacked

    def is_cached(self, number: int) -> bool:
        """Whether the chunk was written before."""
        cache = self._inputs.cache
        return cache is not None and cache.has(NAME, {**self._key, "chunk": number})

    def chunk(self, number: int, added: int, wanted: int, time_left: TimeLeft) -> Generator[Event, None, list[str]]:
        """The texts of a chunk. Yields Progress by the `added` texts of those that are `wanted`. Raises Stopped."""
        cache, key = self._inputs.cache, {**self._key, "chunk": number}
        if cache and (found := cache.read(NAME, key, _load)) is not None:
            return found
        texts: list[str] = []
        model = self.model()
        for batch in range(CHUNK):
            texts += self.batch(model, number, batch, BATCH)
            yield Progress("transfer", added, wanted, "texts", time_left.after(added))

        if cache:
            with cache.put(NAME, key) as folder:
                write_file(folder / FILE, json.dumps(texts, ensure_ascii=False).encode())
        self.computed += 1
        return texts

    def batch(self, model: LanguageModel, number: int, batch: int, lines: int) -> list[str]:
        """The texts of one batch."""
        draw = random.Random(f"{self._inputs.config.seed} {number} {batch}")
        examples = draw.sample(self._rows, min(EXAMPLES, len(self._rows)))
        return model.write(examples, lines, draw.getrandbits(60), self._most_tokens, self._inputs.raise_if_stopped)

    def model(self) -> LanguageModel:
        """The model, loaded when it is asked for first."""
        if self._model is None:
            self._model = LanguageModel(self._files)
            step = max(1, len(self._rows) // SAMPLE)
            self._most_tokens = ceil(ROOM * max(self._model.count_tokens(self._rows[::step])))
        return self._model
