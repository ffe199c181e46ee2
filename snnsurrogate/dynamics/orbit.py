"""Orbit (bifurcation) diagrams: what an attractor shows at each value of one parameter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from snnsurrogate import units
from snnsurrogate.kernels import Kernel
from snnsurrogate.systems import System, get

from ._events import MODES, run_events
from ._source import as_kernel, extrapolated, parameter_points, sample_coordinates, start_state

__all__ = ["FAR", "Recorder", "hysteresis", "orbit_diagram", "recorder"]

FAR = 10.0  # widths of the state box; an orbit beyond counts as diverged
_BY = {"step": "step", "interval": "crossing", "section": "crossing"} | {
    name: name for name in ("maximum", "minimum")
}
DIRECTIONS = ("forward", "backward", "fixed")


@dataclass(frozen=True, kw_only=True, eq=False)
class Recorder:
    """What :func:`run_events` is told, apart from state and parameters."""

    kernel: Kernel
    mode: int
    axis: int
    level: float
    reset: float
    step: float
    n_transient: int
    n_steps: int
    room: int

    def run(self, x: np.ndarray, p: np.ndarray) -> Orbit:
        """Advance x in place; the orbit's events and extremes."""
        k = self.kernel
        width = k.high - k.low
        low, high, mean = (np.empty(k.dimension) for _ in range(3))
        times, states = np.full(self.room, np.nan), np.full((self.room, k.dimension), np.nan)
        count = run_events(
            k.f, x, p, self.step, k.kind == "map", self.n_transient, self.n_steps, self.mode,
            self.axis, self.level, self.reset, 0.5 * (k.low + k.high), FAR * width,
            low, high, mean, times, states,
        )  # fmt: skip
        return Orbit(count, times, states, low, high, mean)


@dataclass(frozen=True)
class Orbit:
    """Events of one orbit: their number (-1 if it diverged), those kept, and the extremes."""

    count: int
    times: np.ndarray
    states: np.ndarray
    low: np.ndarray
    high: np.ndarray
    mean: np.ndarray

    @property
    def kept(self) -> int:
        """Number of events for which there was room."""
        return min(max(self.count, 0), len(self.times))


def recorder(
    source: Any,
    kernel: Kernel,
    *,
    by: str,
    state: str | None,
    level: Any,
    reset: Any,
    duration: Any,
    transient: Any,
    dt: Any,
    room: int,
) -> Recorder:
    """Read the arguments that all functions of events share; see :func:`orbit_diagram`.

    Raises:
        ValueError: an unknown kind of event or state, a section without level, a time without unit.
    """
    if by not in _BY:
        msg = f"by={by!r}; expected one of {', '.join(_BY)}."
        raise ValueError(msg)
    if by == "step" and kernel.kind == "flow":
        msg = "by='step' is for maps; a flow has sections, intervals and extremes."
        raise ValueError(msg)
    rule = spike_rule(source) if by in {"interval", "section"} else None
    watched = state or (rule["state"] if rule else kernel.states[0])
    if watched not in kernel.states:
        msg = f"state={watched!r}; expected one of {', '.join(kernel.states)}."
        raise ValueError(msg)
    axis = kernel.states.index(watched)
    unit = kernel.state_units[axis]
    height, below = 0.0, 1e-6 * float(kernel.high[axis] - kernel.low[axis])
    if _BY[by] == "crossing":
        own = rule is not None and state in {None, rule["state"]} and level is None
        if level is None and not own:
            msg = f"by={by!r} needs a level of {watched}: {source!r} states no spike rule for it."
            raise ValueError(msg)
        height = float(rule["threshold"]) if own and rule else _number(level, unit, "level")
        below = float(rule["reset"]) if own and rule else height
    if reset is not None:
        below = _number(reset, unit, "reset")
    step = kernel.time_step
    if dt is not None and kernel.kind == "flow":
        step = units.magnitude(dt, kernel.time_unit, what="dt")
    if not (np.isfinite(step) and step > 0):
        msg = f"dt={dt}; expected a time above zero."
        raise ValueError(msg)
    lengths = [
        int(round(units.magnitude(value, kernel.time_unit, what=what) / step))
        for what, value in (("transient", transient), ("duration", duration))
    ]
    if lengths[0] < 0 or lengths[1] < 3:
        msg = f"transient {transient} and duration {duration} give {lengths} steps; need 3 or more."
        raise ValueError(msg)
    return Recorder(
        kernel=kernel, mode=MODES.index(_BY[by]), axis=axis, level=height, reset=below, step=step,
        n_transient=lengths[0], n_steps=lengths[1], room=min(room, lengths[1]),
    )  # fmt: skip


def _number(value: Any, unit: str, what: str) -> float:
    return float(units.magnitudes(value, unit, what=what))


def spike_rule(source: Any) -> dict[str, Any] | None:
    """Spike rule of a system or surrogate: state, threshold, reset; None where there is none."""
    if isinstance(source, str):
        source = get(source)
    if isinstance(source, System):
        rule = source.spikes
        if rule is None:
            return None
        return {"state": rule.state, "threshold": rule.threshold, "reset": rule.reset}
    card = getattr(source, "card", None) or {}
    return card.get("truth", {}).get("spike_rule") or None


def orbit_diagram(
    source: Any,
    parameter: str,
    values: ArrayLike,
    *,
    direction: Literal["forward", "backward", "fixed"] = "fixed",
    by: Literal["interval", "section", "maximum", "minimum", "step"] = "interval",
    duration: Any,
    transient: Any,
    x0: Any = None,
    parameters: Mapping[str, Any] | None = None,
    state: str | None = None,
    level: Any = None,
    reset: Any = None,
    dt: Any = None,
    kick: float = 1e-6,
    most: int = 1000,
) -> xr.Dataset:
    """Events of the attractor reached at each value of a parameter.

    A forward sweep starts every value from the last state of the next lower one, a backward sweep
    from that of the next higher one: where they differ two attractors coexist (:func:`hysteresis`).

    Args:
        source: a system or its name, a surrogate, or a Kernel.
        parameter: the parameter that varies.
        values: its values, 1-D, in any order.
        direction: "forward", "backward", or "fixed": every value from ``x0``.
        by: kind of event. "interval": upward crossings of ``level`` and the intervals between them,
            by default spikes by the source's rule; "section": the same crossings, for the states at
            them (Poincare section); "maximum", "minimum": of ``state``; "step": every step of a
            map.
        duration: length of the record at each value, a time with unit.
        transient: time before it, at each value.
        x0: initial state (of the first value in a sweep); default: the system's stated start.
        parameters: values of other parameters; missing = default.
        state: the state watched; default: that of the spike rule, else the first.
        level: level of its crossings.
        reset: level below which a crossing may count again (default: that of the spike rule, or
            ``level``); for extremes the least rise or fall that counts (1e-6 of the state box).
        dt: integration step of a flow; default its own.
        kick: added to the carried state, in widths of the state box, lest an orbit stays for long
            at a state that has lost its stability.
        most: events kept per value.

    Returns:
        Dataset over sample (in the order of ``values``), event, state: each state at the events
        (sample, event); ``event_time`` since the end of the transient; ``interval`` to the event
        before (NaN for the first); ``count`` of events, also of those beyond ``most``; ``low``,
        ``high``, ``mean`` (sample, state) of the record, so that rest is seen too; ``status`` (ok,
        diverged: no events, and a sweep starts anew from ``x0``); ``extrapolated``.
        ``attrs["shows"]`` names the variable that the diagram is about.

    Raises:
        ValueError: unknown names, a crossing without level, a time without unit.
    """
    kernel = as_kernel(source)
    if direction not in DIRECTIONS:
        msg = f"direction={direction!r}; expected one of {', '.join(DIRECTIONS)}."
        raise ValueError(msg)
    column = kernel.parameter_index(parameter)
    if np.size(values) == 0 or not np.isfinite(kick) or most < 1:
        msg = (
            f"{np.size(values)} values, kick={kick}, most={most}; expected a value at least, a "
            "finite kick, and room for an event."
        )
        raise ValueError(msg)
    if parameter in (parameters or {}):
        msg = f"{parameter!r} is swept; leave it out of parameters."
        raise ValueError(msg)
    points = parameter_points(
        kernel, dict(parameters or {}) | {parameter: np.atleast_1d(np.asarray(values))}
    )
    record = recorder(
        source, kernel, by=by, state=state, level=level, reset=reset, duration=duration,
        transient=transient, dt=dt, room=most,
    )  # fmt: skip
    start = start_state(source, kernel, x0, len(points))
    order = np.argsort(points[:, column], kind="stable")
    if direction == "backward":
        order = order[::-1]
    shift = kick * (kernel.high - kernel.low)
    found: list[Any] = [None] * len(points)
    x = start[order[0]].copy()
    for i in order:  # over values; the loop over time is compiled
        if direction == "fixed" or not np.isfinite(x).all():
            x = start[i].copy()
        found[i] = record.run(x, points[i])
        x = x + shift if found[i].count >= 0 else np.full_like(x, np.nan)
    watched = kernel.states[record.axis]
    attrs = {
        "parameter": parameter, "direction": direction, "by": by,
        "shows": "interval" if by == "interval" else watched,
        "duration": str(duration), "transient": str(transient),
        "dt": units.format_quantity(record.step, kernel.time_unit),
    }  # fmt: skip
    return _dataset(kernel, points, found, attrs)


def _dataset(
    kernel: Kernel, points: np.ndarray, found: list[Orbit], attrs: dict[str, Any]
) -> xr.Dataset:
    room = max(1, *(orbit.kept for orbit in found)) if found else 1
    times = np.stack([orbit.times[:room] for orbit in found])
    states = np.stack([orbit.states[:room] for orbit in found])
    count = np.array([orbit.count for orbit in found])
    bad = count < 0
    extremes = {
        name: np.where(bad[:, None], np.nan, np.stack([getattr(o, name) for o in found]))
        for name in ("low", "high", "mean")
    }
    times[bad], states[bad] = np.nan, np.nan
    event = ("sample", "event")
    variables: dict[str, Any] = {
        name: (event, states[:, :, i], {"units": kernel.state_units[i], "role": "state"})
        for i, name in enumerate(kernel.states)
    }
    unit = {"units": kernel.time_unit}
    gaps = np.diff(times, axis=1, prepend=np.nan)
    flags = {"flag_values": np.array([0, 1], np.int8), "flag_meanings": "ok diverged"}
    variables |= {
        "event_time": (event, times, unit),
        "interval": (event, gaps, unit | {"long_name": "time since the event before"}),
        "count": ("sample", np.maximum(count, 0), {"units": "1"}),
        **{name: (("sample", "state"), array) for name, array in extremes.items()},
        "status": ("sample", bad.astype(np.int8), flags),
        "extrapolated": ("sample", extrapolated(kernel, points)),
    }
    coordinates = sample_coordinates(kernel, points)
    return xr.Dataset(variables, {**coordinates, "state": list(kernel.states)}, attrs)


def hysteresis(forward: xr.Dataset, backward: xr.Dataset, *, tolerance: float = 0.02) -> Any:
    """Values at which two orbit diagrams of one source show different attractors.

    Args:
        forward: a diagram, say of a forward sweep.
        backward: another one at the same parameter values.
        tolerance: least difference of the lowest or highest value of any state, relative to the
            range of that state over both diagrams.

    Returns:
        (sample,) bool DataArray; False where one of the two diverged.

    Raises:
        ValueError: diagrams of other parameter values.
    """
    name = forward.attrs["parameter"]
    if not np.array_equal(forward[name].values, backward[name].values):
        msg = f"the diagrams differ in their values of {name}; make both at the same ones."
        raise ValueError(msg)
    ends = {k: np.stack([d[k].values for d in (forward, backward)]) for k in ("low", "high")}
    width = np.nanmax(ends["high"], axis=(0, 1)) - np.nanmin(ends["low"], axis=(0, 1))
    width = np.where(width > 0, width, 1.0)
    apart = np.max([np.abs(e[0] - e[1]) / width for e in ends.values()], axis=0).max(axis=1)
    with np.errstate(invalid="ignore"):
        return xr.DataArray(apart > tolerance, {name: forward[name]}, "sample")
