"""What is compared: checks that truth and prediction belong together; datasets as records."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from snnsurrogate import features, protocols, schema, systems

from .metrics import Record


class ComparisonError(ValueError):
    """Truth and prediction cannot be compared; the message lists every difference."""


def is_surrogate(other: Any) -> bool:
    """True for anything that rolls out, as opposed to a finished prediction."""
    return callable(getattr(other, "rollout", None))


def start_states(truth: xr.Dataset) -> dict[str, np.ndarray]:
    """State of every sample at t = 0, the end of the transient."""
    return {name: truth[name].values[:, 0].astype(np.float64) for name in schema.states_of(truth)}


def parameter_values(truth: xr.Dataset) -> dict[str, np.ndarray]:
    """Parameter name -> (sample,) values."""
    return {name: truth[name].values for name in schema.parameters_of(truth)}


def roll_out(surrogate: Any, truth: xr.Dataset) -> xr.Dataset:
    """The surrogate from the truth's t = 0 states, with its parameters, for its duration.

    Samples whose truth is not ok have no state to start from where it is not finite: they start
    from the mean state instead, and no score reads them. What drove the truth drives the surrogate,
    noise included.
    """
    initial = start_states(truth)
    ok = schema.ok(truth)
    for name, values in initial.items():
        usable = np.isfinite(values)
        if not usable[ok].all():
            msg = f"truth has non-finite {name!r} at t = 0 in samples marked ok; check the dataset."
            raise ComparisonError(msg)
        filler = values[usable].mean() if usable.any() else 0.0
        initial[name] = np.where(usable, values, filler)
    driven = {"protocol": protocols.of(truth)} if truth.attrs.get("protocol") else {}
    return surrogate.rollout(initial, parameter_values(truth), truth.attrs["duration"], **driven)


def check(truth: xr.Dataset, prediction: xr.Dataset, *, what: str = "prediction") -> None:
    """Raise unless the two hold the same samples, parameters, states and time grid.

    Raises:
        ComparisonError: listing every difference.
    """
    found: list[str] = []
    if not isinstance(prediction, xr.Dataset):
        msg = (
            f"the {what} is a {type(prediction).__name__}; expected a Dataset of the schema or an "
            "object with a rollout method."
        )
        raise ComparisonError(msg)
    n, m = truth.sizes.get("sample", 0), prediction.sizes.get("sample", 0)
    if n != m:
        found.append(f"truth has {n} samples, the {what} {m}")
    a, b = schema.states_of(truth), schema.states_of(prediction)
    if a != b:
        found.append(f"truth has the states {a}, the {what} {b}")
    found += _population_differences(truth, prediction, what)
    found += _time_differences(truth["time"], prediction["time"], what)
    for name in schema.parameters_of(truth):
        if name not in prediction.coords:
            if name in schema.swept_of(truth):
                found.append(f"the {what} lacks the swept parameter {name!r}")
        elif n == m and not np.allclose(
            truth[name].values, prediction[name].values, rtol=1e-9, atol=1e-12
        ):
            found.append(f"parameter {name!r} has other values in the {what}")
    for name in schema.inputs_of(truth):
        same = name in prediction and truth[name].shape == prediction[name].shape
        if not (same and np.allclose(truth[name].values, prediction[name].values)):
            found.append(
                f"input {name!r} is another one in the {what}; drive it with protocols.of(truth)"
            )
    for name in a:
        if name in prediction and truth[name].attrs["units"] != prediction[name].attrs["units"]:
            found.append(
                f"state {name!r} is in {truth[name].attrs['units']!r} in the truth, in "
                f"{prediction[name].attrs['units']!r} in the {what}"
            )
    if found:
        msg = (
            f"truth and {what} cannot be compared:\n"
            + "\n".join(f"  - {line}" for line in found)
            + "\nRoll the surrogate out from the truth's own states, parameters and duration, and "
            "record the truth at the surrogate's step."
        )
        raise ComparisonError(msg)


def validate(ds: xr.Dataset, *, what: str) -> None:
    """Raise if a given dataset breaks the schema: what is not finite must not enter a score.

    Raises:
        SchemaError: listing every violation.
    """
    try:
        schema.validate(ds)
    except schema.SchemaError as error:
        msg = f"the {what}: {error}"
        raise schema.SchemaError(msg) from error


def _population_differences(truth: xr.Dataset, prediction: xr.Dataset, what: str) -> list[str]:
    a, b = (list(schema.populations_of(ds)) for ds in (truth, prediction))
    if a != b:
        return [f"truth has the populations {a}, the {what} {b}"]
    lacking = [name for name in a if f"rate_{name}" not in prediction]
    return [f"the {what} lacks the series rate_{name}" for name in lacking]


def _time_differences(a: xr.DataArray, b: xr.DataArray, what: str) -> list[str]:
    if a.attrs.get("units") != b.attrs.get("units"):
        return [
            f"time is in {a.attrs.get('units')!r} in the truth, in {b.attrs.get('units')!r} in "
            f"the {what}"
        ]
    if a.size != b.size or not np.allclose(a.values, b.values, rtol=1e-9, atol=1e-9):
        return [f"time grids differ: truth {_grid(a)}, {what} {_grid(b)}"]
    return []


def _grid(time: xr.DataArray) -> str:
    if time.size < 2:
        return f"{time.size} point(s)"
    unit = time.attrs.get("units", "")
    step = float(time[1] - time[0])
    return f"0 to {float(time[-1]):g} {unit} in steps of {step:g} {unit} ({time.size} points)"


def warn_of_other_start(truth: xr.Dataset, prediction: xr.Dataset, scale: Mapping) -> None:
    """Warn when a finished prediction does not start where the truth starts."""
    ok = schema.ok(truth) & schema.ok(prediction)
    a, b = start_states(truth), start_states(prediction)
    apart = max((np.max(np.abs(a[s] - b[s])[ok], initial=0.0) / scale[s] for s in a), default=0.0)
    if apart > 1e-3:
        msg = (
            f"truth and prediction start up to {apart:.3g} standard deviations apart; the "
            "short-horizon error then measures that difference too."
        )
        warnings.warn(msg, stacklevel=3)


def scales(truth: xr.Dataset) -> dict[str, float]:
    """Typical standard deviation of each state: the system's own, else that of the ok samples.

    The declared scale is preferred because scores then do not depend on which samples were tested.
    """
    names = schema.states_of(truth)
    try:
        system = systems.get(truth.attrs["system"])
    except (ValueError, KeyError):  # a system that is not registered here
        system = None
    if system is not None and set(names) <= set(system.state_names):
        return {name: float(system.state(name).scale) for name in names}
    ok = schema.ok(truth)
    found = {name: float(np.std(truth[name].values[ok])) if ok.any() else 0.0 for name in names}
    return {name: value if value > 0 else 1.0 for name, value in found.items()}


def record(dataset: xr.Dataset, scale: Mapping[str, float], horizon: float) -> Record:
    """A dataset as metrics see it."""
    time = dataset["time"].values
    states = np.stack(
        [dataset[name].values.astype(np.float64) / scale[name] for name in scale], axis=-1
    )
    table = features.summary(dataset)
    return Record(
        states=states,
        time_step=float(time[1] - time[0]),
        horizon=horizon,
        features={str(name): table[name].values for name in table.data_vars},
    )
