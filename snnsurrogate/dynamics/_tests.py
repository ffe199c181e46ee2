"""Test functions of special points, from eigenvalues and multipliers."""

from __future__ import annotations

import numpy as np

from ._arclength import sign_of_product

__all__ = ["critical_pair", "flip", "hopf", "neimark_sacker"]

_TINY = 1e-300


def _pairs(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    i, j = np.triu_indices(len(values), 1)
    return values[i], values[j]


def hopf(values: np.ndarray) -> float:
    """Zero where two eigenvalues of a flow add to zero (a Hopf point, or a neutral saddle)."""
    a, b = _pairs(values)
    return sign_of_product(a + b, np.abs(a) + np.abs(b) + _TINY)


def neimark_sacker(values: np.ndarray) -> float:
    """Zero where the product of two multipliers is one."""
    a, b = _pairs(values)
    return sign_of_product(a * b - 1.0, 1.0 + np.abs(a * b))


def flip(values: np.ndarray) -> float:
    """Zero where a multiplier is -1."""
    return sign_of_product(values.astype(complex) + 1.0, 1.0 + np.abs(values))


def critical_pair(values: np.ndarray, kind: str) -> complex | None:
    """The complex eigenvalue (positive imaginary part) on the axis, or multiplier on the circle.

    Args:
        values: eigenvalues ("flow") or multipliers ("map").
        kind: which of the two.

    Returns:
        None if the two values whose sum (product) vanishes are real.
    """
    scale = np.abs(values).max(initial=0.0)
    upper = values[values.imag > 1e-12 * scale]
    if len(upper) == 0:
        return None
    gap = np.abs(upper.real) / np.abs(upper) if kind == "flow" else np.abs(np.abs(upper) - 1.0)
    best = int(np.argmin(gap))
    return complex(upper[best]) if gap[best] < 1e-6 else None
