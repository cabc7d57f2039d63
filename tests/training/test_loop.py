"""The loop, on a toy of numbers: it knows no texts."""

import contextlib
import itertools
from dataclasses import replace

import pytest
import torch
from broken import BREAKS, REFUSALS, break_file, failing_disk
from torch import nn
from torch.nn.functional import cross_entropy

from distill_core.errors import Diverged
from distill_core.training import batching, checkpoints, loop, optimizers
from distill_core.training import plan as training_plan


class Toy(nn.Module):
    """A bag of vectors with dropout: small, but it has a table, dropout and dense weights."""

    def __init__(self, sparse=True):
        super().__init__()
        torch.manual_seed(5)
        self.table = nn.Embedding(30, 8, sparse=sparse)
        self.drop = nn.Dropout(0.3)
        self.out = nn.Linear(8, 2)

    def forward(self, ids):
        return self.out(self.drop(self.table(ids)).mean(1))


generator = torch.Generator().manual_seed(1)
IDS = torch.randint(1, 30, (200, 6), generator=generator)
LABELS = (IDS[:, 0] > 15).long()
LENGTHS = [1 + i % 5 for i in range(160)]
PLAN = training_plan.TrainingPlan(steps=60, batch=16, lr=0.02, evaluate_every=10, seed=3)


def run(model, plan=PLAN, checkpoint=None, stop=lambda: False, loss=None, **more):
    def score():
        found = model(IDS[160:])
        return {
            "accuracy": (found.argmax(1) == LABELS[160:]).float().mean().item(),
            "loss": cross_entropy(found, LABELS[160:]).item(),
        }

    loss = loss or (lambda index, step: cross_entropy(model(IDS[index]), LABELS[index]))
    return loop.fit(model, 160, loss, score, plan, lengths=LENGTHS, checkpoint=checkpoint, stop=stop, **more)


def weights(model):
    return torch.cat([value.flatten() for value in model.state_dict().values()])


def finish(generator):
    ticks = []
    while True:
        try:
            ticks.append(next(generator))
        except StopIteration as end:
            return ticks, end.value


def test_it_learns_and_holds_the_best_weights():
    model = Toy()
    ticks, best = finish(run(model))
    scored = [tick for tick in ticks if tick.scores]
    assert [tick.step for tick in scored] == [10, 20, 30, 40, 50, 60]
    assert ticks[-1].loss < ticks[0].loss
    top = max(scored, key=lambda tick: (tick.scores["accuracy"], -tick.scores["loss"]))
    assert best == training_plan.BestStep(top.step, top.scores, last=60)
    found = model(IDS[160:])
    assert cross_entropy(found, LABELS[160:]).item() == pytest.approx(best.scores["loss"], rel=1e-5)
    assert not model.training


def test_every_row_once_an_epoch_whatever_the_lengths():
    for lengths in (None, [i % 7 for i in range(103)]):
        for epoch in range(3):
            found = torch.cat(batching.epoch_batches(103, 10, seed=1, epoch=epoch, lengths=lengths))
            assert sorted(found.tolist()) == list(range(103))
    orders = [torch.cat(batching.epoch_batches(103, 10, 1, epoch)).tolist() for epoch in range(3)]
    assert orders[0] != orders[1] != orders[2]


def test_rows_of_like_length_share_a_batch():
    lengths = [i % 10 + 1 for i in range(1000)]
    found = batching.epoch_batches(1000, 20, seed=0, epoch=0, lengths=lengths)
    assert all(len({lengths[i] for i in batch.tolist()}) == 1 for batch in found)
    firsts = [lengths[batch[0]] for batch in found]
    assert firsts != sorted(firsts)  # short to long would be a curriculum nobody asked for


@pytest.mark.parametrize("optimiser", ["adam", "adadelta"])
@pytest.mark.parametrize("cut", [1, 7, 10, 33, 59])
def test_a_resumed_training_equals_an_uninterrupted_one_bit_for_bit(tmp_path, cut, optimiser):
    plan = training_plan.TrainingPlan(steps=60, batch=16, lr=0.02, evaluate_every=10, seed=3, optimiser=optimiser)
    whole = Toy(sparse=optimiser == "adam")
    ticks, best = finish(run(whole, plan))
    file = tmp_path / "training.ckpt"
    broken = Toy(sparse=optimiser == "adam")
    taken = itertools.count()
    first, _ = finish(run(broken, plan, checkpoint=file, stop=lambda: next(taken) >= cut))
    torch.manual_seed(999)  # whatever else drew numbers in between
    torch.randn(17)
    resumed = Toy(sparse=optimiser == "adam")
    second, again = finish(run(resumed, plan, checkpoint=file))
    assert torch.equal(weights(whole), weights(resumed))
    assert again == best
    told = {(tick.step, tick.loss) for tick in first + second if tick.scores}
    assert told == {(tick.step, tick.loss) for tick in ticks if tick.scores}


def test_every_part_of_the_state_matters(tmp_path):
    """Leaving out any one part of the checkpoint gives other weights: none of them is there for show."""
    whole = Toy()
    finish(run(whole))
    for part in ("model", "optimisers", "random", "step"):
        file = tmp_path / f"{part}.ckpt"
        taken = itertools.count()
        finish(run(Toy(), checkpoint=file, stop=lambda taken=taken: next(taken) >= 25))
        state = torch.load(file, weights_only=True)
        if part == "model":
            state["model"] = Toy().state_dict()
        elif part == "optimisers":
            fresh = optimizers.build_optimizers(Toy(), PLAN)
            state["optimisers"] = [optimiser.state_dict() for optimiser in fresh]
        elif part == "random":
            torch.manual_seed(0)
            state["random"] = torch.get_rng_state()
        else:
            state["state"]["step"] = 24
        torch.save(state, file)
        resumed = Toy()
        finish(run(resumed, checkpoint=file))
        assert not torch.equal(weights(whole), weights(resumed)), part


def test_another_trainings_checkpoint_is_not_taken(tmp_path):
    file = tmp_path / "training.ckpt"
    taken = itertools.count()
    finish(run(Toy(), checkpoint=file, stop=lambda: next(taken) >= 20))
    other = training_plan.TrainingPlan(steps=60, batch=16, lr=0.01, evaluate_every=10, seed=3)
    fresh, resumed = Toy(), Toy()
    finish(run(fresh, other))
    finish(run(resumed, other, checkpoint=file))
    assert torch.equal(weights(fresh), weights(resumed))


def test_a_checkpoint_of_other_content_is_not_taken_and_its_own_is(tmp_path):
    """Rows, lengths and plan are the same: what they hold decides."""
    file = tmp_path / "training.ckpt"
    cases = [
        ("a", "a", False, False),
        ("a", "b", False, True),
        ("a", "b", True, True),
        ("a", "", True, True),
        ("", "b", False, True),
        ("", "b", True, False),  # as an earlier version wrote it
    ]
    for content, other, unnamed, anew in cases:
        checkpoints.delete_checkpoints(file)
        taken = itertools.count()
        finish(run(Toy(), checkpoint=file, content=content, stop=lambda taken=taken: next(taken) >= 20))
        ticks, _ = finish(run(Toy(), checkpoint=file, content=other, unnamed=unnamed))
        case = (content, other, unnamed)
        assert ([tick.step for tick in ticks][0] == 1) == anew, case
        assert [bool(tick.notice) for tick in ticks] == [anew, *[False] * (len(ticks) - 1)], case
    ticks, _ = finish(run(Toy(), checkpoint=tmp_path / "none.ckpt", content="a"))
    assert not any(tick.notice for tick in ticks), "there was nothing to go on from"


@pytest.mark.parametrize("how", BREAKS)
def test_a_training_falls_back_to_the_checkpoint_before_a_damaged_one(tmp_path, how):
    file, whole, resumed, anew = tmp_path / "training.ckpt", Toy(), Toy(), Toy()
    finish(run(whole))
    for _ in range(2):
        taken = itertools.count()
        finish(run(Toy(), checkpoint=file, stop=lambda taken=taken: next(taken) >= 20))
    newest, before = checkpoints.places(file)
    break_file(newest, how)
    ticks, _ = finish(run(resumed, checkpoint=file))
    assert torch.equal(weights(whole), weights(resumed)) and ticks[0].step > 20
    # the last byte counts a comment that there is not, and nothing that is loaded
    assert ("at step 20" in str(ticks[0].notice)) == (how not in ("gone", "bit in its tail"))
    newest.write_bytes(b"PK")
    break_file(before, "zeros")
    ticks, _ = finish(run(anew, checkpoint=file))
    assert torch.equal(weights(whole), weights(anew))
    assert (ticks[0].step, ticks[0].notice) == (1, checkpoints.DAMAGED)


@pytest.mark.parametrize("code", REFUSALS)
def test_a_disk_that_refuses_at_any_moment_leaves_a_checkpoint_and_no_half_one(tmp_path, code):
    model = Toy()
    tools = optimizers.build_optimizers(model, PLAN)
    for moment in itertools.count(1):
        file = tmp_path / str(moment) / "training.ckpt"
        for step in (1, 2):
            checkpoints.save_checkpoint(file, "one", model, tools, checkpoints.TrainingState(step=step))
        with failing_disk(moment, code) as acts, contextlib.suppress(OSError):
            checkpoints.save_checkpoint(file, "one", model, tools, checkpoints.TrainingState(step=3))
        state, notice = checkpoints.load_checkpoint(file, {"one"}, model, tools)
        assert state.step == (3 if acts() < moment else 2) and notice is None
        assert {one.name for one in file.parent.iterdir()} <= {one.name for one in checkpoints.places(file)}
        if acts() < moment:
            break
    assert moment > 3


def test_closing_and_stopping_leave_the_best_weights():
    whole = Toy()
    ticks, _ = finish(run(whole, training_plan.TrainingPlan(steps=60, batch=16, lr=0.02, evaluate_every=10, seed=3)))
    closed = Toy()
    generator = run(closed)
    seen = []
    for tick in generator:
        if tick.scores:
            seen.append(tick.scores)
        if tick.step >= 25:
            generator.close()
            break
    best = max(seen, key=lambda scores: (scores["accuracy"], -scores["loss"]))
    assert cross_entropy(closed(IDS[160:]), LABELS[160:]).item() == pytest.approx(best["loss"], rel=1e-5)


def test_a_loss_that_is_no_number_is_told():
    model = Toy()
    with pytest.raises(Diverged, match="step 1.*learning rate"):
        finish(run(model, loss=lambda index, step: model(IDS[index]).sum() * float("nan")))


@pytest.mark.parametrize("select", ["accuracy", training_plan.LAST])
def test_scores_that_are_no_number_end_it_and_the_best_weights_stay(select):
    ticks, training = [], scripted([(0.7, 0.9, 0), (0.9, float("nan"), 0)], select=select)
    with pytest.raises(Diverged, match="validation loss is not a finite number"):
        for tick in training:
            ticks.append(tick)
    assert [tick.step for tick in ticks if tick.best] == [10]


def test_the_rate_warms_up_then_falls_to_nothing():
    model = Toy()
    plan = training_plan.TrainingPlan(steps=20, batch=16, lr=1.0, warmup=0.25)
    optimisers = optimizers.build_optimizers(model, plan)
    rates = [group["lr"] for optimiser in optimisers for group in optimiser.param_groups]
    seen = []
    for step in range(20):
        optimizers.set_learning_rates(optimisers, rates, plan, step)
        seen.append(optimisers[-1].param_groups[0]["lr"])
    assert seen[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert all(a >= b for a, b in itertools.pairwise(seen[4:])) and 0 < seen[-1] < 0.1


def test_a_listener_that_asks_the_model_changes_nothing():
    quiet, asked = Toy(), Toy()
    finish(run(quiet))
    for _ in run(asked):
        asked.eval()
    assert torch.equal(weights(quiet), weights(asked))


@pytest.mark.parametrize("sparse", [True, False])
@pytest.mark.parametrize("optimiser", ["adam", "adadelta"])
def test_a_table_learns_at_its_share_of_the_rate(optimiser: str, sparse: bool) -> None:
    sparse = sparse and optimiser == "adam"
    model = torch.nn.Sequential(torch.nn.Embedding(5, 3, sparse=sparse), torch.nn.Linear(3, 2))
    plan = training_plan.TrainingPlan(steps=20, batch=16, lr=1.0, table_lr=0.25, optimiser=optimiser)
    groups = [group for one in optimizers.build_optimizers(model, plan) for group in one.param_groups]
    rates = {id(value): group["lr"] for group in groups for value in group["params"]}
    assert rates.pop(id(model[0].weight)) == 0.25 and set(rates.values()) == {1.0} and len(rates) == 2


def scores_of(values):
    """A function `score` that answers with these (accuracy, loss, constant), one after another."""
    rest = iter(values)
    return lambda: dict(zip(("accuracy", "loss", loop.CONSTANT), next(rest), strict=True))


def scripted(values, patience=0, checkpoint=None, stop=lambda: False, **changes):
    """A training whose evaluations, one every 10 steps of 60, have these scores."""
    model, plan = Toy(), replace(PLAN, patience=patience, **changes)
    loss = lambda index, step: cross_entropy(model(IDS[index]), LABELS[index])  # noqa: E731
    return loop.fit(model, 160, loss, scores_of(values), plan, checkpoint=checkpoint, stop=stop)


def test_a_training_ends_when_its_patience_does():
    values = [(0.5, 1.0, 0), (0.7, 0.9, 0), (0.6, 0.8, 0), (0.7, 0.9, 0), (0.9, 0.1, 0), (0.9, 0.1, 0)]
    ticks, best = finish(scripted(values, patience=2))
    assert (best.step, best.last, ticks[-1].step) == (20, 40, 40)  # an equal score is no better one
    ended = replace(PLAN, patience=2).early_end(best)
    assert "at step 40 of 60: 2 evaluations in a row brought no better scores than step 20 did" in ended
    for patience in (0, 3):
        _, best = finish(scripted(values, patience=patience))
        assert (best.step, best.last) == (50, 60) and PLAN.early_end(best) is None


def test_patience_counts_from_its_own_first_step_on():
    values = [(0.9, 0.1, 0), *[(0.5, 1.0, 0)] * 5]
    for begin, last in ((0, 30), (30, 50), (60, 60)):
        _, best = finish(scripted(values, patience=2, patient_from=begin))
        assert (best.step, best.last) == (10, last)
    assert PLAN.identity == replace(PLAN, patient_from=0).identity != replace(PLAN, patient_from=30).identity


def test_a_loss_gets_the_number_of_steps_done_after_a_resume_too(tmp_path):
    seen, taken = [], itertools.count()

    def loss(model):
        return lambda index, step: seen.append(step) or cross_entropy(model(IDS[index]), LABELS[index])

    for stop in (lambda: next(taken) >= 17, lambda: False):
        model = Toy()
        finish(run(model, checkpoint=tmp_path / "c", stop=stop, loss=loss(model)))
    assert seen == [*range(60)]


def test_patience_outlives_a_resume(tmp_path):
    values = [(0.7, 1.0, 0), *[(0.5, 1.0, 0)] * 5]
    steps = itertools.count()
    first, best = finish(scripted(values, 2, tmp_path / "c", stop=lambda: next(steps) >= 25))
    assert (best.step, best.last) == (10, 25)
    _, best = finish(scripted(values[2:], 2, tmp_path / "c"))
    assert (best.step, best.last) == (10, 30)


def test_a_constant_model_is_taken_only_where_there_is_no_other():
    values = [(0.9, 0.1, 1), (0.6, 0.8, 0), (0.5, 0.9, 0), (0.9, 0.1, 1), (0.9, 0.1, 1), (0.9, 0.1, 1)]
    _, best = finish(scripted(values))
    assert best.step == 20
    _, best = finish(scripted([(0.5, 0.2, 1)] * 5 + [(0.5, 0.1, 1)]))
    assert best.step == 60


def test_rows_of_rare_classes_stand_several_times():
    classes = ["a"] * 90 + ["b"] * 10 + ["c"]
    rows = batching.repeat_rare(classes)
    counts = [sum(classes[row] == one for row in rows) for one in "abc"]
    assert counts == [90, 30, 8] and set(rows) == set(range(101))  # 3 = sqrt(90 / 10), and 8 is the most
    assert batching.repeat_rare([0, 1, 0, 1]) == [0, 1, 2, 3] and batching.repeat_rare([]) == []
    assert batching.repeat_rare([[1, 0]] * 4 + [[1, 1]]) == [0, 1, 2, 3, 4, 4]  # several labels a row


def test_the_last_step_is_taken_where_no_score_selects_but_not_for_a_constant_model():
    falling = [(0.9 - step / 10, 0.1, 0) for step in range(6)]
    _, best = finish(scripted(falling, select=training_plan.LAST))
    assert (best.step, best.scores["accuracy"]) == (60, falling[-1][0])
    _, best = finish(scripted([*falling[:4], (0.9, 0.1, 1), (0.9, 0.1, 1)], select=training_plan.LAST))
    assert best.step == 40
    _, best = finish(scripted([(0.5, 0.2, 1)] * 6, select=training_plan.LAST))
    assert best.step == 60
