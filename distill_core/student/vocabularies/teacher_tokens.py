"""The teacher's tokenizer, special tokens and all, for a student that reads as its teacher does.

Both sentences of a pair are one text. An exported student has a copy of this file, as vocabulary.py. So this file needs
tokenizers alone, and Stillroom's modules only inside `of`.
"""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer


class Vocabulary:
    """The teacher's tokenizer, special tokens and all. `tokens` holds the piece of each row of the table, `aliases` are
    (piece, row) of pieces that are read as another; any other is read as the row `unknown`. A piece of a pair's second
    sentence is numbered higher by the rows, where the teacher tells the two sentences apart by `types`."""

    def __init__(
        self, tokenizer: Tokenizer, tokens: list[int], aliases: Sequence[tuple[int, int]], unknown: int, mask: str,
        longest: int, types: bool,
    ):  # fmt: skip
        self.tokenizer, self.tokens, self.unknown = tokenizer, tokens, unknown
        self.aliases = [(token, row) for token, row in aliases]
        self.mask, self.longest, self.types = mask, longest, types
        self._rows = dict(self.aliases) | {token: row for row, token in enumerate(tokens)}

    @classmethod
    def of(cls, source: Any, vocabulary: Any, config: Any) -> "Vocabulary":
        """The vocabulary of the teacher `source`: its special tokens, the pieces in `vocabulary`, which is that of the
        transfer set, and more of the teacher's where `config` leaves room."""
        from distill_core.student.cutting import choose_rows, has_sentence_types

        tokens, aliases, unknown = choose_rows(source, vocabulary, config.vocabulary_limit)
        types = has_sentence_types(source.model)
        tokenizer, mask = source.subword_tokenizer(), source.mask_token
        return cls(tokenizer, tokens, aliases, unknown, mask, source.max_tokens, types)

    def sides(self, rows: Sequence[Sequence[str]], max_tokens: int, cut: str = "head") -> list[list[list[int]]]:
        """The ids of the rows of one or two sentences, which are one text each. Of a longer one the beginning is read
        or, as `cut` says, of a single sentence also the end."""
        most, pair = min(max_tokens, self.longest), len(rows[0]) > 1
        self._cut_at(most if pair or cut == "head" else None)
        valid = [tuple(self._valid(side) for side in row) for row in rows]
        encoded = self.tokenizer.encode_batch_fast([row if pair else row[0] for row in valid])
        row, above = self._rows.get, len(self.tokens) if self.types else 0
        return [[
            _without_middle(
                [row(token, self.unknown) + above * kind for token, kind in zip(one.ids, one.type_ids, strict=True)],
                most,
            )
            for one in encoded
        ]]  # fmt: skip

    def save(self, folder: "str | Path") -> None:
        """Write tokenizer.json and vocabulary.json into `folder`, which exists."""
        self.tokenizer.save(str(Path(folder) / "tokenizer.json"))
        state = {name: getattr(self, name) for name in ("tokens", "aliases", "unknown", "mask", "longest", "types")}
        (Path(folder) / "vocabulary.json").write_text(json.dumps(state), encoding="utf-8")

    @classmethod
    def load(cls, folder: "str | Path") -> "Vocabulary":
        """The vocabulary that `save` wrote into `folder`."""
        state = json.loads((Path(folder) / "vocabulary.json").read_text(encoding="utf-8"))
        tokenizer = Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))
        tokenizer.no_padding()  # a file from elsewhere could ask for any amount of it
        return cls(tokenizer, **state)

    def _valid(self, text: str) -> str:
        return text.encode("utf-8", "replace").decode("utf-8").replace("[MASK]", self.mask)

    def _cut_at(self, tokens: int | None) -> None:
        if (self.tokenizer.truncation or {}).get("max_length") == tokens:
            return  # a tokenizer is never set anew while another thread reads with it
        if tokens is None:
            self.tokenizer.no_truncation()
        else:
            self.tokenizer.enable_truncation(tokens, strategy="longest_first")


def _without_middle(ids: list[int], most: int) -> list[int]:
    """At most so many of the ids: the special token at each end, and between them a quarter from the beginning and the
    rest from the end, as the teacher reads a long text."""
    room = most - 2
    head = math.ceil(room / 4)
    return ids if len(ids) <= most else [*ids[: 1 + head], *ids[len(ids) - 1 - room + head :]]
