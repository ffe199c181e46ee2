"""Sums of squares over driven records, with exact Gauss-Newton matrices.

Residuals are of the observed quantity y (the membrane potential) and of spike times. They are
robust: a residual r counts as c^2 log(1 + (r/c)^2), the Cauchy loss, which is r^2 for small r.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from snnsurrogate.features.spikes import detect
from snnsurrogate.surrogate import least_squares
from snnsurrogate.surrogate._sensitivity import sensitivities, trajectory

AMPLITUDE = 1.0  # mV, standard error of y at rest
JITTER = 0.05  # ms, standard error in time: it forgives y where y is steep
_NEAR = 3.0  # ms, spikes of a run with a wrong count that are still compared
_LARGEST = 3.0  # entry of a step: gates saturate beyond
_WIDTH = 0.05  # ms, standard error of the width of a spike at threshold


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
        since: (n,) time in ms from which the error of spike times grows.
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


def spread_of(y: np.ndarray, dt: float) -> np.ndarray:
    """Standard error of y (..., T + 1): amplitude, and timing where it is steep."""
    steep = np.gradient(y, dt, axis=-1)
    return np.sqrt(AMPLITUDE**2 + np.square(JITTER * steep))


class Windows:
    """Short windows; initial states come from an affine encoder that is trained as well.

    Args:
        flow: the model.
        records: where the windows come from.
        horizon: steps of a window.
        count: number of windows, every other one with a spike or a steep slope.
        skip: first step at which a window may start.
        rng: draws the windows.
    """

    def __init__(
        self, flow: Flow, records: Records, *, horizon: int, count: int, skip: int,
        rng: np.random.Generator, cut: float = 6.0, scale: float = 2.0,
    ) -> None:  # fmt: skip
        self.flow, self.records, self.horizon = flow, records, horizon
        self.cut, self.scale = cut, scale
        y = records.y
        steep = np.abs(np.diff(y, axis=1)) / records.dt > 8.0
        last = y.shape[1] - 1 - horizon
        self.places: list[tuple[int, int]] = []
        while len(self.places) < count:
            i, t = int(rng.integers(len(y))), int(rng.integers(skip, last))
            if len(self.places) % 2 or steep[i, t : t + horizon].any():
                self.places.append((i, t))
        self.free = np.flatnonzero(flow.free)

    def evaluate(self, p: np.ndarray, *, slopes: bool) -> Sum:
        """Cost at p = (theta, encoder (d, k)), with derivatives by the free entries if asked."""
        flow, records, n = self.flow, self.records, self.flow.size
        d, k, steps = flow.units, records.features.shape[2], self.horizon
        theta, encoder = p[:n], p[n:].reshape(d, k)
        total = Sum(len(self.free) + d * k if slopes else 0)
        s0 = np.zeros((d, n + d))
        s0[:, n:] = np.eye(d)
        states, rows = np.empty((steps + 1, d)), np.empty((steps + 1, n + d))
        for i, t in self.places:
            feature = records.features[i, t]
            inputs = records.start[i, t : t + steps], records.stop[i, t : t + steps]
            wanted = records.y[i, t : t + steps + 1]
            h0, jacobian = encoder @ feature, None
            if slopes:
                sensitivities(
                    flow.linear, theta, h0, s0, *inputs, records.dt, flow.gain, states, rows
                )
                by_encoder = (rows[:, n:, None] * feature).reshape(steps + 1, -1)
                jacobian = np.concatenate([rows[:, self.free], by_encoder], 1) / self.scale
            else:
                trajectory(flow.field, theta, h0, *inputs, records.dt, states)
            total.add((flow.read(theta, states) - wanted) / self.scale, jacobian, self.cut, 1.0)
        scale = 1.0 / (len(self.places) * (steps + 1))
        total.cost *= scale
        total.matrix *= scale
        total.gradient *= scale
        return total

    def explained(self, p: np.ndarray) -> float:
        """Share of the variance of y over all windows that runs from the encoder explain."""
        flow, records, n, steps = self.flow, self.records, self.flow.size, self.horizon
        encoder = p[n:].reshape(flow.units, -1)
        wrong, wanted = [], []
        for i, t in self.places:
            h0 = encoder @ records.features[i, t]
            inputs = records.start[i, t : t + steps], records.stop[i, t : t + steps]
            wanted.append(records.y[i, t : t + steps + 1])
            wrong.append(flow.read(p[:n], flow.run(p[:n], h0, *inputs, records.dt)) - wanted[-1])
        return 1.0 - float(np.square(wrong).mean() / np.var(wanted))


class FromRest:
    """Whole records that start at rest: y, spike times and spike widths.

    The model starts at its own fixed point at zero input, whose derivative is exact by the implicit
    function theorem. A record whose number of spikes is wrong counts by y alone with an almost
    quadratic loss, which has a gradient where spikes are missing, and by the spikes that are near.

    Args:
        flow: the model.
        records: the records.
        rows: which of them.
        steps: how many steps of each.
        guess: state from which the fixed point is sought.
        wrong: weight of y in a record with a wrong number of spikes.
    """

    def __init__(
        self, flow: Flow, records: Records, rows: Sequence[int] | np.ndarray, *, steps: int,
        guess: np.ndarray, wrong: float = 0.02, cut: float = 5.0, density: float = 1.0,
        trust: float = 0.2,
    ) -> None:  # fmt: skip
        self.flow, self.records, self.rows, self.steps = flow, records, rows, steps
        self.guess, self.wrong, self.cut, self.trust = guess, wrong, cut, trust
        self.weight = density * records.dt
        y = records.y[:, : steps + 1]
        self.spread = spread_of(y, records.dt)
        self.spikes = {int(i): records.spikes(y[i]) for i in rows}
        self.falls = {int(i): _falls(y[i], self.spikes[int(i)], records) for i in rows}
        self.free = np.flatnonzero(flow.free)
        self.mismatched = 0

    def evaluate(self, p: np.ndarray, *, slopes: bool) -> Sum:
        """Cost at theta, per record, with derivatives by the free entries if asked."""
        flow, records, n, d = self.flow, self.records, self.flow.size, self.flow.units
        total = Sum(len(self.free) if slopes else 0)
        starts = self._rests(p)
        if starts is None:
            total.cost = np.inf
            return total
        if slopes:
            self.guess = next(iter(starts.values()))[0]
        states, rows = np.empty((self.steps + 1, d)), np.empty((self.steps + 1, n + d))
        self.mismatched = 0
        for i in map(int, self.rows):
            inputs = records.start[i, : self.steps], records.stop[i, : self.steps]
            h0, s0 = starts[records.start[i, 0, 1:].tobytes()]
            jacobian = None
            if slopes:
                sensitivities(flow.linear, p, h0, s0, *inputs, records.dt, flow.gain, states, rows)
                jacobian = rows[:, self.free]
            else:
                trajectory(flow.field, p, h0, *inputs, records.dt, states)
            self._add(total, i, flow.read(p, states), jacobian)
        total.cost /= len(self.rows)
        total.matrix /= len(self.rows)
        total.gradient /= len(self.rows)
        return total

    def errors(self, p: np.ndarray) -> np.ndarray | None:
        """Y of runs minus y recorded, (row, step + 1); None without a state at rest."""
        starts, records = self._rests(p), self.records
        if starts is None:
            return None
        wrong = []
        for i in self.rows:
            h0, _ = starts[records.start[i, 0, 1:].tobytes()]
            inputs = records.start[i, : self.steps], records.stop[i, : self.steps]
            y = self.flow.read(p, self.flow.run(p, h0, *inputs, records.dt))
            wrong.append(y - records.y[i, : self.steps + 1])
        return np.array(wrong)

    def _rests(self, p: np.ndarray) -> dict[bytes, tuple[np.ndarray, np.ndarray]] | None:
        """State at rest, and its derivatives, at every set of parameters that occurs."""
        found: dict[bytes, tuple[np.ndarray, np.ndarray]] = {}
        guess = self.guess
        for q in self.records.start[self.rows, 0, 1:]:
            if q.tobytes() not in found:
                x = np.concatenate([[0.0], q])
                state = rest(self.flow, p, guess, x, self.records.dt)
                if state is None:
                    return None
                guess, by_theta = state
                s0 = np.concatenate([by_theta, np.zeros((len(guess), len(guess)))], axis=1)
                found[q.tobytes()] = guess, s0
        return found

    def _add(self, total: Sum, i: int, y: np.ndarray, jacobian: np.ndarray | None) -> None:
        records, spread = self.records, self.spread[i]
        trust = self.trust if records.random[i] else 1.0
        wrong = trust * 0.05 if records.random[i] else self.wrong
        if not np.isfinite(y).all():
            total.cost = np.inf
            return
        times, wanted = records.spikes(y), self.spikes[i]
        matched = len(times) == len(wanted)
        self.mismatched += not matched
        r = (y - records.y[i, : self.steps + 1]) / spread
        scaled = None if jacobian is None else jacobian / spread[:, None]
        if matched:
            total.add(r, scaled, self.cut, trust * self.weight)
        else:
            total.add(r, scaled, 60.0 / spread, self.weight * wrong)
        k = min(len(times), len(wanted))
        if not matched and k:
            near = np.abs(times[:k] - wanted[:k]) < _NEAR
            k = k if near.all() else int(np.argmin(near))
        if not k:
            return
        dt = records.dt
        error = 0.1 + 0.01 * np.maximum(wanted[:k] - records.since[i], 0.0)
        rises = None if jacobian is None else -_crossing_slopes(y, jacobian, times[:k], dt)
        total.add(
            (times[:k] - wanted[:k]) / error, None if rises is None else rises / error[:, None],
            6.0, trust,
        )  # fmt: skip
        falls, wanted_falls = _falls(y, times, records), self.falls[i]
        both = min(len(falls), len(wanted_falls), k)
        if both:
            widths = (falls - times[: len(falls)])[:both]
            wanted_widths = (wanted_falls - wanted[: len(wanted_falls)])[:both]
            moved = None
            if jacobian is not None and rises is not None:
                moved = -_crossing_slopes(y, jacobian, falls[:both], dt) - rises[:both]
                moved /= _WIDTH
            total.add((widths - wanted_widths) / _WIDTH, moved, 6.0, 0.3 * trust)


def _falls(y: np.ndarray, times: np.ndarray, records: Records) -> np.ndarray:
    """Time of the downward crossing that ends each spike; the last one may lie beyond the end."""
    below = np.flatnonzero((y[:-1] >= records.threshold) & (y[1:] < records.threshold))
    at = (below + (y[below] - records.threshold) / (y[below] - y[below + 1])) * records.dt
    after = np.searchsorted(at, times)
    return at[after[after < len(at)]]


def _crossing_slopes(
    y: np.ndarray, jacobian: np.ndarray, times: np.ndarray, dt: float
) -> np.ndarray:
    """(dy/dtheta) / (dy/dt) at crossings of the linearly interpolated y: (crossing, n)."""
    j = np.minimum((times / dt).astype(int), len(y) - 2)
    a = (times / dt - j)[:, None]
    slope = (y[j + 1] - y[j]) / dt
    return ((1 - a) * jacobian[j] + a * jacobian[j + 1]) / slope[:, None]


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
