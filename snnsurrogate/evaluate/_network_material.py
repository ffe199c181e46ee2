"""Material for figures of networks: a stretch of activity, spikes, spectra, events of examples.

Kept small: rasters and rates of the first 400 ms, spectrograms of the first 3 s, spectra of all
samples, distributions of a few examples.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from snnsurrogate import features, schema
from snnsurrogate.features import NotRecordedError
from snnsurrogate.features.field import synaptic_drive

EXAMPLES = 4
FEW = 5  # all samples of so small a set are examples
RASTER = "400 ms"
SPECTROGRAM = "3 s"
HIGHEST = 150.0  # Hz
KICKS = ("H_EE", "H_EI")
PORTRAIT = "5 ms"  # bins of the rates of a portrait
CELLS = 40  # of a portrait, along each axis
PATH = 150  # values of the path drawn over it
DETECTORS = ("crossing", "cause", "volley")


def material(
    sources: Mapping[str, xr.Dataset], examples: np.ndarray, spectra: Mapping[str, Any]
) -> dict[str, xr.Variable]:
    """Variables for the panels of a page; what was not recorded is left out.

    Args:
        sources: source -> dataset.
        examples: positions of the example samples.
        spectra: source -> population -> (sample, frequency).
    """
    chosen = {name: _loaded(ds, examples) for name, ds in sources.items()}
    found = _activity(chosen) | _spectra(sources["truth"], spectra) | _raster(chosen)
    for make in (_field, _portrait, _correlation, _coherence, _spectrogram):
        try:
            found |= make(chosen)
        except NotRecordedError:  # the record is too short for it
            continue
    return found | _events(chosen)


def _loaded(ds: xr.Dataset, examples: np.ndarray) -> xr.Dataset:
    return schema.select(ds.drop_vars(schema.histograms_of(ds)), examples).load()


def _bin(ds: xr.Dataset) -> tuple[float, str]:
    """1 ms, or the recording step where that is longer: as a number and as text."""
    where = features.Activity(ds, 0)
    width = max(where.length("1 ms", what="bin"), where.record_step)
    return width, f"{width:.12g} {where.time_unit}"


def _activity(chosen: Mapping[str, xr.Dataset]) -> dict[str, xr.Variable]:
    truth = chosen["truth"]
    width, text = _bin(truth)
    most = round(features.Activity(truth, 0).length(RASTER, what="window") / width)
    found = {}
    for population in schema.populations_of(truth):
        rows = [features.rates(ds, population, text).values[:, :most] for ds in chosen.values()]
        found[f"activity_{population}"] = xr.Variable(
            ("source", "example", "shown_time"),
            np.stack(rows).astype(np.float32),
            {"units": "Hz", "long_name": f"{population} rate in bins of {text}"},
        )
        n = rows[0].shape[1]
    about = {"units": str(truth["time"].attrs["units"]), "long_name": "middle of the bin"}
    found["shown_time"] = xr.Variable("shown_time", width * (np.arange(n) + 0.5), about)
    return found


def _field(chosen: Mapping[str, xr.Dataset]) -> dict[str, xr.Variable]:
    """The LFP proxy of the stretch shown; nothing where a source lacks it and what makes it."""
    length = features.Activity(chosen["truth"], 0).length(RASTER, what="window")
    rows = []
    for ds in chosen.values():
        part = ds.drop_dims("spike", errors="ignore")
        part = part.isel(time=part["time"].values <= length * (1 + 1e-9))
        try:
            field = part["lfp"] if "lfp" in part else synaptic_drive(part)
        except ValueError:  # another network, or its pending kicks were not kept
            return {}
        rows.append(field.values)
    about = {"units": "1/ms", "long_name": "LFP proxy: mean synaptic drive of the E cells"}
    time = part["time"]
    return {
        "field": xr.Variable(("source", "example", "field_time"), np.stack(rows), about),
        "field_time": xr.Variable("field_time", time.values, {"units": str(time.attrs["units"])}),
    }


def _portrait(chosen: Mapping[str, xr.Dataset]) -> dict[str, xr.Variable]:
    """How often two series take which pair of values, and the path through a first stretch.

    The series are the pending excitation and inhibition of the E cells, where all sources have
    them; else the rates of the first two populations.
    """
    names = list(schema.populations_of(chosen["truth"]))[:2]
    if all({*KICKS} <= set(ds) for ds in chosen.values()):
        names = list(KICKS)
        pairs = [[ds[name].values for name in names] for ds in chosen.values()]
        unit = str(chosen["truth"][names[0]].attrs["units"])
    elif len(names) == 2:
        pairs = [[features.rates(ds, p, PORTRAIT).values for p in names] for ds in chosen.values()]
        names, unit = [f"rate_{p}" for p in names], "Hz"
    else:
        return {}
    # a few rare volleys reach twice as far as the rest: they would leave the picture empty
    ends = [
        np.stack([np.linspace(0.0, 1.2 * (top or 1.0), CELLS + 1) for top in tops])
        for tops in (np.nanpercentile(values, 99.9, axis=1) for values in pairs[0])
    ]
    shares = np.array(
        [
            [
                np.histogram2d(a, b, bins=(x, y))[0] / a.size
                for a, b, x, y in zip(*both, *ends, strict=True)
            ]
            for both in pairs
        ]
    )
    paths = np.array([[values[:, :PATH] for values in both] for both in pairs])
    where = ("source", "example")
    about = {"units": "1", "long_name": "share of the record at a pair of values"}
    found = {
        "portrait": xr.Variable((*where, "portrait_x", "portrait_y"), shares, about),
        "portrait_path": xr.Variable(
            (*where, "portrait_axis", "portrait_time"), paths.swapaxes(1, 2), {"units": unit}
        ),
        "portrait_axis": xr.Variable("portrait_axis", np.array(names)),
    }
    for axis, end in zip(("x", "y"), ends, strict=True):
        middle = 0.5 * (end[:, 1:] + end[:, :-1])
        dims = ("example", f"portrait_{axis}")
        found[f"portrait_at_{axis}"] = xr.Variable(dims, middle, {"units": unit})
    return found


def _raster(chosen: Mapping[str, xr.Dataset]) -> dict[str, xr.Variable]:
    """Spikes of the first stretch, flat over `raster`; sources without cells have none."""
    columns: dict[str, list[np.ndarray]] = {
        name: [] for name in ("time", "cell", "population", "source", "example")
    }
    for k, ds in enumerate(chosen.values()):
        if "spike_neuron" not in ds:
            continue
        for i in range(ds.sizes["sample"]):
            a = features.Activity(ds, i)
            end = a.start + a.length(RASTER, what="window")
            for j, population in enumerate(a.populations):
                spikes = a.spikes(population)
                inside = spikes.time <= end
                n = int(inside.sum())
                columns["time"].append(spikes.time[inside].astype(np.float32))
                columns["cell"].append(a.neurons(population)[inside])
                for name, code in (("population", j), ("source", k), ("example", i)):
                    columns[name].append(np.full(n, code, dtype=np.int8))
    if not columns["time"]:
        return {}
    return {
        f"raster_{name}": xr.Variable("raster", np.concatenate(parts))
        for name, parts in columns.items()
    }


def _spectra(truth: xr.Dataset, spectra: Mapping[str, Any]) -> dict[str, xr.Variable]:
    found = {}
    for population in schema.populations_of(truth):
        rows = np.stack([by_name[population] for by_name in spectra.values()])
        if not np.isfinite(rows).any():
            return {}
        found[f"spectrum_{population}"] = xr.Variable(
            ("source", "sample", "frequency"),
            rows.astype(np.float32),
            {"units": "Hz", "long_name": f"power spectral density of the {population} rate"},
        )
        n = rows.shape[2]
    # a full window of 1 ms bins: the frequencies of features.spectrum
    frequency = np.linspace(0.0, 500.0, n)
    found["frequency"] = xr.Variable("frequency", frequency, {"units": "Hz"})
    return found


def _correlation(chosen: Mapping[str, xr.Dataset]) -> dict[str, xr.Variable]:
    names = list(schema.populations_of(chosen["truth"]))[:2]
    pairs = [(a, b) for a in names for b in names]
    rows = [[features.cross_correlation(ds, pair) for pair in pairs] for ds in chosen.values()]
    values = np.array([[x.values for x in row] for row in rows]).transpose(0, 2, 1, 3)
    lag = rows[0][0]["lag"]
    about = {"units": "percent", "long_name": "share of the second population firing per 1 ms"}
    return {
        "correlation": xr.Variable(
            ("source", "example", "pair", "lag"), values.astype(np.float32), about
        ),
        "pair": xr.Variable("pair", np.array([f"{a} to {b}" for a, b in pairs])),
        "lag": xr.Variable("lag", lag.values, {"units": str(lag.attrs["units"])}),
    }


def _coherence(chosen: Mapping[str, xr.Dataset]) -> dict[str, xr.Variable]:
    names = list(schema.populations_of(chosen["truth"]))[:2]
    if len(names) < 2:
        return {}
    rows = [features.coherence(ds, (names[0], names[1])).values for ds in chosen.values()]
    about = {"units": "1", "long_name": f"coherence of the rates of {names[0]} and {names[1]}"}
    return {
        "coherence": xr.Variable(
            ("source", "example", "frequency"), np.stack(rows).astype(np.float32), about
        )
    }


def _spectrogram(chosen: Mapping[str, xr.Dataset]) -> dict[str, xr.Variable]:
    truth = chosen["truth"]
    first = next(iter(schema.populations_of(truth)))
    length = features.Activity(truth, 0).length(SPECTROGRAM, what="window")
    rows = []
    for ds in chosen.values():
        part = ds.drop_dims("spike", errors="ignore")
        part = part.isel(time=part["time"].values <= length * (1 + 1e-9))
        made = features.spectrogram(part, first)["density"]
        rows.append(made.isel(frequency=made["frequency"].values <= HIGHEST))
    values = np.stack([row.values for row in rows]).astype(np.float32)
    about = {"units": "Hz", "long_name": f"power spectral density of the {first} rate"}
    names = ("spectrogram_frequency", "spectrogram_time")
    axes = (rows[0]["frequency"], rows[0]["time"])
    return {
        "spectrogram": xr.Variable(("source", "example", *names), values, about),
        **{
            name: xr.Variable(name, axis.values, {"units": str(axis.attrs["units"])})
            for name, axis in zip(names, axes, strict=True)
        },
    }


def _events(chosen: Mapping[str, xr.Dataset]) -> dict[str, xr.Variable]:
    """Every event of the examples, flat over `event`, by every detector that can read them."""
    first = next(iter(schema.populations_of(chosen["truth"])))
    columns: dict[str, list[np.ndarray]] = {
        name: [] for name in ("size", "duration", "interval", "source", "example", "detector")
    }
    for k, ds in enumerate(chosen.values()):
        for d, detector in enumerate(DETECTORS):
            try:
                table = features.events(ds, detector=detector)
            except NotRecordedError:
                continue
            number = table["event_count"].values
            columns["size"].append(table[f"size_{first}"].values)
            for name in ("duration", "interval"):
                columns[name].append(table[name].values)
            columns["example"].append(np.repeat(np.arange(number.size), number))
            for name, code in (("source", k), ("detector", d)):
                columns[name].append(np.full(int(number.sum()), code))
    unit = str(chosen["truth"]["time"].attrs["units"])
    units = {"size": "1", "duration": unit, "interval": unit}
    about = json.dumps(list(DETECTORS))
    return {
        f"each_event_{name}": xr.Variable(
            "event",
            np.concatenate([*parts, np.empty(0)]).astype(np.float32 if name in units else np.int8),
            {"units": units[name]} if name in units else {"detectors": about},
        )
        for name, parts in columns.items()
    }
