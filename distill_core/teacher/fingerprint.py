"""Fingerprint of a teacher: the digest of everything that decides its answers."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from distill_core.teacher.label_mapping import GENERIC
from distill_core.teacher.tokenizers import tokenizer_files
from distill_core.teacher.weights import Weights

# Keys that versions up to 506be2f left unread: where a config has one, what those cached are another model's answers.
UNREAD_BEFORE = (
    "add_cross_attention", "global_attn_every_n_layers", "global_rope_theta", "head_dim", "is_causal", "is_decoder",
    "local_rope_theta", "partial_rotary_factor", "rope_scaling", "rope_theta", "sliding_window", "true_hidden_size",
)  # fmt: skip


def fingerprint(folder: Path, weights: Weights, labels: Sequence[str]) -> str:
    """Fingerprint of a teacher: the sha256 over weights, config, tokenizer and the order of the labels."""
    total = hashlib.sha256(json.dumps(list(labels), ensure_ascii=False).encode("utf-8", "surrogatepass"))
    for file in (*weights.files, folder / "config.json", *tokenizer_files(folder)):
        with open(file, "rb") as opened:
            total.update(hashlib.file_digest(opened, "sha256").digest())
    if unread := _unread_before(json.loads((folder / "config.json").read_text(encoding="utf-8"))):
        total.update(json.dumps(unread, sort_keys=True).encode())
    return total.hexdigest()


def _unread_before(document: dict[str, Any]) -> dict[str, Any]:
    found = {key: document[key] for key in UNREAD_BEFORE if document.get(key)}
    names = document.get("id2label") or {}
    if document.get("label2id") and all(GENERIC.match(str(name)) for name in names.values()):
        found["label2id"] = document["label2id"]
    return found
