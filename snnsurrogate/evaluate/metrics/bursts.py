"""Errors of burst features. A prediction without bursts has none to compare: it loses them all."""

from __future__ import annotations

import numpy as np

from ._base import Record, metric


def absolute(truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """|prediction - truth|; a missing prediction counts as 0, a missing truth gives NaN."""
    return np.abs(np.where(np.isnan(prediction), 0.0, prediction) - truth)


def percent(truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """100 |prediction / truth - 1|; a missing prediction counts 100, a missing truth gives NaN."""
    size = np.where(truth == 0, np.nan, np.abs(truth))
    return 100.0 * absolute(truth, prediction) / size


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
