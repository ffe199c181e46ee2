"""Populations of a network dataset: sizes, spikes and counts, read one sample at a time.

Counts come from the recorded population rates wherever the recording step divides the bin: a
simulation and a surrogate are then read alike. A finer or odd bin needs the spikes. Bins are open
on the left and closed on the right, as the rates are: the k-th holds the spikes in (k b, (k + 1)
b].
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from snnsurrogate import schema, units
from snnsurrogate.features._feature import NotRecordedError
from snnsurrogate.features._window import sample_coords, window

ROUNDING = 1e-3  # counts from float32 rates are integers up to this


@dataclass(frozen=True, kw_only=True)
class Spikes:
    """Spikes of one population, in order of time; all arrays over `spike`.

    Attributes:
        time: in the unit of the dataset.
        neuron: index in the population, or None where it was not recorded.
        cause: 0 external, 1 recurrent (the kick that made it fire), or None.
    """

    time: np.ndarray
    neuron: np.ndarray | None
    cause: np.ndarray | None


def is_network(ds: xr.Dataset) -> bool:
    """Whether a dataset holds populations of a network rather than single cells."""
    return bool(ds.attrs.get("populations"))


def names_of(ds: xr.Dataset) -> tuple[str, ...]:
    """Names of the populations, in their order; empty for single cells."""
    return tuple(json.loads(ds.attrs["populations"])) if is_network(ds) else ()


def need_network(ds: xr.Dataset) -> None:
    """Raise ValueError for a dataset of single cells."""
    if not is_network(ds):
        msg = (
            f"the dataset of {ds.attrs.get('system', 'an unknown system')!r} holds single cells; "
            "expected a network with populations (attribute `populations`)."
        )
        raise ValueError(msg)


class Activity:
    """One sample of a network; everything is read when it is asked for, and kept.

    Args:
        ds: a network dataset of the package's schema.
        sample: position of the sample.
    """

    def __init__(self, ds: xr.Dataset, sample: int) -> None:
        need_network(ds)
        self._ds = ds
        self.sample = sample
        self.start, self.stop = window(ds)
        self.time_unit = str(ds["time"].attrs["units"])
        self.populations = names_of(ds)
        self._counts: dict[tuple[str, float], np.ndarray] = {}
        self._spikes: dict[str, Spikes] = {}
        self._made: dict[str, Any] = {}

    @property
    def first(self) -> str:
        """The population that features of the whole network are read from: the first one."""
        return self.populations[0]

    @property
    def seconds(self) -> float:
        """Length of the record, s."""
        return (self.stop - self.start) * units.si_factor(self.time_unit)

    def size(self, population: str) -> int:
        """Number of cells of a population."""
        self._know(population)
        name = json.loads(self._ds.attrs["populations"])[population]
        return round(float(self._ds[name].values[self.sample]))

    def length(self, value: Any, *, what: str) -> float:
        """A time ("2 ms") as a positive number of the record's unit."""
        found = units.magnitude(value, self.time_unit, what=what)
        if not found > 0:
            msg = f"{what} is {value!r}; expected a positive time."
            raise ValueError(msg)
        return found

    def spikes(self, population: str) -> Spikes:
        """Spikes of one population.

        Raises:
            NotRecordedError: the spikes or their population were not recorded.
        """
        self._know(population)
        if population not in self._spikes:
            self._spikes |= self._read_spikes()
        return self._spikes[population]

    def neurons(self, population: str) -> np.ndarray:
        """Index of the cell of every spike of a population.

        Raises:
            NotRecordedError: it was not recorded.
        """
        found = self.spikes(population).neuron
        if found is None:
            msg = "the dataset does not say which cell fired (variable spike_neuron)."
            raise NotRecordedError(msg)
        return found

    def series(self, name: str) -> np.ndarray | None:
        """A recorded series (time,), or None where there is none of that name."""
        if name not in self._ds or self._ds[name].attrs.get("role") != "series":
            return None
        return np.asarray(self._ds.variables[name][self.sample].values)

    def bin_seconds(self, bin: Any) -> float:
        """Length of a bin, s."""
        return self.length(bin, what="bin") * units.si_factor(self.time_unit)

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        """What `make` returns, kept under a name for the features that share it."""
        if name not in self._made:
            self._made[name] = make()
        return self._made[name]

    def total(self, population: str) -> float:
        """Number of spikes of a population in the record, from its rate."""
        return float(np.sum(self.counts_in(population, self.record_step)))

    def counts(self, population: str, bin: Any = "1 ms") -> np.ndarray:
        """Spikes of a population per bin, shape (bin,); see :func:`counts`."""
        return self.counts_in(population, self.length(bin, what="bin"))

    def counts_in(self, population: str, width: float) -> np.ndarray:
        """As `counts`, with the length of the bin as a number in the unit of time."""
        self._know(population)
        if (population, width) not in self._counts:
            self._counts[population, width] = self._count(population, width)
        return self._counts[population, width]

    def _know(self, population: str) -> None:
        if population not in self.populations:
            msg = (
                f"no population {population!r} in this dataset; expected one of "
                f"{', '.join(self.populations)}."
            )
            raise ValueError(msg)

    @property
    def record_step(self) -> float:
        """Distance of the recorded times."""
        time = self._ds["time"].values
        if time.size < 2:
            msg = "the record holds one time only; counts need two or more."
            raise NotRecordedError(msg)
        return float(time[-1] - time[0]) / (time.size - 1)

    def _count(self, population: str, width: float) -> np.ndarray:
        step = self.record_step
        bins = int(np.floor((self.stop - self.start) / width * (1 + 1e-12) + 1e-9))
        if bins < 1:
            msg = (
                f"a bin of {width:g} {self.time_unit} is longer than the record, "
                f"{self.stop - self.start:g} {self.time_unit}; take a shorter bin."
            )
            raise NotRecordedError(msg)
        records = round(width / step)
        if f"rate_{population}" in self._ds and records and abs(width / step - records) < 1e-6:
            rate = self._rate(population)[1 : 1 + records * bins]
            per_record = rate * (self.size(population) * step * units.si_factor(self.time_unit))
            whole = np.rint(per_record)
            per_record = np.where(abs(per_record - whole) < ROUNDING, whole, per_record)
            return per_record.reshape(bins, records).sum(axis=1)
        try:
            times = self.spikes(population).time
        except NotRecordedError as error:
            msg = (
                f"a bin of {width:g} {self.time_unit} is no multiple of the recording step, "
                f"{step:g} {self.time_unit}, and {error} Take a multiple of the step."
            )
            raise NotRecordedError(msg) from error
        index = np.ceil((times - self.start) / width - 1e-9).astype(np.int64) - 1
        found = np.bincount(np.clip(index, 0, bins)[index < bins], minlength=bins)[:bins]
        return self._until_stopped(population, found.astype(np.float64), width)

    def _rate(self, population: str) -> np.ndarray:
        row = self._ds.variables[f"rate_{population}"][self.sample].values
        return np.asarray(row, dtype=np.float64)

    def _until_stopped(self, population: str, found: np.ndarray, width: float) -> np.ndarray:
        """NaN in the bins after the stop of a run that did not finish."""
        if f"rate_{population}" in self._ds and not schema.ok(self._ds)[self.sample]:
            finite = np.flatnonzero(np.isfinite(self._rate(population)))
            last = self._ds["time"].values[finite[-1]] if finite.size else -np.inf
            ends = self.start + width * np.arange(1, found.size + 1)
            found[ends > last + 1e-9 * width] = np.nan
        return found

    def _read_spikes(self) -> dict[str, Spikes]:
        ds = self._ds
        if "spike_time" not in ds or "spike_count" not in ds:
            msg = 'the dataset has no spikes (record=("spikes", ...) of simulate keeps them).'
            raise NotRecordedError(msg)
        number = ds["spike_count"].values
        begin = int(number[: self.sample].sum())
        part = slice(begin, begin + int(number[self.sample]))
        found = {
            name: ds.variables[name][part].values
            for name in ("spike_time", "spike_population", "spike_neuron", "spike_cause")
            if name in ds
        }
        owner = found.pop("spike_population", None)
        if owner is None and len(self.populations) > 1:
            msg = "the spikes do not say their population (variable spike_population)."
            raise NotRecordedError(msg)
        sorted_out = {}
        for k, name in enumerate(self.populations):
            mine = slice(None) if owner is None else owner == k
            part_of = {key: values[mine] for key, values in found.items()}
            sorted_out[name] = Spikes(
                time=np.asarray(part_of["spike_time"], dtype=np.float64),
                neuron=part_of.get("spike_neuron"),
                cause=part_of.get("spike_cause"),
            )
        return sorted_out


def counts(ds: xr.Dataset, population: str = "E", bin: Any = "1 ms") -> xr.DataArray:
    """Spikes of a population per bin.

    Args:
        ds: a network dataset.
        population: its name.
        bin: length of a bin, text with unit; the last, incomplete bin is left out.

    Returns:
        Counts over (sample, time), float64; `time` is the middle of the bin. NaN after the stop of
        a run that did not finish.

    Raises:
        ValueError: single cells, unknown population, a bin longer than the record, or no multiple
            of the recording step where there are no spikes.
    """
    rows, where = _rows(ds, lambda a: a.counts(population, bin))
    width = where.length(bin, what="bin")
    time = where.start + width * (np.arange(rows.shape[1]) + 0.5)
    return labelled(
        ds,
        rows,
        {"time": xr.Variable("time", time, {"units": where.time_unit, "long_name": "bin centre"})},
        name=f"count_{population}",
        units="1",
        long_name=f"{population} spikes per bin of {width:g} {where.time_unit}",
    )


def rates(ds: xr.Dataset, population: str = "E", bin: Any = "1 ms") -> xr.DataArray:
    """Firing rate per cell of a population in bins, Hz, over (sample, time); see :func:`counts`."""
    found = counts(ds, population, bin)
    where = Activity(ds, 0)
    seconds = where.bin_seconds(bin)
    cells = np.array([Activity(ds, i).size(population) for i in range(ds.sizes["sample"])])
    made = found.copy(data=found.values / (cells[:, None] * seconds)).rename(f"rate_{population}")
    made.attrs |= {"units": "Hz", "long_name": f"{population} firing rate per cell"}
    return made


def _rows(
    ds: xr.Dataset, function: Callable[[Activity], np.ndarray]
) -> tuple[np.ndarray, Activity]:
    """Stack what a function gives for every sample."""
    need_network(ds)
    if not ds.sizes["sample"]:
        msg = "the dataset has no samples."
        raise ValueError(msg)
    return np.stack([function(Activity(ds, i)) for i in range(ds.sizes["sample"])]), Activity(ds, 0)


def rows_where_ok(
    ds: xr.Dataset, function: Callable[[Activity], np.ndarray], shape: tuple[int, ...]
) -> np.ndarray:
    """What a function gives for every sample that is ok, stacked; NaN for the others."""
    need_network(ds)
    rows = np.full((ds.sizes["sample"], *shape), np.nan)
    for i in np.flatnonzero(schema.ok(ds)):
        rows[i] = function(Activity(ds, int(i)))
    return rows


def labelled(
    ds: xr.Dataset, rows: np.ndarray, axes: dict[str, xr.Variable], *, name: str, **attrs: Any
) -> xr.DataArray:
    """Rows over `sample` with the sample coordinates of the dataset and further axes."""
    return xr.DataArray(
        rows, dims=("sample", *axes), coords=sample_coords(ds) | axes, name=name, attrs=attrs
    )
