"""Starts by regression: units that imitate recorded or filtered states, fitted to velocities."""

from __future__ import annotations

from typing import Any

import numpy as np

from snnsurrogate.surrogate import least_squares
from snnsurrogate.surrogate._driven_fit import Flow, Records, Sum, descend
from snnsurrogate.surrogate._sensitivity import velocities

_POINTS, _TRIES, _ITERATIONS = 2500, 3, 60
_DRAWS = 10  # of filters, where states are not recorded
_ROOM = 0.5  # units imitate states within [-0.5, 0.5]: far from 1, where they saturate


def regression(
    flow: Flow, records: Records, data: Any, theta: np.ndarray, rng: np.random.Generator, *,
    states: bool, imitate: bool,
) -> tuple[np.ndarray, np.ndarray] | None:  # fmt: skip
    """Theta and encoder of a network whose units imitate what the encoder reads.

    Of recorded states, with as many units as states, all are imitated; with one fewer the fastest
    one is left out; other numbers of units have no such start: None. Without them the first unit
    imitates the observed quantity and the others some of its filters: those of several draws with
    which its velocity is met best.

    Args:
        flow: the model.
        records: the records.
        data: where they come from.
        theta: where regressions start.
        rng: draws points, starts and filters.
        states: whether the encoder reads recorded states.
        imitate: whether units imitate them.
    """
    about, d = data.outline()["recorded"], flow.units
    imitated = _imitated(data, d) if imitate else None
    first, skip = (about["observed"], len(data.columns)) if states else (0, 1)
    size = records.features.shape[2]  # states or the observed one, filters, 1
    if d > size - skip or (imitate and imitated is None):
        return None
    y = _ROOM * np.diff(records.features[..., first], axis=1).ravel() / records.dt
    place = _spread(np.abs(y), rng)
    record, step = np.divmod(place, records.start.shape[1])
    before, after = (records.features[record, step + k] for k in (0, 1))
    x = (records.start[record, step] + records.stop[record, step]) / 2
    best, least, chosen = None, np.inf, np.empty(0, dtype=int)
    for _ in range(_TRIES if imitate else _DRAWS):
        trial = theta + 0.3 * rng.normal(size=theta.size) * flow.free
        columns = imitated or [first, *(skip + rng.choice(size - 1 - skip, d - 1, replace=False))]
        middle = _ROOM * (before + after)[:, columns] / 2
        velocity = _ROOM * (after - before)[:, columns] / records.dt
        points = tuple(np.ascontiguousarray(a) for a in (middle, velocity, x))
        trial, cost = _fit(flow, points, trial)
        if cost < least:
            best, least, chosen = trial, cost, np.array(columns)
    if best is None:
        return None
    mid, half = about["mid"][about["observed"]], about["half"][about["observed"]]
    best[-d - 1 :] = 0.0
    best[-d - 1] = half / (_ROOM * flow.gain)
    best[-1] = (mid - flow.offset) / flow.gain
    encoder = np.zeros((d, size))
    encoder[np.arange(d), chosen] = _ROOM
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
