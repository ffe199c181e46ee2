"""Starts by regression: units that imitate recorded states, fitted to their velocities."""

from __future__ import annotations

from typing import Any

import numpy as np

from snnsurrogate.surrogate import least_squares
from snnsurrogate.surrogate._driven_fit import Flow, Records, Sum, descend
from snnsurrogate.surrogate._sensitivity import velocities

_POINTS, _TRIES, _ITERATIONS = 2500, 3, 60
_ROOM = 0.5  # units imitate states within [-0.5, 0.5]: far from 1, where they saturate


def regression(
    flow: Flow, records: Records, data: Any, theta: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray] | None:
    """Theta and encoder of a network whose units imitate the recorded states.

    With as many units as states all are imitated; with one fewer the fastest one is left out. Other
    numbers of units have no such start: None.
    """
    chosen = _imitated(data, flow.units)
    if chosen is None:
        return None
    about = data.outline()["recorded"]
    mid, half = (np.array(about[k])[chosen] for k in ("mid", "half"))
    imitated = _ROOM * (data.x[..., chosen] - mid) / half
    middle = (imitated[:, 1:] + imitated[:, :-1]).reshape(-1, flow.units) / 2
    velocity = np.diff(imitated, axis=1).reshape(-1, flow.units) / records.dt
    x = ((records.start + records.stop) / 2).reshape(len(middle), -1)
    place = _spread(np.abs(velocity[:, 0]), rng)
    points = tuple(np.ascontiguousarray(a[place]) for a in (middle, velocity, x))
    best, least = None, np.inf
    for _ in range(_TRIES):
        trial = theta + 0.3 * rng.normal(size=theta.size) * flow.free
        trial, cost = _fit(flow, points, trial)
        if cost < least:
            best, least = trial, cost
    if best is None:
        return None
    d = flow.units
    best[-d - 1 :] = 0.0
    first = chosen.index(about["observed"])
    best[-d - 1 + first] = half[first] / (_ROOM * flow.gain)
    best[-1] = (mid[first] - flow.offset) / flow.gain
    encoder = np.zeros((d, records.features.shape[2]))
    encoder[np.arange(d), chosen] = _ROOM  # features are scaled by the same mid and half
    return best, encoder


def _imitated(data: Any, units: int) -> list[int] | None:
    """Columns of the states to imitate, the observed one first."""
    n = len(data.columns)
    observed = data.columns.index(data.observed)
    others = [i for i in range(n) if i != observed]
    if units == n - 1:
        flat = data.x[..., others]
        spread = flat.reshape(-1, len(others)).std(axis=0)
        speed = np.abs(np.diff(flat, axis=1)).reshape(-1, len(others)).mean(axis=0)
        others.pop(int(np.argmax(speed / np.where(spread > 0, spread, 1.0))))
    elif units != n:
        return None
    return [observed, *others]


def _spread(speed: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Points spread over the logarithm of the speed of the observed state."""
    level = np.log(speed + 1e-3 * speed.std())
    counts, edges = np.histogram(level, 30)
    weight = 1.0 / (counts[np.clip(np.digitize(level, edges) - 1, 0, 29)] + 50.0)
    n = min(_POINTS, len(speed))
    return rng.choice(len(speed), n, replace=False, p=weight / weight.sum())


def _fit(flow: Flow, points: tuple[np.ndarray, ...], theta: np.ndarray) -> tuple[np.ndarray, float]:
    """Levenberg-Marquardt on relative errors of the velocity."""
    states, velocity, x = points
    weight = 1.0 / (0.03 * np.sqrt(np.square(velocity).mean(axis=0)) + 0.3 * np.abs(velocity))
    free = np.flatnonzero(flow.free)
    d, n = flow.units, len(states)
    f, by_theta = np.empty((n, d)), np.zeros((n, d, flow.size))

    def evaluate(p: np.ndarray, *, slopes: bool) -> Sum:
        velocities(flow.linear, p, states, x, f, by_theta)
        r = (f - velocity) * weight
        total = Sum(len(free) if slopes else 0)
        rows = None
        if slopes:
            rows = (by_theta[..., free] * weight[..., None]).reshape(n * d, -1)
        total.add(r.ravel(), rows, 3.0, 1.0 / r.size)
        # weights stay small: what the velocities do not determine is left where it was
        total.cost += 1e-6 * float(p[free] @ p[free])
        if slopes:
            total.matrix += 1e-6 * np.eye(len(free))
            total.gradient += 1e-6 * p[free]
        return total

    damping, cost = least_squares.Damping(1e-1), np.inf
    for k in range(_ITERATIONS):
        theta, before, cost, accepted = descend(evaluate, theta, free, damping)
        if not accepted or (k > 30 and cost > before * (1 - 1e-4)):
            break
    return theta, cost
