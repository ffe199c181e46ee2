"""Spike detection on a recorded voltage: one detector for simulations and for rollouts alike.

A spike is an upward crossing of `threshold`. The detector is then disarmed until the voltage falls
below `reset` (hysteresis), so that noise on the upstroke or a ripple on the plateau is not counted
twice. The time of the crossing is interpolated linearly between the two samples around it.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import ArrayLike


@numba.njit(cache=True, nogil=True)
def _crossings(v: np.ndarray, threshold: float, reset: float, times: np.ndarray) -> int:
    """Write crossing times of one trace, in samples, into `times`; return how many."""
    count = 0
    armed = False
    for k in range(v.size):
        if v[k] < threshold:
            # A record that begins below threshold begins armed, even above `reset`: nothing says
            # that a spike has just passed.
            armed = True
            break
        if v[k] >= threshold:
            break
    for k in range(1, v.size):
        before, after = v[k - 1], v[k]
        if armed and before < threshold and after >= threshold:  # False where either is NaN
            # An infinite neighbour has no slope: the crossing is put at the later sample.
            fraction = (threshold - before) / (after - before)
            times[count] = k - 1 + fraction if fraction > 0.0 else float(k)
            count += 1
            armed = False
        elif after < reset:
            armed = True
    return count


def _check(time_step: float, threshold: float, reset: float) -> None:
    if not time_step > 0:
        msg = f"time_step={time_step!r}; expected a positive number in the time unit of the record."
        raise ValueError(msg)
    if not reset <= threshold:
        msg = (
            f"reset={reset!r} lies above threshold={threshold!r}; the detector is re-armed below "
            "`reset`, which must be at most `threshold`."
        )
        raise ValueError(msg)


def detect(v: ArrayLike, time_step: float, *, threshold: float, reset: float) -> np.ndarray:
    """Spike times of one trace.

    A record that begins above `threshold` is inside a spike whose crossing lies before the record:
    that spike is not counted. Missing samples (NaN) never make a spike: both neighbours of a
    crossing must be numbers.

    Args:
        v: voltage, shape (time,), in any unit.
        time_step: distance between samples; its unit is the unit of the result.
        threshold: level whose upward crossing is a spike, in the unit of `v`.
        reset: level below which the detector is armed again, at most `threshold`.

    Returns:
        Times since the first sample, shape (spike,), increasing.

    Raises:
        ValueError: trace not 1-D, `time_step` not positive, or `reset` above `threshold`.
    """
    trace = np.ascontiguousarray(v, dtype=np.float64)
    if trace.ndim != 1:
        msg = f"v has shape {trace.shape}; expected (time,). For many traces use detect_batch."
        raise ValueError(msg)
    _check(time_step, threshold, reset)
    times = np.empty(trace.size // 2 + 1)  # two crossings are at least two samples apart
    return times[: _crossings(trace, float(threshold), float(reset), times)] * time_step


def detect_batch(
    v: ArrayLike, time_step: float, *, threshold: float, reset: float
) -> list[np.ndarray]:
    """Spike times of many traces; see `detect`.

    Args:
        v: voltage, shape (sample, time).
        time_step: distance between samples; its unit is the unit of the result.
        threshold: level whose upward crossing is a spike, in the unit of `v`.
        reset: level below which the detector is armed again, at most `threshold`.

    Returns:
        One array of times per sample; an empty array where a cell is silent.

    Raises:
        ValueError: `v` not 2-D, `time_step` not positive, or `reset` above `threshold`.
    """
    traces = np.asarray(v)
    if traces.ndim != 2:
        msg = f"v has shape {traces.shape}; expected (sample, time). For one trace use detect."
        raise ValueError(msg)
    _check(time_step, threshold, reset)
    times = np.empty(traces.shape[1] // 2 + 1)
    spikes = []
    for trace in traces:  # one row at a time: no second copy of a large float32 record
        row = np.ascontiguousarray(trace, dtype=np.float64)
        count = _crossings(row, float(threshold), float(reset), times)
        spikes.append(times[:count] * time_step)
    return spikes
