"""States of a sparse network of excitatory and inhibitory cells: SR, SI, AR, AI.

Two measures of the first population (E) decide: whether its activity is *synchronous* (S) or
*asynchronous* (A), and whether its cells fire *regularly* (R) or *irregularly* (I):

- `cycle_cv` of its counts in 1 ms bins: the coefficient of variation of the part of the activity
  that comes back a cycle (up to 100 ms) later; synchronous from 0.5. The variance of the counts
  would not do: networks of a few thousand cells fluctuate strongly in the asynchronous state too
  (chi of 0.8 with 5000 cells, 0.5 with 12500), but these fluctuations are damped within a cycle.
- `isi_cv`, the CV of interspike intervals averaged over cells; irregular from 0.3. The cells of the
  asynchronous irregular state of Fig. 8C (g = 5, eta = 2) have 0.42 to 0.47 (0.68 if their input
  were white noise), regular ones less than 0.05.

With 5000 cells, 1000 + 250 synapses each, 3 s: cycle_cv is 0.72 for Fig. 8A, 0.85 for B, 0.32 for
C, 1.0 for D.

*quiescent* as for the rule `synchrony`; *ambiguous* within 10 % of either threshold, where too few
spikes were seen, or where no cell fired three times. Records below 2 s warn.

Source: Brunel (2000), J Comput Neurosci 8:183-208, doi:10.1023/A:1008925309027, for the states; the
measures and thresholds are ours.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

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
from snnsurrogate.features.regimes.synchrony import too_quiet, warn_of_short
from snnsurrogate.features.synchrony import cycle_cv
from snnsurrogate.features.variability import isi_cv

NAMES = ("quiescent", "SR", "SI", "AR", "AI", "ambiguous")
QUIESCENT, SR, SI, AR, AI, AMBIGUOUS = range(6)
SYNCHRONOUS_FROM = 0.5
IRREGULAR_FROM = 0.3
MARGIN = 0.1
BIN = "1 ms"
LONGEST = 100  # bins
SHORTEST = 2.0  # s


def classify(synchrony: float, irregularity: float) -> int:
    """Code of a cycle_cv and a CV of intervals: SR, SI, AR, AI or AMBIGUOUS."""
    if not (np.isfinite(synchrony) and np.isfinite(irregularity)):
        return AMBIGUOUS
    if near(synchrony, SYNCHRONOUS_FROM, MARGIN) or near(irregularity, IRREGULAR_FROM, MARGIN):
        return AMBIGUOUS
    return sharp(synchrony, irregularity)


def sharp(synchrony: float, irregularity: float) -> int:
    """Code by the thresholds alone, without the ambiguous band; one not finite counts as low."""
    if synchrony >= SYNCHRONOUS_FROM:
        return SI if irregularity >= IRREGULAR_FROM else SR
    return AI if irregularity >= IRREGULAR_FROM else AR


def _noise(counts: np.ndarray) -> float:
    """Squared cycle_cv that Poisson counts may show: three standard deviations of a covariance."""
    return 3.0 / (counts.mean() * np.sqrt(counts.size))


def label(dataset: xr.Dataset) -> Labels:
    """Codes of every sample, its chi, its CV of intervals, its code with no ambiguous class.

    Raises:
        ValueError: single cells, or no spikes with the index of their cell.
    """
    need_network(dataset)
    ok = np.asarray(schema.ok(dataset))
    codes = np.full(ok.size, MISSING, dtype=np.int8)
    sides = codes.copy()
    synchrony, irregularity = np.full(ok.size, np.nan), np.full(ok.size, np.nan)
    for i in np.flatnonzero(ok):
        a = Activity(dataset, int(i))
        counts = a.counts(a.first, BIN)
        synchrony[i] = cycle_cv(counts, longest=LONGEST)
        irregularity[i] = isi_cv(a.spikes(a.first).time, a.neurons(a.first))
        if too_quiet(counts, a.size(a.first), a.seconds):
            codes[i] = QUIESCENT
        elif _noise(counts) > 0.5 * SYNCHRONOUS_FROM**2:
            codes[i] = AMBIGUOUS
        else:
            codes[i] = classify(synchrony[i], irregularity[i])
        unclear = codes[i] == AMBIGUOUS
        sides[i] = sharp(synchrony[i], irregularity[i]) if unclear else codes[i]
    warn_of_short(dataset, "synchrony", SHORTEST)
    measures = {
        "regime_cycle_cv": (synchrony, "CV of the E counts in 1 ms that comes back a cycle later"),
        "regime_isi_cv": (irregularity, "CV of interspike intervals, mean over E cells"),
    }
    return Labels(
        codes=codes,
        measures={
            name: xr.Variable("sample", values, {"units": "1", "long_name": text})
            for name, (values, text) in measures.items()
        }
        | {SHARP: sharp_variable(sides)},
    )


RULE = Rule(
    name="brunel",
    names=NAMES,
    label=label,
    comment="synchronous: cycle_cv of 1 ms E counts >= 0.5; irregular: CV of intervals >= 0.3; "
    "ambiguous within 10 % of a threshold; quiescent: < 0.1 Hz, or stopped before the end",
)
