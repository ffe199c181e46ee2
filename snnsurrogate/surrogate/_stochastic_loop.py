"""Stages of stochastic models: one-step likelihood, and free runs scored by the energy score."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from snnsurrogate.surrogate import stages
from snnsurrogate.surrogate._loop import Context, first_order
from snnsurrogate.surrogate.scaling import Scaling
from snnsurrogate.surrogate.training_data import TrainingData

if TYPE_CHECKING:
    from torch import Tensor, nn

_LOG_RECORDS, _LOG_PAIRS = 256, 64
_FARTHEST = 50.0  # largest weight of a pair
_RATES = 2  # leading columns that are rates: they are scored as counts


class _Records:
    """Scaled trajectories as tensors, from which windows are drawn."""

    def __init__(self, data: TrainingData, scaling: Scaling, module: nn.Module) -> None:
        import torch

        dtype = next(module.parameters()).dtype
        self.x = torch.as_tensor(scaling.states(data.x).astype(np.float32)).to(dtype)
        self.q = torch.as_tensor(scaling.parameters(data.p), dtype=dtype)
        self.begin, self.length = data.begin, data.length

    def weights(self, far: float) -> np.ndarray | None:
        """Running sum (point + 1,) of the weights of pairs by their first state; None: all equal.

        Bursts are rare; the law of the next state given this one does not depend on how often this
        one is drawn.
        """
        if not far:
            return None
        size = self.x.double().square().mean(1).numpy()
        return np.append(0.0, np.cumsum(1.0 + far * np.minimum(size * size, _FARTHEST)))

    def pairs(
        self, records: np.ndarray, each: int, weights: np.ndarray | None, rng: np.random.Generator
    ) -> Tensor:
        """Random pairs (record * each, 2, state), those of a record side by side."""
        import torch

        if weights is None:
            return self.windows(records, each, 1, rng)
        begin, end = self.begin[records], self.begin[records] + self.length[records] - 1
        low, high = weights[begin, None], weights[end, None]
        at = low + (high - low) * rng.random((len(records), each))
        start = np.searchsorted(weights, at, side="right") - 1
        start = np.clip(start, begin[:, None], end[:, None] - 1)  # rounding at the ends
        return self.x[torch.as_tensor(start.reshape(-1, 1) + np.arange(2))]

    def windows(
        self, records: np.ndarray, each: int, horizon: int, rng: np.random.Generator
    ) -> Tensor:
        """Random windows (record * each, horizon + 1, state), those of a record side by side."""
        import torch

        room = self.length[records] - horizon
        start = self.begin[records, None] + rng.integers(room[:, None], size=(len(records), each))
        return self.x[torch.as_tensor(start.reshape(-1, 1) + np.arange(horizon + 1))]

    def long_enough(self, horizon: int) -> np.ndarray:
        """Records with at least one window.

        Raises:
            ValueError: there is none.
        """
        found = np.flatnonzero(self.length > horizon)
        if not found.size:
            msg = (
                f"a horizon of {horizon} steps needs records of {horizon + 1} points; the longest "
                f"has {self.length.max()}"
            )
            raise ValueError(msg)
        return found


def _likelihood(
    module: nn.Module,
    held: _Records,
    usable: np.ndarray,
    records: int,
    pairs: int,
    weights: np.ndarray | None,
    rng: np.random.Generator,
) -> Tensor:
    """Mean negative log likelihood of random pairs; parameters are prepared once per record."""
    chosen = rng.choice(usable, min(records, usable.size), replace=False)
    window = held.pairs(chosen, pairs, weights, rng)
    condition = module.condition(held.q[chosen]).repeat_interleave(pairs, 0)  # type: ignore[operator]
    loss: Tensor = -module.log_likelihood(window[:, 0], condition, window[:, 1]).mean()  # type: ignore[operator]
    return loss


def likelihood(stage: stages.Likelihood, at: Context) -> bool:
    """Run a likelihood stage; False when the deadline came first."""
    held = _Records(at.data, at.scaling, at.module)
    usable, weights = held.long_enough(1), held.weights(stage.far)

    def loss(rng: np.random.Generator) -> Tensor:
        return _likelihood(at.module, held, usable, stage.records, stage.pairs, weights, rng)

    return first_order(stage, at, loss, warm_up=200, largest_gradient=5.0)


def energy_score(members: Tensor, truth: Tensor) -> Tensor:
    """Mean over the batch of the energy score of members (member, batch, d) and truth (batch, d).

    Source: Gneiting & Raftery (2007), doi:10.1198/016214506000001437, section 4.3.
    """
    import torch

    def distance(a: Tensor, b: Tensor) -> Tensor:
        return torch.sqrt((a - b).square().sum(-1) + 1e-6).mean()

    i, j = torch.triu_indices(len(members), len(members), 1)
    return distance(members, truth) - 0.5 * distance(members[i], members[j])


def free_run(stage: stages.FreeRun, at: Context) -> bool:
    """Run a stage of free runs; False when the deadline came first.

    Raises:
        ValueError: a horizon that is no multiple of ``every``, fewer than two members, or a longer
            horizon than the records.
    """
    import torch

    if stage.horizon % stage.every or stage.horizon < 1 or stage.members < 2:
        msg = (
            f"a free run of {stage.horizon} steps, scored every {stage.every}, with "
            f"{stage.members} members: expected a multiple of `every`, and two members or more"
        )
        raise ValueError(msg)
    held = _Records(at.data, at.scaling, at.module)
    usable, pairs = held.long_enough(stage.horizon), held.long_enough(1)
    weights = held.weights(stage.far)
    d, blocks = held.x.shape[1], stage.horizon // stage.every

    def scores(path: Tensor, truth: Tensor) -> Tensor:
        # path (member, start, step, state), truth (start, step, state)
        states, recorded = (p[..., stage.every - 1 :: stage.every, _RATES:] for p in (path, truth))
        alone = energy_score(states, recorded) / math.sqrt(d - _RATES)
        whole = energy_score(states.flatten(2), recorded.flatten(1))
        counts, counted = (
            p[..., :_RATES].unflatten(-2, (blocks, stage.every)).mean(-2) for p in (path, truth)
        )
        of_counts = energy_score(counts.flatten(2), counted.flatten(1))
        return (
            alone
            + whole / math.sqrt(blocks * (d - _RATES))
            + of_counts * math.sqrt(stage.every / (_RATES * blocks))
        )

    def loss(rng: np.random.Generator) -> Tensor:
        chosen = rng.choice(usable, stage.starts)
        window = held.windows(chosen, 1, stage.horizon, rng)
        condition = at.module.condition(held.q[chosen]).repeat(stage.members, 1)  # type: ignore[operator]
        carry = window[:, 0].repeat(stage.members, 1)
        size = (stage.horizon, len(carry), int(at.module.noise))  # type: ignore[arg-type]
        noise = torch.as_tensor(rng.standard_normal(size, dtype=np.float32)).to(carry.dtype)
        path = []
        for z in noise:
            carry = at.module.advance(carry, condition, z)  # type: ignore[operator]
            path.append(carry)
        runs = torch.stack(path, 1).unflatten(0, (stage.members, stage.starts))
        one_step = _likelihood(at.module, held, pairs, 32, 48, weights, rng)
        return scores(runs, window[:, 1:]) + stage.likelihood * one_step

    return first_order(stage, at, loss, warm_up=50, largest_gradient=1.0)


def likelihood_logger(
    data: TrainingData, scaling: Scaling, module: nn.Module, rng: np.random.Generator
) -> Callable[[], float]:
    """Mean negative log likelihood of the same random pairs at every call."""
    import torch

    held = _Records(data, scaling, module)
    usable = held.long_enough(1)
    seed = int(rng.integers(2**31))

    def value() -> float:
        with torch.no_grad():
            draw = np.random.default_rng(seed)
            return float(_likelihood(module, held, usable, _LOG_RECORDS, _LOG_PAIRS, None, draw))

    return value
