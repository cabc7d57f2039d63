"""The transfer set: the labelled texts, the user's unlabelled ones, and texts made from the labelled by small changes.

Tang et al. 2019, section 3.3: each of `n_iter` passes over a text draws one number a word, which decides whether a
word rule changes it and which; then the first stretch rule that acts exchanges a stretch, or each text rule acts with
its own rate. Pairs rotate: the first sentence changes, the second, both. Knows nothing of labels or of what the
teacher will say.
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple

from tokenizers import Tokenizer

from distill_core import groups
from distill_core.augment._loan import Loan
from distill_core.config import Config
from distill_core.errors import KnobError, Stopped
from distill_core.events import Event, Note, Progress
from distill_core.generators import Kept
from distill_core.groups import Held
from distill_core.parts import AUGMENT
from distill_core.rows import bare
from distill_core.sentences import worded
from distill_core.text import WITHOUT_SPACES, Words, plain, words

if TYPE_CHECKING:
    from distill_core.data import Data

Text = tuple[str, ...]  # one sentence, or the two of a pair

SIDES = {1: ((0,),), 2: ((0,), (1,), (0, 1))}  # which sentences a pass changes; passes take them in turn
SECONDS = 0.25  # between two Progress events
DECIDING = ("task", "transfer")  # groups of the knobs that decide the transfer set
_kept: list[tuple[Any, str, list[Event], Any]] = []  # data, their knobs, what was said, the transfer set


class Change(NamedTuple):
    """The word at position `word` of sentence `side` was `before` and became `after` (several words, where a rule puts
    a stretch in its place), or was dropped (None)."""

    side: int
    word: int
    before: str
    after: str | None
    rule: str


@dataclass(frozen=True, slots=True)
class Offspring:
    """A text made from text number `origin`. `rules` are those whose work can be seen in it, in the order of the
    shelf; `changed` is every change, by sentence and word."""

    text: Text
    origin: int
    rules: tuple[str, ...]
    changed: tuple[Change, ...]


@dataclass(frozen=True)
class TransferSet:
    """What the student reads. `source` tells of each text "labelled", "unlabelled" or "augmented", in this order;
    `origin` is the row of the labelled set it is or came from, of the unlabelled pool for an unlabelled one. `counts`
    is how many augmented texts show each rule; `dropped` counts "duplicates" and "held_out" texts left out."""

    texts: list[Text]
    source: list[str]
    origin: list[int]
    counts: dict[str, int]
    dropped: dict[str, int] = field(default_factory=dict)


class Augmenter:
    """The rules of a config, prepared once on `corpus` (the labelled texts). The same seed, text and turn always give
    the same offspring, wherever the text stands: a preview shows what a run makes."""

    def __init__(
        self,
        corpus: Sequence[Text],
        config: Config,
        pieces: Tokenizer | None = None,
        language: str | None = None,
        seed: int | None = None,
    ):
        """`pieces` is the teacher's tokenizer: it cuts words in languages without spaces. Raises KnobError where the
        rates of the word rules add up to more than 1. `notes` are the rules that are off, each with why."""
        self.language = config.language if language is None else language
        self.seed = config.seed if seed is None else seed
        self.notes: list[tuple[str, str]] = []
        self._pieces = plain(pieces) if pieces is not None and self.language in WITHOUT_SPACES else None
        self._words: dict[str, Words] = {}
        rates = {name: config.rules.get(name, 0.0) for name in AUGMENT.names}
        rates = {name: rate for name, rate in rates.items() if rate > 0}
        level = {name: AUGMENT.get(name).LEVEL for name in rates}
        total = sum(rate for name, rate in rates.items() if level[name] == "word")
        if total > 1 + 1e-9:
            names = ", ".join(name for name in rates if level[name] == "word")
            raise KnobError(worded(
                "The rates of the rules {names} add up to {total:g}; at most 1 can be shared out. Lower one of them.",
                names=names, total=total), "rules")  # fmt: skip
        cuts = [self._cut(sentence) for text in corpus for sentence in text]
        sentences = [cut.tokens for cut in cuts]
        self._lent = {cut.tokens: cut for cut in reversed(cuts)}
        rules: dict[str, Callable] = {}
        for name in rates:
            rule, reason = AUGMENT.get(name).prepare(sentences, self.language)
            if rule is None:
                self.notes.append((name, reason))
            else:
                rules[name] = rule
        self.rules = tuple(rules)
        self._word_rules = [(name, rule) for name, rule in rules.items() if level[name] == "word"]
        self._limits = list(accumulate(rates[name] for name, _ in self._word_rules))
        self._stretch_rules = [(name, rates[name], rule) for name, rule in rules.items() if level[name] == "stretch"]
        self._text_rules = [(name, rates[name], rule) for name, rule in rules.items() if level[name] == "text"]
        self._random = random.Random()

    def first(self, text: Text, n: int, seed: int | None = None) -> list[Offspring]:
        """The first `n` distinct offspring of `text`, those that a run of that seed would make first; fewer where so
        few can be made of it."""
        found: dict[Text, Offspring] = {}
        for turn in range(50 * n):
            child = self.make(text, turn, seed=seed)
            if child.text != text:
                found.setdefault(child.text, child)
            if len(found) == n:
                break
        return list(found.values())

    def make(self, text: Text, turn: int, origin: int = 0, seed: int | None = None) -> Offspring:
        """What pass number `turn` makes of `text`; its `rules` are empty where nothing changed. `seed` overrules the
        augmenter's own."""
        # A stream of its own for each text and turn: neither other texts nor a limit or a stop can shift the draws.
        key = blake2b("\0".join(text).encode("utf-8", "surrogatepass"), digest_size=8).digest()
        seed = self.seed if seed is None else seed
        self._random.seed(seed << 96 | turn << 64 | int.from_bytes(key, "big"))
        sides = SIDES[len(text)]
        made, changed = list(text), []
        seen: set[str] = set()
        for side in sides[turn % len(sides)]:
            made[side], rules = self._change(side, self._cut(text[side]), changed)
            seen |= rules
        return Offspring(tuple(made), origin, tuple(name for name in self.rules if name in seen), tuple(changed))

    def _change(self, side: int, cut: Words, changed: list[Change]) -> tuple[str, set[str]]:
        """The sentence after all rules, and those whose work can be seen in it; adds to `changed`."""
        rng, limits, tokens = self._random, self._limits, list(cut.tokens)
        reach = limits[-1] if limits else 0.0
        for position, word in enumerate(cut.tokens):
            u = rng.random()  # one draw decides among all word rules
            if u < reach:
                name, rule = next(rule for limit, rule in zip(limits, self._word_rules, strict=True) if u < limit)
                tokens[position] = rule(cut.tokens, position, rng)
                if tokens[position] != word:
                    changed.append(Change(side, position, word, tokens[position], name))
        for name, rate, rule in self._stretch_rules:
            loan = rule(cut.tokens, rng) if rng.random() < rate else None
            if loan and cut.tokens[loan.start : loan.end] != loan.text[loan.first : loan.last]:
                return self._borrow(side, cut, tokens, loan, name, changed)
        kept, acted = None, set()
        swapped = {change.word: change.rule for change in changed if change.side == side}
        for name, rate, rule in self._text_rules:
            if tokens and rng.random() < rate:
                before = range(len(tokens)) if kept is None else kept
                after = [before[place] for place in rule([tokens[place] for place in before], rng)]
                if after != list(before):
                    gone = set(before).difference(after)
                    changed += [Change(side, place, cut.tokens[place], None, name) for place in before if place in gone]
                    kept = after
                    acted.add(name)
        here = swapped.values() if kept is None else [swapped[place] for place in kept if place in swapped]
        return cut.text(tokens, kept), acted.union(here)

    def _borrow(
        self, side: int, cut: Words, tokens: list[str], loan: Loan, rule: str, changed: list[Change]
    ) -> tuple[str, set[str]]:
        """The sentence with a stretch of another text in it: told at the stretch's first word, whose rest is dropped.
        What word rules did to the stretch is undone, and no text rule acts after it."""
        start, end, text, first, last = loan
        made = cut.exchanged(tokens, start, end, self._lent[text], first, last)
        inside = [change for change in changed if change.side == side and start <= change.word < end]
        changed[:] = [change for change in changed if change not in inside]
        others = {change.rule for change in changed if change.side == side}
        lent = self._lent[text].text(kept=range(first, last))
        changed.append(Change(side, start, cut.tokens[start], lent, rule))
        changed += [Change(side, place, cut.tokens[place], None, rule) for place in range(start + 1, end)]
        return made, others | {rule}

    def _cut(self, sentence: str) -> Words:
        cut = self._words.get(sentence)
        if cut is None:
            cut = self._words[sentence] = words(sentence, self.language, self._pieces)
        return cut


def augment(
    texts: Sequence[Text],
    config: Config,
    pieces: Tokenizer | None = None,
    language: str | None = None,
    seed: int | None = None,
    stop: Callable[[], bool] | None = None,
) -> Iterator[Offspring]:
    """All distinct offspring of `texts` that are not among `texts`, pass by pass. Raises Stopped."""
    augmenter = Augmenter(texts, config, pieces, language, seed)
    seen = set(texts)
    for child in _passes(augmenter, texts, config, stop):
        if child.text not in seen:
            seen.add(child.text)
            yield child


def preview(
    text: Text,
    corpus: Sequence[Text],
    config: Config,
    pieces: Tokenizer | None = None,
    n: int = 8,
    seed: int | None = None,
    language: str | None = None,
) -> list[Offspring]:
    """What `Augmenter.first` says of a text, which need not be in `corpus`."""
    return Augmenter(corpus, config, pieces, language, seed).first(text, n)


def build(
    data: "Data", config: Config, pieces: Tokenizer | None = None, stop: Callable[[], bool] | None = None
) -> Generator[Event, None, TransferSet]:
    """The transfer set of `data`: labelled texts, then the unlabelled pool, then augmented texts until
    `config.transfer_limit`. No text of the validation or test rows enters it, whatever its case or spacing, nor an
    augmented one that came to hold such a text of three words or more, unless `config.leaks` says keep.
    Yields Progress and Notes; returns the TransferSet. Raises Stopped, KnobError."""
    for kept_data, asked, said, made in _kept:
        if kept_data is data and asked == config.asked(*DECIDING):
            yield from said
            return made
    held_out = [text for split in (data.valid, data.test) for text in split.texts]
    kept = _Kept({bare(text) for text in held_out}, Held(held_out if config.leaks == "remove" else ()))
    for origin, text in enumerate(data.train.texts):
        kept.add(text, "labelled", origin)
    labelled = len(kept.texts)
    for origin, text in enumerate(data.unlabelled):
        if len(kept.texts) >= max(config.transfer_limit, labelled):
            yield _note("Of {all:,} unlabelled texts {seen:,} were looked at: the limit of {limit:,} texts "
                        "({knob:knob}) is reached.", "warning",
                        all=len(data.unlabelled), seen=origin, **_limit(config))  # fmt: skip
            break
        kept.add(text, "unlabelled", origin)
    counts: Counter[str] = Counter()
    augmented = False
    if config.n_iter and len(kept.texts) < config.transfer_limit:
        augmented = True
        yield from _augmented(data, config, pieces, stop, kept, counts)
    elif config.n_iter:
        yield _note("Nothing was augmented: the texts given already reach the limit of {limit:,} ({knob:knob}).",
                    "warning", **_limit(config))  # fmt: skip
    if kept.dropped["held_out"]:
        yield _note("Left out of the transfer set, because they equal or hold a validation or test text: {n:,}.",
                    n=kept.dropped["held_out"])  # fmt: skip
    if augmented and counts:
        shares = [worded("{rule} in {n:,}", rule=rule, n=count) for rule, count in counts.items()]
        yield _note("{n:,} augmented texts: {shares}; duplicates dropped: {same:,}.", n=kept.source.count("augmented"),
                    shares=shares, same=kept.dropped["duplicates"])  # fmt: skip
    return TransferSet(kept.texts, kept.source, kept.origin, dict(counts), dict(kept.dropped))


def keep(data: "Data", config: Config) -> None:
    """Builds the transfer set of `data` for every later `build` of these very data with the same rules."""
    said = list(building := Kept(build(data, config)))
    _kept.append((data, config.asked(*DECIDING), said, building.value))


def _augmented(
    data: "Data",
    config: Config,
    pieces: Tokenizer | None,
    stop: Callable[[], bool] | None,
    kept: "_Kept",
    counts: Counter[str],
) -> Iterator[Event]:
    total = config.n_iter * len(data.train.texts)
    yield Progress("transfer", 0, total, "texts")
    augmenter = Augmenter(data.train.texts, config, pieces, getattr(data, "language", None))
    for rule, reason in augmenter.notes:
        yield _note("The rule {rule} is off: {reason}", "warning", rule=rule, reason=reason)
    counts.update(dict.fromkeys(augmenter.rules, 0))
    start = told = time.monotonic()
    for done, child in enumerate(_passes(augmenter, data.train.texts, config, stop), 1):
        if child.rules and kept.add(child.text, "augmented", child.origin, data.train.texts[child.origin]):
            counts.update(child.rules)
            if len(kept.texts) == config.transfer_limit:
                yield _note("Augmentation ended in pass {turn:,} of {all:,}: the limit of {limit:,} texts "
                            "({knob:knob}) is reached.", turn=(done - 1) // len(data.train.texts) + 1,
                            all=config.n_iter, **_limit(config))  # fmt: skip
                break
        if done % 256 == 0 and (now := time.monotonic()) - told > SECONDS:
            told = now
            yield Progress("transfer", done, total, "texts", (now - start) / done * (total - done))
    yield Progress("transfer", total, total, "texts", 0.0)


def _passes(
    augmenter: Augmenter, texts: Sequence[Text], config: Config, stop: Callable[[], bool] | None
) -> Iterator[Offspring]:
    """Pass by pass and in mixed order, so that a limit cuts all texts alike, even where rows are sorted by label. As
    many offspring as `n_iter` passes over all texts make, whichever are augmented."""
    order = _whole(texts) if config.augmented == "whole" else list(range(len(texts)))
    random.Random(augmenter.seed).shuffle(order)
    for place in range(config.n_iter * len(texts)):
        if stop is not None and place % 256 == 0 and stop():
            raise Stopped(worded("The run was stopped while the transfer set was made."))
        turn, origin = divmod(place, len(order))
        yield augmenter.make(texts[order[origin]], turn, order[origin])


def _whole(texts: Sequence[Text]) -> list[int]:
    """The places of texts that stand in no other; of pairs, all."""
    if texts and len(texts[0]) > 1:
        return list(range(len(texts)))
    return groups.whole([text[0] for text in texts])


class _Kept:
    """The texts so far, each once, none of them held out."""

    def __init__(self, held_out: set[Text], holding: Held):
        self.texts: list[Text] = []
        self.source: list[str] = []
        self.origin: list[int] = []
        self.dropped: Counter[str] = Counter(duplicates=0, held_out=0)
        self._held_out, self._holding, self._seen = held_out, holding, set()

    def add(self, text: Text, source: str, origin: int, parent: Text | None = None) -> bool:
        """Takes the text unless it is known or held out, or holds what is held out and its `parent` does not: what the
        data's checks let through is not judged again."""
        if text in self._seen:
            self.dropped["duplicates"] += 1
            return False
        self._seen.add(text)
        newly = parent is not None and self._holding.inside(text) and not self._holding.inside(parent)
        if newly or bare(text) in self._held_out:
            self.dropped["held_out"] += 1
            return False
        self.texts.append(text)
        self.source.append(source)
        self.origin.append(origin)
        return True


def _limit(config: Config) -> dict[str, Any]:
    return {"limit": config.transfer_limit, "knob": "transfer_limit"}


def _note(template: str, level: str = "info", **values: Any) -> Note:
    return Note(worded(template, **values), level, "transfer")
