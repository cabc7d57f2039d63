"""Context of a run, common to all stages: config, folder, cache, device, and the request to stop.

Knows nothing of any single stage.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from torch import Tensor

from distill_core.cache import Cache
from distill_core.config.schema import Config
from distill_core.distillation import soft_labels
from distill_core.events import CapturedGenerator, Event, Note, Progress
from distill_core.teacher.model import Teacher

FORMAT = 5  # raise when a stage's cached output changes its meaning

Output = TypeVar("Output")


@dataclass(frozen=True)
class Done(Generic[Output]):
    """Output of a stage; `cached` where all of it was computed before."""

    output: Output
    cached: bool = False


Stage = Generator[Event, None, Done[Output]]  # yields events, returns the output for later stages


@dataclass(frozen=True)
class RunContext:
    """Context of a run: its config; the `folder` of its checkpoints and its student; the `cache` that all runs share;
    the `device` by torch's name; `stop()`, true once the person wants the run to end."""

    config: Config
    folder: Path
    cache: Cache
    device: str
    stop: Callable[[], bool]

    def label_texts(
        self, teacher: Teacher, texts: Sequence[tuple[str, ...]], stage: str, stop: Callable[[], bool] | None = None
    ) -> Generator[Event, None, Tensor]:
        """Logits (texts, labels) float32 of the teacher, from the cache where possible; a repeated text is labelled
        once. Progress is reported as that of `stage`. `stop` replaces the run's own. Raises Stopped."""
        labelling = CapturedGenerator(soft_labels.label_texts(teacher, list(texts), self.cache, stop or self.stop))
        for event in labelling:
            yield Progress(stage, event.done, event.total, event.unit, event.left)
        logits: Tensor = labelling.value
        return logits


def notes(findings: Iterable[tuple[str, str]], stage: str) -> Iterator[Note]:
    """Notes of a stage from findings, each (level, sentence)."""
    for level, sentence in findings:
        yield Note(sentence, level, stage)
