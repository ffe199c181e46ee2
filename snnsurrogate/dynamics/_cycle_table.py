"""Branches of cycles of a flow as one labelled Dataset."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from ._attractor import nodes
from ._branch_points import Track
from ._branch_table import SpecialPoint, ended_flags, note_of, special_variables
from ._cycle_curve import RELIABLE, Cycle, CycleCurve
from ._source import extrapolated

__all__ = ["cycle_table"]


def cycle_table(
    curve: CycleCurve,
    tracks: list[Track],
    special: list[list[SpecialPoint]],
    parameter: str,
    ends: tuple[float, float],
    reasons: list[str],
) -> xr.Dataset:
    """The Dataset of :func:`continue_cycles` for a flow."""
    kernel, d = curve.kernel, curve.kernel.dimension
    found: list[Cycle] = [p.data for track in tracks for p in track.points]
    count = len(found)
    room = max((len(c.profile) for c in found), default=1)
    phase, states = np.empty((count, room)), np.empty((count, room, d))
    for i, cycle in enumerate(found):
        phase[i], profile = nodes(cycle, room)
        states[i] = profile * curve.width
    vectors = np.array([curve.vector(c.value) for c in found]).reshape(-1, len(kernel.parameters))
    multipliers = np.array([c.multipliers for c in found], dtype=complex).reshape(-1, d)
    unstable = np.array([p.unstable for t in tracks for p in t.points], dtype=int)
    lengths = [len(t.points) for t in tracks]
    variables: dict[str, Any] = {}
    for i, (name, unit) in enumerate(zip(kernel.states, kernel.state_units, strict=True)):
        variables[name] = (("point", "node"), states[:, :, i], {"units": unit, "role": "state"})
        variables[f"{name}_min"] = ("point", states[:, :, i].min(1), {"units": unit})
        variables[f"{name}_max"] = ("point", states[:, :, i].max(1), {"units": unit})
    variables |= {
        "phase": (("point", "node"), phase, {"units": "1"}),
        "branch": ("point", np.repeat(np.arange(len(tracks)), lengths).astype(int)),
        "cycle_period": (
            "point",
            np.array([np.exp(c.log_period) for c in found], dtype=float),
            {"units": kernel.time_unit},
        ),
        "multiplier_real": (("point", "mode"), multipliers.real, {"units": "1"}),
        "multiplier_imag": (("point", "mode"), multipliers.imag, {"units": "1"}),
        "trivial_error": ("point", np.abs(multipliers[:, -1] - 1.0), {"units": "1"}),
        "unstable": ("point", unstable, {"units": "1"}),
        "residual": ("point", np.array([c.residual for c in found], dtype=float), {"units": "1"}),
        "extrapolated": ("point", extrapolated(kernel, vectors)),
    }
    variables |= special_variables(lengths, special, f"1/{kernel.time_unit}")
    # at a special point rounding would decide: it is not (linearly) stable
    variables["stable"] = ("point", (unstable == 0) & (variables["label"][1] == ""))
    variables["ended"] = ended_flags([t.ends for t in tracks])
    coordinates = {
        name: xr.Variable(
            "point", vectors[:, i], {"units": kernel.parameter_units[i], "role": "parameter"}
        )
        for i, name in enumerate(kernel.parameters)
    }
    why = f": {'; '.join(reasons)}" if reasons else ""
    note = note_of(
        parameter,
        kernel.parameter_units[curve.column],
        [t.ends for t in tracks],
        [(t.points[0].value, t.points[-1].value) for t in tracks],
        f"no cycle was found for {parameter} in [{ends[0]:g}, {ends[1]:g}]{why}",
        [t.missed for t in tracks],
    )
    if tracks and reasons:
        note += why.replace(": ", "; ", 1)
    doubtful = int((np.abs(multipliers[:, -1] - 1.0) > RELIABLE).sum())
    if doubtful:
        note += (
            f"; the trivial multiplier is off by over {RELIABLE} at {doubtful} of {count} points"
        )
        note += "" if d == 2 else ": stability is not certain there"
    attrs = {
        "kind": kernel.kind,
        "parameter": parameter,
        "period": 1,
        "time_unit": kernel.time_unit,
        "object": "cycles",
        "note": note,
    }
    return xr.Dataset(variables, coordinates, attrs)
