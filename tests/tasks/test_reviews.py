"""The built-in reviews and their teacher: the same every time, apart where they must be, and worth distilling."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from distill_core.tasks import reviews
from distill_core.tasks.synthetic import grammar, lexicon

FIRST_TEST_ROWS = [
    ("I expected the worldbuilding to be derivative, and I was not mistaken.", "negative"),
    ("My uncle booked it for us. The buffet was terrible. A waste of money.", "negative"),
    ("The guide was utterly outstanding, and the shop was affordable.", "positive"),
]
BUILTIN = Path(reviews.__file__).parent.parent / "builtin"


def load(seed=0):
    return reviews.load(SimpleNamespace(seed=seed, limit=None))


def texts(rows):
    return [text for (text,) in rows.texts]


def opinions(region, seed, count):
    """The opinions as the hash saw them, noted while the texts are written."""
    heard = set()
    original = grammar.region_of

    def listening(opinion):
        found = original(opinion)
        if found == region:
            heard.add(opinion.lower())
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grammar, "region_of", listening)
        grammar.reviews.__wrapped__(region, seed, count)
    return heard


@pytest.fixture(scope="module")
def raw():
    return load()


def test_the_same_seed_gives_the_same_rows(raw):
    grammar.reviews.cache_clear()  # or the same would be compared with itself
    assert load() == raw


def test_the_texts_are_the_same_on_every_python():
    assert list(grammar.reviews("test", reviews.TEST_SEED, 3)) == FIRST_TEST_ROWS


def test_another_seed_gives_other_rows_and_the_same_test(raw):
    other = load(seed=1)
    assert other.test == raw.test
    assert not set(other.train.texts) & set(raw.train.texts)
    assert other.unlabelled != raw.unlabelled


def test_the_splits_of_a_run_share_no_text(raw):
    splits = [texts(raw.train), texts(raw.valid), texts(raw.test), [text for (text,) in raw.unlabelled]]
    assert [len(split) for split in splits] == [reviews.LABELLED, reviews.VALID, reviews.TEST, reviews.UNLABELLED]
    assert len(set().union(*splits)) == sum(len(split) for split in splits)


def test_no_text_was_in_the_teachers_training(raw):
    made = json.loads((BUILTIN / "MADE.json").read_text(encoding="utf-8"))
    arguments = made["arguments"]
    seen = {text for text, _ in reviews.teacher_rows(arguments["seed"], arguments["texts"] + arguments["held_out"])}
    for rows in (raw.train, raw.valid, raw.test):
        assert not seen & set(texts(rows))


def test_no_opinion_of_the_test_is_voiced_elsewhere():
    tested = opinions("test", reviews.TEST_SEED, reviews.TEST)
    assert len(tested) > reviews.TEST
    for region in ("teacher", "run"):
        assert not tested & opinions(region, 0, 3_000)


def test_the_labels_are_balanced(raw):
    for rows in (raw.train, raw.valid, raw.test):
        assert 0.42 < rows.labels.count("positive") / len(rows.labels) < 0.58


def test_the_words_have_a_long_tail(raw):
    words = [word for text in texts(raw.train) for word in text.lower().strip(".").split()]
    pool = {word for (text,) in raw.unlabelled for word in text.lower().replace(".", "").replace(",", "").split()}
    once = sum(words.count(word) == 1 for word in set(words))
    assert once > 0.4 * len(set(words))
    assert len(pool) > 1_800


def test_a_word_praises_one_thing_and_damns_another():
    praise, blame = set(), set()
    for domain in lexicon.DOMAINS.values():
        for group in domain.groups:
            assert not set(group.good.split()) & set(group.bad.split())
            praise |= set(group.good.split())
            blame |= set(group.bad.split())
    assert {"cold", "unpredictable", "dark", "quiet"} <= praise & blame


@pytest.mark.parametrize("kind", ["good", "bad"])
def test_no_word_is_listed_twice(kind):
    for domain in lexicon.DOMAINS.values():
        for group in domain.groups:
            words = getattr(group, kind).split()
            assert len(words) == len(set(words))


def test_every_slot_is_filled(raw):
    for text in texts(raw.train) + texts(raw.test):
        assert not set("{}_<>\n") & set(text)
        assert text[0].isupper() and text.endswith(".") and "  " not in text


def test_the_teachers_file_is_small():
    assert (BUILTIN / "model.safetensors").stat().st_size <= 4_000_000


def test_the_teacher_knows_its_special_tokens():
    tokenizer = AutoTokenizer.from_pretrained(BUILTIN)
    ids = tokenizer("The soup was [MASK].")["input_ids"]
    assert tokenizer.mask_token_id in ids and tokenizer.unk_token_id not in ids
    assert ids[0] == tokenizer.cls_token_id and ids[-1] == tokenizer.sep_token_id
    assert len({tokenizer.pad_token_id, tokenizer.unk_token_id, tokenizer.mask_token_id}) == 3


def test_the_teacher_is_far_above_a_bag_of_words(raw):
    floor = make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression(max_iter=1000))
    floor.fit(texts(raw.train), raw.train.labels)
    asked, labels = texts(raw.test)[:200], raw.test.labels[:200]
    tokenizer = AutoTokenizer.from_pretrained(BUILTIN)
    model = AutoModelForSequenceClassification.from_pretrained(BUILTIN, dtype=torch.float32).eval()
    assert [model.config.id2label[i] for i in (0, 1)] == list(reviews.LABELS)
    with torch.no_grad():
        logits = model(**tokenizer(asked, padding=True, return_tensors="pt")).logits
    assert logits.isfinite().all() and logits.abs().max() < 50
    said = [reviews.LABELS[i] for i in logits.argmax(1).tolist()]
    right = sum(one == other for one, other in zip(said, labels, strict=True)) / len(labels)
    assert right > 0.9
    assert right > floor.score(asked, labels) + 0.1
