"""Branches of fixed points in one parameter, with their special points."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from snnsurrogate import units
from snnsurrogate._names import suggestion
from snnsurrogate.kernels import Kernel

from . import _tests
from ._arclength import Point, Settings
from ._branch_points import FixedPointCurve, Track, follow_both_ways
from ._branch_table import LABELS, SpecialPoint, table
from ._normal_forms import flip_coefficient, lyapunov_coefficient
from ._source import as_kernel
from .fixed_points import _box, check_period, fixed_points

__all__ = ["continue_fixed_points", "special_points"]


def continue_fixed_points(
    source: Any,
    parameter: str,
    low: Any,
    high: Any,
    *,
    parameters: Mapping[str, Any] | None = None,
    box: Mapping[str, tuple[float, float]] | None = None,
    period: int = 1,
    samples: int = 9,
    starts: int = 32,
    step: float = 0.01,
    max_points: int = 4000,
    seed: int = 0,
) -> xr.Dataset:
    """All branches of fixed points of a flow or map over an interval of one parameter.

    Fixed points found at ``samples`` values by multi-start Newton are followed by pseudo-arclength
    continuation, through folds, to both ends; branches that cross others are left and entered at
    branch points. Special points are zeros of test functions on the branch, refined to rounding:
    fold, branch point, and Hopf (flow) or flip and Neimark-Sacker (map).

    Args:
        source: a system or its name, a surrogate, or a Kernel.
        parameter: the parameter that varies.
        low: lower end, in the declared unit (or with a unit).
        high: upper end.
        parameters: values of the others; missing = default.
        box: state name -> (low, high) to search; missing = the declared box. A branch is followed
            up to one box width outside.
        period: of a map, follow fixed points of this iterate.
        samples: parameter values at which branches are looked for.
        starts: starts of that search, per value.
        step: largest step, as a share of the parameter interval and of the box width; two special
            points of one kind within a step may be missed.
        max_points: most points to one side of a start.
        seed: seed of the starts.

    Returns:
        Dataset over point (in order along each branch), mode, special, branches and side.

        - point: the parameters (coordinates) and states, ``branch`` (index), ``stable``
          (false at special points), ``unstable`` (number of unstable directions), ``label`` ("" or
          that of a special point),
          ``inside`` the searched box, ``residual`` (last Newton correction in scaled units),
          ``extrapolated`` (parameters outside the declared or trained box);
        - (point, mode): ``eigenvalue_real``, ``eigenvalue_imag`` as rates, 1/time unit; for a map
          log(multiplier)/(time of ``period`` steps);
        - special: ``special_point`` (index into point), ``special_type``, ``special_label`` (LP
          fold, BP branch point, H Hopf, PD flip, NS Neimark-Sacker), ``frequency`` (angular,
          1/time unit),
          ``l1`` first Lyapunov coefficient with its error ``l1_error``, ``criticality``;
          :func:`special_points` gives them as a table;
        - branches, side: ``ended`` why the branch stops at its first and last point.

        ``attrs["note"]`` says what was not reached; without a fixed point there is no branch, and
        the note says so.

    Raises:
        ValueError: unknown name, ``low`` not below ``high``, an empty box, a bad period.
    """
    kernel = as_kernel(source)
    check_period(kernel, period)
    column = kernel.parameter_index(parameter)
    ends = interval(kernel, parameter, low, high)
    check_step(step)
    check_points(max_points)
    if parameter in (parameters or {}):
        msg = f"{parameter!r} is the free parameter; leave it out of `parameters`."
        raise ValueError(msg)
    box_low, box_high = _box(kernel, box)
    values = np.linspace(ends[0], ends[1], max(int(samples), 2))
    found = fixed_points(
        kernel, dict(parameters or {}) | {parameter: values}, box=box, starts=starts,
        period=period, seed=seed,
    )  # fmt: skip
    p = kernel.parameter_matrix(parameters, 1)[0]
    curve = FixedPointCurve(kernel, p, column, ends[1] - ends[0], box_low, box_high, period)
    settings = Settings(ends[0], ends[1], step=0.25 * step, max_step=step, max_points=max_points)

    tracks: list[Track] = []
    lost = []
    for i, value in enumerate(values):
        for j in np.flatnonzero(found["inside"].values[i]):
            x = np.array([float(found[name].values[i, j]) for name in kernel.states])
            start = curve.start(x, value)
            enter(curve, tracks, start, settings)
            if start is None:
                lost.append(f"{value:.6g}")
    for track in tracks:  # grows as branches are entered
        for _, name, point in track.special:
            if name == "branch_point":
                for start in crossing(curve, point):
                    enter(curve, tracks, start, settings)
    tracks = [oriented(track) for track in tracks]
    tracks.sort(key=lambda t: (t.points[0].value, curve.state(t.points[0])[0]))
    special = [[describe(curve, i, name, q) for i, name, q in t.special] for t in tracks]
    out = table(curve, tracks, special, parameter, ends)
    if lost:
        where = ", ".join(lost[:8]) + (", ..." if len(lost) > 8 else "")
        out.attrs["note"] += (
            f"; Newton did not converge from {len(lost)} of the fixed points found, at "
            f"{parameter} = {where}: their branches may be missing"
        )
    return out


def oriented(track: Track) -> Track:
    """The branch read from the lower parameter value on."""
    if track.points[0].value <= track.points[-1].value:
        return track
    last = len(track.points) - 1
    special = [(last - i, name, point) for i, name, point in track.special[::-1]]
    return Track(track.points[::-1], special, track.ends[::-1], track.missed)


def interval(kernel: Kernel, parameter: str, low: Any, high: Any) -> tuple[float, float]:
    """The ends of a parameter interval in the declared unit.

    Raises:
        ValueError: unknown parameter, not finite, or low not below high.
    """
    unit = kernel.parameter_units[kernel.parameter_index(parameter)]
    a, b = (float(units.magnitudes(v, unit, what=parameter)) for v in (low, high))
    if not (a < b and np.isfinite([a, b]).all()):
        msg = f"low={low}, high={high}; expected finite numbers with low < high."
        raise ValueError(msg)
    return a, b


def check_points(max_points: int) -> None:
    """Refuse a branch of no step."""
    if max_points < 2:
        msg = f"max_points={max_points}; expected two or more."
        raise ValueError(msg)


def check_step(step: float) -> None:
    """Refuse a step that makes no sense."""
    if not 0 < step <= 0.1:
        msg = f"step={step}; expected a share of the interval in (0, 0.1]."
        raise ValueError(msg)


def enter(
    curve: FixedPointCurve, tracks: list[Track], start: Point | None, settings: Settings
) -> None:
    """Follow the branch through ``start`` unless one of the tracks holds it."""
    if start is None:
        return
    margin = 1e-9 * (settings.high - settings.low)
    if not settings.low - margin <= start.value <= settings.high + margin:
        return
    x = curve.state(start)
    if not any(curve.passes(track, x, start.value) for track in tracks):
        tracks.append(follow_both_ways(curve, start, settings))


def crossing(curve: FixedPointCurve, point: Point) -> list[Point]:
    """Points beside a branch point on the curves that cross there."""
    _, _, right = np.linalg.svd(point.data.augmented[:-1])
    plane = right[-2:]
    along = plane @ point.data.t
    across = plane.T @ np.array([-along[1], along[0]])
    across /= np.linalg.norm(across)
    starts = []
    for sign in (1.0, -1.0):
        for length in (0.02, 0.005, 0.05):
            base = point.data._replace(t=np.ascontiguousarray(sign * across))
            start = curve.advance(Point(**{**point.__dict__, "data": base}), length)
            if start is not None and start.distance < 1.0:
                starts.append(start)
                break
    return starts


def describe(curve: FixedPointCurve, index: int, name: str, point: Point) -> SpecialPoint:
    """Frequency and criticality of a special point."""
    kernel, period = curve.kernel, curve.period
    x, p = curve.state(point), curve.vector(point.value)
    if name in {"hopf", "neimark_sacker"}:
        pair = _tests.critical_pair(point.data.values, kernel.kind)
        if pair is not None:
            turn = (
                pair.imag if name == "hopf" else float(np.angle(pair)) / (kernel.time_step * period)
            )
            l1, error = lyapunov_coefficient(kernel, x, p, pair, period)
            return SpecialPoint(index, name, turn, l1, error, _side(-l1, error))
    if name == "flip":
        coefficient, error = flip_coefficient(kernel, x, p, period)
        turn = np.pi / (kernel.time_step * period)
        return SpecialPoint(index, name, turn, np.nan, np.nan, _side(coefficient, error))
    return SpecialPoint(index, name, 0.0, np.nan, np.nan, "")


def _side(coefficient: float, error: float) -> str:
    if not error < 0.1 * abs(coefficient):
        return "undetermined"
    return "supercritical" if coefficient > 0 else "subcritical"


def special_points(branches: xr.Dataset, kind: str | None = None) -> xr.Dataset:
    """The special points of a continuation as a table, one row each.

    Args:
        branches: what :func:`continue_fixed_points`, :func:`continue_cycles` or
            :func:`continue_special` returned.
        kind: one type ("hopf", "fold", ...) only.

    Returns:
        Dataset over special in ascending order of the parameter: everything ``branches`` says of
        these points, ``type``, ``label``, ``frequency``, ``l1``, ``l1_error``, ``criticality``.
        None = an empty dimension.

    Raises:
        ValueError: ``branches`` is no result of a continuation, or no such type.
    """
    if "special_point" not in branches:
        msg = "expected the result of a continuation, with its special points; got another Dataset."
        raise ValueError(msg)
    if kind is not None and kind not in LABELS:
        msg = f"no special points of type {kind!r}; expected one of {', '.join(LABELS)}."
        raise ValueError(msg + suggestion(kind, LABELS))
    chosen = np.ones(branches.sizes["special"], dtype=bool)
    if kind is not None:
        chosen = branches["special_type"].values == kind
    rows = branches["special_point"].values[chosen].astype(int)
    parameter = branches.attrs["parameter"]
    order = np.argsort(branches[parameter].values[rows], kind="stable")
    along = [n for n in branches.variables if "point" in branches[n].dims]
    points = branches[along].isel(point=rows[order]).rename(point="special")
    extra = branches[[n for n in branches.data_vars if branches[n].dims == ("special",)]]
    extra = extra.isel(special=np.flatnonzero(chosen)[order])
    extra = extra.rename(special_type="type", special_label="short").drop_vars("special_point")
    points = points.drop_vars("label").assign(extra.rename(short="label").data_vars)
    points.attrs = dict(branches.attrs)
    return points
