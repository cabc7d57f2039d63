"""Texts of a bank, those nearest to each label in the teacher's vectors (SentAugment: Du et al. 2020).

Not for pairs: what makes two sentences a pair is how the one goes with the other, and two sentences of a bank that
were put together go with one another as little as those of two rows, which `paired` puts together already.
"""

import json
from collections.abc import Generator, Iterator
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path

from distill_core.cache import CacheKey, digest, write_atomic, write_file
from distill_core.config.schema import Config
from distill_core.data.text_bank import TextBank, check_bank, count_texts, open_bank
from distill_core.distillation.nearest_texts import BankText, nearest_texts
from distill_core.distillation.transfer_builder import NOT_OF_ROWS, SourceInputs, TransferSetBuilder, transfer_note
from distill_core.errors import TeacherError
from distill_core.events import Event

NAME = "bank"
FORMAT = 1  # raise when the same bank would give other texts
FILE = "texts.json"
FROZEN = "bank.json"  # in the run's folder


def check(config: Config) -> None:
    """Raise DataError where one of the config's banks can be none, before a run begins."""
    for name in config.bank:
        check_bank(name)


def add_texts(builder: TransferSetBuilder, inputs: SourceInputs) -> Iterator[Event]:
    """Add the nearest texts of the config's banks, up to the limit. Raises DataError, HubError, Stopped."""
    config = inputs.config
    if not config.bank or not config.bank_texts or inputs.teacher is None:
        return
    if inputs.data.pair:
        yield transfer_note("No texts were taken from the text bank: your rows are pairs, and a bank has single texts.",
                            "warning")  # fmt: skip
        return
    if len(builder.texts) >= builder.limit:
        yield transfer_note("No texts were taken from the text bank: the limit of {limit:,} texts ({knob:knob}) is "
                            "reached.", "warning", **builder.limit_values())  # fmt: skip
        return
    try:
        texts = yield from _frozen(inputs)
    except TeacherError as error:
        yield transfer_note("No texts were taken from the text bank: {reason}", "warning", reason=error.args[0])
        return
    for one in texts:
        if len(builder.texts) >= builder.limit:
            break
        builder.add((one.text,), NAME, one.number, NOT_OF_ROWS)
    if 0 < len(texts) < config.bank_texts:
        yield transfer_note(
            "The text bank has {n:text|texts} as long as your rows that {n:~is|are} not among them, fewer than the "
            "{wanted:,} that were asked for.", n=len(texts), wanted=config.bank_texts)  # fmt: skip
    if not texts:
        yield transfer_note("The text bank has no text as long as your rows that is not among them, so none was taken.",
                            "warning")  # fmt: skip


def _frozen(inputs: SourceInputs) -> Generator[Event, None, list[BankText]]:
    """The nearest texts, those that the run took when it began: when it is resumed a bank may have grown, or be out of
    reach."""
    file, asked = inputs.folder / FROZEN if inputs.folder else None, digest(_key(inputs))
    if file and file.is_file():
        with suppress(ValueError, LookupError, TypeError):  # damaged on the disk: they are chosen anew
            stored = json.loads(file.read_text(encoding="utf-8"))
            if stored["asked"] == asked:
                return [BankText(*one) for one in stored["texts"]]
    banks = [open_bank(name) for name in inputs.config.bank]
    for bank in banks:
        for note in bank.notes:
            yield transfer_note("Text bank: {note}", note=note)
    texts = yield from _chosen(inputs, banks)
    if file:
        write_atomic(file, json.dumps({"asked": asked, "texts": texts}, ensure_ascii=False).encode())
    return texts


def _key(inputs: SourceInputs) -> CacheKey:
    """Cache key of the choice but for the banks' own texts."""
    config, teacher, train = inputs.config, inputs.teacher, inputs.data.train
    assert teacher is not None
    return {
        "format": FORMAT, "lines": config.bank_lines, "texts": config.bank_texts, "teacher": teacher.fingerprint,
        "rows": digest([train.texts, train.labels]), "unlabelled": digest(inputs.data.unlabelled),
        "tokens": [teacher.max_tokens, config.cut],
    }  # fmt: skip


def _load(entry: Path) -> list[BankText]:
    return [BankText(*one) for one in json.loads((entry / FILE).read_text(encoding="utf-8"))]


def _chosen(inputs: SourceInputs, banks: list[TextBank]) -> Generator[Event, None, list[BankText]]:
    """The nearest texts, from the cache where they were chosen before: reading a large bank takes minutes."""
    config, key = inputs.config, {**_key(inputs), "banks": [bank.version for bank in banks]}
    if inputs.cache and (found := inputs.cache.read(NAME, key, _load)) is not None:
        return found
    expected = sum(count_texts(name, config.bank_lines) for name in config.bank)
    lines = chain.from_iterable(islice(bank.texts, config.bank_lines) for bank in banks)
    texts = yield from nearest_texts(inputs, lines, config.bank_texts, expected)

    if inputs.cache:
        with inputs.cache.put(NAME, key) as folder:
            write_file(folder / FILE, json.dumps(texts, ensure_ascii=False).encode())
    return texts
