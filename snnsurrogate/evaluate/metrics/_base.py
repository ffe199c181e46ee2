"""What a metric is: a function of two records that gives one number per sample."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from snnsurrogate._names import suggestion


@dataclass(frozen=True, kw_only=True)
class Record:
    """Trajectories and features of a set of samples, as metrics see them.

    Attributes:
        states: (sample, time, state), each state divided by its typical standard deviation, so
            that all coordinates are dimensionless and of order one.
        time_step: distance between samples in time, in the time unit of the dataset.
        horizon: length of the first stretch in which trajectories are compared point by point.
        features: name -> (sample,), NaN where a feature does not exist; see `features.FEATURES`.
    """

    states: np.ndarray
    time_step: float
    horizon: float
    features: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.states)


Function = Callable[[Record, Record], np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A registered metric.

    Attributes:
        name: name of the function, and of the score.
        function: (truth, prediction) -> (sample,); NaN where the truth leaves it undefined.
        unit: unit of the values; "time" stands for the dataset's time unit.
        ideal: the value of a perfect prediction.
        better: "lower" or "higher".
        long_name: one line for tables.
        phase_free: True where another stretch of the same attractor would do as well as the same
            stretch; its floor is then the truth's own next record.
    """

    name: str
    function: Function
    unit: str
    ideal: float
    better: Literal["lower", "higher"]
    long_name: str
    phase_free: bool = True

    def __call__(self, truth: Record, prediction: Record) -> np.ndarray:
        """Values over samples."""
        return self.function(truth, prediction)


METRICS: dict[str, Metric] = {}


def metric(
    *,
    unit: str,
    ideal: float,
    better: Literal["lower", "higher"],
    long_name: str,
    phase_free: bool = True,
) -> Callable[[Function], Function]:
    """Register a metric under the name of the decorated function.

    The function gets the truth and the prediction (`Record`) and returns one value per sample,
    computed from that sample alone. A prediction that lacks what the truth has (no bursts,
    non-finite states) must score as badly as the metric can say; only what the truth lacks is NaN.

    Raises:
        ValueError: name taken, or `better` neither "lower" nor "higher".
    """
    if better not in ("lower", "higher"):
        msg = f"better={better!r}; expected 'lower' or 'higher'."
        raise ValueError(msg)

    def register(function: Function) -> Function:
        name = function.__name__
        if name in METRICS:
            other = METRICS[name].function.__module__
            msg = f"a metric called {name!r} is already registered by {other}; choose another name."
            raise ValueError(msg)
        METRICS[name] = Metric(
            name=name,
            function=function,
            unit=unit,
            ideal=ideal,
            better=better,
            long_name=long_name,
            phase_free=phase_free,
        )
        return function

    return register


def get(name: str) -> Metric:
    """Return a registered metric.

    Raises:
        KeyError: unknown name; lists the known ones and the nearest.
    """
    if name not in METRICS:
        msg = f"no metric {name!r}; known: {', '.join(METRICS)}.{suggestion(name, METRICS)}"
        raise KeyError(msg)
    return METRICS[name]
