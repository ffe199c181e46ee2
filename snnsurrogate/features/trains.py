"""Distances and coincidences of two spike trains."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import ArrayLike


def coincidence_factor(
    reference: ArrayLike, predicted: ArrayLike, *, duration: float, window: float = 2.0
) -> float:
    """Coincidence factor Gamma: 1 for equal trains, 0 for what a Poisson train reaches by chance.

        Gamma = (N_c - 2 nu w N_ref) / ((N_ref + N_pred) / 2) / (1 - 2 nu w)

    with nu the mean rate of the reference and N_c the spikes of one train that have a partner in
    the other within ``window``. Partners are found in order of time and used once: a burst of
    predicted spikes around one true spike is one coincidence.

    Source: Kistler, Gerstner & van Hemmen (1997), doi:10.1162/neco.1997.9.5.1015; rate of the
    reference as in Jolivet et al. (2008), doi:10.1016/j.jneumeth.2007.11.006.

    Args:
        reference: spike times of the truth, increasing, shape (spike,).
        predicted: spike times of the model, increasing, same unit.
        duration: length of the record, same unit.
        window: largest distance of partners, same unit.

    Returns:
        Gamma; NaN where it does not exist: both trains silent, or a regular reference so fast that
        windows around its spikes cover the record (2 nu w >= 1).

    Raises:
        ValueError: times not increasing or outside the record; duration or window not positive.
    """
    a, b = _train(reference, duration, "reference"), _train(predicted, duration, "predicted")
    _positive(window, "window")
    chance = 2.0 * window * a.size / duration
    if a.size + b.size == 0 or chance >= 1.0:
        return float("nan")
    coincident = _partners(a, b, float(window))
    return float((coincident - chance * a.size) / (0.5 * (a.size + b.size)) / (1.0 - chance))


def coincidences(reference: ArrayLike, predicted: ArrayLike, *, window: float = 2.0) -> int:
    """Pairs of spikes at most ``window`` apart, found in order of time, each spike used once.

    Args:
        reference: spike times of the truth, increasing, shape (spike,).
        predicted: spike times of the model, same unit.
        window: largest distance of partners, same unit.

    Raises:
        ValueError: times not increasing or not finite; window not positive.
    """
    a, b = _train(reference, None, "reference"), _train(predicted, None, "predicted")
    _positive(window, "window")
    return int(_partners(a, b, float(window)))


def van_rossum(first: ArrayLike, second: ArrayLike, *, tau: float) -> float:
    """Distance of the trains filtered by a causal exponential of time constant ``tau``.

        D^2 = (2 / tau) int (f - g)^2 dt,  f(t) = sum_i exp(-(t - t_i) / tau), t > t_i

    in closed form. Scaled so that one spike against silence has distance 1; two spikes far apart
    have sqrt(2).

    Source: van Rossum (2001), doi:10.1162/089976601300014321 (whose D^2 is half of this one).

    Args:
        first: spike times, shape (spike,).
        second: the other train, same unit.
        tau: time constant, same unit: short counts coincidences, long compares rates.

    Raises:
        ValueError: times not increasing or not finite, or a time constant not positive.
    """
    a, b = _train(first, None, "first"), _train(second, None, "second")
    _positive(tau, "tau")

    def product(s: np.ndarray, t: np.ndarray) -> float:
        return float(np.exp(-np.abs(s[:, None] - t) / tau).sum())

    # rounding can leave a tiny negative square for equal trains
    return float(np.sqrt(max(0.0, product(a, a) + product(b, b) - 2.0 * product(a, b))))


def victor_purpura(first: ArrayLike, second: ArrayLike, *, cost: float) -> float:
    """Least cost of turning one train into the other.

    Adding or removing a spike costs 1, moving it by dt costs ``cost`` * dt. A cost of 0 counts
    spikes; 1 / (4 ms) moves spikes up to 8 ms rather than replace them.

    Source: Victor & Purpura (1996), doi:10.1152/jn.1996.76.2.1310.

    Args:
        first: spike times, increasing, shape (spike,).
        second: the other train, same unit.
        cost: per time, in the inverse of that unit.

    Raises:
        ValueError: times not increasing or not finite, or a negative cost.
    """
    a, b = _train(first, None, "first"), _train(second, None, "second")
    if not (cost >= 0 and np.isfinite(cost)):
        msg = f"cost is {cost!r}; expected a number of at least 0, in the inverse unit of the times"
        raise ValueError(msg)
    return float(_edit(a, b, float(cost)))


def _train(times: ArrayLike, duration: float | None, what: str) -> np.ndarray:
    train = np.asarray(times, dtype=np.float64)
    if train.ndim != 1 or not np.isfinite(train).all() or (np.diff(train) < 0).any():
        msg = f"{what} must hold finite increasing times, shape (spike,); got shape {train.shape}"
        raise ValueError(msg)
    if duration is None:
        return train
    _positive(duration, "duration")
    if train.size and (train[0] < 0 or train[-1] > duration):
        msg = (
            f"{what} has spikes at {train[0]:g} to {train[-1]:g}, outside the record "
            f"[0, {duration:g}]; give times since its begin"
        )
        raise ValueError(msg)
    return train


def _positive(value: float, what: str) -> None:
    if not (value > 0 and np.isfinite(value)):
        msg = f"{what} is {value!r}; expected a positive number in the unit of the spike times"
        raise ValueError(msg)


@numba.njit(cache=True, nogil=True)
def _partners(a: np.ndarray, b: np.ndarray, window: float) -> int:
    """Pairs within the window when both trains are read from the left; each spike used once."""
    i, j, found = 0, 0, 0
    while i < a.size and j < b.size:
        if abs(a[i] - b[j]) <= window:
            found += 1
            i += 1
            j += 1
        elif a[i] < b[j]:
            i += 1
        else:
            j += 1
    return found


@numba.njit(cache=True, nogil=True)
def _edit(a: np.ndarray, b: np.ndarray, cost: float) -> float:
    before = np.arange(b.size + 1).astype(np.float64)
    after = np.empty_like(before)
    for i in range(a.size):
        after[0] = i + 1.0
        for j in range(b.size):
            move = before[j] + cost * abs(a[i] - b[j])
            after[j + 1] = min(min(before[j + 1], after[j]) + 1.0, move)
        before, after = after, before
    return float(before[b.size])
