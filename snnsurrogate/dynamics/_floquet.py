"""Floquet multipliers from the transfer matrices of the intervals of a period."""

from __future__ import annotations

import math

import numba
import numpy as np
from numba import types

__all__ = ["multipliers_of"]

_M = types.float64[:, ::1]


def multipliers_of(transfer: np.ndarray) -> np.ndarray:
    """Floquet multipliers, ascending modulus, the trivial one (nearest to 1) last."""
    d = transfer.shape[1]
    start, end, triangle = np.eye(d), np.empty((d, d)), np.empty((d, d))
    _factors(transfer, 6, start, end, triangle)
    matrix = triangle @ (start.T @ end)
    if not np.isfinite(matrix).all():
        return np.full(d, complex(np.nan, np.nan))
    values = np.linalg.eigvals(matrix).astype(complex)
    trivial = int(np.argmin(np.abs(values - 1.0)))
    others = np.delete(values, trivial)
    order = np.lexsort((others.imag, np.abs(others)))
    return np.append(others[order], values[trivial])


@numba.njit(
    types.void(types.float64[:, :, ::1], types.int64, _M, _M, _M),
    cache=True,
    nogil=True,
    error_model="numpy",
)
def _factors(transfer, sweeps, start, end, triangle):  # type: ignore[no-untyped-def]
    """The product of all transfer matrices as end triangle start^T, factors orthogonal.

    Sweeps before the last turn ``start`` towards the product's own frame, dominant direction first:
    then the small multipliers are not lost beside the large ones.

    Args:
        transfer: matrices (interval, d, d), first applied first.
        sweeps: passes over the period; the last one is recorded.
        start: in: orthogonal matrix; out: that of the last pass.
        end: out.
        triangle: out, upper triangular.
    """
    n, d = transfer.shape[0], transfer.shape[1]
    q = start.copy()
    z = np.empty((d, d))
    r = np.zeros((d, d))
    product = np.empty((d, d))
    for sweep in range(sweeps):
        if sweep == sweeps - 1:
            start[:] = q
            for i in range(d):
                for j in range(d):
                    triangle[i, j] = 1.0 if i == j else 0.0
        for k in range(n):
            for i in range(d):
                for j in range(d):
                    total = 0.0
                    for c in range(d):
                        total += transfer[k, i, c] * q[c, j]
                    z[i, j] = total
            for j in range(d):  # Gram-Schmidt, twice
                for i in range(d):
                    r[i, j] = 0.0
                for _ in range(2):
                    for i in range(j):
                        dot = 0.0
                        for c in range(d):
                            dot += q[c, i] * z[c, j]
                        r[i, j] += dot
                        for c in range(d):
                            z[c, j] -= dot * q[c, i]
                norm = 0.0
                for c in range(d):
                    norm += z[c, j] * z[c, j]
                norm = math.sqrt(norm)
                r[j, j] = norm
                for c in range(d):
                    q[c, j] = z[c, j] / norm if norm > 0.0 else 0.0
            if sweep == sweeps - 1:
                for i in range(d):
                    for j in range(d):
                        total = 0.0
                        for c in range(i, j + 1):
                            total += r[i, c] * triangle[c, j]
                        product[i, j] = total
                triangle[:] = product
    end[:] = q
