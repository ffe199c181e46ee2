"""Sums of squares over whole driven records that start at rest.

What counts are spike times, widths and peaks, and the observed quantity y: closely where nothing
fires, loosely along spikes, whose shape a few units cannot follow. The weights say how large an
error of each kind is as bad as one of another; with y alone, or with y weighted like spikes, the
potential between spikes decides everything and thresholds and rebound are lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np

from snnsurrogate.surrogate._driven_fit import Flow, Records, Sum, rest
from snnsurrogate.surrogate._sensitivity import sensitivities, trajectory

_EVERY = 2  # steps between values of y that count
_NEAR = 3.0  # ms, spikes of a run with a wrong number of spikes that still count as one
_BEFORE, _AFTER = 8.0, 4.0  # ms around a missing or surplus spike in which y pulls it back
_FAR = 60.0  # mV at which that pull begins to saturate
_STILL = 0.3  # mV: a record is run until y stays this close to its last value,
_LONGER = 40.0  # ms, and this much longer


@dataclass(frozen=True, kw_only=True)
class Weights:
    """Standard errors (mV, ms) and relative weights of what counts in a record.

    Attributes:
        silent: of y in records without a spike.
        firing: of y in records with spikes.
        relative: of y, as a share of its distance from where the record begins.
        jitter: ms by which y may be early or late: it forgives y where y is steep.
        silent_density: of y in records without a spike, per ms.
        firing_density: of y in records with spikes, per ms.
        latency: of the first spike after a step, and of spikes after a release.
        period: growth of the standard error per ms after the first spike of a step.
        random_time: of spikes in records driven by noise.
        width: of the time between the crossings of the threshold up and down.
        peak: of the largest y of a spike.
        shape: weight of widths and peaks.
        wrong: weight of y around a missing or surplus spike, per mV^2 and ms.
        random_wrong: the same in records driven by noise: these spikes are often close calls.
    """

    silent: float = 0.5
    firing: float = 1.0
    relative: float = 0.03
    jitter: float = 0.1
    silent_density: float = 0.1
    firing_density: float = 0.03
    latency: float = 0.05
    period: float = 0.006
    random_time: float = 0.4
    width: float = 0.04
    peak: float = 1.5
    shape: float = 0.5
    wrong: float = 4e-3
    random_wrong: float = 2e-3


_CUT = 6.0  # residuals along spikes and under noise count by their logarithm beyond


@dataclass(frozen=True, eq=False)
class _Wanted:
    """What a run is compared with: one record, as long as it has something to say."""

    steps: int
    y: np.ndarray
    spread: np.ndarray
    density: float
    trust: float
    wrong: float
    times: np.ndarray
    errors: np.ndarray
    falls: np.ndarray
    peaks: np.ndarray


class FromRest:
    """Whole records that start at rest, compared with runs of the model.

    The model starts at its own fixed point at zero input, whose derivative is exact by the implicit
    function theorem; where it has none, at what the encoder of starts says. Spikes are compared one
    to one; around those that are missing or too many y counts with an almost quadratic loss, which
    has a gradient where a spike is missing.

    Args:
        flow: the model.
        records: the records.
        rows: which of them.
        steps: how many steps of each at most.
        guess: state from which the fixed point is sought.
        lost: (record, d) where runs start that have no fixed point; None makes them infinitely bad.
        weights: of the residuals.
        trust: weight of records driven by noise.
        cut: the same for other spike times, and for y in records without a spike.
        pool: threads that share the records; the result does not depend on them.
    """

    def __init__(
        self, flow: Flow, records: Records, rows: Sequence[int] | np.ndarray, *, steps: int,
        guess: np.ndarray, lost: np.ndarray | None = None, weights: Weights | None = None,
        trust: float = 0.3, cut: float = 25.0, pool: Executor | None = None,
    ) -> None:  # fmt: skip
        self.flow, self.records, self.steps = flow, records, steps
        self.rows = [int(i) for i in rows]
        self.guess, self.lost, self.pool = guess, lost, pool
        self.weights, self.trust, self.cut = weights or Weights(), trust, cut
        self.free = np.flatnonzero(flow.free)
        self.wanted = {i: self._wanted(i) for i in self.rows}
        self.mismatched = 0
        self.rests = False

    def evaluate(self, p: np.ndarray, *, slopes: bool) -> Sum:
        """Cost at theta, per record, with derivatives by the free entries if asked."""
        total = Sum(len(self.free) if slopes else 0)
        starts = self._starts(p)
        if starts is None:
            total.cost = np.inf
            return total
        if slopes and self.rests:
            self.guess = starts[self.rows[0]][0]

        def one(i: int) -> tuple[Sum, bool]:
            return self._one(i, p, *starts[i], slopes=slopes)

        made = map(one, self.rows) if self.pool is None else self.pool.map(one, self.rows)
        self.mismatched = 0
        for part, matched in made:
            self.mismatched += not matched
            total.cost += part.cost
            total.matrix += part.matrix
            total.gradient += part.gradient
        total.cost /= len(self.rows)
        total.matrix /= len(self.rows)
        total.gradient /= len(self.rows)
        return total

    def errors(self, p: np.ndarray) -> np.ndarray | None:
        """Y of runs minus y recorded, (row, step + 1); None without a state at rest."""
        starts, records = self._starts(p), self.records
        if starts is None:
            return None
        wrong = []
        for i in self.rows:
            inputs = records.start[i, : self.steps], records.stop[i, : self.steps]
            y = self.flow.read(p, self.flow.run(p, starts[i][0], *inputs, records.dt))
            wrong.append(y - records.y[i, : self.steps + 1])
        return np.array(wrong)

    def _starts(self, p: np.ndarray) -> dict[int, tuple[np.ndarray, np.ndarray]] | None:
        """State at rest of every row, and its derivatives by (theta, h0)."""
        found: dict[bytes, tuple[np.ndarray, np.ndarray] | None] = {}
        starts: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        d, guess = self.flow.units, self.guess
        self.rests = True
        for i in self.rows:
            q = self.records.start[i, 0, 1:]
            key = q.tobytes()
            if key not in found:
                x = np.concatenate([[0.0], q])
                found[key] = rest(self.flow, p, guess, x, self.records.dt)
            state = found[key]
            if state is None:
                self.rests = False
                if self.lost is None:
                    return None
                state = self.lost[i], np.zeros((d, self.flow.size))
            else:
                guess = state[0]
            starts[i] = state[0], np.concatenate([state[1], np.zeros((d, d))], axis=1)
        return starts

    def _wanted(self, i: int) -> _Wanted:
        records, w = self.records, self.weights
        dt, random = records.dt, bool(records.random[i])
        y, steps = records.y[i, : self.steps + 1], self.steps
        times = records.spikes(y)
        if not random and not (len(times) and times[-1] > (steps * dt - 1.5 * _LONGER)):
            moves = np.flatnonzero(np.abs(y - y[-1]) > _STILL)
            last = max(moves[-1] if len(moves) else 0, records.since[i] / dt)
            steps = min(steps, round(last + _LONGER / dt))
            y = y[: steps + 1]
        falls = fall_times(y, times, records)
        silent = not len(times)
        trust = self.trust if random else 1.0
        late = times - times[0] if len(times) else times
        released = records.released[i]
        errors = w.latency + (0.0 if released else w.period) * late
        return _Wanted(
            steps=steps,
            y=y,
            spread=np.sqrt(
                (w.silent if silent else w.firing) ** 2
                + np.square(w.jitter * np.gradient(y, dt))
                + np.square(w.relative * (y - y[0]))
            ),
            density=trust * dt * (w.silent_density if silent else w.firing_density),
            trust=trust,
            wrong=dt * (w.random_wrong if random else w.wrong),
            times=times,
            errors=np.full(len(times), w.random_time) if random else errors,
            falls=falls,
            peaks=y[_peaks(y, times, falls, dt)],
        )

    def _one(
        self, i: int, p: np.ndarray, h0: np.ndarray, s0: np.ndarray, *, slopes: bool
    ) -> tuple[Sum, bool]:
        """One record's part, and whether its number of spikes is right."""
        flow, records, w, at = self.flow, self.records, self.weights, self.wanted[i]
        d, n, dt = flow.units, flow.size, records.dt
        total = Sum(len(self.free) if slopes else 0)
        states = np.empty((at.steps + 1, d))
        inputs = records.start[i, : at.steps], records.stop[i, : at.steps]
        jacobian = None
        if slopes:
            rows = np.empty((at.steps + 1, n + d))
            sensitivities(flow.linear, p, h0, s0, *inputs, dt, flow.gain, states, rows)
            jacobian = rows[:, self.free]
        else:
            trajectory(flow.field, p, h0, *inputs, dt, states)
        y = flow.read(p, states)
        if not np.isfinite(y).all():
            total.cost = np.inf
            return total, False

        def add(
            r: np.ndarray, by: np.ndarray | None, error: np.ndarray | float, cut: float,
            weight: float,
        ) -> None:  # fmt: skip
            scaled = None if by is None else by / np.reshape(error, (-1, 1))
            total.add(r / error, scaled, cut, weight)

        def of(place: np.ndarray | slice) -> np.ndarray | None:
            return None if jacobian is None else jacobian[place]

        some = slice(None, None, _EVERY)
        cut = _CUT if len(at.times) else self.cut
        add((y - at.y)[some], of(some), at.spread[some], cut, at.density * _EVERY)
        times = records.spikes(y)
        ours, theirs = pairs(times, at.times)
        matched = len(times) == len(at.times) == len(ours)
        if not matched:
            astray = np.concatenate([np.delete(times, ours), np.delete(at.times, theirs)])
            place = _around(astray, at.steps + 1, dt)
            add((y - at.y)[place], of(place), 1.0, _FAR, at.wrong * _EVERY)
        if not len(ours):
            return total, matched
        rises = None if jacobian is None else -_crossing_slopes(y, jacobian, times[ours], dt)
        cut = _CUT if records.random[i] else self.cut
        add(times[ours] - at.times[theirs], rises, at.errors[theirs], cut, at.trust)
        falls = fall_times(y, times, records)
        whole = (ours < len(falls)) & (theirs < len(at.falls))
        ours, theirs = ours[whole], theirs[whole]
        if not len(ours):
            return total, matched
        wider = (falls[ours] - times[ours]) - (at.falls[theirs] - at.times[theirs])
        by = None
        if jacobian is not None and rises is not None:
            by = -_crossing_slopes(y, jacobian, falls[ours], dt) - rises[whole]
        add(wider, by, w.width, _CUT, w.shape * at.trust)
        place = _peaks(y, times[ours], falls[ours], dt)
        add(y[place] - at.peaks[theirs], of(place), w.peak, _CUT, w.shape * at.trust)
        return total, matched


def pairs(times: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Indices of spikes that belong together: all in order, or each other's nearest one.

    With different numbers of spikes a pair must be closer than 3 ms.
    """
    if len(times) == len(wanted):
        return np.arange(len(times)), np.arange(len(times))
    if not len(times) or not len(wanted):
        return np.empty(0, dtype=int), np.empty(0, dtype=int)
    away = np.abs(times[:, None] - wanted)
    nearest = np.argmin(away, axis=1)
    mutual = np.argmin(away, axis=0)[nearest] == np.arange(len(times))
    ours = np.flatnonzero(mutual & (away[np.arange(len(times)), nearest] < _NEAR))
    return ours, nearest[ours]


def _around(times: np.ndarray, size: int, dt: float) -> np.ndarray:
    """Every other place near any of some times."""
    near = np.zeros(size, dtype=bool)
    for t in times:
        near[max(0, round((t - _BEFORE) / dt)) : round((t + _AFTER) / dt)] = True
    return np.flatnonzero(near)[::_EVERY]


def fall_times(y: np.ndarray, times: np.ndarray, records: Records) -> np.ndarray:
    """Time of the downward crossing that ends each spike; the last one may lie beyond the end."""
    below = np.flatnonzero((y[:-1] >= records.threshold) & (y[1:] < records.threshold))
    at = (below + (y[below] - records.threshold) / (y[below] - y[below + 1])) * records.dt
    after = np.searchsorted(at, times)
    return at[after[after < len(at)]]


def _peaks(y: np.ndarray, times: np.ndarray, falls: np.ndarray, dt: float) -> np.ndarray:
    """Place of the largest y between each rise and its fall."""
    found = []
    for rise, fall in zip(times, falls, strict=False):
        first = int(rise / dt)
        found.append(first + int(np.argmax(y[first : int(fall / dt) + 2])))
    return np.array(found, dtype=int)


def _crossing_slopes(
    y: np.ndarray, jacobian: np.ndarray, times: np.ndarray, dt: float
) -> np.ndarray:
    """(dy/dtheta) / (dy/dt) at crossings of the linearly interpolated y: (crossing, n)."""
    j = np.minimum((times / dt).astype(int), len(y) - 2)
    a = (times / dt - j)[:, None]
    slope = (y[j + 1] - y[j]) / dt
    return ((1 - a) * jacobian[j] + a * jacobian[j + 1]) / slope[:, None]
