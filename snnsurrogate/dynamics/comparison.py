"""Fixed points of a learned map beside those of the equations, along one parameter."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from snnsurrogate.kernels import Kernel

from ._source import as_kernel, extrapolated, sample_coordinates
from .fixed_points import fixed_points
from .hopf import hopf

__all__ = ["compare_branches", "pair_rates"]


def compare_branches(
    truth: Any,
    other: Any,
    parameter: str,
    values: ArrayLike,
    *,
    parameters: Mapping[str, Any] | None = None,
    relative: float = 0.02,
    absolute: float = 0.05,
    starts: int = 32,
    seed: int = 0,
) -> xr.Dataset:
    """Fixed points, stability and Hopf points of two dynamics with the same states.

    At every value each fixed point of ``truth`` is paired with one of ``other`` so that the sum of
    their distances, in widths of the truth's state box, is least.

    Args:
        truth: a system or its name, a surrogate, or a Kernel.
        other: the same; typically a map learned from ``truth``.
        parameter: the parameter that varies.
        values: its values, ascending.
        parameters: values of other parameters of ``truth``; missing = default.
        relative: tolerance of an eigenvalue, as a share of its size.
        absolute: the same, in 1/time unit, added.
        starts: starts of the search for fixed points, per value.
        seed: of those starts.

    Returns:
        Dataset over sample (values), point (of the truth), state, mode, crossing:
        ``position_truth``, ``position`` (sample, point, state), NaN where there is none;
        ``error`` their distance; ``stable_truth``, ``stable`` (sample, point); ``leading_truth``,
        ``leading`` (sample, point) largest real part of the eigenvalues; ``eigenvalue_excess``
        (sample, point, mode) distance of each eigenvalue of the truth from its partner over its
        tolerance, 1 and below is within; ``found`` (sample, point) whether the truth's point has a
        partner; ``invented`` (sample) number of stable fixed points in the state box of ``other``
        where the truth has none or an unstable one; ``hopf_truth``, ``hopf`` (crossing) parameter
        values, the second that of its partner among the crossings of ``other``, one to one with
        the least sum of distances (NaN: none is left); ``attrs["missing_hopf_points"]`` how many
        have no partner;
        ``attrs["more_hopf_points"]`` how many more ``other`` has than ``truth`` (or fewer).

    Raises:
        ValueError: other states, an unknown parameter, values that do not ascend.
    """
    from scipy.optimize import linear_sum_assignment

    a, b = as_kernel(truth), as_kernel(other)
    if a.states != b.states or a.time_unit != b.time_unit:
        msg = (
            f"the states are {a.states} in {a.time_unit} and {b.states} in {b.time_unit}; expected "
            "two dynamics of the same states and time unit."
        )
        raise ValueError(msg)
    x = np.atleast_1d(np.asarray(values, dtype=float))
    if x.ndim != 1 or x.size < 2 or not (np.diff(x) > 0).all():
        msg = f"values must be 1-D and ascend, two at least; got shape {x.shape}."
        raise ValueError(msg)
    more = dict(parameters or {})
    keywords: dict[str, Any] = {"starts": starts, "seed": seed}
    known = fixed_points(a, more | {parameter: x}, **keywords)
    own = fixed_points(b, _shared(b, more) | {parameter: x}, **keywords)
    table = _paired(a, known, own, relative, absolute)
    crossings = [
        hopf(k, parameter, x[0], x[-1], parameters=given, samples=min(len(x), 101))[parameter]
        for k, given in ((a, more), (b, _shared(b, more)))
    ]
    exact, found = (c.values for c in crossings)
    partner = np.full(exact.size, np.nan)
    rows, columns = linear_sum_assignment(np.abs(found[None] - exact[:, None]))
    partner[rows] = found[columns]
    unit = {"units": a.parameter_units[a.parameter_index(parameter)]}
    points = np.stack([known[name].values for name in a.parameters], axis=1)
    theirs = np.stack([own[name].values for name in b.parameters], axis=1)
    return xr.Dataset(
        table
        | {
            "hopf_truth": ("crossing", exact, unit),
            "hopf": ("crossing", partner, unit),
            "extrapolated": ("sample", extrapolated(b, theirs)),
        },
        {**sample_coordinates(a, points), "state": list(a.states)},
        {
            "parameter": parameter,
            "relative": relative,
            "absolute": absolute,
            "missing_hopf_points": int(np.isnan(partner).sum()),
            "more_hopf_points": int(found.size - exact.size),
        },
    )


def _shared(kernel: Kernel, parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if name in kernel.parameters}


def _paired(
    kernel: Kernel, known: xr.Dataset, own: xr.Dataset, relative: float, absolute: float
) -> dict[str, Any]:
    from scipy.optimize import linear_sum_assignment

    width = kernel.high - kernel.low
    a, b = (np.stack([t[s].values for s in kernel.states], axis=-1) for t in (known, own))
    rates = [t["eigenvalue_real"].values + 1j * t["eigenvalue_imag"].values for t in (known, own)]
    there, here = (t["found"].values for t in (known, own))
    stable = [t["found"].values & (t["unstable"].values == 0) for t in (known, own)]
    samples, n, d = a.shape
    state, excess = np.full((2, samples, n, d), np.nan)
    leading = np.full((2, samples, n), np.nan)
    settled = np.zeros((samples, n), dtype=bool)
    has = np.zeros((samples, n), dtype=bool)
    invented = stable[1] & own["inside"].values
    leading[0] = np.where(there, rates[0].real.max(-1), np.nan)
    for i in range(samples):
        rows, columns = np.flatnonzero(there[i]), np.flatnonzero(here[i])
        cost = np.abs((a[i][rows][:, None] - b[i][columns][None]) / width).max(-1)
        for r, c in zip(*linear_sum_assignment(cost), strict=True):
            p, q = rows[r], columns[c]
            has[i, p], state[i, p], settled[i, p] = True, b[i, q], stable[1][i, q]
            leading[1, i, p] = rates[1][i, q].real.max()
            gap = pair_rates(rates[0][i, p], rates[1][i, q])
            excess[i, p] = gap / (relative * np.abs(rates[0][i, p]) + absolute)
            invented[i, q] &= not stable[0][i, p]
    rate = {"units": f"1/{kernel.time_unit}"}
    two, three = ("sample", "point"), ("sample", "point", "state")
    return {
        "position_truth": (three, a),
        "position": (three, state),
        "error": (three, np.abs(state - a)),
        "stable_truth": (two, stable[0]),
        "stable": (two, settled),
        "leading_truth": (two, leading[0], rate),
        "leading": (two, leading[1], rate),
        "eigenvalue_excess": (("sample", "point", "mode"), excess, {"units": "1"}),
        "found": (two, has),
        "invented": ("sample", invented.sum(1), {"units": "1"}),
    }


def pair_rates(exact: np.ndarray, rates: np.ndarray) -> np.ndarray:
    """Distance of every eigenvalue from its partner, (mode,), in the pairing of least total.

    A multiplier of zero is a rate of minus infinity, and has no distance from anything else.
    """
    gaps = np.abs(np.asarray(exact)[:, None] - np.asarray(rates)[None])
    gaps = np.where(np.isfinite(gaps), gaps, 1e300)
    orders = itertools.permutations(range(gaps.shape[1]))
    modes = np.arange(len(gaps))
    best = min((gaps[modes, list(order)] for order in orders), key=lambda row: float(row.sum()))
    return np.where(best < 1e300, best, np.inf)
