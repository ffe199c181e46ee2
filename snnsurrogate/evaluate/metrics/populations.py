"""Errors of what populations of a network do: rates, synchrony, rhythm, correlation.

Two seeds of one network differ too: these scores mean something beside their floor only. The peak
frequency is no metric: where a spectrum has two peaks of like height it jumps between them from
seed to seed; the distance of spectra does not.
"""

from __future__ import annotations

import numpy as np

from ._base import NETWORK, POPULATION, NetworkRecord, lacking, metric
from .bursts import percent
from .spectra import hellinger

BOTH = ("median", "max")


@metric(
    unit="%",
    ideal=0.0,
    better="lower",
    long_name="firing rate, relative error",
    reads=POPULATION,
    over=BOTH,
)
def population_rate_error(
    truth: NetworkRecord, prediction: NetworkRecord, population: str
) -> np.ndarray:
    """Relative error of the firing rate per cell of a population, at most 100 %.

    Where the truth is silent there is nothing to be relative to: NaN.
    """
    return _relative(f"rate_{population}", truth, prediction)


@metric(
    unit="%",
    ideal=0.0,
    better="lower",
    long_name="spike synchrony index (1 ms), relative error",
    reads=NETWORK,
    over=BOTH,
)
def ssi_error(truth: NetworkRecord, prediction: NetworkRecord) -> np.ndarray:
    """Relative error of the spike synchrony index in 1 ms bins, at most 100 %."""
    return _relative("ssi_1ms", truth, prediction)


@metric(
    unit="%", ideal=0.0, better="lower", long_name="chi, relative error", reads=NETWORK, over=BOTH
)
def chi_error(truth: NetworkRecord, prediction: NetworkRecord) -> np.ndarray:
    """Relative error of chi (5 ms bins), at most 100 %.

    NaN where the truth shows no synchrony beyond chance (chi = 0).
    """
    return _relative("chi", truth, prediction)


@metric(
    unit="1",
    ideal=0.0,
    better="lower",
    long_name="Hellinger distance of power spectra",
    reads=POPULATION,
    over=BOTH,
)
def spectrum_distance(
    truth: NetworkRecord, prediction: NetworkRecord, population: str
) -> np.ndarray:
    """Hellinger distance of the normalised power spectra of the rate of a population, in [0, 1].

    Welch spectra of 1 ms counts (Hann windows of 512 bins, half overlapping), zero frequency left
    out. With K windows two equal networks are about 1 / (2 sqrt K) apart, 0.034 in a minute. A
    prediction without a spectrum (silent, failed) is at distance 1.
    """
    absent = lacking("spectra", truth, prediction)
    if absent is not None:
        return absent
    p, q = truth.spectra[population][:, 1:], prediction.spectra[population][:, 1:]
    distance = hellinger(_shares(p), _shares(q))
    distance = np.where(np.isfinite(q).all(axis=1), distance, 1.0)
    return np.where(np.isfinite(p).all(axis=1), distance, np.nan)


@metric(
    unit="%",
    ideal=0.0,
    better="lower",
    long_name="cross-correlation of the first two populations, relative error",
    reads=NETWORK,
    over=BOTH,
)
def correlation_error(truth: NetworkRecord, prediction: NetworkRecord) -> np.ndarray:
    """Root-mean-square error of the cross-correlation over lags, relative to the truth's rms.

    The share of the second population that fires per 1 ms at lags up to 15 ms from a spike of the
    first; at most 100 %. NaN for a network of one population, or where the truth lacks a spike.
    The mean level counts too: where synchrony is weak a flat line of the right rates is not far
    off (about 9 % in the homogeneous regime of ``markov-if``), so read it beside chi.
    """
    absent = lacking("correlation", truth, prediction)
    if absent is not None:
        return absent
    a, b = truth.correlation, prediction.correlation
    size = np.sqrt(np.mean(a**2, axis=1))
    error = np.sqrt(np.mean((b - a) ** 2, axis=1))
    share = np.minimum(100.0 * error / np.where(size > 0, size, np.nan), 100.0)
    missing = ~np.isfinite(b).all(axis=1) & np.isfinite(size) & (size > 0)
    return np.where(missing, 100.0, share)


def _relative(name: str, truth: NetworkRecord, prediction: NetworkRecord) -> np.ndarray:
    absent = lacking(name, truth, prediction)
    if absent is not None:
        return absent
    return percent(truth.features[name], prediction.features[name])


def _shares(power: np.ndarray) -> np.ndarray:
    """Spectra of unit sum; all zero where there is none."""
    power = np.where(np.isfinite(power), power, 0.0)
    total = power.sum(axis=1, keepdims=True)
    return power / np.where(total > 0, total, 1.0)
