"""The augmenter: applies a config's rules to a text, with the same result for the same seed.

Tang et al. 2019, section 3.3: each pass over a text draws one number a word, which decides whether a word rule
changes it and which; then the first span rule that acts exchanges a span, or each text rule acts with its own rate.
Pairs rotate: the first sentence changes, the second, both. Knows nothing of labels or of teachers."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import accumulate
from typing import NamedTuple

from tokenizers import Tokenizer

from distill_core.augmentation.rules import SpanRule, TextRule, WordRule
from distill_core.augmentation.spans import SpanReplacement
from distill_core.config.schema import AUTO_LANGUAGE, Config
from distill_core.data import overlap
from distill_core.data.language import ENGLISH
from distill_core.errors import KnobError, Stopped
from distill_core.messages import message
from distill_core.registry import RULES
from distill_core.tokenization import WITHOUT_SPACES, TokenizedText, tokenize, without_truncation

Text = tuple[str, ...]  # one sentence, or the two of a pair
SIDES = {1: ((0,),), 2: ((0,), (1,), (0, 1))}  # the sentences that a pass changes, in rotation


class Change(NamedTuple):
    """A change of the word at position `word` of sentence `side`: it was `before` and became `after` (several words,
    where a rule puts a span in its place), or was dropped (None)."""

    side: int
    word: int
    before: str
    after: str | None
    rule: str


@dataclass(frozen=True, slots=True)
class AugmentedText:
    """A new text, from text number `origin`. `rules` are those with a visible effect on it, in the registry's order;
    `changed` is every change, by sentence and word."""

    text: Text
    origin: int
    rules: tuple[str, ...]
    changed: tuple[Change, ...]


class Augmenter:
    """The rules of a config, prepared once on `corpus` (the labelled texts). The same seed, text and turn always yield
    the same new text, whatever the text's number: a preview shows the texts of a run."""

    def __init__(
        self,
        corpus: Sequence[Text],
        config: Config,
        pieces: Tokenizer | None = None,
        language: str | None = None,
        seed: int | None = None,
        only: tuple[str, float, WordRule] | None = None,
    ):
        """An augmenter with the teacher's tokenizer `pieces`, which cuts words in languages without spaces. With `only`
        (name, rate, prepared rule) of that rule alone, instead of the config's. Raises KnobError where the rates
        of the word rules add up to more than 1. `notes` are the rules that are off, each with its reason;
        `words` are the distinct ones of the corpus."""
        asked = ENGLISH if config.language == AUTO_LANGUAGE else config.language
        self.language = asked if language is None else language
        self.seed = config.seed if seed is None else seed
        self.notes: list[tuple[str, str]] = []
        self._pieces = without_truncation(pieces) if pieces is not None and self.language in WITHOUT_SPACES else None
        self._words: dict[str, TokenizedText] = {}
        rates = {name: config.rules.get(name, 0.0) for name in RULES.names} if only is None else {}
        rates = {name: rate for name, rate in rates.items() if rate > 0}
        level = {name: RULES.get(name).LEVEL for name in rates}
        total = sum(rate for name, rate in rates.items() if level[name] == "word")
        if total > 1 + 1e-9:
            names = ", ".join(name for name in rates if level[name] == "word")
            raise KnobError(message(
                "The rates of the rules {names} add up to {total:g}; 1 is the most. Lower one of them.",
                names=names, total=total), "rules")  # fmt: skip
        cuts = [self._cut(sentence) for text in corpus for sentence in text]
        sentences = [cut.tokens for cut in cuts]
        self._cuts = {cut.tokens: cut for cut in reversed(cuts)}
        self.words = tuple(dict.fromkeys(word for tokens in sentences for word in tokens))
        active: list[str] = []
        self._word_rules: list[tuple[str, WordRule]] = []
        self._span_rules: list[tuple[str, float, SpanRule]] = []
        self._text_rules: list[tuple[str, float, TextRule]] = []
        for name, rate in rates.items():
            rule, reason = RULES.get(name).prepare(sentences, self.language)
            if rule is None:
                self.notes.append((name, reason))
                continue
            active.append(name)
            if level[name] == "word":
                self._word_rules.append((name, rule))
            elif level[name] == "span":
                self._span_rules.append((name, rate, rule))
            else:
                self._text_rules.append((name, rate, rule))
        if only is not None:
            name, rates[only[0]], word_rule = only
            active.append(name)
            self._word_rules.append((name, word_rule))
        self.rules = tuple(active)
        self._limits = list(accumulate(rates[name] for name, _ in self._word_rules))
        self._random = random.Random()

    def first(self, text: Text, n: int, seed: int | None = None) -> list[AugmentedText]:
        """The first `n` distinct new texts from `text` in a run of that seed; fewer where the rules make no more."""
        children: dict[Text, AugmentedText] = {}
        for turn in range(50 * n):
            child = self.make(text, turn, seed=seed)
            if child.text != text:
                children.setdefault(child.text, child)
            if len(children) == n:
                break
        return list(children.values())

    def count_words(self, text: Text) -> int:
        """Number of words and signs of a text, as the rules meet them."""
        return sum(len(self._cut(side).tokens) for side in text)

    def make(self, text: Text, turn: int, origin: int = 0, seed: int | None = None) -> AugmentedText:
        """The new text of pass number `turn` over `text`; its `rules` are empty where nothing changed. `seed` overrules
        the augmenter's own."""
        # A stream of its own for each text and turn: neither other texts nor a limit or a stop can shift the draws.
        key = blake2b("\0".join(text).encode("utf-8", "surrogatepass"), digest_size=8).digest()
        seed = self.seed if seed is None else seed
        self._random.seed(seed << 96 | turn << 64 | int.from_bytes(key, "big"))
        sides = SIDES[len(text)]
        sentences = list(text)
        changed: list[Change] = []
        seen: set[str] = set()
        for side in sides[turn % len(sides)]:
            sentences[side], rules = self._change(side, self._cut(text[side]), changed)
            seen |= rules
        names = tuple(name for name in self.rules if name in seen)
        return AugmentedText(tuple(sentences), origin, names, tuple(changed))

    def _change(self, side: int, cut: TokenizedText, changed: list[Change]) -> tuple[str, set[str]]:
        """The sentence after all rules, and the rules with a visible effect on it; adds to `changed`."""
        rng, limits, tokens = self._random, self._limits, list(cut.tokens)
        reach = limits[-1] if limits else 0.0
        for position, word in enumerate(cut.tokens):
            u = rng.random()  # one draw decides among all word rules
            if u < reach:
                name, rule = next(rule for limit, rule in zip(limits, self._word_rules, strict=True) if u < limit)
                tokens[position] = rule(cut.tokens, position, rng)
                if tokens[position] != word:
                    changed.append(Change(side, position, word, tokens[position], name))
        for name, rate, exchange in self._span_rules:
            span = exchange(cut.tokens, rng) if rng.random() < rate else None
            if span and cut.tokens[span.start : span.end] != span.text[span.first : span.last]:
                return self._replace_span(side, cut, tokens, span, name, changed)
        remaining: list[int] | None = None  # positions; None for all of them
        acted: set[str] = set()
        swapped = {change.word: change.rule for change in changed if change.side == side}
        for name, rate, drop in self._text_rules:
            if tokens and rng.random() < rate:
                before = list(range(len(tokens))) if remaining is None else remaining
                after = [before[place] for place in drop([tokens[place] for place in before], rng)]
                if after != before:
                    gone = set(before).difference(after)
                    changed += [Change(side, place, cut.tokens[place], None, name) for place in before if place in gone]
                    remaining = after
                    acted.add(name)
        visible = [rule for place, rule in swapped.items() if remaining is None or place in remaining]
        return cut.text(tokens, remaining), acted.union(visible)

    def _replace_span(
        self, side: int, cut: TokenizedText, tokens: list[str], span: SpanReplacement, rule: str, changed: list[Change]
    ) -> tuple[str, set[str]]:
        """The sentence with a span of another text in it: a change of the replaced span's first word, whose other words
        are dropped. Changes by word rules inside the replaced span are undone, and no text rule acts after it."""
        start, end, text, first, last = span
        sentence = cut.replace_span(tokens, start, end, self._cuts[text], first, last)
        inside = [change for change in changed if change.side == side and start <= change.word < end]
        changed[:] = [change for change in changed if change not in inside]
        others = {change.rule for change in changed if change.side == side}
        inserted = self._cuts[text].text(positions=range(first, last))
        changed.append(Change(side, start, cut.tokens[start], inserted, rule))
        changed += [Change(side, place, cut.tokens[place], None, rule) for place in range(start + 1, end)]
        return sentence, others | {rule}

    def _cut(self, sentence: str) -> TokenizedText:
        cut = self._words.get(sentence)
        if cut is None:
            cut = self._words[sentence] = tokenize(sentence, self.language, self._pieces)
        return cut


def augmentation_passes(
    augmenter: Augmenter, texts: Sequence[Text], config: Config, stop: Callable[[], bool] | None
) -> Iterator[AugmentedText]:
    """The new texts of the config's rules. Their number is `config.n_iter` times that of `texts`, whichever of them are
    augmented. Raises Stopped."""
    places = _maximal_texts(texts) if config.augmented == "whole" else list(range(len(texts)))
    return make_passes(augmenter, texts, places, config.n_iter * len(texts), stop)


def make_passes(
    augmenter: Augmenter, texts: Sequence[Text], places: list[int], count: int, stop: Callable[[], bool] | None = None
) -> Iterator[AugmentedText]:
    """`count` new texts of those at the `places`, pass by pass and in random order, so that a limit cuts all texts
    alike, even where rows are sorted by label. Raises Stopped."""
    order = list(places)
    random.Random(augmenter.seed).shuffle(order)
    for place in range(count):
        if stop is not None and place % 256 == 0 and stop():
            raise Stopped(message("The run was stopped while the transfer set was made."))
        turn, origin = divmod(place, len(order))
        yield augmenter.make(texts[order[origin]], turn, order[origin])


def _maximal_texts(texts: Sequence[Text]) -> list[int]:
    """The places of the texts that no other text contains; of pairs, all places."""
    if texts and len(texts[0]) > 1:
        return list(range(len(texts)))
    return overlap.maximal_texts([text[0] for text in texts])
