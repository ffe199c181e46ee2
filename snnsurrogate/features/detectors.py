"""Detectors of multiple-firing events: where in a record they begin and end.

A detector takes the activity of one sample and gives intervals; which spikes are counted inside
them is the same for all (`multiple_firing`). An event that may have begun before the record or go
on after it is left out.

`cause`     E spikes whose last kick was recurrent, in runs with no gap longer than `gap`, of
            `minimum` spikes or more. From the first to the last spike of the run. Needs causes, so
            it is for simulations.
`volley`    counts in bins, summed over `box` bins; a core where that sum is at least (1 + delta)
            times its mean, extended while it is at least the mean; kept if longer than `shortest`
            bins; merged if at most `shortest` bins apart. The co-authors' rule, with the bins
            (1 ms, delta 0.15) of their event durations; with those of their other scripts (2.5 ms,
            0.33) the box of 20 ms is longer than a gamma cycle and most volleys are missed.
`crossing`  counts in 1 ms bins, averaged over `box` bins; from where they reach `up` times their
            mean to where they fall below `down` times it. For simulations and surrogates alike.
`stated`    where the series `event` of the dataset is above 0: rollouts of event maps say
            themselves where their events are.

Sources: `cause`: runs of recruited spikes, after Li, Chariker and Young (2019), J Math Biol 78:83,
for what an event is; `volley`: the public scripts of Cai et al. (2021),
doi:10.3389/fncom.2021.678688.
"""

from __future__ import annotations

import inspect
import numbers
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from snnsurrogate._names import suggestion
from snnsurrogate.features._feature import NotRecordedError
from snnsurrogate.features.populations import Activity

RECURRENT = 1  # code of spike_cause


class Intervals(NamedTuple):
    """Begin and end of every event, unit of the record.

    `closed` where a spike exactly at the begin belongs to the event.
    """

    begin: np.ndarray
    end: np.ndarray
    closed: bool


NOTHING = Intervals(np.empty(0), np.empty(0), False)


def cause(a: Activity, population: str, *, gap: Any = "2 ms", minimum: int = 5) -> Intervals:
    """Runs of recurrently caused spikes; see the head of this file.

    Raises:
        NotRecordedError: the dataset holds no causes of spikes.
        ValueError: `minimum` is not a whole number from 1, or `gap` no positive time.
    """
    _need_whole("minimum", minimum)
    longest = a.length(gap, what="gap")
    spikes = a.spikes(population)
    if spikes.cause is None:
        msg = (
            "the dataset has no causes of spikes (variable spike_cause), which detector 'cause' "
            "reads; use 'crossing' or 'volley'."
        )
        raise NotRecordedError(msg)
    t = spikes.time[spikes.cause == RECURRENT]
    if not t.size:
        return NOTHING
    first = np.flatnonzero(np.concatenate([[True], np.diff(t) > longest]))
    last = np.concatenate([first[1:], [t.size]]) - 1
    whole = (t[first] - a.start > longest) & (a.stop - t[last] > longest)
    kept = whole & (last - first + 1 >= minimum)
    return Intervals(t[first[kept]], t[last[kept]], True)


def volley(
    a: Activity,
    population: str,
    *,
    bin: Any = "1 ms",
    box: int = 8,
    delta: float = 0.15,
    shortest: int = 4,
) -> Intervals:
    """Stretches of a box sum above its mean around a core far above; see the head of this file.

    Raises:
        ValueError: `box` is not a whole number from 1, `shortest` not one from 0, or `delta` is
            negative.
    """
    _need_whole("box", box)
    _need_whole("shortest", shortest, least=0)
    if not (_real(delta) and delta >= 0):
        msg = f"delta={delta!r}; expected a finite number from 0 (the core's excess over the mean)."
        raise ValueError(msg)
    n = a.counts(population, bin)
    phi = _moving_sum(n, box)
    mean = phi.mean()
    if not mean > 0:
        return NOTHING
    begin, end = _runs(phi >= mean)
    core = np.concatenate([[0], np.cumsum(phi >= (1.0 + delta) * mean)])
    kept = (core[end] > core[begin]) & (end - begin > shortest)
    begin, end = begin[kept], end[kept]
    apart = begin[1:] - end[:-1] > shortest
    first, last = np.concatenate([[True], apart]), np.concatenate([apart, [True]])
    return _inside(a, begin[first[: begin.size]], end[last[: end.size]], n.size, bin)


def crossing(
    a: Activity,
    population: str,
    *,
    bin: Any = "1 ms",
    box: int = 3,
    up: float = 1.5,
    down: float = 0.5,
) -> Intervals:
    """From one level of the smoothed counts up to another, lower one; see the head of this file.

    Raises:
        ValueError: `down` is not below `up`, or `box` is not a whole number from 1.
    """
    _need_whole("box", box)
    if not (_real(down) and _real(up) and 0 < down < up):
        msg = f"down={down!r} and up={up!r}; expected 0 < down < up (shares of the mean count)."
        raise ValueError(msg)
    n = a.counts(population, bin)
    mean = float(_moving_sum(n, box).mean())
    if not mean > 0:
        return NOTHING
    begin, end = runs_between(n, box=box, high=up * mean, low=down * mean)
    return _inside(a, begin, end, n.size, bin)


def stated(a: Activity, population: str) -> Intervals:
    """Events that the dataset itself states (series ``event``); see the head of this file.

    Raises:
        NotRecordedError: it states none.
    """
    inside = a.series("event")
    if inside is None:
        msg = (
            "the dataset does not state events (series 'event'), which rollouts of event maps do; "
            "use 'crossing'."
        )
        raise NotRecordedError(msg)
    begin, end = _runs(inside[1:] > 0)
    kept = (begin > 0) & (end < inside.size - 1)
    step = a.record_step
    return Intervals(a.start + step * begin[kept], a.start + step * end[kept], False)


def runs_between(
    n: np.ndarray, *, box: int, high: float, low: float
) -> tuple[np.ndarray, np.ndarray]:
    """Begin and end (exclusive) of the runs of bins from ``high`` down to below ``low``.

    Args:
        n: (bin,) counts; compared is their sum over ``box`` bins around each bin.
        box: a whole number from 1.
        high: a run begins where the sum is that or more.
        low: it ends where the sum is less.
    """
    y = _moving_sum(n, box)
    mark = np.where(y >= high, 1, np.where(y < low, -1, 0))
    latest = np.maximum.accumulate(np.where(mark != 0, np.arange(n.size), -1))
    on = (latest >= 0) & (mark[np.maximum(latest, 0)] == 1)
    return _runs(on)


DETECTORS: dict[str, Callable[..., Intervals]] = {
    "cause": cause,
    "volley": volley,
    "crossing": crossing,
    "stated": stated,
}


def find(name: str) -> Callable[..., Intervals]:
    """Return a detector by name.

    Raises:
        ValueError: no such detector, with the names there are.
    """
    if name not in DETECTORS:
        hint = suggestion(name, DETECTORS)
        msg = f"no detector {name!r}; expected one of {', '.join(DETECTORS)}.{hint}"
        raise ValueError(msg)
    return DETECTORS[name]


def check(name: str, options: Mapping[str, Any]) -> None:
    """Raise ValueError for an option that a detector does not take."""
    taken = inspect.signature(find(name)).parameters.values()
    known = [p.name for p in taken if p.kind is inspect.Parameter.KEYWORD_ONLY]
    for option in options:
        if option not in known:
            hint = suggestion(option, known)
            msg = (
                f"detector {name!r} takes no option {option!r}; expected some of "
                f"{', '.join(known)}.{hint}"
            )
            raise ValueError(msg)


def _real(value: Any) -> bool:
    """Whether a value is a finite number."""
    return isinstance(value, numbers.Real) and bool(np.isfinite(float(value)))


def _need_whole(what: str, value: Any, least: int = 1) -> None:
    """Raise ValueError for what is not a whole number from `least`."""
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not (whole and value >= least):
        msg = f"{what}={value!r}; expected a whole number from {least}."
        raise ValueError(msg)


def _moving_sum(n: np.ndarray, box: int) -> np.ndarray:
    """Sum over `box` bins around each bin (an even box has one more before), cut at the ends."""
    total = np.concatenate([[0.0], np.cumsum(n)])
    k = np.arange(n.size)
    return total[np.minimum(k + (box + 1) // 2, n.size)] - total[np.maximum(k - box // 2, 0)]


def _runs(on: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Begin (inclusive) and end (exclusive) of the runs of True."""
    edges = np.diff(np.concatenate([[False], on, [False]]).astype(np.int8))
    return np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)


def _inside(a: Activity, begin: np.ndarray, end: np.ndarray, bins: int, bin: Any) -> Intervals:
    """Times of runs of bins that do not touch the ends of the record."""
    width = a.length(bin, what="bin")
    kept = (begin > 0) & (end < bins)
    return Intervals(a.start + width * begin[kept], a.start + width * end[kept], False)
