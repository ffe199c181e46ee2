"""Datasets of the schema: making, reading, selecting, joining, checking."""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from . import _rules
from ._ragged import SchemaError, Spikes, join_spikes, pack_spikes, select_spikes
from ._rules import FLAGS, SCHEMA_VERSION


def build(
    *,
    states: Mapping[str, Any],
    time: Any,
    parameters: Mapping[str, Any],
    initial: Mapping[str, Any],
    seeds: Any,
    units: Mapping[str, str],
    attrs: Mapping[str, Any],
    status: Any = None,
    spikes: Spikes | Sequence[Any] | None = None,
    inputs: Mapping[str, Any] | None = None,
    input_rule: str = "hold",
    stimuli: Mapping[str, Any] | None = None,
    series: Mapping[str, Any] | None = None,
    histograms: Mapping[str, tuple[xr.Variable, Any]] | None = None,
    meanings: Mapping[str, str] | None = None,
) -> xr.Dataset:
    """Assemble and validate a dataset; the one constructor of simulations and rollouts.

    Args:
        states: state name -> (sample, time) array, in the order of the system; an
            :class:`xarray.Variable` is taken as it is, which keeps lazily read states on disk.
        time: (time,) from 0, uniform.
        parameters: parameter name -> (sample,) array or one number.
        initial: state name -> (sample,) array or one number.
        seeds: (sample,) integers or one integer.
        units: unit of every state, parameter, input and stimulus, and of "time".
        attrs: the attributes of :data:`ATTRIBUTES`; those that follow from the data (``states``,
            ``swept``, ``time_unit``, ``schema_version``, ``created``, ``content_hash``) are set
            here, lists and mappings are written as JSON.
        status: (sample,) flags; by default non_finite where a state is not finite, else ok.
        spikes: one array of times per sample, or :class:`Spikes` with labels; None for a system
            without a spike rule.
        inputs: input name -> (sample, time) array or Variable; such a name is no parameter.
        input_rule: how inputs run between their records, "hold" or "linear".
        stimuli: name -> (sample,) values of the protocol that differ between samples.
        series: name -> (sample, time) array or Variable: numbers of populations.
        histograms: name -> (centres, counts): the bin centres, a Variable over the histogram's own
            dimension with its units, and (sample, time, bin) counts, array or Variable.
        meanings: long names of states, parameters, inputs, series and histograms.

    Raises:
        SchemaError: the result breaks the contract.
    """
    meanings = meanings or {}
    n = np.size(seeds) if not states else np.shape(next(iter(states.values())))[0]
    t = np.asarray(time, dtype=np.float64)

    def variable(dims: tuple[str, ...], values: Any, role: str, name: str, **more: Any) -> Any:
        described = {"units": units.get(name, "1"), "role": role, **more}
        if name in meanings:
            described["long_name"] = meanings[name]
        return dims, values, described

    def column(values: Any, dtype: Any = np.float64) -> np.ndarray:
        return np.array(np.broadcast_to(np.asarray(values, dtype=dtype), (n,)))

    coords: dict[str, Any] = {
        "time": ("time", t, {"units": units["time"], "long_name": "time", "standard_name": "time"})
    }
    swept = []
    for name, values in parameters.items():
        filled = column(values)
        if n and np.any(filled != filled[0]):
            swept.append(name)
        coords[name] = variable(("sample",), filled, "parameter", name)
    for name, values in (stimuli or {}).items():
        coords[name] = variable(("sample",), column(values), "stimulus", name)
    for name, values in initial.items():
        described = {"units": units.get(name, "1"), "role": "initial_state"}
        described["long_name"] = f"{name} before the transient"
        coords[f"initial_{name}"] = ("sample",), column(values), described
    described = {"role": "seed", "units": "1", "long_name": "seed of the sample"}
    coords["seed"] = ("sample",), column(seeds, np.int64), described

    data: dict[str, Any] = {}

    def record(name: str, values: Any, role: str, dims: tuple[str, ...]) -> None:
        lazy = isinstance(values, xr.Variable)
        data[name] = values.copy(deep=False) if lazy else xr.Variable(dims, np.asarray(values))
        data[name].attrs = variable(dims, None, role, name)[2]

    for name, values in states.items():
        record(name, values, "state", ("sample", "time"))
    for name, values in (series or {}).items():
        record(name, values, "series", ("sample", "time"))
    for name, (centres, values) in (histograms or {}).items():
        (dim,) = centres.dims
        coords[str(dim)] = centres
        record(name, values, "histogram", ("sample", "time", str(dim)))
    for name, values in (inputs or {}).items():
        record(name, values, "input", ("sample", "time"))
        data[name].attrs["rule"] = input_rule
    if status is None:
        finite = np.ones(n, dtype=bool)
        for values in states.values():
            finite &= np.isfinite(values).all(axis=1)
        status = np.where(finite, FLAGS["ok"], FLAGS["non_finite"])
    data["status"] = ("sample",), column(status, np.int8), _rules.status_attributes()
    if spikes is not None:
        data.update(pack_spikes(spikes, unit=units["time"]))
    ds = xr.Dataset(data, coords)
    ds.attrs = {name: _text(value) for name, value in attrs.items()}
    ds.attrs |= {
        "Conventions": "CF-1.11",
        "schema_version": SCHEMA_VERSION,
        "states": json.dumps(list(states)),
        "swept": json.dumps(swept),
        "time_unit": units["time"],
    }
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    ds.attrs.setdefault("created", now)
    ds.attrs["content_hash"] = content_hash(ds)
    return validate(ds)


def _text(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, list | tuple | dict) else value


def parameters_of(ds: xr.Dataset) -> list[str]:
    """Names of the parameter coordinates, in the order of the system."""
    return _rules.with_role(ds, "parameter")


def states_of(ds: xr.Dataset) -> list[str]:
    """Names of the state variables, in the order of the system."""
    text = ds.attrs.get("states")
    return list(json.loads(text)) if text else _rules.with_role(ds, "state")


def series_of(ds: xr.Dataset) -> list[str]:
    """Names of the recorded series of populations, in the order of the network."""
    return _rules.with_role(ds, "series")


def histograms_of(ds: xr.Dataset) -> list[str]:
    """Names of the recorded histograms."""
    return _rules.with_role(ds, "histogram")


def populations_of(ds: xr.Dataset) -> dict[str, str]:
    """Population name -> name of the parameter that holds its size; empty for a single neuron."""
    return dict(json.loads(ds.attrs.get("populations") or "{}"))


def inputs_of(ds: xr.Dataset) -> list[str]:
    """Names of the input variables."""
    return _rules.with_role(ds, "input")


def stimuli_of(ds: xr.Dataset) -> list[str]:
    """Names of the values of the protocol that differ between samples."""
    return _rules.with_role(ds, "stimulus")


def swept_of(ds: xr.Dataset) -> list[str]:
    """Names of the parameters that vary over samples."""
    return list(json.loads(ds.attrs.get("swept", "[]")))


def initial_of(ds: xr.Dataset) -> dict[str, np.ndarray]:
    """State before the transient: state name -> (sample,) array."""
    return {name: ds[f"initial_{name}"].values for name in states_of(ds)}


def ok(ds: xr.Dataset) -> np.ndarray:
    """(sample,) True where the run finished with finite values inside sane bounds."""
    return np.asarray(ds["status"].values == FLAGS["ok"])


def select(ds: xr.Dataset, samples: Any) -> xr.Dataset:
    """The dataset of some samples, spikes included (``isel`` alone would leave them behind).

    Args:
        ds: a dataset of the schema.
        samples: positions or a boolean mask over ``sample``.
    """
    chosen = np.atleast_1d(np.asarray(samples))
    if chosen.dtype == bool:
        if chosen.shape != (ds.sizes["sample"],):
            msg = f"mask has shape {chosen.shape}; expected ({ds.sizes['sample']},)."
            raise ValueError(msg)
        chosen = np.flatnonzero(chosen)
    chosen = chosen.astype(np.int64)
    part = ds.drop_dims("spike", errors="ignore").isel(sample=chosen)
    if "spike_time" in ds:
        part = part.drop_vars("spike_count", errors="ignore").assign(select_spikes(ds, chosen))
    return _renewed(part)


def concat(datasets: Iterable[xr.Dataset]) -> xr.Dataset:
    """Join the samples of datasets of one system and one time axis, spikes included.

    Attributes are those of the first; ``swept`` and ``content_hash`` are made anew.

    Raises:
        SchemaError: no dataset, or they differ in equations, names or time axis.
    """
    parts = list(datasets)
    if not parts:
        msg = "concat got no dataset; expected at least one."
        raise SchemaError(msg)
    first = parts[0]
    for i, part in enumerate(parts[1:], 1):
        for name in (
            "equations_hash", "states", "time_unit", "record_every", "duration", "protocol"
        ):  # fmt: skip
            if part.attrs.get(name) != first.attrs.get(name):
                msg = (
                    f"dataset {i} has {name} {part.attrs.get(name)!r}, dataset 0 has "
                    f"{first.attrs.get(name)!r}; only samples of one "
                    "system and protocol on one time axis join."
                )
                raise SchemaError(msg)
    plain = [part.drop_dims("spike", errors="ignore") for part in parts]
    joined = xr.concat(
        plain, dim="sample", data_vars="minimal", coords="minimal", compat="override",
        join="override", combine_attrs="override",
    )  # fmt: skip
    if "spike_time" in first:
        joined = joined.drop_vars("spike_count", errors="ignore").assign(join_spikes(parts))
    return _renewed(joined)


def _renewed(ds: xr.Dataset) -> xr.Dataset:
    swept = []
    for name in parameters_of(ds):
        values = ds[name].values
        if values.size and np.any(values != values[0]):
            swept.append(name)
    ds.attrs["swept"] = json.dumps(swept)
    ds.attrs["content_hash"] = content_hash(ds)
    return ds


def content_hash(ds: xr.Dataset) -> str:
    """SHA-256 of names, dimensions, units and values of all variables and coordinates.

    Independent of attributes such as the creation time, and of compression and byte order.
    """
    total = hashlib.sha256()
    for name in sorted(str(name) for name in ds.variables):
        variable = ds.variables[name]
        kind = variable.dtype.newbyteorder("<")
        head = [name, list(variable.dims), list(variable.shape), kind.str]
        digest = hashlib.sha256()
        for part in _rules.pieces(variable):
            digest.update(np.ascontiguousarray(part, dtype=kind).data)
        total.update(json.dumps([*head, str(variable.attrs.get("units", ""))]).encode())
        total.update(digest.digest())
    return total.hexdigest()


def violations(ds: xr.Dataset, *, content: bool = False) -> list[str]:
    """Every way in which a dataset breaks the contract; empty when it holds.

    Args:
        ds: any dataset.
        content: also compare the stored content hash with the data.
    """
    found = _rules.examine(ds)
    if content and not found and ds.attrs["content_hash"] != content_hash(ds):
        found.append(
            "content_hash differs from the data: the file was changed after it was made. Make it "
            "again, or save it from Python, which renews the hash."
        )
    return found


def validate(ds: xr.Dataset) -> xr.Dataset:
    """Return the dataset unchanged if it holds the contract.

    Raises:
        SchemaError: listing every violation.
    """
    found = violations(ds)
    if found:
        listed = "\n".join(f"  - {line}" for line in found)
        msg = f"the dataset breaks the schema in {len(found)} place(s):\n{listed}"
        raise SchemaError(msg)
    return ds
