"""Compiled Newton correction of a fixed point on a plane normal to the tangent of its branch."""

from __future__ import annotations

import math

import numba
import numpy as np
from numba import types

from snnsurrogate.kernels import F_TYPE, JAC_TYPE

from ._newton import residual, solve, tangent_map

__all__ = ["correct"]

_V = types.float64[::1]
_M = types.float64[:, ::1]


@numba.njit(
    types.void(F_TYPE, JAC_TYPE, types.int64, _V, _V, types.int64, _V, types.float64, _V, _M),
    cache=True,
    nogil=True,
    error_model="numpy",
)
def augmented(f, jac, period, x, p, column, width, span, g, out):  # type: ignore[no-untyped-def]
    """Residual and its derivative by the scaled states and parameter: rows of out (d, d + 1).

    The parameter derivative is a difference: its error slows Newton, not its limit.
    """
    d = x.size
    matrix = np.empty((d, d))
    side = np.empty(d)
    value = p[column]
    h = 1e-5 * span
    p[column] = value + h
    residual(f, x, p, period, side)
    p[column] = value - h
    residual(f, x, p, period, g)
    for i in range(d):
        out[i, d] = (side[i] - g[i]) / (2.0 * h) * span
    p[column] = value
    upper_ok = True
    lower_ok = True
    for i in range(d):
        upper_ok = upper_ok and math.isfinite(side[i])
        lower_ok = lower_ok and math.isfinite(g[i])
    if upper_ok != lower_ok:  # the equations end here: one side only
        if lower_ok:
            side[:] = g
        residual(f, x, p, period, g)
        sign = 1.0 if upper_ok else -1.0
        for i in range(d):
            out[i, d] = sign * (side[i] - g[i]) / h * span
    residual(f, x, p, period, g)
    tangent_map(jac, f, x, p, period, matrix)
    for i in range(d):
        for j in range(d):
            out[i, j] = matrix[i, j] * width[j]
        if period > 0:
            out[i, i] -= width[i]


@numba.njit(
    types.float64(
        F_TYPE, JAC_TYPE, types.int64, _V, _V, _V, types.int64, _V, types.float64, _V, _M
    ),
    cache=True,
    nogil=True,
    error_model="numpy",
)
def correct(f, jac, period, u, t, p, column, width, span, new_t, matrix):  # type: ignore[no-untyped-def]
    """Newton on the plane through u normal to t, in place; the last correction, inf if it failed.

    Args:
        f: compiled right-hand side or step.
        jac: its Jacobian.
        period: 0 for a flow, iterates of a map.
        u: scaled states and parameter (d + 1); the parameter is u[d] span.
        t: unit tangent of the point before.
        p: parameter vector, its entry ``column`` is written.
        column: which parameter is free.
        width: scale of each state.
        span: scale of the parameter.
        new_t: out, unit tangent at the solution, on the side of t.
        matrix: out (d + 1, d + 1), the derivative with the new tangent as last row.
    """
    d = width.size
    start = u.copy()
    x = np.empty(d)
    g = np.empty(d)
    rhs = np.empty(d + 1)
    rows = np.empty((d, d + 1))
    work = np.empty((d + 1, d + 1))
    best = np.inf
    stalled = 0
    for _ in range(25):
        for i in range(d):
            x[i] = u[i] * width[i]
        p[column] = u[d] * span
        augmented(f, jac, period, x, p, column, width, span, g, rows)
        plane = 0.0
        for i in range(d):
            rhs[i] = g[i]
            for j in range(d + 1):
                work[i, j] = rows[i, j]
        for j in range(d + 1):
            work[d, j] = t[j]
            plane += t[j] * (u[j] - start[j])
        rhs[d] = plane
        if not solve(work, rhs):
            return np.inf
        size = 0.0
        for j in range(d + 1):
            size += rhs[j] * rhs[j]
        size = math.sqrt(size)
        if not math.isfinite(size) or size > 10.0:
            return np.inf
        if size >= 0.5 * best:
            stalled += 1
        best = min(best, size)
        if stalled >= 2 and best >= 1e-9:
            return np.inf
        for j in range(d + 1):
            u[j] -= rhs[j]
        if size < 1e-15 or (stalled >= 2 and best < 1e-9):
            break
    if not best < 1e-9:
        return np.inf
    for i in range(d):
        x[i] = u[i] * width[i]
    p[column] = u[d] * span
    augmented(f, jac, period, x, p, column, width, span, g, rows)
    for i in range(d):
        for j in range(d + 1):
            work[i, j] = rows[i, j]
            matrix[i, j] = rows[i, j]
    for j in range(d + 1):
        work[d, j] = t[j]
        new_t[j] = 0.0
    new_t[d] = 1.0
    if not solve(work, new_t):
        return np.inf
    size = 0.0
    for j in range(d + 1):
        size += new_t[j] * new_t[j]
    size = math.sqrt(size)
    for j in range(d + 1):
        new_t[j] /= size
        matrix[d, j] = new_t[j]
    return best
