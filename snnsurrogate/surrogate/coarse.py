"""The coarse state of a network: rates, pending kicks, refractory cells, shapes of histograms.

What a network dataset holds at one time, as a short vector of numbers per cell, which do not depend
on the sizes of the populations: the spikes of each population in the step before (as rates), every
other recorded series (sums divided by the size of their population), and of each histogram its
first cosine coefficients

    c_k = (1 / N) sum_b n_b cos(pi k (b + 1/2) / B),  k = 1 ... 5,

with n_b cells in bin b of B. c_0 is left out: cells that are in no bin are counted by the
refractory series. Simulations and rollouts are read alike.

Source: cosine coefficients of voltage histograms as coarse state after Zhang, Wang, Wu, Cai, Tao,
Xiao & Li (2024), doi:10.1007/s00285-024-02081-0.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import xarray as xr

from snnsurrogate import systems
from snnsurrogate.features.field import drive_of as drive_of
from snnsurrogate.systems import Network

__all__ = ["COEFFICIENTS", "Column", "columns", "cosines", "drive_of", "values"]

COEFFICIENTS = 5
# Time constant of the free decay of a series, where it is known.
_DECAYS = {
    "markov-if": {
        "H_EE": "tau_EE", "H_IE": "tau_IE", "H_EI": "tau_I", "H_II": "tau_I",
        "R_E": "tau_R", "R_I": "tau_R",
    }
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Column:
    """One number of the coarse state.

    Attributes:
        name: of the series, or of the histogram with the number of the coefficient (``V_E_1``).
        unit: per cell.
        meaning: in words.
        population: whose cells it is of.
        kind: "rate", "sum" (divided by the size), "mean" or "cosine".
        decay: parameter that is the time constant of its free decay; empty if there is none.
    """

    name: str
    unit: str
    meaning: str
    population: str
    kind: str
    decay: str = ""

    def to_dict(self) -> dict[str, str]:
        """JSON-able fields."""
        return asdict(self)


def _network(ds: xr.Dataset) -> Network:
    name = str(ds.attrs["system"])
    if not ds.attrs.get("populations"):
        msg = (
            f"the dataset of {name!r} holds single cells; a coarse state needs a network with "
            "populations. RecurrentMap learns single cells."
        )
        raise ValueError(msg)
    system = systems.get(name)
    if not isinstance(system, Network):  # pragma: no cover - the attribute above says it is one
        msg = f"{name!r} is registered, but is no network"
        raise ValueError(msg)
    return system


def columns(ds: xr.Dataset) -> tuple[Column, ...]:
    """The columns of a dataset's coarse state.

    Raises:
        ValueError: single cells; a series or histogram of the network is missing (the message
            names the recording option); a network without histograms or further series.
    """
    network = _network(ds)
    if not network.series and not network.histograms:
        msg = (
            f"{network.name!r} records rates only, which are no state of a network. Declare "
            "series or histograms of it, or take another network."
        )
        raise ValueError(msg)
    missing = [s.name for s in network.series if s.name not in ds]
    lost = [h.name for h in network.histograms if h.name not in ds]
    if missing or lost:
        option = "; simulate with record=['histograms']" if lost else ""
        msg = f"the dataset lacks {missing + lost}, part of the coarse state{option}"
        raise ValueError(msg)
    decays = _DECAYS.get(network.name, {})
    found = [
        Column(
            name=f"rate_{p}", unit="Hz", meaning=f"spikes per {p} cell", population=p, kind="rate"
        )
        for p in network.population_names
    ]
    found += [
        Column(
            name=s.name, unit=s.unit, meaning=s.meaning, population=s.population, kind=s.reduce,
            decay=decays.get(s.name, ""),
        )
        for s in network.series
    ]  # fmt: skip
    found += [
        Column(
            name=f"{h.name}_{k}", unit="1", population=h.population, kind="cosine",
            meaning=f"cosine coefficient {k} of {h.meaning or h.name}, per cell",
        )
        for h in network.histograms
        for k in range(1, COEFFICIENTS + 1)
    ]  # fmt: skip
    return tuple(found)


def cosines(counts: np.ndarray, coefficients: int = COEFFICIENTS) -> np.ndarray:
    """Cosine coefficients (..., 5) of counts (..., bin), not yet divided by the number of cells."""
    return counts.astype(np.float32) @ basis(counts.shape[-1], coefficients).T.astype(np.float32)


def basis(bins: int, coefficients: int = COEFFICIENTS) -> np.ndarray:
    """The cosines (coefficient, bin) that a histogram is multiplied with."""
    order = np.arange(1, coefficients + 1)[:, None]
    return np.asarray(np.cos(np.pi * order * (np.arange(bins) + 0.5) / bins))


def sizes(ds: xr.Dataset) -> dict[str, np.ndarray]:
    """Population -> (sample,) number of cells."""
    return {p: ds[n].values for p, n in json.loads(ds.attrs["populations"]).items()}


def values(ds: xr.Dataset, samples: Any = slice(None)) -> np.ndarray:
    """Coarse state (sample, time, column) float32.

    Args:
        ds: network dataset, a simulation with histograms or a rollout with its whole state.
        samples: positions, mask or slice.

    Raises:
        ValueError: as `columns`.
    """
    rolled = ds.attrs["kind"] == "rollout"
    found = columns_of_rollout(ds) if rolled else columns(ds)
    cells = {p: n[samples].astype(np.float32)[:, None] for p, n in sizes(ds).items()}
    shape = (len(next(iter(cells.values()))), ds.sizes["time"], len(found))
    out = np.empty(shape, dtype=np.float32)
    made = ""
    for i, column in enumerate(found):
        if column.kind == "cosine" and not rolled:
            name = column.name.rpartition("_")[0]
            if name != made:  # all coefficients of a histogram at once
                several = cosines(ds[name].values[samples])
                several /= cells[column.population][..., None]
                out[..., i : i + COEFFICIENTS] = several
                made = name
            continue
        out[..., i] = ds[column.name].values[samples]
        if column.kind == "sum":
            out[..., i] /= cells[column.population]
    return out


def columns_of_rollout(ds: xr.Dataset) -> tuple[Column, ...]:
    """The columns of a rollout, which holds the coefficients as series.

    Raises:
        ValueError: only part of the coarse state was recorded.
    """
    network = _network(ds)
    recorded = [s.name for s in network.series] + [h.name for h in network.histograms]
    found = columns(ds.assign({name: 0 for name in recorded if name not in ds}))
    missing = [c.name for c in found if c.name not in ds]
    if missing:
        msg = f"the rollout lacks {missing}, part of the coarse state; roll out with record=None"
        raise ValueError(msg)
    return found
