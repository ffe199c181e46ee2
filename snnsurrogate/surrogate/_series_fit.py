"""The map of a recovered state: material, sum of squares through free runs, judgement."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from snnsurrogate.surrogate import _free_run, _multistep, embedding, least_squares
from snnsurrogate.surrogate._free_run import Likeness
from snnsurrogate.surrogate.scaling import Scaling
from snnsurrogate.surrogate.series_data import SeriesData

if TYPE_CHECKING:
    from torch import nn

_AROUND = 2  # samples on either side over which the local increment is the largest one
_ROWS = 3000  # rows of the Jacobian at once: they stay in cache
_SHORTEST, _LONGEST = 1000, 8000  # steps of a judged free run
_GONE = 1e3  # states farther than this are no longer decoded


def slow_to_fast(parts: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates (z - mean) axes of unit variance, uncorrelated, the slowest first.

    Where slow and fast changes share a coordinate, the slow ones are lost in the residuals.

    Args:
        parts: (n_i, d) uninterrupted pieces.
    """
    every = np.concatenate(parts)
    mean = every.mean(axis=0)
    spread = np.atleast_2d(np.cov(every.T))
    change = np.concatenate([np.diff(z, axis=0) for z in parts])
    inverse = np.linalg.inv(np.linalg.cholesky(spread))
    _, turn = np.linalg.eigh(inverse @ (change.T @ change / len(change)) @ inverse.T)
    return mean, inverse.T @ turn


@dataclass(eq=False)
class Material:
    """States of all pieces end to end, and what residuals are divided by."""

    x: np.ndarray  # (point, d)
    piece: np.ndarray  # (point,) number of the piece
    q: np.ndarray  # (piece, k) scaled inputs
    one_step: np.ndarray  # (d,) weights of one-step residuals
    local: np.ndarray  # (point, d) weights of the others
    speed: np.ndarray  # (point,)

    @classmethod
    def of(cls, module: nn.Module, data: SeriesData, scaling: Scaling, floor: float) -> Material:
        parts, which = states(module, data)
        scale = np.asarray(module.increment_scale)
        local, speed = [], []
        for x in parts:
            change = np.abs(np.diff(x, axis=0, append=x[-1:])) / scale
            largest = change.copy()
            for k in range(1, _AROUND + 1):
                np.maximum(largest[k:], change[:-k], out=largest[k:])
                np.maximum(largest[:-k], change[k:], out=largest[:-k])
            local.append(1 / (scale * np.sqrt(floor**2 + largest**2)))
            speed.append(np.sqrt((change**2).sum(axis=1)))
        return cls(
            x=np.concatenate(parts),
            piece=np.repeat(np.arange(len(parts)), [len(x) for x in parts]),
            q=scaling.parameters(data.p[which]),
            one_step=1 / scale,
            local=np.concatenate(local),
            speed=np.concatenate(speed),
        )

    def segments(
        self, horizon: int, n: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Starts (n, d), inputs (n, k), targets and weights (n, horizon, d).

        Half of the segments are spread evenly over time, half over the way that is gone: a neuron
        is mostly silent, and its spikes are short.
        """
        count = len(self.x) - horizon
        whole = np.flatnonzero(self.piece[:count] == self.piece[horizon:])
        if not whole.size:
            msg = f"no piece has {horizon + 1} states, which a horizon of {horizon} steps needs"
            raise ValueError(msg)
        weight = self.speed[whole] + 0.2 * self.speed.mean()
        even = rng.choice(whole, size=n // 2)
        start = np.concatenate([even, rng.choice(whole, size=n - n // 2, p=weight / weight.sum())])
        index = start[:, None] + np.arange(1, horizon + 1)
        weights = np.broadcast_to(self.one_step, (*index.shape, self.x.shape[1]))
        if horizon > 1:
            weights = self.local[index]
        arrays = (self.x[start], self.q[self.piece[start]], self.x[index], weights)
        x0, q, targets, w = (np.ascontiguousarray(a) for a in arrays)
        return x0, q, targets, w


def states(module: nn.Module, data: SeriesData) -> tuple[list[np.ndarray], np.ndarray]:
    """Recovered states (n_i, d) of the pieces that are long enough, and the numbers of these."""
    import torch

    config: Any = module.embedding
    reach = max(embedding.lags(config.window)[0], *(math.ceil(4 * t) for t in config.averages), 0)
    which = np.flatnonzero([p.size > reach for p in data.series.pieces])
    vectors = config.vectors([data.series.pieces[i] for i in which] or list(data.series.pieces))
    with torch.no_grad():
        parts = [module.encode(torch.as_tensor(v.copy())).numpy() for v in vectors]  # type: ignore[operator]
    return parts, which


class Fit:
    """Sum of squares of one horizon over one draw of segments."""

    def __init__(
        self, sizes: np.ndarray, scale: np.ndarray, kept: np.ndarray, decay: float
    ) -> None:
        self.sizes, self.scale, self.kept, self.decay = sizes, scale, kept, decay

    def draw(self, segments: tuple[np.ndarray, ...]) -> None:
        self.x0, self.q, self.targets, self.weights = segments

    def cost(self, theta: np.ndarray) -> float:
        """Sum of squares at the kept steps; not finite where a run diverges."""
        out = np.empty(self.targets.shape)
        _multistep.runs(theta, self.sizes, self.scale, self.x0, self.q, out)
        wrong = (self.weights * (out - self.targets))[:, self.kept]
        return float((wrong**2).sum() + self.decay * theta @ theta)

    def normal_equations(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        """J^T J, J^T r and the sum of squares, the decay's part included."""
        per = len(self.kept) * self.x0.shape[1]
        size = max(1, _ROWS // per)
        gram, grad, total = np.zeros((theta.size, theta.size)), np.zeros(theta.size), 0.0
        for begin in range(0, len(self.x0), size):
            part = slice(begin, begin + size)
            n = len(self.x0[part]) * per
            rows, r = np.empty((n, theta.size)), np.empty(n)
            _multistep.jacobian(
                theta, self.sizes, self.scale, self.x0[part], self.q[part], self.targets[part],
                self.weights[part], self.kept, rows, r,
            )  # fmt: skip
            gram += rows.T @ rows
            grad += rows.T @ r
            total += float(r @ r)
        gram[np.diag_indices_from(gram)] += self.decay
        return gram, grad + self.decay * theta, total + self.decay * float(theta @ theta)

    @property
    def size(self) -> int:
        return len(self.x0) * len(self.kept) * self.x0.shape[1]


def kept_steps(horizon: int) -> np.ndarray:
    """Steps of a horizon that give residuals: all of a short one, eight of a long one."""
    if horizon <= 8:
        return np.arange(horizon)
    return np.unique(np.round(np.linspace(1, horizon - 1, 8)).astype(np.int64))


class Judge:
    """Free runs from states of the data, compared with the series."""

    def __init__(
        self, module: nn.Module, data: SeriesData, scaling: Scaling, runs: int, *, shift: float = 0
    ) -> None:
        parts, which = states(module, data)
        each = max(2, -(-runs // len(parts)))
        every = np.concatenate(parts)
        self.module, self.low, self.high = module, every.min(axis=0), every.max(axis=0)
        self.scale = np.asarray(module.increment_scale, dtype=float)
        self.cases = []
        for x, i in zip(parts, which, strict=True):
            piece = data.series.pieces[i]
            length = int(np.clip(len(x) // 3, _SHORTEST, _LONGEST))
            at = ((np.arange(each) + shift) / each * len(x)).astype(int)
            q = np.repeat(scaling.parameters(data.p[i])[None], each, axis=0)
            self.cases.append((x[at], q, length, Likeness.of(piece[len(piece) - len(x) :])))

    def __call__(self) -> dict[str, Any]:
        """The verdict over all pieces, see `_free_run.verdict`."""
        theta, sizes = weights(self.module)
        found = []
        for x0, q, length, like in self.cases:
            out = np.empty((len(x0), length, x0.shape[1]))
            _multistep.runs(theta, sizes, self.scale, x0, q, out)
            settled = out[:, length // 6 :]
            decoded = _decode(self.module, settled)
            found.append(_free_run.verdict(settled, decoded, like, self.low, self.high))
        return {
            "accepted": all(v["accepted"] for v in found),
            "distance": float(np.mean([v["distance"] for v in found])),
            "starts": sum(v["starts"] for v in found),
            "of": sum(v["of"] for v in found),
            "inside": sum(v["inside"] for v in found),
            "differences": {
                name: max(v["differences"][name] for v in found) for name in _free_run.LARGEST
            },
        }


def _decode(module: nn.Module, runs: np.ndarray) -> np.ndarray:
    import torch

    gone = ~(np.abs(runs) < _GONE).all(axis=-1)  # True where not finite
    safe = np.where(gone[..., None], 0.0, runs)
    with torch.no_grad():
        y = module.observe(torch.as_tensor(safe.reshape(-1, runs.shape[-1])))  # type: ignore[operator]
    return np.where(gone, np.nan, y.numpy().reshape(runs.shape[:-1]))


def weights(module: nn.Module) -> tuple[np.ndarray, np.ndarray]:
    """Theta of the network, and the widths of its layers."""
    layers = least_squares.linear_layers(module.net)  # type: ignore[arg-type]
    sizes = [layers[0].in_features, *(m.out_features for m in layers)]
    return least_squares.flatten(layers).numpy(), np.array(sizes)


def assign(module: nn.Module, theta: np.ndarray) -> None:
    import torch

    layers = least_squares.linear_layers(module.net)  # type: ignore[arg-type]
    least_squares.assign(layers, torch.as_tensor(theta))
