"""Ragged spikes: all spikes of a sweep one sample after another, with their labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

__all__ = ["SchemaError", "Spikes", "join_spikes", "pack_spikes", "select_spikes", "spike_table"]
__all__ += ["spikes_of", "unpack_spikes"]


class SchemaError(ValueError):
    """A dataset that breaks the contract; the message lists every violation."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Spikes:
    """Spikes of many samples.

    Attributes:
        times: (spike,) sample after sample; an array, or a Variable that is read when used.
        counts: (sample,) spikes of each sample.
        labels: variable name -> (spike,) values of the same order, e.g. ``spike_neuron``.
        flags: label -> meanings of its values 0, 1, ... where it is a flag.
        meanings: label -> long name.
    """

    times: Any
    counts: np.ndarray
    labels: Mapping[str, Any] = field(default_factory=dict)
    flags: Mapping[str, Sequence[str]] = field(default_factory=dict)
    meanings: Mapping[str, str] = field(default_factory=dict)


def pack_spikes(spikes: Spikes | Sequence[Any], *, unit: str) -> dict[str, xr.Variable]:
    """Variables ``spike_time``, ``spike_count`` and labels.

    Args:
        spikes: spikes of all samples, or a list with one array of times per sample.
        unit: of the times.

    Source: CF conventions, section H.6.3 (contiguous ragged array).
    """
    if not isinstance(spikes, Spikes):
        arrays = [np.asarray(train, dtype=np.float64).reshape(-1) for train in spikes]
        spikes = Spikes(
            times=np.concatenate(arrays) if arrays else np.empty(0),
            counts=np.array([train.size for train in arrays], dtype=np.int64),
        )
    about = {"units": unit, "role": "spike_time", "long_name": "time of the spike"}
    number = {
        "units": "1",
        "role": "spike_count",
        "long_name": "number of spikes of the sample",
        "sample_dimension": "spike",
    }
    packed = {
        "spike_time": _column(spikes.times, about),
        "spike_count": xr.Variable(("sample",), np.asarray(spikes.counts, np.int64), number),
    }
    for name, values in spikes.labels.items():
        described: dict[str, Any] = {"units": "1", "role": "spike_label"}
        if name in spikes.meanings:
            described["long_name"] = spikes.meanings[name]
        if name in spikes.flags:
            meanings = spikes.flags[name]
            described["flag_values"] = np.arange(len(meanings), dtype=np.int8)
            described["flag_meanings"] = " ".join(meanings)
        packed[name] = _column(values, described)
    return packed


def _column(values: Any, about: dict[str, Any]) -> xr.Variable:
    if isinstance(values, xr.Variable):  # read when used
        column = values.copy(deep=False)
        column.attrs = about
        return column
    return xr.Variable(("spike",), np.asarray(values), about)


def unpack_spikes(ds: xr.Dataset) -> list[np.ndarray]:
    """One array of spike times per sample.

    Raises:
        SchemaError: the dataset has no spikes.
    """
    _need_spikes(ds)
    ends = np.cumsum(ds["spike_count"].values)
    return np.split(ds["spike_time"].values, ends[:-1]) if ends.size else []


def spikes_of(ds: xr.Dataset, sample: int) -> np.ndarray:
    """Spike times of one sample, by position, in the unit of ``time``.

    Raises:
        SchemaError: the dataset has no spikes.
        IndexError: no such sample.
    """
    part = _slice(ds, sample)
    return ds["spike_time"][part].values


def spike_table(ds: xr.Dataset, sample: int) -> dict[str, np.ndarray]:
    """Spikes of one sample with their labels: "time", and "neuron", "population", "cause", ...

    Raises:
        SchemaError: the dataset has no spikes.
        IndexError: no such sample.
    """
    part = _slice(ds, sample)
    labels = [str(n) for n, v in ds.variables.items() if v.attrs.get("role") == "spike_label"]
    table = {"time": ds["spike_time"][part].values}
    return table | {name.removeprefix("spike_"): ds[name][part].values for name in labels}


def _slice(ds: xr.Dataset, sample: int) -> slice:
    _need_spikes(ds)
    counts = ds["spike_count"].values
    size = int(counts[sample])  # IndexError if there is no such sample
    start = int(counts[:sample].sum()) if sample >= 0 else int(counts.sum() - counts[sample:].sum())
    return slice(start, start + size)


def select_spikes(ds: xr.Dataset, samples: np.ndarray) -> dict[str, xr.Variable]:
    """The spike variables of some samples, by position."""
    counts = ds["spike_count"].values
    starts = np.cumsum(counts) - counts
    chosen = counts[samples]
    first = np.repeat(starts[samples] - (np.cumsum(chosen) - chosen), chosen)
    where = first + np.arange(chosen.sum())
    found = {
        str(name): xr.Variable(("spike",), variable.values[where], variable.attrs)
        for name, variable in ds.variables.items()
        if variable.dims == ("spike",)
    }
    about = ds["spike_count"].attrs
    return found | {"spike_count": xr.Variable(("sample",), chosen, about)}


def join_spikes(parts: Sequence[xr.Dataset]) -> dict[str, xr.Variable]:
    """The spike variables of several datasets, one after another."""
    found = {}
    for key, variable in parts[0].variables.items():
        if variable.dims == ("spike",) or key == "spike_count":
            values = np.concatenate([part[key].values for part in parts])
            found[str(key)] = xr.Variable(variable.dims, values, variable.attrs)
    return found


def _need_spikes(ds: xr.Dataset) -> None:
    if "spike_time" not in ds or "spike_count" not in ds:
        msg = (
            f"the dataset of {ds.attrs.get('system', 'an unknown system')!r} has no spikes "
            "(variables spike_time and spike_count); its system declares no spike rule, or they "
            "were not recorded."
        )
        raise SchemaError(msg)
