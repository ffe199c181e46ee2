"""Did free runs stay where the training data were?"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from snnsurrogate import schema
from snnsurrogate.surrogate._warnings import ExtrapolationWarning

# A free run this many visited ranges away from the training data has left for good.
_GONE = 10.0
_OUTSIDE = 0.25  # of a range: farther away is worth a warning


def guard(card: Mapping[str, Any], x: np.ndarray) -> np.ndarray:
    """Status per sample; NaN is written from the exit on, and runs outside are warned of.

    Args:
        card: of the surrogate.
        x: (sample, time, state), changed in place.
    """
    low, high = (np.asarray(card["visited"][k], dtype=float) for k in ("low", "high"))
    width = np.where(high > low, high - low, 1.0)
    with np.errstate(invalid="ignore"):
        distance = (np.maximum(low - x, x - high) / width).max(axis=2)
    gone = ~(distance <= _GONE)  # NaN counts as gone
    status = np.where(gone.any(axis=1), schema.FLAGS["diverged"], schema.FLAGS["ok"])
    for i in np.flatnonzero(status):
        x[i, int(np.argmax(gone[i])) :] = np.nan
    outside = distance > _OUTSIDE
    if outside.any():
        _warn(card, x, outside)
    return np.asarray(status)


def _warn(card: Mapping[str, Any], x: np.ndarray, outside: np.ndarray) -> None:
    samples = np.asarray(outside.any(axis=1))
    ranges = "; ".join(
        f"{about['name']} [{np.nanmin(x[..., i]):.4g}, {np.nanmax(x[..., i]):.4g}] against "
        f"[{card['visited']['low'][i]:.4g}, {card['visited']['high'][i]:.4g}]"
        for i, about in enumerate(card["states"])
    )
    warnings.warn(
        f"{int(samples.sum())} of {samples.size} free runs leave the region seen in training "
        f"by over a quarter of its width, {100 * outside.mean():.2g} % of the time: {ranges}",
        ExtrapolationWarning,
        stacklevel=4,
    )
