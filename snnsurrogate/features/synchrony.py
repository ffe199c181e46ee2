"""Synchrony of a population, from its counts or its spike times.

Three measures, all NaN for a silent population:

`chi`  coefficient of variation of the counts with the Poisson part taken out,
       sqrt(max(var - mean, 0)) / mean: 0 for independent Poisson cells, m / sqrt(2) for a rate
       modulated as 1 + m sin(wt) in bins much shorter than the period. It does not depend on the
       number of cells or, for a given shape, on the rate.
`ssi`  spike synchrony index: mean over spikes of the share of the population that fires within
       +-w/2 of it, the spike itself counted; (1 + N r w) / N for Poisson cells of rate r. In bins
       of width w it is sum(n^2) / (N sum(n)); on spike times, or on bins finer than the window,
       the window slides with the spike. Bins cut volleys in two and read lower where these are as
       short as the window (10 % at 4 ms in the synchronous regime of `markov-if`, 1 % at 1 ms).
`fraction_sd`, `fraction_p95`
       of the share of the population that fires in a bin.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def chi(counts: ArrayLike) -> float:
    """Poisson-corrected coefficient of variation of counts, shape (bin,)."""
    n = np.asarray(counts, dtype=np.float64)
    mean = n.mean() if n.size > 1 else np.nan
    if not mean > 0:
        return np.nan
    return float(np.sqrt(max(n.var(ddof=1) - mean, 0.0)) / mean)


def chi_squared_noise(mean: float, bins: int) -> float:
    """Standard deviation of chi^2 over records of Poisson counts, which have no synchrony.

    The variance of a sample variance is (mu_4 - sigma^4) / n; for Poisson counts (m + 2 m^2) / n.
    """
    return float(np.sqrt((1.0 / mean + 2.0) / bins) / mean) if mean > 0 and bins else np.inf


def cycle_cv(counts: ArrayLike, *, longest: int) -> float:
    """Coefficient of variation of the part of the activity that comes back a cycle later.

    The square root of the largest autocovariance after its first zero, over the mean: m / sqrt(2)
    for a rate modulated as 1 + m sin(wt), as `chi`, but 0 for fluctuations that are damped within a
    cycle, such as those of a finite asynchronous network. Noise that is independent from bin to bin
    does not enter.

    Args:
        counts: spikes per bin, shape (bin,).
        longest: longest lag, in bins; at least one period of the slowest rhythm.
    """
    n = np.asarray(counts, dtype=np.float64)
    lags = min(longest + 1, n.size // 2)
    mean = n.mean() if lags > 1 else np.nan
    if not mean > 0:
        return np.nan
    x = n - mean
    covariance = np.array([x[: x.size - k] @ x[k:] / (x.size - k) for k in range(lags)])
    below = np.flatnonzero(covariance <= 0)
    if not below.size:
        return 0.0
    return float(np.sqrt(max(covariance[below[0] :].max(), 0.0)) / mean)


def ssi(counts: ArrayLike, size: int) -> float:
    """Spike synchrony index in bins: sum(n^2) / (N sum(n)).

    Args:
        counts: spikes per bin, shape (bin,); the bin is the width of the index.
        size: number of cells N.
    """
    n = np.asarray(counts, dtype=np.float64)
    total = n.sum()
    return float(np.sum(n * n) / (size * total)) if total > 0 else np.nan


def ssi_windowed(counts: ArrayLike, size: int, *, bins: int) -> float:
    """Spike synchrony index with a window of several bins that slides with the spike.

    The sum of the autocorrelation over the window, from its values at whole bins: trapezoids, with
    the slope at the edge of the window put right for what bins and trapezoids smear out.

    Args:
        counts: spikes per bin, shape (bin,).
        size: number of cells N.
        bins: full width of the window, an even number of bins.

    Raises:
        ValueError: an odd or negative number of bins.
    """
    if bins < 2 or bins % 2:
        msg = f"bins={bins}; expected an even number: the window reaches as far to either side."
        raise ValueError(msg)
    n = np.asarray(counts, dtype=np.float64)
    total = n.sum()
    if not total > 0:
        return np.nan
    half = bins // 2
    pairs = np.array([n[lag:] @ n[: max(n.size - lag, 0)] for lag in range(half + 2)])
    pairs[0] -= total  # of different spikes
    slope = 0.5 * (pairs[half + 1] - pairs[half - 1])
    inside = pairs[0] + 2.0 * pairs[1:half].sum() + pairs[half] - slope / 3.0
    return float((total + inside) / (size * total))


def ssi_sliding(times: ArrayLike, size: int, *, width: float) -> float:
    """Spike synchrony index with a window that slides: mean share of cells within +-width/2.

    A spike exactly at the edge of the window counts half, so that times on the grid of a fixed-step
    simulation are not counted in width + 1 steps.

    Args:
        times: spike times of the population, increasing, shape (spike,).
        size: number of cells N.
        width: full width of the window, unit of `times`.
    """
    t = np.asarray(times, dtype=np.float64)
    if not t.size:
        return np.nan
    half, near = 0.5 * width, 1e-6 * width
    inside = np.searchsorted(t, t + half - near) - np.searchsorted(t, t - half + near, "right")
    closed = np.searchsorted(t, t + half + near, "right") - np.searchsorted(t, t - half - near)
    return float(np.mean(0.5 * (inside + closed)) / size)


def fraction_sd(counts: ArrayLike, size: int) -> float:
    """Standard deviation of the share of cells that fire per bin; NaN for one bin.

    The variance is over the number of bins less one.
    """
    n = np.asarray(counts, dtype=np.float64)
    return float(n.std(ddof=1) / size) if n.size > 1 and n.sum() > 0 else np.nan


def fraction_p95(counts: ArrayLike, size: int) -> float:
    """95th percentile of the share of cells that fire per bin."""
    n = np.asarray(counts, dtype=np.float64)
    return float(np.percentile(n, 95) / size) if n.sum() > 0 else np.nan
