"""Training data of a model of scalar series: uninterrupted pieces of one observed quantity."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import xarray as xr

from snnsurrogate import schema, units
from snnsurrogate.surrogate import embedding
from snnsurrogate.surrogate.scaling import Scaling

CONTROL = "control"  # name of the input where no parameter varies
TRAINED_AT = 1.0  # its value in training; at 0 its column of the first layer would never train


@dataclass(frozen=True, kw_only=True, eq=False)
class SeriesData:
    """The usable samples of one observed variable; every sample is a piece.

    Attributes:
        series: the pieces, their sampling step, name and unit.
        p: (piece, k) values of the conditioning parameters; 1 where there is only the control.
        names: names of the conditioning parameters, or ``("control",)`` where none varies.
        datasets: where the pieces come from.
        latent: dimension of the recovered state; 0 before it is known.
        choice: what was chosen on these data and why, for the card.
    """

    series: embedding.Series
    p: np.ndarray
    names: tuple[str, ...]
    datasets: tuple[xr.Dataset, ...]
    latent: int = 0
    choice: dict[str, Any] = field(default_factory=dict)
    view: str = field(default="series", init=False)

    @classmethod
    def of(
        cls,
        train: xr.Dataset | Sequence[xr.Dataset],
        names: tuple[str, ...] | None = None,
        *,
        variable: str | None = None,
    ) -> SeriesData:
        """Take the ok samples.

        Args:
            train: one dataset, or several with one sampling step.
            names: conditioning parameters; default those that vary, or the control.
            variable: which state is the series; default the first one.

        Raises:
            ValueError: see `embedding.series_of`; or datasets that do not belong together.
        """
        datasets = (train,) if isinstance(train, xr.Dataset) else tuple(train)
        if not datasets:
            msg = "train holds no dataset; expected one, or a list of them"
            raise ValueError(msg)
        for ds in datasets:
            schema.validate(ds)
        parts = [embedding.series_of(ds, variable) for ds in datasets]
        first = parts[0]
        for part in parts:
            same = (part.name, part.unit, part.time_unit) == (
                first.name,
                first.unit,
                first.time_unit,
            )
            if not same or abs(part.time_step / first.time_step - 1) > 1e-9:
                msg = (
                    f"the series differ: {first.name} in {first.unit} every {first.time_step:g} "
                    f"{first.time_unit}, and {part.name} in {part.unit} every "
                    f"{part.time_step:g} {part.time_unit}; use one quantity and one sampling step"
                )
                raise ValueError(msg)
        if names is None:
            names = _varying(datasets) or (CONTROL,)
        p = np.concatenate([_parameters(ds, names) for ds in datasets])
        whole = embedding.Series(
            pieces=tuple(piece for part in parts for piece in part.pieces),
            time_step=first.time_step, name=first.name, unit=first.unit,
            time_unit=first.time_unit,
            parameters={name: p[:, i] for i, name in enumerate(names) if name != CONTROL},
        )  # fmt: skip
        return cls(series=whole, p=p, names=names, datasets=datasets)

    def like(self, other: SeriesData) -> SeriesData:
        """The same pieces for the recovered state of another's."""
        return replace(self, latent=other.latent, choice=other.choice)

    @property
    def controlled(self) -> bool:
        """Whether the only input is a control that stands for no parameter."""
        return self.names == (CONTROL,)

    @property
    def time_step(self) -> float:
        """Sampling step in the datasets' time unit."""
        return self.series.time_step

    @property
    def visited(self) -> dict[str, list[float]]:
        """Smallest and largest value of the observed quantity."""
        every = np.concatenate(self.series.pieces)
        return {"low": [float(every.min())], "high": [float(every.max())]}

    def scaling(self) -> Scaling:
        """Of the parameters; recovered states are standardised by the embedding itself."""
        ones = np.ones(self.latent)
        mid, half = np.zeros(1), np.ones(1)
        if not self.controlled:
            low, high = self.p.min(axis=0), self.p.max(axis=0)
            mid, half = (low + high) / 2, np.where(high > low, (high - low) / 2, 1.0)
        return Scaling(mean=0 * ones, sd=ones, increment=ones.copy(), mid=mid, half=half)

    def seen(self) -> dict[str, Any]:
        """What a card says about the data."""
        total = sum(ds.sizes["sample"] for ds in self.datasets)
        return {
            "samples": len(self.series.pieces),
            "samples_left_out": int(total - len(self.series.pieces)),
            "pairs": int(sum(len(p) - 1 for p in self.series.pieces)),
            "parameter_points": int(len(np.unique(self.p, axis=0))),
            "content_hash": [ds.attrs["content_hash"] for ds in self.datasets],
            "transient": [ds.attrs["transient"] for ds in self.datasets],
            "duration": [ds.attrs["duration"] for ds in self.datasets],
        }

    def outline(self) -> dict[str, Any]:
        """The part of a card that a model is built from, see `_layout`."""
        return {
            "states": [{"name": name, "unit": "1"} for name in latent_names(self.latent)],
            "observed": [{"name": self.series.name, "unit": self.series.unit}],
        }

    def described(self) -> dict[str, Any]:
        """Parameters of the system as its datasets describe them, with the control."""
        known = dict(json.loads(self.datasets[0].attrs["parameters"]))
        if self.controlled:
            known[CONTROL] = {"value": TRAINED_AT, "unit": "1", "low": 0.0, "high": 2.0}
        return known

    def samples(self, time: Any, *, what: str) -> float:
        """A time, text with unit, in sampling steps."""
        return units.magnitude(time, self.series.time_unit, what=what) / self.time_step


def latent_names(dimension: int) -> tuple[str, ...]:
    """Names of the coordinates of a recovered state."""
    return tuple(f"u_{i + 1}" for i in range(dimension))


def _varying(datasets: tuple[xr.Dataset, ...]) -> tuple[str, ...]:
    names = schema.parameters_of(datasets[0])
    columns = {n: np.concatenate([ds[n].values[schema.ok(ds)] for ds in datasets]) for n in names}
    return tuple(n for n in names if columns[n].size and (columns[n] != columns[n][0]).any())


def _parameters(ds: xr.Dataset, names: tuple[str, ...]) -> np.ndarray:
    good = schema.ok(ds)
    if names == (CONTROL,):
        return np.full((int(good.sum()), 1), TRAINED_AT)
    return np.stack([ds[n].values[good].astype(float) for n in names], 1)
