"""The teacher's own word-piece table, reduced by PCA to the wanted width."""

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
    """A float32 table (vocabulary.size, width); a word is the mean of its pieces, the padding row is zero. Where the
    teacher's table is narrower than `width`, random numbers stand beside it."""
    source = teacher.input_embeddings().detach().float().cpu()
    pieces = teacher_pieces(vocabulary, teacher)
    rows = torch.zeros(vocabulary.size, source.shape[1])
    for row, ids in enumerate(pieces):
        if ids:
            rows[row] = source[ids].mean(0)
    known = torch.tensor([bool(ids) for ids in pieces])
    return fit_width(rows, known, width, message("The rows of the teacher's word-piece table"), generator, say)
