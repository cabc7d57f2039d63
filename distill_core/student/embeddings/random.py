"""Random numbers: nothing is known beforehand, as in a student trained from scratch."""

import torch
from torch import Tensor

from distill_core.config.schema import Config
from distill_core.student.projection import RANDOM, Report, report_nothing
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
    """A float32 table (vocabulary.size, width), normally distributed; the padding row is zero."""
    table = torch.randn(vocabulary.size, width, generator=generator) * RANDOM
    table[vocabulary.pad] = 0
    return table
