"""The rules of the contract, one function per part; each yields the violations it finds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr

from snnsurrogate import units

SCHEMA_VERSION = "1"
FLAGS = {"ok": 0, "diverged": 1, "non_finite": 2, "interrupted": 3, "runaway": 4}
KINDS = ("simulation", "rollout", "recording")
RULES = ("hold", "linear")  # how an input runs between its records
ATTRIBUTES = {
    "schema_version": "version of this contract",
    "kind": "simulation, rollout or recording",
    "system": "registered name of the system",
    "title": "one line about the system",
    "source": "reference of equations and values",
    "equations": "equation text",
    "equations_hash": "SHA-256 of equation text, units and order",
    "states": "JSON list of state names in order",
    "parameters": "JSON: name -> value, unit, low, high",
    "swept": "JSON list of the parameters that vary",
    "time_unit": "unit of time and spike_time",
    "duration": "length of the record, text with unit",
    "transient": "unrecorded time before it, text with unit",
    "record_every": "recording step, text with unit",
    "dt": "integration step, text with unit",
    "method": "integrator",
    "engine": "what computed it",
    "seed": "seed of the sweep",
    "design": "JSON of the design, or empty",
    "protocol": "JSON of the protocol, or empty",
    "spike_rule": "JSON of the spike rule, or empty",
    "versions": "JSON of package versions",
    "created": "time of creation, ISO 8601",
    "content_hash": "SHA-256 of the data",
}
OPTIONAL = {
    "populations": "JSON: population -> parameter that holds its size; networks only",
    "record": "JSON list of what was recorded besides the series; networks only",
    "recording": "JSON: file, channel, and what was done to the series of a recording",
    "regime_rule": "name of the regime rule; firing if absent or empty",
}
_JSON = {
    "populations": dict,
    "record": list,
    "recording": dict,
    "states": list,
    "parameters": dict,
    "swept": list,
    "design": dict,
    "protocol": dict,
    "spike_rule": dict,
    "versions": dict,
}
_MAY_BE_EMPTY = ("design", "protocol", "spike_rule", "source", "title", "equations")
_ROLES = {
    "state": ("sample", "time"),
    "series": ("sample", "time"),
    "histogram": ("sample", "time", "*"),
    "input": ("sample", "time"),
    "parameter": ("sample",),
    "stimulus": ("sample",),
    "initial_state": ("sample",),
    "seed": ("sample",),
    "split": ("sample",),
    "status": ("sample",),
    "feature": ("sample",),
    "spike_count": ("sample",),
    "spike_time": ("spike",),
    "spike_label": ("spike",),
}


def status_attributes() -> dict[str, Any]:
    """CF attributes of the variable ``status``."""
    return {
        "role": "status",
        "long_name": "outcome of the run",
        "flag_values": np.array(list(FLAGS.values()), dtype=np.int8),
        "flag_meanings": " ".join(FLAGS),
    }


def with_role(ds: xr.Dataset, role: str) -> list[str]:
    """Names of the variables and coordinates of one role, in order."""
    return [str(n) for n, v in ds.variables.items() if str(v.attrs.get("role")) == role]


def examine(ds: xr.Dataset) -> list[str]:
    """Every violation of a dataset."""
    attributes = list(_attributes(ds))
    found = attributes + list(_layout(ds))
    if found:  # the rules below read what these two have checked
        return found
    found = list(_time(ds)) + list(_names(ds)) + list(_inputs(ds)) + list(_status(ds))
    return found + list(_spikes(ds)) + list(_finite(ds))


def _attributes(ds: xr.Dataset) -> Iterator[str]:
    for name, meaning in ATTRIBUTES.items():
        value = ds.attrs.get(name)
        if value is None:
            yield f"attribute {name!r} is missing ({meaning})"
        elif name != "seed" and not isinstance(value, str):
            yield f"attribute {name!r} is {str(value)[:40]!r}, which is no text ({meaning})"
        elif name not in _MAY_BE_EMPTY and str(value) == "":
            yield f"attribute {name!r} is empty ({meaning})"
        elif name in _JSON and value:
            yield from _json(name, value)
    for name in _JSON.keys() & OPTIONAL.keys():
        if ds.attrs.get(name):
            yield from _json(name, ds.attrs[name])
    version = ds.attrs.get("schema_version")
    if version is not None and str(version) != SCHEMA_VERSION:
        yield f"schema_version is {version!r}; this package reads {SCHEMA_VERSION!r}"
    kind = ds.attrs.get("kind")
    if isinstance(kind, str) and kind not in KINDS:
        yield f"kind is {kind!r}; expected one of {', '.join(KINDS)}"
    for name in ("duration", "transient", "record_every", "dt"):
        value = ds.attrs.get(name)
        if not isinstance(value, str) or not value:
            continue  # said above
        try:
            number = units.magnitude(value, "s", what=name)
        except ValueError as error:
            yield f"attribute {name!r}: {error}"
            continue
        if number < 0 or (number == 0 and name == "record_every"):
            yield f"attribute {name!r} is {value!r}; expected a positive time"


def _json(name: str, text: str) -> Iterator[str]:
    """JSON of the right kind: objects of objects for parameters, lists of names."""
    meaning, kind = (ATTRIBUTES | OPTIONAL)[name], _JSON[name]
    try:
        value = json.loads(text)
    except ValueError:
        yield f"attribute {name!r} is not JSON: {text[:40]!r} ({meaning})"
        return
    sound = isinstance(value, kind)
    if sound and kind is list:
        sound = all(isinstance(item, str) for item in value)
    if sound and name == "parameters":
        sound = all(isinstance(item, dict) for item in value.values())
    if not sound:
        yield f"attribute {name!r} is {text[:40]!r}; expected {meaning}"


def _layout(ds: xr.Dataset) -> Iterator[str]:
    for name in ("sample", "time"):
        if name not in ds.sizes:
            yield f"dimension {name!r} is missing; dimensions are {tuple(ds.sizes)}"
    own = {ds[name].dims[-1] for name in with_role(ds, "histogram")}
    for dimension in ds.sizes:
        if dimension not in ("sample", "time", "spike", *own):
            yield f"dimension {dimension!r} is not part of the schema (sample, time, spike)"
        elif dimension in own and dimension not in ds.coords:
            yield f"coordinate {dimension!r} is missing (bin centres of a histogram)"
    if "time" not in ds.coords:
        yield "coordinate 'time' is missing"
    for name in ("status", "seed"):
        if name not in ds.variables:
            yield f"variable {name!r} is missing"
    for key, variable in ds.variables.items():
        name = str(key)
        if name in ("time", "sample", *own):
            continue
        role = variable.attrs.get("role")
        if not isinstance(role, str) or role not in _ROLES:
            yield f"{name!r} has role {role!r}; expected one of {', '.join(_ROLES)}"
        elif not _fits(variable.dims, _ROLES[role]):
            yield f"{name!r} has dimensions {variable.dims}; role {role!r} needs {_ROLES[role]}"
        elif role != "status" and not _is_unit(variable.attrs.get("units")):
            unit = variable.attrs.get("units")
            yield f"{name!r} has units {unit!r}; expected a unit ('1' if none)"
        if variable.dtype.kind not in "fiub":
            yield f"{name!r} has type {variable.dtype}; expected numbers"


def _fits(dims: tuple[Any, ...], expected: tuple[str, ...]) -> bool:
    return len(dims) == len(expected) and all(
        e in ("*", d) for d, e in zip(dims, expected, strict=True)
    )


def _is_unit(text: Any) -> bool:
    try:
        units.si_factor(text)
    except (ValueError, TypeError, AttributeError):
        return False
    return True


def _time(ds: xr.Dataset) -> Iterator[str]:
    time = ds["time"]
    unit = ds.attrs["time_unit"]
    if str(time.attrs.get("units")) != unit:
        yield f"'time' has units {time.attrs.get('units')!r}; attribute time_unit says {unit!r}"
        return
    if unit not in ("s", "ms"):
        yield f"time_unit is {unit!r}; expected 's' or 'ms'"
        return
    values = time.values
    if values.dtype != np.float64:
        yield f"'time' has type {values.dtype}; expected float64"
        return
    step = units.magnitude(ds.attrs["record_every"], unit, what="record_every")
    duration = units.magnitude(ds.attrs["duration"], unit, what="duration")
    expected = round(duration / step) + 1
    if values.size != expected:
        yield (
            f"'time' has {values.size} points; duration {ds.attrs['duration']} at "
            f"{ds.attrs['record_every']} makes {expected}"
        )
    elif not np.allclose(values, step * np.arange(expected), rtol=1e-9, atol=1e-6 * step):
        yield f"'time' is not 0, {step:g}, {2 * step:g}, ... {duration:g} {unit}"


def _names(ds: xr.Dataset) -> Iterator[str]:
    states = json.loads(ds.attrs["states"])
    if with_role(ds, "state") != states:
        yield f"state variables are {with_role(ds, 'state')}; attribute states says {states}"
    for name in states:
        initial = f"initial_{name}"
        if initial not in ds.coords:
            yield f"coordinate {initial!r} is missing (state before the transient)"
        elif name in ds and ds[initial].attrs["units"] != ds[name].attrs["units"]:
            yield (
                f"{initial!r} has units {ds[initial].attrs['units']!r}, "
                f"{name!r} has {ds[name].attrs['units']!r}"
            )
        if name in ds and ds[name].dtype not in (np.float64, np.float32):
            yield f"{name!r} has type {ds[name].dtype}; expected float64 or float32"
    declared = json.loads(ds.attrs["parameters"])
    present = with_role(ds, "parameter")
    for name in sorted(set(declared) ^ set(present)):
        where = "attribute parameters" if name in declared else "coordinates"
        yield f"parameter {name!r} is only in the {where}; it must be in both"
    for name in present:
        if name not in ds.coords:
            yield f"parameter {name!r} is a data variable; expected a coordinate"
        unit = declared.get(name, {}).get("unit")
        if name in declared and ds[name].attrs["units"] != unit:
            yield f"{name!r} has units {ds[name].attrs['units']!r}; parameters says {unit!r}"
        if not np.isfinite(ds[name].values).all():
            yield f"parameter {name!r} is not finite in {_samples(~np.isfinite(ds[name].values))}"
    for name in json.loads(ds.attrs["swept"]):
        if name not in present:
            yield f"swept parameter {name!r} is no coordinate"


def _inputs(ds: xr.Dataset) -> Iterator[str]:
    names, protocol = with_role(ds, "input"), ds.attrs["protocol"]
    if protocol and not names:
        yield "attribute protocol is stated, but no variable has the role input"
    for name in names:
        rule = ds[name].attrs.get("rule")
        if rule not in RULES:
            yield f"input {name!r} has rule {rule!r}; expected one of {', '.join(RULES)}"
    for name in with_role(ds, "stimulus"):
        if not np.isfinite(ds[name].values).all():
            yield f"stimulus {name!r} is not finite in {_samples(~np.isfinite(ds[name].values))}"


def _status(ds: xr.Dataset) -> Iterator[str]:
    status = ds["status"]
    if status.dtype != np.int8:
        yield f"'status' has type {status.dtype}; expected int8"
    # Flags were added at the end: files of before list the first of them.
    meanings = str(status.attrs.get("flag_meanings", "")).split()
    if len(meanings) < 4 or meanings != list(FLAGS)[: len(meanings)]:
        yield f"'status' has flag_meanings {' '.join(meanings)!r}; expected {' '.join(FLAGS)!r}"
    values = list(np.atleast_1d(status.attrs.get("flag_values", [])))
    if values != list(FLAGS.values())[: len(meanings)]:
        yield f"'status' has flag_values {values!r}; expected {list(FLAGS.values())!r}"
    unknown = ~np.isin(status.values, list(FLAGS.values()))
    if unknown.any():
        yield f"'status' has flags outside {list(FLAGS.values())} in {_samples(unknown)}"
    if ds["seed"].dtype.kind not in "iu":
        yield f"'seed' has type {ds['seed'].dtype}; expected integers"


def _spikes(ds: xr.Dataset) -> Iterator[str]:
    present = [name for name in ("spike_time", "spike_count") if name in ds]
    if len(present) == 1:
        yield f"{present[0]!r} is alone; spike_time and spike_count come together"
    if ds.attrs["spike_rule"] and not present:
        yield "spike_rule is stated, but spike_time and spike_count are missing"
    if len(present) < 2:
        return
    times, counts = ds["spike_time"].values, ds["spike_count"].values
    if ds["spike_time"].attrs["units"] != ds.attrs["time_unit"]:
        yield f"'spike_time' has units {ds['spike_time'].attrs['units']!r}; expected those of time"
    if counts.dtype.kind not in "iu" or (counts < 0).any():
        yield "'spike_count' must hold counts >= 0 of an integer type"
        return
    if ds["spike_count"].attrs.get("sample_dimension") != "spike":
        yield "'spike_count' lacks the CF attribute sample_dimension = 'spike'"
    if counts.sum() != times.size:
        yield (
            f"'spike_count' sums to {counts.sum()}, 'spike_time' has {times.size} entries; select "
            "samples with snnsurrogate.schema.select, which keeps them together"
        )
        return
    owner = np.repeat(np.arange(counts.size), counts)
    end = ds["time"].values[-1] if ds.sizes["time"] else 0.0
    outside = ~((times >= 0) & (times <= end * (1 + 1e-12)))
    if outside.any():
        bad = np.isin(np.arange(counts.size), owner[outside])
        yield f"'spike_time' lies outside the record in {_samples(bad)}"
    for name in with_role(ds, "spike_label"):
        flags = np.atleast_1d(ds[name].attrs.get("flag_values", []))
        if flags.size and not np.isin(ds[name].values, flags).all():
            yield f"{name!r} has values outside its flags {flags.tolist()}"
    falling = (np.diff(times) < 0) & (np.diff(owner) == 0)
    if falling.any():
        bad = np.isin(np.arange(counts.size), owner[1:][falling])
        yield f"'spike_time' is not sorted in {_samples(bad)}"


def _finite(ds: xr.Dataset) -> Iterator[str]:
    fine = ds["status"].values == FLAGS["ok"]
    for name in with_role(ds, "state") + with_role(ds, "input") + with_role(ds, "series"):
        finite = [np.isfinite(part).all(axis=1) for part in pieces(ds.variables[name])]
        bad = fine & ~np.concatenate([*finite, np.empty(0, dtype=bool)])
        if bad.any():
            yield f"{name!r} is not finite in {_samples(bad)}, whose status is ok"


def pieces(variable: Any, most: int = 16 << 20) -> Iterator[np.ndarray]:
    """Values in blocks of rows of at most 16 MiB: a record on disk is never loaded as a whole."""
    if variable.ndim == 0:
        yield variable.values
        return
    row = variable.dtype.itemsize * int(np.prod(variable.shape[1:], dtype=np.int64))
    rows = max(1, most // max(1, row))
    for begin in range(0, variable.shape[0], rows):
        yield variable[begin : begin + rows].values


def _samples(mask: np.ndarray, most: int = 8) -> str:
    """Readable list of sample positions: "samples 3, 7 and 12 more"."""
    where = np.flatnonzero(mask)
    shown = ", ".join(str(i) for i in where[:most])
    more = f" and {where.size - most} more" if where.size > most else ""
    return f"sample{'s' if where.size > 1 else ''} {shown}{more}"
