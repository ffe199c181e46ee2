"""Synchrony of a network: homogeneous, regular or synchronous.

One measure decides, `chi` of the counts of the first population (E) in 5 ms bins: their coefficient
of variation with the Poisson part taken out. 0.45 and 1.0 divide homogeneous, regular and
synchronous; it does not depend on the rate, as the standard deviation of the counts does, or on the
number of cells.

- *quiescent*: the population fires at less than 0.1 Hz per cell, or not at all in the second half
  of the record.
- *ambiguous*: chi lies within 10 % of a threshold (the regimes form a continuum, and the label
  would depend on the seed), or there are so few spikes that Poisson cells alone reach a chi^2 of
  half the lower threshold's (two standard deviations).

The relative standard deviation of chi is about 2 % in a record of 10 s; shorter records warn.

Source of the regimes: Li, Chariker and Young (2019), J Math Biol 78:83, who tell them apart by eye.
"""

from __future__ import annotations

import warnings

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from snnsurrogate import schema
from snnsurrogate.features.populations import Activity, need_network
from snnsurrogate.features.regimes._rule import (
    MISSING,
    SHARP,
    Labels,
    Rule,
    near,
    sharp_variable,
)
from snnsurrogate.features.synchrony import chi, chi_squared_noise

NAMES = ("quiescent", "homogeneous", "regular", "synchronous", "ambiguous")
QUIESCENT, HOMOGENEOUS, REGULAR, SYNCHRONOUS, AMBIGUOUS = range(5)
THRESHOLDS = (0.45, 1.0)
MARGIN = 0.1
BIN = "5 ms"
LOWEST_RATE = 0.1  # Hz per cell
SHORTEST = 10.0  # s


def classify(value: float) -> int:
    """Code of a chi: HOMOGENEOUS, REGULAR, SYNCHRONOUS or AMBIGUOUS."""
    if any(near(value, threshold, MARGIN) for threshold in THRESHOLDS):
        return AMBIGUOUS
    return sharp(value)


def sharp(value: float) -> int:
    """Code of a chi by the thresholds alone, without the ambiguous band."""
    return HOMOGENEOUS + int(np.searchsorted(THRESHOLDS, value, side="right"))


def synchrony_class(chi: ArrayLike) -> np.ndarray:
    """Codes of values of chi by the thresholds alone; MISSING where chi is NaN.

    Args:
        chi: of any shape.
    """
    values = np.asarray(chi, dtype=np.float64)
    codes = HOMOGENEOUS + np.searchsorted(THRESHOLDS, values, side="right")
    return np.where(np.isnan(values), MISSING, codes).astype(np.int8)


def too_quiet(counts: np.ndarray, size: int, seconds: float) -> bool:
    """Whether a population rests: almost no spikes, or none in the second half of the record."""
    return counts.sum() < LOWEST_RATE * size * seconds or not counts[counts.size // 2 :].any()


def label(dataset: xr.Dataset) -> Labels:
    """Codes of every sample, its chi, and its code without the ambiguous class.

    Raises:
        ValueError: single cells, or no counts in 5 ms bins.
    """
    need_network(dataset)
    ok = np.asarray(schema.ok(dataset))
    codes = np.full(ok.size, MISSING, dtype=np.int8)
    values, sides = np.full(ok.size, np.nan), codes.copy()
    for i in np.flatnonzero(ok):
        a = Activity(dataset, int(i))
        counts = a.counts(a.first, BIN)
        values[i] = chi(counts)
        if too_quiet(counts, a.size(a.first), a.seconds):
            codes[i] = QUIESCENT
        elif 2.0 * chi_squared_noise(counts.mean(), counts.size) > 0.5 * THRESHOLDS[0] ** 2:
            codes[i] = AMBIGUOUS
        else:
            codes[i] = classify(values[i])
        sides[i] = sharp(values[i]) if codes[i] == AMBIGUOUS else codes[i]
    warn_of_short(dataset, "chi")
    about = {"units": "1", "long_name": "Poisson-corrected CV of the E counts in 5 ms"}
    measures = {"regime_chi": xr.Variable("sample", values, about), SHARP: sharp_variable(sides)}
    return Labels(codes=codes, measures=measures)


def warn_of_short(dataset: xr.Dataset, measure: str, shortest: float = SHORTEST) -> None:
    """Warn of a record that is too short for its labels to be repeatable."""
    seconds = Activity(dataset, 0).seconds if dataset.sizes["sample"] else np.inf
    if seconds < shortest * (1.0 - 1e-9):
        msg = (
            f"the record of {seconds:g} s is short for regimes: {measure} varies from seed to "
            f"seed; {shortest:g} s or more are needed for labels that repeat."
        )
        warnings.warn(msg, UserWarning, stacklevel=4)


RULE = Rule(
    name="synchrony",
    names=NAMES,
    label=label,
    comment="chi of 5 ms E counts: homogeneous < 0.45 <= regular < 1.0 <= synchronous; ambiguous "
    "within 10 % of a threshold; quiescent: < 0.1 Hz, or stopped before the end",
)
