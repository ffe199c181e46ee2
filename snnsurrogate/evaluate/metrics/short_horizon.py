"""Point-by-point error over the first stretch, where phases have not drifted apart yet."""

from __future__ import annotations

import numpy as np

from ._base import Record, metric

CAP = 10.0  # in typical standard deviations: one escaped sample must not decide the mean


@metric(
    unit="1",
    ideal=0.0,
    better="lower",
    long_name="short-horizon error (NRMSE over the first stretch, same start)",
    phase_free=False,
)
def short_horizon_error(truth: Record, prediction: Record) -> np.ndarray:
    """Root-mean-square error over the horizon, in typical standard deviations of each state.

    sqrt(mean over time and states of ((prediction - truth) / scale)^2), with each deviation clipped
    at 10; a prediction that is not finite to its end counts 10. Meaningful when both start from the
    same state. Over long records the error of a phase-shifted copy exceeds that of a flat line:
    hence the horizon.
    """
    n = max(2, min(truth.states.shape[1], 1 + round(truth.horizon / truth.time_step)))
    error = np.abs(prediction.states[:, :n] - truth.states[:, :n])
    finite = np.isfinite(prediction.states).all(axis=(1, 2))
    error = np.minimum(np.where(np.isfinite(error) & finite[:, None, None], error, CAP), CAP)
    return np.sqrt(np.mean(error**2, axis=(1, 2)))
