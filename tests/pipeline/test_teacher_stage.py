"""The stage teacher: which of several reasons against a teacher is named."""

from collections.abc import Generator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from distill_core.config.schema import Config
from distill_core.data.dataset import Split
from distill_core.errors import TeacherError
from distill_core.evaluation.objective import SINGLE_LABEL
from distill_core.pipeline.stages import teacher as stage

TRUTH = [0] * 30 + [1] * 30
RIGHT = torch.nn.functional.one_hot(torch.tensor(TRUTH)).float()


@pytest.mark.parametrize(
    ("logits", "reason"),
    [
        (-RIGHT, "The teacher's labels look exchanged"),  # not only that it is worse than the baseline
        (torch.tensor([[1.0, 0.0]] * 60), "answers 'bad' to all 60 validation rows"),
    ],
)
def test_the_reason_that_can_be_mended_comes_first(
    logits: torch.Tensor, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    teacher = SimpleNamespace(notes=[], model=None, **dict.fromkeys(stage.FACTS, "one"))
    monkeypatch.setattr(stage.loading, "load_teacher", lambda *_: teacher)

    def label_texts(*_: Any) -> Generator[Any, None, torch.Tensor]:
        yield from ()
        return logits

    context: Any = SimpleNamespace(
        config=Config.of(teacher="one", student="bag"), folder=tmp_path, label_texts=label_texts
    )
    rows = SimpleNamespace(valid=Split([(f"{n}",) for n in range(60)], TRUTH), labels=("bad", "good"), pair=False)
    data: Any = SimpleNamespace(
        dataset=rows, objective=SINGLE_LABEL, metric="accuracy", baseline_score=1.0,
        baseline=SimpleNamespace(logits=lambda _: RIGHT.numpy()),
    )  # fmt: skip
    with pytest.raises(TeacherError, match=reason):
        list(stage.run(context, data))
