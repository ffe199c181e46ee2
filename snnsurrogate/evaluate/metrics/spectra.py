"""Distance of power spectra."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d

from ._base import Record, metric

SIGMA = 20.0
FLAT = 1e-3  # a trace whose standard deviation is below this many typical ones is at rest


def spectrum(trace: np.ndarray, *, sigma: float = SIGMA) -> np.ndarray:
    """Power spectrum along time, Gaussian-smoothed (`sigma` in frequency bins), of unit sum.

    The mean is removed and the zero-frequency bin left out. All zero for a trace at rest (standard
    deviation below 0.001) and for one with non-finite values.

    Args:
        trace: (..., time), scaled coordinates.
        sigma: width of the smoothing kernel in bins.

    Returns:
        (..., time // 2).
    """
    finite = np.isfinite(trace).all(axis=-1, keepdims=True)
    x = np.where(finite, trace, 0.0)
    x = x - x.mean(axis=-1, keepdims=True)
    flat = x.std(axis=-1, keepdims=True) < FLAT
    power = np.abs(np.fft.rfft(x, axis=-1))[..., 1:] ** 2
    power = gaussian_filter1d(power, sigma, axis=-1, mode="nearest")
    total = power.sum(axis=-1, keepdims=True)
    return np.where(flat, 0.0, power / np.where(total > 0, total, 1.0))


def hellinger(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Hellinger distance along the last axis, in [0, 1]; 0 between two zero spectra.

    H = sqrt(sum (sqrt p - sqrt q)^2 / 2), with a zero spectrum (a trace at rest) counted as all
    power in a bin of its own: distance 1 to any other.
    """
    at_rest = np.stack([1 - p.sum(axis=-1), 1 - q.sum(axis=-1)]).clip(0.0)
    sums = np.sum((np.sqrt(p) - np.sqrt(q)) ** 2, axis=-1)
    sums = sums + (np.sqrt(at_rest[0].round(9)) - np.sqrt(at_rest[1].round(9))) ** 2
    return np.sqrt(np.minimum(sums / 2, 1.0))


@metric(
    unit="1",
    ideal=0.0,
    better="lower",
    long_name="spectral distance D_H (mean Hellinger distance of smoothed power spectra)",
)
def D_H(truth: Record, prediction: Record) -> np.ndarray:
    """Hellinger distance of normalised smoothed power spectra, mean over states.

    Spectra are normalised, so amplitude does not enter except that a trace at rest is at distance 1
    from every trace that moves; a non-finite prediction is at distance 1.

    Source: Mikhaeil, Monfared, Durstewitz (2022), arXiv:2110.07238; smoothing width 20 bins.
    """
    a = spectrum(np.moveaxis(truth.states, 1, 2))
    b = spectrum(np.moveaxis(prediction.states, 1, 2))
    distance = hellinger(a, b).mean(axis=1)
    finite = np.isfinite(prediction.states).all(axis=(1, 2))
    return np.where(finite, distance, 1.0)
