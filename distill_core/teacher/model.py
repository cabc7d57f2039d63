"""The teacher as a function: texts in, logits out in the order of the data's labels.

Texts are encoded as the model's family wants them: its special tokens around them, its separators between the
sentences of a pair, its own mask for a masked word. Knows nothing of the model's origin, of training, caches or the
store.
"""

import inspect
import threading
from collections.abc import Iterator, Sequence
from typing import Any, TypeGuard

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from torch import Tensor

from distill_core.config.schema import MOST_TOKENS
from distill_core.errors import TeacherError
from distill_core.evaluation.objective import SINGLE_LABEL, Objective
from distill_core.messages import message
from distill_core.tokenization import MASK, cut_middle, without_truncation
from distill_core.training.device import autocast, device, fast_dtype
from distill_core.unicode import replace_surrogates

Text = tuple[str, ...]
# Tokens of a batch, padding included. On a CPU more are no faster [measured: 2.1 tokens/ms at 640 and at 7,040], and
# progress is reported less often.
TOKENS = {"cpu": 1024}
TOKENS_ELSEWHERE = 32_768
TEXTS, TEXTS_ELSEWHERE = {"cpu": 64}, 512  # of a batch
PROBE = 64  # texts on which the lower precision must give every answer that float32 gives
UNKNOWN_SHARE = 0.3  # of the tokens, above which a tokenizer plainly isn't made for these texts
SAMPLE = 500  # texts of that check


class Teacher:
    """Classifier that answers in the order of the data's labels.

    name          value of the knob `teacher`; `title` is what people call it
    labels        the data's labels, in their order
    fingerprint   sha256 of all that decides its answers
    max_tokens    most tokens that it reads of a text (both sentences of a pair), special ones included
    longest       most tokens that it could read
    cut           "head" or "head_tail": what it reads of a longer single text
    parameters    number of its weights, the table of word pieces included; `bytes` is the size of its files
    notes         sentences about it for the person to read
    objective     how its logits become answers
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        labels: Sequence[str],
        order: Sequence[int],
        *,
        name: str = "",
        fingerprint: str = "",
        max_tokens: int = 128,
        longest: int = MOST_TOKENS,
        cut: str = "head",
        bytes: int = 0,
        notes: Sequence[str] = (),
        objective: Objective = SINGLE_LABEL,
    ):
        """`order[i]` is the model's output that means `labels[i]`."""
        self.model, self.tokenizer = model, tokenizer
        self.labels, self.order = tuple(labels), list(order)
        self.name, self.fingerprint, self.max_tokens = name, fingerprint, max_tokens
        self.longest, self.cut, self.title = longest, cut, name
        self.notes, self.objective = list(notes), objective
        self.parameters = sum(value.numel() for value in model.parameters())
        self.bytes = bytes or 4 * self.parameters
        self.mask_token: str = tokenizer.mask_token or ""
        self.dtype: torch.dtype | None = None  # float32 or the device's fast one; None until `choose_dtype`
        self._stand_in = self.mask_token or tokenizer.unk_token or ""
        self._types = _takes_types(model)
        self._pad = model.config.pad_token_id
        if self._pad is None:
            self._pad = tokenizer.pad_token_id or 0
        self._lock = threading.Lock()  # a fast tokenizer that two threads use at once raises "Already borrowed"
        self._frame = self._special_tokens()

    def logits(self, texts: Sequence[Text]) -> Tensor:
        """Logits of the texts: (n, classes) float32 on the CPU, in the data's label order and the texts' own order."""
        logits = torch.empty(len(texts), len(self.labels))
        for rows, values in self.iter_batches(texts):
            logits[rows] = values
        return logits

    def iter_batches(self, texts: Sequence[Text]) -> Iterator[tuple[list[int], Tensor]]:
        """Logits batch by batch, the shortest texts first: (indices into `texts`, their logits). A batch has as many
        texts as suits the device. Raises TeacherError where they are not finite."""
        if not texts:
            return
        if self.dtype is None:
            self.choose_dtype(texts)
        encoded, batch = self.encode(texts), TEXTS.get(torch.device(device()).type, TEXTS_ELSEWHERE)
        for rows in length_batches([len(one["input_ids"]) for one in encoded], batch):
            inputs, dtype = [encoded[row] for row in rows], self.dtype or torch.float32
            logits = self.forward(inputs, dtype)
            if dtype != torch.float32 and not torch.isfinite(logits).all():
                logits = self.forward(inputs, torch.float32)
            if not torch.isfinite(logits).all():
                raise TeacherError(message(
                    "The teacher {name} answers with numbers that are not finite: its weights are too large. Choose "
                    "another teacher.", name=self.title))  # fmt: skip
            yield rows, logits

    def choose_dtype(self, texts: Sequence[Text]) -> None:
        """Choose the precision to compute in, from the device and the first of `texts` alone.

        The device's fast precision is chosen if each of these texts gets the same answer in it as in float32.
        [measured: MiniLM-L6, batches of 64 SST-2 sentences, one thread of an EPYC with avx512_bf16: bfloat16 2.1 times
        as fast as float32 in the same run, no answer of 872 changed, no logit by more than 0.06]"""
        self.dtype = torch.float32
        fast, quick = self.fast(texts)
        if quick is not None:
            exact = self.forward(self.encode(texts[:PROBE]), torch.float32)
            answers, quickly = self.objective.hard_targets(exact), self.objective.hard_targets(quick)
            self.dtype = fast if torch.equal(answers, quickly) else torch.float32

    def fast(self, texts: Sequence[Text]) -> tuple[torch.dtype, Tensor | None]:
        """Fast precision of the device, and the logits of the first of `texts` in it; (float32, None) where this model
        runs in none: DeBERTa's attention mask overflows in mixed precision."""
        dtype = fast_dtype(device())
        if dtype != torch.float32 and texts:
            try:
                logits = self.forward(self.encode(texts[:PROBE]), dtype)
            except RuntimeError:
                return torch.float32, None
            if torch.isfinite(logits).all():
                return dtype, logits
        return torch.float32, None

    def encode(self, texts: Sequence[Text]) -> list[dict[str, list[int]]]:
        """Inputs of the model for each text, not yet padded, with special tokens and cut to `max_tokens`."""
        if self.cut == "head" or not texts or len(texts[0]) > 1:
            return self._encode(texts, self.max_tokens)
        return [self._without_middle(one) for one in self._encode(texts, None)]

    def lengths(self, texts: Sequence[Text]) -> list[int]:
        """Tokens of each text, special ones included, before it is cut."""
        return [len(one["input_ids"]) for one in self._encode(texts, None)]

    def _encode(self, texts: Sequence[Text], most: int | None) -> list[dict[str, list[int]]]:
        if not texts:
            return []
        sides = [[self._side(side) for side in column] for column in zip(*texts, strict=True)]
        shape = {"truncation": "longest_first", "max_length": most} if most else {"truncation": False}
        with self._lock:
            encoding = self.tokenizer(
                *sides, **shape, padding=False, return_attention_mask=False, return_token_type_ids=self._types,
                verbose=False,
            )  # fmt: skip
        return [{key: values[row] for key, values in encoding.items()} for row in range(len(texts))]

    def _without_middle(self, one: dict[str, list[int]]) -> dict[str, list[int]]:
        """The inputs of a single text, where it is too long with those of its first and last tokens alone for which
        there is room between the special ones."""
        start, end = map(len, self._frame)
        room = self.max_tokens - start - end

        def shorter(values: list[int]) -> list[int]:
            inner = cut_middle(values[start : len(values) - end], room)
            return [*values[:start], *inner, *values[len(values) - end :]]

        return {key: shorter(values) for key, values in one.items()}

    def pad(self, encoded: Sequence[dict[str, list[int]]], where: str = "cpu") -> dict[str, Tensor]:
        """Batch of encoded texts as tensors (batch, longest) on the device `where`, with the attention mask."""
        longest = max(len(one["input_ids"]) for one in encoded)
        filler = {"input_ids": self._pad, "token_type_ids": 0}
        padded = {
            key: torch.tensor([one[key] + [filler.get(key, 0)] * (longest - len(one[key])) for one in encoded])
            for key in encoded[0]
        }
        lengths = torch.tensor([[len(one["input_ids"])] for one in encoded])
        padded["attention_mask"] = (torch.arange(longest)[None] < lengths).long()
        return {key: value.to(where) for key, value in padded.items()}

    def unknown_share(self, texts: Sequence[Text]) -> float:
        """Share of the texts' tokens that the tokenizer doesn't know; masked words don't count."""
        unknown = self.tokenizer.unk_token_id
        bare = [tuple(side.replace(MASK, " ") for side in text) for text in texts]
        start, end = map(len, self._frame)
        ids = [token for one in self.encode(bare) for token in one["input_ids"][start : len(one["input_ids"]) - end]]
        return sum(token == unknown for token in ids) / len(ids) if ids and unknown is not None else 0.0

    def check_texts(self, texts: Sequence[Text]) -> None:
        """Raise TeacherError where the tokenizer plainly isn't made for `texts`."""
        share = self.unknown_share(texts[:SAMPLE])
        if share > UNKNOWN_SHARE:
            raise TeacherError(message(
                "{name} doesn't know {share:.0%} of the tokens of these texts: its tokenizer is for another "
                "language, or damaged. Choose another teacher.", name=self.title, share=share))  # fmt: skip

    def subword_tokenizer(self) -> Tokenizer:
        """Tokenizer of the teacher as a plain `tokenizers` one that neither cuts nor pads. Ids are rows of
        `input_embeddings`.

        A tokenizer written in Python (XLM's) is rebuilt from its merges: the pieces are its own, words are split at
        blanks and signs. Raises TeacherError where that can't be done."""
        if self.tokenizer.is_fast:
            return without_truncation(self.tokenizer.backend_tokenizer)
        if hasattr(self.tokenizer, "bpe_ranks") and hasattr(self.tokenizer, "encoder"):
            return _from_merges(self.tokenizer)
        raise TeacherError(message(
            "The tokenizer of {name} can't give its pieces to a student. Choose whole words instead ({knob:knob}).",
            name=self.name, knob="vocabulary=words"))  # fmt: skip

    def input_embeddings(self) -> Tensor:
        """Table of word pieces, (pieces, hidden) float32, a copy."""
        table: Tensor = self.model.get_input_embeddings().weight
        return table.detach().float().cpu().clone()

    def static_vectors(self, words: Sequence[Sequence[int]] | Sequence[str], batch: int = 256) -> Tensor:
        """Vectors (n, hidden) float32, one for each word, which is text or a list of piece ids: the word alone goes
        through the encoder, between the special tokens, and its vector is the mean of its pieces' last hidden states;
        zeros for a word without pieces. [method: Model2Vec]"""
        if not len(words):
            return torch.zeros(0, self.model.config.hidden_size)
        inner = self._words(words) if _are_texts(words) else [[int(piece) for piece in word] for word in words]
        start, end = self._frame
        rows = [row for row, ids in enumerate(inner) if ids]
        vectors = torch.zeros(len(words), self.model.config.hidden_size)
        encoded = [{"input_ids": [*start, *inner[row], *end]} for row in rows]
        if self._types:
            for one in encoded:
                one["token_type_ids"] = [0] * len(one["input_ids"])
        for part in length_batches([len(one["input_ids"]) for one in encoded], batch):
            inputs = self.pad([encoded[i] for i in part], device())
            with torch.inference_mode():
                hidden = self.model.to(device()).base_model(**inputs, return_dict=True).last_hidden_state.float()
            place = torch.arange(hidden.shape[1], device=hidden.device)[None]
            lengths = torch.tensor([[len(encoded[i]["input_ids"])] for i in part], device=hidden.device)
            own = ((place >= len(start)) & (place < lengths - len(end))).unsqueeze(2)
            mean = (hidden * own).sum(1) / own.sum(1)
            vectors[[rows[i] for i in part]] = mean.cpu()
        return vectors

    def text_vectors(self, texts: Sequence[Text]) -> Tensor:
        """Vectors (texts, hidden) float32: the mean of the last hidden states of each text's tokens."""
        where, encoded = device(), self.encode(texts)
        vectors = torch.zeros(len(texts), self.model.config.hidden_size)
        for part in length_batches([len(one["input_ids"]) for one in encoded], TEXTS.get(where, TEXTS_ELSEWHERE)):
            inputs = self.pad([encoded[row] for row in part], where)
            with torch.inference_mode(), autocast(where, self.dtype or torch.float32):
                hidden = self.model.to(where).base_model(**inputs, return_dict=True).last_hidden_state.float()
            own = inputs["attention_mask"].unsqueeze(2)
            vectors[part] = ((hidden * own).sum(1) / own.sum(1)).cpu()
        return vectors

    def forward(self, encoded: Sequence[dict[str, list[int]]], dtype: torch.dtype) -> Tensor:
        """Logits of one batch of encoded texts, computed in `dtype`: (batch, classes) float32 on the CPU."""
        where = device()
        self.model.to(where)
        with torch.inference_mode(), autocast(where, dtype):
            logits: Tensor = self.model(**self.pad(encoded, where)).logits
        return logits.float().cpu()[:, self.order]

    def _side(self, text: str) -> str:
        return replace_surrogates(text).replace(MASK, self._stand_in)

    def _words(self, words: Sequence[str]) -> list[list[int]]:
        unknown = [self.tokenizer.unk_token_id] if self.tokenizer.unk_token_id is not None else []
        with self._lock:
            pieces = self.tokenizer([self._side(word) for word in words], add_special_tokens=False)["input_ids"]
        room = self.max_tokens - sum(map(len, self._frame))
        return [ids[:room] or unknown for ids in pieces]

    def _special_tokens(self) -> tuple[list[int], list[int]]:
        """Special tokens before and after a text. Raises TeacherError where there are none: the model never learned
        from texts without them."""
        with self._lock:
            encoding = self.tokenizer("a", return_special_tokens_mask=True)
        ids, special = encoding["input_ids"], encoding["special_tokens_mask"]
        start = next((i for i, mark in enumerate(special) if not mark), len(ids))
        end = next((i for i, mark in enumerate(reversed(special)) if not mark), 0)
        if not start and not end:
            raise TeacherError(message(
                "The tokenizer of {name} puts no special tokens around a text, which its model expects. Its "
                "tokenizer.json lacks a post_processor.", name=self.name))  # fmt: skip
        return ids[:start], ids[len(ids) - end :]


def _are_texts(words: Sequence[Sequence[int]] | Sequence[str]) -> TypeGuard[Sequence[str]]:
    return isinstance(words[0], str)


def _takes_types(model: Any) -> bool:
    """Use of token types: a second table marks the sentences of a pair (BERT), not separators alone (RoBERTa)."""
    takes = "token_type_ids" in inspect.signature(model.forward).parameters
    return takes and (getattr(model.config, "type_vocab_size", 0) or 0) > 1


def length_batches(lengths: Sequence[int], batch: int) -> Iterator[list[int]]:
    """Batches of row numbers of similar length, the shortest first: at most `batch` rows, and no more tokens than suit
    the device."""
    tokens = TOKENS.get(torch.device(device()).type, TOKENS_ELSEWHERE)
    rows: list[int] = []
    for row in sorted(range(len(lengths)), key=lengths.__getitem__):
        if rows and (len(rows) == batch or (len(rows) + 1) * lengths[row] > tokens):
            yield rows
            rows = []
        rows.append(row)
    if rows:
        yield rows


def _from_merges(tokenizer: Any) -> Tokenizer:
    """Tokenizer of XLM's and FlauBERT's pieces: byte-pair merges whose last piece of a word ends in </w>."""
    merges = sorted(tokenizer.bpe_ranks, key=tokenizer.bpe_ranks.__getitem__)
    rebuilt = Tokenizer(
        models.BPE(
            vocab=dict(tokenizer.encoder),
            merges=[tuple(pair) for pair in merges],
            unk_token=tokenizer.unk_token,
            end_of_word_suffix="</w>",
        )  # fmt: skip
    )
    lower = getattr(tokenizer, "do_lowercase_and_remove_accent", getattr(tokenizer, "do_lowercase", False))
    rebuilt.normalizer = (
        normalizers.Sequence([normalizers.NFD(), normalizers.Lowercase(), normalizers.StripAccents()])
        if lower
        else normalizers.NFC()
    )
    rebuilt.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    rebuilt.add_special_tokens([token for token in tokenizer.all_special_tokens if token in tokenizer.encoder])
    return rebuilt
