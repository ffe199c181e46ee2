"""Irregularity of single cells in a population: intervals and counts.

Both measures are averages over the cells with at least `FEWEST` spikes in the record; cells that
fire less say nothing about their intervals, and leaving them out favours cells that happened to
fire more. The Fano factor takes the variance of the counts over one less than their number: over
the number itself (as in Elephant) 20 windows would read 5 % low. The CV takes the standard
deviation of the n intervals of a cell over n, as in Elephant. Of n independent exponential
intervals the mean CV is then below 1 (about 0.93 with 20, 0.88 with 10; 0.5 with two, the fewest);
in a fixed record long intervals are moreover cut off by its ends. Compare CVs of records that hold
like numbers of spikes per cell.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from snnsurrogate.features._feature import NotRecordedError

FEWEST = 3


def isi_cv(times: ArrayLike, neurons: ArrayLike, *, fewest: int = FEWEST) -> float:
    """Coefficient of variation of the interspike intervals, averaged over cells; 1 for Poisson.

    Args:
        times: spike times, increasing, shape (spike,).
        neurons: index of the cell of every spike, shape (spike,).
        fewest: cells with fewer spikes are left out.

    Returns:
        NaN where no cell has enough spikes.
    """
    order, owner = _by_cell(times, neurons)
    number = np.bincount(owner)
    same = np.diff(owner) == 0
    of = owner[1:][same]
    intervals = np.diff(np.asarray(times, dtype=np.float64)[order])[same]
    kept = number >= max(fewest, 2)
    if not kept.any():
        return np.nan
    n = np.maximum(number - 1, 1)
    mean = np.bincount(of, intervals, minlength=number.size) / n
    spread = np.bincount(of, (intervals - mean[of]) ** 2, minlength=number.size) / n
    mean, spread = mean[kept], np.sqrt(spread[kept])
    positive = mean > 0
    return float(np.mean(spread[positive] / mean[positive])) if positive.any() else np.nan


def fano_factor(
    times: ArrayLike,
    neurons: ArrayLike,
    *,
    start: float,
    stop: float,
    window: float,
    fewest: int = FEWEST,
) -> float:
    """Variance over mean of a cell's spike counts in windows, averaged over cells; 1 for Poisson.

    The variance is over the number of windows less one.

    Args:
        times: spike times, increasing, shape (spike,).
        neurons: index of the cell of every spike, shape (spike,).
        start: begin of the record, unit of `times`.
        stop: end of the record.
        window: length of a window; the last, incomplete one is left out.
        fewest: cells with fewer spikes inside the windows are left out.

    Returns:
        NaN where no cell has enough spikes.

    Raises:
        ValueError: the record holds fewer than two windows.
    """
    windows = int(np.floor((stop - start) / window * (1 + 1e-12) + 1e-9))
    if windows < 2:
        msg = (
            f"a window of {window:g} fits {windows} times into the record of {stop - start:g}; a "
            "Fano factor needs two windows or more. Take a shorter window."
        )
        raise NotRecordedError(msg)
    where = np.ceil((np.asarray(times, dtype=np.float64) - start) / window - 1e-9) - 1
    inside = where < windows
    cell, owner = np.unique(np.asarray(neurons)[inside], return_inverse=True)
    key = owner * windows + np.maximum(where[inside], 0).astype(np.int64)
    counts = np.bincount(key, minlength=cell.size * windows).reshape(cell.size, windows)
    counts = counts[counts.sum(axis=1) >= max(fewest, 1)]
    return (
        float(np.mean(counts.var(axis=1, ddof=1) / counts.mean(axis=1))) if counts.size else np.nan
    )


def _by_cell(times: ArrayLike, neurons: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Order that sorts spikes by cell and then by time, and the cell of every sorted spike."""
    cells = np.asarray(neurons, dtype=np.int64)
    if cells.shape != np.shape(times):
        msg = f"neurons has shape {cells.shape}; expected that of times, {np.shape(times)}."
        raise ValueError(msg)
    order = np.argsort(cells, kind="stable")
    return order, cells[order]
