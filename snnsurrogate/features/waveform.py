"""The shape of single spikes: threshold, peak, trough, widths, slopes."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike

from snnsurrogate.features.spikes import detect

__all__ = ["Shapes", "spike_shapes", "width_at"]


@dataclass(frozen=True, kw_only=True)
class Shapes:
    """Spikes of one trace; all arrays (spike,), NaN where a value does not exist.

    Attributes:
        time: of the upward crossing of the detector's threshold, since the first sample.
        threshold: potential where dV/dt last rose through the onset slope before the peak.
        peak: largest potential, from a parabola through the largest sample and its neighbours.
        peak_time: of the peak.
        trough: least potential between this peak and the next spike; missing if the potential
            still falls where the record ends.
        half_width: width at half height between threshold and peak.
        upstroke: largest dV/dt.
        downstroke: least dV/dt, a negative number, between the peak and the trough.
    """

    time: np.ndarray
    threshold: np.ndarray
    peak: np.ndarray
    peak_time: np.ndarray
    trough: np.ndarray
    half_width: np.ndarray
    upstroke: np.ndarray
    downstroke: np.ndarray


NAMES = tuple(f.name for f in fields(Shapes))


def spike_shapes(
    v: ArrayLike,
    time_step: float,
    *,
    threshold: float,
    reset: float,
    onset_slope: float = 10.0,
    begin: float = 0.0,
) -> Shapes:
    """Shapes of the spikes of a trace, found as `spikes.detect` does.

    The threshold of a spike is read going back from its steepest point to where dV/dt falls below
    ``onset_slope``. Where that search reaches ``begin`` (the onset of a current step that alone
    drives dV/dt above the slope) the spike has no threshold, and no half width.

    Args:
        v: voltage, shape (time,), say in mV.
        time_step: between samples, say in ms; 0.05 ms or less for slopes and widths.
        threshold: of the detector.
        reset: of the detector.
        onset_slope: dV/dt at the foot of a spike, in units of v per unit of time; 10 mV/ms.
        begin: time since the first sample before which no foot is searched.

    Raises:
        ValueError: as `spikes.detect`; onset slope not positive.
    """
    trace = np.asarray(v, dtype=np.float64)
    if not onset_slope > 0:
        msg = f"onset_slope is {onset_slope!r}; expected a positive slope, units of v per time"
        raise ValueError(msg)
    times = detect(trace, time_step, threshold=threshold, reset=reset)
    out = {name: np.full(times.size, np.nan) for name in NAMES} | {"time": times}
    slope = np.gradient(trace, time_step) if times.size else trace
    # the slope at the onset itself is half that of the step: it would pass for a foot
    first = int(np.ceil(begin / time_step - 1e-9)) + 1
    cross, ends = _extents(times, trace.size, time_step)
    for i, (k, end) in enumerate(zip(cross, ends, strict=True)):
        top = k + int(np.argmax(_until_reset(trace[k : end + 1], threshold, reset)))
        out["peak"][i], out["peak_time"][i] = _vertex(trace, top, time_step)
        floor = first if i == 0 else cross[i - 1] + 1
        steepest = max(k - 1, 0) + int(np.argmax(slope[max(k - 1, 0) : top + 1]))
        out["upstroke"][i] = slope[steepest]
        out["threshold"][i] = _foot(trace, slope, steepest, max(floor, 0), onset_slope)
        low = top + int(np.argmin(trace[top : end + 1]))
        if low < trace.size - 1 and low > top:
            out["trough"][i] = _vertex(trace, low, time_step)[0]
            out["downstroke"][i] = slope[top : low + 1].min()
        level = 0.5 * (out["threshold"][i] + out["peak"][i])
        out["half_width"][i] = _width(trace, top, level, floor, end) * time_step
    return Shapes(**out)


def width_at(
    v: ArrayLike, time_step: float, level: float, *, threshold: float, reset: float
) -> np.ndarray:
    """Width of every spike at a fixed level, shape (spike,); NaN where it does not pass the level.

    Args:
        v: voltage, shape (time,).
        time_step: between samples.
        level: potential at which the width is read.
        threshold: of the detector.
        reset: of the detector.
    """
    trace = np.asarray(v, dtype=np.float64)
    times = detect(trace, time_step, threshold=threshold, reset=reset)
    cross, ends = _extents(times, trace.size, time_step)
    widths = np.full(times.size, np.nan)
    for i, (k, end) in enumerate(zip(cross, ends, strict=True)):
        top = k + int(np.argmax(_until_reset(trace[k : end + 1], threshold, reset)))
        widths[i] = _width(trace, top, level, 0 if i == 0 else cross[i - 1] + 1, end) * time_step
    return widths


def _extents(times: np.ndarray, size: int, time_step: float) -> tuple[np.ndarray, np.ndarray]:
    """Sample before each crossing, and the last sample before the next one."""
    cross = np.floor(times / time_step).astype(int)
    return cross, np.append(cross, size - 1)[1:]


def _until_reset(piece: np.ndarray, threshold: float, reset: float) -> np.ndarray:
    """The part of a piece before it falls below the reset for good: the spike itself."""
    above = np.flatnonzero(piece >= threshold)
    last = above[0] if above.size else 0
    under = np.flatnonzero(piece[last:] < reset)
    return piece[: last + under[0]] if under.size else piece


def _vertex(v: np.ndarray, k: int, time_step: float) -> tuple[float, float]:
    """Value and time of the vertex of the parabola through sample k and its neighbours."""
    if k == 0 or k == v.size - 1:
        return float(v[k]), k * time_step
    before, here, after = v[k - 1 : k + 2]
    bend = before - 2.0 * here + after
    if bend == 0.0:
        return float(here), k * time_step
    shift = float(np.clip(0.5 * (before - after) / bend, -1.0, 1.0))
    return float(here - 0.25 * (before - after) * shift), (k + shift) * time_step


def _foot(v: np.ndarray, slope: np.ndarray, top: int, floor: int, wanted: float) -> float:
    """Potential where the slope last rose through `wanted` before `top`; NaN if never."""
    if slope[top] < wanted:
        return float("nan")
    below = np.flatnonzero(slope[floor : top + 1] < wanted)
    if not below.size:
        return float("nan")
    k = floor + int(below[-1])
    part = (wanted - slope[k]) / (slope[k + 1] - slope[k])
    return float(v[k] + part * (v[k + 1] - v[k]))


def _width(v: np.ndarray, top: int, level: float, floor: int, end: int) -> float:
    """Samples between the crossings of a level on both sides of a peak; NaN where one is absent."""
    if not v[top] > level:
        return float("nan")
    left = np.flatnonzero(v[floor:top] < level)
    right = np.flatnonzero(v[top : end + 1] < level)
    if not left.size or not right.size:
        return float("nan")
    i, j = floor + int(left[-1]), top + int(right[0])
    rise = i + (level - v[i]) / (v[i + 1] - v[i])
    fall = j - 1 + (v[j - 1] - level) / (v[j - 1] - v[j])
    return float(fall - rise)
