"""The student's vocabulary, built from the sentences that it will learn."""

from collections import Counter
from collections.abc import Iterable, Iterator

from tokenizers import AddedToken, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import NFC, Lowercase
from tokenizers.normalizers import Sequence as Normalizers
from tokenizers.pre_tokenizers import BertPreTokenizer

from distill_core.student.runtime import Vocabulary
from distill_core.tokenization import MASK, WORD_SPLIT, without_truncation
from distill_core.unicode import replace_surrogates


def build_vocabulary(
    kind: str,
    sentences: Iterable[str],
    pieces: Tokenizer | None = None,
    mask_token: str = MASK,
    limit: int | None = None,
) -> Vocabulary:
    """The vocabulary of `sentences`: their most frequent entries, `limit` rows at most. "pieces": pieces of the
    teacher's tokenizer, in the order of its table; another piece is the unknown word. "words": lower-cased words and
    signs, the most frequent first. `mask_token` is the teacher's own, "" without
    one."""
    if kind == "words":
        return _of_words(sentences, limit)
    if pieces is None:
        raise ValueError("a vocabulary of pieces needs the teacher's tokenizer")
    return _of_pieces(sentences, without_truncation(pieces), mask_token, limit)


def _of_pieces(sentences: Iterable[str], tokenizer: Tokenizer, mask_token: str, limit: int | None) -> Vocabulary:
    unk = _unknown(tokenizer)
    known = tokenizer.get_vocab_size(with_added_tokens=True)
    added = {token.content for token in tokenizer.get_added_tokens_decoder().values()}
    if mask_token and mask_token not in added:
        # Some tokenizer files hold the mask as an ordinary piece, and would cut it up. Where it is a special token
        # already it stays as it is: RoBERTa's includes the space before it.
        tokenizer.add_special_tokens([AddedToken(mask_token, special=True, normalized=False)])
    mask_token = mask_token or unk
    special = [-1 if token is None else token for token in map(tokenizer.token_to_id, ("", unk, mask_token))]
    sentences = dict.fromkeys(sentences)
    # BERT's tokenizers cut at every blank, so one encoding of each word is enough, however many sentences hold it.
    words = isinstance(tokenizer.pre_tokenizer, BertPreTokenizer) and not any(" " in token for token in added)
    parts = Counter(part for sentence in sentences for part in (sentence.split(" ") if words else [sentence]))
    used: Counter[int] = Counter()
    for batch in _batches(parts, 10_000):
        valid = [replace_surrogates(part).replace(MASK, mask_token) for part in batch]
        for part, encoding in zip(batch, tokenizer.encode_batch_fast(valid, add_special_tokens=False), strict=True):
            for token in encoding.ids:
                used[token] += parts[part]
    for token in special:
        used.pop(token, None)
    frequent = sorted(used, key=lambda token: (-used[token], token))[: None if limit is None else max(0, limit - 3)]
    ids = special + sorted(frequent)
    entries = ["[PAD]", "[UNK]", MASK, *(tokenizer.id_to_token(token) or "" for token in ids[3:])]
    if ids[2] == ids[1]:
        ids[2] = -1  # no mask of its own: a masked word is the unknown word
    return Vocabulary("pieces", tokenizer, entries, ids, [token if token < known else -1 for token in ids], mask_token)


def _unknown(tokenizer: Tokenizer) -> str:
    """The tokenizer's name for an unknown piece; "[UNK]" where it has none (byte-level pieces know everything)."""
    names = (getattr(tokenizer.model, "unk_token", None), "[UNK]", "<unk>")
    return next((name for name in names if name and tokenizer.token_to_id(name) is not None), "[UNK]")


def _of_words(sentences: Iterable[str], limit: int | None) -> Vocabulary:
    tokenizer = Tokenizer(WordLevel({"[PAD]": 0, "[UNK]": 1, MASK: 2}, unk_token="[UNK]"))
    tokenizer.normalizer = Normalizers([NFC(), Lowercase()])
    tokenizer.pre_tokenizer = WORD_SPLIT
    counts: Counter[str] = Counter()
    for sentence in sentences:
        for part in replace_surrogates(sentence).split(MASK):
            normal = tokenizer.normalizer.normalize_str(part)
            counts.update(word for word, _ in WORD_SPLIT.pre_tokenize_str(normal))
    frequent = sorted(counts, key=lambda word: (-counts[word], word))
    entries = ["[PAD]", "[UNK]", MASK, *(word for word in frequent if word not in ("[PAD]", "[UNK]", MASK))][:limit]
    tokenizer.model = WordLevel({word: row for row, word in enumerate(entries)}, unk_token="[UNK]")
    # An added token is split off before lower-casing.
    tokenizer.add_special_tokens([AddedToken(MASK, special=True, normalized=False)])
    return Vocabulary("words", tokenizer, entries, list(range(len(entries))), [-1] * len(entries), MASK)


def _batches(items: Iterable[str], size: int) -> Iterator[list[str]]:
    batch: list[str] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
