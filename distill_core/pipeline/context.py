"""What every stage of a run is given: the config, where to write, what was computed before, and whether to stop.

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

FORMAT = 5  # raise when what a stage caches changes its meaning

Output = TypeVar("Output")


@dataclass(frozen=True)
class Done(Generic[Output]):
    """A stage's output, and whether all of it was computed before."""

    output: Output
    cached: bool = False


Stage = Generator[Event, None, Done[Output]]  # yields what happens, returns what the later stages need


@dataclass(frozen=True)
class RunContext:
    """The run's config; `folder` for its checkpoints and its student; the `cache` that all runs share; `device` as
    torch names it; `stop()` tells whether the person asked the run to end."""

    config: Config
    folder: Path
    cache: Cache
    device: str
    stop: Callable[[], bool]

    def label_texts(
        self, teacher: Teacher, texts: Sequence[tuple[str, ...]], stage: str, stop: Callable[[], bool] | None = None
    ) -> Generator[Event, None, Tensor]:
        """Logits (texts, labels) float32 of the teacher, once per distinct text and from the cache where they are
        there; its progress is reported as that of `stage`. Raises Stopped, unless `stop` says otherwise."""
        labelling = CapturedGenerator(soft_labels.label_texts(teacher, list(texts), self.cache, stop or self.stop))
        for event in labelling:
            yield Progress(stage, event.done, event.total, event.unit, event.left)
        return labelling.value


def notes(findings: Iterable[tuple[str, str]], stage: str) -> Iterator[Note]:
    """Findings, each (level, sentence), as notes of a stage."""
    for level, sentence in findings:
        yield Note(sentence, level, stage)
