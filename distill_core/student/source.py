"""The source of a student's starting vectors, or of its whole network, as the student sees it.

Knows nothing of teachers: any object with these attributes will do.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from tokenizers import Tokenizer
from torch import Tensor


class SpecialTokens(Protocol):
    """A tokenizer's special tokens."""

    @property
    def all_special_ids(self) -> list[int]: ...

    @property
    def unk_token_id(self) -> int | None: ...


class EmbeddingSource(Protocol):
    """A model whose subwords, vectors and labels a student inherits."""

    @property
    def model(self) -> Any:
        """The network itself, as transformers builds it."""

    @property
    def max_tokens(self) -> int:
        """The most tokens that it reads of a text, special ones included."""

    @property
    def fingerprint(self) -> str:
        """A digest of all that decides its answers."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes, in the order of the data."""

    @property
    def order(self) -> list[int]:
        """The network's output for each of the labels."""

    @property
    def mask_token(self) -> str:
        """The name of a masked word, "" without one."""

    @property
    def tokenizer(self) -> SpecialTokens: ...

    def encode(self, texts: Sequence[tuple[str, ...]]) -> list[dict[str, list[int]]]:
        """The network's inputs for each text, not yet padded."""

    def pad(self, encoded: Sequence[dict[str, list[int]]], where: str = "cpu") -> dict[str, Tensor]:
        """A batch of encoded texts as tensors (batch, longest) on the device `where`, with the attention mask."""

    def subword_tokenizer(self) -> Tokenizer:
        """A tokenizer that neither truncates nor pads. Its ids are rows of `input_embeddings`."""

    def input_embeddings(self) -> Tensor:
        """The table of subwords, (subwords, width) float32."""

    def static_vectors(self, words: Sequence[Sequence[int]]) -> Tensor:
        """One vector for each word, as its subword ids: (words, width) float32."""

    def text_vectors(self, texts: Sequence[tuple[str, ...]]) -> Tensor:
        """One vector for each text, as the whole network reads it: (texts, width) float32."""
