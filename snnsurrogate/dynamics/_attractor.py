"""A first guess of a cycle: the recurrence of a simulated trajectory."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from snnsurrogate.kernels import Kernel, integrate

from ._arclength import Point
from ._cycle_curve import Cycle, CycleCurve
from ._mesh import fine, interpolate, needed

__all__ = ["Found", "from_attractor", "refined"]

_BLOCKS = 7  # each twice as long as the one before
_RETURN = 0.03  # of the attractor's range: near enough for Newton
_LAGS = 80


class Found(NamedTuple):
    """A cycle or the reason why there is none."""

    point: Point | None
    reason: str


def from_attractor(
    curve: CycleCurve, x0: np.ndarray, value: float, transient: float, steps: int
) -> Found:
    """The cycle that the trajectory from ``x0`` approaches.

    Args:
        curve: the curve whose parameter is ``value``.
        x0: where the simulation starts.
        value: the free parameter.
        transient: time simulated before anything is looked at.
        steps: integration steps of the first block that is looked at; up to 6 more blocks follow,
            each twice as long.
    """
    kernel, p = curve.kernel, curve.vector(value)
    x = np.array(x0, dtype=float)
    if transient > 0:
        x = _last(kernel, x, p, int(np.ceil(transient / kernel.time_step)))
    reason = ""
    for block in range(_BLOCKS):
        if not np.isfinite(x).all():
            return Found(None, "the trajectory diverged")
        trace = integrate(kernel, x, p, n_steps=steps * 2**block)
        x = trace[-1].copy()
        if not np.isfinite(x).all():
            return Found(None, "the trajectory diverged")
        late = trace[len(trace) // 2 :]
        spread = np.ptp(late, axis=0)
        if (spread < 1e-7 * curve.width).all():
            return Found(None, "the trajectory came to rest at a fixed point")
        guess, reason = _recurrence(curve, trace, value)
        if guess is None:
            continue
        point = refined(curve, guess)
        if point is None:
            reason = "Newton did not converge from the simulated cycle"
            continue
        cycle: Cycle = point.data
        ratio = curve.amplitude(cycle) / curve.amplitude(guess)
        if abs(cycle.log_period - guess.log_period) < 0.3 and 0.5 < ratio < 2.0:
            return Found(point, "")
        reason = "Newton left the simulated cycle"
    return Found(None, reason)


def _last(kernel: Kernel, x: np.ndarray, p: np.ndarray, n: int) -> np.ndarray:
    return integrate(kernel, x, p, n_steps=1, substeps=n)[-1].copy()


def _recurrence(curve: CycleCurve, trace: np.ndarray, value: float) -> tuple[Cycle | None, str]:
    """One period of the trace, between two returns to a section."""
    late = trace[len(trace) // 2 :]
    spread = np.ptp(late, axis=0)
    state = int(np.argmax(spread / curve.width))
    level = 0.5 * (late[:, state].min() + late[:, state].max())
    above = trace[:, state] > level
    at = np.flatnonzero(~above[:-1] & above[1:])
    if len(at) < 3:
        return None, "fewer than three returns to the section"
    share = (level - trace[at, state]) / (trace[at + 1, state] - trace[at, state])
    crossing = trace[at] + share[:, None] * (trace[at + 1] - trace[at])
    times = (at + share) * curve.kernel.time_step
    scale = np.maximum(spread, 1e-9 * curve.width)
    for lag in range(1, min(_LAGS, len(at) - 2) + 1):
        last = np.arange(max(0, len(at) - 3 - lag), len(at) - lag)
        gap = np.abs((crossing[last + lag] - crossing[last]) / scale).max(1)
        if gap.max() < _RETURN:
            return _cut(curve, trace, times[-1 - lag], times[-1], lag, value), ""
    return None, "no return of the trajectory to itself (not periodic, or not settled yet)"


def _cut(
    curve: CycleCurve, trace: np.ndarray, start: float, stop: float, turns: int, value: float
) -> Cycle:
    dt, period = curve.kernel.time_step, stop - start
    at = start + np.linspace(0.0, 1.0, 4001 + 800 * turns) * period
    clock = np.arange(len(trace)) * dt
    dense = np.stack([np.interp(at, clock, column) for column in trace.T], -1) / curve.width
    scaled = np.linspace(0.0, 1.0, len(at))
    dense += scaled[:, None] * (dense[0] - dense[-1])  # close the gap
    slope = np.gradient(dense, scaled, axis=0)
    bend = np.gradient(slope, scaled, axis=0)
    density = np.abs(slope).max(1) + 0.3 * np.sqrt(np.abs(bend).max(1))
    density += 0.1 * density.mean()
    total = np.append(0.0, np.cumsum(0.5 * (density[1:] + density[:-1])))
    low, high = curve.intervals
    n = int(np.clip(40 + 10 * turns, low, high))
    mesh = np.interp(np.linspace(0.0, total[-1], n + 1), total, scaled)
    mesh[0], mesh[-1] = 0.0, 1.0
    points = fine(mesh)
    profile = np.stack([np.interp(points, scaled, column) for column in dense.T], -1)
    profile[-1] = profile[0]
    return fixed_parameter(mesh, profile, float(np.log(period)), value)


def fixed_parameter(
    mesh: np.ndarray, profile: np.ndarray, log_period: float, value: float
) -> Cycle:
    """A guess to be corrected at its own parameter value."""
    zero = np.zeros_like(profile)
    none = np.zeros(profile.shape[1], dtype=complex)
    return Cycle(mesh, profile, log_period, value, zero, np.array([0.0, 1.0]), none, np.inf)


def refined(curve: CycleCurve, guess: Cycle) -> Point | None:
    """The cycle near a guess at the guess's parameter, on a mesh that fits the tolerance."""
    low, high = curve.intervals
    point = None
    for factor in (1, 2, 4):
        n = (len(guess.mesh) - 1) * factor
        if factor > 1 and n > high:
            break
        trial = guess
        if factor > 1:
            trial = _split(guess, factor)
        point = curve.correct(trial, None, 1.0)
        if point is not None:
            break
    if point is None:
        return None
    for _ in range(4):
        cycle: Cycle = point.data
        want, uneven = needed(cycle.mesh, cycle.profile, curve.tolerance)
        have = len(cycle.mesh) - 1
        n = int(np.clip(np.ceil(1.15 * want), low, high))
        if want <= have <= 1.6 * max(want, low) and uneven < 1.8:
            break
        moved = curve.on_mesh(cycle, n)
        again = curve.correct(
            fixed_parameter(moved.mesh, moved.profile, moved.log_period, moved.value), None, 1.0
        )
        if again is None:
            break
        point = again
    return point


def _split(guess: Cycle, factor: int) -> Cycle:
    mesh = np.interp(
        np.arange((len(guess.mesh) - 1) * factor + 1) / factor,
        np.arange(len(guess.mesh)),
        guess.mesh,
    )
    profile = interpolate(guess.mesh, guess.profile, fine(mesh))
    profile[-1] = profile[0]
    return fixed_parameter(mesh, profile, guess.log_period, guess.value)


def nodes(cycle: Cycle, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Scaled times (n,) and scaled states (n, state), dense where the mesh is."""
    points = fine(cycle.mesh)
    at = np.interp(np.linspace(0, len(points) - 1, n), np.arange(len(points)), points)
    return at, interpolate(cycle.mesh, cycle.profile, at)
