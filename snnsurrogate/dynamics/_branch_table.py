"""Branches as one labelled Dataset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from ._branch_points import FixedPointCurve, Track
from ._source import extrapolated
from .fixed_points import as_rates

__all__ = ["LABELS", "SpecialPoint", "ended_flags", "note_of", "special_variables", "table"]

LABELS = {
    "fold": "LP",
    "branch_point": "BP",
    "hopf": "H",
    "flip": "PD",
    "neimark_sacker": "NS",
    "fold_of_cycles": "LPC",
    "torus": "NS",
    "branch_point_of_cycles": "BPC",
    "cusp": "CP",
    "bogdanov_takens": "BT",
    "generalised_hopf": "GH",
    "zero_hopf": "ZH",
    "double_hopf": "HH",
    "strong_resonance": "R",
}
_ENDS = {
    "parameter_low": "the lower end of the parameter interval",
    "parameter_high": "the upper end of the parameter interval",
    "second_low": "the lower end of the interval of the second parameter",
    "second_high": "the upper end of the interval of the second parameter",
    "state_box": "more than a box width outside the state box",
    "closed": "its own start",
    "not_converged": "a point after which Newton did not converge",
    "max_points": "the largest number of points",
    "long_period": "a period beyond max_period",
    "small_amplitude": "a fixed point",
    "half_period": "a cycle of half the period, at its flip",
    "zero_frequency": "zero frequency",
}
_COMPLETE = {
    "parameter_low",
    "parameter_high",
    "second_low",
    "second_high",
    "closed",
    "half_period",
    "small_amplitude",
    "zero_frequency",
}


@dataclass(frozen=True)
class SpecialPoint:
    """Index of the point in its branch, type, angular frequency, coefficient, criticality."""

    index: int
    name: str
    frequency: float
    l1: float
    l1_error: float
    criticality: str


def table(
    curve: FixedPointCurve,
    tracks: list[Track],
    special: list[list[SpecialPoint]],
    parameter: str,
    ends: tuple[float, float],
) -> xr.Dataset:
    """The Dataset of :func:`continue_fixed_points`."""
    kernel, d = curve.kernel, curve.kernel.dimension
    points = [p for track in tracks for p in track.points]
    branch = np.repeat(np.arange(len(tracks)), [len(t.points) for t in tracks]).astype(int)
    states = np.array([curve.state(p) for p in points]).reshape(-1, d)
    vectors = np.array([curve.vector(p.value) for p in points]).reshape(-1, len(kernel.parameters))
    raw = np.array([p.data.values for p in points], dtype=complex).reshape(-1, d)
    rates = as_rates(kernel, raw, curve.period)
    unstable = np.array([p.unstable for p in points], dtype=int)
    margin = 1e-9 * curve.width
    inside = ((states >= curve.low - margin) & (states <= curve.high + margin)).all(1)
    rate_unit = f"1/{kernel.time_unit}"
    variables: dict[str, Any] = {
        name: ("point", states[:, i], {"units": kernel.state_units[i], "role": "state"})
        for i, name in enumerate(kernel.states)
    }
    variables |= {
        "branch": ("point", branch),
        "eigenvalue_real": (("point", "mode"), rates.real, {"units": rate_unit}),
        "eigenvalue_imag": (("point", "mode"), rates.imag, {"units": rate_unit}),
        "unstable": ("point", unstable, {"units": "1"}),
        "inside": ("point", inside),
        "residual": ("point", np.array([p.data.residual for p in points]), {"units": "1"}),
        "extrapolated": ("point", extrapolated(kernel, vectors)),
    }
    variables |= special_variables([len(t.points) for t in tracks], special, rate_unit)
    # at a special point rounding would decide: it is not (linearly) stable
    variables["stable"] = ("point", (unstable == 0) & (variables["label"][1] == ""))
    variables["ended"] = ended_flags([t.ends for t in tracks])
    coordinates = {
        name: xr.Variable(
            "point", vectors[:, i], {"units": kernel.parameter_units[i], "role": "parameter"}
        )
        for i, name in enumerate(kernel.parameters)
    }
    last = [(t.points[0], t.points[-1]) for t in tracks]
    empty = (
        f"no fixed point was found in the searched box for {parameter} in "
        f"[{ends[0]:g}, {ends[1]:g}]: there is no branch"
    )
    attrs = {
        "kind": kernel.kind,
        "parameter": parameter,
        "period": curve.period,
        "time_unit": kernel.time_unit,
        "object": "fixed points",
        "note": note_of(
            parameter,
            kernel.parameter_units[curve.column],
            [t.ends for t in tracks],
            [(a.value, b.value) for a, b in last],
            empty,
            [t.missed for t in tracks],
        ),
        "box_low": curve.low,
        "box_high": curve.high,
    }
    return xr.Dataset(variables, coordinates, attrs)


def special_variables(
    lengths: list[int], special: list[list[SpecialPoint]], rate_unit: str
) -> dict[str, Any]:
    """``label`` over point and the variables over special."""
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(int)
    labels = np.full(int(offsets[-1]), "", dtype=object)
    flat: list[tuple[int, SpecialPoint, str]] = []
    count: dict[str, int] = {}
    for offset, hits in zip(offsets, special, strict=False):
        for hit in hits:
            short = LABELS[hit.name]
            count[short] = count.get(short, 0) + 1
            flat.append((int(offset) + hit.index, hit, f"{short}{count[short]}"))
    for row, _, label in flat:
        labels[row] = label
    hits_only = [hit for _, hit, _ in flat]
    return {
        "label": ("point", labels.astype(str)),
        "special_point": ("special", np.array([row for row, _, _ in flat], dtype=int)),
        "special_type": ("special", np.array([h.name for h in hits_only], dtype=str)),
        "special_label": ("special", np.array([label for _, _, label in flat], dtype=str)),
        "frequency": (
            "special",
            np.array([h.frequency for h in hits_only], dtype=float),
            {"units": rate_unit, "long_name": "angular frequency of the critical pair"},
        ),
        "l1": (
            "special",
            np.array([h.l1 for h in hits_only], dtype=float),
            {"long_name": "first Lyapunov coefficient; NaN where the type has none"},
        ),
        "l1_error": ("special", np.array([h.l1_error for h in hits_only], dtype=float)),
        "criticality": ("special", np.array([h.criticality for h in hits_only], dtype=str)),
    }


def ended_flags(ends: list[tuple[str, str]]) -> tuple[Any, ...]:
    """``ended`` (branch, side) as a CF flag."""
    names = list(_ENDS)
    codes = np.array([[names.index(e) for e in pair] for pair in ends], dtype=np.int8)
    flags = {
        "flag_values": np.arange(len(names), dtype=np.int8),
        "flag_meanings": " ".join(names),
        "long_name": "why the branch stops at its first and at its last point",
    }
    return ("branches", "side"), codes.reshape(-1, 2), flags


def note_of(
    parameter: str,
    unit: str,
    ends: list[tuple[str, str]],
    values: list[tuple[float, float]],
    empty: str,
    missed: list[list[tuple[float, float]]] | None = None,
) -> str:
    """What was not reached or not found, in words."""
    if not ends:
        return empty
    text = []
    for i, (pair, at) in enumerate(zip(ends, values, strict=True)):
        for reason, value in zip(pair, at, strict=True):
            if reason not in _COMPLETE:
                text.append(
                    f"branch {i} ends at {parameter} = {value:.10g} {unit}: {_ENDS[reason]}"
                )
    text = text or ["every branch was followed to its end"]
    for i, intervals in enumerate(missed or []):
        text += [
            f"branch {i} gains or loses stability for {parameter} in [{low:.10g}, {high:.10g}] "
            f"{unit} at a special point that was not located"
            for low, high in intervals
        ]
    return "; ".join(text)
