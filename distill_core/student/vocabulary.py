"""The student's vocabulary: sentences in, ids out.

The source of `Vocabulary` is also the tokenizer of an exported student (predict.py), so its methods use nothing but
json, Path, Tokenizer and the class itself: `ids` replaces half surrogates by hand."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from tokenizers import AddedToken, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import NFC, Lowercase
from tokenizers.normalizers import Sequence as Normalizers
from tokenizers.pre_tokenizers import BertPreTokenizer

from distill_core.tokenization import MASK, WORD_SPLIT, without_truncation
from distill_core.unicode import replace_surrogates


class Vocabulary:
    """The student's vocabulary: sentences in, ids out. Row 0 pads, 1 is the unknown word, 2 the mask."""

    pad, unk, mask = 0, 1, 2

    def __init__(
        self,
        kind: str,
        tokenizer: Tokenizer,
        entries: list[str],
        token_ids: list[int],
        teacher_ids: list[int],
        mask_token: str,
        aliases: "Sequence[tuple[int, int]]" = (),
    ):
        """A vocabulary of `entries`. `token_ids` and `teacher_ids` (-1 for none) are each entry's id in `tokenizer` and
        in the teacher's table; `mask_token` is a masked word's name in `tokenizer`; `aliases` are (token id, row) of
        tokens without a row of their own, which are read as another."""
        self.kind, self.tokenizer, self.entries = kind, tokenizer, entries
        self.token_ids, self.teacher_ids, self.mask_token = token_ids, teacher_ids, mask_token
        self.aliases = [(token, row) for token, row in aliases]
        own = {token: row for row, token in enumerate(token_ids) if row > 0 and token >= 0}
        self._rows = {**dict(self.aliases), **own}

    def aliased(self, aliases: "Sequence[tuple[int, int]]") -> "Vocabulary":
        """A copy of the vocabulary with these aliases, which cost the student no weights."""
        parts = (self.kind, self.tokenizer, self.entries, self.token_ids, self.teacher_ids, self.mask_token)
        return Vocabulary(*parts, aliases)

    @property
    def size(self) -> int:
        """Rows of the embedding table, the three special ones included."""
        return len(self.entries)

    def ids(self, sentences: "Sequence[str]", max_tokens: int) -> list[list[int]]:
        """The ids of each sentence, `max_tokens` at most and never none: an empty sentence is one unknown word."""
        valid = [s.encode("utf-8", "replace").decode("utf-8").replace("[MASK]", self.mask_token) for s in sentences]
        encoded = self.tokenizer.encode_batch_fast(valid, add_special_tokens=False)
        row = self._rows.get
        return [[row(token, 1) for token in one.ids[:max_tokens]] or [1] for one in encoded]

    def save(self, folder: "str | Path") -> None:
        """Write tokenizer.json and vocabulary.json into `folder`, which exists."""
        self.tokenizer.save(str(Path(folder) / "tokenizer.json"))
        names = ("kind", "entries", "token_ids", "teacher_ids", "mask_token", "aliases")
        state = {name: getattr(self, name) for name in names}
        (Path(folder) / "vocabulary.json").write_text(json.dumps(state, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, folder: "str | Path") -> "Vocabulary":
        """The vocabulary that `save` wrote into `folder`."""
        state = json.loads((Path(folder) / "vocabulary.json").read_text(encoding="utf-8"))
        return cls(tokenizer=Tokenizer.from_file(str(Path(folder) / "tokenizer.json")), **state)


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
