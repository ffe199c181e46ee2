"""Hopf points (Neimark-Sacker points of maps) of all branches, as a flat table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from snnsurrogate.kernels import Kernel

from ._source import as_kernel, sample_coordinates
from .branches import continue_fixed_points, special_points
from .fixed_points import eigenvalues, polish

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

    The Hopf and Neimark-Sacker points of :func:`continue_fixed_points`, which gives the branches
    and the criticality too, with the speed of the crossing.

    Args:
        source: a system or its name, a surrogate, or a Kernel.
        parameter: the parameter that varies.
        low: lower end, in the declared unit.
        high: upper end.
        parameters: other parameter values; missing = default.
        samples: resolution: steps along a branch are at most 1/(samples - 1) of the interval; two
            crossings within a step may be missed.
        starts: starts of the search for branches, per value.
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
    branches = continue_fixed_points(
        kernel, parameter, low, high, parameters=parameters, starts=starts, seed=seed,
        step=float(np.clip(1 / (max(samples, 2) - 1), 1e-4, 0.05)),
    )  # fmt: skip
    table = special_points(branches)
    table = table.isel(special=np.isin(table["type"].values, ("hopf", "neimark_sacker")))
    column = kernel.parameter_index(parameter)
    states = np.stack([table[name].values for name in kernel.states], -1)
    points = np.stack([table[name].values for name in kernel.parameters], -1)
    frequency = table["frequency"].values
    rates = table["eigenvalue_real"].values
    crossing = np.isclose(
        np.abs(table["eigenvalue_imag"].values), frequency[:, None], rtol=1e-9, atol=0.0
    )
    slopes = [
        _slope(kernel, x, p, column, w) for x, p, w in zip(states, points, frequency, strict=True)
    ]
    rate = f"1/{kernel.time_unit}"
    variables: dict[str, Any] = {
        name: ("sample", states[:, i], {"units": kernel.state_units[i], "role": "state"})
        for i, name in enumerate(kernel.states)
    }
    variables |= {
        "eigenvalue_imag": ("sample", frequency, {"units": rate}),
        "slope": (
            "sample",
            np.array(slopes, dtype=float),
            {"long_name": "d(real part)/d(parameter)"},
        ),
        "unstable": ("sample", ((rates > 0) & ~crossing).sum(-1), {"units": "1"}),
        "extrapolated": ("sample", table["extrapolated"].values),
    }
    return xr.Dataset(variables, sample_coordinates(kernel, points), {"parameter": parameter})


def _slope(kernel: Kernel, x: np.ndarray, p: np.ndarray, column: int, frequency: float) -> float:
    """Derivative of the real part of the critical pair, by a central difference on the branch."""
    h = 1e-5 * max(1.0, abs(p[column]))
    reals = []
    for side in (-h, h):
        q = p.copy()
        q[column] += side
        y = polish(kernel, x, q)[0]
        values = eigenvalues(kernel, y[None], q[None])[0]
        reals.append(values[np.argmin(np.abs(values - 1j * frequency))].real)
    return float((reals[1] - reals[0]) / (2 * h))
