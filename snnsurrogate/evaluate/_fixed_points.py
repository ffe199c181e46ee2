"""Fixed points of truth and surrogate side by side, eigenvalues matched mode by mode."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.optimize import linear_sum_assignment

FAR = 1.0  # in typical standard deviations: a point further away is another point


def match(truth: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Reorder eigenvalues so that each stands beside the one of the truth it belongs to.

    The assignment with the smallest total distance in the complex plane. It follows modes through
    the point where two real eigenvalues merge into a complex pair, where sorting jumps; if one
    side still has the real pair and the other already the complex one, both members stand at their
    (small) distance.

    Args:
        truth: (mode,) complex.
        other: (mode,) complex.

    Returns:
        `other`, reordered; all NaN when either holds a NaN.
    """
    if not (np.isfinite(truth).all() and np.isfinite(other).all()):
        return np.full_like(other, np.nan)
    _, order = linear_sum_assignment(np.abs(truth[:, None] - other[None, :]))
    return other[order]


def choose(
    candidates: np.ndarray, reference: np.ndarray, scale: np.ndarray, *, far: float = FAR
) -> int:
    """Index of the candidate nearest to the reference; -1 when none is within `far`.

    Args:
        candidates: (point, state); NaN rows are empty places.
        reference: (state,).
        scale: (state,) typical standard deviations.
        far: largest accepted distance, in typical standard deviations, of any state.
    """
    apart = np.max(np.abs(candidates - reference) / scale, axis=-1, initial=0.0)
    apart = np.where(np.isfinite(candidates).all(axis=-1), apart, np.inf)
    if not apart.size or not np.isfinite(reference).all() or apart.min() > far:
        return -1
    return int(apart.argmin())


def eigenvalue_errors(truth: np.ndarray, other: np.ndarray) -> dict[str, np.ndarray]:
    """Relative errors in percent, by kind of mode.

    Args:
        truth: (sample, mode) complex rates.
        other: (sample, mode) complex rates, matched; NaN where the surrogate has no such point,
            which counts 100 %.

    Returns:
        "unstable": (sample, mode) of the modes with positive real part, fastest first, NaN
        elsewhere; "stable": the fastest stable mode of each sample that has one; "slowest": the
        mode with the smallest real part in absolute value, which decides stability.
    """
    relative = 100.0 * np.abs(other - truth) / np.abs(truth)
    relative = np.where(np.isnan(relative) & np.isfinite(truth), 100.0, relative)
    known = np.isfinite(truth).all(axis=1)
    real = np.where(known[:, None], truth.real, np.nan)
    with np.errstate(invalid="ignore"):
        order = np.argsort(-np.where(known[:, None], truth.real, 0.0), axis=1, kind="stable")
        unstable = np.take_along_axis(np.where(real > 0, relative, np.nan), order, axis=1)
        slow = np.where(known[:, None], np.abs(truth.real), np.inf).argmin(axis=1)
        fastest = np.where(known[:, None], truth.real, 0.0).argmin(axis=1)
        rows = np.flatnonzero(known & (truth.real[np.arange(len(truth)), fastest] < 0))
    every = np.flatnonzero(known)
    return {
        "unstable": unstable,
        "stable": relative[rows, fastest[rows]],
        "slowest": relative[every, slow[every]],
    }


def summarise(errors: np.ndarray, reduce: str) -> float:
    """Median or maximum; NaN of nothing. Of several modes (sample, mode), the worst median."""
    columns = np.atleast_2d(errors.T) if errors.ndim == 2 else [errors]
    known = [column[~np.isnan(column)] for column in columns]
    function = np.median if reduce == "median" else np.max
    return float(max((function(column) for column in known if column.size), default=np.nan))


def vector(scale: Mapping[str, float], names: list[str]) -> np.ndarray:
    """Scales in the order of the states."""
    return np.array([scale[name] for name in names])
