"""Branches of cycles in one parameter, with their Floquet multipliers and special points."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from snnsurrogate import units
from snnsurrogate.kernels import Kernel

from . import _tests
from ._arclength import Path, Point, Settings, Special, follow, locate, unexplained
from ._attractor import from_attractor
from ._branch_points import Track
from ._branch_table import SpecialPoint
from ._cycle_curve import RELIABLE, WEIGHT, CycleCurve
from ._cycle_starts import from_table
from ._cycle_table import cycle_table
from ._map_cycles import continue_map_cycles
from ._source import as_kernel, start_state
from .branches import check_points, check_step, interval, oriented
from .fixed_points import check_period

__all__ = ["continue_cycles"]


def continue_cycles(
    source: Any,
    parameter: str,
    low: Any,
    high: Any,
    *,
    start: Any = None,
    at: Any = None,
    parameters: Mapping[str, Any] | None = None,
    period: int = 1,
    step: float = 0.02,
    tolerance: float = 1e-8,
    intervals: tuple[int, int] = (20, 1000),
    max_period: Any = None,
    max_points: int = 1000,
    transient: Any = None,
    box: Mapping[str, tuple[float, float]] | None = None,
    samples: int = 9,
    starts: int = 64,
    seed: int = 0,
) -> xr.Dataset:
    """Branches of cycles of a flow, or of k-cycles of a map, over an interval of one parameter.

    Flow: collocation on an adaptive mesh and pseudo-arclength continuation through folds of
    cycles, stable and unstable cycles alike. Map: :func:`continue_fixed_points` of the k-th
    iterate, one branch per cycle of prime period k. Special points are refined on the branch: fold
    of cycles, flip, torus (Neimark-Sacker) and crossing of branches.

    Args:
        source: a system or its name, a surrogate, or a Kernel.
        parameter: the parameter that varies.
        low: lower end, in the declared unit (or with a unit).
        high: upper end.
        start: of a flow, where branches begin. None: at the attracting cycle found by simulation
            from the system's stated start; a state (or mapping): from that state; the table of
            :func:`special_points`: at each of its Hopf points, or, if it is one of branches of
            cycles, at each of its flips, from where the doubled cycle is followed.
        at: parameter value of the simulated start; default the system's own value if it lies in the
            interval, then its middle, quarters and eighths until a cycle is met.
        parameters: values of the others; missing = default.
        period: of a map, the number of steps k of the cycles.
        step: largest step, as a share of the parameter interval and of the box width.
        tolerance: error of the profile between mesh points, of the box width.
        intervals: fewest and most mesh intervals.
        max_period: of a flow, where to stop on the way to a homoclinic orbit, with unit; default
            30 times the period at the start.
        max_points: most points to one side of a start.
        transient: time before the simulated trajectory is looked at, with unit.
        box: of a map, state name -> (low, high) to search.
        samples: of a map, parameter values at which cycles are looked for.
        starts: of a map, starts of that search, per value.
        seed: seed of those starts.

    Returns:
        Dataset over point (in order along each branch), node or step, mode, special, branches and
        side; variables as in :func:`continue_fixed_points`, and

        - the states over one period, (point, node) with ``phase`` (point, node), for a map (point,
          step); ``<state>_min`` and ``<state>_max`` (point);
        - ``multiplier_real`` and ``multiplier_imag`` (point, mode), ascending modulus; of a flow
          the trivial one is last and ``trivial_error`` (point) its distance from 1, a measure of
          accuracy; ``cycle_period`` (point) in time units;
        - ``special_type``: fold_of_cycles (LPC; of a map fold, LP), flip (PD), torus (NS; of a map
          neimark_sacker), branch_point_of_cycles (BPC); ``frequency`` of a torus: the angle of the
          multiplier over the period, between zero and half the frequency of the cycle.

        Without a cycle there is no branch, and ``attrs["note"]`` says why.

    Raises:
        ValueError: unknown name, ``low`` not below ``high``, a time without unit, a missing start.
    """
    kernel = as_kernel(source)
    check_period(kernel, period)
    column = kernel.parameter_index(parameter)
    ends = interval(kernel, parameter, low, high)
    check_step(step)
    check_points(max_points)
    least, most = intervals
    if not 0 < tolerance < np.inf or not 2 <= least <= most:
        msg = (
            f"tolerance={tolerance}, intervals={intervals}; expected a finite tolerance above zero "
            "and 2 <= fewest <= most intervals."
        )
        raise ValueError(msg)
    if parameter in (parameters or {}):
        msg = f"{parameter!r} is the free parameter; leave it out of `parameters`."
        raise ValueError(msg)
    p = kernel.parameter_matrix(parameters, 1)[0]
    settings = Settings(
        ends[0], ends[1], step=0.25 * step, max_step=step, min_step=1e-6, max_points=max_points,
        turn=0.97,
    )  # fmt: skip
    if kernel.kind == "map":
        return continue_map_cycles(
            kernel, parameter, p, settings, period, parameters, box, samples, starts, seed
        )
    curve = CycleCurve(
        kernel, p, column, ends[1] - ends[0], tolerance=tolerance, intervals=intervals
    )
    longest = None
    if max_period is not None:
        longest = units.magnitude(max_period, kernel.time_unit, what="max_period")
    if isinstance(start, xr.Dataset):
        begun, reasons = from_table(curve, start, settings)
        curve.doubled = "cycle_period" in start
    else:
        x0 = start_state(source, kernel, start, 1)[0]
        lead = 0.0
        if transient is not None:
            lead = units.magnitude(transient, kernel.time_unit, what="transient")
        begun, reasons = [], []
        for value in _start_values(kernel, column, at, p, ends):
            hit = from_attractor(curve, x0, value, lead, 8000)
            if hit.point is not None:
                begun, reasons = [(None, hit.point)], []
                break
            reasons.append(f"at {parameter} = {value:.6g} {hit.reason}")
    tracks: list[Track] = []
    for origin, point in begun:
        if any(_passes(curve, track, point) for track in tracks):
            continue
        curve.max_period = longest or 30.0 * float(np.exp(point.data.log_period))
        tracks.append(oriented(_follow(curve, origin, point, settings)))
    special = [[_describe(i, name, q) for i, name, q in track.special] for track in tracks]
    return cycle_table(curve, tracks, special, parameter, ends, reasons)


def _start_values(
    kernel: Kernel, column: int, at: Any, p: np.ndarray, ends: tuple[float, float]
) -> list[float]:
    low, high = ends
    if at is None:
        own = [float(p[column])] if low <= p[column] <= high else []
        shares = (0.5, 0.25, 0.75, 0.125, 0.375, 0.625, 0.875)
        return own + [low + share * (high - low) for share in shares]
    name = kernel.parameters[column]
    value = float(units.magnitudes(at, kernel.parameter_units[column], what=name))
    if not low <= value <= high:
        msg = f"at={value:g} lies outside [{low:g}, {high:g}]; start inside the interval."
        raise ValueError(msg)
    return [value]


def _follow(curve: CycleCurve, origin: Point | None, start: Point, settings: Settings) -> Track:
    """The whole branch through a start, or to one side of the point it is born from."""
    forward = follow(curve, start, settings)
    back: list[Point] = []
    special: list[tuple[float, str, Point]] = []
    missed: list[tuple[float, float]] = []
    first = "half_period" if curve.doubled else "small_amplitude"
    if origin is None:
        first = "closed"
        if forward.ended != "closed":
            path = follow(curve, curve.mirrored(start), settings)
            first, back = path.ended, path.points[:0:-1]
            found = locate(curve, path, accepts=curve.accepts, weight=WEIGHT)
            special += [
                (-s.after - s.position / path.steps[s.after], s.name, s.point) for s in found
            ]
            missed += unexplained(path, found, WEIGHT, _reliable)
    found = locate(curve, forward, accepts=curve.accepts, weight=WEIGHT)
    special += [(_place(forward, s), s.name, s.point) for s in found]
    missed += unexplained(forward, found, WEIGHT, _reliable)
    merged = [(float(-len(back) + i), "", p) for i, p in enumerate(back)]
    if origin is not None:
        merged.append((-1.0, "", origin))
    merged += [(float(i), "", p) for i, p in enumerate(forward.points)]
    merged = sorted([*merged, *special], key=lambda item: item[0])
    named = [(i, name, p) for i, (_, name, p) in enumerate(merged) if name]
    return Track([p for _, _, p in merged], named, (first, forward.ended), missed)


def _reliable(point: Point) -> bool:
    return bool(abs(point.data.multipliers[-1] - 1.0) <= RELIABLE)


def _place(path: Path, special: Special) -> float:
    return special.after + special.position / path.steps[special.after]


def _passes(curve: CycleCurve, track: Track, point: Point) -> bool:
    """Whether a branch that began elsewhere ends at the point this cycle is born from."""
    for end, reason in zip((track.points[0], track.points[-1]), track.ends, strict=True):
        if reason not in {"small_amplitude", "half_period"}:
            continue
        gap = np.abs(end.data.profile.mean(0) - point.data.profile.mean(0)).max()
        near = abs(end.value - point.value) < 0.01 * curve.span
        if near and gap < 0.01 and abs(end.data.log_period - point.data.log_period) < 0.05:
            return True
    return False


def _describe(index: int, name: str, point: Point) -> SpecialPoint:
    period = float(np.exp(point.data.log_period))
    frequency = 2 * np.pi / period
    if name == "torus":
        pair = _tests.critical_pair(point.data.multipliers[:-1], "map")
        frequency = float(np.angle(pair)) / period if pair is not None else 0.0
    return SpecialPoint(index, name, frequency, np.nan, np.nan, "")
