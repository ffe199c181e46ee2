"""Right-hand side of a field that is a perceptron with one hidden layer, compiled.

    dh/dt = A2 tanh(A1 h + B x + b1) + b2

theta = (A1 (n, d) | B (n, m) | b1 (n) | A2 (d, n) | b2 (d)), rows in order, followed by the readout
(d + 1), from which the number n of hidden units follows.
"""

from __future__ import annotations

import math

import numba

from snnsurrogate.surrogate._sensitivity import FIELD_SIGNATURE, LINEAR_SIGNATURE


def sizes(d: int, m: int, n: int) -> dict[str, tuple[int, ...]]:
    """Shapes of the blocks of theta for d states, m inputs and n hidden units, in order."""
    return {"A1": (n, d), "B": (n, m), "b1": (n,), "A2": (d, n), "b2": (d,)}


@numba.njit(FIELD_SIGNATURE, cache=True, nogil=True, error_model="numpy")
def field(theta, h, x, work, f):  # type: ignore[no-untyped-def]
    """Write dh/dt into f; work keeps the n hidden units."""
    d, m = h.size, x.size
    n = (theta.size - 2 * d - 1) // (2 * d + m + 1)
    first = n * d
    second = first + n * m
    third = second + n
    last = third + n * d
    for i in range(n):
        a = theta[second + i]
        for j in range(d):
            a += theta[i * d + j] * h[j]
        for j in range(m):
            a += theta[first + i * m + j] * x[j]
        work[i] = math.tanh(a)
    for i in range(d):
        a = theta[last + i]
        for j in range(n):
            a += theta[third + i * n + j] * work[j]
        f[i] = a


@numba.njit(LINEAR_SIGNATURE, cache=True, nogil=True, error_model="numpy")
def linear(theta, h, x, work, f, by_state, by_theta):  # type: ignore[no-untyped-def]
    """Write dh/dt and its derivatives by h (d, d) and by theta (d, size).

    Columns of by_theta that never change, those of other rows and of the readout, are left.
    """
    field(theta, h, x, work, f)
    d, m = h.size, x.size
    n = (theta.size - 2 * d - 1) // (2 * d + m + 1)
    first = n * d
    second = first + n * m
    third = second + n
    last = third + n * d
    for i in range(d):
        for j in range(d):
            by_state[i, j] = 0.0
        for k in range(n):
            by_hidden = theta[third + i * n + k] * (1.0 - work[k] * work[k])
            for j in range(d):
                by_state[i, j] += by_hidden * theta[k * d + j]
                by_theta[i, k * d + j] = by_hidden * h[j]
            for j in range(m):
                by_theta[i, first + k * m + j] = by_hidden * x[j]
            by_theta[i, second + k] = by_hidden
            by_theta[i, third + i * n + k] = work[k]
        by_theta[i, last + i] = 1.0
