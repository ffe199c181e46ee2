"""What the functions of this room accept, and how parameter points are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from snnsurrogate import units
from snnsurrogate.kernels import Kernel
from snnsurrogate.systems import Network, System, get

__all__ = ["as_kernel", "parameter_points", "sample_coordinates", "start_state"]


def as_kernel(source: Any) -> Kernel:
    """The compiled dynamics of a kernel, a system, a system's name or a surrogate.

    Raises:
        ValueError: something else, or a name that is not registered.
    """
    if isinstance(source, Kernel):
        return source
    if isinstance(source, str):
        source = get(source)
    if isinstance(source, Network):
        msg = f"{source.name!r} is a spiking network, which has no right-hand side; give a neuron."
        raise ValueError(msg)
    if callable(getattr(source, "kernel", None)):
        return source.kernel()
    msg = f"got {type(source).__name__}; expected a system, its name, a surrogate or a Kernel."
    raise ValueError(msg)


def parameter_points(kernel: Kernel, parameters: Mapping[str, Any] | None) -> np.ndarray:
    """Parameter vectors (sample, parameter) from a mapping name -> value or (sample,) array.

    Bare numbers are in the declared units; text with units and quantities are converted.

    Raises:
        ValueError: unknown name, unequal lengths, or a value that is not finite.
    """
    given = {}
    for name, raw in (parameters or {}).items():
        unit = kernel.parameter_units[kernel.parameter_index(name)]
        given[name] = values = units.magnitudes(raw, unit, what=name)
        if values.ndim > 1:
            msg = f"parameter {name!r} has shape {values.shape}; expected one value or (sample,)."
            raise ValueError(msg)
        if not np.isfinite(values).all():
            msg = f"parameter {name!r} holds {np.sum(~np.isfinite(values))} non-finite values."
            raise ValueError(msg)
    lengths = {name: values.size for name, values in given.items() if values.ndim == 1}
    if len(set(lengths.values())) > 1:
        msg = f"parameters have different lengths {lengths}; expected one length over sample."
        raise ValueError(msg)
    return kernel.parameter_matrix(given, next(iter(lengths.values()), 1))


def sample_coordinates(kernel: Kernel, points: np.ndarray) -> dict[str, xr.Variable]:
    """One coordinate per parameter, with units."""
    return {
        name: xr.Variable(
            "sample", points[:, i], {"units": kernel.parameter_units[i], "role": "parameter"}
        )
        for i, name in enumerate(kernel.parameters)
    }


def extrapolated(kernel: Kernel, points: np.ndarray) -> np.ndarray:
    """Which samples leave the declared or trained parameter box: (sample,) bool."""
    low, high = kernel.parameter_low, kernel.parameter_high
    margin = 1e-9 * np.maximum(np.abs(low), np.abs(high))
    return ((points < low - margin) | (points > high + margin)).any(axis=1)


def start_state(source: Any, kernel: Kernel, x0: Any, n: int) -> np.ndarray:
    """Initial states (sample, state): given, or the stated start of a system.

    A driven surrogate starts at its rest.

    Raises:
        ValueError: none given for something that states none, or a wrong shape.
    """
    if x0 is None:
        system = get(source) if isinstance(source, str) else source
        resting = (getattr(system, "card", None) or {}).get("rest")
        if resting is not None:
            x0 = resting
        elif isinstance(system, System):
            x0 = [system.initial[name] for name in kernel.states]
        else:
            msg = "x0 is missing; a map or kernel states no start, give (sample, state)."
            raise ValueError(msg)
    if isinstance(x0, Mapping):
        missing = [name for name in kernel.states if name not in x0]
        if missing:
            msg = f"x0 lacks {', '.join(missing)}; expected all of {', '.join(kernel.states)}."
            raise ValueError(msg)
        columns = [
            units.magnitudes(x0[name], unit, what=name)
            for name, unit in zip(kernel.states, kernel.state_units, strict=True)
        ]
        x0 = np.stack(np.broadcast_arrays(*columns), axis=-1)
    x = np.asarray(x0, dtype=float)
    if x.ndim not in {1, 2} or x.shape[-1] != kernel.dimension or x.ndim == 2 and len(x) != n:
        msg = (
            f"x0 has shape {x.shape}; expected ({n}, {kernel.dimension}) or ({kernel.dimension},)."
        )
        raise ValueError(msg)
    return np.array(np.broadcast_to(x, (n, kernel.dimension)), dtype=float, order="C")
