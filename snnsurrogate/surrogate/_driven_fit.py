"""Sums of squares over windows of driven records, with exact Gauss-Newton matrices.

Residuals are robust: a residual r counts as c^2 log(1 + (r/c)^2), the Cauchy loss, which is r^2 for
small r. Whole records are in `_driven_rest`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import numpy as np

from snnsurrogate.features.spikes import detect
from snnsurrogate.surrogate import least_squares
from snnsurrogate.surrogate._sensitivity import many_sensitivities, many_trajectories, trajectory

_PARTS = 4  # windows are added up in so many parts, whatever the number of threads
_LARGEST = 3.0  # entry of a step: gates saturate beyond


@dataclass(frozen=True, kw_only=True, eq=False)
class Flow:
    """Compiled right-hand side of a model, and how y is read out of its state.

    Attributes:
        field: of signature `_sensitivity.FIELD_SIGNATURE`.
        linear: the same with derivatives, `_sensitivity.LINEAR_SIGNATURE`.
        units: number of states d.
        size: number of entries of theta.
        gain: factor of the readout.
        offset: its constant, y = offset + gain (w h + b).
        free: (size,) bool, entries that are trained; the others stay at zero.
    """

    field: Any
    linear: Any
    units: int
    size: int
    gain: float
    offset: float
    free: np.ndarray

    def read(self, theta: np.ndarray, h: np.ndarray) -> np.ndarray:
        """Y of states (..., d)."""
        d = self.units
        return self.offset + self.gain * (h @ theta[-d - 1 : -1] + theta[-1])

    def run(
        self, theta: np.ndarray, h0: np.ndarray, start: np.ndarray, stop: np.ndarray, dt: float
    ) -> np.ndarray:
        """States (step + 1, d)."""
        out = np.empty((len(start) + 1, self.units))
        trajectory(self.field, theta, h0, start, stop, dt, out)
        return out


@dataclass(frozen=True, kw_only=True, eq=False)
class Records:
    """Driven records with one step: n of them, T steps long.

    Attributes:
        dt: step in ms.
        start: (n, T, m) scaled inputs at the beginning of each step.
        stop: (n, T, m) at its end.
        y: (n, T + 1) observed quantity.
        features: (n, T + 1, k) what the encoder of initial states reads; the last one is 1.
        since: (n,) time in ms of the last change of the input; 0 under noise.
        released: (n,) bool, records whose input ends where it began.
        random: (n,) bool, records of which some are drawn each round.
        threshold: of the spike detector.
        reset: of the spike detector.
    """

    dt: float
    start: np.ndarray
    stop: np.ndarray
    y: np.ndarray
    features: np.ndarray
    since: np.ndarray
    released: np.ndarray
    random: np.ndarray
    threshold: float
    reset: float

    def spikes(self, y: np.ndarray) -> np.ndarray:
        """Times of upward crossings, ms."""
        return detect(y, self.dt, threshold=self.threshold, reset=self.reset)


def cauchy(r: np.ndarray, cut: float | np.ndarray) -> tuple[float, np.ndarray]:
    """Sum of the loss, and the weights that make its gradient J^T (weight r)."""
    q = np.square(r / cut)
    return float(np.sum(cut * cut * np.log1p(q))), 1.0 / (1.0 + q)


class Sum:
    """Cost, gradient and Gauss-Newton matrix, added up."""

    def __init__(self, n: int) -> None:
        self.cost = 0.0
        self.matrix, self.gradient = np.zeros((n, n)), np.zeros(n)

    def add(
        self, r: np.ndarray, slopes: np.ndarray | None, cut: float | np.ndarray, weight: float
    ) -> None:
        """Residuals (k,) and their derivatives (k, n), or None for the cost alone."""
        cost, w = cauchy(r, cut)
        self.cost += weight * cost
        if slopes is not None:
            w = w * weight
            rows = slopes * np.sqrt(w)[:, None]
            self.matrix += rows.T @ rows
            self.gradient += slopes.T @ (w * r)


def descend(
    objective: Callable[..., Sum], p: np.ndarray, free: np.ndarray, damping: least_squares.Damping
) -> tuple[np.ndarray, float, float, bool]:
    """One Levenberg-Marquardt step of p[free]: p, cost before and after, whether it was taken."""
    here = objective(p, slopes=True)
    if not math.isfinite(here.cost):
        return p, here.cost, here.cost, False

    def moved(delta: np.ndarray) -> np.ndarray:
        q = p.copy()
        q[free] += delta
        return q

    delta, after = least_squares.damped(
        here.matrix, here.gradient, here.cost, damping,
        lambda delta: objective(moved(delta), slopes=False).cost, largest=_LARGEST,
    )  # fmt: skip
    return (
        (p, here.cost, here.cost, False)
        if delta is None
        else (moved(delta), here.cost, after, True)
    )


class Windows:
    """Short windows; initial states come from an affine encoder that is trained as well.

    Args:
        flow: the model.
        records: where the windows come from.
        horizon: steps of a window.
        count: number of windows, every other one with a spike or a steep slope.
        rng: draws the windows.
        cut: residuals beyond count by their logarithm.
        scale: standard error of y.
        pool: threads that share the windows; the result does not depend on them.
    """

    def __init__(
        self, flow: Flow, records: Records, *, horizon: int, count: int,
        rng: np.random.Generator, cut: float = 6.0, scale: float = 2.0,
        pool: Executor | None = None,
    ) -> None:  # fmt: skip
        self.flow, self.records, self.horizon = flow, records, horizon
        self.cut, self.scale = cut, scale
        y = records.y
        steep = np.abs(np.diff(y, axis=1)) / records.dt > 8.0
        last = y.shape[1] - 1 - horizon
        self.places: list[tuple[int, int]] = []
        while len(self.places) < count:
            i, t = int(rng.integers(len(y))), int(rng.integers(last))
            if len(self.places) % 2 or steep[i, t : t + horizon].any():
                self.places.append((i, t))
        self.free = np.flatnonzero(flow.free)
        i, t = np.array(self.places).T
        span = t[:, None] + np.arange(horizon + 1)
        self.features = records.features[i, t]
        self.wanted = y[i[:, None], span]
        self.inputs = tuple(
            np.ascontiguousarray(u[i[:, None], span[:, :-1]]) for u in (records.start, records.stop)
        )
        self.pool = pool
        self.parts = [part for part in np.array_split(np.arange(count), _PARTS) if len(part)]

    def evaluate(self, p: np.ndarray, *, slopes: bool) -> Sum:
        """Cost at p = (theta, encoder (d, k)), with derivatives by the free entries if asked."""
        d, k = self.flow.units, self.records.features.shape[2]
        total = Sum(len(self.free) + d * k if slopes else 0)
        run = map if self.pool is None else self.pool.map
        for part in run(lambda rows: self._part(p, rows, slopes=slopes), self.parts):
            total.cost += part.cost
            total.matrix += part.matrix
            total.gradient += part.gradient
        scale = 1.0 / self.wanted.size
        total.cost *= scale
        total.matrix *= scale
        total.gradient *= scale
        return total

    def _part(self, p: np.ndarray, rows: np.ndarray, *, slopes: bool) -> Sum:
        """The sum over some windows."""
        flow, n, d = self.flow, self.flow.size, self.flow.units
        theta, feature = p[:n], self.features[rows]
        h0 = feature @ p[n:].reshape(d, -1).T
        start, stop = (u[rows] for u in self.inputs)
        shape = (len(rows), self.horizon + 1)
        states, jacobian = np.empty((*shape, d)), None
        total = Sum(len(self.free) + d * feature.shape[1] if slopes else 0)
        if slopes:
            s0 = np.concatenate([np.zeros((d, n)), np.eye(d)], axis=1)
            by = np.empty((*shape, n + d))
            many_sensitivities(
                flow.linear, theta, h0, s0, start, stop, self.records.dt, flow.gain, states, by
            )
            by_encoder = by[..., n:, None] * feature[:, None, None]
            jacobian = np.concatenate([by[..., self.free], by_encoder.reshape(*shape, -1)], -1)
            jacobian = jacobian.reshape(states[..., 0].size, -1) / self.scale
        else:
            many_trajectories(flow.field, theta, h0, start, stop, self.records.dt, states)
        wrong = (flow.read(theta, states) - self.wanted[rows]) / self.scale
        total.add(wrong.ravel(), jacobian, self.cut, 1.0)
        return total

    def explained(self, p: np.ndarray) -> float:
        """Share of the variance of y over all windows that runs from the encoder explain."""
        flow, n = self.flow, self.flow.size
        h0 = self.features @ p[n:].reshape(flow.units, -1).T
        states, (start, stop) = np.empty((*self.wanted.shape, flow.units)), self.inputs
        many_trajectories(flow.field, p[:n], h0, start, stop, self.records.dt, states)
        wrong = flow.read(p[:n], states) - self.wanted
        return 1.0 - float(np.square(wrong).mean() / np.var(self.wanted))


def weights(module: Any, name: str) -> np.ndarray:
    """A copy of a tensor of a torch module."""
    return np.array(module.state_dict()[name].numpy())


def rest(
    flow: Flow, theta: np.ndarray, guess: np.ndarray, x: np.ndarray, dt: float
) -> tuple[np.ndarray, np.ndarray] | None:
    """Stable fixed point at the scaled input x, near the end of 60 ms, and dh/dtheta; else None."""
    d = flow.units
    held = np.tile(x, (round(60.0 / dt), 1))
    free = flow.run(theta, guess, held, held, dt)[-1]
    work, f = np.empty(8 * d + 8), np.empty(d)
    by_state, by_theta = np.empty((d, d)), np.zeros((d, flow.size))
    h = free
    for _ in range(30):
        if not np.isfinite(h).all():
            return None
        flow.linear(theta, h, x, work, f, by_state, by_theta)
        try:
            change = np.linalg.solve(by_state, -f)
        except np.linalg.LinAlgError:
            return None
        size = np.abs(change).max()
        if size < 1e-13:
            break
        h = h + change * min(1.0, 0.2 / size)
    flow.linear(theta, h, x, work, f, by_state, by_theta)
    good = np.abs(f).max() < 1e-9 and np.linalg.eigvals(by_state).real.max() < 0
    if not good or np.abs(h - free).max() > 0.2:
        return None
    return h, -np.linalg.solve(by_state, by_theta)
