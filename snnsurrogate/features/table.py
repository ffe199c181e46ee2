"""Table features: one number per sample, NaN where a feature does not exist."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from snnsurrogate import schema
from snnsurrogate.features import bursts as _bursts
from snnsurrogate.features.regimes import BURSTING, classify, window


@dataclass(frozen=True, kw_only=True)
class Record:
    """What features are read from: the spikes of one sample and their bursts.

    Attributes:
        times: spike times, increasing.
        start: begin of the record, same unit.
        stop: end of the record.
        bursts: empty unless the regime is bursting.
    """

    times: np.ndarray
    start: float
    stop: float
    bursts: _bursts.Bursts


@dataclass(frozen=True, kw_only=True)
class Feature:
    """One column of the table. `unit` is written with "time" for the dataset's time unit."""

    function: Callable[[Record], float]
    unit: str
    long_name: str


def _isi(reduce: Callable[[np.ndarray], float]) -> Callable[[Record], float]:
    return lambda r: float(reduce(np.diff(r.times))) if r.times.size > 1 else np.nan


FEATURES: dict[str, Feature] = {
    "spikes_per_burst": Feature(
        function=lambda r: r.bursts.spikes_per_burst,
        unit="1",
        long_name="spikes per burst, mean over complete bursts",
    ),
    "burst_period": Feature(
        function=lambda r: r.bursts.period,
        unit="time",
        long_name="burst period, mean onset to onset",
    ),
    "duty_cycle": Feature(
        function=lambda r: r.bursts.duty_cycle,
        unit="1",
        long_name="duty cycle, first to last spike of a burst over the period",
    ),
    "intraburst_rate": Feature(
        function=lambda r: r.bursts.intraburst_rate,
        unit="1/time",
        long_name="firing rate inside bursts",
    ),
    "isi_mean": Feature(function=_isi(np.mean), unit="time", long_name="mean interspike interval"),
    "isi_min": Feature(
        function=_isi(np.min), unit="time", long_name="shortest interspike interval"
    ),
    "rate": Feature(
        function=lambda r: r.times.size / (r.stop - r.start),
        unit="1/time",
        long_name="spikes per time over the record",
    ),
}


def features_of(times: ArrayLike, *, start: float, stop: float) -> dict[str, float]:
    """Features of one spike train, by name; NaN where a feature does not exist.

    Burst features exist only when the regime is bursting, intervals only with two spikes. The rate
    of a silent cell is 0, a measurement and not a missing value.

    Args:
        times: spike times, increasing, shape (spike,).
        start: begin of the record, same unit.
        stop: end of the record.

    Raises:
        ValueError: times not increasing, or outside [start, stop].
    """
    train = np.asarray(times, dtype=np.float64)
    bursting = classify(train, start=start, stop=stop) == BURSTING
    bursts = _bursts.segment(train, start=start, stop=stop) if bursting else _bursts.NO_BURSTS
    record = Record(times=train, start=start, stop=stop, bursts=bursts)
    return {name: feature.function(record) for name, feature in FEATURES.items()}


def summary(dataset: xr.Dataset) -> xr.Dataset:
    """Table of features: one variable per feature over `sample`.

    Args:
        dataset: a dataset of the package's schema, with spikes.

    Returns:
        Dataset with the features (see `FEATURES`), their units, and the sample coordinates of the
        dataset. NaN where a feature does not exist (the burst period of a tonic cell) and
        throughout for samples whose status is not ok.

    Raises:
        SchemaError: the dataset has no spikes.
    """
    start, stop = window(dataset)
    ok = np.asarray(schema.ok(dataset))
    columns = {name: np.full(ok.size, np.nan) for name in FEATURES}
    trains = schema.unpack_spikes(dataset)
    for i in np.flatnonzero(ok):
        values = features_of(trains[i], start=start, stop=stop)
        for name, value in values.items():
            columns[name][i] = value
    time_unit = str(dataset["time"].attrs["units"])
    variables = {
        name: xr.Variable(
            "sample",
            columns[name],
            {"units": feature.unit.replace("time", time_unit), "long_name": feature.long_name},
        )
        for name, feature in FEATURES.items()
    }
    coords = {name: c for name, c in dataset.coords.items() if c.dims == ("sample",)}
    return xr.Dataset(variables, coords=coords)
