"""Words are cut so that they can be put together again; the vocabulary says what the teacher's tokenizer says."""

import inspect
import random
import runpy
import unicodedata
from collections import Counter
from pathlib import Path

import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from distill_core.student.runtime import Vocabulary
from distill_core.student.vocabulary import build_vocabulary
from distill_core.tokenization import MASK, tokenize, without_truncation

SENTENCES = [
    "a warm and funny film, isn't it?",
    "the acting is superb throughout",
    "Naïve café talk — 我喜欢这部电影",
    "unbelievably slow, slower than slow",
]


def wordpiece(mask: str = "[MASK]", added: bool = True) -> Tokenizer:
    letters = [chr(code) for code in range(33, 127)] + list("我喜欢这部电影—")
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", mask, *letters, *(f"##{letter}" for letter in letters)]
    pieces += ["film", "warm", "the", "act", "##ing", "slow", "##er", "never-used"]
    tokenizer = Tokenizer(
        models.WordPiece({piece: i for i, piece in enumerate(dict.fromkeys(pieces))}, unk_token="[UNK]")
    )
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    if added:
        tokenizer.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", AddedToken(mask, special=True)])
    return tokenizer


def byte_bpe() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True)])
    return tokenizer


def unigram() -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=120, special_tokens=["<s>", "<pad>", "</s>", "<unk>"], unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator(SENTENCES * 3, trainer)
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True)])
    return tokenizer


FAMILIES = {
    "wordpiece": (wordpiece, "[MASK]"),
    "wordpiece_mask_not_added": (lambda: wordpiece(added=False), "[MASK]"),
    "wordpiece_own_mask": (lambda: wordpiece("<special1>"), "<special1>"),
    "byte_bpe": (byte_bpe, "<mask>"),
    "unigram": (unigram, "<mask>"),
}


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> tuple[Tokenizer, str]:
    make, mask = FAMILIES[request.param]
    return make(), mask


def noise(rng: random.Random) -> str:
    """Letters, spaces, signs, marks, emoji, controls and half surrogates, glued at random."""
    pool = ["a", "I", "n't", "don’t", "'s", "  ", "\t", "\n", "...", MASK, "[mask]", "é", "e\u0301", "ह", "ि", "我",
            "ไ", "\u200b", "\x00", "\ufeff", "👩\u200d🚀", "👍🏽", "\ud800", "$3.50", "www.x.org/a?b", "-lrb-",
            "''", "ﬃ", "İ"]  # fmt: skip
    return "".join(
        rng.choice(pool) if rng.random() < 0.7 else chr(rng.randrange(1, 0x110000)) for _ in range(rng.randrange(12))
    )


def test_any_text_is_rebuilt_exactly() -> None:
    rng = random.Random(1)
    for _ in range(3000):
        text = noise(rng)
        cut = tokenize(text)
        assert cut.text() == text
        assert all(token.strip() and not token[0].isspace() for token in cut.tokens if token not in "\x1c\x1d\x1e\x1f")
        cut.text(positions=range(len(cut.tokens)))


def test_any_text_is_rebuilt_exactly_from_pieces(family: tuple[Tokenizer, str]) -> None:
    pieces, rng = without_truncation(family[0]), random.Random(2)
    for _ in range(500):
        text = noise(rng)
        assert tokenize(text, "zh", pieces).text() == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I don't know", "I do n't know"),
        ("DON’T we'll o'clock's", "DO N’T we 'll o'clock 's"),
        ("a well-made $3.50 film...", "a well-made $ 3.50 film ..."),
        ("1,000.5 of them.But e.g. the U.S., well,fine", "1,000.5 of them . But e.g. the U.S. , well , fine"),
        ("Mr. O'Neil's show was bad!!! :-) :D a:b", "Mr. O'Neil 's show was bad !!! :-) :D a : b"),
        ("see (www.x.org/a?b=1), ok", "see ( www.x.org/a?b=1 ) , ok"),
        ("the [MASK], not[MASK]n't", "the [MASK] , not [MASK] n't"),
        ("-lrb- ``fine'' -rrb-", "-lrb- `` fine '' -rrb-"),
        ("हिन्दी में फ़िल्म।", "हिन्दी में फ़िल्म ।"),
        ("ok 我喜欢", "ok 我 喜 欢"),
        ("👩‍🚀👍🏽!", "👩‍🚀 👍🏽 !"),
    ],
)
def test_words_are_what_a_person_would_swap(text: str, expected: str) -> None:
    assert tokenize(text).tokens == tuple(expected.split())


def test_languages_without_spaces_go_by_the_teachers_pieces() -> None:
    tokenizer = Tokenizer(models.Unigram([("<unk>", 0.0), ("ภาพยนตร์", -1.0), ("ดี", -1.0), ("มาก", -1.0)], 0))
    assert tokenize("ภาพยนตร์ดี มาก", "th", tokenizer).tokens == ("ภาพยนตร์", "ดี", "มาก")
    assert tokenize("ภาพยนตร์ดี มาก", "th", tokenizer).gaps == ("", "", " ", "")
    assert len(tokenize("ภาพยนตร์ดี", "th").tokens) > 2  # without a tokenizer: character by character


def test_kept_words_keep_their_own_spacing() -> None:
    cut = tokenize("  one  two,three   four ")
    assert cut.text(positions=range(1, 4)) == "two,three"
    assert cut.text(positions=range(3, 5)) == "three   four"
    assert cut.text(positions=range(0, 2)) == "one  two"
    assert cut.text(positions=[0, 4]) == "one   four"


def test_a_swapped_word_does_not_grow_together_with_its_neighbour() -> None:
    assert tokenize("I don't.").text(["I", "do", "so", "."]) == "I do so."
    assert tokenize("I don't.").text(["I", "do", MASK, "."]) == f"I do{MASK}."
    assert tokenize("我喜欢", "zh").text(["我", "影", "欢"]) == "我影欢"


def test_pieces_are_the_teachers_own(family: tuple[Tokenizer, str]) -> None:
    tokenizer, mask = family
    expected = [tokenizer.encode(sentence, add_special_tokens=False).ids for sentence in SENTENCES]
    tokenizer.enable_truncation(3)
    tokenizer.enable_padding(length=50)
    vocabulary = build_vocabulary("pieces", SENTENCES, tokenizer, mask)
    ids = vocabulary.ids(SENTENCES, 100)
    unk = vocabulary.teacher_ids[vocabulary.unk]
    assert [[vocabulary.teacher_ids[row] for row in rows] for rows in ids] == expected
    assert unk in (-1, tokenizer.token_to_id("[UNK]"), tokenizer.token_to_id("<unk>"))
    assert tokenizer.truncation["max_length"] == 3  # the teacher's own stays as it was


def test_pieces_are_pruned_to_those_in_use(family: tuple[Tokenizer, str]) -> None:
    vocabulary = build_vocabulary("pieces", ["the film"], *family)
    used = set(family[0].encode("the film", add_special_tokens=False).ids)
    assert set(vocabulary.teacher_ids[3:]) == used and vocabulary.size == 3 + len(used) == len(vocabulary.entries)
    assert vocabulary.ids(["zzz"], 9)[0] == [vocabulary.unk] * len(vocabulary.ids(["zzz"], 9)[0])


def test_a_limit_keeps_the_pieces_that_distinct_sentences_use_most(family: tuple[Tokenizer, str]) -> None:
    tokenizer, mask = family
    rng = random.Random(5)
    texts = [*SENTENCES, *(" ".join(rng.sample(" ".join(SENTENCES).split(" "), 4)) for _ in range(200))]
    texts += [noise(rng) for _ in range(200)] + SENTENCES
    vocabulary = build_vocabulary("pieces", texts, tokenizer, mask, limit=23)
    plainly = [text.encode("utf-8", "replace").decode().replace(MASK, mask) for text in dict.fromkeys(texts)]
    used = Counter(
        token for text in plainly for token in vocabulary.tokenizer.encode(text, add_special_tokens=False).ids
    )
    special = {vocabulary.tokenizer.token_to_id(token) for token in (mask, "[UNK]", "<unk>")}
    most = sorted(used.keys() - special, key=lambda token: (-used[token], token))[:20]
    assert vocabulary.token_ids[3:] == sorted(most)


def test_a_masked_word_is_the_mask_and_nothing_else(family: tuple[Tokenizer, str]) -> None:
    """Mistake 2 of FACTS.md, on the student's side: the mask cut into pieces."""
    tokenizer, mask = family
    vocabulary = build_vocabulary("pieces", ["the film"], tokenizer, mask)
    for text in (f"the {MASK} film", f"the{MASK}film", f"{MASK}the film"):
        assert vocabulary.ids([text], 50)[0].count(vocabulary.mask) == 1
    assert vocabulary.teacher_ids[vocabulary.mask] == tokenizer.token_to_id(mask)
    assert not any("MASK" in entry or "mask" in entry for entry in vocabulary.entries[3:])


def test_a_teacher_without_a_mask_gets_its_unknown_piece() -> None:
    vocabulary = build_vocabulary("pieces", SENTENCES, wordpiece(), "")
    assert vocabulary.ids([f"the {MASK} film"], 9)[0][1] == vocabulary.unk


def test_words_are_lower_cased_and_counted() -> None:
    vocabulary = build_vocabulary("words", ["The film , the FILM", f"the {MASK}n't [mask]"])
    assert vocabulary.entries[:5] == ["[PAD]", "[UNK]", MASK, "the", "film"]
    assert vocabulary.ids([f"THE {MASK}film zebra"], 9) == [[3, vocabulary.mask, 4, vocabulary.unk]]
    assert vocabulary.teacher_ids == [-1] * vocabulary.size


@pytest.mark.parametrize("kind", ["pieces", "words"])
def test_ids_are_never_none_and_never_too_many(kind: str) -> None:
    vocabulary = build_vocabulary(kind, SENTENCES, wordpiece())
    assert vocabulary.ids(["", "   "], 9) == [[vocabulary.unk], [vocabulary.unk]]
    assert len(vocabulary.ids(["film " * 50], 9)[0]) == 9
    rng = random.Random(3)
    for rows in vocabulary.ids([noise(rng) for _ in range(300)], 20):
        assert 1 <= len(rows) <= 20 and all(0 < row < vocabulary.size for row in rows)


@pytest.mark.parametrize("kind", ["pieces", "words"])
def test_saved_and_loaded_it_says_the_same(kind: str, tmp_path: Path) -> None:
    vocabulary = build_vocabulary(kind, [*SENTENCES, f"a {MASK}"], byte_bpe(), "<mask>")
    vocabulary.save(tmp_path)
    loaded = Vocabulary.load(tmp_path)
    texts = [*SENTENCES, f"Isn{MASK} 映画 unseen"]
    assert loaded.ids(texts, 40) == vocabulary.ids(texts, 40)
    assert (loaded.entries, loaded.teacher_ids, loaded.mask_token) == (
        vocabulary.entries,
        vocabulary.teacher_ids,
        vocabulary.mask_token,
    )


def test_its_source_runs_by_itself(tmp_path: Path) -> None:
    """An exported student's predict.py is a copy of this file and imports nothing of ours."""
    vocabulary = build_vocabulary("pieces", SENTENCES, wordpiece())
    vocabulary.save(tmp_path)
    source = Path(inspect.getfile(Vocabulary)).read_text(encoding="utf-8")
    assert "distill_core" not in source
    alone = runpy.run_path(inspect.getfile(Vocabulary))
    texts = [*SENTENCES, f"the {MASK} film"]
    assert alone["Vocabulary"].load(tmp_path).ids(texts, 40) == vocabulary.ids(texts, 40)


def test_the_order_of_the_sentences_does_not_matter() -> None:
    for kind in ("pieces", "words"):
        assert (
            build_vocabulary(kind, SENTENCES, wordpiece()).entries
            == build_vocabulary(kind, SENTENCES[::-1], wordpiece()).entries
        )


def test_normal_forms_are_one_word() -> None:
    composed, apart = "café", unicodedata.normalize("NFD", "café")
    vocabulary = build_vocabulary("words", [composed])
    assert vocabulary.ids([composed], 9) == vocabulary.ids([apart], 9) == [[3]]


@pytest.mark.parametrize("kind", ["words", "pieces"])
def test_a_limit_keeps_what_is_used_most(kind: str) -> None:
    limited = build_vocabulary(kind, ["the film the film the plot", "film"], wordpiece(), limit=5)
    assert limited.size == 5 and set(limited.entries[3:]) == {"the", "film"}
    assert set(limited.ids(["the plot film"], 9)[0]) == {limited.unk, 3, 4}
