"""The protocol of a sweep: bound to its samples and checked against system, steps and record."""

from __future__ import annotations

from typing import Any

import numpy as np

from snnsurrogate import protocols, systems, units
from snnsurrogate._names import suggestion
from snnsurrogate.protocols import Drive, Protocol
from snnsurrogate.simulate._blocks import Steps
from snnsurrogate.simulate.designs import Design

__all__ = ["drive_of"]


def drive_of(model: Any, design: Design, protocol: Any, steps: Steps, seed: int) -> Drive:
    """What drives every sample of a design.

    Args:
        model: a system with an input.
        design: gives the columns that the protocol reads, and the number of samples.
        protocol: protocol, list or drive.
        steps: of the sweep.
        seed: of the sweep.

    Warns:
        UserWarning: the input leaves its declared range, or the record cuts the protocol off.

    Raises:
        ValueError: a system without an input, a column that is absent or is a parameter too, edges
            between steps, or a protocol that does not fit the record.
    """
    if not isinstance(model, systems.System) or model.input is None:
        driven = ", ".join(
            name for name in systems.names("neuron") if systems.get(name).input is not None
        )
        msg = (
            f"{model.name!r} has no input that a protocol could drive; systems with one are: "
            f"{driven}. Leave out protocol."
        )
        raise ValueError(msg)
    unit = model.parameter(model.input).unit
    columns = {}
    if not isinstance(protocol, Drive):
        whole = protocols.each(protocol) if isinstance(protocol, list | tuple) else protocol
        kinds = whole.column_kinds if isinstance(whole, Protocol) else {}
        unit_of = {"amplitude": unit, "time": model.time_unit, "frequency": "Hz", "number": "1"}
        columns = {name: _column(design, name, unit_of[kind]) for name, kind in kinds.items()}
    drive = protocols.read(
        protocol, len(design), seed=seed, columns=columns, time_unit=model.time_unit
    )
    _check_names(model, design, drive)
    drive.check(
        steps.texts["duration"],
        unit=unit,
        low=model.parameter(model.input).low,
        high=model.parameter(model.input).high,
        what=model.input,
    )
    drive.density(steps.texts["dt"], 1, unit=unit)  # an edge between steps is an error here
    return drive


def _column(design: Design, name: str, unit: str) -> np.ndarray:
    """(sample,) values of a column of the design, in ``unit``."""
    if name not in design.parameters:
        known = ", ".join(design.parameters) or "none"
        msg = (
            f"the protocol reads the column {name!r}, which the design lacks; it has: {known}."
            f"{suggestion(name, design.parameters)} Put it into the design, e.g. "
            f"Design.grid({{{name!r}: [5, 10]}})."
        )
        raise ValueError(msg)
    values, given = design.parameters[name], design.units.get(name)
    if np.isnan(values).any():
        msg = f"the column {name!r} has no value in sample {np.flatnonzero(np.isnan(values))[0]}."
        raise ValueError(msg)
    return values if given is None else units.magnitude(f"1 {given}", unit, what=name) * values


def _check_names(model: Any, design: Design, drive: Drive) -> None:
    if model.input in design.parameters:
        msg = (
            f"the design gives {model.input}, which the protocol drives; give the values a name of "
            f"their own, e.g. Design.grid({{'amplitude': ...}}) with protocols.step('amplitude'), "
            f"and add protocols.constant(...) for a constant part."
        )
        raise ValueError(msg)
    taken = {*model.parameter_names, *model.state_names, "time", "sample", "seed", "status"}
    for name in drive.columns:
        if name in taken or name.startswith(("initial_", "spike_")):
            msg = (
                f"the protocol reads the column {name!r}, a name that {model.name!r} or the "
                "dataset uses already; choose another, such as 'amplitude'."
            )
            raise ValueError(msg)
