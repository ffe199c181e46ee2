"""Cycles of flows and k-cycles of maps at given parameters, with their Floquet multipliers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from snnsurrogate import units
from snnsurrogate.kernels import Kernel, integrate

from ._attractor import Found, from_attractor, nodes
from ._cycle_curve import Cycle, CycleCurve
from ._source import as_kernel, extrapolated, parameter_points, sample_coordinates, start_state
from .fixed_points import check_period, fixed_points, jacobians

__all__ = ["cycles"]


def cycles(
    source: Any,
    parameters: Mapping[str, Any] | None = None,
    *,
    period: int = 1,
    x0: Any = None,
    transient: Any = None,
    tolerance: float = 1e-8,
    intervals: tuple[int, int] = (20, 1000),
    box: Mapping[str, tuple[float, float]] | None = None,
    starts: int = 64,
    seed: int = 0,
) -> xr.Dataset:
    """Periodic orbits: the attracting cycle of a flow, or all k-cycles of a map.

    A flow is simulated from ``x0`` until it returns near itself; the cycle is then solved for by
    collocation on an adaptive mesh (Newton, exact Jacobian), so that a slowly attracting cycle is
    found to full accuracy too. Cycles that do not attract: :func:`continue_cycles`. Of a map,
    Newton on the k-fold composition from many starts finds stable and unstable cycles alike.

    Args:
        source: a system or its name, a surrogate, or a Kernel.
        parameters: name -> value or array over sample; missing = default.
        period: of a map, the number of steps k of the cycle (prime period).
        x0: of a flow, where to start: as in :func:`lyapunov`.
        transient: of a flow, time before the trajectory is looked at, with unit; default none (the
            search goes on for longer and longer stretches anyhow).
        tolerance: of a flow, error of the profile between mesh points, of the box width.
        intervals: of a flow, fewest and most mesh intervals.
        box: of a map, state name -> (low, high) to search.
        starts: of a map, starts of the search per sample.
        seed: seed of those starts.

    Returns:
        Dataset over sample. Flow: states (sample, node) over one period with ``phase`` (0 to 1,
        denser where the cycle is fast), ``period``, ``multiplier_real`` and ``multiplier_imag``
        (sample, mode), ascending modulus, the trivial one last; ``trivial_error`` its distance
        from 1; ``stable``, ``found``, ``reason`` (why not), ``extrapolated``. Map: states (sample,
        cycle, step), multipliers of the composition (sample, cycle, mode), ``found``, ``stable``
        (sample, cycle), ``count``, ``extrapolated``. Values are NaN where ``found`` is false, and
        ``attrs["note"]`` says how often that is.

    Raises:
        ValueError: unknown name, a time without unit, a missing x0, a period asked of a flow.
    """
    kernel = as_kernel(source)
    check_period(kernel, period)
    points = parameter_points(kernel, parameters)
    if kernel.kind == "map":
        return _map_cycles(kernel, parameters, points, period, box, starts, seed)
    lead = 0.0
    if transient is not None:
        lead = units.magnitude(transient, kernel.time_unit, what="transient")
    x = start_state(source, kernel, x0, len(points))
    found = []
    for i, p in enumerate(points):
        own = p if p.size else np.zeros(1)  # a system without parameters reads none
        curve = CycleCurve(kernel, own, 0, 1.0, tolerance=tolerance, intervals=intervals)
        found.append(from_attractor(curve, x[i], float(own[0]), lead, 8000))
    return _flow_table(kernel, points, found)


def _flow_table(kernel: Kernel, points: np.ndarray, found: list[Found]) -> xr.Dataset:
    count, d = len(points), kernel.dimension
    room = max((len(f.point.data.profile) for f in found if f.point), default=1)
    states, phase = np.full((count, room, d), np.nan), np.full((count, room), np.nan)
    values = np.full((count, d), complex(np.nan, np.nan))
    period = np.full(count, np.nan)
    for i, hit in enumerate(found):
        if hit.point is None:
            continue
        cycle: Cycle = hit.point.data
        at, profile = nodes(cycle, room)
        phase[i], states[i] = at, profile * (kernel.high - kernel.low)
        values[i], period[i] = cycle.multipliers, np.exp(cycle.log_period)
    good = np.array([hit.point is not None for hit in found])
    variables: dict[str, Any] = {
        name: (("sample", "node"), states[:, :, i], {"units": unit, "role": "state"})
        for i, (name, unit) in enumerate(zip(kernel.states, kernel.state_units, strict=True))
    }
    variables |= {
        "phase": (("sample", "node"), phase, {"units": "1"}),
        "period": ("sample", period, {"units": kernel.time_unit}),
        "multiplier_real": (("sample", "mode"), values.real, {"units": "1"}),
        "multiplier_imag": (("sample", "mode"), values.imag, {"units": "1"}),
        "trivial_error": ("sample", np.abs(values[:, -1] - 1.0), {"units": "1"}),
        "stable": ("sample", good & (np.abs(values[:, :-1]) < 1).all(1)),
        "found": ("sample", good),
        "reason": ("sample", np.array([hit.reason for hit in found], dtype=str)),
        "extrapolated": ("sample", extrapolated(kernel, points)),
    }
    reasons = sorted({hit.reason for hit in found if hit.reason})
    note = f"{int((~good).sum())} of {count} samples have no cycle that the start leads to"
    attrs = {"kind": kernel.kind, "time_unit": kernel.time_unit}
    attrs["note"] = note + (f" ({'; '.join(reasons)})" if reasons else "")
    return xr.Dataset(variables, sample_coordinates(kernel, points), attrs)


def orbits(kernel: Kernel, p: np.ndarray, candidates: np.ndarray, period: int) -> list[np.ndarray]:
    """The distinct orbits (step, state) of prime period among fixed points of the iterate."""
    width = kernel.high - kernel.low
    known: list[np.ndarray] = []
    for x in candidates:
        orbit = integrate(kernel, x, p, n_steps=period)[:-1] if period > 1 else x[None]
        gaps = (np.abs(orbit[1:] - orbit[0]) / width).max(1)
        if (gaps < 1e-6).any():
            continue  # the period divides
        if any((np.abs(other - x) < 1e-6 * width).all(1).any() for other in known):
            continue
        known.append(np.roll(orbit, -int(np.argmin(orbit[:, 0])), axis=0))
    return sorted(known, key=lambda orbit: float(orbit[0, 0]))


def _map_cycles(
    kernel: Kernel,
    parameters: Mapping[str, Any] | None,
    points: np.ndarray,
    period: int,
    box: Mapping[str, tuple[float, float]] | None,
    starts: int,
    seed: int,
) -> xr.Dataset:
    table = fixed_points(kernel, parameters, box=box, starts=starts, period=period, seed=seed)
    raw = np.stack([table[name].values for name in kernel.states], -1)
    inside, count, d = table["inside"].values, len(points), kernel.dimension
    per_sample = [orbits(kernel, points[i], raw[i, inside[i]], period) for i in range(count)]
    room = max(1, *(len(o) for o in per_sample))
    states = np.full((count, room, period, d), np.nan)
    values = np.full((count, room, d), complex(np.nan, np.nan))
    for i, known in enumerate(per_sample):
        for j, orbit in enumerate(known):
            states[i, j] = orbit
            matrix = jacobians(kernel, orbit[:1], points[i : i + 1], period)[0]
            multipliers = np.linalg.eigvals(matrix).astype(complex)
            values[i, j] = multipliers[np.lexsort((multipliers.imag, np.abs(multipliers)))]
    good = np.arange(room) < np.array([len(known) for known in per_sample])[:, None]
    pair, triple = ("sample", "cycle"), ("sample", "cycle", "mode")
    variables: dict[str, Any] = {
        name: (("sample", "cycle", "step"), states[..., i], {"units": unit, "role": "state"})
        for i, (name, unit) in enumerate(zip(kernel.states, kernel.state_units, strict=True))
    }
    variables |= {
        "multiplier_real": (triple, values.real, {"units": "1"}),
        "multiplier_imag": (triple, values.imag, {"units": "1"}),
        "stable": (pair, good & (np.abs(np.where(good[..., None], values, 2.0)) < 1).all(-1)),
        "found": (pair, good),
        "count": ("sample", good.sum(1), {"units": "1"}),
        "extrapolated": ("sample", extrapolated(kernel, points)),
    }
    without = int((~good.any(1)).sum())
    attrs = {
        "kind": kernel.kind,
        "time_unit": kernel.time_unit,
        "period": period,
        "note": f"{without} of {count} samples have no {period}-cycle in the searched box",
    }
    return xr.Dataset(variables, sample_coordinates(kernel, points), attrs)
