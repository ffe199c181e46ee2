"""Curves of special points in two parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from ._arclength import Path, Point, Settings, Special, follow, locate
from ._branch_points import Track
from ._branch_table import SpecialPoint, ended_flags, note_of, special_variables
from ._source import as_kernel, extrapolated
from ._special_curve import KINDS, SpecialCurve
from .branches import check_step, interval
from .fixed_points import _box, as_rates

__all__ = ["continue_special"]


def continue_special(
    source: Any,
    start: xr.Dataset,
    limits: Mapping[str, tuple[Any, Any]],
    *,
    box: Mapping[str, tuple[float, float]] | None = None,
    step: float = 0.01,
    max_points: int = 2000,
) -> xr.Dataset:
    """Curves of fold, Hopf, flip or Neimark-Sacker points in two parameters.

    Args:
        source: a system or its name, a surrogate, or a Kernel.
        start: the table of :func:`special_points` of a continuation of fixed points; a curve begins
            at each of its points that no other curve passes through. The parameters that do not
            vary are taken from it.
        limits: the two parameters and their intervals, ``{"I": (0, 20), "g_K": (20, 50)}``.
        box: state name -> (low, high); a curve is followed up to one box width outside.
        step: largest step, as a share of the intervals and of the box width.
        max_points: most points to one side of a start.

    Returns:
        Dataset over point (in order along each curve), mode, special, branches and side: the
        parameters (coordinates) and states, ``branch``, ``kind`` (point) type of the special points
        the curve consists of, ``frequency`` (angular) and ``l1`` of Hopf and Neimark-Sacker
        points, eigenvalues as rates, ``residual``, ``extrapolated``, ``ended`` (branches, side);
        special points of codimension two as in :func:`continue_fixed_points`: cusp (CP),
        bogdanov_takens (BT), generalised_hopf (GH, l1 = 0), zero_hopf (ZH), double_hopf (HH), and
        of maps strong_resonance (R). A curve of Hopf points ends where its frequency vanishes.
        ``attrs["note"]`` says what was not reached.

    Raises:
        ValueError: not two parameters, unknown names, an empty interval, or a start that holds no
            table of special points in the first parameter.
    """
    kernel = as_kernel(source)
    check_step(step)
    if len(limits) != 2:
        msg = f"limits names {len(limits)} parameters ({', '.join(limits)}); expected two."
        raise ValueError(msg)
    names = list(limits)
    if "special" not in start.dims or "type" not in start or any(n not in start for n in names):
        msg = f"start is no table of special points in {names[0]}; give special_points(branches)."
        raise ValueError(msg)
    spans = [interval(kernel, name, *limits[name]) for name in names]
    columns = (kernel.parameter_index(names[0]), kernel.parameter_index(names[1]))
    low, high = _box(kernel, box)
    period = int(start.attrs.get("period", 1))
    settings = Settings(
        *spans[0], step=0.25 * step, max_step=step, max_points=max_points, second=spans[1]
    )
    tracks: list[tuple[SpecialCurve, Track]] = []
    lost: list[str] = []
    for i in range(start.sizes["special"]):
        row = start.isel(special=i)
        kind = str(row["type"].values)
        if kind not in KINDS:
            continue
        p = np.array([float(row[name]) for name in kernel.parameters])
        x = np.array([float(row[name]) for name in kernel.states])
        widths = (spans[0][1] - spans[0][0], spans[1][1] - spans[1][0])
        curve = SpecialCurve(kernel, kind, p, columns, widths, low, high, period)
        inside = all(a <= p[c] <= b for c, (a, b) in zip(columns, spans, strict=True))
        if not inside or _known(tracks, curve, x, p):
            continue
        point = curve.start(x, (p[columns[0]], p[columns[1]]))
        if point is None:
            lost.append(f"Newton did not converge at {row['label'].values}")
            continue
        tracks.append((curve, _both_ways(curve, point, settings)))
    return _dataset(kernel, tracks, names, lost, period)


def _known(
    tracks: list[tuple[SpecialCurve, Track]], curve: SpecialCurve, x: np.ndarray, p: np.ndarray
) -> bool:
    """Whether a curve of the same kind passes through a point."""
    u = np.concatenate([x, p[list(curve.columns)]]) / curve.scale
    for other, track in tracks:
        if other.kind != curve.kind:
            continue
        points = np.array([q.data.u for q in track.points])
        if len(points) < 2:
            continue
        a, along = points[:-1], np.diff(points, axis=0)
        share = ((u - a) * along).sum(1) / np.maximum((along**2).sum(1), 1e-300)
        foot = a + np.clip(share, 0.0, 1.0)[:, None] * along
        if np.linalg.norm(u - foot, axis=1).min() < 2e-3:
            return True
    return False


def _both_ways(curve: SpecialCurve, start: Point, settings: Settings) -> Track:
    paths, hits = [], []
    for sign in (1.0, -1.0):
        begin = Point(**{**start.__dict__, "data": start.data._replace(t=sign * start.data.t)})
        begin = curve.accept(begin)
        path = follow(curve, begin, settings)
        found = _located(curve, path)
        if path.ended == "zero_frequency":  # what lies beyond are no Hopf points
            path.points.pop()
            path.steps.pop()
        paths.append(path)
        hits.append(found)
        if path.ended == "closed":
            paths.append(Path([start], ended="closed"))
            hits.append([])
            break
    forward, backward = paths
    merged = [(float(-i), "", q) for i, q in enumerate(backward.points)][:0:-1]
    merged += [(float(i), "", q) for i, q in enumerate(forward.points)]
    merged += [(at, name, q) for at, name, q in hits[0]]
    merged += [(-at, name, q) for at, name, q in hits[1]]
    merged.sort(key=lambda item: item[0])
    for _, _, q in merged:
        if np.isnan(q.data.l1):
            q.data = q.data._replace(l1=curve.lyapunov(q.data))
    special = [(i, name, q) for i, (_, name, q) in enumerate(merged) if name]
    return Track([q for _, _, q in merged], special, (backward.ended, forward.ended))


def _located(curve: SpecialCurve, path: Path) -> list[tuple[float, str, Point]]:
    out = []
    for i in range(len(path.steps)):
        curve.adapt(path.points[i].data.u)
        tests = [path.points[j].tests.get("generalised_hopf", 1.0) for j in (i, i + 1)]
        curve.with_l1 = tests[0] * tests[1] < 0
        piece = Path(path.points[i : i + 2], path.steps[i : i + 1])
        found: list[Special] = locate(curve, piece, accepts=curve.accepts, weight={}, depth=0)
        curve.with_l1 = False
        out += [(i + s.position / path.steps[i], s.name, s.point) for s in found]
    return out


def _dataset(
    kernel: Any,
    tracks: list[tuple[SpecialCurve, Track]],
    names: list[str],
    lost: list[str],
    period: int,
) -> xr.Dataset:
    d = kernel.dimension
    flat = [(curve, q) for curve, track in tracks for q in track.points]
    lengths = [len(track.points) for _, track in tracks]
    states = np.array([curve.state(q) for curve, q in flat]).reshape(-1, d)
    vectors = np.array([curve.vector(q.data.u) for curve, q in flat])
    vectors = vectors.reshape(-1, len(kernel.parameters))
    for i, (curve, q) in enumerate(flat):
        vectors[i, list(curve.columns)] = q.value, q.second  # the ends of intervals exactly
    raw = np.array([q.data.values for _, q in flat], dtype=complex).reshape(-1, d)
    rates = as_rates(kernel, raw, period)
    rate_unit = f"1/{kernel.time_unit}"
    frequency = np.array([max(q.data.frequency, 0.0) for _, q in flat], dtype=float)
    variables: dict[str, Any] = {
        name: ("point", states[:, i], {"units": kernel.state_units[i], "role": "state"})
        for i, name in enumerate(kernel.states)
    }
    special = [
        [
            SpecialPoint(i, n, max(q.data.frequency, 0.0), q.data.l1, np.nan, "")
            for i, n, q in t.special
        ]
        for _, t in tracks
    ]
    codimension_two = special_variables(lengths, special, rate_unit)
    for name in ("frequency", "l1", "l1_error", "criticality"):
        del codimension_two[name]  # given along the whole curve
    variables |= codimension_two
    variables |= {
        "branch": ("point", np.repeat(np.arange(len(tracks)), lengths).astype(int)),
        "kind": ("point", np.repeat([c.kind for c, _ in tracks], lengths).astype(str)),
        "frequency": ("point", frequency, {"units": rate_unit}),
        "l1": ("point", np.array([q.data.l1 for _, q in flat], dtype=float)),
        "eigenvalue_real": (("point", "mode"), rates.real, {"units": rate_unit}),
        "eigenvalue_imag": (("point", "mode"), rates.imag, {"units": rate_unit}),
        "residual": ("point", np.array([q.data.residual for _, q in flat], dtype=float)),
        "extrapolated": ("point", extrapolated(kernel, vectors)),
        "ended": ended_flags([t.ends for _, t in tracks]),
    }
    coordinates = {
        name: xr.Variable(
            "point", vectors[:, i], {"units": kernel.parameter_units[i], "role": "parameter"}
        )
        for i, name in enumerate(kernel.parameters)
    }
    note = note_of(
        names[0],
        kernel.parameter_units[kernel.parameter_index(names[0])],
        [t.ends for _, t in tracks],
        [(t.points[0].value, t.points[-1].value) for _, t in tracks],
        "the table holds no special point in the intervals that a curve could begin at",
    )
    attrs = {
        "kind": kernel.kind,
        "parameter": names[0],
        "second_parameter": names[1],
        "period": period,
        "time_unit": kernel.time_unit,
        "object": "special points",
        "note": "; ".join([note, *lost]),
    }
    return xr.Dataset(variables, coordinates, attrs)
