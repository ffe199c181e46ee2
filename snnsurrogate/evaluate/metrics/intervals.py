"""Errors of interspike intervals and firing rate."""

from __future__ import annotations

import numpy as np

from ._base import Record, metric
from .bursts import percent


@metric(unit="%", ideal=0.0, better="lower", long_name="mean interspike interval, relative error")
def isi_mean_error(truth: Record, prediction: Record) -> np.ndarray:
    """Relative error of the mean interspike interval."""
    return percent(truth.features["isi_mean"], prediction.features["isi_mean"])


@metric(
    unit="%", ideal=0.0, better="lower", long_name="shortest interspike interval, relative error"
)
def isi_min_error(truth: Record, prediction: Record) -> np.ndarray:
    """Relative error of the shortest interspike interval."""
    return percent(truth.features["isi_min"], prediction.features["isi_min"])


@metric(unit="1/time", ideal=0.0, better="lower", long_name="firing rate, absolute error")
def rate_error(truth: Record, prediction: Record) -> np.ndarray:
    """Absolute error of the firing rate; a prediction without a rate (diverged) counts as 0.

    Spikes where the truth is silent count too: a silent truth has the rate 0.
    """
    a, b = truth.features["rate"], prediction.features["rate"]
    missing = np.isnan(b)
    return np.where(missing, np.abs(a), np.abs(b - a))
