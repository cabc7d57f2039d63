"""A language model of a few thousand weights that has learnt the toy texts, and random ones of any family."""

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from toy import TOY
from transformers import CONFIG_MAPPING, PreTrainedTokenizerFast
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING

LINES = [text for texts in TOY.values() for text in texts]
SMALL = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 16,
    "intermediate_size": 64, "max_position_embeddings": 256, "sliding_window": None, "bos_token_id": 0,
    "eos_token_id": 0, "pad_token_id": 0, "ffn_dim": 64, "word_embed_proj_dim": 32,
}  # fmt: skip


def write_tokenizer(folder: Path) -> int:
    """Save a byte-level tokenizer of the toy words; the size of its vocabulary."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=["<|end|>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )  # fmt: skip
    tokenizer.train_from_iterator([f"{line}\n" for line in LINES], trainer)
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|end|>", bos_token="<|end|>")
    wrapped.save_pretrained(folder)
    return len(wrapped)


def random_writer(folder: Path, family: str = "llama") -> Any:
    """Save a random model of a family with its tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    kind = CONFIG_MAPPING[family]
    known = {name: value for name, value in SMALL.items() if name in kind.__dataclass_fields__ or name in
             kind.attribute_map}  # fmt: skip
    config = kind(vocab_size=write_tokenizer(folder) + 8, **known)  # some families add tokens of their own
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = MODEL_FOR_CAUSAL_LM_MAPPING[kind](config)
        for value in model.parameters():
            value.data *= 2 if value.ndim > 1 else 1  # as it is drawn it writes the same after every text
    model.save_pretrained(folder)
    return model


def trained_writer(folder: Path) -> None:
    """Save a model that has learnt to write lines like the toy's."""
    with torch.random.fork_rng():
        model = random_writer(folder).train()
        torch.manual_seed(0)
        tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
        optimiser = torch.optim.AdamW(model.parameters(), lr=5e-3)
        for _ in range(150):
            order = torch.randperm(len(LINES)).tolist()
            ids = tokenizer("".join(f"{LINES[place]}\n" for place in order), return_tensors="pt")["input_ids"][:, :200]
            model(ids, labels=ids).loss.backward()
            optimiser.step()
            optimiser.zero_grad()
    model.save_pretrained(folder)
