"""Each entry read by the teacher all by itself, reduced by PCA to the wanted width (the idea of Model2Vec)."""

import torch
from torch import Tensor

from distill_core.config.schema import Config
from distill_core.messages import message
from distill_core.student.projection import Report, fit_width, report_nothing, teacher_pieces
from distill_core.student.runtime import Vocabulary
from distill_core.student.source import EmbeddingSource


def make(
    vocabulary: Vocabulary,
    teacher: EmbeddingSource,
    width: int,
    config: Config,
    generator: torch.Generator,
    say: Report = report_nothing,
) -> Tensor:
    """A float32 table (vocabulary.size, width); the padding row is zero. Where the teacher's vectors are narrower than
    `width`, random numbers stand beside them."""
    pieces = teacher_pieces(vocabulary, teacher)
    known = torch.tensor([bool(ids) for ids in pieces])
    vectors = teacher.static_vectors([ids for ids in pieces if ids]).float().cpu()
    rows = torch.zeros(vocabulary.size, vectors.shape[1])
    rows[known] = vectors
    return fit_width(rows, known, width, message("The teacher's static vectors"), generator, say)
