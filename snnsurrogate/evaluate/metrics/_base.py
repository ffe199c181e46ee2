"""What a metric is: a function of two records that gives one number per sample.

It says what it reads: cells (`Record`), a network (`NetworkRecord`), or a network one population at
a time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

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


@dataclass(frozen=True, kw_only=True)
class NetworkRecord:
    """Activity of the networks of a set of samples, as metrics see it.

    Attributes:
        ok: (sample,), False where the run failed; what is read from it is then missing.
        populations: names, in the order of the network.
        features: name -> (sample,), NaN where a feature does not exist; see `features.FEATURES`.
        spectra: population -> (sample, frequency), Welch density of the rate in 1 ms bins; NaN
            where there is none.
        correlation: (sample, lag), spikes of the second population around one of the first; NaN
            where there is none, no columns for a network of one population.
        events: "size", "duration", "interval" -> one array per sample: multiple-firing events by
            the detector that serves simulations and surrogates alike.
        missing: what the record does not hold -> why: names of features, "spectra", "correlation",
            "events". Not recorded is not wrong: a score that needs it does not exist.
    """

    ok: np.ndarray
    populations: tuple[str, ...]
    features: Mapping[str, np.ndarray]
    spectra: Mapping[str, np.ndarray]
    correlation: np.ndarray
    events: Mapping[str, Sequence[np.ndarray]]
    missing: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.ok)


def lacking(what: str, *records: NetworkRecord) -> np.ndarray | None:
    """NaN for every sample where one of the records does not hold what a score needs, else None."""
    if any(what in record.missing for record in records):
        return np.full(len(records[0]), np.nan)
    return None


Function = Callable[..., np.ndarray]
CELL, NETWORK, POPULATION = "cell", "network", "population"
OVER: dict[str, Callable[[np.ndarray], Any]] = {
    "mean": np.mean,
    "median": np.median,
    "max": np.max,
}


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A registered metric.

    Attributes:
        name: name of the function, and of the score.
        function: (truth, prediction) -> (sample,); NaN where the truth leaves it undefined. One
            that reads populations gets the name of one as a third argument.
        unit: unit of the values; "time" stands for the dataset's time unit.
        ideal: the value of a perfect prediction.
        better: "lower" or "higher".
        long_name: one line for tables.
        phase_free: True where another stretch of the same attractor would do as well as the same
            stretch; its floor is then the truth's own next record.
        reads: "cell", "network" or "population".
        over: how values over samples become scores: "mean" alone is the score `name`, others are
            `name_median`, `name_max`.
    """

    name: str
    function: Function
    unit: str
    ideal: float
    better: Literal["lower", "higher"]
    long_name: str
    phase_free: bool = True
    reads: str = CELL
    over: tuple[str, ...] = ("mean",)

    def __call__(self, truth: Any, prediction: Any, *population: str) -> np.ndarray:
        """Values over samples."""
        return self.function(truth, prediction, *population)


METRICS: dict[str, Metric] = {}  # of cells
NETWORK_METRICS: dict[str, Metric] = {}


def metric(
    *,
    unit: str,
    ideal: float,
    better: Literal["lower", "higher"],
    long_name: str,
    phase_free: bool = True,
    reads: str = CELL,
    over: Sequence[str] = ("mean",),
) -> Callable[[Function], Function]:
    """Register a metric under the name of the decorated function.

    The function gets the truth and the prediction (`Record`, or `NetworkRecord` where `reads` says
    so) and returns one value per sample, computed from that sample alone. A prediction that lacks
    what the truth has (no bursts, non-finite states) must score as badly as the metric can say;
    only what the truth lacks is NaN.

    Raises:
        ValueError: name taken, or `better`, `reads` or `over` none of the words there are.
    """
    if better not in ("lower", "higher"):
        msg = f"better={better!r}; expected 'lower' or 'higher'."
        raise ValueError(msg)
    if reads not in (CELL, NETWORK, POPULATION):
        msg = f"reads={reads!r}; expected {CELL!r}, {NETWORK!r} or {POPULATION!r}."
        raise ValueError(msg)
    if isinstance(over, str) or not over or not set(over) <= set(OVER):
        msg = f"over={over!r}; expected some of {', '.join(map(repr, OVER))}, in a tuple."
        raise ValueError(msg)
    kept = METRICS if reads == CELL else NETWORK_METRICS

    def register(function: Function) -> Function:
        name = function.__name__
        if name in METRICS or name in NETWORK_METRICS:
            other = get(name).function.__module__
            msg = f"a metric called {name!r} is already registered by {other}; choose another name."
            raise ValueError(msg)
        kept[name] = Metric(
            name=name,
            function=function,
            unit=unit,
            ideal=ideal,
            better=better,
            long_name=long_name,
            phase_free=phase_free,
            reads=reads,
            over=tuple(over),
        )
        return function

    return register


def get(name: str) -> Metric:
    """Return a registered metric.

    Raises:
        KeyError: unknown name; lists the known ones and the nearest.
    """
    known = METRICS | NETWORK_METRICS
    if name not in known:
        msg = f"no metric {name!r}; known: {', '.join(known)}.{suggestion(name, known)}"
        raise KeyError(msg)
    return known[name]
