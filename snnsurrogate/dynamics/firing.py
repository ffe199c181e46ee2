"""Rest and firing of an excitable neuron over its input current: where each is stable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from snnsurrogate.kernels import Kernel

from ._source import as_kernel, start_state
from .branches import continue_fixed_points, interval, special_points
from .cycle_branches import continue_cycles
from .fixed_points import fixed_points

__all__ = ["RestAndFiring", "cycles_at", "rest_and_firing"]

Intervals = tuple[tuple[float, float], ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class RestAndFiring:
    """Branches of equilibria and cycles, and what they say.

    Attributes:
        rest: of :func:`continue_fixed_points`.
        firing: of :func:`continue_cycles`; without a cycle it is empty, with a note.
        hopf: parameter values at which an equilibrium gains or loses stability, ascending.
        folds: parameter values of the folds of cycles, ascending.
        resting: interval over which the equilibrium at rest is stable, along its branch.
        elsewhere: intervals of other stable equilibria: depolarisation block, or a state that the
            neuron does not have.
        stable_firing: intervals with a stable cycle.
        bistable: intervals in which rest and a cycle are stable.
    """

    rest: xr.Dataset
    firing: xr.Dataset
    hopf: tuple[float, ...]
    folds: tuple[float, ...]
    resting: tuple[float, float]
    elsewhere: Intervals
    stable_firing: Intervals
    bistable: Intervals

    @property
    def onset(self) -> float:
        """Least value with a stable cycle, NaN without one.

        The fold of cycles where a large cycle is born; where firing begins on the lower end of
        the interval the true onset may lie below it.
        """
        return self.stable_firing[0][0] if self.stable_firing else float("nan")


def rest_and_firing(
    source: Any,
    parameter: str,
    low: Any,
    high: Any,
    *,
    at: Any = None,
    start: Any = None,
    step: float = 0.02,
    **more: Any,
) -> RestAndFiring:
    """Follow the equilibria, and the cycle on which a trajectory from rest ends, over a current.

    Args:
        source: a system or its name, a surrogate, or a Kernel; a flow.
        parameter: the input.
        low: lower end of its interval; the neuron has a stable equilibrium there.
        high: upper end.
        at: value at which a trajectory is followed to its cycle; see :func:`continue_cycles`.
        start: its initial state; default: the stated start of a system, the state at rest of a
            driven surrogate, of a Kernel its one stable equilibrium at the lower end.
        step: of the cycles, see :func:`continue_cycles`.
        **more: passed on to :func:`continue_cycles`.

    Returns:
        Branches, Hopf points, folds of cycles and the intervals of stability.

    Raises:
        ValueError: a Kernel with none or several stable equilibria at the lower end and no
            ``start``, or bad arguments of the continuations.
    """
    kernel = as_kernel(source)
    ends = interval(kernel, parameter, low, high)
    others = more.get("parameters")
    rest = continue_fixed_points(kernel, parameter, *ends, parameters=others)
    if start is None:
        start = _start(source, kernel, dict(others or {}) | {parameter: ends[0]})
    firing = continue_cycles(kernel, parameter, *ends, at=at, start=start, step=step, **more)
    pieces = _stable(rest, parameter)
    home = _nearest(kernel, rest, [at for at, _ in pieces], start)
    resting = (float("nan"), float("nan")) if home is None else pieces[home][1]
    firing_ranges = _merged([span for _, span in _stable(firing, parameter)])
    return RestAndFiring(
        rest=rest,
        firing=firing,
        hopf=_values(rest, "hopf", parameter),
        folds=_values(firing, "fold_of_cycles", parameter),
        resting=resting,
        elsewhere=tuple(span for k, (_, span) in enumerate(pieces) if k != home),
        stable_firing=firing_ranges,
        bistable=_both((resting,), firing_ranges),
    )


def cycles_at(branches: xr.Dataset, value: float) -> list[tuple[np.ndarray, bool]]:
    """Cycles of a branch at one value of its parameter, and whether each is stable.

    Between two points of the branch the cycles are interpolated, phase by phase.

    Args:
        branches: of :func:`continue_cycles`.
        value: of the parameter.

    Returns:
        (time, state) arrays over one period with their stability; empty where there is none.

    Raises:
        ValueError: no branches of cycles.
    """
    if branches.attrs.get("object") != "cycles":
        msg = "expected the result of continue_cycles; got another Dataset."
        raise ValueError(msg)
    parameter = branches.attrs["parameter"]
    states = [str(n) for n in branches.data_vars if branches[n].attrs.get("role") == "state"]
    x, branch = branches[parameter].values, branches["branch"].values
    stable, phase = branches["stable"].values, branches["phase"].values
    common = np.linspace(0.0, 1.0, phase.shape[1] if phase.ndim == 2 else 1)
    found = []
    for i in range(len(x) - 1):
        a, b = x[i] - value, x[i + 1] - value
        if branch[i] != branch[i + 1] or (a > 0) == (b > 0):
            continue
        share = a / (a - b)
        pair = []
        for k in (i, i + 1):
            known = np.isfinite(phase[k])
            pair.append(
                [np.interp(common, phase[k][known], branches[s].values[k][known]) for s in states]
            )
        orbit = np.array(pair[0]) * (1 - share) + np.array(pair[1]) * share
        found.append((orbit.T, bool(stable[i] or stable[i + 1])))
    return found


def _start(source: Any, kernel: Kernel, parameters: dict[str, Any]) -> np.ndarray:
    if not isinstance(source, Kernel):
        return start_state(source, kernel, None, 1)[0]
    table = fixed_points(kernel, parameters)
    stable = np.flatnonzero(table["found"].values[0] & (table["unstable"].values[0] == 0))
    if len(stable) != 1:
        msg = f"{len(stable)} stable equilibria at {parameters}; expected one, or give start."
        raise ValueError(msg)
    return np.array([float(table[name].values[0, stable[0]]) for name in kernel.states])


def _values(branches: xr.Dataset, kind: str, parameter: str) -> tuple[float, ...]:
    table = special_points(branches, kind)
    return tuple(float(v) for v in table[parameter].values)


def _stable(branches: xr.Dataset, parameter: str) -> list[tuple[slice, tuple[float, float]]]:
    """Stable pieces of the branches: points and interval; special points are their ends."""
    x, stable = branches[parameter].values, branches["stable"].values.astype(bool)
    branch, special = branches["branch"].values, branches["label"].values != ""
    found = []
    first = 0
    while first < len(x):
        last = first
        while (
            last + 1 < len(x)
            and branch[last + 1] == branch[first]
            and (stable[last] or (special[last] and last == first))
            and (stable[last + 1] or special[last + 1])
        ):
            last += 1
        if last > first and stable[first : last + 1].any():
            inside = x[first : last + 1]
            found.append((slice(first, last + 1), (float(inside.min()), float(inside.max()))))
        first = max(last, first + 1) if last + 1 < len(x) else len(x)
    return found


def _nearest(
    kernel: Kernel, rest: xr.Dataset, pieces: list[slice], start: np.ndarray
) -> int | None:
    """The stable piece that passes nearest to a state, in widths of the state box."""
    states = np.stack([rest[name].values for name in kernel.states], -1)
    away = np.abs((states - np.asarray(start)) / (kernel.high - kernel.low)).max(axis=1)
    return int(np.argmin([away[at].min() for at in pieces])) if pieces else None


def _merged(spans: list[tuple[float, float]]) -> Intervals:
    merged: list[tuple[float, float]] = []
    for a, b in sorted(spans):
        if merged and a <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], b)
        else:
            merged.append((a, b))
    return tuple(merged)


def _both(first: Intervals, second: Intervals) -> Intervals:
    shared = [(max(a, c), min(b, d)) for a, b in first for c, d in second]
    return tuple((a, b) for a, b in sorted(shared) if b > a)
