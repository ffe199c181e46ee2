"""Training windows of a dataset: state now, states after 1..h steps, parameters."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from snnsurrogate import schema, units
from snnsurrogate.features import regimes
from snnsurrogate.surrogate import coarse, events
from snnsurrogate.surrogate.scaling import Scaling

_BIN = 0.25  # width of a cell of the scaled state-increment-parameter space


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Usable trajectories of one or more datasets, end to end.

    Attributes:
        x: (point, state) states of all trajectories, physical units.
        begin: (trajectory,) index of the first point of each trajectory.
        length: (trajectory,) number of its points.
        p: (trajectory, k) values of the conditioning parameters.
        names: names of the conditioning parameters.
        datasets: where the trajectories come from.
        columns: names of the states.
        view: "states" of the datasets, the "coarse" state of a network, or its "events": a
            trajectory is then all cycles of events at one parameter point, in no order.
    """

    x: np.ndarray
    begin: np.ndarray
    length: np.ndarray
    p: np.ndarray
    names: tuple[str, ...]
    datasets: tuple[xr.Dataset, ...]
    columns: tuple[str, ...]
    view: str = "states"

    @classmethod
    def of(
        cls,
        train: xr.Dataset | Sequence[xr.Dataset],
        names: tuple[str, ...] | None = None,
        *,
        like: TrainingData | None = None,
        view: str = "states",
    ) -> TrainingData:
        """Take the ok samples.

        Args:
            train: one dataset, or several of one system with one recording step.
            names: conditioning parameters; default those that vary.
            like: data of the same system (the recording step may differ).
            view: "states", or "coarse" or "events" of a network.

        Raises:
            ValueError: no usable sample, fewer than two time points, non-finite states in a sample
                that claims to be ok, datasets that do not belong together, or a network where
                states are needed and the reverse.
        """
        datasets = (train,) if isinstance(train, xr.Dataset) else tuple(train)
        if not datasets:
            msg = "train holds no dataset; expected one, or a list of them"
            raise ValueError(msg)
        for ds in datasets:
            schema.validate(ds)
            _check_view(ds, view)
            _check_same(datasets[0], ds)
            if like is not None:
                _check_same(like.datasets[0], ds, step=False)
        if names is None:
            names = _varying(datasets)
        if view == "events":
            x, length, p = events.by_point(datasets, names)
        else:
            parts = [_usable(ds, names, view) for ds in datasets]
            length = np.concatenate([np.full(x.shape[0], x.shape[1]) for x, _ in parts])
            x = np.concatenate([x.reshape(-1, x.shape[2]) for x, _ in parts])
            p = np.concatenate([p for _, p in parts])
        if not length.size:
            total = sum(ds.sizes["sample"] for ds in datasets)
            msg = f"none of the {total} samples has status ok; there is nothing to train on"
            raise ValueError(msg)
        return cls(
            x=x,
            begin=np.concatenate([[0], np.cumsum(length)[:-1]]),
            length=length,
            p=p,
            names=names,
            datasets=datasets,
            columns=_columns(datasets[0], view),
            view=view,
        )

    def starts(self, horizon: int) -> tuple[np.ndarray, np.ndarray]:
        """Every window of horizon steps: index of its first point, and its trajectory.

        Raises:
            ValueError: no trajectory is that long.
        """
        count = np.maximum(self.length - horizon, 0)
        if not count.any():
            msg = (
                f"a horizon of {horizon} steps needs records of {horizon + 1} points; the longest "
                f"has {self.length.max()}"
            )
            raise ValueError(msg)
        trajectory = np.repeat(np.arange(len(count)), count)
        first = np.cumsum(count) - count
        point = self.begin[trajectory] + np.arange(count.sum()) - first[trajectory]
        return point, trajectory

    def scaling(self) -> Scaling:
        """Scaling fitted to all one-step pairs."""
        point, _ = self.starts(1)
        before, after = (self.x[i].astype(float) for i in (point, point + 1))
        return Scaling.fitted(before, after, self.p)

    def seen(self) -> dict[str, Any]:
        """What a card says about the data: counts, regimes, ranges."""
        counts: dict[str, int] = {}
        for ds in self.datasets:
            if "spike_count" not in ds and self.view == "states":
                continue
            if self.view != "states" and not ds.attrs.get("regime_rule"):
                continue
            if events.LEVEL in ds:  # too short to have a regime
                continue
            with warnings.catch_warnings():  # many short records: the counts are what is wanted
                warnings.filterwarnings("ignore", message="the record of .* is short")
                labels = regimes(ds)
            for value, meaning in zip(
                labels.attrs["flag_values"], labels.attrs["flag_meanings"].split(), strict=True
            ):
                counts[meaning] = counts.get(meaning, 0) + int((labels.values == value).sum())
        total = sum(ds.sizes["sample"] for ds in self.datasets)
        used = len(self.length)
        if self.view == "events":
            used = sum(int(schema.ok(ds).sum()) for ds in self.datasets)
        return {
            "samples": used,
            "samples_left_out": int(total - used),
            "pairs": int((self.length - (self.view != "events")).sum()),
            "parameter_points": int(len(np.unique(self.p, axis=0))),
            "regimes": counts,
            "content_hash": [ds.attrs["content_hash"] for ds in self.datasets],
            "transient": [ds.attrs["transient"] for ds in self.datasets],
            "duration": [ds.attrs["duration"] for ds in self.datasets],
        }

    def spread(
        self, scaling: Scaling, n: int, *, horizon: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw windows spread over the space of state, increment and parameter.

        A spiking neuron spends most of its time silent; windows drawn uniformly in time would not
        see its spikes. The space is divided into cells, and a window is drawn with a weight of one
        over the square root of the number of windows in its cell, without replacement.

        Returns:
            First points and trajectories of min(n, available) windows, as `starts` gives them.
        """
        point, trajectory = self.starts(horizon)
        change = (self.x[point + 1] - self.x[point]) / (scaling.sd * scaling.increment)
        q = scaling.parameters(self.p)[trajectory]
        cells = np.concatenate([scaling.states(self.x[point]), np.arcsinh(3.0 * change), q], 1)
        weight = 1.0 / np.sqrt(_multiplicity(np.floor(cells / _BIN).astype(np.int64)))
        key = rng.exponential(size=len(cells)) / weight  # smallest keys: weighted, no replacement
        n = min(n, len(cells))
        chosen = np.sort(np.argpartition(key, n - 1)[:n])
        return point[chosen], trajectory[chosen]

    def windows(
        self, scaling: Scaling, point: np.ndarray, trajectory: np.ndarray, *, horizon: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Scaled windows: x0 (window, state), targets (window, horizon, state), q (window, k)."""
        x = scaling.states(self.x[point[:, None] + np.arange(horizon + 1)])
        return x[:, 0], x[:, 1:], scaling.parameters(self.p)[trajectory]

    @property
    def visited(self) -> dict[str, list[float]]:
        """Smallest and largest value of each state."""
        return {"low": self.x.min(axis=0).tolist(), "high": self.x.max(axis=0).tolist()}

    @property
    def time_step(self) -> float:
        """Recording step in the datasets' time unit."""
        return _time_step(self.datasets[0])


def _time_step(ds: xr.Dataset) -> float:
    unit = ds["time"].attrs["units"]
    return units.magnitude(ds.attrs["record_every"], unit, what="record_every")


def _check_same(first: xr.Dataset, other: xr.Dataset, *, step: bool = True) -> None:
    for name, a, b in (
        ("system equations", first.attrs["equations_hash"], other.attrs["equations_hash"]),
        ("states", schema.states_of(first), schema.states_of(other)),
        ("recording step", _time_step(first), _time_step(other)),
    ):
        if a != b and (step or name != "recording step"):
            what = "training datasets" if step else "training and validation data"
            msg = f"the {what} differ in {name}: {a} and {b}; use one kind of data"
            raise ValueError(msg)


def _varying(datasets: tuple[xr.Dataset, ...]) -> tuple[str, ...]:
    names = schema.parameters_of(datasets[0])
    columns = {n: np.concatenate([ds[n].values for ds in datasets]) for n in names}
    return tuple(n for n in names if columns[n].size and (columns[n] != columns[n][0]).any())


def _columns(ds: xr.Dataset, view: str) -> tuple[str, ...]:
    if view != "states":
        return tuple(c.name for c in (coarse if view == "coarse" else events).columns(ds))
    return tuple(schema.states_of(ds))


def _check_view(ds: xr.Dataset, view: str) -> None:
    if view == "states" and not schema.states_of(ds):
        msg = (
            f"the dataset of {ds.attrs['system']!r} is of a network, which has no states of its "
            "own; fit PopulationMap to its coarse state"
        )
        raise ValueError(msg)
    if view == "coarse":
        coarse.columns(ds)  # says what is missing
    if view == "events":
        events.check(ds)


def _usable(ds: xr.Dataset, names: tuple[str, ...], view: str) -> tuple[np.ndarray, np.ndarray]:
    good = schema.ok(ds)
    if ds.sizes["time"] < 2:
        msg = f"the record has {ds.sizes['time']} time points; training needs pairs of states"
        raise ValueError(msg)
    if view == "coarse":
        x = coarse.values(ds, good)
    else:
        x = np.stack([ds[s].values[good].astype(float) for s in schema.states_of(ds)], -1)
    if not np.isfinite(x).all():
        bad = np.flatnonzero(good)[~np.isfinite(x).all(axis=(1, 2))][:8]
        msg = f"samples {bad.tolist()} are marked ok but hold non-finite states; mark or drop them"
        raise ValueError(msg)
    p = np.stack([ds[n].values[good] for n in names], 1) if names else np.empty((good.sum(), 0))
    return x, np.asarray(p, dtype=float)


def _multiplicity(cells: np.ndarray) -> np.ndarray:
    """How many rows equal each row; rows are hashed (a collision only changes a weight)."""
    mixed = np.zeros(len(cells), dtype=np.uint64)
    for column in cells.T:
        mixed = (mixed ^ column.astype(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    _, inverse, counts = np.unique(mixed, return_inverse=True, return_counts=True)
    return counts[inverse]
