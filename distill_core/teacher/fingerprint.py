"""Fingerprint of a teacher: the digest of everything that decides its answers."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from distill_core.teacher.tokenizers import tokenizer_files
from distill_core.teacher.weights import Weights


def fingerprint(folder: Path, weights: Weights, labels: Sequence[str]) -> str:
    """Fingerprint of a teacher: the sha256 over weights, config, tokenizer and the order of the labels."""
    total = hashlib.sha256(json.dumps(list(labels), ensure_ascii=False).encode("utf-8", "surrogatepass"))
    for file in (*weights.files, folder / "config.json", *tokenizer_files(folder)):
        with open(file, "rb") as opened:
            total.update(hashlib.file_digest(opened, "sha256").digest())
    return total.hexdigest()
