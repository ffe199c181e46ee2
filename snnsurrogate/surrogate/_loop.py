"""What a stage of training does, step by step. Every draw is made from (seed, stage, step)."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any

import numpy as np

from snnsurrogate.surrogate import stages
from snnsurrogate.surrogate._checkpoint import Run, load_moments, moments
from snnsurrogate.surrogate.scaling import Scaling
from snnsurrogate.surrogate.training_data import TrainingData

if TYPE_CHECKING:
    from torch import Tensor, nn

LOG_POINTS = 20000
CHECKPOINT_SECONDS = 15.0
_CHUNK = 500  # points per block of the normal equations: the products stay in cache


class Context:
    """What a stage works on."""

    def __init__(
        self,
        run: Run,
        module: nn.Module,
        data: Any,
        scaling: Scaling,
        seed: int,
        deadline: float,
        checkpoint: Callable[[dict[str, Any]], None],
        record: Callable[..., None],
        advance: Callable[..., None],
        extra: dict[str, Any],
        model: Any = None,
        note: Callable[..., None] = lambda **_: None,
        pool: Executor | None = None,
    ) -> None:
        self.pool = pool
        self.carry: dict[str, Any] = {}  # what a stage hands to the next one
        self.model, self.note = model, note
        self.run, self.module, self.data, self.scaling = run, module, data, scaling
        self.seed, self.deadline, self.checkpoint = seed, deadline, checkpoint
        self.record, self.advance, self.extra = record, advance, extra

    def residuals(self, x: Tensor, targets: Tensor, q: Tensor) -> Callable[[slice], Tensor]:
        """Residuals of a slice of windows: free run minus truth, in units of one step's change."""
        import torch

        dtype = x.dtype
        scale = torch.as_tensor(self.scaling.increment, dtype=dtype)

        def residual(part: slice) -> Tensor:
            carry = self.module.init(x[part], q[part])  # type: ignore[operator]
            d, rows = x.shape[1], []
            for h in range(targets.shape[1]):
                carry = self.module.step(carry, q[part])  # type: ignore[operator]
                rows.append((carry[:, :d] - targets[part, h]) / scale)
            return torch.cat(rows, 1)

        return residual

    def windows(self, n: int, *, horizon: int, draw: int) -> tuple[Tensor, Tensor, Tensor]:
        """Spread windows as tensors of the module's dtype."""
        import torch

        dtype = next(self.module.parameters()).dtype
        rng = np.random.default_rng([self.seed, draw])
        point, trajectory = self.data.spread(self.scaling, n, horizon=horizon, rng=rng)
        arrays = self.data.windows(self.scaling, point, trajectory, horizon=horizon)
        x, targets, q = (torch.as_tensor(a, dtype=dtype) for a in arrays)
        return x, targets, q


def adam(stage: stages.Adam, at: Context) -> bool:
    """Run an Adam stage; False when the deadline came first."""
    import torch

    x, targets, q = at.windows(200_000, horizon=stage.horizon, draw=1000 + at.run.stage)

    def loss(rng: np.random.Generator) -> Tensor:
        rows = torch.as_tensor(rng.integers(len(x), size=min(stage.batch, len(x))))
        return at.residuals(x[rows], targets[rows], q[rows])(slice(None)).square().mean()

    return first_order(stage, at, loss)


def first_order(
    stage: stages.Adam | stages.Likelihood | stages.FreeRun,
    at: Context,
    loss: Callable[[np.random.Generator], Tensor],
    *,
    warm_up: int = 0,
    largest_gradient: float = math.inf,
) -> bool:
    """Adam on a loss of random draws; False when the deadline came first.

    Args:
        stage: steps and learning rate, which falls by a cosine.
        at: what it works on.
        loss: makes the loss of one step from the step's own generator.
        warm_up: steps over which the learning rate rises.
        largest_gradient: norm to which a larger gradient is cut.
    """
    import torch

    run = at.run
    optimiser = torch.optim.Adam(at.module.parameters(), lr=stage.learning_rate[0])
    if at.extra:
        load_moments(optimiser, at.extra)
    last_save = time.perf_counter()
    first, last = stage.learning_rate
    loss_value = math.nan
    while run.step < stage.steps:
        for group in optimiser.param_groups:
            cosine = 0.5 * (1 + math.cos(math.pi * run.step / stage.steps))
            group["lr"] = last + (first - last) * cosine
            if run.step < warm_up:
                group["lr"] *= (run.step + 1) / warm_up
        value = loss(np.random.default_rng([at.seed, 2000 + run.stage, run.step]))
        loss_value = float(value.detach())
        if not math.isfinite(loss_value):
            msg = (
                f"the loss is {loss_value} at step {run.step} of {stage}; lower its learning rate "
                f"or check the data for outliers"
            )
            raise FloatingPointError(msg)
        optimiser.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]
        if math.isfinite(largest_gradient):
            torch.nn.utils.clip_grad_norm_(at.module.parameters(), largest_gradient)
        optimiser.step()
        run.step += 1
        at.advance(stages.per_step(stage), f"loss {loss_value:.3g}")
        now = time.perf_counter()
        # after the last step the loss is recorded first: a checkpoint does not hold it
        if now - last_save > CHECKPOINT_SECONDS and run.step < stage.steps:
            at.checkpoint(moments(optimiser))
            last_save = now
        if now > at.deadline:
            at.record(loss_value)
            at.checkpoint(moments(optimiser))
            return False
    if math.isfinite(loss_value):  # else the last step was taken, and recorded, before a budget
        at.record(loss_value)
    return True


def levenberg_marquardt(stage: stages.LevenbergMarquardt, at: Context) -> bool:
    """Run a Levenberg-Marquardt stage; False when the deadline came first."""
    import torch

    from snnsurrogate.surrogate import least_squares

    run = at.run
    if next(at.module.parameters()).dtype != torch.float64:
        msg = "a Levenberg-Marquardt stage needs a model with dtype='float64'"
        raise ValueError(msg)
    x, targets, q = at.windows(stage.points, horizon=stage.horizon, draw=stage.draw)
    residual = at.residuals(x, targets, q)
    damping = least_squares.Damping(*run.damping)
    last_save = time.perf_counter()
    residual_count = len(x) * targets.shape[1] * targets.shape[2]
    while run.step < stage.iterations:
        _, after, accepted = least_squares.step(at.module, residual, len(x), damping, chunk=_CHUNK)
        run.damping = (damping.value, damping.growth)
        run.step += 1
        run.recent = [*run.recent[-9:], after]
        mean = after / residual_count
        at.advance(100, f"mean square {mean:.2e}")
        settled = len(run.recent) == 10 and run.recent[-1] > (1 - stage.tolerance) * run.recent[0]
        last = run.step == stage.iterations or not accepted or settled
        now = time.perf_counter()
        if run.step % 10 == 0 or last or now > at.deadline:
            at.record(mean)
        if last:
            return True
        if now - last_save > CHECKPOINT_SECONDS or now > at.deadline:
            at.checkpoint({})
            last_save = now
        if now > at.deadline:
            return False
    return True


def error_logger(
    data: TrainingData, scaling: Scaling, module: nn.Module, rng: np.random.Generator
) -> Callable[[], list[float]]:
    """Mean square one-step error of each state in units of its increment, on spread windows."""
    import torch

    point, trajectory = data.spread(scaling, LOG_POINTS, horizon=1, rng=rng)
    dtype = next(module.parameters()).dtype
    x, targets, q = (
        torch.as_tensor(a, dtype=dtype) for a in data.windows(scaling, point, trajectory, horizon=1)
    )
    scale = torch.as_tensor(scaling.increment, dtype=dtype)

    def error() -> list[float]:
        with torch.no_grad():
            carry = module.step(module.init(x, q), q)  # type: ignore[operator]
            wrong = (carry[:, : x.shape[1]] - targets[:, 0]) / scale
            return [float(v) for v in wrong.square().mean(0)]

    return error
