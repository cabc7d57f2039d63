"""Training loop for teacher and student alike, which differ in the functions `loss` and `score`.

A generator: it trains and yields ticks; printing, storing, drawing and stopping belong to the caller that iterates.
Knows nothing of texts, vocabularies, teachers or the store.
"""

import math
import time
from collections.abc import Callable, Generator, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from distill_core.cache import digest
from distill_core.errors import Diverged
from distill_core.messages import message
from distill_core.progress import TimeLeft
from distill_core.training.batching import epoch_batches
from distill_core.training.checkpoints import TrainingState, load_checkpoint, save_checkpoint
from distill_core.training.optimizers import build_optimizers, set_learning_rates
from distill_core.training.plan import LAST, BestStep, Tick, TrainingPlan

NOT_FINITE = message("The validation loss is not a finite number any more. A lower learning rate may help.")
CHECKPOINT_EVERY = 10.0  # seconds; a student's full state of 30 MB takes 60 ms to write
CHECKPOINT_SHARE = 30  # a checkpoint is written at most 1/30 of the time: a large teacher's takes seconds
CONSTANT = "constant"  # key of scores: 1 where the model gives the same answer to all rows
CURVE_POINTS = 400  # training-loss points of one curve


def fit(
    model: nn.Module,
    rows: int,
    loss: Callable[[Tensor, int], Tensor],
    score: Callable[[], dict[str, float]],
    plan: TrainingPlan,
    *,
    lengths: Sequence[int] | None = None,
    checkpoint: Path | None = None,
    content: str = "",
    unnamed: bool = False,
    stop: Callable[[], bool] = lambda: False,
) -> Generator[Tick, None, BestStep]:
    """Train `model` in place on rows 0..rows-1, yield a Tick now and then, and return the BestStep.

    `loss` takes row indices (batch,) and the number of steps done and returns a scalar; `score` returns the validation
    scores, `plan.select` and "loss" among them. Rows of similar `lengths` share a batch. However the generator ends
    (finished, stopped, closed or by an exception), the model then has the best weights scored so far. With a
    `checkpoint` file the training resumes there: on the CPU of one machine and with one torch version, the result
    equals an uninterrupted training bit for bit. It is another training's, and left alone, where its plan, its rows or
    its `content` differ: the digest of all that `loss` and `score` read. `unnamed`: one without a content, as earlier
    versions wrote them, will do. Raises Diverged.
    """
    optimisers = build_optimizers(model, plan)
    rates = [group["lr"] for optimiser in optimisers for group in optimiser.param_groups]
    names = [plan.identity, rows, list(lengths or ())]
    identity = digest([*names, content] if content else names)
    named = {identity, digest(names)} if unnamed else {identity}
    state, notice = load_checkpoint(checkpoint, named, model, optimisers)
    if state is None:
        state = TrainingState()
        torch.manual_seed(plan.seed)
    report_every = max(1, plan.steps // CURVE_POINTS)
    per_epoch = math.ceil(rows / plan.batch)
    time_left, first, saved, cost = TimeLeft(plan.steps, state.step), state.step, time.monotonic(), 0.0
    epoch = -1
    order: list[Tensor] = []
    model.train()
    try:
        while state.step < plan.steps and not plan.is_out_of_patience(state.step, state.best_step):
            if stop():
                if checkpoint and state.step > first:
                    save_checkpoint(checkpoint, identity, model, optimisers, state)
                break
            if state.step // per_epoch != epoch:
                epoch = state.step // per_epoch
                order = epoch_batches(rows, plan.batch, plan.seed, epoch, lengths)
            set_learning_rates(optimisers, rates, plan, state.step)
            state.total += _step(model, optimisers, loss(order[state.step % per_epoch], state.step), plan, state.step)
            state.step += 1
            state.since += 1
            scores, best = None, False
            if state.step % plan.evaluate_every == 0 or state.step == plan.steps:
                model.eval()
                scores = score()
                if not math.isfinite(scores["loss"]):
                    raise Diverged(NOT_FINITE)
                best = _better(scores, state.best, plan.select)
                if best:
                    state.best, state.best_step, state.weights = scores, state.step, _copy(model)
            if scores or state.step == 1 or state.step % report_every == 0:
                mean, state.total, state.since = state.total / state.since, 0.0, 0
                yield Tick(state.step, plan.steps, mean, scores, best, time_left.after(state.step), notice)
                notice = None
                model.train()  # the caller may have used the model for a prediction
            if checkpoint and time.monotonic() - saved > max(CHECKPOINT_EVERY, CHECKPOINT_SHARE * cost):
                began = time.monotonic()
                save_checkpoint(checkpoint, identity, model, optimisers, state)
                saved = time.monotonic()
                cost = saved - began
    finally:
        if state.weights:
            model.load_state_dict(state.weights)
        model.eval()
    return BestStep(state.best_step, state.best or {}, state.step)


def _step(
    model: nn.Module, optimisers: list[torch.optim.Optimizer], loss: Tensor, plan: TrainingPlan, step: int
) -> float:
    """One optimizer step; returns the training loss. Raises Diverged where that is not finite."""
    value = loss.item()
    if not math.isfinite(value):
        raise Diverged(message("The loss became {value} at step {step:,}. A lower learning rate than {lr:g} may help.",
                              value=str(value), step=step + 1, lr=plan.lr))  # fmt: skip
    for optimiser in optimisers:
        optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]  # torch has no types for it
    dense = [p for p in model.parameters() if p.grad is not None and not p.grad.is_sparse]
    nn.utils.clip_grad_norm_(dense, plan.clip)
    for optimiser in optimisers:
        optimiser.step()
    return value


def _better(scores: dict[str, float], best: dict[str, float] | None, select: str) -> bool:
    """Whether the scores are better, or those of a later step where the last one is selected: those of a model with
    more than one answer before those of a constant one."""
    if select == LAST:
        return best is None or bool(best.get(CONSTANT)) >= bool(scores.get(CONSTANT))

    def rank(of: dict[str, float]) -> tuple[bool, float, float]:
        return not of.get(CONSTANT), of[select], -of["loss"]

    return best is None or rank(scores) > rank(best)


def _copy(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}
