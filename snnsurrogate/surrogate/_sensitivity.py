"""Exact sensitivities of a driven flow, by RK4 with the stages of the state itself.

S = dh/d(theta, h0) follows dS/dt = (df/dh) S + df/dtheta. RK4 of the pair is the derivative of
RK4 of the state, so that the sensitivities are those of the computed trajectory and not only of the
exact one. Any right-hand side with the two signatures below can be used; one observed quantity is
read out linearly, y = offset + gain (w h + b), with w and b the last d + 1 entries of theta.
"""

from __future__ import annotations

import numba
import numpy as np
from numba import types

_VECTOR = types.float64[::1]
_MATRIX = types.float64[:, ::1]
FIELD_SIGNATURE = types.void(_VECTOR, _VECTOR, _VECTOR, _VECTOR, _VECTOR)
LINEAR_SIGNATURE = types.void(_VECTOR, _VECTOR, _VECTOR, _VECTOR, _VECTOR, _MATRIX, _MATRIX)
FIELD_TYPE = types.FunctionType(FIELD_SIGNATURE)
LINEAR_TYPE = types.FunctionType(LINEAR_SIGNATURE)
WORK = 8  # numbers of scratch per unit that a right-hand side may use

_FLAGS = {"contract", "reassoc", "nsz", "arcp"}  # no nnan: a state that diverges must be seen


@numba.njit(
    types.void(FIELD_TYPE, _VECTOR, _VECTOR, _MATRIX, _MATRIX, types.float64, _MATRIX),
    cache=True,
    nogil=True,
    error_model="numpy",
)
def trajectory(field, theta, h0, start, stop, dt, out):  # type: ignore[no-untyped-def]
    """RK4 of one sample: out (step + 1, d); inputs run from start to stop, (step, m) each."""
    d, m = h0.size, start.shape[1]
    work, x = np.empty(WORK * d + WORK), np.empty(m)
    h, y, f, total = h0.copy(), np.empty(d), np.empty(d), np.empty(d)
    out[0] = h
    for k in range(start.shape[0]):
        for stage in range(4):
            if stage == 0:
                x[:] = start[k]
                y[:] = h
            else:
                if stage == 1:
                    for j in range(m):
                        x[j] = 0.5 * (start[k, j] + stop[k, j])
                elif stage == 3:
                    x[:] = stop[k]
                reach = dt if stage == 3 else 0.5 * dt
                for i in range(d):
                    y[i] = h[i] + reach * f[i]
            field(theta, y, x, work, f)
            weight = 1.0 if stage in (0, 3) else 2.0
            for i in range(d):
                total[i] = (
                    f[i] + total[i]
                    if stage == 3
                    else (f[i] if stage == 0 else total[i] + weight * f[i])
                )
        for i in range(d):
            h[i] += dt / 6.0 * total[i]
        out[k + 1] = h


@numba.njit(
    types.void(
        LINEAR_TYPE, _VECTOR, _VECTOR, _MATRIX, _MATRIX, _MATRIX, types.float64, types.float64,
        _MATRIX, _MATRIX,
    ),
    cache=True,
    nogil=True,
    error_model="numpy",
    fastmath=_FLAGS,
)  # fmt: skip
def sensitivities(  # type: ignore[no-untyped-def]
    linear, theta, h0, s0, start, stop, dt, gain, states, slopes
):
    """RK4 of one sample with dh0/d(theta, h0) = s0 (d, n + d).

    Writes states (step + 1, d) and slopes (step + 1, n + d), the derivative of the readout.
    """
    d, m, n = h0.size, start.shape[1], theta.size
    q = n + d
    work, x = np.empty(WORK * d + WORK), np.empty(m)
    h, y, f, total = h0.copy(), np.empty(d), np.empty(d), np.empty(d)
    s, at, slope, sums = s0.copy(), np.empty((d, q)), np.empty((d, q)), np.empty((d, q))
    by_state, by_theta = np.empty((d, d)), np.zeros((d, n))
    for k in range(start.shape[0] + 1):
        states[k] = h
        for c in range(q):
            slopes[k, c] = 0.0
        for i in range(d):
            w = gain * theta[n - d - 1 + i]
            for c in range(q):
                slopes[k, c] += w * s[i, c]
            slopes[k, n - d - 1 + i] += gain * h[i]
        slopes[k, n - 1] += gain
        if k == start.shape[0]:
            break
        for stage in range(4):
            if stage == 0:
                x[:] = start[k]
                y[:] = h
            elif stage == 1:
                for j in range(m):
                    x[j] = 0.5 * (start[k, j] + stop[k, j])
            elif stage == 3:
                x[:] = stop[k]
            reach = 0.0 if stage == 0 else (dt if stage == 3 else 0.5 * dt)
            weight = 1.0 if stage == 0 or stage == 3 else 2.0
            if stage > 0:
                for i in range(d):
                    y[i] = h[i] + reach * f[i]
                    for c in range(q):
                        at[i, c] = s[i, c] + reach * slope[i, c]
            source = s if stage == 0 else at
            linear(theta, y, x, work, f, by_state, by_theta)
            for i in range(d):
                row = slope[i]
                for c in range(n):
                    row[c] = by_theta[i, c]
                for c in range(n, q):
                    row[c] = 0.0
                for j in range(d):
                    a = by_state[i, j]
                    other = source[j]
                    for c in range(q):
                        row[c] += a * other[c]
            for i in range(d):
                if stage == 0:
                    total[i] = f[i]
                    for c in range(q):
                        sums[i, c] = slope[i, c]
                else:
                    total[i] += weight * f[i]
                    for c in range(q):
                        sums[i, c] += weight * slope[i, c]
        for i in range(d):
            h[i] += dt / 6.0 * total[i]
            for c in range(q):
                s[i, c] += dt / 6.0 * sums[i, c]


_CUBE = types.float64[:, :, ::1]


@numba.njit(
    types.void(FIELD_TYPE, _VECTOR, _MATRIX, _CUBE, _CUBE, types.float64, _CUBE),
    cache=True,
    nogil=True,
    error_model="numpy",
)
def many_trajectories(field, theta, h0, start, stop, dt, out):  # type: ignore[no-untyped-def]
    """`trajectory` of several samples of one length: out (sample, step + 1, d)."""
    for k in range(h0.shape[0]):
        trajectory(field, theta, h0[k], start[k], stop[k], dt, out[k])


@numba.njit(
    types.void(
        LINEAR_TYPE, _VECTOR, _MATRIX, _MATRIX, _CUBE, _CUBE, types.float64, types.float64, _CUBE,
        _CUBE,
    ),
    cache=True,
    nogil=True,
    error_model="numpy",
)  # fmt: skip
def many_sensitivities(  # type: ignore[no-untyped-def]
    linear, theta, h0, s0, start, stop, dt, gain, states, slopes
):
    """`sensitivities` of several samples of one length, all with the same s0."""
    for k in range(h0.shape[0]):
        sensitivities(linear, theta, h0[k], s0, start[k], stop[k], dt, gain, states[k], slopes[k])


@numba.njit(
    types.void(LINEAR_TYPE, _VECTOR, _MATRIX, _MATRIX, _MATRIX, _CUBE),
    cache=True,
    nogil=True,
    error_model="numpy",
)
def velocities(linear, theta, h, x, f, by_theta):  # type: ignore[no-untyped-def]
    """The right-hand side at several states and inputs: f (sample, d), by_theta (sample, d, n)."""
    d = h.shape[1]
    work, by_state = np.empty(WORK * d + WORK), np.empty((d, d))
    for k in range(h.shape[0]):
        linear(theta, h[k], x[k], work, f[k], by_state, by_theta[k])
