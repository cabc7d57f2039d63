"""The one training loop, for teacher and student alike. They differ in the loss and the score they bring.

A generator: it trains and says what happened; printing, storing, drawing and stopping belong to whoever iterates.
Knows nothing of texts, vocabularies, teachers or the store.
"""

import io
import math
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from distill_core.cache import digest, write_whole
from distill_core.errors import Diverged
from distill_core.sentences import worded

POOL = 50  # batches that are sorted by length together: wide enough for even lengths, narrow enough for a fresh order
CHECKPOINT_EVERY = 10.0  # seconds; a student's full state of 30 MB takes 60 ms to write
SHARE = 30  # times a checkpoint's own cost: a large teacher's state takes seconds, and writing it is not training
REPORTS = 400  # training-loss points of one curve


@dataclass(frozen=True)
class Plan:
    """How to train. `steps` optimiser steps of `batch` rows; learning rate `lr` after `warmup` (a share of the steps),
    then falling to zero, or constant for adadelta; embedding tables learn at `table_lr` times that; scored every
    `evaluate_every` steps and at the end; the weights with the highest `select` score are kept, the lower "loss"
    breaking ties."""

    steps: int
    batch: int
    lr: float
    optimiser: str = "adam"
    table_lr: float = 1.0
    warmup: float = 0.1
    weight_decay: float = 0.0
    clip: float = 1.0
    evaluate_every: int = 100
    select: str = "accuracy"
    seed: int = 0


@dataclass(frozen=True)
class Tick:
    """After `step` of `steps`: the mean training `loss` since the last tick, the validation `scores` where they were
    taken, whether they are the `best` yet, and the seconds `left`."""

    step: int
    steps: int
    loss: float
    scores: dict[str, float] | None
    best: bool
    left: float


@dataclass(frozen=True)
class Best:
    """The step whose weights the model holds, and their scores. Step 0: nothing was scored."""

    step: int
    scores: dict[str, float]


@dataclass
class _State:
    """All that a resumed training needs to go on as if nothing had happened."""

    step: int = 0
    since: int = 0
    total: float = 0.0
    best: dict[str, float] | None = None
    best_step: int = 0
    weights: dict[str, Tensor] = field(default_factory=dict)


def fit(
    model: nn.Module,
    rows: int,
    loss: Callable[[Tensor], Tensor],
    score: Callable[[], dict[str, float]],
    plan: Plan,
    *,
    lengths: Sequence[int] | None = None,
    checkpoint: Path | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Generator[Tick, None, Best]:
    """Train `model` in place on rows 0..rows-1, yield a Tick now and then, and return the Best.

    `loss` takes row indices (batch,) and returns a scalar; `score` returns the validation scores, `plan.select` and
    "loss" among them. Rows of like `lengths` share a batch. However the generator ends (done, stopped, closed or
    broken), the model then holds the best weights scored so far. With a `checkpoint` file it continues from there: on
    the CPU of one machine and with one torch version, the result equals an uninterrupted training bit for bit.
    Raises Diverged.
    """
    optimisers = _optimisers(model, plan)
    rates = [group["lr"] for optimiser in optimisers for group in optimiser.param_groups]
    identity = digest([repr(plan), rows, list(lengths or ())])
    state = _resume(checkpoint, identity, model, optimisers)
    if state is None:
        state = _State()
        torch.manual_seed(plan.seed)
    report_every = max(1, plan.steps // REPORTS)
    per_epoch = math.ceil(rows / plan.batch)
    started, first, saved, cost = time.monotonic(), state.step, time.monotonic(), 0.0
    epoch, order = -1, []
    model.train()
    try:
        while state.step < plan.steps:
            if stop():
                if checkpoint and state.step > first:
                    _save(checkpoint, identity, model, optimisers, state)
                break
            if state.step // per_epoch != epoch:
                epoch = state.step // per_epoch
                order = batches(rows, plan.batch, plan.seed, epoch, lengths)
            _schedule(optimisers, rates, plan, state.step)
            state.total += _step(model, optimisers, loss(order[state.step % per_epoch]), plan, state.step)
            state.step += 1
            state.since += 1
            scores, best = None, False
            if state.step % plan.evaluate_every == 0 or state.step == plan.steps:
                model.eval()
                scores = score()
                best = _better(scores, state.best, plan.select)
                if best:
                    state.best, state.best_step, state.weights = scores, state.step, _copy(model)
            if scores or state.step == 1 or state.step % report_every == 0:
                pace = (time.monotonic() - started) / (state.step - first)
                mean, state.total, state.since = state.total / state.since, 0.0, 0
                yield Tick(state.step, plan.steps, mean, scores, best, pace * (plan.steps - state.step))
                model.train()  # whoever listens may have asked the model something
            if checkpoint and time.monotonic() - saved > max(CHECKPOINT_EVERY, SHARE * cost):
                began = time.monotonic()
                _save(checkpoint, identity, model, optimisers, state)
                saved = time.monotonic()
                cost = saved - began
    finally:
        if state.weights:
            model.load_state_dict(state.weights)
        model.eval()
    return Best(state.best_step, state.best or {})


def batches(rows: int, size: int, seed: int, epoch: int, lengths: Sequence[int] | None = None) -> list[Tensor]:
    """The batches of one epoch, each a tensor of row indices; every row once. The order follows from seed and epoch
    alone, so that training can resume anywhere. Rows of like `lengths` share a batch."""
    generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
    order = torch.randperm(rows, generator=generator)
    if lengths is None:
        return list(order.split(size))
    length = torch.as_tensor(lengths)
    pools = [pool[torch.argsort(length[pool], stable=True)] for pool in order.split(size * POOL)]
    cut = torch.cat(pools).split(size)
    return [cut[i] for i in torch.randperm(len(cut), generator=generator).tolist()]


def _step(model: nn.Module, optimisers: list[torch.optim.Optimizer], loss: Tensor, plan: Plan, step: int) -> float:
    value = loss.item()
    if not math.isfinite(value):
        raise Diverged(worded("The loss became {value} at step {step:,}. A lower learning rate than {lr:g} may help.",
                              value=str(value), step=step + 1, lr=plan.lr))  # fmt: skip
    for optimiser in optimisers:
        optimiser.zero_grad(set_to_none=True)
    loss.backward()
    dense = [p for p in model.parameters() if p.grad is not None and not p.grad.is_sparse]
    nn.utils.clip_grad_norm_(dense, plan.clip)
    for optimiser in optimisers:
        optimiser.step()
    return value


def _optimisers(model: nn.Module, plan: Plan) -> list[torch.optim.Optimizer]:
    """One for the weights and, where the tables give sparse gradients, one for them: a dense step over a large table
    costs more than the network itself."""
    modules = [m for m in model.modules() if isinstance(m, nn.Embedding) and m.weight.requires_grad]
    sparse = [m.weight for m in modules if m.sparse]
    dense = [m.weight for m in modules if not m.sparse]
    slow = plan.lr * plan.table_lr
    known = {id(table) for table in sparse + dense}
    weights = [p for p in model.parameters() if p.requires_grad and id(p) not in known]
    if plan.optimiser == "adadelta":
        groups = [{"params": weights}, {"params": sparse + dense, "lr": slow}]
        return [torch.optim.Adadelta([group for group in groups if group["params"]], lr=plan.lr, rho=0.95)]
    matrices = [p for p in weights if p.ndim > 1]
    others = [p for p in weights if p.ndim <= 1]
    groups = [
        {"params": matrices, "weight_decay": plan.weight_decay},
        {"params": others, "weight_decay": 0.0},
        {"params": dense, "weight_decay": plan.weight_decay, "lr": slow},
    ]
    found: list[torch.optim.Optimizer] = [torch.optim.AdamW([g for g in groups if g["params"]], lr=plan.lr)]
    if sparse:
        found.append(torch.optim.SparseAdam(sparse, lr=slow))
    return found


def _schedule(optimisers: list[torch.optim.Optimizer], rates: list[float], plan: Plan, step: int) -> None:
    if plan.optimiser == "adadelta":
        return
    warm = max(1, round(plan.steps * plan.warmup))
    left = (plan.steps - step) / max(1, plan.steps - warm)
    share = (step + 1) / warm if step < warm else decay(left)
    groups = [group for optimiser in optimisers for group in optimiser.param_groups]
    for group, rate in zip(groups, rates, strict=True):
        group["lr"] = rate * share


def decay(left: float) -> float:
    """The share of the learning rate once it has risen, `left` being the share of the steps since then still to go."""
    return left


def _better(scores: dict[str, float], best: dict[str, float] | None, select: str) -> bool:
    return best is None or (scores[select], -scores["loss"]) > (best[select], -best["loss"])


def _copy(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def _save(file: Path, identity: str, model: nn.Module, optimisers: list[torch.optim.Optimizer], state: _State) -> None:
    """Tensors and plain values only, so that it loads with weights_only."""
    buffer = io.BytesIO()
    everything: dict[str, Any] = {
        "identity": identity,
        "model": model.state_dict(),
        "optimisers": [optimiser.state_dict() for optimiser in optimisers],
        "state": vars(state),
        "random": torch.get_rng_state(),
        "random_cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }
    torch.save(everything, buffer)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, buffer.getvalue())


def _resume(
    file: Path | None, identity: str, model: nn.Module, optimisers: list[torch.optim.Optimizer]
) -> _State | None:
    if file is None or not file.is_file():
        return None
    saved = torch.load(file, weights_only=True, map_location=next(model.parameters()).device)
    if saved["identity"] != identity:
        return None  # another training's checkpoint: start afresh
    model.load_state_dict(saved["model"])
    for optimiser, values in zip(optimisers, saved["optimisers"], strict=True):
        optimiser.load_state_dict(values)
    torch.set_rng_state(saved["random"].cpu())
    if saved["random_cuda"]:
        torch.cuda.set_rng_state_all([value.cpu() for value in saved["random_cuda"]])
    return _State(**saved["state"])
