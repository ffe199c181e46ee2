"""Bursts from spike times, by a rule without a time scale.

The rule. Sort the interspike intervals (ISIs) of the record. A burster has two classes of them,
intervals inside a burst and silences between bursts, with an empty stretch between the longest of
the first and the shortest of the second. The split is the widest such stretch, as a ratio; it
counts when the ratio is at least `SEPARATION` and when the groups of spikes that it leaves are
bursts, that is, usually have two spikes or more (a few very short intervals in an irregular train
also leave a wide stretch, but single spikes as groups). No split, no bursts: tonic.

Why 2.5. In the bursting neuron of Sherman and Rinzel (tau_S = 35 s) the ratio is at most 1.33 in
tonic spiking, also period-2 and chaotic, and at least 4 in bursting, up to the boundary itself
(1361 values of V_S, 60 s each); 2.5 lies near the geometric mean. A fixed multiple of the median
ISI would also do there, but fails for doublets, where the median lies between the classes.

A record that holds one burst only has no silence between two spikes; the silence from the last
spike to the end of the record then counts as an interval (it is a lower bound of one). The silence
before the first spike does not: a cell may simply start late.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

SEPARATION = 2.5


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
        separation: smallest ratio between the shortest silence and the longest interval inside a
            burst.

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
        counts = bursts.count[bursts.complete] if bursts.complete.any() else bursts.count
        if np.median(counts) >= 2:
            return bursts
    silence = stop - train[-1]
    if silence >= separation * intervals.max():
        return _group(train, float(np.sqrt(silence * intervals.max())), start, stop)
    return NO_BURSTS
