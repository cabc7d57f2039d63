"""The nearest piece of the vocabulary, by the teacher's table, for each piece that no training text holds."""

import torch
from torch.nn.functional import normalize

from distill_core.student.runtime import Vocabulary
from distill_core.student.source import EmbeddingSource

CHUNK = 4096  # pieces of one comparison: 4,096 x 12,000 similarities are 200 MB


def nearest(vocabulary: Vocabulary, teacher: EmbeddingSource) -> list[tuple[int, int]]:
    """(token id, row) for each of the teacher's pieces without a row in `vocabulary` (of pieces): the row whose vector
    in the teacher's table has the highest cosine. Special tokens are left out."""
    own = [(row, token) for row, token in enumerate(vocabulary.teacher_ids) if row > vocabulary.mask and token >= 0]
    table = normalize(teacher.input_embeddings())
    known = set(teacher.tokenizer.all_special_ids) | set(vocabulary.teacher_ids)
    others = torch.tensor([token for token in range(len(table)) if token not in known], dtype=torch.long)
    if not own or not len(others):
        return []
    rows, ids = (torch.tensor(column) for column in zip(*own, strict=True))
    matches = [rows[(table[part] @ table[ids].T).argmax(1)] for part in torch.split(others, CHUNK)]
    return list(zip(others.tolist(), torch.cat(matches).tolist(), strict=True))
