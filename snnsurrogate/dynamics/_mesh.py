"""Meshes of cycles: equidistribution of the collocation error, and interpolation between meshes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._collocation import DEGREE, basis

__all__ = ["fine", "half_period_gap", "interpolate", "needed", "quadrature", "remesh"]

# Largest error of interpolation by a polynomial of degree 4 through equidistant points, as a
# factor of h^5 times the fifth derivative: max |prod (s - j/4)| / 5!.
_FACTOR = 2.96e-5


def fine(mesh: np.ndarray) -> np.ndarray:
    """All points of a profile: mesh points and the equidistant ones between."""
    inner = np.arange(DEGREE) / DEGREE
    points = mesh[:-1, None] + np.diff(mesh)[:, None] * inner
    return np.append(points.ravel(), mesh[-1])


def quadrature(mesh: np.ndarray) -> np.ndarray:
    """Trapezoidal weights of the points of a profile; their sum is 1."""
    gaps = np.diff(fine(mesh))
    weights = np.zeros(len(gaps) + 1)
    weights[:-1] += gaps / 2
    weights[1:] += gaps / 2
    return weights


def interpolate(mesh: np.ndarray, profile: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Values (point, state) of a piecewise polynomial at scaled times in [0, 1]."""
    n = len(mesh) - 1
    i = np.clip(np.searchsorted(mesh, at, side="right") - 1, 0, n - 1)
    values, _ = basis((at - mesh[i]) / (mesh[i + 1] - mesh[i]))
    points = profile[i[:, None] * DEGREE + np.arange(DEGREE + 1)]
    return np.einsum("kj,kjd->kd", values, points)


def half_period_gap(cycle: Any) -> np.ndarray:
    """How a cycle's scaled profile differs from itself half a period later: (point, state)."""
    at = np.mod(fine(cycle.mesh) + 0.5, 1.0)
    return interpolate(cycle.mesh, cycle.profile, at) - cycle.profile


def _density(mesh: np.ndarray, profile: np.ndarray) -> np.ndarray:
    """|fifth derivative|^(1/5) of each interval, from differences of the fourth derivatives."""
    h = np.diff(mesh)
    n = len(h)
    stencil = np.array([1.0, -4.0, 6.0, -4.0, 1.0])
    points = profile[np.arange(n)[:, None] * DEGREE + np.arange(DEGREE + 1)]
    fourth = np.einsum("j,njd->nd", stencil, points) / (h[:, None] / DEGREE) ** DEGREE
    gap = np.roll(fourth, -1, axis=0) - fourth
    between = np.abs(gap).max(1) / (0.5 * (h + np.roll(h, -1)))
    at = np.maximum(between, np.roll(between, 1))
    density = at ** (1 / (DEGREE + 1))
    smooth = np.maximum(density, 0.5 * np.maximum(np.roll(density, 1), np.roll(density, -1)))
    return np.maximum(smooth, 0.05 * float((smooth * h).sum()) + 1e-12)


def needed(mesh: np.ndarray, profile: np.ndarray, tolerance: float) -> tuple[float, float]:
    """Number of intervals for the tolerance, and the worst share of error over the mean one."""
    density, h = _density(mesh, profile), np.diff(mesh)
    total = float((density * h).sum())
    room = (tolerance / _FACTOR) ** (1 / (DEGREE + 1))
    return total / room, float((density * h).max() / (total / len(h)))


def remesh(mesh: np.ndarray, profile: np.ndarray, n: int) -> np.ndarray:
    """A mesh of n intervals that share the error evenly."""
    density, h = _density(mesh, profile), np.diff(mesh)
    cumulative = np.append(0.0, np.cumsum(density * h))
    new = np.interp(np.linspace(0.0, cumulative[-1], n + 1), cumulative, mesh)
    new[0], new[-1] = 0.0, 1.0
    return new
