"""Fixed points of any dynamics, with eigenvalues as rates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from snnsurrogate.kernels import Kernel

from ._newton import linearise, newton, search
from ._source import as_kernel, extrapolated, parameter_points, sample_coordinates

__all__ = ["TYPES", "as_rates", "eigenvalues", "fixed_points", "iterates", "jacobians", "polish"]

TYPES = (
    "stable_node",
    "stable_focus",
    "saddle",
    "saddle_focus",
    "unstable_node",
    "unstable_focus",
    "nonhyperbolic",
)


def fixed_points(
    source: Any,
    parameters: Mapping[str, Any] | None = None,
    *,
    box: Mapping[str, tuple[float, float]] | None = None,
    starts: int = 32,
    max_points: int = 4,
    period: int = 1,
    seed: int = 0,
) -> xr.Dataset:
    """Fixed points of a flow or a map at many parameter points.

    Damped Newton from quasi-random starts in the state box, and from the solutions of neighbouring
    samples, with the exact Jacobian. For a map the eigenvalues are log(multiplier)/time_step, so
    that a map and the flow it stands for share one table.

    Args:
        source: a system or its name, a surrogate, or a Kernel.
        parameters: name -> value or array over sample; missing = default.
        box: state name -> (low, high) to search; missing = the declared box.
        starts: number of starts per sample (a power of two is best).
        max_points: expected number of fixed points per sample; grows if there are more.
        period: of a map, look for the fixed points of this iterate (all points of its cycles,
            and of cycles whose period divides it; :func:`cycles` sorts them).
        seed: seed of the scrambled Sobol starts.

    Returns:
        Dataset over sample, point, mode. Each state is a variable (sample, point) with its unit;
        ``eigenvalue_real`` and ``eigenvalue_imag`` (sample, point, mode), ascending real part, in
        1/time unit; ``type`` (CF flag); ``unstable`` number of eigenvalues with positive real
        part; ``found`` (false where a sample has fewer points: values there are NaN); ``inside``
        whether the point lies in the searched box (points up to one box width outside are kept);
        ``residual`` last Newton correction relative to the box; ``count`` (sample);
        ``extrapolated`` (sample) whether the parameters leave the declared or trained box. Points
        inside come first, then ascending in the first state. ``attrs["note"]`` says how many
        samples have none.

    Raises:
        ValueError: unknown state or parameter, an empty box, or a period that is no positive
            integer or asked of a flow.
    """
    kernel = as_kernel(source)
    check_period(kernel, period)
    points = parameter_points(kernel, parameters)
    low, high = _box(kernel, box)
    x0 = _starts(low, high, starts, seed)
    states, size, count = _search(kernel, points, x0, low, high, max_points, period)
    found = np.arange(states.shape[1]) < count[:, None]
    return _dataset(kernel, points, states, size, found, low, high, period)


def check_period(kernel: Kernel, period: int) -> None:
    """Refuse a period that makes no sense for the kernel."""
    if int(period) != period or period < 1 or (kernel.kind == "flow" and period != 1):
        msg = f"period={period} for a {kernel.kind}; expected a positive integer, 1 for a flow."
        raise ValueError(msg)


def iterates(kernel: Kernel, period: int = 1) -> int:
    """How the compiled loops are told what to iterate: 0 for a flow, the period for a map."""
    return period if kernel.kind == "map" else 0


def _search(
    kernel: Kernel,
    points: np.ndarray,
    x0: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    room: int,
    period: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    order = np.lexsort(points.T[::-1]).astype(np.int64) if points.size else np.zeros(1, np.int64)
    k = iterates(kernel, period)
    while True:
        states = np.full((len(points), room, kernel.dimension), np.nan)
        size = np.full((len(points), room), np.inf)
        count = np.zeros(len(points), dtype=np.int64)
        search(
            kernel.f, kernel.jac, k, points, order, x0, low, high, states, size, count
        )  # fmt: skip
        if count.max(initial=0) <= room:
            return states, size, count
        room = 2 * int(count.max())


def _box(kernel: Kernel, box: Mapping[str, tuple[float, float]] | None) -> tuple[Any, Any]:
    low, high = np.array(kernel.low, dtype=float), np.array(kernel.high, dtype=float)
    for name, (a, b) in (box or {}).items():
        if name not in kernel.states:
            msg = f"box names {name!r}; expected states {', '.join(kernel.states)}."
            raise ValueError(msg)
        low[kernel.states.index(name)], high[kernel.states.index(name)] = a, b
    if not (high > low).all():
        bad = [name for name, a, b in zip(kernel.states, low, high, strict=True) if not b > a]
        msg = f"the box of {', '.join(bad)} is empty; expected low < high."
        raise ValueError(msg)
    return low, high


def _starts(low: np.ndarray, high: np.ndarray, n: int, seed: int) -> np.ndarray:
    if n < 1:
        msg = f"starts={n}; expected at least 1."
        raise ValueError(msg)
    from scipy.stats import qmc  # takes a second to import

    rng = np.random.default_rng(seed)
    unit = qmc.Sobol(len(low), scramble=True, rng=rng).random_base2(int(np.ceil(np.log2(n))))
    unit[0] = 0.5  # the middle of the box, always
    return np.ascontiguousarray(low + unit[:n] * (high - low))


def polish(
    kernel: Kernel, x: np.ndarray, p: np.ndarray, period: int = 1
) -> tuple[np.ndarray, float]:
    """One Newton run from ``x``: (fixed point, last correction over box width; inf = failed)."""
    x = np.array(x, dtype=float)
    width = np.ascontiguousarray(kernel.high - kernel.low)
    size = newton(
        kernel.f, kernel.jac, iterates(kernel, period), x, np.ascontiguousarray(p), width, 60
    )  # fmt: skip
    return x, float(size)


def jacobians(
    kernel: Kernel, states: np.ndarray, points: np.ndarray, period: int = 1
) -> np.ndarray:
    """Jacobians (of the iterate) at (n, state) and (n, parameter): (n, state, state)."""
    return linearised(kernel, states, points, period)[1]


def linearised(
    kernel: Kernel, states: np.ndarray, points: np.ndarray, period: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """What vanishes at a fixed point (n, state), and the Jacobians (n, state, state)."""
    x, p = (np.ascontiguousarray(a, dtype=float) for a in (states, points))
    out = np.empty((len(x), kernel.dimension, kernel.dimension))
    g = np.empty((len(x), kernel.dimension))
    linearise(kernel.f, kernel.jac, x, p, iterates(kernel, period), g, out)
    return g, out


def eigenvalues(
    kernel: Kernel, states: np.ndarray, points: np.ndarray, period: int = 1
) -> np.ndarray:
    """Eigenvalues as rates (n, state), complex, ascending real part, in 1/time unit.

    A multiplier of exactly zero gives -inf; a negative real multiplier gives an imaginary part of
    pi/time_step, half the sampling rate (with the time of ``period`` steps for a step).
    """
    return as_rates(kernel, np.linalg.eigvals(jacobians(kernel, states, points, period)), period)


def as_rates(kernel: Kernel, values: np.ndarray, period: int = 1) -> np.ndarray:
    """Eigenvalues of Jacobians (..., mode) as rates, in the order of :func:`eigenvalues`."""
    values = np.asarray(values).astype(complex)
    if kernel.kind == "map":
        angle = np.angle(values)
        with np.errstate(divide="ignore"):
            size = np.log(np.abs(values))
        time = kernel.time_step * period  # parts apart: a complex -inf divided by a number is NaN
        values = np.empty_like(values)
        values.real, values.imag = size / time, angle / time
    order = np.lexsort((values.imag, values.real), axis=-1)
    return np.take_along_axis(values, order, axis=-1)


def classify(values: np.ndarray, nyquist: float = np.inf) -> np.ndarray:
    """Index into TYPES for eigenvalues (..., mode); a pair is complex if it rotates.

    Args:
        values: eigenvalues as rates.
        nyquist: pi/time_step of a map; an imaginary part of that size is a negative multiplier.
    """
    unstable = (values.real > 0).sum(-1)
    size = np.abs(values.imag)
    rotates = ((size > 0) & (size < nyquist * (1 - 1e-9))).any(-1)
    modes = values.shape[-1]
    kind = np.where(unstable == 0, 0, np.where(unstable == modes, 4, 2)) + rotates
    return np.where((values.real == 0).any(-1), TYPES.index("nonhyperbolic"), kind)


def _dataset(
    kernel: Kernel,
    points: np.ndarray,
    states: np.ndarray,
    size: np.ndarray,
    found: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    period: int,
) -> xr.Dataset:
    margin = 1e-9 * (high - low)
    inside = found & ((states >= low - margin) & (states <= high + margin)).all(-1)
    order = np.lexsort((states[:, :, 0], ~inside, ~found), axis=-1)
    states = np.take_along_axis(states, order[:, :, None], axis=1)
    size, found, inside = (np.take_along_axis(a, order, axis=1) for a in (size, found, inside))
    used = max(1, int(found.sum(1).max(initial=0)))
    states, size, found, inside = (a[:, :used] for a in (states, size, found, inside))

    rates = np.full(states.shape, np.nan, dtype=complex)
    rows, columns = np.nonzero(found)
    if len(rows):
        rates[rows, columns] = eigenvalues(kernel, states[rows, columns], points[rows], period)
    nyquist = np.pi / (kernel.time_step * period) if kernel.kind == "map" else np.inf
    kinds = np.where(found, classify(np.where(found[:, :, None], rates, 1.0), nyquist), -1)

    pair, triple = ("sample", "point"), ("sample", "point", "mode")
    rate_unit = f"1/{kernel.time_unit}"
    variables: dict[str, Any] = {
        name: (pair, states[:, :, i], {"units": kernel.state_units[i], "role": "state"})
        for i, name in enumerate(kernel.states)
    }
    flags = {
        "flag_values": np.arange(-1, len(TYPES), dtype=np.int8),
        "flag_meanings": " ".join(("none", *TYPES)),
    }
    variables |= {
        "eigenvalue_real": (triple, rates.real, {"units": rate_unit}),
        "eigenvalue_imag": (triple, rates.imag, {"units": rate_unit}),
        "type": (pair, kinds.astype(np.int8), flags),
        "unstable": (pair, np.where(found, (rates.real > 0).sum(-1), 0), {"units": "1"}),
        "found": (pair, found),
        "inside": (pair, inside),
        "residual": (pair, np.where(found, size, np.nan), {"units": "1"}),
        "count": ("sample", found.sum(1), {"units": "1"}),
        "extrapolated": ("sample", extrapolated(kernel, points)),
    }
    without = int((~found.any(1)).sum())
    note = f"{without} of {len(points)} samples have no fixed point in the searched box or near it"
    attrs = {
        "kind": kernel.kind,
        "time_unit": kernel.time_unit,
        "note": note,
        "box_low": low,
        "box_high": high,
    }
    return xr.Dataset(variables, sample_coordinates(kernel, points), attrs)
