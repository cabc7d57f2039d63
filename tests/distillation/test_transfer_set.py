"""The transfer set: the asked rates, the paper's rules, nothing held out, and the same again from the same seed."""

import hashlib
import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from effort import effort
from scipy.stats import binomtest

import distill_core.augmentation.rules
from distill_core.augmentation.augmenter import AugmentedText, Augmenter, augmentation_passes
from distill_core.config.schema import Config
from distill_core.distillation import transfer_builder, transfer_set
from distill_core.distillation.transfer_set import TransferSet, build_transfer_set
from distill_core.errors import KnobError, Stopped
from distill_core.events import Event, Note, Progress
from distill_core.registry import RULES
from distill_core.tokenization import MASK, tokenize

NOUNS = ["film", "plot", "actor", "scene", "song", "story", "music", "script", "camera", "dialogue", "singer", "hero",
         "humor", "budget", "effect", "genre"]  # fmt: skip
SENTENCES = [
    "the film is good and the plot was slow",
    "an old actress sings badly ; she is not happy",
    "I don't  think (really!) that it works...",
    "no children play here and they were rarely sad",
    "what a charming little story about two dogs",
    "the soup was hot and tasty , the staff friendly",
]
TEXTS = [(sentence,) for sentence in SENTENCES]
PAIRS = [(SENTENCES[i], SENTENCES[i - 1]) for i in range(len(SENTENCES))]


@dataclass
class Part:
    texts: list[tuple[str, ...]] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)


@dataclass
class Rows:
    """As much of data.Data as a transfer set reads."""

    train: Part
    valid: Part = field(default_factory=Part)
    test: Part = field(default_factory=Part)
    unlabelled: list[tuple[str, ...]] = field(default_factory=list)
    language: str = "en"
    labels: tuple[str, ...] = ("bad", "good")
    pair: bool = False


def all_offspring(
    texts: list[tuple[str, ...]], conf: Config, language: str | None = None, stop: Callable[[], bool] | None = None
) -> Iterator[AugmentedText]:
    """All distinct offspring of `texts` that are not among `texts`, pass by pass."""
    seen = set(texts)
    for child in augmentation_passes(Augmenter(texts, conf, None, language), texts, conf, stop):
        if child.text not in seen:
            seen.add(child.text)
            yield child


def config(rules: dict[str, float] | None = None, **knobs: object) -> Config:
    return Config.of(**({"rules": rules} if rules is not None else {}), **knobs)


def finish(steps: Iterator[Event]) -> tuple[TransferSet, list[Event]]:
    events = []
    while True:
        try:
            events.append(next(steps))
        except StopIteration as end:
            return end.value, events


def made(data: Rows, conf: Config) -> TransferSet:
    return finish(build_transfer_set(data, conf))[0]


def notes(events: list[Event]) -> str:
    return " ".join(event.text for event in events if isinstance(event, Note))


def likely(count: int, trials: int, rate: float) -> bool:
    return binomtest(count, trials, rate).pvalue > 1e-3


def test_rates_are_the_asked_ones() -> None:
    text = (" ".join(NOUNS),)
    augmenter = Augmenter([text], config({"mask": 0.1, "pos": 0.2, "ngram": 0.25}))
    turns, length = 2000, len(NOUNS)
    offspring = [augmenter.make(text, turn) for turn in range(turns)]
    whole = [child for child in offspring if len(child.text[0].split()) == length]
    assert likely(turns - len(whole), turns, 0.25)
    seen = Counter(change.rule for child in whole for change in child.changed)
    assert likely(seen["mask"], len(whole) * length, 0.1)
    # All are nouns, once each: one draw in sixteen gives the word that stood there, which is no change.
    assert likely(seen["pos"], len(whole) * length, 0.2 * (1 - 1 / length))


def test_a_missing_rule_is_off() -> None:
    for rules in ({}, {"mask": 0.0, "pos": 0.0, "ngram": 0.0}):
        assert list(all_offspring(TEXTS, config(rules, n_iter=5))) == []
    for child in all_offspring(TEXTS, config({"mask": 0.3}, n_iter=5)):
        assert child.rules == ("mask",)


def test_one_draw_decides_among_the_word_rules() -> None:
    """Rates of one half each leave no word alone; two draws a word would leave a quarter."""
    text = (" ".join(NOUNS),)
    augmenter = Augmenter([text], config({"mask": 0.5, "pos": 0.5}))
    masks = swaps = 0
    for turn in range(300):
        changes = augmenter.make(text, turn).changed
        masks += sum(change.rule == "mask" for change in changes)
        swaps += sum(change.rule == "pos" for change in changes)
    total = 300 * len(NOUNS)
    assert likely(masks, total, 0.5) and likely(swaps, total, 0.5 * (1 - 1 / len(NOUNS)))


def test_word_rates_over_one_are_refused() -> None:
    with pytest.raises(KnobError, match=r"mask, pos add up to 1\.3"):
        Augmenter(TEXTS, config({"mask": 0.7, "pos": 0.6, "ngram": 1.0}))
    Augmenter(TEXTS, config({"mask": 0.7, "pos": 0.3, "ngram": 1.0}))


def test_ngrams_keep_a_stretch_of_the_original_as_it_stood() -> None:
    """Mistake 1 of FACTS.md: the n-gram stays and the rest goes, not the other way round."""
    text = ("I don't  think (really!) that it works,   or does it?",)
    augmenter = Augmenter([text], config({"ngram": 1.0}))
    total, lengths = len(tokenize(text[0]).tokens), set()
    for turn in range(300):
        child = augmenter.make(text, turn)
        assert child.text[0] in text[0] and child.text[0] == child.text[0].strip()
        dropped = [change.word for change in child.changed]
        assert all(change.after is None and change.rule == "ngram" for change in child.changed)
        lengths.add(total - len(dropped))
    assert lengths == {1, 2, 3, 4, 5}
    assert any("n't  think" in augmenter.make(text, turn).text[0] for turn in range(300))


def test_an_unchanged_text_is_rebuilt_exactly() -> None:
    text = ("  I don't\tthink -- (really!) ...  我喜欢 👩\u200d🚀 ",)
    augmenter = Augmenter([text], config({"mask": 0.02}))
    same = [child for child in (augmenter.make(text, turn) for turn in range(100)) if not child.rules]
    assert same and all(child.text == text for child in same)


def test_originals_stay_first_and_nothing_is_there_twice() -> None:
    data = Rows(Part(TEXTS), unlabelled=[("more text here",), TEXTS[0], ("more text here",)])
    result = made(data, config(n_iter=8))
    assert result.texts[:7] == [*TEXTS, ("more text here",)]
    assert result.source == ["labelled"] * 6 + ["unlabelled"] + ["augmented"] * (len(result.texts) - 7)
    assert result.origin[:7] == [0, 1, 2, 3, 4, 5, 0]
    assert len(set(result.texts)) == len(result.texts) > 30
    assert result.dropped["duplicates"] >= 2


def test_another_source_is_asked_in_its_turn_and_held_to_the_same_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    class Generated:
        @staticmethod
        def add_texts(builder: transfer_builder.TransferSetBuilder, *rest: object) -> Iterator[Event]:
            for text in [("a text of a generator",), TEXTS[0], ("a held out text",)]:
                builder.add(text, "generated", 0)
            yield Progress("transfer", 3, 3, "texts")

    monkeypatch.setattr(transfer_set, "SOURCES", (*transfer_set.SOURCES[:2], Generated))
    result, events = finish(build_transfer_set(Rows(Part(TEXTS), test=Part([("A held out text",)])), config()))
    assert result.texts == [*TEXTS, ("a text of a generator",)] and result.source[-1] == "generated"
    assert result.dropped == {"duplicates": 1, "held_out": 1} and Progress("transfer", 3, 3, "texts") in events


def test_each_offspring_follows_from_its_origin() -> None:
    result = made(Rows(Part(TEXTS), unlabelled=[("never augmented at all",)]), config({"mask": 0.2}, n_iter=8))
    for text, source, origin in zip(result.texts, result.source, result.origin, strict=True):
        if source == "augmented":
            there = SENTENCES[origin].replace("n't", " n't").replace("(", "( ").replace("!)", " ! )").split()
            left = text[0].replace(MASK, " ").replace("n't", " n't").replace("(", "( ").replace("!)", " ! )").split()
            assert all(word in there or word in ("works", "...") for word in left)
    assert not any("never" in text[0] for text in result.texts[7:])


def test_counts_are_the_texts_that_show_a_rule() -> None:
    result, events = finish(build_transfer_set(Rows(Part(TEXTS)), config({"mask": 0.3, "ngram": 0.5}, n_iter=10)))
    augmented = result.texts[6:]
    assert result.counts["mask"] == sum(MASK in text[0] for text in augmented)
    assert result.counts["ngram"] >= sum(len(text[0].split()) < 5 for text in augmented) > 0
    assert f"mask in {result.counts['mask']:,}" in notes(events)


def test_pairs_rotate() -> None:
    augmenter = Augmenter(PAIRS, config({"mask": 0.9}))
    for text in PAIRS:
        for turn in range(9):
            first, second = (new != old for new, old in zip(augmenter.make(text, turn).text, text, strict=True))
            assert (first, second) == [(True, False), (False, True), (True, True)][turn % 3]


def test_the_two_sides_of_a_pair_change_differently() -> None:
    pair = (" ".join(NOUNS), " ".join(NOUNS))
    first, second = Augmenter([pair], config({"mask": 0.5})).make(pair, 2).text
    assert first != second


def test_held_out_texts_never_enter() -> None:
    data, conf = Rows(Part(TEXTS), unlabelled=[("A Hidden   text",)]), config(n_iter=6)
    before = made(data, conf)
    wanted = [before.texts[-1], before.texts[-5]]
    data.valid.texts = [("a hidden text",)]
    data.test.texts = [tuple(sentence.upper() + " " for sentence in text) for text in wanted]
    after, events = finish(build_transfer_set(data, conf))
    assert not {*wanted, ("A Hidden   text",)} & set(after.texts)
    assert len(after.texts) == len(before.texts) - 3 and after.dropped["held_out"] == 3
    assert "3 texts left out of the transfer set: they equal, contain or stand in a validation or test text." in notes(
        events
    )


def test_no_augmented_text_comes_to_hold_a_held_out_one() -> None:
    """A word is swapped for another, and there stands the test text."""
    texts = [(f"{first} cat sat on a mat",) for first in NOUNS[:4]] + [("a dog lay there",)]
    conf = config({"pos": 0.9}, n_iter=40)
    data = Rows(Part(texts))
    before = made(data, conf)
    held = "sat on a film"
    data.test.texts = [(held,)]
    wanted = [text for text in before.texts if held in text[0]]
    after = made(data, conf)
    assert len(wanted) > 1 and not set(wanted) & set(after.texts)
    assert len(after.texts) == len(before.texts) - len(wanted)
    kept = made(data, conf.model_copy(update={"leaks": "keep"}))
    assert set(wanted) <= set(kept.texts)


def test_the_limit_cuts_all_texts_alike() -> None:
    texts = [(f"number {i} {' '.join(NOUNS)}",) for i in range(200)]
    conf = config({"mask": 0.3}, n_iter=5, transfer_limit=300)
    result, events = finish(build_transfer_set(Rows(Part(texts)), conf))
    assert len(result.texts) == 300 and "transfer_limit" in notes(events)
    origins = result.origin[200:]
    assert len(set(origins)) == 100 and likely(sum(origin < 100 for origin in origins), 100, 0.5)


def test_given_texts_over_the_limit() -> None:
    data = Rows(Part(TEXTS), unlabelled=[(f"more {i}",) for i in range(10)])
    result, events = finish(build_transfer_set(data, config(n_iter=3, transfer_limit=8)))
    assert result.source == ["labelled"] * 6 + ["unlabelled"] * 2 and "Nothing was augmented" in notes(events)
    result, _ = finish(build_transfer_set(data, config(n_iter=3, transfer_limit=2)))
    assert result.texts == TEXTS  # the labelled texts always stay


def test_no_passes_no_augmented_texts() -> None:
    result, _ = finish(build_transfer_set(Rows(Part(TEXTS)), config(n_iter=0)))
    assert result.texts == TEXTS and result.counts == {}


def test_progress_reaches_its_total() -> None:
    _, events = finish(build_transfer_set(Rows(Part(TEXTS)), config(n_iter=4)))
    progress = [event for event in events if isinstance(event, Progress)]
    assert progress[0].done == 0 and progress[-1].done == progress[-1].total == 24
    assert {(event.stage, event.unit) for event in progress} == {("transfer", "texts")}


def test_stop_is_honoured() -> None:
    with pytest.raises(Stopped):
        finish(build_transfer_set(Rows(Part(TEXTS)), config(), stop=lambda: True))
    with pytest.raises(Stopped):
        list(all_offspring(TEXTS, config(), stop=lambda: True))


def test_the_same_seed_gives_the_same_and_another_does_not() -> None:
    first, again = (made(Rows(Part(TEXTS)), config(seed=3)) for _ in range(2))
    assert first == again
    assert first.texts != made(Rows(Part(TEXTS)), config(seed=4)).texts


def test_draws_do_not_hang_on_the_hash_seed() -> None:
    script = (
        "import sys, hashlib, json; from distill_core.augmentation.augmenter import Augmenter, augmentation_passes; "
        "from distill_core.config.schema import Config; "
        "texts = [(s,) for s in json.loads(sys.argv[1])]; conf = Config.of(n_iter=3); "
        "made = [child.text for child in augmentation_passes(Augmenter(texts, conf), texts, conf, None)]; "
        "print(hashlib.sha256(repr(made).encode()).hexdigest())"
    )
    other = subprocess.run(
        [sys.executable, "-c", script, json.dumps(SENTENCES)], cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONHASHSEED": "12345"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    conf = Config.of(n_iter=3)
    here = [child.text for child in augmentation_passes(Augmenter(TEXTS, conf), TEXTS, conf, None)]
    assert other.stdout.strip() == hashlib.sha256(repr(here).encode()).hexdigest()


def test_a_text_draws_alone() -> None:
    """Other texts, their order, or a resumed run can't shift what a text becomes."""
    conf = config({"mask": 0.3, "ngram": 0.2}, n_iter=4)
    alone = [child.text for child in all_offspring(TEXTS[:1], conf)]
    among = [child.text for child in all_offspring(TEXTS[::-1], conf) if child.origin == len(TEXTS) - 1]
    assert alone == among


@pytest.mark.parametrize("texts", [TEXTS, PAIRS], ids=["sentences", "pairs"])
def test_a_preview_shows_what_a_run_makes(texts: list[tuple[str, ...]]) -> None:
    conf = config({"mask": 0.3, "pos": 0.3}, n_iter=12)
    result = made(Rows(Part(texts)), conf)
    for origin, text in enumerate(texts):
        shown = Augmenter(texts, conf).first(text, 4)
        run = [t for t, source, o in zip(result.texts, result.source, result.origin, strict=True)
               if source == "augmented" and o == origin]  # fmt: skip
        assert [child.text for child in shown] == run[:4]


def test_a_preview_marks_what_changed() -> None:
    for text in (*TEXTS, ("something typed , not in the corpus",)):
        for child in Augmenter(TEXTS, config()).first(text, 6):
            assert child.changed and child.rules and child.text != text
            assert set(child.rules) <= {change.rule for change in child.changed}
            dropped = {change.word for change in child.changed if change.after is None}
            for change in child.changed:
                assert change.before in text[change.side] and change.before != change.after
                if change.after is not None and change.word not in dropped:
                    assert change.after in child.text[change.side]
    assert Augmenter(TEXTS, config({"ngram": 1.0})).first(("x",), 3) == []


def test_a_lent_stretch_keeps_its_spacing_and_is_told_at_its_first_word() -> None:
    texts = [("We liked the film (a lot), didn't we?",), ("It liked the book, sadly; nobody else did.",)]
    augmenter = Augmenter(texts, config({"splice": 1.0, "mask": 0.2}))
    made = {augmenter.make(texts[0], turn) for turn in range(60)}
    spliced = [child for child in made if "splice" in child.rules]
    assert any(child.text[0].endswith("the book, sadly; nobody else did.") for child in spliced)
    for child in spliced:
        first, *rest = [change for change in child.changed if change.rule == "splice"]
        assert child.text[0].endswith(first.after) and all(change.after is None for change in rest)
        assert not {change.word for change in child.changed if change.rule == "mask"} & {
            first.word,
            *(c.word for c in rest),
        }


def test_whole_texts_alone_are_augmented_and_as_often() -> None:
    """SST-2's phrases stand in its sentences."""
    texts = [("a warm and funny film of two brothers",), ("a warm and funny film",), ("warm",), ("the plot was slow",)]
    whole = list(all_offspring(texts, config({"mask": 0.5}, n_iter=5, augmented="whole")))
    assert {child.origin for child in whole} == {0, 3}
    every = all_offspring(texts, config({"mask": 0.5}, n_iter=5, augmented="all"))
    assert {child.origin for child in every} == {0, 1, 2, 3}
    assert 10 < len(whole) <= 20


def test_a_rule_whose_work_was_dropped_is_not_named() -> None:
    text = (" ".join(NOUNS),)
    augmenter = Augmenter([text], config({"mask": 0.1, "ngram": 1.0}))
    for turn in range(200):
        child = augmenter.make(text, turn)
        assert ("mask" in child.rules) == (MASK in child.text[0])


def test_a_language_that_nothing_tags_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spacy", None)
    data = Rows(Part([("der Film war gut und die Musik auch",)]), language="de")
    result, events = finish(build_transfer_set(data, config(n_iter=5)))
    assert "The rule pos is off: no spaCy pipeline" in notes(events)
    assert set(result.counts) == {"mask", "ngram"} and len(result.texts) > 1


def test_a_language_without_spaces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spacy", None)
    text = ("我非常喜欢这部有趣的电影",)
    children = [
        child.text[0] for child in all_offspring([text], config({"mask": 0.2, "ngram": 0.3}, n_iter=20), language="zh")
    ]
    assert children and not any(" " in child for child in children)
    assert all(part in text[0] for child in children for part in child.split(MASK))


def test_a_rule_dropped_on_the_shelf_works_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shout.py").write_text(
        '"""Say words loudly."""\nLEVEL, RATE = "word", 0.5\n'
        'def prepare(corpus, language):\n    return (lambda tokens, index, rng: tokens[index].upper()), ""\n'
    )
    (tmp_path / "backwards.py").write_text(
        '"""Say it backwards."""\nLEVEL, RATE = "text", 0.5\n'
        'def prepare(corpus, language):\n    return (lambda tokens, rng: range(len(tokens))[::-1]), ""\n'
    )
    monkeypatch.setattr(distill_core.augmentation.rules, "__path__", [str(tmp_path)])
    monkeypatch.setattr(RULES, "folder", tmp_path)
    monkeypatch.setitem(RULES.__dict__, "names", ("backwards", "shout"))
    for name in ("backwards", "shout"):
        monkeypatch.delitem(sys.modules, f"distill_core.augmentation.rules.{name}", raising=False)
    child = Augmenter([], config({"shout": 1.0, "backwards": 1.0})).make(("one two three",), 0)
    assert child.text == ("THREE TWO ONE",) and child.rules == ("backwards", "shout")


def test_wild_texts_never_break_it() -> None:
    rng = random.Random(5)
    pool = ["a ", "n't", "  ", "\n", MASK, "我", "e\u0301", "👩\u200d🚀", "\ud800", "...", "word ", "\u200b", "\x00"]
    texts = [("".join(rng.choice(pool) for _ in range(rng.randrange(9))),) for _ in range(300)]
    for child in all_offspring(texts, config(n_iter=3)):
        assert child.rules and child.changed


def test_speed() -> None:
    """A hundred thousand texts must not take minutes: several thousand a second even here."""
    texts = [(f"{a} {' '.join(NOUNS)} {b}",) for a in NOUNS for b in NOUNS]
    made, work = effort(lambda: list(all_offspring(texts, config(n_iter=20))))
    assert len(made) > 4000 and len(made) / work > 600
