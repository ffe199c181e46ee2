"""What Lyapunov exponents and time series say about an attractor: dimension, error, chaos."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import ArrayLike

__all__ = ["WINDOWS", "kaplan_yorke", "standard_error", "t_quantile", "zero_one_test"]

WINDOWS = 8  # the longest windows that an error is read from are this share of the record


def kaplan_yorke(exponents: ArrayLike, *, zero: ArrayLike = 0.0) -> Any:
    """Kaplan-Yorke dimension j + (l_1 + ... + l_j)/|l_(j+1)|, j the last sum that is not negative.

    Args:
        exponents: Lyapunov exponents, largest first, (..., exponent): all of them.
        zero: exponents of at most this size count as zero, (..., exponent) or one number; without
            it a cycle whose first exponent came out as -1e-9 would have dimension 0, not 1.

    Returns:
        (...), between 0 and the number of exponents. NaN where an exponent is not finite.

    Source: Kaplan and Yorke (1979), doi:10.1007/BFb0064319.
    """
    rates = np.asarray(exponents, dtype=float)
    rates = np.where(np.abs(rates) <= zero, 0.0, rates)
    sums = np.cumsum(rates, axis=-1)
    whole = np.cumprod(sums >= 0, axis=-1).sum(-1)  # j
    last = np.clip(whole - 1, 0, None)[..., None]
    following = np.minimum(whole, rates.shape[-1] - 1)[..., None]
    total = np.take_along_axis(sums, last, -1)[..., 0]
    rate = np.take_along_axis(rates, following, -1)[..., 0]
    inside = (whole > 0) & (whole < rates.shape[-1])
    part = np.where(inside, total / np.where(inside, np.abs(rate), 1.0), 0.0)
    found = np.where(np.isfinite(rates).all(-1), whole + part, np.nan)
    return found if found.ndim else float(found)


def standard_error(sums: np.ndarray, length: float) -> np.ndarray:
    """Standard error of a growth rate over time, (exponent,), from the growth so far.

    The growth up to t is L t plus diffusion, of variance D t, plus a part that stays bounded (how
    the tangent lies at t, of variance S): over a time u it varies by D u + 2 S. Both are fitted,
    neither below zero, to the mean square over all windows of up to an eighth of the record; the
    error is sqrt(D length + 2 S)/length. The spread of block means would count 2 S once per block.

    Args:
        sums: (block, exponent) running sums at the end of each of several equal blocks.
        length: of all blocks together.

    Returns:
        NaN where there are fewer than 4 blocks: too few for two unknowns.
    """
    blocks = len(sums)
    if blocks < 4:
        return np.full(sums.shape[1], np.nan)
    total = np.concatenate([np.zeros((1, sums.shape[1])), sums])
    rest = total - np.linspace(0.0, 1.0, blocks + 1)[:, None] * total[-1]
    windows = np.arange(1, max(2, blocks // WINDOWS) + 1)
    squares = np.array([np.mean((rest[k:] - rest[:-k]) ** 2, axis=0) for k in windows])
    share = (windows / blocks)[:, None]
    spread = share * (1 - share)  # not share: the mean growth was taken off
    weight = 1 / share / (1 / share).sum()
    x, y = (weight * spread).sum(), (weight * squares).sum(0)
    slope = (weight * (spread - x) * squares).sum(0) / (weight * (spread - x) ** 2).sum()
    bounded = y - slope * x
    only_slope = (weight * spread * squares).sum(0) / (weight * spread**2).sum()
    variance = np.where(slope < 0, y, np.where(bounded < 0, only_slope, slope + bounded))
    return np.asarray(np.sqrt(variance) / length)


def t_quantile(freedom: int, significance: float) -> float:
    """The value that Student's t exceeds with probability ``significance``."""
    from scipy.special import stdtrit

    if not 0 < significance < 1:
        msg = f"significance={significance}; expected a probability between 0 and 1."
        raise ValueError(msg)
    return float(stdtrit(freedom, 1 - significance))


def zero_one_test(series: ArrayLike, *, frequencies: int = 100, seed: int = 0) -> Any:
    """0-1 test for chaos: near 1 for chaotic, near 0 for regular dynamics.

    The series drives a walk in the plane, p(n) = sum of x_j cos(jc), q(n) with sin; its mean square
    displacement, less the oscillating part, grows linearly with n if the series is chaotic and
    stays bounded if not. The result is the median over frequencies c of its correlation with n.

    Args:
        series: (n,) or (sample, n): every step of a map, or one number per event of a flow
            (interspike intervals, maxima, section). A flow sampled finely looks regular.
        frequencies: number of frequencies c, drawn from (pi/5, 4 pi/5).
        seed: of that draw.

    Returns:
        One number, or (sample,). NaN where the series is not finite or all equal to rounding
        (a fixed point, for which the test says nothing).

    Raises:
        ValueError: a series shorter than 100.

    Source: Gottwald and Melbourne (2009), doi:10.1137/080718851.
    """
    x = np.ascontiguousarray(np.atleast_2d(np.asarray(series, dtype=float)))
    if x.ndim != 2 or x.shape[1] < 100:
        msg = f"series has shape {np.shape(series)}; expected (n,) or (sample, n) with n >= 100."
        raise ValueError(msg)
    c = np.random.default_rng(seed).uniform(np.pi / 5, 4 * np.pi / 5, frequencies)
    found = np.full(len(x), np.nan)
    for i, row in enumerate(x):
        size = np.abs(row).max()
        if np.isfinite(size) and np.ptp(row) > 1e-12 * size:
            found[i] = np.median(_correlations(row - row.mean(), c))
    return float(found[0]) if np.ndim(series) == 1 else found


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _correlations(x, frequencies):  # type: ignore[no-untyped-def]
    """Correlation of the mean square displacement with n = 1..N/10, for every frequency.

    The mean was taken off the series first: it only adds the oscillating term that the published
    test subtracts, and no rounding is lost by subtracting it.
    """
    total = x.size
    cut = total // 10
    used = total - cut
    out = np.empty(frequencies.size)
    p = np.empty(total)
    q = np.empty(total)
    growth = np.empty(cut)
    for k in range(frequencies.size):
        c = frequencies[k]
        a = 0.0
        b = 0.0
        for j in range(total):
            a += x[j] * np.cos((j + 1) * c)
            b += x[j] * np.sin((j + 1) * c)
            p[j] = a
            q[j] = b
        for n in range(1, cut + 1):
            square = 0.0
            for j in range(used):
                square += (p[j + n] - p[j]) ** 2 + (q[j + n] - q[j]) ** 2
            growth[n - 1] = square / used
        centre = 0.5 * (cut + 1)
        level = growth.mean()
        both = 0.0
        first = 0.0
        second = 0.0
        for n in range(1, cut + 1):
            u, v = n - centre, growth[n - 1] - level
            both += u * v
            first += u * u
            second += v * v
        out[k] = both / np.sqrt(first * second) if second > 0.0 else 0.0
    return out
