"""Bursts from spike times, by a rule without a time scale.

A burster has two classes of interspike intervals (ISIs): those inside a burst and the silences
between bursts. The rule looks for the two classes, in this order, and takes the first that holds:

1. *An empty stretch.* Sort the ISIs; the widest ratio between neighbours is at least `SEPARATION`,
   and the groups of spikes that it leaves usually have two spikes or more. (A few very short
   ISIs in an irregular train also leave a wide stretch, but single spikes as groups.)
2. *Two typical values.* Chaotic bursting may fill the stretch. Split the logarithms of the ISIs
   where the variance between the classes is largest (Otsu's threshold); the medians of the classes
   differ by `SEPARATION` at least, and the groups usually have three spikes or more (two are common
   by chance in heavy-tailed irregular trains).
3. *One burst.* A record that holds one burst only has no silence between two spikes; the silence
   from the last spike to the end of the record is a lower bound of one, and counts if it is
   `SEPARATION` times the longest ISI. The silence before the first spike does not count: a cell may
   simply start late.

Otherwise the train is tonic.

Why 2.5. In the bursting neuron of Sherman and Rinzel (tau_S = 35 s) the stretch is at most a factor
1.33 in tonic spiking, also period-2 and chaotic, and at least 4 in bursting, up to the boundary
itself (1361 values of V_S, 60 s each); the medians of tonic spiking differ by 1.65 at most. In the
Hindmarsh-Rose neuron (r = 0.006) the medians differ by 3.7 or more in bursting, chaotic or not, and
by 2.1 or less in chaotic spiking. A fixed multiple of the median ISI would serve for the first but
fails for doublets, where the median lies between the classes.

Source: Otsu (1979), doi:10.1109/TSMC.1979.4310076, for the threshold of rule 2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

SEPARATION = 2.5
SMALLEST = 2  # usual spikes per group that make it a burst, beside an empty stretch
SMALLEST_MIXED = 3  # the same where the classes overlap


@dataclass(frozen=True, kw_only=True)
class Bursts:
    """Bursts of one record; times in the unit of the spike times, all arrays over `burst`.

    Attributes:
        onset: first spike of each burst.
        offset: last spike of each burst.
        count: spikes in each burst (of those inside the record).
        complete: False for a burst that may go on before or after the record.
        limit: intervals longer than this are silences (NaN without bursts).
    """

    onset: np.ndarray
    offset: np.ndarray
    count: np.ndarray
    complete: np.ndarray
    limit: float

    def __len__(self) -> int:
        """Number of bursts, complete or not."""
        return self.count.size

    @property
    def spikes_per_burst(self) -> float:
        """Mean spikes per complete burst; NaN without one."""
        return _mean(self.count[self.complete])

    @property
    def period(self) -> float:
        """Mean onset-to-onset distance; NaN with fewer than two known onsets."""
        return _mean(np.diff(self._onsets))

    @property
    def duty_cycle(self) -> float:
        """Mean duration of the complete bursts (first to last spike) over the period."""
        return _mean((self.offset - self.onset)[self.complete]) / self.period

    @property
    def intraburst_rate(self) -> float:
        """Intervals per time inside complete bursts, 1/time; NaN without a burst of 2 spikes."""
        duration = float(np.sum((self.offset - self.onset)[self.complete]))
        return float(np.sum(self.count[self.complete] - 1)) / duration if duration else np.nan

    @property
    def _onsets(self) -> np.ndarray:
        # The onset of the first burst is unknown when the record begins inside it; the onset of
        # the last one is known even when the burst is cut off by the end of the record.
        known = np.ones(len(self), dtype=bool)
        if len(self) > 1:
            known[0] = self.complete[0]
        return self.onset[known]


def _mean(values: np.ndarray) -> float:
    return float(np.mean(values)) if values.size else np.nan


NO_BURSTS = Bursts(
    onset=np.empty(0),
    offset=np.empty(0),
    count=np.empty(0, dtype=np.int64),
    complete=np.empty(0, dtype=bool),
    limit=np.nan,
)


def _splits(intervals: np.ndarray, separation: float) -> list[float]:
    """Candidate limits between the two classes, widest stretch first."""
    ordered = np.sort(intervals[intervals > 0])
    if ordered.size < 2:
        return []
    ratio = ordered[1:] / ordered[:-1]
    order = [k for k in np.argsort(-ratio, kind="stable") if ratio[k] >= separation]
    return [float(np.sqrt(ordered[k] * ordered[k + 1])) for k in order]


def _typical(intervals: np.ndarray, separation: float) -> float | None:
    """Limit between two classes whose medians are far apart; None without such classes."""
    logs = np.sort(np.log(intervals))
    n = logs.size
    if n < 4:
        return None
    below = np.arange(1, n)
    sums = np.cumsum(logs)
    apart = (sums[-1] - sums[:-1]) / (n - below) - sums[:-1] / below
    k = int(np.argmax(below * (n - below) * apart**2)) + 1
    if np.median(logs[k:]) - np.median(logs[:k]) < np.log(separation):
        return None
    return float(np.exp(0.5 * (logs[k - 1] + logs[k])))


def _usual_count(bursts: Bursts) -> float:
    """Median spikes per complete burst, or per burst where none is complete."""
    return float(
        np.median(bursts.count[bursts.complete] if bursts.complete.any() else bursts.count)
    )


def _group(times: np.ndarray, limit: float, start: float, stop: float) -> Bursts:
    """Cut a train at every interval longer than `limit`."""
    first = np.flatnonzero(np.concatenate([[True], np.diff(times) > limit]))
    last = np.concatenate([first[1:], [times.size]]) - 1
    complete = np.ones(first.size, dtype=bool)
    complete[0] &= times[0] - start > limit
    complete[-1] &= stop - times[-1] > limit
    return Bursts(
        onset=times[first],
        offset=times[last],
        count=last - first + 1,
        complete=complete,
        limit=limit,
    )


def segment(
    times: ArrayLike, *, start: float, stop: float, separation: float = SEPARATION
) -> Bursts:
    """Bursts of one spike train; an empty `Bursts` when the train is not bursting.

    The record should hold at least two periods; a single burst is found when the silence after it
    reaches the end of the record.

    Args:
        times: spike times, increasing, shape (spike,).
        start: begin of the record, same unit.
        stop: end of the record.
        separation: smallest ratio between the two classes of intervals.

    Raises:
        ValueError: times not increasing, or outside [start, stop].
    """
    train = np.asarray(times, dtype=np.float64)
    if train.size and not (np.all(np.diff(train) > 0) and train[0] >= start and train[-1] <= stop):
        msg = (
            f"spike times must increase and lie in [{start}, {stop}]; got {train.size} times from "
            f"{train.min()} to {train.max()}."
        )
        raise ValueError(msg)
    if train.size < 3:
        return NO_BURSTS
    intervals = np.diff(train)
    for limit in _splits(intervals, separation):
        bursts = _group(train, limit, start, stop)
        if _usual_count(bursts) >= SMALLEST:
            return bursts
    mixed = _typical(intervals, separation)
    if mixed is not None:
        bursts = _group(train, mixed, start, stop)
        if _usual_count(bursts) >= SMALLEST_MIXED:
            return bursts
    silence = stop - train[-1]
    if silence >= separation * intervals.max():
        return _group(train, float(np.sqrt(silence * intervals.max())), start, stop)
    return NO_BURSTS
