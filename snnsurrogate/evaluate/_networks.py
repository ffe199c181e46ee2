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
    spectra = {name: _rows(lambda name=name: features.spectrum(dataset, name)) for name in names}
    return NetworkRecord(
        ok=schema.ok(dataset),
        populations=names,
        features={str(name): table[name].values for name in table.data_vars},
        spectra={name: _known(rows, dataset) for name, rows in spectra.items()},
        correlation=_correlation(dataset, names),
        events=events(dataset),
    )


def events(dataset: xr.Dataset, detector: str = DETECTOR) -> dict[str, list[np.ndarray]]:
    """Size in the first population, duration and interval of events, one array per sample."""
    first = next(iter(schema.populations_of(dataset)))
    try:
        table = features.events(dataset, detector=detector)
    except NotRecordedError:
        none = [np.empty(0)] * dataset.sizes["sample"]
        return {"size": none, "duration": none, "interval": none}
    ends = np.cumsum(table["event_count"].values)[:-1]
    columns = {"size": f"size_{first}", "duration": "duration", "interval": "interval"}
    return {
        name: [part[np.isfinite(part)] for part in np.split(table[column].values, ends)]
        for name, column in columns.items()
    }


def _rows(read: Any) -> np.ndarray | None:
    try:
        return read().values
    except NotRecordedError:  # the record is shorter than what is read from it
        return None


def _known(rows: np.ndarray | None, dataset: xr.Dataset) -> np.ndarray:
    empty = np.full((dataset.sizes["sample"], features.rhythm.WINDOW // 2 + 1), np.nan)
    return empty if rows is None else rows


def _correlation(dataset: xr.Dataset, names: tuple[str, ...]) -> np.ndarray:
    samples = dataset.sizes["sample"]
    if len(names) < 2:
        return np.empty((samples, 0))
    rows = _rows(lambda: features.cross_correlation(dataset, (names[0], names[1])))
    return np.empty((samples, 0)) if rows is None else rows


def labels(sources: dict[str, xr.Dataset]) -> dict[str, xr.DataArray]:
    """Regimes of every source; the warning of a short record once, not for each of them."""
    found = {}
    for i, (name, dataset) in enumerate(sources.items()):
        with warnings.catch_warnings():
            if i:
                warnings.simplefilter("ignore", UserWarning)
            found[name] = features.regimes(dataset)
    return found
