"""A recording of one quantity, from a file or a simulation, as a dataset of the schema."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from snnsurrogate import schema, units
from snnsurrogate.dataset import _recording_files as files
from snnsurrogate.dataset import _recording_steps as steps
from snnsurrogate.dataset.files import open as open_dataset
from snnsurrogate.dataset.store import DatasetError
from snnsurrogate.features.spikes import detect

__all__ = ["recording"]

_TEXT = (".csv", ".tsv", ".txt", ".dat")
_NEO = (".nwb", ".abf")


def recording(
    path: Any,
    *,
    channel: str | int | None = None,
    column: str | int | None = None,
    segment: int | None = None,
    unit: str | None = None,
    name: str | None = None,
    time: str | int | None = None,
    time_unit: str | None = None,
    step: Any = None,
    start: Any = None,
    stop: Any = None,
    resample: Any = None,
    detrend: str | None = None,
    threshold: Any = None,
    reset: Any = None,
    parameters: Mapping[str, Any] | None = None,
) -> xr.Dataset:
    """Read one recorded quantity into a dataset with one sample.

    In this order the record is cut (``start``, ``stop``), checked, resampled, detrended, and its
    spikes are found. Nothing is done that is not asked for; what was done is in
    ``attrs["recording"]``.

    Args:
        path: text (.csv, .tsv, .txt, .dat), netCDF (.nc), NWB (.nwb) or ABF (.abf); a Block,
            Segment or signal of neo, which reads many more formats; or a dataset of this package
            (file or object), of which one variable is kept, with all its samples and parameters.
        channel: name or number of the signal, of the variable of a netCDF file or dataset.
        column: header name or number of the column of a text file.
        segment: number of the segment (sweep) of an NWB or ABF file that holds several.
        unit: of the series. Where the file states a unit the numbers are converted; where it
            states none it is needed.
        name: of the observed variable; default "V" for voltages, else the name of the channel.
        time: header name or number of the column of times; default "time" or "t".
        time_unit: of the times, where the file states none.
        step: sampling step, a time with unit, of a file without times.
        start: begin of what is kept, a time with unit since the first point; default all.
        stop: end of it.
        resample: longer sampling step, a time with unit. Resampled by a polyphase filter that
            takes out what the new step cannot hold (`scipy.signal.resample_poly`), so narrow
            spikes get lower and broader.
        detrend: "linear" takes out the line of least squares, a time with unit ("60 s") the
            running mean over that time; the mean of the whole record stays, so that values keep
            their level. Not for a slow variable that is part of the dynamics.
        threshold: level whose upward crossing is a spike, bare numbers in ``unit``; None: the
            dataset has no spikes.
        reset: level below which the next spike may begin; default a twentieth of the range below
            ``threshold``.
        parameters: values known of this recording, name -> text with unit or a bare number
            (dimensionless): ``{"V_S": "-36 mV"}``. Recordings that differ in one can be fitted as
            a family of it.

    Returns:
        A dataset of kind "recording" and system "recording" with one variable over (sample, time).
        From a dataset of this package: its kind and system stay.

    Raises:
        FileNotFoundError: no such file.
        DatasetError: unreadable; an unknown or ambiguous channel; no unit; gaps or times that are
            not uniform; non-finite, constant, or fewer than 100 points; a resampling that is no
            ratio of small integers, is finer than the record, or loses spikes.
        ValueError: an argument without its unit, or that does not belong to this kind of file.
    """
    if isinstance(path, str | Path) and not Path(path).expanduser().exists():
        msg = f"no file {path}; expected a recording (text, netCDF, NWB or ABF)."
        raise FileNotFoundError(msg)
    options = {"channel": channel, "column": column, "segment": segment, "time": time,
               "time_unit": time_unit, "step": step}  # fmt: skip
    held = _dataset_of(path)
    more: dict[str, Any]
    if held is None:
        raw = _raw(path, options)
        values, from_unit, times, label = raw.values[None], raw.unit, raw.times, raw.channel
        more = {"channel": raw.channel, "read_by": raw.read_by, **raw.more}
    else:
        _refuse(options, ("channel",), "a dataset of this package")
        values, from_unit, times, label = _variable(held, channel)
        more = {"channel": label, "content_hash": held.attrs["content_hash"]}
    if isinstance(path, str | Path):
        place = Path(path).expanduser()
        more |= {"file": place.name, "sha256": hashlib.sha256(place.read_bytes()).hexdigest()}
    unit, values = steps.in_unit(values, from_unit, unit, label)
    values, old, part = steps.cut(values, times, start, stop, label)
    steps.check(values, label)
    done: dict[str, Any] = {"step": units.format_quantity(old, "s"), "unit": from_unit, **part}
    before, length = values, old
    if resample is not None:
        values, length, done["resample"] = steps.resampled(values, length, resample)
        steps.check(values, label)
    if detrend is not None:
        values, done["detrend"] = steps.detrended(values, length, detrend)
    rule = None
    if threshold is not None:
        rule = steps.spike_rule(values, unit, threshold, reset, name or _name(unit, label))
        if detrend is None:
            steps.keep_spikes(before, old, values, length, rule)
    return _assemble(held, values, length, unit, name or _name(unit, label), rule, more | done,
                     parameters or {}, old)  # fmt: skip


def _dataset_of(source: Any) -> xr.Dataset | None:
    """The dataset of the schema that is given, or lies in the file; None for anything else."""
    if isinstance(source, xr.Dataset):
        return schema.validate(source)
    if isinstance(source, str | Path) and Path(source).suffix.lower() == ".nc":
        with xr.open_dataset(Path(source).expanduser(), decode_times=False) as file:
            own = "schema_version" in file.attrs
        return open_dataset(source) if own else None
    return None


def _raw(source: Any, options: dict[str, Any]) -> files.Raw:
    given = options["step"]
    step = None if given is None else units.seconds(given, what="step")
    if step is not None and not step > 0:
        msg = f"step is {given!r}; expected a time above zero."
        raise ValueError(msg)
    if not isinstance(source, str | Path):
        _refuse(options, ("channel", "segment"), "an object of neo")
        if not (hasattr(source, "segments") or hasattr(source, "analogsignals")
                or hasattr(source, "times")):  # fmt: skip
            msg = f"got {type(source).__name__}; expected a path, a dataset or an object of neo."
            raise ValueError(msg)
        return files.read_neo(source, options["channel"], options["segment"], "the signal")
    path = Path(source).expanduser()
    suffix = path.suffix.lower()
    if suffix in _TEXT:
        _refuse(options, ("column", "time", "time_unit", "step"), "a text file")
        return files.read_text(path, options["column"], options["time"], step, options["time_unit"])
    if suffix == ".nc":
        _refuse(options, ("channel", "time_unit", "step"), "a netCDF file")
        return files.read_netcdf(path, options["channel"], step, options["time_unit"])
    if suffix in _NEO:
        _refuse(options, ("channel", "segment"), f"a file {suffix}")
        return files.read_neo(path, options["channel"], options["segment"], str(path))
    known = ", ".join((*_TEXT, ".nc", *_NEO))
    msg = f"{path} ends in {suffix!r}; expected one of {known}, or read it by neo and give that."
    raise DatasetError(msg)


def _refuse(options: dict[str, Any], allowed: tuple[str, ...], what: str) -> None:
    """Raise on an argument that means nothing for this kind of file."""
    for name, value in options.items():
        if value is not None and name not in allowed:
            msg = f"{name}={value!r} is not for {what}, which takes {', '.join(allowed)}."
            raise ValueError(msg)


def _variable(ds: xr.Dataset, channel: Any) -> tuple[np.ndarray, str, float, str]:
    names = schema.states_of(ds)
    label = names[files.chosen(channel, names, argument="channel", what="the dataset")]
    good = schema.ok(ds)
    if not good.all():
        msg = f"samples {np.flatnonzero(~good)[:8].tolist()} are not ok; select the others first."
        raise DatasetError(msg)
    step = units.seconds(ds.attrs["record_every"], what="record_every")
    return ds[label].values.astype(float), str(ds[label].attrs["units"]), step, label


def _name(unit: str, label: str) -> str:
    try:
        units.magnitude(f"1 {unit}", "mV", what="unit")
    except ValueError:
        word = "".join(c if c.isalnum() else "_" for c in label).strip("_")
        return word if word.isidentifier() else "x"
    return "V"


def _assemble(
    held: xr.Dataset | None, values: np.ndarray, step: float, unit: str, name: str,
    rule: dict[str, Any] | None, done: dict[str, Any], parameters: Mapping[str, Any], old: float,
) -> xr.Dataset:  # fmt: skip
    clock = "s" if step >= 1e-3 else "ms"
    if held is not None:
        clock = held.attrs["time_unit"]
    tick = float(f"{step / units.si_factor(clock):.12g}")
    given = {}
    for key, value in parameters.items():
        own = units.unit_of(value, key) or "1"
        given[key] = (float(units.magnitudes(value, own, what=key)), own)
    attrs: dict[str, Any] = {
        "kind": "recording",
        "system": "recording",
        "title": f"recording of {name}",
        "source": str(done.get("file", "")),
        "equations": "",
        "equations_hash": hashlib.sha256(f"recording {name} {unit}".encode()).hexdigest(),
        "method": "recorded",
        "engine": str(done.get("read_by", "recorded")),
        "seed": 0,
        "design": "",
        "transient": f"0 {clock}",
        "versions": {
            "python": platform.python_version(),
            **{n: importlib.metadata.version(n) for n in ("snnsurrogate", "numpy", "scipy")},
        },
    }
    described = {key: {"unit": own} for key, (_, own) in given.items()}
    columns: dict[str, Any] = {key: value for key, (value, _) in given.items()}
    seeds: Any = np.zeros(len(values), dtype=int)
    unit_of = {key: own for key, (_, own) in given.items()}
    if held is not None:
        kept = [k for k in schema.ATTRIBUTES if k not in ("created", "content_hash")]
        attrs = {k: held.attrs[k] for k in kept}
        own_parameters = schema.parameters_of(held)
        described = json.loads(held.attrs["parameters"]) | described
        columns = {k: held[k].values for k in own_parameters} | columns
        unit_of = {k: str(held[k].attrs["units"]) for k in own_parameters} | unit_of
        seeds = held["seed"].values
        stated = json.loads(held.attrs["spike_rule"]) if held.attrs["spike_rule"] else None
        if rule is None and stated and stated["state"] == name:
            rule = stated
    spikes = None
    if rule is not None:
        level = {"threshold": rule["threshold"], "reset": rule["reset"]}
        spikes = [detect(trace, tick, **level) for trace in values]
    return schema.build(
        states={name: values},
        time=np.arange(values.shape[1]) * tick,
        parameters=columns,
        initial={name: values[:, 0]},
        seeds=seeds,
        units={name: unit, "time": clock, **unit_of},
        spikes=spikes,
        attrs=attrs
        | {
            "parameters": described,
            "protocol": "",
            "duration": units.format_quantity((values.shape[1] - 1) * tick, clock),
            "record_every": units.format_quantity(tick, clock),
            "dt": attrs.get("dt") or units.format_quantity(old, "s"),
            "spike_rule": rule or "",
            "recording": done,
        },
    )
