"""Firing of a cell: quiescent, tonic or bursting.

The rule reads spike times and the extent of the record only:

1. *quiescent*: fewer than two spikes, or the cell has stopped: no spike in the second half of the
   record, or a silence at its end longer than 1.5 times any silence before it (a quarter of the
   record where it holds no other silence). A cell that bursts and then rests is quiescent; so is
   one that oscillates below threshold.
2. *bursting*: `bursts.segment` finds bursts.
3. *tonic*: everything else that spikes. Period-2 spiking is tonic. Chaotic spiking is tonic and
   marked `chaotic`.

The record has to begin after the transient and to hold at least two periods of the slowest burster;
a silent phase that fills the second half of a shorter record reads as quiescent.

Chaos is read off the intervals: with period p every interval equals the p-th one before it, so
`irregularity` is the smallest mean difference over p = 1..8, relative to the mean interval. This
does not tell chaos from noise or from periods above 8; give Lyapunov exponents where that matters.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from snnsurrogate import schema
from snnsurrogate.features import bursts as _bursts
from snnsurrogate.features._window import window
from snnsurrogate.features.regimes._rule import MISSING, Labels, Rule

REGIMES = ("quiescent", "tonic", "bursting")
QUIESCENT, TONIC, BURSTING = range(3)
IRREGULAR = 0.005
LONGEST_PERIOD = 8
STOPPED = 1.5  # times the longest silence seen: a longer one at the end is not the next of its kind
LAST_PART = 0.25  # of the record, where no silence was seen to compare with


def classify(times: ArrayLike, *, start: float, stop: float) -> int:
    """Regime of one spike train: QUIESCENT, TONIC or BURSTING.

    Args:
        times: spike times, increasing, shape (spike,).
        start: begin of the record, same unit.
        stop: end of the record.

    Raises:
        ValueError: times not increasing, or outside [start, stop].
    """
    train = np.asarray(times, dtype=np.float64)
    bursts = _bursts.segment(train, start=start, stop=stop)  # checks the times too
    if train.size < 2 or train[-1] < 0.5 * (start + stop) or _stopped(train, bursts, start, stop):
        return QUIESCENT
    return BURSTING if len(bursts) else TONIC


def _stopped(train: np.ndarray, bursts: _bursts.Bursts, start: float, stop: float) -> bool:
    """Whether the silence at the end is too long to be one between two bursts."""
    if not len(bursts):  # tonic: the silence at the end is no longer than some intervals
        return False
    silences = np.append(bursts.onset[1:] - bursts.offset[:-1], train[0] - start)
    longest = silences.max()
    if longest <= bursts.limit:  # one burst, from the begin of the record on
        return bool(stop - train[-1] > LAST_PART * (stop - start))
    return bool(stop - train[-1] > STOPPED * longest)


def irregularity(times: ArrayLike, *, longest_period: int = LONGEST_PERIOD) -> float:
    """Smallest mean |ISI[i + p] - ISI[i]| over p = 1..longest_period, relative to the mean ISI.

    Zero for periodic spiking of any period up to `longest_period`, positive for chaotic and noisy
    spiking. Only periods seen three times are tried. NaN below four spikes.

    Args:
        times: spike times, increasing, shape (spike,).
        longest_period: longest period tried, in intervals.
    """
    intervals = np.diff(np.asarray(times, dtype=np.float64))
    longest = min(longest_period, intervals.size // 3)
    if longest < 1:
        return np.nan
    changes = [np.mean(np.abs(intervals[p:] - intervals[:-p])) for p in range(1, longest + 1)]
    return float(min(changes) / intervals.mean())


def label(dataset: xr.Dataset, *, lyapunov: ArrayLike | None = None) -> Labels:
    """Codes of every sample, and which tonic ones are chaotic.

    Args:
        dataset: cells with spikes.
        lyapunov: largest Lyapunov exponent per sample, shape (sample,), 1/time; where given, it
            decides what is marked chaotic (exponent times duration above 3: a small difference
            grows twentyfold within the record) instead of the irregularity of the intervals.

    Raises:
        ValueError: `lyapunov` has another length than the dataset.
        SchemaError: the dataset has no spikes.
    """
    start, stop = window(dataset)
    ok = np.asarray(schema.ok(dataset))
    codes = np.full(ok.size, MISSING, dtype=np.int8)
    chaotic = np.zeros(ok.size, dtype=bool)
    exponents = None if lyapunov is None else np.asarray(lyapunov, dtype=np.float64)
    if exponents is not None and exponents.shape != ok.shape:
        msg = f"lyapunov has shape {exponents.shape}; expected one per sample, {ok.shape}."
        raise ValueError(msg)
    trains = schema.unpack_spikes(dataset)
    for i in np.flatnonzero(ok):
        times = trains[i]
        codes[i] = classify(times, start=start, stop=stop)
        if codes[i] != TONIC:
            continue
        if exponents is None:
            chaotic[i] = irregularity(times) > IRREGULAR
        else:
            chaotic[i] = exponents[i] * (stop - start) > 3.0
    about = {"long_name": "tonic spiking is chaotic (irregular)"}
    return Labels(codes=codes, measures={"chaotic": xr.Variable("sample", chaotic, about)})


RULE = Rule(
    name="firing",
    names=REGIMES,
    label=label,
    comment="quiescent: < 2 spikes, or stopped before the end; bursting: interspike "
    f"intervals in two classes a factor {_bursts.SEPARATION} apart; tonic: the rest",
)
