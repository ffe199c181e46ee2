"""What may be done to a recorded series, each step with its checks; arrays (sample, time)."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from snnsurrogate import units
from snnsurrogate._names import suggestion
from snnsurrogate.dataset._recording_files import step_of
from snnsurrogate.dataset.store import DatasetError
from snnsurrogate.features.spikes import detect

__all__ = ["check", "cut", "detrended", "in_unit", "keep_spikes", "resampled", "spike_rule"]

SHORTEST = 100  # points; an embedding needs many more and says so itself
_RATIO = 10_000  # largest factor of a resampling


def in_unit(
    values: np.ndarray, stated: str, unit: str | None, label: str
) -> tuple[str, np.ndarray]:
    """Unit and values: converted where the file states a unit, else as they are."""
    if stated and not _is_unit(stated) and unit is None:
        msg = f"{label!r} is in {stated!r}, which is no unit; say what it is, e.g. unit='mV'."
        raise DatasetError(msg)
    if not stated and not unit:
        msg = f"the file states no unit of {label!r}; give it, e.g. unit='mV'."
        raise DatasetError(msg)
    target = str(unit or stated)
    if not _is_unit(target):
        msg = f"unit={target!r} is no unit; expected one such as 'mV', 'pA' or '1'."
        raise ValueError(msg)
    if not stated or not _is_unit(stated):
        return target, values
    try:
        factor = units.magnitude("1" if stated == "1" else f"1 {stated}", target,
                                 what=f"the unit of {label!r}", bare=stated == target)  # fmt: skip
    except ValueError as error:
        raise DatasetError(str(error)) from error
    return target, values if factor == 1 else values * factor


def _is_unit(text: str) -> bool:
    try:
        units.si_factor(text)
    except ValueError:
        return False
    return True


def cut(
    values: np.ndarray, times: np.ndarray | float, start: Any, stop: Any, label: str
) -> tuple[np.ndarray, float, dict[str, str]]:
    """The values from start to stop, their sampling step (s), and what was asked."""
    n = values.shape[1]
    t = np.arange(n) * times if np.ndim(times) == 0 else times - times[0]  # type: ignore[index]
    kept, cut = np.ones(n, dtype=bool), {}
    margin = 1e-6 * t[-1] / max(1, n - 1)
    if start is not None:
        kept &= t >= units.seconds(start, what="start") - margin
        cut["start"] = str(start)
    if stop is not None:
        kept &= t <= units.seconds(stop, what="stop") + margin
        cut["stop"] = str(stop)
    if not kept.any():
        msg = f"nothing lies between start={start!r} and stop={stop!r}; it ends at {t[-1]:g} s."
        raise DatasetError(msg)
    step = float(times) if np.ndim(times) == 0 else step_of(t[kept], repr(label))
    return values[:, kept], step, cut


def check(values: np.ndarray, label: str) -> None:
    """Raise on values that are not finite, too few or constant."""
    bad = ~np.isfinite(values)
    if bad.any():
        where = int(np.flatnonzero(bad.any(axis=0))[0])
        msg = (
            f"{label!r} has {int(bad.sum())} values that are not finite, the first at point "
            f"{where}. Cut a part without them by start= and stop=, or fill them before."
        )
        raise DatasetError(msg)
    if values.shape[1] < SHORTEST:
        msg = f"{label!r} has {values.shape[1]} points; a recording needs {SHORTEST} at least."
        raise DatasetError(msg)
    if (np.ptp(values, axis=1) == 0).any():
        msg = f"{label!r} is constant ({values[0, 0]:g}); there are no dynamics in it."
        raise DatasetError(msg)


def resampled(
    values: np.ndarray, step: float, asked: Any
) -> tuple[np.ndarray, float, dict[str, Any]]:
    """Values at a longer step (s), the step, and how."""
    from scipy.signal import resample_poly  # takes a second to import

    new = units.seconds(asked, what="resample")
    ratio = Fraction(step / new if new > 0 else 0).limit_denominator(_RATIO)
    if not new > 0 or ratio > 1:
        msg = (
            f"resample={asked!r} is finer than the record ({units.format_quantity(step, 's')}); "
            "that would make up what was not recorded. Ask for a longer step."
        )
        raise DatasetError(msg)
    if ratio == 0 or abs(float(ratio) * new / step - 1) > 1e-9:
        near = units.format_quantity(step * max(1, round(new / step)), "s")
        msg = (
            f"resample={asked!r} over the recorded step {units.format_quantity(step, 's')} is no "
            f"ratio of integers up to {_RATIO}; try {near}."
        )
        raise DatasetError(msg)
    up, down = ratio.numerator, ratio.denominator
    if (up, down) != (1, 1):
        inside = (values.shape[1] - 1) * up // down + 1  # the last one may lie beyond the record
        values = resample_poly(values, up, down, axis=1, padtype="line")[:, :inside]
    how = "polyphase, Kaiser window, beta 5"
    return values, new, {"step": str(asked), "up": up, "down": down, "filter": how}


def detrended(values: np.ndarray, step: float, how: str) -> tuple[np.ndarray, dict[str, Any]]:
    """Values without a line or a running mean, their level kept, and how."""
    mean = values.mean(axis=1, keepdims=True)
    if how == "linear":
        from scipy.signal import detrend

        return detrend(values, axis=1) + mean, {"how": "linear"}
    try:
        window = units.seconds(how, what="detrend")
    except ValueError as error:
        hint = suggestion(str(how), ("linear",))
        msg = f"detrend={how!r}; expected 'linear' or a time with unit such as '60 s'.{hint}"
        raise ValueError(msg) from error
    points = round(window / step)
    if not 10 <= points <= values.shape[1]:
        msg = (
            f"detrend={how!r} is a window of {points} points; expected 10 to the "
            f"{values.shape[1]} of the record."
        )
        raise DatasetError(msg)
    from scipy.ndimage import uniform_filter1d

    slow = uniform_filter1d(values, points, axis=1, mode="nearest")
    return values - slow + mean, {"how": "running mean", "window": str(how)}


def spike_rule(
    values: np.ndarray, unit: str, threshold: Any, reset: Any, name: str
) -> dict[str, Any]:
    """Spike rule of threshold and reset; the reset lies a twentieth of the range lower."""
    level = float(units.magnitudes(threshold, unit, what="threshold"))
    below = level - 0.05 * float(np.ptp(values))
    if reset is not None:
        below = float(units.magnitudes(reset, unit, what="reset"))
    if not (below <= level and values.min() < level < values.max()):
        msg = (
            f"threshold {level:g} and reset {below:g} {unit}; expected reset <= threshold, and a "
            f"threshold within the record, {values.min():g} to {values.max():g} {unit}."
        )
        raise DatasetError(msg)
    return {"state": name, "threshold": level, "reset": below}


def keep_spikes(
    before: np.ndarray, old: float, after: np.ndarray, new: float, rule: dict[str, Any]
) -> None:
    """Raise where resampling loses spikes: a step that misses them is no record of them."""
    level = {"threshold": rule["threshold"], "reset": rule["reset"]}
    counts = [
        [len(detect(trace, step, **level)) for trace in part]
        for part, step in ((before, old), (after, new))
    ]
    if counts[0] != counts[1]:
        above = np.diff(np.concatenate([[0], (before[0] > rule["threshold"]).view(np.int8), [0]]))
        widths = np.flatnonzero(above < 0) - np.flatnonzero(above > 0)
        widest = units.format_quantity(float(f"{np.median(widths) * old / 2:.2g}"), "s")
        msg = (
            f"the record has {sum(counts[0])} spikes, {sum(counts[1])} of them left at a step of "
            f"{units.format_quantity(new, 's')}: it misses the spikes. Take a step of at most "
            f"{widest} (half of a spike above threshold), or another threshold."
        )
        raise DatasetError(msg)
