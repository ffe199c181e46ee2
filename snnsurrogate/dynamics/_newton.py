"""Compiled Newton iteration for fixed points of flows and (iterated) maps, over many points.

Damping follows the natural monotonicity test (P. Deuflhard, Newton Methods for Nonlinear Problems,
Springer 2004, chapter 3): a step is shortened until the next Newton correction, measured with the
old Jacobian, is shorter. The test does not depend on how the equations are scaled.
"""

from __future__ import annotations

import math

import numba
import numpy as np
from numba import types

from snnsurrogate.kernels import F_TYPE, JAC_TYPE

__all__ = ["linearise", "newton", "residual", "search", "solve", "tangent_map"]

_V = types.float64[::1]
_M = types.float64[:, ::1]


@numba.njit(types.boolean(_M, _V), cache=True, nogil=True, error_model="numpy")
def solve(a, b):  # type: ignore[no-untyped-def]
    """Solve a y = b in place (b becomes y) by elimination with pivoting; False if singular."""
    d = b.size
    for i in range(d):
        pivot = i
        for r in range(i + 1, d):
            if abs(a[r, i]) > abs(a[pivot, i]):
                pivot = r
        if a[pivot, i] == 0.0 or not math.isfinite(a[pivot, i]):
            return False
        if pivot != i:
            for c in range(d):
                a[i, c], a[pivot, c] = a[pivot, c], a[i, c]
            b[i], b[pivot] = b[pivot], b[i]
        for r in range(i + 1, d):
            factor = a[r, i] / a[i, i]
            if factor != 0.0:
                for c in range(i, d):
                    a[r, c] -= factor * a[i, c]
                b[r] -= factor * b[i]
    for i in range(d - 1, -1, -1):
        for c in range(i + 1, d):
            b[i] -= a[i, c] * b[c]
        b[i] /= a[i, i]
    return True


@numba.njit(
    types.void(F_TYPE, _V, _V, types.int64, _V), cache=True, nogil=True, error_model="numpy"
)
def residual(f, x, p, period, out):  # type: ignore[no-untyped-def]
    """What is zero at a fixed point: dx/dt (period 0), or f^period(x) - x of a map."""
    if period == 0:
        f(x, p, out)
        return
    y = x.copy()
    for _ in range(period):
        f(y, p, out)
        y[:] = out
    for i in range(x.size):
        out[i] -= x[i]


@numba.njit(
    types.void(JAC_TYPE, F_TYPE, _V, _V, types.int64, _M),
    cache=True,
    nogil=True,
    error_model="numpy",
)
def tangent_map(jac, f, x, p, period, out):  # type: ignore[no-untyped-def]
    """Jacobian of the flow (period 0), or of f^period of a map by the chain rule."""
    jac(x, p, out)
    if period < 2:
        return
    d = x.size
    y = np.empty(d)
    z = x.copy()
    factor = np.empty((d, d))
    product = np.empty((d, d))
    for _ in range(period - 1):
        f(z, p, y)
        z[:] = y
        jac(z, p, factor)
        for i in range(d):
            for j in range(d):
                total = 0.0
                for q in range(d):
                    total += factor[i, q] * out[q, j]
                product[i, j] = total
        out[:] = product


@numba.njit(
    types.void(F_TYPE, JAC_TYPE, _M, _M, types.int64, _M, types.float64[:, :, ::1]),
    cache=True,
    nogil=True,
    error_model="numpy",
)
def linearise(f, jac, states, points, period, g, matrices):  # type: ignore[no-untyped-def]
    """:func:`residual` and :func:`tangent_map` at many points: one call, as each call costs."""
    for i in range(states.shape[0]):
        residual(f, states[i], points[i], period, g[i])
        tangent_map(jac, f, states[i], points[i], period, matrices[i])


@numba.njit(types.float64(_V, _V), cache=True, nogil=True, error_model="numpy")
def _norm(v, width):  # type: ignore[no-untyped-def]
    total = 0.0
    for i in range(v.size):
        total += (v[i] / width[i]) ** 2
    return math.sqrt(total)


@numba.njit(
    types.float64(F_TYPE, JAC_TYPE, types.int64, _V, _V, _V, types.int64),
    cache=True,
    nogil=True,
    error_model="numpy",
)
def newton(f, jac, period, x, p, width, max_steps):  # type: ignore[no-untyped-def]
    """Improve x in place; returns the last correction relative to ``width``, inf if it failed."""
    d = x.size
    g = np.empty(d)
    trial = np.empty(d)
    step = np.empty(d)
    matrix = np.empty((d, d))
    work = np.empty((d, d))
    best = np.inf
    stalled = 0
    for _ in range(max_steps):
        residual(f, x, p, period, g)
        tangent_map(jac, f, x, p, period, matrix)
        if period > 0:
            for i in range(d):
                matrix[i, i] -= 1.0
        work[:] = matrix
        step[:] = g
        if not solve(work, step):
            return np.inf
        size = _norm(step, width)
        if not math.isfinite(size):
            return np.inf
        if size < 1e-9:
            # Quadratic convergence: go on to rounding, until corrections no longer shrink.
            if size >= 0.5 * best:
                stalled += 1
            best = min(best, size)
            for i in range(d):
                x[i] -= step[i]
            if size < 1e-15 or stalled >= 2:
                return best
            continue
        damping = 1.0
        accepted = False
        while damping > 1e-4:
            for i in range(d):
                trial[i] = x[i] - damping * step[i]
            residual(f, trial, p, period, g)
            work[:] = matrix
            if solve(work, g):
                after = _norm(g, width)
                if math.isfinite(after) and after <= (1.0 - 0.5 * damping) * size:
                    accepted = True
                    break
            damping *= 0.5
        if not accepted:
            return np.inf
        x[:] = trial
    return best


@numba.njit(
    types.void(
        F_TYPE,
        JAC_TYPE,
        types.int64,  # period: 0 for a flow, iterates of a map
        _M,  # parameter points (sample, parameter)
        types.int64[::1],  # order in which samples are visited
        _M,  # starts (start, state)
        _V,  # box, low
        _V,  # box, high
        types.float64[:, :, ::1],  # out: states (sample, point, state)
        types.float64[:, ::1],  # out: last Newton correction (sample, point)
        types.int64[::1],  # out: number found per sample, also beyond the room in `states`
    ),
    cache=True,
    nogil=True,
    error_model="numpy",
)
def search(f, jac, period, points, order, starts, low, high, states, size, count):  # type: ignore[no-untyped-def]
    """All fixed points that the starts, and the solutions of the neighbouring samples, lead to.

    Samples are visited forward and then backward along ``order``; on the second visit only the
    neighbour's solutions are tried, so that a branch found late is followed to both sides.
    """
    n, capacity, d = states.shape
    width = high - low
    x = np.empty(d)
    for sweep in range(2):
        for k in range(n):
            i = order[k] if sweep == 0 else order[n - 1 - k]
            before = -1
            if k > 0:
                before = order[k - 1] if sweep == 0 else order[n - k]
            inherited = min(count[before], capacity) if before >= 0 else 0
            total = inherited + (starts.shape[0] if sweep == 0 else 0)
            for s in range(total):
                if s < inherited:
                    x[:] = states[before, s]
                else:
                    x[:] = starts[s - inherited]
                last = newton(f, jac, period, x, points[i], width, 60)
                if not last < 1e-7:
                    continue
                far = False
                for j in range(d):  # solutions up to one box width outside are kept and marked
                    far = far or x[j] < low[j] - width[j] or x[j] > high[j] + width[j]
                if far:
                    continue
                known = False
                for q in range(min(count[i], capacity)):
                    distance = 0.0
                    for j in range(d):
                        distance = max(distance, abs(x[j] - states[i, q, j]) / width[j])
                    if distance < 1e-6:
                        known = True
                        if last < size[i, q]:
                            states[i, q] = x
                            size[i, q] = last
                        break
                if not known:
                    if count[i] < capacity:
                        states[i, count[i]] = x
                        size[i, count[i]] = last
                    count[i] += 1
