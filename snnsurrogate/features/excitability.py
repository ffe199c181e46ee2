"""Curves over current: firing rate against current, threshold against duration of a pulse."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["RateCurve", "StrengthDuration", "rate_curve", "strength_duration"]

_NONE = (float("nan"), float("nan"))


@dataclass(frozen=True, kw_only=True)
class RateCurve:
    """What an f-I curve says; a bracket is (last current without, first current with).

    Attributes:
        single: bracket of the least current with a spike, the single-spike rheobase.
        onset: bracket of the least current at which firing lasts, the tonic rheobase.
        onset_rate: rate there; far from 0 in type II excitability.
        gain: least-squares slope of the rate over the currents at which firing lasts.
        largest: largest rate.
        block: bracket of the current above which firing does not last any more.
    """

    single: tuple[float, float]
    onset: tuple[float, float]
    onset_rate: float
    gain: float
    largest: float
    block: tuple[float, float]


def rate_curve(current: ArrayLike, rate: ArrayLike, spikes: ArrayLike) -> RateCurve:
    """Onset, gain and block of a measured f-I curve.

    The third rheobase, where rest loses stability, is no property of a curve: it is the Hopf or
    fold point of `snnsurrogate.dynamics`.

    Args:
        current: of each step, shape (step,), in any order.
        rate: steady rate of firing that lasts, NaN where it does not last (`steady_rate`).
        spikes: number of spikes of the whole step.

    Returns:
        Brackets with NaN on the side that was not reached; everything NaN that does not exist.

    Raises:
        ValueError: arrays of different shapes, or a current given twice.
    """
    i, f, n = (np.asarray(a, dtype=np.float64) for a in (current, rate, spikes))
    if not i.ndim == 1 == len({i.shape, f.shape, n.shape}) or np.unique(i).size != i.size:
        msg = (
            f"current, rate and spikes have shapes {i.shape}, {f.shape}, {n.shape}: expected three "
            "arrays (step,), every current once"
        )
        raise ValueError(msg)
    order = np.argsort(i)
    i, f, n = i[order], f[order], n[order]
    lasts = np.isfinite(f)
    firing = np.flatnonzero(lasts)
    slope = float("nan")
    if firing.size > 1:
        slope = float(np.polyfit(i[lasts], f[lasts], 1)[0])
    block = _NONE
    if firing.size and firing[-1] + 1 < i.size:
        block = (float(i[firing[-1]]), float(i[firing[-1] + 1]))
    return RateCurve(
        single=_bracket(i, n > 0),
        onset=_bracket(i, lasts),
        onset_rate=float(f[firing[0]]) if firing.size else float("nan"),
        gain=slope,
        largest=float(f[lasts].max()) if firing.size else float("nan"),
        block=block,
    )


def _bracket(current: np.ndarray, found: np.ndarray) -> tuple[float, float]:
    where = np.flatnonzero(found)
    if not where.size:
        return (float(current[-1]), float("nan")) if current.size else _NONE
    first = where[0]
    return (float(current[first - 1]) if first else float("nan"), float(current[first]))


@dataclass(frozen=True, kw_only=True)
class StrengthDuration:
    """Threshold against duration of a pulse, after Weiss: charge = rheobase (duration + chronaxie).

    Attributes:
        rheobase: threshold of a long pulse.
        chronaxie: duration whose threshold is twice the rheobase.
        residual: root mean square of the charges' relative error.
    """

    rheobase: float
    chronaxie: float
    residual: float


def strength_duration(duration: ArrayLike, threshold: ArrayLike) -> StrengthDuration:
    """Rheobase and chronaxie from thresholds of pulses of several durations.

    Weiss' law is linear in the charge, which is fitted with relative weights.

    Source: Weiss (1901), as in Geddes (2004), doi:10.1109/TBME.2003.820382.

    Args:
        duration: of each pulse, shape (pulse,).
        threshold: least current that makes a spike, shape (pulse,); NaN where none did.

    Raises:
        ValueError: fewer than two durations with a threshold, or values not positive.
    """
    d, i = (np.asarray(a, dtype=np.float64) for a in (duration, threshold))
    if d.shape != i.shape or d.ndim != 1:
        msg = f"duration and threshold have shapes {d.shape} and {i.shape}; expected (pulse,) twice"
        raise ValueError(msg)
    kept = np.isfinite(i)
    d, i = d[kept], i[kept]
    if np.unique(d).size < 2 or (d <= 0).any() or (i <= 0).any():
        msg = (
            f"{np.unique(d).size} durations have a threshold; expected two or more, all durations "
            "and thresholds positive"
        )
        raise ValueError(msg)
    charge = d * i
    design = np.stack([d, np.ones_like(d)], 1) / charge[:, None]
    (slope, constant), *_ = np.linalg.lstsq(design, np.ones_like(d), rcond=None)
    error = design @ np.array([slope, constant]) - 1.0
    return StrengthDuration(
        rheobase=float(slope),
        chronaxie=float(constant / slope) if slope > 0 else float("nan"),
        residual=float(np.sqrt(np.mean(error**2))),
    )
