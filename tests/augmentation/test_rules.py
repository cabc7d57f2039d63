"""Each rule of the shelf by itself: what the paper says, and none of the mistakes that others shipped."""

import random
import sys
from collections import Counter
from types import ModuleType, SimpleNamespace

import pytest
from scipy.stats import chisquare

from distill_core.augmentation.rules import mask, ngram, phrase, pos, rare, splice
from distill_core.registry import RULES
from distill_core.tokenization import MASK

CORPUS = [
    *[("the", "film", "is", "good")] * 60,
    *[("the", "plot", "was", "slow")] * 30,
    *[("the", "actor", "was", "dry")] * 10,
]


@pytest.mark.parametrize("name", RULES.names)
def test_contract_of_the_shelf(name: str) -> None:
    """A new rule is one file; this runs on it."""
    rule = RULES.get(name)
    assert rule.LEVEL in ("word", "span", "text") and 0 < rule.RATE <= 1
    assert RULES.help(name).endswith((".", "?", "!")) or ":" in RULES.help(name)
    change, reason = rule.prepare(CORPUS, "en")
    assert change is not None and reason == ""
    tokens, rng = ("the", "film", "was", "dry"), random.Random(0)
    for _ in range(50):
        if rule.LEVEL == "word":
            changed = change(tokens, 1, rng)
            assert isinstance(changed, str) and changed
        elif rule.LEVEL == "span":
            if (loan := change(tokens, rng)) is not None:
                assert 0 <= loan.start < loan.end <= 4 and loan.text in CORPUS
                assert 0 <= loan.first < loan.last <= len(loan.text)
        else:
            kept = list(change(list(tokens), rng))
            assert kept and set(kept) <= set(range(4))


def test_mask_writes_the_placeholder() -> None:
    assert mask.hide(("a", "b"), 1, random.Random(0)) == MASK


def test_ngram_keeps_one_stretch_and_drops_the_rest() -> None:
    """Mistake 1 of FACTS.md: dropping or masking the n-gram and keeping the rest."""
    rng, tokens = random.Random(0), [str(i) for i in range(30)]
    for _ in range(2000):
        kept = list(ngram.keep(tokens, rng))
        assert 1 <= len(kept) <= 5
        assert kept == list(range(kept[0], kept[0] + len(kept)))


def test_ngram_length_and_place_are_uniform() -> None:
    rng = random.Random(0)
    drawn = [ngram.keep(range(8), rng) for _ in range(6000)]
    lengths = Counter(len(kept) for kept in drawn)
    assert set(lengths) == {1, 2, 3, 4, 5} and chisquare(list(lengths.values())).pvalue > 1e-3
    starts = Counter(kept[0] for kept in drawn if len(kept) == 5)
    assert set(starts) == {0, 1, 2, 3} and chisquare(list(starts.values())).pvalue > 1e-3


def test_ngram_of_a_short_text_stays_inside_it() -> None:
    rng = random.Random(0)
    assert {len(ngram.keep(range(2), rng)) for _ in range(200)} == {1, 2}


def test_pos_draws_by_frequency() -> None:
    """Mistake 3 of FACTS.md: drawing uniformly over the distinct words of a tag."""
    swap, _ = pos.prepare(CORPUS, "en")
    rng = random.Random(0)
    drawn = Counter(swap(("the", "film", "is", "good"), 1, rng) for _ in range(5000))
    assert set(drawn) == {"film", "plot", "actor"}
    observed = [drawn[word] for word in ("film", "plot", "actor")]
    assert chisquare(observed, [3000, 1500, 500]).pvalue > 1e-3
    assert chisquare(observed).pvalue < 1e-9


def test_pos_keeps_the_tag() -> None:
    corpus = [tuple(line.split()) for line in (
        "the quick dog runs slowly , but he was very happy !",
        "an old actress sings badly ; she is not good .",
        "no children play here and they were rarely sad ?",
    )]  # fmt: skip
    swap, _ = pos.prepare(corpus, "en")
    alone = {word: swap.tags(tokens)[i] for tokens in corpus for i, word in enumerate(tokens) if i}
    rng, swapped = random.Random(0), 0
    for tokens in corpus:
        for index in range(1, len(tokens)):
            for _ in range(20):
                new = swap(tokens, index, rng)
                swapped += new != tokens[index]
                assert alone.get(new, swap.tags(tokens)[index]) == swap.tags(tokens)[index]
    assert swapped > 50


def test_pos_tags_as_textblobs_pattern_tagger_does() -> None:
    from textblob.en.taggers import PatternTagger

    tokens = ("The", "actors", "did", "n't", "sing", "well", ",", "Monty", "sang", "2", "unwatchable", "songs", "!")
    swap, _ = pos.prepare([tokens], "en")
    assert swap.tags(tokens) == [tag for _, tag in PatternTagger().tag(" ".join(tokens), tokenize=False)]


def test_pos_never_draws_a_mask_and_leaves_one_alone() -> None:
    swap, _ = pos.prepare([(MASK, "film"), (MASK, "plot")], "en")
    rng = random.Random(0)
    assert swap((MASK, "film"), 0, rng) == MASK
    assert {swap((MASK, "film"), 1, rng) for _ in range(100)} == {"film", "plot"}


def test_pos_leaves_a_word_whose_tag_the_corpus_lacks() -> None:
    swap, _ = pos.prepare([("the", "film")], "en")
    assert swap(("slowly",), 0, random.Random(0)) == "slowly"


def test_pos_without_a_tagger_is_off_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spacy", None)  # as if it weren't installed
    swap, reason = pos.prepare([("der", "Film")], "de")
    assert swap is None and "'de'" in reason and "pip install" in reason


def fake_spacy(monkeypatch: pytest.MonkeyPatch, components: list[str]) -> None:
    """Pipelines for German and English; German nouns are what begins with a capital."""

    class Doc(list):
        def __init__(self, vocab: None, words: list[str]):
            super().__init__(SimpleNamespace(tag_="NN" if w.istitle() else "X", pos_="") for w in words)

    class Pipeline:
        vocab, pipe_names = None, components

        def pipe(self, docs, batch_size: int):
            return docs

    spacy, tokens = ModuleType("spacy"), ModuleType("spacy.tokens")
    spacy.util = SimpleNamespace(get_installed_models=lambda: ["en_core_web_sm", "de_core_news_sm"])
    spacy.load = lambda name, exclude: {"de_core_news_sm": Pipeline()}[name]
    tokens.Doc = Doc
    monkeypatch.setitem(sys.modules, "spacy", spacy)
    monkeypatch.setitem(sys.modules, "spacy.tokens", tokens)


def test_pos_uses_an_installed_spacy_pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_spacy(monkeypatch, ["tok2vec", "tagger"])
    swap, reason = pos.prepare([("der", "Film"), ("die", "Musik")], "de")
    assert reason == ""
    assert {swap(("der", "Film"), 1, random.Random(i)) for i in range(40)} == {"Film", "Musik"}


@pytest.mark.parametrize(("language", "components"), [("fr", ["tagger"]), ("de", ["ner"])])
def test_pos_is_off_where_no_pipeline_tags(
    language: str, components: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_spacy(monkeypatch, components)
    swap, reason = pos.prepare([("der", "Film")], language)
    assert swap is None and "spacy download" in reason


SENTENCES = [tuple(line.split()) for line in (
    "the film is a warm and funny tale of two brothers", "a warm and funny tale of two brothers",
    "a warm and funny tale",
    "the plot is a slow and empty mess", "a slow and empty mess", "an old joke",
)]  # fmt: skip


def test_a_phrase_is_exchanged_for_one_of_its_kind() -> None:
    change, _ = phrase.prepare(SENTENCES, "en")
    rng, made = random.Random(0), set()
    for _ in range(200):
        loan = change(SENTENCES[0], rng)
        assert SENTENCES[0][loan.start : loan.end] in SENTENCES and loan.text in SENTENCES
        made.add(" ".join((*SENTENCES[0][: loan.start], *loan.text, *SENTENCES[0][loan.end :])))
    assert "the film is a slow and empty mess of two brothers" in made
    assert "the film is an old joke of two brothers" in made
    assert change(("nothing", "of", "it", "stands", "there"), rng) is None


def test_a_splice_goes_on_from_a_word_that_both_share() -> None:
    change, _ = splice.prepare(SENTENCES, "en")
    rng, made = random.Random(0), set()
    for _ in range(200):
        loan = change(SENTENCES[0], rng)
        assert loan.end == len(SENTENCES[0]) and loan.last == len(loan.text)
        assert SENTENCES[0][loan.start - 1] == loan.text[loan.first - 1], "the word they share"
        made.add(" ".join((*SENTENCES[0][: loan.start], *loan.text[loan.first :])))
    assert "the film is a warm and empty mess" in made
    assert change(("nothing", "goes", "on", "there"), rng) is None


@pytest.mark.parametrize("rule", [phrase, rare, splice])
def test_rules_that_need_tags_are_off_without_a_tagger(rule: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spacy", None)
    made, reason = rule.prepare([("der", "Film")], "de")
    assert made is None and "'de'" in reason


def test_rare_words_are_drawn_as_often_as_common_ones() -> None:
    corpus = [("the", "film")] * 500 + [("the", f"{letter}plot") for letter in "abcdefghij"]
    swap, _ = rare.prepare(corpus, "en")
    rng = random.Random(0)
    assert swap(("the", "film"), 0, rng) == "the", "a closed part of speech has no rare words"
    assert swap(("the", "film"), 1, rng) == "film", "nor has one of so few"
    corpus += [("the", f"{a}{b}{c}ness") for a in "bdfgk" for b in "aeiou" for c in "lmnr"]
    swap, _ = rare.prepare(corpus, "en")
    drawn = Counter(swap(("the", "sadness"), 1, rng) for _ in range(3000))
    assert len(drawn) > 80 and max(drawn.values()) < 10 * 3000 / len(drawn)
    assert swap((MASK, "film"), 0, rng) == MASK
