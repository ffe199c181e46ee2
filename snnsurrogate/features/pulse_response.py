"""The response to a current pulse: spikes during it and after it, and the passive properties."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from snnsurrogate import schema
from snnsurrogate.features import waveform
from snnsurrogate.features._window import sample_coords

__all__ = ["RESPONSES", "Pulse", "pulse_response", "responses"]

# Intervals that begin in this last part of a pulse are its steady ones.
_STEADY = 0.4


@dataclass(frozen=True, kw_only=True)
class Pulse:
    """One trace with the pulse it answers.

    Attributes:
        v: voltage, shape (time,).
        time_step: between samples.
        onset: begin of the pulse, since the first sample.
        offset: its end.
        shapes: spikes of the whole trace.
        change: current during the pulse minus before it; NaN where it is not known.
    """

    v: np.ndarray
    time_step: float
    onset: float
    offset: float
    shapes: waveform.Shapes
    change: float

    @property
    def during(self) -> np.ndarray:
        """Mask (spike,) of spikes during the pulse."""
        return (self.shapes.time >= self.onset) & (self.shapes.time < self.offset)

    @property
    def times(self) -> np.ndarray:
        """Times of spikes during the pulse, since its onset."""
        return self.shapes.time[self.during] - self.onset

    @property
    def after(self) -> np.ndarray:
        """Times of spikes after the pulse, since its end."""
        return self.shapes.time[self.shapes.time >= self.offset] - self.offset

    def at(self, time: float) -> float:
        """Potential at a time, linear between samples."""
        return float(np.interp(time / self.time_step, np.arange(self.v.size), self.v))

    @property
    def rest(self) -> float:
        """Potential where the pulse begins."""
        return self.at(self.onset)

    @property
    def piece(self) -> np.ndarray:
        """Samples of the pulse."""
        return self.v[
            int(np.ceil(self.onset / self.time_step - 1e-9)) : int(
                np.floor(self.offset / self.time_step + 1e-9)
            )
            + 1
        ]


def _interval(which: Callable[[np.ndarray], np.ndarray]) -> Callable[[Pulse], float]:
    def read(p: Pulse) -> float:
        kept = which(p.times)
        return float(np.diff(kept).mean()) if kept.size > 1 else np.nan

    return read


def _steady_interval(p: Pulse) -> float:
    begin = (1.0 - _STEADY) * (p.offset - p.onset)
    late = p.times[p.times >= begin]
    return float(np.diff(late).mean()) if late.size > 1 else np.nan


def _tonic(p: Pulse) -> float:
    """1 where firing lasts to the end of the pulse: the next spike is not overdue by half."""
    if p.times.size < 3:
        return 0.0
    waited = (p.offset - p.onset) - p.times[-1]
    return float(waited <= 1.5 * np.diff(p.times)[-1])


def _adaptation(p: Pulse) -> float:
    intervals = np.diff(p.times)
    if intervals.size < 2:
        return np.nan
    return float(np.mean(np.diff(intervals) / (intervals[1:] + intervals[:-1])))


def _shape(name: str, which: int) -> Callable[[Pulse], float]:
    """A property of the first spike of the pulse, or (-2) of the last but one, a whole cycle."""

    def read(p: Pulse) -> float:
        values = getattr(p.shapes, name)[p.during]
        if not values.size or (which < 0 and (values.size < 3 or not _tonic(p))):
            return np.nan
        return float(values[which])

    return read


def _steady(p: Pulse) -> float:
    """Mean potential of the last tenth of a pulse; NaN with a spike in its second half."""
    if (p.times > 0.5 * (p.offset - p.onset)).any():
        return np.nan
    piece = p.piece
    return float(piece[-max(1, piece.size // 10) :].mean())


def _deflection(p: Pulse) -> tuple[int, float] | None:
    """Sample and potential of the largest hyperpolarisation; None if the pulse depolarises."""
    if p.times.size or not _steady(p) < p.rest:
        return None
    low = int(np.argmin(p.piece))
    return low, float(p.piece[low])


def _sag(p: Pulse) -> float:
    found = _deflection(p)
    if found is None or found[1] >= p.rest:
        return np.nan
    return float((_steady(p) - found[1]) / (p.rest - found[1]))


def _resistance(p: Pulse) -> float:
    return (_steady(p) - p.rest) / p.change if p.change else np.nan


def _time_constant(p: Pulse) -> float:
    """Least-squares exponential from the onset to 95 % of the largest deflection without spikes."""
    from scipy.optimize import OptimizeWarning, curve_fit

    if p.times.size:
        return np.nan
    moved = np.abs(p.piece - p.rest)
    if not moved.max() > 0:
        return np.nan
    far = int(np.argmax(moved >= 0.95 * moved.max()))
    if far < 4:
        return np.nan
    t = np.arange(far + 1) * p.time_step
    y = p.piece[: far + 1] - p.rest

    def law(t: np.ndarray, size: float, tau: float) -> np.ndarray:
        return size * (1.0 - np.exp(-t / tau))

    try:
        with np.errstate(over="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", OptimizeWarning)  # of the covariance, which is not used
            (_, tau), _ = curve_fit(law, t, y, p0=(y[-1], t[-1] / 3.0))
    except RuntimeError:  # no exponential fits
        return np.nan
    return float(tau) if 0 < tau < 100 * t[-1] else np.nan


@dataclass(frozen=True, kw_only=True)
class Response:
    """One column of the table of responses.

    Attributes:
        function: pulse -> value, NaN where it does not exist.
        unit: in "V" (unit of the voltage), "time" and "input".
        long_name: what it is.
    """

    function: Callable[[Pulse], float]
    unit: str
    long_name: str


def _made(function: Callable[[Pulse], float], unit: str, long_name: str) -> Response:
    return Response(function=function, unit=unit, long_name=long_name)


RESPONSES: dict[str, Response] = {
    "spikes": _made(lambda p: float(p.times.size), "1", "spikes during the pulse"),
    "tonic": _made(_tonic, "1", "1 where firing lasts to the end of the pulse"),
    "latency": _made(
        lambda p: float(p.times[0]) if p.times.size else np.nan,
        "time", "onset of the pulse to the first spike",
    ),
    "first_interval": _made(_interval(lambda t: t[:2]), "time", "first interspike interval"),
    "steady_interval": _made(
        _steady_interval, "time", "mean interspike interval in the last 40 % of the pulse"
    ),
    "steady_rate": _made(
        lambda p: 1.0 / _steady_interval(p) if _tonic(p) else np.nan,
        "1/time", "inverse of the steady interval, of firing that lasts",
    ),
    "adaptation": _made(
        _adaptation, "1", "mean of (difference / sum) of successive intervals"
    ),
    **{
        f"{name}_{spike}": _made(_shape(name, which), unit, f"{text} of the {spike} spike")
        for name, unit, text in (
            ("threshold", "V", "threshold"), ("peak", "V", "peak"), ("trough", "V", "trough"),
            ("half_width", "time", "half width"), ("upstroke", "V/time", "largest dV/dt"),
            ("downstroke", "V/time", "least dV/dt"),
        )
        for spike, which in (("first", 0), ("tonic", -2))
    },
    "rebound_spikes": _made(lambda p: float(p.after.size), "1", "spikes after the pulse"),
    "rebound_latency": _made(
        lambda p: float(p.after[0]) if p.after.size else np.nan,
        "time", "end of the pulse to the first spike after it",
    ),
    "rest": _made(lambda p: p.rest, "V", "potential where the pulse begins"),
    "steady": _made(
        _steady, "V", "mean potential of the last tenth of a pulse, its second half without spikes"
    ),
    "sag": _made(
        _sag, "1", "sag ratio (steady - least) / (rest - least) of a hyperpolarising pulse"
    ),
    "input_resistance": _made(_resistance, "V/input", "change of potential over that of input"),
    "membrane_time_constant": _made(
        _time_constant, "time", "exponential fitted to the begin of a response without spikes"
    ),
}  # fmt: skip


def pulse_response(
    v: np.ndarray,
    time_step: float,
    *,
    onset: float,
    offset: float,
    threshold: float,
    reset: float,
    change: float = np.nan,
) -> dict[str, float]:
    """Features of one trace that answers a pulse, by name (see `RESPONSES`).

    Args:
        v: voltage, shape (time,).
        time_step: between samples.
        onset: begin of the pulse, since the first sample, in the unit of ``time_step``.
        offset: its end; the end of the record if there is nothing after it.
        threshold: of the spike detector.
        reset: of the spike detector.
        change: input during the pulse minus before it, for the input resistance.

    Raises:
        ValueError: a pulse that is not inside the record.
    """
    trace = np.asarray(v, dtype=np.float64)
    last = (trace.size - 1) * time_step
    if not 0 <= onset < offset <= last * (1 + 1e-9):
        msg = (
            f"the pulse lasts from {onset:g} to {offset:g}, the record from 0 to {last:g}; "
            "expected 0 <= onset < offset <= end of the record"
        )
        raise ValueError(msg)
    shapes = waveform.spike_shapes(trace, time_step, threshold=threshold, reset=reset, begin=onset)
    pulse = Pulse(
        v=trace, time_step=time_step, onset=onset, offset=offset, shapes=shapes, change=change
    )
    return {name: response.function(pulse) for name, response in RESPONSES.items()}


def responses(
    dataset: xr.Dataset, *, onset: float = 0.0, offset: float | None = None
) -> xr.Dataset:
    """Table of responses of every sample to a pulse.

    Args:
        dataset: simulation or rollout of a neuron, with its voltage; recorded every 0.05 ms or
            less if slopes and widths matter.
        onset: begin of the pulse, in the dataset's unit of time, since the first sample.
        offset: its end; None: the end of the record.

    Returns:
        One variable per feature over `sample` (see `RESPONSES`), with units; NaN where it does not
        exist and for samples whose status is not ok.

    Raises:
        ValueError: a dataset without a spike rule, or a pulse outside the record.
    """
    rule = json.loads(dataset.attrs.get("spike_rule") or "{}")
    if not rule or rule["state"] not in dataset:
        msg = (
            f"the dataset of {dataset.attrs.get('system')!r} has no voltage with a spike rule; "
            "responses are read from a neuron whose system declares `spikes`"
        )
        raise ValueError(msg)
    time = dataset["time"].values
    step = float(time[1] - time[0])
    end = (time.size - 1) * step if offset is None else float(offset)
    v = dataset[rule["state"]]
    ok = np.asarray(schema.ok(dataset))
    change = _changes(dataset, onset, end, step)
    levels = {"threshold": rule["threshold"], "reset": rule["reset"]}
    table = {name: np.full(ok.size, np.nan) for name in RESPONSES}
    for i in np.flatnonzero(ok):
        row = pulse_response(v.values[i], step, onset=onset, offset=end, change=change[i], **levels)
        for name, value in row.items():
            table[name][i] = value
    units = {
        "V": str(v.attrs["units"]),
        "time": str(dataset["time"].attrs["units"]),
        "input": _input_unit(dataset),
    }
    made: dict[str, Any] = {}
    for name, response in RESPONSES.items():
        parts = [units.get(part, part) for part in response.unit.split("/")]
        unit = parts[0] + "".join(f"/({p})" if "/" in p else f"/{p}" for p in parts[1:])
        made[name] = ("sample", table[name], {"units": unit, "long_name": response.long_name})
    return xr.Dataset(made, coords=sample_coords(dataset))


def _input_unit(dataset: xr.Dataset) -> str:
    names = schema.inputs_of(dataset)
    return str(dataset[names[0]].attrs["units"]) if names else "input"


def _changes(dataset: xr.Dataset, onset: float, offset: float, step: float) -> np.ndarray:
    """Input in the middle of the pulse minus before its onset (or 0 if it begins the record)."""
    names = schema.inputs_of(dataset)
    if not names:
        return np.full(dataset.sizes["sample"], np.nan)
    values = dataset[names[0]].values
    middle = values[:, round(0.5 * (onset + offset) / step)]
    before = round(onset / step) - 1
    return np.asarray(middle - (values[:, before] if before >= 0 else 0.0), dtype=float)
