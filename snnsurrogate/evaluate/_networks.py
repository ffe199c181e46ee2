"""Networks: their records as metrics see them, their rollout, and their twin."""

from __future__ import annotations

import json
import warnings
from typing import Any

import numpy as np
import xarray as xr

from snnsurrogate import features, schema
from snnsurrogate.features import NotRecordedError
from snnsurrogate.simulate import Design, simulate

from ._again import Recipe
from ._inputs import parameter_values
from .metrics import NetworkRecord

DETECTOR = "crossing"  # needs counts only, so that simulations and surrogates are read alike
STATED = "stated"  # of a prediction made of events, which holds no time course inside them


def roll_out(surrogate: Any, truth: xr.Dataset) -> xr.Dataset:
    """The surrogate from its own stationary regime: a stochastic network has no common start."""
    return surrogate.rollout(None, parameter_values(truth), truth.attrs["duration"])


def another_seed(truth: xr.Dataset) -> tuple[xr.Dataset, str]:
    """The truth again with another seed, of the same length and by the same engine.

    Returns:
        The twin, and what it is in words.

    Raises:
        NotRepeatableError: see `Recipe.of`.
    """
    recipe = Recipe.of(truth)
    seed = int(np.random.SeedSequence([int(truth.attrs["seed"]), 2]).generate_state(1)[0])
    exact = str(truth.attrs["engine"]).startswith("exact")
    twin = simulate(
        recipe.system,
        Design.points(parameter_values(truth)),
        duration=recipe.duration,
        record_every=recipe.record_every,
        transient=recipe.transient,
        engine="exact" if exact else "brian2",
        record=[name for name in json.loads(truth.attrs["record"]) if name == "spikes"],
        seed=seed,
        dt=None if exact else truth.attrs["dt"],
        progress=False,
    )
    return twin, f"the truth again with another seed ({seed})"


def record(dataset: xr.Dataset, table: xr.Dataset) -> NetworkRecord:
    """A dataset as metrics see it.

    Args:
        dataset: of a network.
        table: its features.
    """
    names = tuple(schema.populations_of(dataset))
    missing = {
        str(name): str(column.attrs["missing"])
        for name, column in table.data_vars.items()
        if "missing" in column.attrs
    }

    def read(what: str, function: Any, empty: Any) -> Any:
        try:
            return function()
        except NotRecordedError as error:
            missing[what] = str(error)
            return empty

    samples = dataset.sizes["sample"]
    spectra = {
        name: read(
            "spectra",
            lambda name=name: features.spectrum(dataset, name).values,
            np.full((samples, features.rhythm.WINDOW // 2 + 1), np.nan),
        )
        for name in names
    }
    correlation = np.empty((samples, 0))
    if len(names) < 2:
        missing["correlation"] = "the network has one population"
    else:
        correlation = read(
            "correlation",
            lambda: features.cross_correlation(dataset, (names[0], names[1])).values,
            correlation,
        )
    none = [np.empty(0)] * samples
    return NetworkRecord(
        ok=schema.ok(dataset),
        populations=names,
        features={str(name): table[name].values for name in table.data_vars},
        spectra=spectra,
        correlation=correlation,
        events=read(
            "events",
            lambda: _events(dataset, STATED if "event" in dataset else DETECTOR),
            {"size": none, "duration": none, "interval": none},
        ),
        missing=missing,
    )


def events(dataset: xr.Dataset, detector: str = DETECTOR) -> dict[str, list[np.ndarray]]:
    """Size in the first population, duration and interval of events, one array per sample.

    Empty where the record is too coarse or too short for the detector.
    """
    try:
        return _events(dataset, detector)
    except NotRecordedError:
        none = [np.empty(0)] * dataset.sizes["sample"]
        return {"size": none, "duration": none, "interval": none}


def _events(dataset: xr.Dataset, detector: str) -> dict[str, list[np.ndarray]]:
    first = next(iter(schema.populations_of(dataset)))
    table = features.events(dataset, detector=detector)
    ends = np.cumsum(table["event_count"].values)[:-1]
    columns = {"size": f"size_{first}", "duration": "duration", "interval": "interval"}
    return {
        name: [part[np.isfinite(part)] for part in np.split(table[column].values, ends)]
        for name, column in columns.items()
    }


def labels(sources: dict[str, xr.Dataset]) -> dict[str, xr.DataArray]:
    """Regimes of every source; the warning of a short record once, not for each of them.

    None at all where one of the records is too coarse to be labelled; that is warned of.
    """
    found: dict[str, xr.DataArray] = {}
    for i, (name, dataset) in enumerate(sources.items()):
        with warnings.catch_warnings():
            if i:
                warnings.simplefilter("ignore", UserWarning)
            try:
                found[name] = features.regimes(dataset)
            except NotRecordedError as error:
                warnings.warn(f"{name} gets no regime labels: {error}", stacklevel=3)
                return {}
    return found
