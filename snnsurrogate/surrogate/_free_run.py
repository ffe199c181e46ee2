"""Is a free run like the series it was trained on? Events, their intervals, and the values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

_BAND = 0.1  # of the range: an event is a passage upwards through the middle band of this width
_LEVELS = (np.arange(200) + 0.5) / 200
# What a run may differ by. A dead one differs by far more, a good one by a tenth of it.
LARGEST = {"rate": 0.1, "groups": 0.15, "intervals": 0.25, "values": 0.15}
_APART = 3.0  # times the median interval: a longest interval that long parts groups of events


@dataclass(frozen=True, kw_only=True, eq=False)
class Likeness:
    """What of a series a free run is compared with.

    Attributes:
        low: lower end of the middle band.
        high: its upper end.
        sd: standard deviation of the series.
        rate: events per sample.
        group: events in a group, as a burst of spikes; 0 where events come alone.
        intervals: quantiles of the logarithm of the intervals between events, in samples.
        values: quantiles of the values.
    """

    low: float
    high: float
    sd: float
    rate: float
    group: float
    intervals: np.ndarray
    values: np.ndarray

    @classmethod
    def of(cls, series: np.ndarray) -> Likeness:
        """From a series (n,); noise of a few percent leaves the events as they are."""
        bottom, top = np.quantile(series, [0.002, 0.998])
        middle, half = (bottom + top) / 2, _BAND * (top - bottom) / 2
        at = events(series, middle - half, middle + half)
        return cls(
            low=middle - half,
            high=middle + half,
            sd=float(series.std()),
            rate=_rate(at, len(series)),
            group=_group(at),
            intervals=_log_intervals(at),
            values=np.quantile(series, _LEVELS),
        )

    def differences(self, run: np.ndarray) -> dict[str, float]:
        """How a run (n,) differs: 0 for the series itself, infinity for a run without events.

        ``rate``: of events, |log ratio|; ``groups``: of events in a group, likewise;
        ``intervals``: mean distance of the quantiles of the log intervals; ``values``: of the
        values, in standard deviations.
        """
        if not np.isfinite(run).all():
            return dict.fromkeys(LARGEST, np.inf)
        values = float(np.abs(np.quantile(run, _LEVELS) - self.values).mean() / self.sd)
        at = events(run, self.low, self.high)
        if self.rate == 0:  # nothing ever passes the middle: only the values can be compared
            return {**dict.fromkeys(LARGEST, 0.0), "values": values}
        if len(at) < 3:
            return {**dict.fromkeys(LARGEST, np.inf), "values": values}
        group = _group(at)
        alike = group == self.group == 0
        return {
            "rate": abs(float(np.log(_rate(at, len(run)) / self.rate))),
            "groups": 0.0 if alike else abs(float(np.log(max(group, 1) / max(self.group, 1)))),
            "intervals": float(np.abs(_log_intervals(at) - self.intervals).mean()),
            "values": values,
        }


def events(series: np.ndarray, low: float, high: float) -> np.ndarray:
    """Samples at which a series comes to ``high`` after it was below ``low``."""
    side = np.where(series > high, 1, np.where(series < low, -1, 0))
    at = np.flatnonzero(side)
    return at[1:][(side[at[1:]] == 1) & (side[at[:-1]] == -1)]


def _rate(at: np.ndarray, length: int) -> float:
    """Events per sample, from whole intervals where there are some."""
    if len(at) < 2:
        return len(at) / length
    gaps = np.diff(at)
    longest = gaps > 0.5 * gaps.max()  # whole groups of events: a burst is not cut
    ends = np.flatnonzero(longest)
    if len(ends) < 2 or longest.all():
        return float((len(at) - 1) / (at[-1] - at[0]))
    return float((ends[-1] - ends[0]) / (at[ends[-1]] - at[ends[0]]))


def _group(at: np.ndarray) -> float:
    """Events per group, from whole groups; 0 where there are no groups."""
    gaps = np.diff(at)
    if len(gaps) < 3 or gaps.max() <= _APART * np.median(gaps):
        return 0.0
    ends = np.flatnonzero(gaps > 0.5 * gaps.max())
    return float(np.diff(ends).mean()) if len(ends) > 1 else 0.0


def _log_intervals(at: np.ndarray) -> np.ndarray:
    if len(at) < 3:
        return np.full(len(_LEVELS), np.nan)
    return np.asarray(np.quantile(np.log(np.diff(at)), _LEVELS))


def verdict(
    runs: np.ndarray, decoded: np.ndarray, like: Likeness, low: np.ndarray, high: np.ndarray
) -> dict[str, Any]:
    """Judge free runs from several starts.

    Args:
        runs: (start, step, d) recovered states.
        decoded: (start, step) observed quantity.
        like: of the series.
        low: (d,) lowest visited recovered state.
        high: (d,) highest one.

    Returns:
        ``accepted``, ``distance`` (mean of the sum of differences; infinite where a run dies),
        ``starts``: how many runs are like the series, and the worst ``differences``.
    """
    width = np.where(high > low, high - low, 1.0)
    with np.errstate(invalid="ignore", over="ignore"):
        away = np.maximum(low - runs, runs - high) / width
        inside = (away <= 0.5).all(axis=(1, 2))  # False where a run is not finite
    each = [like.differences(v) for v in decoded]
    good = [
        bool(stays) and all(d[k] <= LARGEST[k] for k in LARGEST)
        for stays, d in zip(inside, each, strict=True)
    ]
    total = np.array([sum(min(v, 10.0) for v in d.values()) for d in each])
    return {
        "accepted": all(good),
        "distance": float((total + 10.0 * ~inside).mean()),
        "starts": int(sum(good)),
        "of": len(each),
        "inside": int(inside.sum()),
        "differences": {k: float(min(max(d[k] for d in each), 1e9)) for k in LARGEST},
    }
