"""Branches of k-cycles of a map: fixed points of the k-th iterate, one branch per cycle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from snnsurrogate.kernels import Kernel, integrate

from ._arclength import Point, Settings
from ._branch_points import FixedPointCurve, Track, follow_both_ways
from ._branch_table import table
from .branches import describe, oriented
from .cycles import orbits
from .fixed_points import _box, fixed_points

__all__ = ["continue_map_cycles"]


class _KCycleCurve(FixedPointCurve):
    """k-cycles, with a test function that is zero where one shrinks to a cycle of half its period.

    Beyond that point the branch runs back along the same cycles, met half a period later.
    """

    reference: np.ndarray | None = None

    def _half(self, point: Point) -> np.ndarray:
        x = self.state(point)
        n = self.period // 2
        return (integrate(self.kernel, x, self.vector(point.value), n_steps=n)[-1] - x) / self.width

    def _point(self, *args: Any) -> Point | None:
        point = super()._point(*args)
        if point is not None and self.period % 2 == 0:
            if self.reference is None:
                self.reference = self._half(point)
            point.tests["half_period"] = float(self.reference @ self._half(point))
        return point

    def accepts(self, name: str, point: Point) -> bool:
        if name == "half_period":
            return bool(np.abs(self._half(point)).max() < 1e-4)
        return super().accepts(name, point)


def _cut(track: Track) -> Track:
    """The longest stretch between points of half period; the rest repeats it.

    There the branch turns and crosses that of half the period: the turn is the better conditioned
    of the three zeros, so that it stands for all.
    """
    folds = [i for i, name, _ in track.special if name == "fold"]
    at, shadows = [], set()
    for i, name, _ in track.special:
        if name == "half_period":
            turn = next((j for j in folds if abs(j - i) <= 2), i)
            at.append(turn)
            near = {j for j, other, _ in track.special if abs(j - i) <= 2 and other != "flip"}
            shadows |= near
    edges = [0, *at, len(track.points) - 1]
    k = int(np.argmax(np.diff(edges)))
    first, last = edges[k], edges[k + 1]
    ends = (
        track.ends[0] if k == 0 else "half_period",
        track.ends[1] if k == len(edges) - 2 else "half_period",
    )
    kept = [i for i in range(first, last + 1) if i not in shadows or i in at]
    special = [
        (kept.index(i), name, point)
        for i, name, point in track.special
        if i in kept and i not in shadows
    ]
    values = [track.points[i].value for i in kept]
    tiny = 1e-6 * (max(values) - min(values))  # at its ends the branch turns back on itself
    missed = [m for m in track.missed if min(values) + tiny < m[0] and m[1] < max(values) - tiny]
    return Track([track.points[i] for i in kept], special, ends, missed)


def continue_map_cycles(
    kernel: Kernel,
    parameter: str,
    p: np.ndarray,
    settings: Settings,
    period: int,
    parameters: Mapping[str, Any] | None,
    box: Mapping[str, tuple[float, float]] | None,
    samples: int,
    starts: int,
    seed: int,
) -> xr.Dataset:
    """The Dataset of :func:`continue_cycles` for a map."""
    low, high = _box(kernel, box)
    ends = settings.low, settings.high
    column = kernel.parameter_index(parameter)
    values = np.linspace(ends[0], ends[1], max(int(samples), 2))
    found = fixed_points(
        kernel, dict(parameters or {}) | {parameter: values}, box=box, starts=starts,
        period=period, seed=seed,
    )  # fmt: skip
    raw = np.stack([found[name].values for name in kernel.states], -1)
    tracks: list[Track] = []
    curve = FixedPointCurve(kernel, p, column, ends[1] - ends[0], low, high, period)
    for i, value in enumerate(values):
        for orbit in orbits(kernel, curve.vector(value), raw[i, found["inside"].values[i]], period):
            own = _KCycleCurve(kernel, p, column, ends[1] - ends[0], low, high, period)
            begin = own.start(orbit[0], value)
            known = any(curve.passes(t, x, value) for t in tracks for x in orbit)
            if begin is not None and not known:
                tracks.append(oriented(_cut(follow_both_ways(own, begin, settings))))
    special = [[describe(curve, i, name, q) for i, name, q in t.special] for t in tracks]
    out = table(curve, tracks, special, parameter, ends)
    points = [q for t in tracks for q in t.points]
    states = np.array([curve.state(q) for q in points]).reshape(-1, kernel.dimension)
    vectors = np.stack([out[name].values for name in kernel.parameters], -1)
    orbit = np.empty((0, period, kernel.dimension))
    if len(states):
        orbit = integrate(kernel, states, vectors, n_steps=period)[:, :-1]
    raw = np.array([q.data.values for q in points], dtype=complex).reshape(-1, kernel.dimension)
    multipliers = np.take_along_axis(raw, np.argsort(np.abs(raw), axis=1, kind="stable"), 1)
    variables: dict[str, Any] = {}
    for i, (name, unit) in enumerate(zip(kernel.states, kernel.state_units, strict=True)):
        attrs = {"units": unit, "role": "state"}
        variables[name] = (("point", "step"), orbit[:, :, i], attrs)
        variables[f"{name}_min"] = ("point", orbit[:, :, i].min(1), {"units": unit})
        variables[f"{name}_max"] = ("point", orbit[:, :, i].max(1), {"units": unit})
    variables["multiplier_real"] = (("point", "mode"), multipliers.real, {"units": "1"})
    variables["multiplier_imag"] = (("point", "mode"), multipliers.imag, {"units": "1"})
    time = np.full(len(points), period * kernel.time_step)
    variables["cycle_period"] = ("point", time, {"units": kernel.time_unit})
    out = out.drop_vars(["eigenvalue_real", "eigenvalue_imag", *kernel.states]).assign(variables)
    note = out.attrs["note"].replace("no fixed point", f"no {period}-cycle")
    out.attrs.update(object="cycles", note=note)
    return out
