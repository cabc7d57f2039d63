"""Words of the teacher's vocabulary in frequent frames of the labelled rows: "a ___ movie" becomes "a gripping movie".

A frame is three or four words in a row of which one is open, and frequent where many different words stand there.
Beside a single word (`lexicon`) such a text shows the student what the words around it make of it. Not for pairs: a
frame is part of one sentence.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tokenizers import Tokenizer

from distill_core.data.examples import Text
from distill_core.distillation.sources.lexicon import vocabulary_words
from distill_core.distillation.transfer_builder import SourceInputs, TransferSetBuilder, transfer_note
from distill_core.errors import TeacherError
from distill_core.events import Event
from distill_core.student.source import EmbeddingSource
from distill_core.tokenization import MASK, TokenizedText, tokenize

NAME = "frame"
SIZES = (3, 4)  # words of a frame, the open one included
LEAST = 5  # different words that must stand in a frame's open place: fewer are a turn of phrase
MOST = 100  # frames, those with the most such words
WORDS = 50_000  # of the rows that are read, spread evenly: more would hardly change which frames come first
NO_FRAMES = (
    "No words were put into frames: in no three or four words in a row of your labelled texts do {least} different "
    "words stand in the same place."
)


class Frame(NamedTuple):
    """A frame: the words start:end of a text, of which the one at `slot` is open."""

    cut: TokenizedText
    start: int
    end: int
    slot: int

    def text(self, word: str) -> str:
        """The frame with that word in its open place."""
        tokens = list(self.cut.tokens)
        tokens[self.slot] = word
        return self.cut.text(tokens, range(self.start, self.end))


def add_texts(builder: TransferSetBuilder, inputs: SourceInputs) -> Iterator[Event]:
    """Add so many words in frames, up to the limit. Raises Stopped."""
    wanted = inputs.config.framed
    if not wanted or inputs.teacher is None:
        return
    if inputs.data.pair:
        yield transfer_note("No words were put into frames: your rows are pairs.", "warning")
        return
    if len(builder.texts) >= builder.limit:
        yield transfer_note("No words were put into frames: the limit of {limit:,} texts ({knob:knob}) is reached.",
                            "warning", **builder.limit_values())  # fmt: skip
        return
    frames = frequent_frames(inputs.data.train.texts, inputs.data.language, inputs.pieces)
    if not frames:
        yield transfer_note(NO_FRAMES, "warning", least=LEAST)
        return
    try:
        texts = framed_words(inputs.teacher, frames, inputs.config.seed)
    except TeacherError as error:
        yield transfer_note("No words were put into frames: {reason}", "warning", reason=error.args[0])
        return
    added = builder.add_all(texts, NAME, wanted, inputs)
    if added < wanted and len(builder.texts) < builder.limit:
        yield transfer_note("The teacher's vocabulary and {frames:,} frames make {added:,} of the {wanted:,} texts "
                            "that were asked for.", frames=len(frames), added=added, wanted=wanted)  # fmt: skip


def frequent_frames(texts: Sequence[Text], language: str, pieces: Tokenizer | None = None) -> list[Frame]:
    """The frames of the texts in whose open place the most different words stand, those with the most first."""
    cuts = _spread(texts, language, pieces)
    counts = Counter(key for cut in cuts for key, _ in _stretches(cut))
    fillers: dict[tuple[str, ...], set[str]] = defaultdict(set)  # of the few that can be frequent
    first: dict[tuple[str, ...], Frame] = {}
    for cut in cuts:
        for key, frame in _stretches(cut):
            if counts[key] >= LEAST:
                fillers[key].add(cut.tokens[frame.slot].casefold())
                first.setdefault(key, frame)
    frequent = sorted((-len(words), key) for key, words in fillers.items() if len(words) >= LEAST)
    return [first[key] for _, key in frequent[:MOST]]


def framed_words(teacher: EmbeddingSource, frames: Sequence[Frame], seed: int) -> Iterator[str]:
    """Each word of the teacher's vocabulary in a frame that the seed draws, then each in the next one, until all stood
    in all. Raises TeacherError."""
    words, draw = vocabulary_words(teacher), random.Random(f"{seed} {NAME}")
    starts = [draw.randrange(len(frames)) for _ in words]
    return (
        frames[(start + turn) % len(frames)].text(word)
        for turn in range(len(frames))
        for start, word in zip(starts, words, strict=True)
    )


def _spread(texts: Sequence[Text], language: str, pieces: Tokenizer | None) -> list[TokenizedText]:
    """The texts cut into words, or so many of them, evenly spread, that have about WORDS words."""
    few = texts[:: max(1, len(texts) // 1000)]
    mean = sum(len(tokenize(side, language, pieces).tokens) for text in few for side in text) / max(1, len(few))
    step = max(1, round(len(texts) * mean / WORDS))
    return [tokenize(side, language, pieces) for text in texts[::step] for side in text]


def _stretches(cut: TokenizedText) -> Iterator[tuple[tuple[str, ...], Frame]]:
    """Every stretch of a frame's size without signs or masks, with each of its words open in turn, "" in the key."""
    tokens = [token.casefold() for token in cut.tokens]
    is_word = [token[0].isalnum() and own != MASK for token, own in zip(tokens, cut.tokens, strict=True)]
    for size in SIZES:
        for start in range(len(tokens) - size + 1):
            if all(is_word[start : start + size]):
                for slot in range(size):
                    key = (*tokens[start : start + slot], "", *tokens[start + slot + 1 : start + size])
                    yield key, Frame(cut, start, start + size, start + slot)
