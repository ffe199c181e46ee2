"""Unstacking a grid design into one dimension per parameter."""

from __future__ import annotations

import numpy as np
import xarray as xr

from snnsurrogate import schema

__all__ = ["to_grid"]


def to_grid(ds: xr.Dataset) -> xr.Dataset:
    """One dimension per swept parameter, or value of a protocol, instead of ``sample``.

    Initial states that lie on a grid themselves become dimensions too, and several samples of one
    point become a dimension ``repeat``. Spikes are padded with NaN to ``(..., spike)``.

    Args:
        ds: a dataset of the schema whose design is a full grid.

    Returns:
        A dataset with dimensions (parameters..., [repeat], time); it is no longer of the schema.

    Raises:
        ValueError: the samples are no full grid; the message says what is missing.
    """
    swept = schema.swept_of(ds) + _varying_stimuli(ds)
    rows = {name: ds[name].values for name in swept}
    n = ds.sizes["sample"]
    if not rows:
        rows = {"sample": np.arange(n)}
    rows |= _gridded_states(ds, rows, n)
    axes = {name: np.unique(values) for name, values in rows.items()}
    shape = [axis.size for axis in axes.values()]
    place = np.ravel_multi_index(
        [np.searchsorted(axes[name], values) for name, values in rows.items()], shape
    )
    counts = np.bincount(place, minlength=int(np.prod(shape)))
    if (counts != counts[0]).any() or counts[0] == 0:
        described = " x ".join(f"{axis.size} {name}" for name, axis in axes.items())
        msg = (
            f"{n} samples are no full grid of {described}: {(counts == 0).sum()} combination(s) "
            "have no sample, or numbers of samples differ. Use Design.grid, or keep dimension "
            "sample."
        )
        raise ValueError(msg)
    order = np.argsort(place, kind="stable")
    repeats = int(counts[0])
    if repeats > 1:
        axes["repeat"] = np.arange(repeats)
        shape.append(repeats)
    padded = _with_padded_spikes(ds).isel(sample=order)
    grid = xr.Dataset(attrs=ds.attrs)
    grid = grid.assign_coords({name: (name, axis) for name, axis in axes.items()})
    for name, variable in padded.variables.items():
        if name in axes:
            grid[name].attrs = dict(variable.attrs)
            continue
        if "sample" not in variable.dims:
            grid[name] = variable
            continue
        values = variable.values.reshape(*shape, *variable.shape[1:])
        grid[name] = ((*axes, *variable.dims[1:]), values, variable.attrs)
    return grid.set_coords([str(c) for c in ds.coords if c in grid.variables and c not in axes])


def _varying_stimuli(ds: xr.Dataset) -> list[str]:
    """Values of the protocol that differ between samples."""
    return [name for name in schema.stimuli_of(ds) if np.ptp(ds[name].values) > 0]


def _gridded_states(ds: xr.Dataset, rows: dict[str, np.ndarray], n: int) -> dict[str, np.ndarray]:
    """Initial states that vary on a grid: their values times the points make all samples."""
    found: dict[str, np.ndarray] = {}
    points = np.unique(np.stack(list(rows.values()), axis=1), axis=0).shape[0]
    for name in schema.states_of(ds):
        values = ds[f"initial_{name}"].values
        distinct = np.unique(values).size
        if distinct > 1 and points * distinct <= n and n % (points * distinct) == 0:
            found[f"initial_{name}"] = values
            points *= distinct
    return found


def _with_padded_spikes(ds: xr.Dataset) -> xr.Dataset:
    if "spike_time" not in ds:
        return ds
    trains = schema.unpack_spikes(ds)
    most = max((train.size for train in trains), default=0)
    times = np.full((len(trains), most), np.nan)
    for i, train in enumerate(trains):
        times[i, : train.size] = train
    attrs = ds["spike_time"].attrs
    return ds.drop_dims("spike").assign(spike_time=(("sample", "spike"), times, attrs))
