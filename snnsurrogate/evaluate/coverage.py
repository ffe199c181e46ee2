"""Coverage: do the regimes of truth and prediction agree, sample by sample and per regime?

A raw agreement flatters a prediction that always shows the commonest regime; the mean recall over
the regimes of the truth does not (always bursting scores 1/2 where two regimes occur).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from snnsurrogate.features import MISSING, REGIMES


def confusion(
    truth: ArrayLike, prediction: ArrayLike, *, n_regimes: int = len(REGIMES)
) -> np.ndarray:
    """Counts of (regime of the truth, regime of the prediction).

    Samples without a regime in the truth are left out. A prediction without one (diverged) stands
    in the last column, where it counts as a disagreement.

    Args:
        truth: regime codes, shape (sample,); -1 missing.
        prediction: regime codes, shape (sample,); -1 missing.
        n_regimes: number of regimes.

    Returns:
        Counts, shape (n_regimes, n_regimes + 1), int64.

    Raises:
        ValueError: different lengths, or a code outside -1..n_regimes-1.
    """
    a, b = np.asarray(truth), np.asarray(prediction)
    if a.shape != b.shape or a.ndim != 1:
        msg = f"truth has shape {a.shape}, prediction {b.shape}; expected one code per sample each."
        raise ValueError(msg)
    for name, codes in (("truth", a), ("prediction", b)):
        if codes.size and not (codes.min() >= MISSING and codes.max() < n_regimes):
            msg = (
                f"{name} holds the codes {np.unique(codes).tolist()}; expected -1 (missing) to "
                f"{n_regimes - 1}."
            )
            raise ValueError(msg)
    counts = np.zeros((n_regimes, n_regimes + 1), dtype=np.int64)
    kept = a != MISSING
    np.add.at(counts, (a[kept], np.where(b[kept] == MISSING, n_regimes, b[kept])), 1)
    return counts


def agreement(counts: np.ndarray) -> float:
    """Fraction of samples with the truth's regime; NaN without samples.

    Args:
        counts: as `confusion` returns them.
    """
    total = counts.sum()
    return float(np.trace(counts) / total) if total else np.nan


def recall(counts: np.ndarray) -> np.ndarray:
    """Fraction of each regime of the truth that the prediction reproduces.

    Args:
        counts: as `confusion` returns them.

    Returns:
        Shape (n_regimes,); NaN for regimes that the truth does not show.
    """
    total = counts.sum(axis=1)
    hits = np.diagonal(counts[:, : len(counts)])
    return np.where(total > 0, hits / np.maximum(total, 1), np.nan)


def mean_recall(counts: np.ndarray) -> float:
    """Recall averaged over the regimes that the truth shows; NaN without samples.

    Args:
        counts: as `confusion` returns them.
    """
    values = recall(counts)
    return float(np.nanmean(values)) if np.isfinite(values).any() else np.nan
