"""What a run will cost: the arithmetic on its own, and a survey of the toy against the run that follows."""

import dataclasses
import math
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from distill_core.cache import Cache
from distill_core.config.automatic import automatic_values
from distill_core.config.schema import Config
from distill_core.config.training_length import PATIENT_SHARE
from distill_core.distillation.soft_labels import text_size
from distill_core.errors import KnobError
from distill_core.estimation import cost
from distill_core.estimation.cost import Measurements, PastRun, augmentation_yield, estimate
from distill_core.events import STAGES
from distill_core.pipeline.stages import label_cost, transfer_cost

COUNTS = {
    "train": 1000, "valid": 100, "test": 200, "unlabelled": 500, "seconds": 1.0, "make": 1e-4, "read": 1e-4,
    "size": {"labelled": 100.0, "unlabelled": 50.0, "augmented": 80.0}, "grown": [0.0, 0.9, 1.7, 2.4], "tokens": 48,
}  # fmt: skip
PACES = Measurements(COUNTS, {"size": 1e-5, "load": 0.5}, {"step": 0.02, "row": 1e-4, "memory": 500_000_000})


def earlier(config: Config, texts: int = 3200, steps: int = 200, **stages: float) -> PastRun:
    seconds = dict.fromkeys(STAGES, 1.0) | stages
    measured = {name: (took, False) for name, took in seconds.items()}
    known = config.model_dump() | {"max_tokens": 48}
    known |= automatic_values(known, None, None)
    return PastRun(known, measured, texts, steps, 600, tokens=48)


def test_nothing_is_told_while_nothing_is_known() -> None:
    assert estimate(Config(), Measurements()) is None
    assert estimate(Config(), Measurements(COUNTS)) is None  # how long the teacher takes nobody knows
    assert Measurements(COUNTS).complete is False and PACES.complete


def test_what_shows_whether_more_would_help_is_counted_as_far_as_it_is_done() -> None:
    def compare(**known: Any) -> float:
        counts = dataclasses.replace(PACES, counts=COUNTS | known)
        return estimate(Config.of(n_iter=0, neighbours=0), counts).stages["compare"]

    before = compare()
    assert compare(fit=0.6, classes=2) == pytest.approx(before + 3.3 * 0.6 * (1 + 1.25)), (
        "1,500 texts, 500 half as long"
    )
    assert compare(fit=0.6, classes=100) == pytest.approx(before + 1.1 * 0.6), "one fold of the rows, no transfer set"


def test_new_pairs_are_counted_where_the_texts_are_pairs() -> None:
    pairs = dataclasses.replace(PACES, counts={**COUNTS, "pair": True})
    without, with_three = (estimate(Config.of(n_iter=0, neighbours=0, pairing=n), pairs) for n in (0, 3))
    assert with_three.texts - without.texts == 3 * COUNTS["train"]
    assert with_three.stages["label"] > without.stages["label"]
    assert estimate(Config.of(n_iter=0, neighbours=0, pairing=3), PACES).texts == without.texts
    assert estimate(Config.of(n_iter=0, neighbours=0, pairing=3, transfer_limit=2000), pairs).texts == 2000


def test_passes_multiply_the_labelled_texts_up_to_the_limit() -> None:
    def texts(**knobs: Any) -> int:
        return estimate(Config.of(**{"neighbours": 0} | knobs), PACES).texts

    assert texts(n_iter=0) == 1500
    assert texts(n_iter=2) == 1500 + 1700
    assert texts(n_iter=3) < texts(n_iter=6) < 1500 + 6000  # beyond what was tried: still more, but fewer each time
    assert texts(n_iter=3, transfer_limit=2000) == 2000
    assert texts(n_iter=3, transfer_limit=10) == 1000  # labelled rows are never cut
    assert texts(n_iter=2, neighbours=4) == 1500 + 1700 + 4000
    assert texts(n_iter=0, neighbours="auto") == 1500 + 10_000  # so few rows, and fewer texts without a label


def test_texts_with_near_words_cost_their_making_and_their_labelling() -> None:
    without, with_them = (estimate(Config.of(n_iter=0, neighbours=passes), PACES) for passes in (0, 4))
    assert with_them.stages["label"] - without.stages["label"] == pytest.approx(4000 * 100e-5)
    assert with_them.stages["transfer"] > without.stages["transfer"] + 4000 * 2e-4
    fewer = Measurements(COUNTS | {"near": 0.5}, PACES.teacher, PACES.student)  # short texts: none of their words drawn
    assert estimate(Config.of(n_iter=0, neighbours=4), fewer).texts == 1500 + 2000


def test_texts_of_a_bank_cost_their_choice_and_their_labelling() -> None:
    counts = COUNTS | {"bank": 500_000}
    knobs = {"n_iter": 0, "neighbours": 0, "bank": ["owner/name"], "bank_texts": 3000}
    without, with_them = (estimate(Config.of(**knobs), dataclasses.replace(PACES, counts=each))
                          for each in (COUNTS, counts))  # fmt: skip
    assert (without.texts, with_them.texts) == (1500, 4500)
    assert with_them.stages["label"] - without.stages["label"] == pytest.approx(3000 * 100e-5)
    chosen = with_them.stages["transfer"] - without.stages["transfer"]
    assert chosen == pytest.approx(500_000 * transfer_cost.SIEVE + 3 * 3000 * 100e-5 + 3000 * 1e-4)
    small = dataclasses.replace(PACES, counts=COUNTS | {"bank": 40})
    assert estimate(Config.of(**knobs), small).texts == 1540
    pairs = dataclasses.replace(PACES, counts=counts | {"pair": True})
    assert estimate(Config.of(**knobs), pairs).texts == 1500


def test_texts_of_a_language_model_cost_their_writing_and_their_labelling() -> None:
    knobs = {"n_iter": 0, "neighbours": 0, "generated_texts": 2000}
    without, guessed = (estimate(Config.of(**knobs, generator=name), PACES) for name in (None, "owner/name"))
    assert (without.texts, guessed.texts) == (1500, 3500)
    assert guessed.stages["label"] - without.stages["label"] == pytest.approx(2000 * 100e-5)
    measured = estimate(
        Config.of(**knobs, generator="owner/name"), dataclasses.replace(PACES, counts=COUNTS | {"write": 0.01})
    )
    written = measured.stages["transfer"] - without.stages["transfer"]
    assert written == pytest.approx(transfer_cost.MODEL_START + 2000 * 0.01 + 2000 * 1e-4)
    assert guessed.stages["transfer"] > 2000 * transfer_cost.GUESSED_WRITE
    assert guessed.high / guessed.seconds > measured.high / measured.seconds, "a guess is told with its doubt"
    large = dataclasses.replace(PACES, counts=COUNTS | {"write": 0.01, "writer": 2_000_000_000})
    assert estimate(Config.of(**knobs, generator="owner/name"), large).memory > measured.memory + 3e9
    pairs = dataclasses.replace(PACES, counts=COUNTS | {"pair": True})
    assert estimate(Config.of(**knobs, generator="owner/name"), pairs).texts == 1500


def test_texts_with_filled_masks_cost_their_filling_and_their_labelling() -> None:
    without, filled = (estimate(Config.of(n_iter=0, neighbours=0, filled=n), PACES) for n in (0, 3))
    assert filled.texts - without.texts == 3 * COUNTS["train"]
    assert filled.stages["label"] - without.stages["label"] == pytest.approx(3000 * 100e-5)
    assert filled.stages["transfer"] > without.stages["transfer"] + 3000 * 100e-5


@pytest.mark.parametrize(
    ("knob", "size", "counted", "most"),
    [
        pytest.param("lexicon", label_cost.WORD_SIZE, {"words": 300}, 300, id="no more than the vocabulary has"),
        pytest.param("framed", label_cost.FRAME_SIZE, {"words": 300, "frames": 2}, 600, id="each word in each frame"),
    ],
)
def test_words_alone_and_in_frames_are_short_texts(knob: str, size: int, counted: dict[str, int], most: int) -> None:
    def told(asked: int, **counts: Any) -> cost.Estimate:
        config = Config.of(n_iter=0, neighbours=0, **{knob: asked})
        return estimate(config, dataclasses.replace(PACES, counts=COUNTS | counts))

    without, with_them = told(0), told(2000)
    assert with_them.texts - without.texts == 2000
    assert with_them.stages["label"] - without.stages["label"] == pytest.approx(2000 * size * 1e-5)
    assert with_them.stages["transfer"] > without.stages["transfer"]
    assert told(2000, **counted).texts - without.texts == most
    assert told(2000, pair=True).texts == without.texts


def test_a_word_has_the_size_of_a_text() -> None:
    assert text_size(("a word",)) == label_cost.WORD_SIZE


def test_a_language_model_is_timed_anew_where_it_is_another_one(tmp_path: Path) -> None:
    names = (None, "owner/name", str(tmp_path))
    keys = [cost.data_key(Config.of(generator=name)) for name in names]
    assert "generator" not in keys[0] and keys[1] != keys[2], "earlier measurements stay"


def test_a_bank_is_counted_with_the_data_and_another_one_anew(tmp_path: Path) -> None:
    bank = tmp_path / "bank.txt"
    bank.write_text("a text\n")
    keys = [cost.data_key(Config.of(bank=each)) for each in ([], [str(bank)])]
    bank.write_text("a text\nand another\n")
    keys.append(cost.data_key(Config.of(bank=[str(bank)])))
    assert "bank" not in keys[0] and keys[1] != keys[2], "earlier measurements stay"


def test_a_file_is_known_by_whichever_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "rows.csv").write_text("text,label\n")
    monkeypatch.chdir(tmp_path)
    relative, absolute = ({"task": "file", "train": name, "bank": name}
                          for name in ("rows.csv", str(tmp_path / "rows.csv")))  # fmt: skip
    assert cost.data_key(Config.of(**relative)) == cost.data_key(Config.of(**absolute))
    assert cost.student_key(Config.of(**relative)) == cost.student_key(Config.of(**absolute))


def test_more_passes_make_ever_fewer_texts() -> None:
    sums = [augmentation_yield([0.0, 0.9, 1.7, 2.4], passes) for passes in range(12)]
    gains = [after - before for before, after in zip(sums, sums[1:], strict=False)]
    assert sums[:4] == [0.0, 0.9, 1.7, 2.4]
    assert all(later < sooner and later > 0 for sooner, later in zip(gains, gains[1:], strict=False))


def test_seconds_follow_what_was_measured() -> None:
    plain = {"n_iter": 0, "neighbours": 0, "epochs": 2, "batch": 50, "evaluations": 10}
    told = estimate(Config.of(**plain), PACES)
    assert told.steps == 2 * math.ceil(1500 / 50)
    whole = 60 * 0.02 + 10 * 100 * 1e-4
    assert told.stages["student"] == pytest.approx(PATIENT_SHARE * whole), "patience ends most trainings early"
    for patience in (0, 10):  # never, and no sooner than the training itself
        patient = estimate(Config.of(**plain, patience=patience), PACES)
        assert patient.stages["student"] == pytest.approx(whole)
    assert told.high > whole, "the upper end knows of the trainings that go on to the last step"
    assert told.stages["label"] == pytest.approx(1000 * 100e-5 + 500 * 50e-5)
    assert told.low < told.seconds < told.high
    assert told.rests_on == "survey" and told.memory > 500_000_000
    assert estimate(Config.of(control=False), PACES).stages["control"] == 0


def test_an_earlier_run_of_the_like_is_believed_before_a_survey() -> None:
    before = earlier(Config.of(seed=1), control=8.0, student=10.0, label=6.4)
    told = estimate(Config.of(seed=2, epochs=1), PACES, [before])
    assert told.stages["student"] == pytest.approx(10.0 / 200 * told.steps)
    assert told.stages["label"] == pytest.approx(6.4 / 3200 * told.texts)
    assert (told.rests_on, told.runs, told.cached) == ("runs", 1, ())
    other = estimate(Config.of(seed=2, hidden=200), PACES, [before])  # another student goes at another pace
    assert other.stages["student"] == pytest.approx(PATIENT_SHARE * (other.steps * 0.02 + 20 * 100 * 1e-4))
    assert other.rests_on == "survey"


def test_what_an_earlier_run_left_behind_costs_nothing_again() -> None:
    before = earlier(Config())
    again = estimate(Config.of(loss="soft_kl"), Measurements(), [before])  # known whole without any survey
    assert again.cached == ("control", "label") and again.texts == 3200 and again.memory == 600
    assert estimate(Config.of(lr=0.01), PACES, [before]).cached == ("label",)  # the control learns anew
    assert estimate(Config.of(n_iter=5), PACES, [before]).cached == ()
    tuned = Config.of(fine_tune=True, teacher="a/b")
    assert "teacher" in estimate(tuned, Measurements(), [earlier(tuned, teacher=900.0)]).cached


def test_a_teacher_that_is_not_here_leaves_more_doubt() -> None:
    far = Measurements(COUNTS, {"size": 1e-3, "load": 5.0, "far": True}, PACES.student)
    told = estimate(Config(), far)
    assert told.rests_on == "size" and told.high / told.seconds > estimate(Config(), PACES).high / told.seconds


def test_a_student_cut_from_a_teacher_that_is_not_here_is_guessed_by_its_layers() -> None:
    teacher: Any = {"size": 1e-4, "load": 5.0, "far": True, "depth": 6, "width": 384}

    def pace(**knobs: Any) -> Any:
        return cost.guess_cut_student(Config.of(student="cut", **knobs), teacher, COUNTS)

    assert cost.guess_cut_student(Config(), teacher, COUNTS) is None
    whole = pace(layers="all")["row"]
    assert 0.8 * 1e-4 * 100 < whole < 1e-4 * 100, "the teacher's own time for a text, but for its last layer"
    assert pace(layers="last:1")["row"] < 0.1 * whole < pace()["row"] < pace(layers="even:3")["row"] < whole
    assert pace(table_width=64)["memory"] < pace()["memory"] < pace(layers="all")["memory"]
    with pytest.raises(KnobError, match="The teacher has 6 layers"):
        pace(layers="0,6")
    told = estimate(Config.of(student="cut", neighbours=0), Measurements(COUNTS, teacher, pace()))
    assert told.rests_on == "size" and told.stages["student"] > 3 * told.stages["label"]


def test_a_survey_counts_what_the_run_then_makes(toy_config: Config, tiny_teacher: Path, tmp_path: Path) -> None:
    from distill_core.estimation import profiling
    from distill_core.pipeline.distill import distill

    config = Config.of(**toy_config.model_dump() | {"teacher": str(tiny_teacher), "n_iter": 2})
    cache = Cache(tmp_path / "cache")
    list(profiling.profile(config, tmp_path, cache))
    told = estimate(config, cost.known_measurements(config, cache))
    run = list(distill(config, tmp_path / "run", cache))
    made = next(event.value["texts"] for event in run if event.kind == "fact" and event.name == "transfer")
    summary = next(event.summary for event in run if event.kind == "compared")
    (chosen,) = [str(event.text) for event in run if event.kind == "note" and "Chosen for these data" in event.text]
    assert "student: bilstm_max (single texts)" in chosen and "max_tokens" not in chosen
    assert told.labelled == summary["rows"]["train"]
    assert told.texts == pytest.approx(made, rel=0.2)
    assert all(told.stages[stage] > 0 for stage in STAGES) and told.memory > 50_000_000

    before = {file: file.stat().st_mtime_ns for file in tmp_path.glob("cache/pace-*/*/*")}
    longer = Config.of(**config.model_dump() | {"epochs": 9})
    list(profiling.profile(longer, tmp_path, cache))  # nothing of it is new
    assert {file: file.stat().st_mtime_ns for file in tmp_path.glob("cache/pace-*/*/*")} == before
    assert estimate(longer, cost.known_measurements(longer, cache)).steps > told.steps


def test_a_survey_downloads_no_teacher(toy_config: Config, fake_hub: Any, tmp_path: Path) -> None:
    from distill_core.estimation import profiling

    known, unknown = "google-bert/bert-base-uncased", "nobody/knows"
    cache = Cache(tmp_path / "cache")
    for name in (known, unknown):
        config = Config.of(**toy_config.model_dump() | {"teacher": name})
        list(profiling.profile(config, tmp_path, cache))
        told = estimate(config, cost.known_measurements(config, cache))
        assert told is None if name == unknown else told.rests_on == "size" and told.stages["label"] > 0
    assert fake_hub.requests == []


def test_a_loss_on_hidden_states_is_timed_with_the_teacher_it_asks(
    toy_config: Config, tiny_teacher: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from distill_core.distillation.losses import logit_mse
    from distill_core.estimation import profiling
    from distill_core.registry import LOSSES

    seen = []

    def loss(student: Any, teacher: Any, *rest: Any) -> Any:
        seen.append((student, teacher))
        return logit_mse.loss(student, teacher, *rest)

    config = Config.of(
        **toy_config.model_dump() | {"teacher": str(tiny_teacher), "loss": "soft_kl", "student": "bilstm"}
    )
    cache = Cache(tmp_path / "cache")
    with monkeypatch.context() as patch:
        patch.setattr(LOSSES, "get", lambda name: SimpleNamespace(loss=loss))
        needs = {("soft_kl", "NEEDS"): ("logits", "hidden_states")}
        patch.setattr(LOSSES, "constant", lambda name, constant, default=None: needs.get((name, constant), default))
        list(profiling.profile(config, tmp_path, cache))
        known = cost.known_measurements(config, cache)
        told = estimate(config, known)
        plain, alike = (earlier(config.model_copy(update={"loss": one}), student=10.0) for one in ("ce", "soft_kl"))
        assert estimate(config, known, [plain]).stages["student"] == told.stages["student"], "it asked nobody"
        assert estimate(config, known, [alike]).stages["student"] == pytest.approx(10.0 / 200 * told.steps)
    assert known.student["live"] > known.student["step"], "the control asks nobody"
    assert told.stages["student"] > told.stages["control"] > 0
    student, teacher = seen[0]
    assert len(student.hidden_states) == 1 and len(teacher.hidden_states) == 3, "two layers, and the embeddings"
    assert len(student.logits) == len(teacher.logits) == len(teacher.hidden_states[0])


def test_a_teacher_to_be_fine_tuned_is_timed_in_the_precision_it_then_has(
    toy_config: Config, tiny_teacher: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from distill_core.estimation import profiling
    from distill_core.teacher.model import Teacher
    from distill_core.training import device

    forward, labelled, trained = Teacher.forward, [], []

    def recorded(self: Teacher, encoded: Any, dtype: torch.dtype) -> torch.Tensor:
        labelled.append(dtype)
        return forward(self, encoded, torch.float32)

    def autocast(where: str, dtype: torch.dtype) -> Any:
        trained.append(dtype)
        return nullcontext()

    monkeypatch.setattr(Teacher, "fast", lambda self, texts: (torch.bfloat16, torch.full((len(texts), 2), 0.5)))
    monkeypatch.setattr(Teacher, "forward", recorded)
    monkeypatch.setattr(device, "autocast", autocast)
    config = Config.of(**toy_config.model_dump() | {"teacher": str(tiny_teacher), "fine_tune": True})
    list(profiling.profile(config, tmp_path, Cache(tmp_path / "cache")))
    assert {*labelled} == {torch.bfloat16} and trained == [torch.bfloat16] * profiling.TUNING


def test_the_batch_that_is_timed_is_a_usual_one() -> None:
    from distill_core.estimation.profiling import _usual_batch

    tokens = [*[5] * 20, *[10] * 20, 100]
    chosen = _usual_batch(tokens, 4)
    assert max(tokens[place] for place in chosen) == 10 and len(chosen) == 4, (
        "neither the shortest nor the one that is ten times as long"
    )
    assert len(_usual_batch(tokens[:3], 8)) == 8


def test_the_texts_that_are_timed_are_of_like_length(
    toy_config: Config, tiny_teacher: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from distill_core.estimation import profiling
    from distill_core.teacher.model import Teacher

    asked: list[list[int]] = []
    logits = Teacher.logits

    def recorded(self: Teacher, texts: Any) -> Any:
        asked.append([len(one["input_ids"]) for one in self.encode(texts)])
        return logits(self, texts)

    monkeypatch.setattr(Teacher, "logits", recorded)
    config = toy_config.model_copy(update={"teacher": str(tiny_teacher)})
    list(profiling.profile(config, tmp_path, Cache(tmp_path / "cache")))
    timed = [lengths for lengths in asked if len(lengths) == profiling.LABELLED]
    assert timed and all(len({*lengths}) <= profiling.LABELLED // profiling.REPEATED for lengths in timed)
    assert all(max(lengths) - min(lengths) <= 4 for lengths in timed), timed
