"""Right-hand side of the continuous-time gated recurrent unit, with its derivatives, compiled.

    dh/dt = (1 - z) (tanh(U_h (r h) + W_h x + b_h) - h) / tau,  z, r = sigmoid(U h + W x + b)

theta = (U_z, U_r, U_h (d, d) | W_z, W_r, W_h (d, m) | b_z, b_r, b_h (d) | log(tau - tau_least)),
rows in order, followed by what the readout needs.
"""

from __future__ import annotations

import math

import numba

from snnsurrogate.surrogate._sensitivity import FIELD_SIGNATURE, LINEAR_SIGNATURE

LEAST_TAU = 0.05  # ms: tau is a gauge of 1 - z where z is near 1, and would run to zero


def sizes(d: int, m: int) -> dict[str, tuple[int, ...]]:
    """Shapes of the blocks of theta for d units and m inputs, in order."""
    square, inputs = (d, d), (d, m)
    return {
        "U_z": square, "U_r": square, "U_h": square, "W_z": inputs, "W_r": inputs, "W_h": inputs,
        "b_z": (d,), "b_r": (d,), "b_h": (d,), "log_tau": (1,),
    }  # fmt: skip


@numba.njit(FIELD_SIGNATURE, cache=True, nogil=True, error_model="numpy")
def field(theta, h, x, work, f):  # type: ignore[no-untyped-def]
    """Write dh/dt into f; work keeps 1 - z, r and the candidate, d numbers each, and 1/tau."""
    d, m = h.size, x.size
    square, wide = d * d, d * m
    w_z = 3 * square
    b_z = w_z + 3 * wide
    rate = 1.0 / (LEAST_TAU + math.exp(theta[b_z + 3 * d]))
    for i in range(d):
        a, b = theta[b_z + i], theta[b_z + d + i]
        for j in range(d):
            a += theta[i * d + j] * h[j]
            b += theta[square + i * d + j] * h[j]
        for j in range(m):
            a += theta[w_z + i * m + j] * x[j]
            b += theta[w_z + wide + i * m + j] * x[j]
        work[i] = 1.0 / (1.0 + math.exp(a))
        work[d + i] = 1.0 / (1.0 + math.exp(-b))
    for i in range(d):
        a = theta[b_z + 2 * d + i]
        for j in range(d):
            a += theta[2 * square + i * d + j] * work[d + j] * h[j]
        for j in range(m):
            a += theta[w_z + 2 * wide + i * m + j] * x[j]
        c = math.tanh(a)
        work[2 * d + i] = c
        f[i] = work[i] * (c - h[i]) * rate
    work[3 * d] = rate


@numba.njit(LINEAR_SIGNATURE, cache=True, nogil=True, error_model="numpy")
def linear(theta, h, x, work, f, by_state, by_theta):  # type: ignore[no-untyped-def]
    """Write dh/dt and its derivatives by h (d, d) and by theta (d, n).

    Columns of by_theta that never change, those of the readout, are left as they are.
    """
    field(theta, h, x, work, f)
    d, m = h.size, x.size
    square, wide = d * d, d * m
    w_z = 3 * square
    b_z = w_z + 3 * wide
    rate = work[3 * d]
    for i in range(d):
        open_, c = work[i], work[2 * d + i]
        by_z = -open_ * (1.0 - open_) * (c - h[i]) * rate
        by_c = open_ * (1.0 - c * c) * rate
        for j in range(d):
            through = work[d + j]
            by_state[i, j] = (
                by_z * theta[i * d + j] + by_c * theta[2 * square + i * d + j] * through
            )
            by_theta[i, i * d + j] = by_z * h[j]
            by_theta[i, 2 * square + i * d + j] = by_c * through * h[j]
        by_state[i, i] -= open_ * rate
        for j in range(m):
            by_theta[i, w_z + i * m + j] = by_z * x[j]
            by_theta[i, w_z + 2 * wide + i * m + j] = by_c * x[j]
        by_theta[i, b_z + i] = by_z
        by_theta[i, b_z + 2 * d + i] = by_c
        for k in range(d):
            r = work[d + k]
            by_r = by_c * theta[2 * square + i * d + k] * h[k] * r * (1.0 - r)
            for j in range(d):
                by_state[i, j] += by_r * theta[square + k * d + j]
                by_theta[i, square + k * d + j] = by_r * h[j]
            for j in range(m):
                by_theta[i, w_z + wide + k * m + j] = by_r * x[j]
            by_theta[i, b_z + d + k] = by_r
        by_theta[i, b_z + 3 * d] = -f[i] * rate * (1.0 / rate - LEAST_TAU)
