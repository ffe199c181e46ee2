"""Hopf points (Neimark-Sacker points of maps) along branches of fixed points in one parameter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from scipy.optimize import brentq

from snnsurrogate.kernels import Kernel

from ._source import as_kernel, extrapolated, parameter_points, sample_coordinates
from .fixed_points import eigenvalues, fixed_points, polish

__all__ = ["hopf"]


def hopf(
    source: Any,
    parameter: str,
    low: float,
    high: float,
    *,
    parameters: Mapping[str, float] | None = None,
    samples: int = 65,
    starts: int = 32,
    seed: int = 0,
) -> xr.Dataset:
    """Parameter values where a complex pair of a fixed point crosses the imaginary axis.

    Branches are sampled at ``samples`` values between ``low`` and ``high``; each change of sign of
    the pair nearest to the axis is refined by Brent's method on its real part.

    Args:
        source: a system or its name, a surrogate, or a Kernel.
        parameter: the parameter that varies.
        low: lower end, in the declared unit.
        high: upper end.
        parameters: other parameter values; missing = default.
        samples: number of values at which the branches are looked at; two crossings between
            neighbouring values are missed.
        starts: starts of the search for fixed points, per value.
        seed: seed of those starts.

    Returns:
        Dataset over sample, one entry per crossing in ascending order of the parameter (none: an
        empty sample dimension): parameter coordinates, the state, ``eigenvalue_imag`` of the pair
        (> 0, 1/time unit), ``slope`` of its real part with the parameter, ``unstable`` number of
        other eigenvalues with positive real part, ``extrapolated``.

    Raises:
        ValueError: unknown parameter, or ``low`` not below ``high``.
    """
    kernel = as_kernel(source)
    if not low < high:
        msg = f"low={low}, high={high}; expected low < high."
        raise ValueError(msg)
    column = kernel.parameter_index(parameter)
    values = np.linspace(low, high, samples)
    fixed = {name: float(value) for name, value in (parameters or {}).items()}
    table = fixed_points(kernel, fixed | {parameter: values}, starts=starts, seed=seed)
    states = np.stack([table[name].values for name in kernel.states], -1)
    found, points = table["found"].values, parameter_points(kernel, fixed | {parameter: values})

    hits: list[tuple[np.ndarray, np.ndarray]] = []
    for i in range(samples - 1):
        for j in np.nonzero(found[i])[0]:
            hit = _between(kernel, states[i, j], points[i], points[i + 1], column)
            if hit is not None:
                hits.append(hit)
    return _dataset(kernel, hits, column)


def _pair(kernel: Kernel, x: np.ndarray, p: np.ndarray) -> complex:
    """The complex eigenvalue (positive imaginary part) nearest to the axis; NaN if none."""
    rates = eigenvalues(kernel, x[None], p[None])[0]
    limit = np.pi / kernel.time_step * (1 - 1e-9) if kernel.kind == "map" else np.inf
    pairs = rates[(rates.imag > 0) & (rates.imag < limit)]
    return pairs[np.argmin(np.abs(pairs.real))] if len(pairs) else complex(np.nan, np.nan)


def _between(
    kernel: Kernel, x: np.ndarray, p: np.ndarray, q: np.ndarray, column: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """The crossing on the branch through ``x`` between parameter points p and q, if any."""
    width = kernel.high - kernel.low

    def branch(value: float, guess: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        point = p.copy()
        point[column] = value
        state, size = polish(kernel, guess, point)
        if not size < 1e-7 or (np.abs(state - guess) > 0.25 * width).any():
            state = np.full_like(state, np.nan)  # the branch ended, or Newton left it
        return state, point

    a, b = p[column], q[column]
    xa, (xb, qb) = x, branch(b, x)
    if not np.isfinite(xb).all():
        return None
    change = int((eigenvalues(kernel, xb[None], qb[None]).real > 0).sum()) - int(
        (eigenvalues(kernel, xa[None], p[None]).real > 0).sum()
    )
    if abs(change) != 2:
        return None
    # The pair may become real before the other end: bisect until it is complex at both.
    for _ in range(60):
        ra, rb = _pair(kernel, xa, _with(p, column, a)), _pair(kernel, xb, _with(p, column, b))
        if ra.real * rb.real <= 0 and np.isfinite(ra.real * rb.real):
            break
        c = 0.5 * (a + b)
        xc, pc = branch(c, xa)
        if not np.isfinite(xc).all():
            return None
        half = int((eigenvalues(kernel, xc[None], pc[None]).real > 0).sum()) - int(
            (eigenvalues(kernel, xa[None], _with(p, column, a)[None]).real > 0).sum()
        )
        if half == change:
            b, xb = c, xc
        elif half == 0:
            a, xa = c, xc
        else:
            return None  # real eigenvalues crossed one by one: folds, not a Hopf point
    else:
        return None

    def real_part(value: float) -> float:
        state, point = branch(value, xa + (xb - xa) * (value - a) / (b - a))
        return float(_pair(kernel, state, point).real)

    root = brentq(real_part, a, b, xtol=1e-14 * max(abs(a), abs(b)), rtol=1e-14, maxiter=200)
    state, point = branch(root, xa + (xb - xa) * (root - a) / (b - a))
    return state, point


def _with(p: np.ndarray, column: int, value: float) -> np.ndarray:
    p = p.copy()
    p[column] = value
    return p


def _dataset(kernel: Kernel, hits: list[tuple[np.ndarray, np.ndarray]], column: int) -> xr.Dataset:
    hits = sorted(hits, key=lambda hit: hit[1][column])
    width = kernel.high - kernel.low
    unique: list[tuple[np.ndarray, np.ndarray]] = []
    for state, point in hits:  # a crossing at a sampled value is met from both sides
        same = unique and abs(unique[-1][1][column] - point[column]) < 1e-9 * (
            1 + abs(point[column])
        )
        if not same or (np.abs(unique[-1][0] - state) > 1e-6 * width).any():
            unique.append((state, point))
    d = kernel.dimension
    states = np.array([state for state, _ in unique]).reshape(-1, d)
    points = np.array([point for _, point in unique]).reshape(-1, len(kernel.parameters))
    pairs = np.array([_pair(kernel, x, p) for x, p in unique], dtype=complex)
    slopes, others = [], []
    for x, p in unique:
        h = 1e-5 * max(1.0, abs(p[column]))
        sides = [_with(p, column, p[column] + sign * h) for sign in (-1, 1)]
        low, high = (_pair(kernel, polish(kernel, x, side)[0], side).real for side in sides)
        slopes.append((high - low) / (2 * h))
        rates = eigenvalues(kernel, x[None], p[None])[0]
        frequency = _pair(kernel, x, p).imag
        rest = np.abs(np.abs(rates.imag) - frequency) > 1e-9 * frequency
        others.append(int((rates[rest].real > 0).sum()))
    rate = f"1/{kernel.time_unit}"
    variables: dict[str, Any] = {
        name: ("sample", states[:, i], {"units": kernel.state_units[i], "role": "state"})
        for i, name in enumerate(kernel.states)
    }
    variables |= {
        "eigenvalue_imag": ("sample", pairs.imag, {"units": rate}),
        "slope": (
            "sample",
            np.array(slopes, dtype=float),
            {"long_name": "d(real part)/d(parameter)"},
        ),
        "unstable": ("sample", np.array(others, dtype=int), {"units": "1"}),
        "extrapolated": ("sample", extrapolated(kernel, points)),
    }
    return xr.Dataset(
        variables, sample_coordinates(kernel, points), {"parameter": kernel.parameters[column]}
    )
