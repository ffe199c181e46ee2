"""Divergence of the regions of state space that truth and prediction visit."""

from __future__ import annotations

import numpy as np

from ._base import Record, metric

BINS = 30
SMOOTHING = 1e-5
NARROWEST = 0.02  # narrowest bin, in typical standard deviations


def _cells(states: np.ndarray, low: np.ndarray, width: np.ndarray, bins: int) -> np.ndarray:
    """Index of the cell of each point (time,); -1 outside the grid or not finite."""
    with np.errstate(invalid="ignore", over="ignore"):
        position = (states - low) / width
        # the upper edge belongs to the last bin, as in numpy.histogram
        position = np.where(position == bins, bins - 1, position)
        inside = np.all((position >= 0) & (position < bins), axis=-1)
    index = np.where(inside[:, None], position, 0).astype(np.int64)
    flat = np.zeros(len(states), dtype=np.int64)
    for k in range(states.shape[-1]):
        flat = flat * bins + index[:, k]
    return np.where(inside, flat, -1)


def divergence(
    truth: np.ndarray, prediction: np.ndarray, *, bins: int = BINS, smoothing: float = SMOOTHING
) -> float:
    """Kullback-Leibler divergence of binned state-space occupation, KL(truth || prediction).

    `bins` per dimension over the range of the truth, counts smoothed by adding `smoothing`
    (Laplace). Two departures from the usual code: points of the prediction outside the truth's
    range are kept, in one more cell (dropping them would reward a prediction that leaves and
    returns); and a bin is at least 0.02 standard deviations wide, so that two cells at rest are
    compared at that resolution and not at that of rounding errors.

    Args:
        truth: (time, state), scaled coordinates.
        prediction: (time, state), same coordinates.
        bins: bins per dimension.
        smoothing: pseudo-count per cell.

    Source: Koppe et al. (2019), doi:10.1371/journal.pcbi.1007263; binning as in Brenner et al.
    (2022), arXiv:2207.02542.
    """
    low, high = truth.min(axis=0), truth.max(axis=0)
    width = np.maximum((high - low) / bins, NARROWEST)
    # a state at rest lies in the middle of a bin, not on the edge between two
    shift = np.where(high - low < NARROWEST, 0.5 * (1 - bins % 2), 0.0)
    low = 0.5 * (low + high) - (0.5 * bins + shift) * width
    # a relative allowance: the extremes of the truth must not fall outside by rounding
    low, width = low - 1e-9 * width, width * (1 + 2e-9)
    size = bins ** truth.shape[1] + 1  # + the cell of everything outside
    cells, counts = np.unique(_cells(truth, low, width, bins), return_counts=True)
    p_cells, p_counts = np.unique(_cells(prediction, low, width, bins), return_counts=True)
    predicted = np.zeros(cells.size)
    where = np.searchsorted(p_cells, cells)
    found = where < p_cells.size
    found[found] = p_cells[where[found]] == cells[found]
    predicted[found] = p_counts[where[found]]
    p_total = counts.sum() + smoothing * size
    q_total = p_counts.sum() + smoothing * size
    p = (counts + smoothing) / p_total
    q = (predicted + smoothing) / q_total
    visited = float(np.sum(p * np.log(p / q)))
    # cells the truth never visits all have p = smoothing / p_total: summed in closed form
    empty = smoothing / p_total
    others = np.setdiff1d(p_cells, cells)
    q_others = (p_counts[np.isin(p_cells, others)] + smoothing) / q_total
    rest = size - cells.size - others.size
    unvisited = float(np.sum(empty * np.log(empty / q_others)))
    unvisited += rest * empty * np.log(q_total / p_total)
    return visited + unvisited


@metric(
    unit="1",
    ideal=0.0,
    better="lower",
    long_name="state-space divergence D_stsp (binned Kullback-Leibler)",
)
def D_stsp(truth: Record, prediction: Record) -> np.ndarray:
    """State-space divergence of each sample; see `divergence`.

    A prediction that is not finite to its end counts as one that is nowhere in the truth's region:
    it must not gain by ending early. With 6000 points in 27 000 cells two stretches of one
    attractor are some tenths apart: read it beside its floor.
    """
    finite = np.isfinite(prediction.states).all(axis=(1, 2))
    states = np.where(finite[:, None, None], prediction.states, np.nan)
    return np.array([divergence(a, b) for a, b in zip(truth.states, states, strict=True)])
