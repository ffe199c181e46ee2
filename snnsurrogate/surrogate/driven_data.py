"""Training data of driven neurons: records under an input that start at rest, as plain arrays."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from snnsurrogate import protocols, schema, units
from snnsurrogate.surrogate._driven_filters import filters
from snnsurrogate.surrogate._driven_fit import Records
from snnsurrogate.surrogate.scaling import Scaling

_NOISE = ("ou", "array")  # kinds of protocols of which some samples are drawn each round


@dataclass(frozen=True, kw_only=True, eq=False)
class DrivenData:
    """Usable driven records of one or more datasets, all of one length and step.

    Attributes:
        x: (record, time, state) recorded states in their units.
        start: (record, step) input at the beginning of every step.
        stop: (record, step) input at its end.
        p: (record, k) values of the conditioning parameters.
        random: (record,) bool, driven by noise or a recorded current.
        names: names of the conditioning parameters.
        columns: names of the recorded states.
        observed: name of the state that the model reproduces.
        input: name of the input.
        datasets: where the records come from.
    """

    x: np.ndarray
    start: np.ndarray
    stop: np.ndarray
    p: np.ndarray
    random: np.ndarray
    names: tuple[str, ...]
    columns: tuple[str, ...]
    observed: str
    input: str
    datasets: tuple[xr.Dataset, ...]
    view: str = field(default="driven", init=False)

    @classmethod
    def of(
        cls,
        train: xr.Dataset | Sequence[xr.Dataset],
        names: tuple[str, ...] | None = None,
        *,
        like: DrivenData | None = None,
    ) -> DrivenData:
        """Take the ok samples of datasets made with ``simulate(..., protocol=...)``.

        Args:
            train: one dataset, or several of one system, step and length.
            names: conditioning parameters; default those that vary.
            like: data of the same system.

        Raises:
            ValueError: no usable sample, no input, no spike rule, a record that does not start
                undriven, or datasets that do not belong together.
        """
        datasets = (train,) if isinstance(train, xr.Dataset) else tuple(train)
        if not datasets:
            msg = "train holds no dataset; expected one, or a list of them"
            raise ValueError(msg)
        first = datasets[0]
        for ds in datasets:
            schema.validate(ds)
            _check(first if like is None else like.datasets[0], ds, length=like is None)
        if names is None:
            names = _varying(datasets)
        parts = [_records(ds, names) for ds in datasets]
        x, start, stop, p, random = (np.concatenate([part[i] for part in parts]) for i in range(5))
        if not len(x):
            total = sum(ds.sizes["sample"] for ds in datasets)
            msg = f"none of the {total} samples has status ok; there is nothing to train on"
            raise ValueError(msg)
        return cls(
            x=x, start=start, stop=stop, p=p, random=random, names=names,
            columns=tuple(schema.states_of(first)), input=schema.inputs_of(first)[0],
            observed=json.loads(first.attrs["spike_rule"])["state"], datasets=datasets,
        )  # fmt: skip

    @property
    def time_step(self) -> float:
        """Recording step in the datasets' time unit."""
        ds = self.datasets[0]
        return units.magnitude(ds.attrs["record_every"], _unit(ds), what="record_every")

    @property
    def visited(self) -> dict[str, list[float]]:
        """Smallest and largest value of the observed quantity."""
        y = self.x[..., self.columns.index(self.observed)]
        return {"low": [float(y.min())], "high": [float(y.max())]}

    def scaling(self) -> Scaling:
        """Of the conditioning parameters; hidden states are not scaled, and have no columns."""
        low, high = self.p.min(axis=0), self.p.max(axis=0)
        none = np.empty(0)
        half = np.where(high > low, (high - low) / 2, 1.0)
        return Scaling(mean=none, sd=none, increment=none, mid=(low + high) / 2, half=half)

    def seen(self) -> dict[str, Any]:
        """What a card says about the data."""
        total = sum(ds.sizes["sample"] for ds in self.datasets)
        return {
            "samples": len(self.x),
            "samples_left_out": int(total - len(self.x)),
            "parameter_points": int(len(np.unique(self.p, axis=0))),
            "random_inputs": int(self.random.sum()),
            "content_hash": [ds.attrs["content_hash"] for ds in self.datasets],
            "transient": [ds.attrs["transient"] for ds in self.datasets],
            "duration": [ds.attrs["duration"] for ds in self.datasets],
            "protocol": [ds.attrs["protocol"] for ds in self.datasets],
        }

    def outline(self) -> dict[str, Any]:
        """The part of a card that a model is built from, see `_layout`."""
        ds = self.datasets[0]
        y = self.columns.index(self.observed)
        flat = self.x.reshape(-1, len(self.columns))
        low, high = flat.min(axis=0), flat.max(axis=0)
        return {
            "observed": [{"name": self.observed, "unit": ds[self.observed].attrs["units"]}],
            "input": {
                "name": self.input,
                "unit": ds[self.input].attrs["units"],
                "low": float(min(self.start.min(), self.stop.min())),
                "high": float(max(self.start.max(), self.stop.max())),
            },
            "recorded": {
                "names": list(self.columns),
                "observed": y,
                "mid": ((low + high) / 2).tolist(),
                "half": np.where(high > low, (high - low) / 2, 1.0).tolist(),
            },
        }

    def features(self, outline: dict[str, Any], *, states: bool) -> np.ndarray:
        """What the encoder of initial states reads: (record, time, k), the last one is 1.

        Args:
            outline: of `outline`.
            states: with all recorded states, or the observed one alone; its filters follow.
        """
        about = outline["recorded"]
        scaled = (self.x - np.array(about["mid"])) / np.array(about["half"])
        ones = np.ones((*scaled.shape[:2], 1))
        y = about["observed"]
        known = scaled if states else scaled[..., [y]]
        return np.concatenate([known, filters(self.x[..., y], self.time_step), ones], 2)

    def records(self, features: np.ndarray, *, input_scale: float, scaling: Scaling) -> Records:
        """As the sums of squares take them: inputs (input / scale, scaled parameters)."""
        rule = json.loads(self.datasets[0].attrs["spike_rule"])
        held = np.broadcast_to(
            scaling.parameters(self.p)[:, None], (*self.start.shape, len(self.names))
        )
        first, last = (
            np.ascontiguousarray(np.concatenate([u[..., None] / input_scale, held], 2))
            for u in (self.start, self.stop)
        )
        changes = np.zeros(self.start.shape, dtype=bool)
        changes[:, 1:] = self.start[:, 1:] != self.stop[:, :-1]
        changes |= self.start != self.stop
        last_change = np.array([max(np.flatnonzero(row), default=0) for row in changes])
        return Records(
            dt=self.time_step,
            start=first,
            stop=last,
            y=np.ascontiguousarray(self.x[..., self.columns.index(self.observed)]),
            features=np.ascontiguousarray(features),
            since=np.where(self.random, 0.0, last_change * self.time_step),
            released=~self.random & (last_change > 0) & (self.stop[:, -1] == self.start[:, 0]),
            random=self.random,
            threshold=float(rule["threshold"]),
            reset=float(rule["reset"]),
        )


def _unit(ds: xr.Dataset) -> str:
    return str(ds["time"].attrs["units"])


def _check(first: xr.Dataset, ds: xr.Dataset, *, length: bool) -> None:
    if not schema.inputs_of(ds) or not ds.attrs["spike_rule"]:
        msg = (
            f"the dataset of {ds.attrs['system']!r} holds no input or its system has no spike "
            "rule; a driven model is trained on simulate(..., protocol=...) of a neuron"
        )
        raise ValueError(msg)
    for name, a, b in (
        ("system equations", first.attrs["equations_hash"], ds.attrs["equations_hash"]),
        ("states", schema.states_of(first), schema.states_of(ds)),
        ("input", schema.inputs_of(first), schema.inputs_of(ds)),
        ("recording step", first.attrs["record_every"], ds.attrs["record_every"]),
        ("length", first.sizes["time"], ds.sizes["time"]),
    ):
        if a != b and (length or name != "length"):
            msg = f"the datasets differ in {name}: {a} and {b}; record them alike"
            raise ValueError(msg)


def _varying(datasets: tuple[xr.Dataset, ...]) -> tuple[str, ...]:
    names = schema.parameters_of(datasets[0])
    columns = {n: np.concatenate([ds[n].values for ds in datasets]) for n in names}
    return tuple(n for n in names if columns[n].size and (columns[n] != columns[n][0]).any())


def _records(ds: xr.Dataset, names: tuple[str, ...]) -> tuple[np.ndarray, ...]:
    good = schema.ok(ds)
    x = np.stack([ds[s].values[good].astype(float) for s in schema.states_of(ds)], -1)
    if not np.isfinite(x).all():
        bad = np.flatnonzero(good)[~np.isfinite(x).all(axis=(1, 2))][:8]
        msg = f"samples {bad.tolist()} are marked ok but hold non-finite states; mark or drop them"
        raise ValueError(msg)
    drive = protocols.of(ds)
    unit = ds[schema.inputs_of(ds)[0]].attrs["units"]
    start, stop = drive.segments(ds.attrs["record_every"], ds.sizes["time"] - 1, unit=unit)
    noisy = any(part.kind in _NOISE for part in drive.protocol.leaves())
    p = np.stack([ds[n].values[good] for n in names], 1) if names else np.empty((good.sum(), 0))
    random = np.full(int(good.sum()), noisy)
    return x, start[good], stop[good], np.asarray(p, dtype=float), random
