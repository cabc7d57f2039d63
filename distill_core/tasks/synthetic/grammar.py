"""The grammar of the built-in reviews: from a region's name and a seed to short texts and their labels.

Every opinion ("the soup was not bland") belongs to one region, chosen by a hash of its words, and a text has opinions
of one region only. So the test rows share no text with any other row, and not even a clause that judges.
"""

import functools
import hashlib
import random
from bisect import bisect
from collections.abc import Sequence
from itertools import accumulate
from typing import Generic, TypeVar

from distill_core.tasks.synthetic import lexicon

T = TypeVar("T")

# Shares of the opinions, in hundredths: for training the teacher, for a run, for its test rows.
REGIONS = {"teacher": 50, "run": 30, "test": 20}

# How fast a word's frequency falls with its rank: 1 / (rank + KNEE) ** SLOPE.
SLOPE = 1.2
KNEE = 1.0

ADVERBS = """very really so rather truly quite absolutely thoroughly utterly remarkably incredibly simply unusually
    altogether astonishingly decidedly undeniably downright extraordinarily positively"""
NOTS = """not; never; not at all; far from; anything but; hardly; not remotely; by no means; not exactly; not in the
    least; in no way; nowhere near; not even slightly; scarcely; not the slightest bit"""
TOO = "too; far too; a little too; much too; a shade too; altogether too"
STANDARD = """last time; the year before; I remembered; I had been led to believe; the reviews suggest; the one before;
    the photographs suggest; most"""
EVER = "ever; I had expected; the reviews said; the last time; I had been told; anyone could imagine"

# An opinion is a frame filled for a verdict. `same` is an adjective of that verdict, `other` one of its contrary;
# `deed` is an act of the noun in the past tense, `undeed` one that it failed to do, in the verb's plain form.
BOTH, PRAISE, BLAME = "both", "praise", "blame"
PLAIN = (
    (44, BOTH, "the {noun} {was} {same}"),
    (22, BOTH, "the {noun} {was} {adverb} {same}"),
    (10, BOTH, "the {noun} {was} {same} and {same2}"),
    (20, BOTH, "the {noun} {deed}"),
    (5, BOTH, "I found the {noun} {adverb} {same}"),
    (2, BOTH, "the {noun} {was} as {same} as {ever}"),
    (12, BOTH, "the {noun} {was} {not} {other}"),
    (2, BOTH, "the {noun} {was} neither {other} nor {other2}"),
    (2, BOTH, "there was nothing {other} about the {noun}"),
    (1, BOTH, "nobody could call the {noun} {other}"),
    (1, BOTH, "I would not call the {noun} {other}"),
    (4, BOTH, "the {noun} did not {undeed}"),
    (1, BOTH, "the {noun} never {undone}"),
    (1, BOTH, "the {noun} {was} {same} rather than {other}"),
    (1, BOTH, "the {noun} {was} not {other} but {same}"),
    (1, BOTH, "the {noun} {was} more {same} than {other}"),
    (2, BOTH, "the {noun} promised to be {other} and turned out {same}"),
    (1, BOTH, "the {noun} {was} no longer {other}"),
    (1, BOTH, "the {noun} {was} less {other} than {standard}"),
    (1, BLAME, "the {noun} could have been {other}"),
    (1, BLAME, "I wish the {noun} had been {other}"),
    (1, BLAME, "the {noun} failed to {undeed}"),
    (2, PRAISE, "the {noun} could not have been less {other}"),
    (3, BLAME, "the {noun} {was} {too} {degree}"),
    (2, BLAME, "the {noun} {was} not {degree} enough"),
    (3, PRAISE, "the {noun} {was} just {degree} enough"),
    (2, PRAISE, "the {noun} {was} neither too {degree} nor too {degree2}"),
)
# Frames for a sentence of its own: inside "although ..." nobody could follow them.
FULL = (
    (2, BOTH, "I expected the {noun} to be {other}, and nothing could have been further from the truth"),
    (2, BOTH, "I expected the {noun} to be {same}, and I was not mistaken"),
    (2, BOTH, "{voice} called the {noun} {other}, and I could not disagree more"),
    (2, BOTH, "{voice} called the {noun} {same}, and I could not agree more"),
    (2, BOTH, "{voice} told me that the {noun} would be {other}, wrongly"),
    (2, BOTH, "{voice} told me that the {noun} would be {same}, and rightly so"),
    (1, PRAISE, "my fear that the {noun} would be {other} came to nothing"),
    (1, BLAME, "my hope that the {noun} would be {other} came to nothing"),
    (1, BLAME, "if only the {noun} had been {other}"),
)
# A text is a plan filled for its label: the opinions `a` agree with it, the opinions `b` contradict it. A capital
# begins a sentence, and a doubled letter is an opinion with a sentence to itself.
PLANS = (
    (28, "{AA}."),
    (18, "{A}, and {a2}."),
    (18, "{AA}. {AA2}."),
    (8, "{AA}. {Verdict}."),
    (6, "{AA}. {Exclaim}."),
    (11, "{B}, but {a}."),
    (2, "{B}, yet {a}."),
    (2, "{BB}. Even so, {a}."),
    (1, "{BB}. In the end, though, {a}."),
    (1, "{BB}. What matters more is that {a}."),
    (4, "Although {b}, {a}."),
    (1, "While {b}, {a}."),
    (3, "{A}, even though {b}."),
    (2, "{A}, although {b}."),
    (1, "{A} despite the {thing}."),
    (2, "Despite the {thing}, {a}."),
    (1, "{B} and {b2}, but {a}."),
    (1, "{A}, even though {b} and {b2}."),
    (1, "{BB}. All the same, {verdict}."),
    (1, "{BB}. Still, {exclaim}."),
    (1, "{BB}. On the whole, though, {exclaim}."),
)
EXCLAIM = (
    (6, "{same}"),
    (2, "{same} from start to finish"),
    (4, "hardly {other}"),
    (2, "far from {other}"),
    (2, "not {other} by any measure"),
)
STRONG = ("", "", "", "absolute ", "real ", "total ", "complete ", "genuine ", "proper ", "utter ")

FUNCTION = {"was", "not", "too", "adverb", "standard", "ever"}  # slots that may hold the same word twice

OPENED = 0.35  # the share of texts that begin with a sentence that judges nothing


class Ranked(Generic[T]):
    """A distribution over items: by their rank, the first often and the last seldom, or by weights."""

    def __init__(self, items: Sequence[T], weights: Sequence[float] = ()):
        self.items = list(items)
        self.sums = list(accumulate(weights or [(rank + KNEE) ** -SLOPE for rank in range(len(self.items))]))

    def draw(self, rng: random.Random) -> T:
        # Only `random()` stays the same from one Python to the next; `choices` and `shuffle` may change.
        return self.items[bisect(self.sums, rng.random() * self.sums[-1], 0, len(self.items) - 1)]


def _phrases(text: str) -> list[str]:
    return [" ".join(phrase.split()) for phrase in text.split(";")] if text else []


def _weighted(pairs: Sequence[tuple[int, str]]) -> Ranked[str]:
    return Ranked([item for _, item in pairs], [weight for weight, _ in pairs])


def _even(items: Sequence[T]) -> Ranked[T]:
    return Ranked(items, [1] * len(items))


class Topic:
    """A group of the lexicon, ready for drawing. True stands for praise, False for blame, here and below."""

    def __init__(self, group: lexicon.Group):
        self.one, self.many = Ranked(group.one.split()), Ranked(group.many.split())
        self.share_of_many = len(self.many.items) / len(self.one.items + self.many.items)
        self.adjectives = {True: Ranked(group.good.split()), False: Ranked(group.bad.split())}
        deeds = {True: _phrases(group.good_deeds), False: _phrases(group.bad_deeds)}
        self.deeds = {praise: _even([_deed(phrase) for phrase in phrases]) for praise, phrases in deeds.items()}
        self.degrees = _even(group.degrees.split())
        self.anyhow = group.anyhow
        self.frames = {
            (kind, praise): _weighted(_frames(frames, praise, bool(group.degrees)))
            for kind, frames in (("plain", PLAIN), ("full", PLAIN + FULL))
            for praise in (True, False)
        }


def _frames(frames: Sequence[tuple[int, str, str]], praise: bool, degrees: bool) -> list[tuple[int, str]]:
    says = (BOTH, PRAISE if praise else BLAME)
    return [(weight, frame) for weight, kind, frame in frames if kind in says and (degrees or "{degree}" not in frame)]


def _deed(phrase: str) -> tuple[str, str]:
    """A phrase of the lexicon, keep>kept us guessing, as (keep us guessing, kept us guessing)."""
    plain, _, past = phrase.partition(">")
    _, _, rest = past.partition(" ")
    return f"{plain} {rest}".strip(), past


ANY = {True: Ranked(lexicon.GOOD.split()), False: Ranked(lexicon.BAD.split())}
ANY_SHARE = 0.45  # of the adjectives that fit any noun
NOUNS = {True: Ranked(lexicon.GOOD_NOUNS.split()), False: Ranked(lexicon.BAD_NOUNS.split())}
VERDICTS = {True: _even(_phrases(lexicon.GOOD_VERDICTS)), False: _even(_phrases(lexicon.BAD_VERDICTS))}
LISTS: dict[str, Ranked[str]] = {
    "adverb": Ranked(ADVERBS.split()),
    "not": Ranked(_phrases(NOTS)),
    "too": Ranked(_phrases(TOO)),
    "standard": _even(_phrases(STANDARD)),
    "ever": _even(_phrases(EVER)),
    "who": _even(_phrases(lexicon.PEOPLE)),
    "voice": _even(_phrases(lexicon.VOICES)),
    "when": _even(_phrases(lexicon.WHEN)),
}
DOMAINS = [
    ([Topic(group) for group in domain.groups], _even(_phrases(domain.openers)), domain.lasting)
    for domain in lexicon.DOMAINS.values()
]
TEXT_PLANS, EXCLAIMS, STRENGTHS = _weighted(PLANS), _weighted(EXCLAIM), _even(STRONG)


class Slots(dict[str, str]):
    """The words in a template's slots, each drawn at its first use."""

    def __init__(self, rng: random.Random):
        self.rng = rng

    def __missing__(self, slot: str) -> str:
        value = self.draw(slot)
        while slot.endswith("2") and value in self.values():
            value = self.draw(slot)
        self[slot] = value
        return value

    def draw(self, slot: str) -> str:
        return LISTS[slot].draw(self.rng)


class Opinion(Slots):
    """The slots of a frame: one noun, and an opinion of it."""

    def __init__(self, rng: random.Random, topic: Topic, praise: bool, lasting: bool):
        super().__init__(rng)
        self.topic, self.praise = topic, praise
        many = rng.random() < topic.share_of_many
        self["noun"] = (topic.many if many else topic.one).draw(rng)
        self["was"] = ("are" if many else "is") if lasting else ("were" if many else "was")

    def draw(self, slot: str) -> str:
        if slot in ("same", "other"):
            anyhow = self.topic.anyhow and self.rng.random() < ANY_SHARE
            return (ANY if anyhow else self.topic.adjectives)[self.praise == (slot == "same")].draw(self.rng)
        if slot in ("same2", "other2"):
            return self.topic.adjectives[self.praise == (slot == "same2")].draw(self.rng)
        if slot in ("degree", "degree2"):
            return self.topic.degrees.draw(self.rng)
        if slot == "deed":
            return self.topic.deeds[self.praise].draw(self.rng)[1]
        if slot in ("undeed", "undone"):
            return self.topic.deeds[not self.praise].draw(self.rng)[slot == "undone"]
        return super().draw(slot)


class Exclamation(Slots):
    """The slots of an exclamation: "a complete triumph"."""

    def __init__(self, rng: random.Random, praise: bool):
        super().__init__(rng)
        self.praise = praise

    def draw(self, slot: str) -> str:
        noun = STRENGTHS.draw(self.rng) + NOUNS[self.praise == (slot == "same")].draw(self.rng)
        return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


class Review(Slots):
    """The slots of a plan: opinions on one domain, all of one region."""

    def __init__(self, rng: random.Random, region: str, praise: bool):
        super().__init__(rng)
        self.region, self.praise = region, praise
        self.topics, self.openers, lasting = DOMAINS[int(rng.random() * len(DOMAINS))]
        self.lasting = lasting and rng.random() < 0.5
        self.used: set[str] = set()

    def write(self) -> str:
        text = TEXT_PLANS.draw(self.rng).format_map(self)
        if self.rng.random() < OPENED:
            text = _sentence(self.openers.draw(self.rng).format_map(self)) + ". " + text
        return text

    def draw(self, slot: str) -> str:
        if slot != slot.lower():
            return _sentence(self.draw(slot.lower()))
        if slot == "verdict":
            return VERDICTS[self.praise].draw(self.rng)
        if slot == "exclaim":
            return EXCLAIMS.draw(self.rng).format_map(Exclamation(self.rng, self.praise))
        if slot == "thing":
            return self.opinion(not self.praise, "{same} {noun}")
        if slot[0] in "ab":
            return self.opinion(self.praise == (slot[0] == "a"), kind="full" if slot[:2] in ("aa", "bb") else "plain")
        return super().draw(slot)

    def opinion(self, praise: bool, frame: str = "", kind: str = "plain") -> str:
        """An opinion of the region that repeats no word of weight from this review's other opinions."""
        while True:
            topic = self.topics[int(self.rng.random() * len(self.topics))]
            slots = Opinion(self.rng, topic, praise, self.lasting)
            words = (frame or topic.frames[kind, praise].draw(self.rng)).format_map(slots)
            weighty = {value for slot, value in slots.items() if slot not in FUNCTION}
            if region_of(words) == self.region and not weighty & self.used:
                self.used |= weighty
                return words


def _sentence(words: str) -> str:
    return words[0].upper() + words[1:]


def region_of(opinion: str) -> str:
    place = int.from_bytes(hashlib.blake2b(opinion.encode(), digest_size=4).digest(), "big") % 100
    for region, share in REGIONS.items():
        if place < share:
            return region
        place -= share
    raise AssertionError("the shares must come to 100")


@functools.lru_cache(maxsize=4)
def reviews(region: str, seed: int, count: int) -> tuple[tuple[str, str], ...]:
    """The first `count` distinct texts of a region and a seed, with their labels. Cached, because every run has the
    same test rows, which the fork server writes beforehand (preload.py)."""
    rng = random.Random(seed)
    labels: dict[str, str] = {}
    while len(labels) < count:
        praise = rng.random() < 0.5
        labels.setdefault(Review(rng, region, praise).write(), "positive" if praise else "negative")
    return tuple(labels.items())
