"""Stage label: the teacher's logits for every text of the transfer set, and their disagreement with the labels."""

import json
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from distill_core.cache import write_atomic
from distill_core.evaluation import diagnostics
from distill_core.evaluation.summary import Disagreement
from distill_core.pipeline.context import Done, RunContext, Stage, notes
from distill_core.pipeline.stages.data import DataOutput
from distill_core.pipeline.stages.teacher import TeacherOutput
from distill_core.pipeline.stages.transfer import TransferOutput


@dataclass(frozen=True)
class LabelOutput:
    """Soft labels: the teacher's logits (texts of the transfer set, labels) float32; and the teacher's disagreement
    with the labelled rows."""

    soft_labels: Tensor
    disagreement: Disagreement


def run(context: RunContext, data: DataOutput, teacher: TeacherOutput, transfer: TransferOutput) -> Stage[LabelOutput]:
    """Label the transfer set. Raises Stopped, TeacherError."""
    transfer_set, train = transfer.transfer_set, data.dataset.train
    soft_labels = yield from context.label_texts(teacher.teacher, transfer_set.texts, "label")
    own = transfer_set.source.count("labelled")  # they come first
    truth = np.array([train.labels[row] for row in transfer_set.origin[:own]])
    disagreement = diagnostics.label_disagreements(
        transfer_set.texts[:own], truth, soft_labels[:own].numpy(), data.dataset.labels, data.objective
    )
    yield from notes(diagnostics.describe_disagreements(disagreement), "label")
    valid = data.dataset.valid
    doubtful = diagnostics.doubtful_rows(
        [*transfer_set.texts[:own], *valid.texts], np.concatenate([truth, np.array(valid.labels, truth.dtype)]),
        np.concatenate([soft_labels[:own].numpy(), teacher.valid_logits.numpy()]), data.dataset.labels,
        data.objective, diagnostics.DOUBTFUL_ROWS,
        [*map(train.source_row, transfer_set.origin[:own]), *map(valid.source_row, range(len(valid)))],
    )  # fmt: skip
    lines = "\n".join(json.dumps(row, ensure_ascii=False) for row in doubtful)
    write_atomic(context.folder / diagnostics.DOUBTS_FILE, lines.encode("utf-8", "replace"))
    return Done(LabelOutput(soft_labels, disagreement))
