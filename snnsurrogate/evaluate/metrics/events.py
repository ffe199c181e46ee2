"""Distances of the distributions of multiple-firing events.

Events of truth and prediction are found by one detector that needs population counts only
(`crossing`). Distances are relative to the truth's mean, so that samples with large and with small
events count alike.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import wasserstein_distance

from ._base import NETWORK, NetworkRecord, lacking, metric

FEWEST = 10  # events of the truth: below, its distribution is not known
OVER = ("mean", "max")


def relative_wasserstein(truth: np.ndarray, prediction: np.ndarray) -> float:
    """Wasserstein distance of two sets of positive values over the mean of the first, percent.

    At most 100, the distance to a distribution at zero: what a prediction without events gets. NaN
    with fewer than ten values of the truth.
    """
    a, b = (x[np.isfinite(x)] for x in (np.asarray(truth), np.asarray(prediction)))
    if a.size < FEWEST or not a.mean() > 0:
        return np.nan
    if not b.size:
        return 100.0
    return float(min(100.0 * wasserstein_distance(a, b) / a.mean(), 100.0))


def _distances(truth: NetworkRecord, prediction: NetworkRecord, name: str) -> np.ndarray:
    absent = lacking("events", truth, prediction)
    if absent is not None:
        return absent
    pairs = zip(truth.events[name], prediction.events[name], strict=True)
    return np.array([relative_wasserstein(a, b) for a, b in pairs], dtype=np.float64)


@metric(
    unit="%",
    ideal=0.0,
    better="lower",
    long_name="event size, Wasserstein distance over the mean",
    reads=NETWORK,
    over=OVER,
)
def event_size_distance(truth: NetworkRecord, prediction: NetworkRecord) -> np.ndarray:
    """Relative Wasserstein distance of event sizes (spikes of the first population)."""
    return _distances(truth, prediction, "size")


@metric(
    unit="%",
    ideal=0.0,
    better="lower",
    long_name="event duration, Wasserstein distance over the mean",
    reads=NETWORK,
    over=OVER,
)
def event_duration_distance(truth: NetworkRecord, prediction: NetworkRecord) -> np.ndarray:
    """Relative Wasserstein distance of event durations."""
    return _distances(truth, prediction, "duration")


@metric(
    unit="%",
    ideal=0.0,
    better="lower",
    long_name="interval between events, Wasserstein distance over the mean",
    reads=NETWORK,
    over=OVER,
)
def event_interval_distance(truth: NetworkRecord, prediction: NetworkRecord) -> np.ndarray:
    """Relative Wasserstein distance of the intervals from onset to onset."""
    return _distances(truth, prediction, "interval")
