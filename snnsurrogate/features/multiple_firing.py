"""Multiple-firing events of a network: a table of events and its summary.

There is no agreed definition, so every number depends on the detector and its parameters
(`detectors`); `event_sensitivity` shows by how much. The size of an event in a population is the
number of its spikes between begin and end, whatever made them fire.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from snnsurrogate import schema, units
from snnsurrogate.features import detectors
from snnsurrogate.features._feature import NotRecordedError
from snnsurrogate.features._window import sample_coords
from snnsurrogate.features.populations import (
    Activity,
    names_of,
    need_network,
)


def events(
    ds: xr.Dataset, *, detector: str = "crossing", population: str = "", **options: Any
) -> xr.Dataset:
    """Multiple-firing events of every sample.

    Args:
        ds: a network dataset.
        detector: "cause", "volley" or "crossing".
        population: where events are looked for; the first population by default.
        **options: parameters of the detector: gap, minimum; bin, box, delta, shortest; bin, box,
            up, down.

    Returns:
        A ragged table: `onset`, `duration`, `interval` (onset to next onset of the sample, NaN for
        the last) in the unit of time and `size_<population>` over `event`, one sample after
        another;
        `event_count` over `sample` says how many belong to each, `spikes_<population>` how many
        spikes there are in all. No events, and NaN spikes, for samples that are not ok.

    Raises:
        ValueError: single cells, unknown detector or population, an option that the detector does
            not take or whose value makes no sense, or nothing recorded to read from.
    """
    need_network(ds)
    function = detectors.find(detector)
    detectors.check(detector, options)
    populations = names_of(ds)
    where = population or populations[0]
    samples = ds.sizes["sample"]
    number = np.zeros(samples, dtype=np.int64)
    totals = {p: np.full(samples, np.nan) for p in populations}
    pieces: dict[str, list[np.ndarray]] = {
        name: [] for name in ("onset", "duration", "interval", *(f"size_{p}" for p in populations))
    }
    for i in np.flatnonzero(schema.ok(ds)):
        a = Activity(ds, int(i))
        found = function(a, where, **options)
        begin, end = found.begin, found.end
        number[i] = begin.size
        pieces["onset"].append(begin)
        pieces["duration"].append(end - begin)
        pieces["interval"].append(np.append(np.diff(begin), np.full(min(begin.size, 1), np.nan)))
        for p in populations:
            pieces[f"size_{p}"].append(_spikes_inside(a, p, found))
            totals[p][i] = a.total(p)
    unit = str(ds["time"].attrs["units"])
    about = {
        "onset": (unit, "begin of the event"),
        "duration": (unit, "duration of the event"),
        "interval": (unit, "onset to the next onset"),
    } | {f"size_{p}": ("1", f"{p} spikes in the event") for p in populations}
    data: dict[str, Any] = {
        name: ("event", _joined(pieces[name]), {"units": u, "long_name": text})
        for name, (u, text) in about.items()
    }
    counted = {"units": "1", "sample_dimension": "event", "long_name": "events of the sample"}
    data["event_count"] = ("sample", number, counted)
    for p in populations:
        data[f"spikes_{p}"] = ("sample", totals[p], {"units": "1", "long_name": f"{p} spikes"})
    data["status"] = ds["status"].variable
    return xr.Dataset(
        data,
        coords=sample_coords(ds),
        attrs={
            "detector": detector,
            "population": where,
            "populations": json.dumps(list(populations)),
            "options": json.dumps({k: str(v) for k, v in options.items()}),
            "record_length": float(ds["time"].values[-1] - ds["time"].values[0]),
            "time_unit": unit,
        },
    )


def event_summary(table: xr.Dataset) -> xr.Dataset:
    """Statistics of events per sample.

    Args:
        table: what :func:`events` returns.

    Returns:
        Over `sample`: `event_rate` (1/s); mean and standard deviation (`_sd`) of `event_size_<p>`,
        `event_duration` and `event_interval`; `event_share`, the share of the spikes of the
        population that events were looked for in that lie inside one. Without spikes all is NaN;
        with spikes and without events the rate and the share are 0 and the rest is NaN.
    """
    populations = json.loads(table.attrs["populations"])
    unit = table.attrs["time_unit"]
    seconds = table.attrs["record_length"] * units.si_factor(unit)
    number = table["event_count"].values
    total = table[f"spikes_{table.attrs['population']}"].values
    spiking = np.where(total > 0, 1.0, np.nan)
    inside = _sums(table[f"size_{table.attrs['population']}"].values, number)
    found: dict[str, tuple[np.ndarray, str, str]] = {
        "event_rate": (number / seconds * spiking, "1/s", "multiple-firing events per second"),
        "event_share": (
            np.divide(inside, total, out=np.full(total.shape, np.nan), where=total > 0),
            "1",
            "share of spikes inside events",
        ),
    }
    columns = {f"size_{p}": ("1", f"{p} spikes per event") for p in populations}
    columns |= {"duration": (unit, "duration"), "interval": (unit, "onset-to-onset interval")}
    for name, (u, text) in columns.items():
        mean, sd = _moments(table[name].values, number)
        found[f"event_{name}"] = (mean, u, f"{text}, mean over events")
        found[f"event_{name}_sd"] = (sd, u, f"{text}, standard deviation over events")
    return xr.Dataset(
        {n: ("sample", v, {"units": u, "long_name": text}) for n, (v, u, text) in found.items()},
        coords=sample_coords(table),
        attrs={name: table.attrs[name] for name in ("detector", "population", "options")},
    )


def event_sensitivity(
    ds: xr.Dataset,
    *,
    detector: str = "crossing",
    population: str = "",
    **options: Sequence[Any] | Any,
) -> xr.Dataset:
    """Statistics of events over a grid of detector parameters.

    Args:
        ds: a network dataset.
        detector: as for :func:`events`.
        population: as for :func:`events`.
        **options: parameters of the detector; a list makes a dimension, a single value is kept:
            ``event_sensitivity(ds, detector="cause", gap=["1 ms", "2 ms", "4 ms"], minimum=[3,
            5])``.

    Returns:
        As :func:`event_summary`, with a further dimension for every list.
    """
    axes = {n: list(v) for n, v in options.items() if isinstance(v, list | tuple | np.ndarray)}
    fixed = {n: v for n, v in options.items() if n not in axes}
    tables = []
    for values in itertools.product(*axes.values()):
        point = dict(zip(axes, values, strict=True))
        table = events(ds, detector=detector, population=population, **fixed, **point)
        one = event_summary(table)
        one.attrs["options"] = json.dumps({k: str(v) for k, v in fixed.items()})
        tables.append(one.expand_dims({n: [v] for n, v in point.items()}) if axes else one)
    return xr.merge(tables, join="outer", compat="no_conflicts", combine_attrs="override")


def _spikes_inside(a: Activity, population: str, found: detectors.Intervals) -> np.ndarray:
    """Spikes of every event: from spike times, else from the recorded rate."""
    begin, end, closed = found
    try:
        t = a.spikes(population).time
    except NotRecordedError:
        step = a.record_step
        total = np.concatenate([[0.0], np.cumsum(a.counts_in(population, step))])
        first, last = (np.rint((x - a.start) / step).astype(np.int64) for x in (begin, end))
        return total[np.minimum(last, total.size - 1)] - total[first]
    near = 1e-9 * (a.stop - a.start)
    first = np.searchsorted(t, begin - near if closed else begin + near)
    return (np.searchsorted(t, end + near) - first).astype(np.float64)


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(parts) if parts else np.empty(0)


def _sums(values: np.ndarray, number: np.ndarray) -> np.ndarray:
    owner = np.repeat(np.arange(number.size), number)
    return np.bincount(owner, values, minlength=number.size)


def _moments(values: np.ndarray, number: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation over the events of every sample; NaN values are left out."""
    owner = np.repeat(np.arange(number.size), number)
    known = np.isfinite(values)
    owner, values = owner[known], values[known]
    n = np.bincount(owner, minlength=number.size)
    none = np.full(number.size, np.nan)
    total = np.bincount(owner, values, minlength=number.size)
    mean = np.divide(total, n, out=none.copy(), where=n > 0)
    spread = np.bincount(owner, (values - mean[owner]) ** 2, minlength=number.size)
    return mean, np.sqrt(np.divide(spread, n - 1, out=none.copy(), where=n > 1))
