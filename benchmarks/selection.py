"""What choosing the best step on few validation rows is worth, beside taking the last one.

    python benchmarks/selection.py --hub PATH --sets sst2,snips --rows 100 --draws 3
    python benchmarks/selection.py --hub PATH --sets mrpc,snli --rows 100 --draws 3 --teacher-only
    python benchmarks/selection.py --hub PATH --sets medical --rows 1000 --knobs max_tokens=128,teacher_epochs=2

PATH is that of small.py, and so are the data sets. Of each draw of labelled rows a tenth is set aside for validation;
on the rest a run fine-tunes a MiniLM and trains control and student, without patience. Each evaluation also scores
training rows that the draw lacks, at most SCORED_ROWS, so that one training tells what each rule would have taken: the
best step by the validation metric, the best one of a training that its patience ends, the least validation loss, or the
last step. The test rows are never read. Prints a
line of JSON for each training: the score of each rule's step, and of the best one there was.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

import small  # noqa: E402
from quality import hub  # noqa: E402

import distill_core as core  # noqa: E402
from distill_core.cache import Cache  # noqa: E402
from distill_core.config.schema import DEFAULTS  # noqa: E402
from distill_core.data.splitting import choose_held_out  # noqa: E402
from distill_core.distillation.student_trainer import StudentTrainer  # noqa: E402
from distill_core.evaluation.objective import SINGLE_LABEL  # noqa: E402
from distill_core.events import StageEnded  # noqa: E402
from distill_core.pipeline.distill import distill  # noqa: E402
from distill_core.teacher import fine_tuning  # noqa: E402
from distill_core.training import loop  # noqa: E402

SCORED_ROWS = 400
Row = list[str]
Score = tuple[float, float, float]  # on the validation rows its metric and its loss, and the metric on spare rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--hub", type=Path, required=True, help="the folder that holds loopback_hub.py")
    parser.add_argument("--sets", default="sst2,snips")
    parser.add_argument("--rows", type=int, default=100)
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--share", type=float, default=0.1, help="of the rows, for validation")
    parser.add_argument("--teacher-only", action="store_true")
    parser.add_argument("--knobs", default="", help="other values of a run's knobs, as name=value, by commas")
    given = parser.parse_args()
    with hub(given.hub):
        for draw in range(given.draws):
            for name in given.sets.split(","):
                knobs = dict(pair.split("=", 1) for pair in given.knobs.split(",") if pair)
                began = time.monotonic()
                found = measure(name, given.rows, draw, given.share, given.teacher_only, knobs)
                for stage, path in found.items():
                    head = {"set": name, "rows": given.rows, "draw": draw, "stage": stage, **knobs,
                            "seconds": round(time.monotonic() - began)}  # fmt: skip
                    print(json.dumps(head | judge(path)), flush=True)
    return 0


def judge(path: Sequence[Score]) -> dict[str, float]:
    """The score on the spare rows of the step that each rule takes, the first of equals."""
    best = max(range(len(path)), key=lambda place: (path[place][0], -path[place][1], -place))
    least = min(range(len(path)), key=lambda place: (path[place][1], place))
    spare = [score for _, _, score in path]
    return {
        "best": spare[best], "patient": spare[_patient(path)], "least loss": spare[least], "last": spare[-1],
        "top": max(spare),
    }  # fmt: skip


def _patient(path: Sequence[Score], patience: int = DEFAULTS["patience"]) -> int:
    """The place of the best step of a training that ends after so many evaluations without a better one."""
    best = 0
    for place, (value, loss, _) in enumerate(path):
        if (value, -loss) > (path[best][0], -path[best][1]):
            best = place
        if place - best >= patience:
            break
    return best


def measure(
    name: str, rows: int, draw: int, share: float, teacher_only: bool, knobs: Mapping[str, str]
) -> dict[str, list[Score]]:
    """The scores of each evaluation by stage: teacher, control and student."""
    chosen, _ = small.draw_rows(name, rows, draw)
    assert chosen is not None
    drawn = {tuple(row[:-1]) for row in chosen}
    rest = [row for row in small.read_rows(name, "train") if tuple(row[:-1]) not in drawn]
    spare = random.Random(draw).sample(rest, min(SCORED_ROWS, len(rest)))
    labels = sorted({row[-1] for row in spare})
    train, valid = cut(chosen, labels, share, draw)
    with tempfile.TemporaryDirectory() as place, recorded(spare, labels) as found:
        files = small.write_rows(Path(place), name, train=train, valid=valid, test=spare[:20])
        values: dict[str, Any] = {"teacher": small.TEACHER, "fine_tune": True, "teach_anyway": True, "patience": 0}
        config = core.Config.of(**values | files | {"seed": draw} | dict(knobs))
        for event in distill(config, Path(place) / "run", Cache(Path(place) / "cache"), lambda: False):
            if teacher_only and isinstance(event, StageEnded) and event.stage == "teacher":
                break
    return found


@contextmanager
def recorded(spare: Sequence[Row], labels: Sequence[str]) -> Iterator[dict[str, list[Score]]]:
    """While this is open each training's evaluations are scored on the spare rows as well."""
    found: dict[str, list[Score]] = {}
    now: dict[str, Any] = {}
    texts, truth = [tuple(row[:-1]) for row in spare], [labels.index(row[-1]) for row in spare]
    fit, train_teacher, train_student = loop.fit, fine_tuning._train, StudentTrainer._train

    def recording_fit(model: Any, rows: int, loss: Any, score: Any, plan: Any, **more: Any) -> Any:
        metric = now["metric"]

        def both() -> dict[str, float]:
            values: dict[str, float] = score()
            spare_score = SINGLE_LABEL.metrics(now["logits"](texts), truth)[metric]
            found.setdefault(now["stage"], []).append((values[metric], values["loss"], spare_score))
            model.train()
            return values

        return fit(model, rows, loss, both, plan, **more)

    def recording_teacher(learner: Any, data: Any, config: Any, metric: str, *more: Any) -> Generator[Any, None, Any]:
        now.update(stage="teacher", metric=metric, logits=lambda texts: learner.logits(texts).numpy())
        return (yield from train_teacher(learner, data, config, metric, *more))

    def recording_student(self: Any, stage: str, variant: Any, model: Any, *more: Any) -> Generator[Any, None, Any]:
        logits = self.predictor(model, variant).logits
        now.update(stage=stage, metric=self.metric, logits=lambda texts: logits(texts).numpy())
        return (yield from train_student(self, stage, variant, model, *more))

    patched: list[tuple[Any, str, Any, Any]] = [
        (loop, "fit", fit, recording_fit), (fine_tuning, "_train", train_teacher, recording_teacher),
        (StudentTrainer, "_train", train_student, recording_student),
    ]  # fmt: skip
    for owner, attribute, _, new in patched:
        setattr(owner, attribute, new)
    try:
        yield found
    finally:
        for owner, attribute, old, _ in patched:
            setattr(owner, attribute, old)


def cut(rows: Sequence[Row], labels: Sequence[str], share: float, seed: int) -> tuple[list[Row], list[Row]]:
    """(training rows, validation rows), of every class its share."""
    places = set(choose_held_out(
        [[place] for place in range(len(rows))], [labels.index(row[-1]) for row in rows], [False] * len(rows),
        round(share * len(rows)), random.Random(seed),
    ))  # fmt: skip
    return [row for place, row in enumerate(rows) if place not in places], [rows[place] for place in sorted(places)]


if __name__ == "__main__":
    sys.exit(main())
