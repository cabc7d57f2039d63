"""What a piece that no training text holds is read as: the kept piece that the teacher's table puts nearest."""

from typing import TYPE_CHECKING

import torch
from torch.nn.functional import normalize

from distill_core.text import Vocabulary

if TYPE_CHECKING:
    from distill_core.teacher import Teacher

CHUNK = 4096  # pieces compared at once: 4,096 x 12,000 similarities are 200 MB


def aliased(vocabulary: Vocabulary, teacher: "Teacher") -> Vocabulary:
    """`vocabulary` (of pieces) with an alias for each of the teacher's other pieces: the row whose vector in the
    teacher's table has the highest cosine. It costs the student no weights. A vocabulary of words stays as it is."""
    kept = [(row, token) for row, token in enumerate(vocabulary.teacher_ids) if row > vocabulary.mask and token >= 0]
    if vocabulary.kind != "pieces" or not kept:
        return vocabulary
    rows, ids = (torch.tensor(column) for column in zip(*kept, strict=True))
    table = normalize(teacher.input_table())
    special = set(teacher.tokenizer.all_special_ids) | set(vocabulary.teacher_ids)
    others = torch.tensor([token for token in range(len(table)) if token not in special], dtype=torch.long)
    nearest = [rows[(table[part] @ table[ids].T).argmax(1)] for part in others.split(CHUNK)] if len(others) else []
    found = zip(others.tolist(), torch.cat(nearest).tolist() if nearest else [], strict=True)
    return Vocabulary(
        vocabulary.kind, vocabulary.tokenizer, vocabulary.entries, vocabulary.token_ids, vocabulary.teacher_ids,
        vocabulary.mask_token, list(found),
    )  # fmt: skip
