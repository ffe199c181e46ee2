"""Errors of burst features. A prediction without bursts has none to compare: it loses them all."""

from __future__ import annotations

import numpy as np

from ._base import Record, metric


def absolute(truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """|prediction - truth|; a missing prediction counts as 0, a missing truth gives NaN."""
    return np.abs(np.where(np.isnan(prediction), 0.0, prediction) - truth)


def percent(truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """100 |prediction / truth - 1|, at most 100; a missing truth gives NaN.

    A missing prediction counts 100, and so does one that is further off: to have nothing must not
    score better than to have something wrong.
    """
    size = np.where(truth == 0, np.nan, np.abs(truth))
    return np.minimum(100.0 * absolute(truth, prediction) / size, 100.0)


@metric(unit="1", ideal=0.0, better="lower", long_name="spikes per burst, absolute error")
def spikes_per_burst_error(truth: Record, prediction: Record) -> np.ndarray:
    """Absolute error of the mean spikes per burst."""
    name = "spikes_per_burst"
    return absolute(truth.features[name], prediction.features[name])


@metric(unit="%", ideal=0.0, better="lower", long_name="burst period, relative error")
def burst_period_error(truth: Record, prediction: Record) -> np.ndarray:
    """Relative error of the burst period."""
    return percent(truth.features["burst_period"], prediction.features["burst_period"])


@metric(unit="1", ideal=0.0, better="lower", long_name="duty cycle, absolute error")
def duty_cycle_error(truth: Record, prediction: Record) -> np.ndarray:
    """Absolute error of the duty cycle."""
    return absolute(truth.features["duty_cycle"], prediction.features["duty_cycle"])


@metric(unit="1", ideal=1.0, better="higher", long_name="spikes per burst exact, fraction")
def spikes_per_burst_exact(truth: Record, prediction: Record) -> np.ndarray:
    """1 where the mean spikes per burst is right to half a spike, 0 where not or missing."""
    expected, got = truth.features["spikes_per_burst"], prediction.features["spikes_per_burst"]
    with np.errstate(invalid="ignore"):
        right = np.abs(got - expected) < 0.5
    return np.where(np.isnan(expected), np.nan, right.astype(np.float64))
