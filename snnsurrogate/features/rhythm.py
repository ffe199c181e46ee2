"""Rhythms of population activity: spectra, peaks, spectrograms, coherence, correlation of spikes.

Spectra are Welch estimates of the rate per cell: bins of 1 ms, Hann windows of 512 bins that
overlap by half, the mean of each window removed; one-sided density in Hz^2 per Hz. N independent
Poisson cells of rate r have the flat density 2 r / N (the *Poisson level*).

A *peak* exists where the density at 4 Hz or above is higher than Poisson cells show anywhere in
more than one record of a hundred. Its place, height and width at half that height are read off the
spectrum smoothed by the weights 1-2-3-2-1, else the width would be that of a spike of noise (in
10 s of `markov-if` Q varied by 11 % from seed to seed, at worst 56 %; smoothed by 7 %, 30 %). A
line is then 6.5 Hz wide. The quality Q is frequency over width. Where the density does not fall to
half on both sides there is a frequency but no width.

Source: Welch (1967), doi:10.1109/TAU.1967.1161901; Harris (1978), doi:10.1109/PROC.1978.10837, for
the degrees of freedom of overlapping windows.
"""

from __future__ import annotations

import numbers
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike
from scipy import signal, stats

from snnsurrogate.features._feature import NotRecordedError
from snnsurrogate.features.populations import (
    Activity,
    labelled,
    need_network,
    rows_where_ok,
)

BIN = "1 ms"
WINDOW = 512  # bins
LOWEST = 4.0  # Hz: two resolved frequencies of the default window
GAMMA = (30.0, 90.0)  # Hz
CHANCE = 0.01
SMOOTHING = np.array([1.0, 2.0, 3.0, 2.0, 1.0]) / 9.0


@dataclass(frozen=True, kw_only=True)
class Peak:
    """The largest peak of a spectrum; NaN for what does not exist.

    Attributes:
        frequency: Hz, between the frequencies of the estimate (parabola through the logarithms).
        width: full width at half height, Hz.
        height: smoothed density of the peak over the Poisson level.
    """

    frequency: float = np.nan
    width: float = np.nan
    height: float = np.nan

    @property
    def quality(self) -> float:
        """Frequency over width."""
        return self.frequency / self.width


def density(
    rate: ArrayLike, *, bin_seconds: float, window: int = WINDOW
) -> tuple[np.ndarray, np.ndarray]:
    """Welch spectrum of a rate.

    Args:
        rate: rate per cell, Hz, shape (bin,).
        bin_seconds: length of a bin, s.
        window: bins per window.

    Returns:
        Frequencies (Hz) and densities (Hz), shapes (frequency,).

    Raises:
        ValueError: the record is shorter than a window.
    """
    x = np.asarray(rate, dtype=np.float64)
    _need_window(x.size, window)
    f, p = signal.welch(x, fs=1.0 / bin_seconds, window="hann", nperseg=window)
    return f, p


def peak(frequency: ArrayLike, power: ArrayLike, *, level: float, windows: int) -> Peak:
    """Largest significant peak of a spectrum.

    Args:
        frequency: Hz, uniform, shape (frequency,).
        power: density, same shape.
        level: density of Poisson cells of the same rate.
        windows: number of half-overlapping windows that were averaged.
    """
    f, p = np.asarray(frequency, dtype=np.float64), np.asarray(power, dtype=np.float64)
    first = int(np.searchsorted(f, LOWEST))
    if not level > 0 or f.size - first < 3 or not np.isfinite(p).all():
        return Peak()
    if p[first:].max() <= level * _chance(f.size - first, windows):
        return Peak()
    padded = np.pad(p, SMOOTHING.size // 2, mode="edge")
    p = np.asarray(np.convolve(padded, SMOOTHING, "valid"), dtype=np.float64)
    k = first + int(np.argmax(p[first:]))
    if k in (first, f.size - 1):
        return Peak()
    below, at, above = np.log(np.maximum(p[k - 1 : k + 2], 1e-300))
    curvature = below - 2.0 * at + above
    shift = 0.5 * (below - above) / curvature if curvature < 0 else 0.0
    half = 0.5 * p[k]
    left, right = np.flatnonzero(p[:k] < half), np.flatnonzero(p[k:] < half)
    width = np.nan
    if left.size and right.size:
        width = _crossing(f, p, k + right[0], half, -1) - _crossing(f, p, left[-1], half, 1)
    return Peak(
        frequency=float(f[k] + shift * (f[1] - f[0])), width=float(width), height=p[k] / level
    )


def spectrum(
    ds: xr.Dataset, population: str = "E", *, bin: Any = BIN, window: int = WINDOW
) -> xr.DataArray:
    """Power spectrum of the rate of a population.

    Args:
        ds: a network dataset.
        population: its name.
        bin: length of a bin, text with unit.
        window: bins per window.

    Returns:
        Density in Hz (Hz^2 per Hz) over (sample, frequency in Hz). NaN for a silent population and
        for samples that are not ok. Attribute `windows` is the number of windows averaged.

    Raises:
        ValueError: the record is shorter than a window, or as for `counts`.
    """
    seconds, bins = _grid(ds, population, bin, window)
    f = np.fft.rfftfreq(window, seconds)

    def row(a: Activity) -> np.ndarray:
        rate = _rate(a, population, bin, seconds)
        return density(rate, bin_seconds=seconds, window=window)[1] if rate.any() else _none(f.size)

    return labelled(
        ds,
        rows_where_ok(ds, row, f.shape),
        {"frequency": _frequency(f)},
        name=f"spectrum_{population}",
        units="Hz",
        long_name=f"power spectral density of the {population} rate",
        windows=windows_of(bins, window),
    )


def spectrogram(
    ds: xr.Dataset,
    population: str = "E",
    *,
    bin: Any = BIN,
    window: Any = "200 ms",
    every: Any = "20 ms",
    band: tuple[float, float] = GAMMA,
) -> xr.Dataset:
    """Power spectrum of the rate in a sliding window, and the power in a band.

    Args:
        ds: a network dataset.
        population: its name.
        bin: length of a bin, text with unit.
        window: length of the (Hann) window, text with unit.
        every: distance of windows, text with unit.
        band: frequencies of the band power, Hz.

    Returns:
        `density` in Hz over (sample, frequency in Hz, time) and `band_power` in Hz^2 over (sample,
        time); `time` is the middle of the window. NaN as for :func:`spectrum`.

    Raises:
        ValueError: the record is shorter than a window, or as for `counts`.
    """
    _need_band(band)
    where = _first(ds)
    width, step = where.length(bin, what="bin"), where.length(every, what="every")
    size = max(2, round(where.length(window, what="window") / width))
    hop = max(1, round(step / width))
    seconds, bins = _grid(ds, population, bin, size)
    options: dict[str, Any] = {
        "fs": 1.0 / seconds,
        "window": "hann",
        "nperseg": size,
        "noverlap": max(0, size - hop),
    }
    if hop > size:
        msg = f"every is {every!r}, longer than the window {window!r}; windows must touch."
        raise ValueError(msg)
    f = np.fft.rfftfreq(size, seconds)
    slices = 1 + (bins - size) // hop

    def row(a: Activity) -> np.ndarray:
        rate = _rate(a, population, bin, seconds)
        if not rate.any():
            return np.full((f.size, slices), np.nan)
        return signal.spectrogram(rate, **options)[2][:, :slices]

    rows = rows_where_ok(ds, row, (f.size, slices)).astype(np.float32)
    middle = where.start + width * (0.5 * size + hop * np.arange(slices))
    time = xr.Variable("time", middle, {"units": where.time_unit, "long_name": "middle of window"})
    power = labelled(
        ds,
        rows,
        {"frequency": _frequency(f), "time": time},
        name="density",
        units="Hz",
        long_name=f"power spectral density of the {population} rate",
    )
    inside = (f >= band[0]) & (f <= band[1])
    total = power[:, inside].sum("frequency", skipna=False) * (f[1] - f[0])
    total.attrs = {
        "units": "Hz**2",
        "long_name": f"power of the {population} rate in {band[0]:g}-{band[1]:g} Hz",
    }
    return xr.Dataset({"density": power, "band_power": total})


def coherence(
    ds: xr.Dataset,
    populations: tuple[str, str] = ("E", "I"),
    *,
    bin: Any = BIN,
    window: int = WINDOW,
) -> xr.DataArray:
    """Magnitude-squared coherence of the rates of two populations, over (sample, frequency in Hz).

    Windows as for :func:`spectrum`. With K windows the coherence of independent rates is about 1 /
    K, not 0. NaN where a population is silent and for samples that are not ok.

    Raises:
        ValueError: fewer than two windows in the record (the coherence of one is 1), or as for
            `counts`.
    """
    seconds, bins = _grid(ds, populations[0], bin, window)
    if windows_of(bins, window) < 2:
        msg = f"a record of {bins} bins holds one window of {window}; coherence needs two or more."
        raise NotRecordedError(msg)
    f = np.fft.rfftfreq(window, seconds)

    def row(a: Activity) -> np.ndarray:
        return _coherence(*(a.counts(p, bin) for p in populations), window=window)

    return labelled(
        ds,
        rows_where_ok(ds, row, f.shape),
        {"frequency": _frequency(f)},
        name="coherence",
        units="1",
        long_name=f"coherence of the rates of {populations[0]} and {populations[1]}",
    )


def windows_of(bins: int, window: int = WINDOW) -> int:
    """Number of half-overlapping windows in a record.

    Raises:
        ValueError: `window` is not a whole number of bins from 2.
    """
    _need_bins(window)
    return 1 + (bins - window) // (window - window // 2)


def band_share(frequency: np.ndarray, power: np.ndarray, band: tuple[float, float]) -> float:
    """Share of the power above frequency 0 that lies in a band; NaN without power.

    Raises:
        ValueError: the band is not (low, high) with 0 <= low < high.
    """
    _need_band(band)
    total = power[1:].sum()
    inside = (frequency >= band[0]) & (frequency <= band[1])
    return float(power[inside].sum() / total) if total > 0 else np.nan


def _coherence(a: np.ndarray, b: np.ndarray, *, window: int) -> np.ndarray:
    if not (a.any() and b.any()):
        return _none(window // 2 + 1)
    options = {"window": "hann", "nperseg": window}
    cross = abs(signal.csd(a, b, **options)[1]) ** 2
    powers = signal.welch(a, **options)[1] * signal.welch(b, **options)[1]
    return np.divide(cross, powers, out=_none(powers.size), where=powers > 0)


def _chance(frequencies: int, windows: int) -> float:
    """Ratio to the Poisson level that the highest of many frequencies passes with CHANCE."""
    freedom = 36.0 * windows**2 / (19.0 * windows - 1.0)
    return float(stats.chi2.isf(CHANCE / frequencies, freedom) / freedom)


def _crossing(f: np.ndarray, p: np.ndarray, k: int, level: float, towards: int) -> float:
    """Frequency between k and its neighbour towards the peak at which the density is `level`."""
    return float(f[k] + (level - p[k]) / (p[k + towards] - p[k]) * (f[k + towards] - f[k]))


def _frequency(f: np.ndarray) -> xr.Variable:
    return xr.Variable("frequency", f, {"units": "Hz", "long_name": "frequency"})


def _none(size: int) -> np.ndarray:
    return np.full(size, np.nan)


def _first(ds: xr.Dataset) -> Activity:
    need_network(ds)
    return Activity(ds, 0)


def _grid(ds: xr.Dataset, population: str, bin: Any, window: int) -> tuple[float, int]:
    """Length of a bin in seconds and the number of bins, checked against the window."""
    where = _first(ds)
    bins = where.counts(population, bin).size
    _need_window(bins, window)
    return where.bin_seconds(bin), bins


def _need_bins(window: Any) -> None:
    """Raise ValueError for a window that holds no frequency above 0."""
    whole = isinstance(window, numbers.Integral) and not isinstance(window, bool)
    if not (whole and window >= 2):
        msg = f"window={window!r}; expected a whole number of bins from 2."
        raise ValueError(msg)


def _need_band(band: Any) -> None:
    """Raise ValueError for what is no band of frequencies."""
    pair = np.asarray(band, dtype=object).ravel()
    numeric = pair.size == 2 and all(isinstance(x, numbers.Real) for x in pair)
    if not (numeric and 0 <= pair[0] < pair[1]):
        msg = f"band is {band!r}; expected (low, high) in Hz with 0 <= low < high."
        raise ValueError(msg)


def _need_window(bins: int, window: int) -> None:
    _need_bins(window)
    if bins < window:
        msg = (
            f"a window of {window} bins is longer than the record of {bins} bins; take a longer "
            "record or a shorter window."
        )
        raise NotRecordedError(msg)


def _rate(a: Activity, population: str, bin: Any, seconds: float) -> np.ndarray:
    return a.counts(population, bin) / (a.size(population) * seconds)
