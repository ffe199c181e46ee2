"""Table features: one number per sample, NaN where a feature does not exist.

One registry serves single cells and networks: a feature says what it reads (`Feature.reads`), and
the table of a dataset has the columns that its kind has something to read for.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from snnsurrogate import schema
from snnsurrogate.features import bursts as _bursts
from snnsurrogate.features import cell_features, network_features
from snnsurrogate.features._feature import CELL, POPULATION, Feature, NotRecordedError
from snnsurrogate.features._window import sample_coords, window
from snnsurrogate.features.cell_features import Record
from snnsurrogate.features.populations import Activity, is_network, names_of
from snnsurrogate.features.regimes.firing import BURSTING, classify

FEATURES: dict[str, Feature] = cell_features.FEATURES | network_features.FEATURES


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
    return {n: f.function(record) for n, f in FEATURES.items() if f.reads == CELL}


def columns_of(dataset: xr.Dataset) -> dict[str, Feature]:
    """Features that `summary` of a dataset has, by the name of their column."""
    columns: dict[str, Feature] = {}
    network = is_network(dataset)
    for name, feature in FEATURES.items():
        if (feature.reads == CELL) == network:
            continue
        if feature.reads == POPULATION:
            columns |= {name.format(population=p): feature for p in names_of(dataset)}
        else:
            columns[name] = feature
    return columns


def summary(dataset: xr.Dataset) -> xr.Dataset:
    """Table of features: one variable per feature over `sample`.

    Args:
        dataset: a dataset of the package's schema: cells with spikes, or a network.

    Returns:
        Dataset with the features of cells or of networks (see `FEATURES`), their units, and the
        sample coordinates of the dataset. NaN where a feature does not exist (the burst period of a
        tonic cell, the synchrony of a silent network) and throughout for samples whose status is
        not ok. A column for which the dataset lacks something (the neuron of every spike, a record
        long enough) is NaN too and says so in its attribute `missing`.

    Raises:
        SchemaError: a dataset of cells without spikes.
    """
    ok = np.asarray(schema.ok(dataset))
    columns = columns_of(dataset)
    values = {name: np.full(ok.size, np.nan) for name in columns}
    missing: dict[str, str] = {}
    if is_network(dataset):
        for i in np.flatnonzero(ok):
            activity = Activity(dataset, int(i))
            for name, function in _bound(dataset, activity):
                try:
                    values[name][i] = function()
                except NotRecordedError as error:
                    missing[name] = str(error)
    else:
        start, stop = window(dataset)
        trains = schema.unpack_spikes(dataset)
        for i in np.flatnonzero(ok):
            for name, value in features_of(trains[i], start=start, stop=stop).items():
                values[name][i] = value
    time_unit = str(dataset["time"].attrs["units"])
    variables = {}
    for name, feature in columns.items():
        about = {"units": feature.unit.replace("time", time_unit), "long_name": feature.long_name}
        if name in missing:
            about["missing"] = missing[name]
        variables[name] = xr.Variable("sample", values[name], about)
    return xr.Dataset(variables, coords=sample_coords(dataset))


def _bound(dataset: xr.Dataset, a: Activity) -> list[tuple[str, Callable[[], float]]]:
    """Columns of one sample of a network with the call that gives each."""
    calls: list[tuple[str, Callable[[], float]]] = []
    for name, feature in FEATURES.items():
        if feature.reads == POPULATION:
            for p in a.populations:
                calls.append((name.format(population=p), _call(feature, a, p)))
        elif feature.reads != CELL:
            calls.append((name, _call(feature, a)))
    return calls


def _call(feature: Feature, *arguments: object) -> Callable[[], float]:
    return lambda: feature.function(*arguments)
