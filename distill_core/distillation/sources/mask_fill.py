"""Texts whose masked words a masked language model has filled (TinyBERT's way: Jiao et al. 2020, but that the model
reads a text once for all of its masked words, not once for each)."""

import json
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from distill_core.augmentation.augmenter import AugmentedText, Augmenter, make_passes
from distill_core.cache import CacheKey, write_file
from distill_core.config.schema import Config
from distill_core.data.examples import Text
from distill_core.distillation.mask_filling import MaskFiller
from distill_core.distillation.transfer_builder import SourceInputs, TransferSetBuilder, add_children, transfer_note
from distill_core.errors import TeacherError
from distill_core.events import Event, Progress
from distill_core.hub.client import is_id
from distill_core.messages import message
from distill_core.teacher.catalog import PREFIX, is_local
from distill_core.tokenization import MASK

NAME = "mask_fill"
FORMAT = 1  # raise when the same model would fill the same texts otherwise
FILE = "texts.json"
RATE = (
    0.25  # share of the words that are masked: more than the 15 % with which such models learn, for as many new words
)
CHUNK = 512  # texts in an entry of the cache


def check(config: Config) -> None:
    """Raise TeacherError where the config's model can be none, before a run begins and without asking the Hub."""
    name = config.filler
    if config.filled and name and not name.startswith(PREFIX) and not is_id(name) and not is_local(name):
        raise TeacherError(message(
            "There is no masked language model {name}. Give a folder with a model, or an id on the Hub such as {id}.",
            name=repr(name[:100]), id="google-bert/bert-base-uncased"))  # fmt: skip


def add_texts(builder: TransferSetBuilder, inputs: SourceInputs) -> Iterator[Event]:
    """Add the filled texts, up to the limit. Raises Stopped, HubError; TeacherError where a model was named."""
    config, texts = inputs.config, inputs.data.train.texts
    if not config.filled:
        return
    if len(builder.texts) >= builder.limit:
        yield transfer_note("No masked words were filled: the limit of {limit:,} texts ({knob:knob}) is reached.",
                            "warning", **builder.limit_values())  # fmt: skip
        return
    total = config.filled * len(texts)
    yield Progress("transfer", 0, total, "texts")
    try:
        filler = MaskFiller(config)
    except TeacherError as error:
        if config.filler:
            raise
        yield transfer_note("No masked words were filled: {reason}", "warning", reason=error.args[0])
        return
    children = filled_texts(filler, inputs, make_passes(masker(texts, inputs), texts, list(range(len(texts))), total))
    yield from add_children(builder, children, NAME, texts, total)


def masker(texts: Sequence[Text], inputs: SourceInputs) -> Augmenter:
    """An augmenter of `texts` that puts the mask in the place of words."""
    language = getattr(inputs.data, "language", None)
    return Augmenter(texts, inputs.config, inputs.pieces, language, only=(NAME, RATE, lambda words, index, draw: MASK))


def filled_texts(filler: MaskFiller, inputs: SourceInputs, masked: Iterable[AugmentedText]) -> Iterator[AugmentedText]:
    """The masked texts with words in the masks' places; the parents' own where that can't be. Raises Stopped."""
    rest, number = iter(masked), 0
    key: CacheKey = {
        "format": FORMAT, "model": filler.fingerprint, "tokens": filler.most_tokens, "seed": inputs.config.seed,
    }  # fmt: skip
    while children := list(islice(rest, CHUNK)):
        inputs.raise_if_stopped()
        sides = [list(child.text) for child in children]

        def fill(folder: Path, children: list[AugmentedText] = children, number: int = number) -> None:
            texts = _fill(filler, children, random.Random(f"{inputs.config.seed} {number}"))
            write_file(folder / FILE, json.dumps(texts, ensure_ascii=False).encode())

        def load(folder: Path) -> list[list[str] | None]:
            texts: list[list[str] | None] = json.loads((folder / FILE).read_text(encoding="utf-8"))
            return texts

        if inputs.cache:
            before = [[change.before for change in child.changed] for child in children]
            content = {**key, "texts": sides, "before": before, "number": number}
            found, _ = inputs.cache.memo(NAME, content, fill, load)
        else:
            found = _fill(filler, children, random.Random(f"{inputs.config.seed} {number}"))
        for child, text in zip(children, found, strict=True):
            yield replace(child, rules=()) if text is None else replace(child, text=tuple(text))
        number += 1


def _fill(filler: MaskFiller, children: Sequence[AugmentedText], draw: random.Random) -> list[list[str] | None]:
    """The texts of the children with words for their masks; None where nothing was masked, where a row has a mask of
    its own, or where the model does not read so far."""
    jobs = [(place, side) for place, child in enumerate(children) for side in range(len(child.text))
            if any(change.side == side for change in child.changed)]  # fmt: skip
    before = [[change.before for change in children[place].changed if change.side == side] for place, side in jobs]
    found = filler.fill([children[place].text[side] for place, side in jobs], before, draw)
    texts: list[list[str] | None] = [list(child.text) if child.changed else None for child in children]
    for (place, side), text in zip(jobs, found, strict=True):
        whole = texts[place]
        if text is None:
            texts[place] = None
        elif whole is not None:
            whole[side] = text
    return texts
