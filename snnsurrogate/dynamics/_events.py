"""Compiled orbit of a flow or map that keeps its events and extremes, not its states."""

from __future__ import annotations

import math

import numba
import numpy as np
from numba import types

from snnsurrogate.kernels import F_TYPE

__all__ = ["MODES", "run_events"]

MODES = ("step", "crossing", "maximum", "minimum")

_V = types.float64[::1]
_M = types.float64[:, ::1]


@numba.njit(
    types.void(F_TYPE, _V, _V, types.float64, types.boolean, _M),
    cache=True,
    nogil=True,
    error_model="numpy",
)
def _advance(f, x, p, h, is_map, work):  # type: ignore[no-untyped-def]
    """One step of a map or of RK4, in place; ``work[0]`` holds dx/dt at the old state of a flow."""
    d = x.size
    f(x, p, work[0])
    if is_map:
        x[:] = work[0]
        return
    for j in range(d):
        work[4, j] = x[j] + 0.5 * h * work[0, j]
    f(work[4], p, work[1])
    for j in range(d):
        work[4, j] = x[j] + 0.5 * h * work[1, j]
    f(work[4], p, work[2])
    for j in range(d):
        work[4, j] = x[j] + h * work[2, j]
    f(work[4], p, work[3])
    for j in range(d):
        x[j] += h / 6.0 * (work[0, j] + 2.0 * (work[1, j] + work[2, j]) + work[3, j])


@numba.njit(
    types.float64(types.float64, types.float64, types.float64, types.float64, types.float64),
    cache=True,
    nogil=True,
    error_model="numpy",
)
def _hermite(u, a, b, da, db):  # type: ignore[no-untyped-def]
    """Cubic through (0, a) and (1, b) with slopes da and db, at u."""
    v = 1.0 - u
    return v * v * ((1.0 + 2.0 * u) * a + u * da) + u * u * ((1.0 + 2.0 * v) * b - v * db)


@numba.njit(
    types.float64(
        F_TYPE, _V, _V, _V, types.float64, types.boolean, types.int64, types.float64, _M, _V
    ),
    cache=True,
    nogil=True,
    error_model="numpy",
)
def _locate(f, a, b, p, h, is_map, axis, level, work, state):  # type: ignore[no-untyped-def]
    """Fraction of the step from a to b at which ``axis`` reaches ``level``; writes the state."""
    d = a.size
    u = (level - a[axis]) / (b[axis] - a[axis])
    if is_map:
        for j in range(d):
            state[j] = a[j] + u * (b[j] - a[j])
        return u
    f(b, p, work[3])  # work[0] holds the slope at a
    da, db = h * work[0, axis], h * work[3, axis]
    left, right = 0.0, 1.0
    for _ in range(60):
        if _hermite(u, a[axis], b[axis], da, db) < level:
            left = u
        else:
            right = u
        u = 0.5 * (left + right)
    for j in range(d):
        state[j] = _hermite(u, a[j], b[j], h * work[0, j], h * work[3, j])
    return u


@numba.njit(
    types.int64(
        F_TYPE, _V, _V, types.float64, types.boolean, types.int64, types.int64,
        types.int64,  # mode, an index into MODES
        types.int64,  # axis: the state that is watched
        types.float64,  # level whose upward crossing is an event
        types.float64,  # crossing: re-armed below; maximum: least rise that counts
        _V, _V,  # centre and reach of the region that counts as not diverged
        _V, _V, _V,  # out: lowest, highest and mean state of the record
        _V, _M,  # out: times and states of the events
    ),
    cache=True,
    nogil=True,
    error_model="numpy",
)  # fmt: skip
def run_events(
    f, x, p, h, is_map, n_transient, n_steps, mode, axis, level, reset, centre, reach,
    low, high, mean, times, states,
):  # type: ignore[no-untyped-def]  # fmt: skip
    """Run from x (in place) and record events; returns their number, -1 if the orbit diverged.

    Events beyond the room in ``times`` are counted and not kept. Times count from the end of the
    transient. Crossings of a flow are located on the cubic through both states and slopes, those of
    a map on the straight line; extremes on the parabola through three states.
    """
    d = x.size
    sign = -1.0 if mode == 3 else 1.0
    room = times.size
    work = np.empty((5, d))
    before = x.copy()
    earlier = x.copy()
    count = 0
    armed = False
    lowest = math.inf  # since the last maximum (of -x for a minimum)
    for i in range(n_transient + n_steps + 1):
        if i > 0:
            earlier[:] = before
            before[:] = x
            _advance(f, x, p, h, is_map, work)
            for j in range(d):
                if not abs(x[j] - centre[j]) <= reach[j]:
                    return -1
        k = i - n_transient  # steps since the begin of the record
        if k < 0:
            continue
        if k == 0:
            low[:] = x
            high[:] = x
            mean[:] = 0.0
            armed = x[axis] < level
            lowest = sign * x[axis]
            continue
        for j in range(d):
            low[j] = min(low[j], x[j])
            high[j] = max(high[j], x[j])
            mean[j] += x[j] / n_steps
        if mode == 0:
            if count < room:
                times[count] = k * h
                states[count] = x
            count += 1
        elif mode == 1:
            if armed and before[axis] < level and x[axis] >= level:
                armed = False
                if count < room:
                    u = _locate(f, before, x, p, h, is_map, axis, level, work, states[count])
                    times[count] = (k - 1 + u) * h
                count += 1
            elif x[axis] < reset:
                armed = True
        else:
            a, b, c = sign * earlier[axis], sign * before[axis], sign * x[axis]
            if k >= 2 and a < b and b >= c and b - lowest > reset:
                if count < room:
                    u = 0.5 * (a - c) / (a - 2.0 * b + c)  # in steps from the middle one
                    times[count] = (k - 1 + u) * h
                    for j in range(d):
                        bend = earlier[j] - 2.0 * before[j] + x[j]
                        states[count, j] = before[j] + 0.5 * u * (x[j] - earlier[j] + u * bend)
                count += 1
                lowest = math.inf
            lowest = min(lowest, c)
    return count
