"""Orthogonal collocation for cycles of flows: one compiled Newton step and the multipliers.

The cycle is a piecewise polynomial of degree m over mesh intervals of scaled time, exact at the m
Gauss points of each (C. de Boor and B. Swartz 1973; E. Doedel, H. B. Keller and J. P. Kernevez,
Int. J. Bifurcation Chaos 1:745, 1991). The linear system is condensed as there: the inner points of
each interval first, then one mesh point after the other, pivoting over the rows of both neighbours.
After the first stage each interval has its transfer matrix; their product over a period, kept as
orthogonal and triangular factors, gives the Floquet multipliers, large and small, to rounding of
each.
"""

from __future__ import annotations

import math

import numba
import numpy as np
from numba import types

from snnsurrogate.kernels import F_TYPE, JAC_TYPE

from ._newton import solve

__all__ = ["DEGREE", "basis", "condense", "velocity"]

DEGREE = 4

_V = types.float64[::1]
_M = types.float64[:, ::1]


def basis(at: np.ndarray, degree: int = DEGREE) -> tuple[np.ndarray, np.ndarray]:
    """Lagrange polynomials of ``degree + 1`` equidistant nodes of [0, 1], and their derivatives.

    Args:
        at: points (point,).
        degree: of the polynomials.

    Returns:
        Values and derivatives, each (point, degree + 1).
    """
    nodes = np.linspace(0.0, 1.0, degree + 1)
    values, slopes = [], []
    for j in range(degree + 1):
        others = np.delete(nodes, j)
        polynomial = np.poly1d(others, r=True) / np.prod(nodes[j] - others)
        values.append(polynomial(at))
        slopes.append(polynomial.deriv()(at))
    return np.stack(values, -1), np.stack(slopes, -1)


@numba.njit(
    types.void(F_TYPE, _M, _V, _V, types.float64, _M), cache=True, nogil=True, error_model="numpy"
)
def velocity(f, profile, p, width, period, out):  # type: ignore[no-untyped-def]
    """Scaled velocity per period, T f / width, at every point of a scaled profile."""
    d = width.size
    x = np.empty(d)
    y = np.empty(d)
    for k in range(profile.shape[0]):
        for i in range(d):
            x[i] = profile[k, i] * width[i]
        f(x, p, y)
        for i in range(d):
            out[k, i] = period * y[i] / width[i]


@numba.njit(types.boolean(_M, types.int64, types.int64, _M, types.int64), cache=True,
            nogil=True, error_model="numpy")  # fmt: skip
def _eliminate(rows, n_rows, n_columns, border, start):  # type: ignore[no-untyped-def]
    """Eliminate columns start.. of ``rows`` with pivoting, and from the border rows.

    Pivot row c ends in place c; columns beyond are carried along.
    """
    width = rows.shape[1]
    for c in range(n_columns):
        column = start + c
        pivot = c
        for r in range(c + 1, n_rows):
            if abs(rows[r, column]) > abs(rows[pivot, column]):
                pivot = r
        if not abs(rows[pivot, column]) > 0.0:
            return False
        if pivot != c:
            for j in range(width):
                rows[c, j], rows[pivot, j] = rows[pivot, j], rows[c, j]
        for r in range(c + 1, n_rows):
            factor = rows[r, column] / rows[c, column]
            if factor != 0.0:
                for j in range(width):
                    rows[r, j] -= factor * rows[c, j]
        for r in range(border.shape[0]):
            factor = border[r, column] / rows[c, column]
            if factor != 0.0:
                for j in range(width):
                    border[r, j] -= factor * rows[c, j]
    return True


@numba.njit(
    types.float64(
        F_TYPE, JAC_TYPE, _M, _V, types.float64, _V, types.int64, _V, types.float64, _M, _M,
        _V, _M, _M, _V, types.float64, types.float64, types.float64, types.float64, types.float64,
        _M, _M, _M, types.float64[:, :, ::1],
    ),
    cache=True,
    nogil=True,
    error_model="numpy",
)  # fmt: skip
def condense(  # type: ignore[no-untyped-def]
    f, jac, profile, h, log_period, p, column, width, span, lagrange, slope, gauss,
    tangent, reference, weights, delta, t_period, t_value, phase_gap, plane_gap,
    step, direction, step_end, transfer,
):  # fmt: skip
    """Newton step and tangent of the cycle through one point of Newton's iteration.

    Args:
        f: right-hand side.
        jac: its Jacobian.
        profile: scaled states (interval * m + 1, state), last row equal to the first.
        h: lengths of the mesh intervals, sum 1.
        log_period: logarithm of the period.
        p: parameter vector.
        column: which parameter is free.
        width: scale of each state.
        span: scale of the parameter.
        lagrange: basis at the Gauss points (m, m + 1).
        slope: its derivative.
        gauss: quadrature weights there, sum 1.
        tangent: tangent of the profile, whose plane the step keeps (same shape as profile).
        reference: velocity of the reference profile (same shape), for the phase condition.
        weights: quadrature weight of each profile point.
        delta: step of the difference by the parameter.
        t_period: component of the tangent along log_period.
        t_value: component along the scaled parameter.
        phase_gap: value of the phase condition.
        plane_gap: value of the plane condition.
        step: out, Newton step of the profile; its end is step_end[:, 0].
        direction: out, solution for (0, ..., 0, 1): the new tangent before it is scaled.
        step_end: out (3, 2), rows log_period and parameter; columns step, direction. Its last row
            begins with the integral of the divergence over the period.
        transfer: out (interval, state, state), from the left to the right end of each interval.

    Returns:
        The largest residual, scaled; inf if the system is singular or not finite.
    """
    n = h.size
    m = lagrange.shape[0]
    d = width.size
    inner = (m - 1) * d
    # columns of an interval: left d, inner, right d, log_period, parameter, two right-hand sides
    right = d + inner
    q = right + d
    total = q + 4
    period = math.exp(log_period)
    saved = np.empty((n, inner, total))
    condensed = np.empty((n, d, total))
    node = np.zeros((n + 1, 2, d))  # border rows at mesh points
    border_end = np.zeros((2, 4))
    rows = np.empty((m * d, total))
    border = np.empty((2, total))
    x = np.empty(d)
    fx = np.empty(d)
    side = np.empty(d)
    matrix = np.empty((d, d))
    worst = 0.0
    border_end[0, 2] = phase_gap
    border_end[1, 0] = t_period
    border_end[1, 1] = t_value
    border_end[1, 2] = plane_gap
    border_end[1, 3] = 1.0
    value = p[column]
    divergence = 0.0
    for i in range(n):
        for k in range(m):
            for a in range(d):
                total_x = 0.0
                for j in range(m + 1):
                    total_x += lagrange[k, j] * profile[i * m + j, a]
                x[a] = total_x * width[a]
            p[column] = value + delta
            f(x, p, side)
            p[column] = value - delta
            f(x, p, fx)
            for a in range(d):
                rows[k * d + a, q + 1] = -period * (side[a] - fx[a]) / (2 * delta) * span / width[a]
            p[column] = value
            f(x, p, fx)
            jac(x, p, matrix)
            for a in range(d):
                divergence += period * h[i] * gauss[k] * matrix[a, a]
            for a in range(d):
                r = k * d + a
                residual = -period * fx[a] / width[a]
                rows[r, q] = residual
                for j in range(m + 1):
                    residual += slope[k, j] * profile[i * m + j, a] / h[i]
                    for b in range(d):
                        entry = -period * lagrange[k, j] * matrix[a, b] * width[b] / width[a]
                        if a == b:
                            entry += slope[k, j] / h[i]
                        rows[r, j * d + b] = entry
                rows[r, q + 2] = residual
                rows[r, q + 3] = 0.0
                if not math.isfinite(residual) or not math.isfinite(rows[r, q + 1]):
                    return np.inf
                worst = max(worst, abs(residual) * h[i])
        border[:] = 0.0
        for j in range(1, m):
            for a in range(d):
                g = i * m + j
                border[0, j * d + a] = weights[g] * reference[g, a]
                border[1, j * d + a] = weights[g] * tangent[g, a]
        for s in range(2):
            for a in range(d):
                g = i * m
                w = weights[g] * (reference[g, a] if s == 0 else tangent[g, a])
                node[i, s, a] += w
        if not _eliminate(rows, m * d, inner, border, d):
            return np.inf
        for s in range(2):
            for a in range(d):
                node[i, s, a] += border[s, a]
                node[i + 1, s, a] += border[s, right + a]
            for c in range(4):
                border_end[s, c] += border[s, q + c]
        saved[i] = rows[:inner]
        condensed[i] = rows[inner:]
        for b in range(d):
            for a in range(d):
                fx[a] = -condensed[i, a, b]
                for c in range(d):
                    matrix[a, c] = condensed[i, a, right + c]
            if not solve(matrix, fx):
                return np.inf
            for a in range(d):
                transfer[i, a, b] = fx[a]
    g = n * m
    for a in range(d):
        node[n, 0, a] += weights[g] * reference[g, a]
        node[n, 1, a] += weights[g] * tangent[g, a]

    # second stage; columns: middle d, first state d, right d, then the four ends
    wide = 3 * d + 4
    pair = np.empty((2 * d, wide))
    chain = np.empty((n, d, wide))
    current = np.empty((d, 2 * d + 4))  # first state, latest state, ends
    border2 = np.empty((2, wide))
    for a in range(d):
        for b in range(d):
            current[a, b] = condensed[0, a, b]
            current[a, d + b] = condensed[0, a, right + b]
        for c in range(4):
            current[a, 2 * d + c] = condensed[0, a, q + c]
    first = np.zeros((2, d))
    for s in range(2):
        for a in range(d):
            first[s, a] = node[0, s, a]
    for i in range(1, n):
        for a in range(d):
            for b in range(d):
                pair[a, b] = current[a, d + b]
                pair[a, d + b] = current[a, b]
                pair[a, 2 * d + b] = 0.0
                pair[d + a, b] = condensed[i, a, b]
                pair[d + a, d + b] = 0.0
                pair[d + a, 2 * d + b] = condensed[i, a, right + b]
            for c in range(4):
                pair[a, 3 * d + c] = current[a, 2 * d + c]
                pair[d + a, 3 * d + c] = condensed[i, a, q + c]
        for r in range(2 * d):
            largest = 0.0
            for c in range(3 * d):
                largest = max(largest, abs(pair[r, c]))
            if largest > 0.0:
                for c in range(wide):
                    pair[r, c] /= largest
        for s in range(2):
            for a in range(d):
                border2[s, a] = node[i, s, a]
                border2[s, d + a] = first[s, a]
                border2[s, 2 * d + a] = node[i + 1, s, a]
            for c in range(4):
                border2[s, 3 * d + c] = border_end[s, c]
        if not _eliminate(pair, 2 * d, d, border2, 0):
            return np.inf
        chain[i] = pair[:d]
        for s in range(2):
            for a in range(d):
                first[s, a] = border2[s, d + a]
                node[i + 1, s, a] = border2[s, 2 * d + a]
            for c in range(4):
                border_end[s, c] = border2[s, 3 * d + c]
        for a in range(d):
            for b in range(d):
                current[a, b] = pair[d + a, d + b]
                current[a, d + b] = pair[d + a, 2 * d + b]
            for c in range(4):
                current[a, 2 * d + c] = pair[d + a, 3 * d + c]

    step_end[2, 0] = divergence
    # last stage: the first state, which is the last one too, and the two ends
    for case in range(2):
        small = np.empty((d + 2, d + 2))
        rhs = np.empty(d + 2)
        for a in range(d):
            for b in range(d):
                small[a, b] = current[a, b] + current[a, d + b]
            small[a, d] = current[a, 2 * d]
            small[a, d + 1] = current[a, 2 * d + 1]
            rhs[a] = current[a, 2 * d + 2 + case]
        for s in range(2):
            for a in range(d):
                small[d + s, a] = first[s, a] + node[n, s, a]
            small[d + s, d] = border_end[s, 0]
            small[d + s, d + 1] = border_end[s, 1]
            rhs[d + s] = border_end[s, 2 + case]
        if not solve(small, rhs):
            return np.inf
        out = step if case == 0 else direction
        e0 = rhs[d]
        e1 = rhs[d + 1]
        step_end[0, case] = e0
        step_end[1, case] = e1
        for a in range(d):
            out[0, a] = rhs[a]
            out[n * m, a] = rhs[a]
        for i in range(n - 1, 0, -1):
            for a in range(d - 1, -1, -1):
                got = chain[i, a, 3 * d + 2 + case]
                got -= chain[i, a, 3 * d] * e0 + chain[i, a, 3 * d + 1] * e1
                for b in range(d):
                    got -= chain[i, a, d + b] * out[0, b]
                    got -= chain[i, a, 2 * d + b] * out[(i + 1) * m, b]
                for b in range(a + 1, d):
                    got -= chain[i, a, b] * out[i * m, b]
                out[i * m, a] = got / chain[i, a, a]
        for i in range(n):
            for c in range(inner - 1, -1, -1):
                got = saved[i, c, q + 2 + case]
                got -= saved[i, c, q] * e0 + saved[i, c, q + 1] * e1
                for b in range(d):
                    got -= saved[i, c, b] * out[i * m, b]
                    got -= saved[i, c, right + b] * out[(i + 1) * m, b]
                for b in range(c + 1, inner):
                    got -= saved[i, c, d + b] * out[i * m + 1 + b // d, b % d]
                out[i * m + 1 + c // d, c % d] = got / saved[i, c, d + c]
        if not math.isfinite(e0 + e1):
            return np.inf
    return worst
