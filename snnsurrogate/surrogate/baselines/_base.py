"""The contract of a baseline: a frozen configuration that learns from runs how to predict runs."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Protocol, TypeVar, final

import numpy as np
import xarray as xr

from snnsurrogate.surrogate.baselines._driven import DrivenBaseline
from snnsurrogate.surrogate.baselines._fitted import Fitted, Request, dataset
from snnsurrogate.surrogate.baselines._runs import Runs

__all__ = ["REGISTRY", "Baseline", "OneByOne", "Roller", "register", "whole_numbers"]

BURN_IN = 1000  # steps that a baseline with a memory runs before its record begins


class Roller(Protocol):
    """What a baseline has learned."""

    def run(self, request: Request, card: Mapping[str, Any]) -> xr.Dataset:
        """All samples of a request."""


class Baseline(abc.ABC):
    """Base of the frozen dataclasses that describe a baseline; unknown fields are a TypeError.

    ``view`` is what of a training dataset is read: its "series" (rates and the sums recorded
    beside them), or the "coarse" state, which needs histograms.
    """

    name: ClassVar[str]
    view: ClassVar[str] = "series"

    @abc.abstractmethod
    def learn(self, runs: Runs, seed: int) -> Roller:
        """Whatever a rollout needs of the training runs."""

    @final
    def fit(self, train: xr.Dataset | Sequence[xr.Dataset], *, seed: int = 0) -> Fitted:
        """Learn from simulated runs of a network.

        Args:
            train: network dataset, or several with one time axis; samples that are not ok are
                left out.
            seed: of what is random in the learning.

        Raises:
            ValueError: single cells, no usable sample, too short records, non-finite values in
                samples that are marked ok, or a dataset that lacks what the baseline reads (the
                message names the recording option).
        """
        runs = Runs.of(train, view=self.view)
        card = runs.card() | {
            "model": {"name": self.name, "settings": asdict(self)},  # type: ignore[call-overload]
            "training": {"seed": seed, "samples": len(runs.x)},
        }
        return Fitted(self.learn(runs, seed), card)


@dataclass(frozen=True, kw_only=True, eq=False)
class OneByOne(abc.ABC):
    """A roller that makes one sample after another, each from random numbers of its own.

    Attributes:
        runs: the training runs.
    """

    runs: Runs

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of what `sample` makes."""
        return tuple(c.name for c in self.runs.columns)

    @abc.abstractmethod
    def sample(
        self, parameters: Mapping[str, float], records: int, rng: np.random.Generator
    ) -> np.ndarray:
        """One record (time, column) of the stationary regime, per cell."""

    @final
    def run(self, request: Request, card: Mapping[str, Any]) -> xr.Dataset:
        """A sample is the same alone and among others."""
        n = len(next(iter(request.columns.values())))
        out = np.empty((n, request.records, len(self.columns)), dtype=np.float32)
        for i in range(n):
            parameters = {name: float(v[i]) for name, v in request.columns.items()}
            words = np.random.SeedSequence((abs(request.seed), int(request.seed < 0), i))
            out[i] = self.sample(parameters, request.records, np.random.default_rng(words))
        return dataset(request, card, self.columns, out)


REGISTRY: dict[str, type] = {}
Kind = TypeVar("Kind", bound=Baseline | DrivenBaseline)


def register(cls: type[Kind]) -> type[Kind]:
    """Class decorator that makes a baseline known under its ``name``.

    Raises:
        ValueError: no name, or one that another baseline has.
    """
    name = getattr(cls, "name", "")
    held = REGISTRY.get(name)
    if not name or (held is not None and held.__qualname__ != cls.__qualname__):
        msg = (
            f"{cls.__qualname__} has the name {name!r}, taken by {held}; give it name: "
            "ClassVar[str] = 'my-baseline'"
        )
        raise ValueError(msg)
    REGISTRY[name] = cls
    return cls


def whole_numbers(baseline: Baseline | DrivenBaseline, *fields: str) -> None:
    """Raise ValueError for fields that are no whole numbers above 0."""
    for field in fields:
        value = getattr(baseline, field)
        if type(value) is not int or value < 1:
            msg = f"{field} of {baseline.name} is {value!r}; expected a whole number above 0"
            raise ValueError(msg)
