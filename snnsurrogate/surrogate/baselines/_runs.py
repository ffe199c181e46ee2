"""Training runs of a network as arrays, and which of them are near a point of parameter space."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from snnsurrogate import schema, systems, units
from snnsurrogate.surrogate import coarse
from snnsurrogate.surrogate._card import versions
from snnsurrogate.surrogate.scaling import Scaling

__all__ = ["Runs"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Runs:
    """Usable runs of one network with one time axis.

    Attributes:
        ds: the dataset of these runs alone.
        columns: what was read, in order.
        x: (run, time, column) float32, per cell.
        names: parameters that vary; of those that are equal in every run only the first.
        p: (run, name) their values.
        scaling: of states and of these parameters.
        step: recording step in the unit of time; `seconds` the same in s.
    """

    ds: xr.Dataset
    columns: tuple[coarse.Column, ...]
    x: np.ndarray
    names: tuple[str, ...]
    p: np.ndarray
    scaling: Scaling
    step: float
    seconds: float

    @classmethod
    def of(cls, train: xr.Dataset | Sequence[xr.Dataset], *, view: str) -> Runs:
        """Read the ok samples; ``view`` is "series" or "coarse".

        Raises:
            ValueError: see `Baseline.fit`; non-finite values are found by the schema.
        """
        ds = train if isinstance(train, xr.Dataset) else schema.concat(train)
        schema.validate(ds)
        columns = coarse.columns(ds if view == "coarse" else _with_histograms(ds))
        if view != "coarse":
            columns = tuple(c for c in columns if c.kind != "cosine")
        good = np.flatnonzero(schema.ok(ds))
        if not good.size:
            msg = f"none of the {ds.sizes['sample']} samples has status ok; nothing to learn from"
            raise ValueError(msg)
        if ds.sizes["time"] < 2:
            msg = f"the record has {ds.sizes['time']} time points; expected two or more"
            raise ValueError(msg)
        ds = schema.select(ds, good)
        x = coarse.values(ds) if view == "coarse" else _series(ds, columns)
        names = _apart(ds)
        p = np.stack([ds[n].values for n in names], 1) if names else np.empty((len(x), 0))
        flat = (x[:, :-1].reshape(-1, x.shape[2]), x[:, 1:].reshape(-1, x.shape[2]))
        return cls(
            ds=ds, columns=columns, x=x, names=names, p=p,
            scaling=Scaling.fitted(flat[0].astype(float), flat[1].astype(float), p),
            step=units.magnitude(
                ds.attrs["record_every"], ds.attrs["time_unit"], what="record_every"
            ),
            seconds=units.magnitude(ds.attrs["record_every"], "s", what="record_every"),
        )  # fmt: skip

    @property
    def q(self) -> np.ndarray:
        """(run, name) parameters, from -1 to 1 over the training runs."""
        return self.scaling.parameters(self.p)

    def scaled(self, parameters: Mapping[str, float]) -> np.ndarray:
        """(name,) of one point."""
        return self.scaling.parameters(np.array([parameters[n] for n in self.names], dtype=float))

    def nearest(self, parameters: Mapping[str, float]) -> tuple[np.ndarray, np.ndarray]:
        """All runs, nearest first, and their distances in scaled parameters."""
        apart = np.sqrt(((self.q - self.scaled(parameters)) ** 2).sum(axis=1))
        order = np.argsort(apart, kind="stable")
        return order, apart[order]

    def cells(self, parameters: Mapping[str, float]) -> np.ndarray:
        """(population,) numbers of cells at a point."""
        sizes = schema.populations_of(self.ds)
        return np.array([parameters[name] for name in sizes.values()])

    def position(self, name: str) -> int:
        """Of a column."""
        return [c.name for c in self.columns].index(name)

    def card(self) -> dict[str, Any]:
        """What a rollout must know of the training data, and its output must say (JSON-able)."""
        ds = self.ds
        varied = schema.swept_of(ds)
        kept = ("system", "title", "source", "equations", "equations_hash", "regime_rule")
        columns = {n: ds[n].values for n in schema.parameters_of(ds)}
        return {
            "states": [c.to_dict() for c in self.columns],
            "parameters": [
                {
                    "name": n, "unit": ds[n].attrs["units"],
                    "low": float(columns[n].min()), "high": float(columns[n].max()),
                }
                for n in varied
            ],
            "fixed_parameters": {n: float(v[0]) for n, v in columns.items() if n not in varied},
            "tied_parameters": [
                [a, b]
                for i, a in enumerate(varied)
                for b in varied[i + 1 :]
                if np.array_equal(columns[a], columns[b])
            ],
            "dt": ds.attrs["record_every"],
            "time_unit": ds.attrs["time_unit"],
            "truth": {
                **{k: ds.attrs[k] for k in kept},
                "parameters": json.loads(ds.attrs["parameters"]),
                "populations": ds.attrs["populations"],
                "content_hash": ds.attrs["content_hash"],
                "transient": ds.attrs["transient"],
            },
            "versions": versions(),
        }  # fmt: skip


def _with_histograms(ds: xr.Dataset) -> xr.Dataset:
    """The dataset as if its histograms had been recorded, to name the other columns."""
    if not schema.populations_of(ds):  # the reader of columns says so
        return ds
    network = systems.get(str(ds.attrs["system"]))
    if not isinstance(network, systems.Network):
        msg = f"{network.name!r} is registered, but is no network"
        raise ValueError(msg)
    return ds.assign({h.name: 0 for h in network.histograms if h.name not in ds})


def _series(ds: xr.Dataset, columns: tuple[coarse.Column, ...]) -> np.ndarray:
    """(run, time, column) per cell."""
    cells = coarse.sizes(ds)
    out = np.empty((ds.sizes["sample"], ds.sizes["time"], len(columns)), dtype=np.float32)
    for i, column in enumerate(columns):
        out[..., i] = ds[column.name].values
        if column.kind == "sum":
            out[..., i] /= cells[column.population].astype(np.float32)[:, None]
    return out


def _apart(ds: xr.Dataset) -> tuple[str, ...]:
    """Swept parameters without those that equal an earlier one in every run.

    Equal columns would count twice in every distance.
    """
    kept: list[str] = []
    for name in schema.swept_of(ds):
        if not any(np.array_equal(ds[name].values, ds[other].values) for other in kept):
            kept.append(name)
    return tuple(kept)
