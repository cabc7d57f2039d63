"""Masked words filled by a masked language model, many texts at once.

Unlike near words, which are the same in every text, its guesses fit the text around them.
"""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from distill_core.config.schema import Config
from distill_core.distillation.neighbours import in_case_of, single_words
from distill_core.errors import TeacherError
from distill_core.messages import Message, message
from distill_core.teacher import fingerprint, loading, safe_loading, tokenizers
from distill_core.teacher import weights as model_weights
from distill_core.teacher.catalog import PREFIX, find_saved, teacher_name
from distill_core.teacher.model import length_batches
from distill_core.tokenization import MASK, without_truncation
from distill_core.training.device import autocast, device, fast_dtype

GUESSES = 15  # words of which one is drawn [TinyBERT's K]
BATCH = 32
LABELS = ("0", "1")  # a config has labels, whatever its head


def model_name(config: Config) -> str:
    """Name of the model that fills masked words: the config's own, or the base of its teacher."""
    name = config.filler or teacher_name(config)
    return find_saved(name).base if name.startswith(PREFIX) else name


class MaskFiller:
    """A masked language model in memory."""

    def __init__(self, config: Config):
        """Load the config's. Raises TeacherError, also where the model has no head for masked words, and HubError."""
        self.name = model_name(config)
        self._folder: Path = loading.locate(self.name, config)
        settings = safe_loading.read_config(self._folder, self.name, LABELS)
        self._weights = model_weights.find_weights(self._folder, self.name, config.allow_pickle)
        safe_loading.check_shapes(settings, self._weights, self.name)
        notes: list[Message] = []
        self.tokenizer: Any = tokenizers.load_tokenizer(self._folder, settings, self.name, notes)
        self.most_tokens = min(tokenizers.max_length(settings, self.tokenizer), config.token_limit)
        self._model = self._load(settings).to(device())
        if not self.tokenizer.mask_token or not self.tokenizer.is_fast:
            raise headless(self.name)
        pieces = without_truncation(self.tokenizer.backend_tokenizer)
        self._words = single_words(pieces, self.tokenizer.all_special_ids, settings.vocab_size)
        self._ids = torch.tensor(list(self._words))

    @property
    def fingerprint(self) -> str:
        """A digest of all that decides its guesses."""
        return fingerprint.fingerprint(self._folder, self._weights, ())

    def fill(self, sides: Sequence[str], before: Sequence[Sequence[str]], draw: random.Random) -> list[str | None]:
        """The sides of texts with a word for each MASK in them, in the case of the one that stood there `before` and
        another than it; None for a side of which the model does not read every mask."""
        texts = [side.replace(MASK, self.tokenizer.mask_token) for side in sides]
        encoded = self.tokenizer(texts, truncation=True, max_length=self.most_tokens)["input_ids"]
        guesses: list[list[str] | None] = [None] * len(sides)
        for rows in length_batches([len(one) for one in encoded], BATCH):
            for row, found in zip(rows, self._guess([encoded[row] for row in rows]), strict=True):
                if len(found) == len(before[row]):
                    guesses[row] = [_choose(words, old, draw) for words, old in zip(found, before[row], strict=True)]
        return [None if words is None else _put(side, words) for side, words in zip(sides, guesses, strict=True)]

    def _guess(self, encoded: Sequence[list[int]]) -> list[list[list[str]]]:
        """For each text and each mask in it the likeliest whole words."""
        where = device()
        inputs = self.tokenizer.pad({"input_ids": list(encoded)}, return_tensors="pt").to(where)
        masks = inputs["input_ids"] == self.tokenizer.mask_token_id
        with torch.inference_mode(), autocast(where, fast_dtype(where)):
            logits = self._model(**inputs).logits[masks].float().cpu()  # of all places a vocabulary would be too much
        best = logits[:, self._ids].topk(min(GUESSES + 1, len(self._ids)), dim=1).indices
        words = [[self._words[int(self._ids[place])] for place in one] for one in best]
        ends = masks.sum(1).cumsum(0).tolist()
        return [words[start:end] for start, end in zip([0, *ends], ends, strict=False)]

    def _load(self, settings: Any) -> Any:
        from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING

        safe_loading.silence_transformers()
        state = self._weights.state
        source: dict[str, object] = {"use_safetensors": True} if state is None else {"state_dict": state}
        with safe_loading.weights_read(self.name):
            architecture: Any = MODEL_FOR_MASKED_LM_MAPPING[type(settings)]
            model, info = architecture.from_pretrained(
                str(self._folder) if state is None else None, config=settings, output_loading_info=True,
                dtype=torch.float32, trust_remote_code=False, local_files_only=True, **source,
            )  # fmt: skip
        missing = sorted({*info["missing_keys"], *(key for key, *_ in info["mismatched_keys"])})
        inside = f"{model.base_model_prefix}."
        safe_loading.check_missing([key for key in missing if key.startswith(inside)], self.name)
        if missing:
            raise headless(self.name)
        safe_loading.check_finite(model, self.name)
        return model.eval()


def headless(name: str) -> TeacherError:
    """Error of a model that has no head for masked words."""
    return TeacherError(message("{name} has no head that guesses masked words. Name a masked language model with "
                                "{knob:knob}.", name=name, knob="filler"))  # fmt: skip


def _choose(words: Sequence[str], old: str, draw: random.Random) -> str:
    others = [word for word in words if word.casefold() != old.casefold()][:GUESSES]
    return in_case_of(old, draw.choice(others)) if others else old


def _put(side: str, words: Sequence[str]) -> str:
    """The side with these words in the places of its masks."""
    between = side.split(MASK)
    return "".join(part for pair in zip(between, [*words, ""], strict=True) for part in pair)
