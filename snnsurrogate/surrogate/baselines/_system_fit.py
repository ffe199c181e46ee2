"""What a system is fitted by: the spikes and the potential of driven records that start at rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from snnsurrogate.features.spikes import detect_batch
from snnsurrogate.features.trains import victor_purpura
from snnsurrogate.kernels import Kernel, integrate, integrate_driven
from snnsurrogate.systems import System

__all__ = ["KINDS", "Records", "finer", "residuals", "rest_state", "search"]

KINDS = ("count", "latency", "rate", "first spike", "tonic spike", "subthreshold", "noise")
_MISSING = 10.0  # residual of what one of both lacks
_SETTLE_MS = 300.0
_COARSER = 2.5  # the step of a fit, in steps of the system
_WINDOW_MS = (-3.0, 9.0)  # around a spike, where the shape is compared
# What counts as one: spikes of a short train, ms, shares, mV.
_LATENCY, _RATE, _SHAPE, _QUIET, _NOISE = 0.3, 0.03, 8.0, 1.0, 0.15


@dataclass(frozen=True, kw_only=True, eq=False)
class Records:
    """Driven records to fit: n of them, T steps long.

    Attributes:
        step: in ms.
        start: (n, T) input at the beginning of each step.
        stop: (n, T) at its end.
        v: (n, T + 1) potential.
        random: (n,) bool, driven by noise.
        threshold: of the spike detector.
        reset: of the spike detector.
    """

    step: float
    start: np.ndarray
    stop: np.ndarray
    v: np.ndarray
    random: np.ndarray
    threshold: float
    reset: float

    def spikes(self, v: np.ndarray, step: float) -> list[np.ndarray]:
        """Spike times of potentials (n, time), ms."""
        return detect_batch(v, step, threshold=self.threshold, reset=self.reset)


def rest_state(kernel: Kernel, start: Sequence[float], p: np.ndarray) -> np.ndarray | None:
    """Stable state that the flow reaches from a start; None if it reaches none."""
    steps = round(_SETTLE_MS / kernel.time_step)
    x = integrate(kernel, np.asarray(start, float), p, n_steps=1, substeps=steps)[-1]
    if not np.isfinite(x).all():
        return None
    rate, jacobian = np.empty(x.size), np.empty((x.size, x.size))
    begun = x.copy()
    for _ in range(12):
        kernel.f(x, p, rate)
        kernel.jac(x, p, jacobian)
        if not (np.isfinite(jacobian).all() and np.linalg.det(jacobian)):
            return None
        x = x - np.linalg.solve(jacobian, rate)
    near = np.abs(x - begun) <= 0.02 * (kernel.high - kernel.low)
    if not (np.isfinite(x).all() and near.all()):
        return None
    kernel.jac(x, p, jacobian)
    return x if np.linalg.eigvals(jacobian).real.max() < 0 else None


def residuals(
    system: System, parameters: Sequence[float], records: Records
) -> dict[str, np.ndarray] | None:
    """Scaled differences between system and records by kind, (n,) each; None without a rest state.

    Args:
        system: its input is driven.
        parameters: values of all parameters in declared order; the input is 0 at rest.
        records: what is fitted.
    """
    kernel = system.kernel()
    p = np.array(parameters, dtype=float)
    p[kernel.parameter_index(str(system.input))] = 0.0
    x0 = rest_state(kernel, list(system.initial.values()), p)
    if x0 is None:
        return None
    n = len(records.v)
    every = max(1, round(records.step / (_COARSER * kernel.time_step)))
    first, last = finer(records.start, records.stop, every)
    x = integrate_driven(
        kernel, np.tile(x0, (n, 1)), p, input=str(system.input), start=first, stop=last,
        dt=records.step / every, every=every,
    )  # fmt: skip
    v = x[..., system.state_names.index(records_state(system))]
    found = {kind: np.zeros(n) for kind in KINDS}
    if not np.isfinite(v).all():
        return {kind: np.full(n, _MISSING) for kind in KINDS}
    made, wanted = (records.spikes(y, records.step) for y in (v, records.v))
    for i in range(n):
        _compare(found, i, v[i], records, made[i], wanted[i])
    return found


def records_state(system: System) -> str:
    """The state whose spikes are counted."""
    return system.spikes.state if system.spikes else system.states[0].name


def _compare(
    found: dict[str, np.ndarray], i: int, v: np.ndarray, records: Records,
    made: np.ndarray, wanted: np.ndarray,
) -> None:  # fmt: skip
    if records.random[i]:
        distance = victor_purpura(wanted, made, cost=0.25)
        found["noise"][i] = distance / (_NOISE * (1 + wanted.size) * 10)
        return
    if wanted.size < 4:
        found["count"][i] = min(made.size - wanted.size, 6)
    if not wanted.size:
        wrong = v - records.v[i]
        found["subthreshold"][i] = np.sqrt(np.mean(np.square(wrong))) / _QUIET
        return
    found["latency"][i] = (made[0] - wanted[0]) / _LATENCY if made.size else _MISSING
    found["first spike"][i] = _shape(v, records, i, made[:1], wanted[:1])
    if wanted.size >= 4:
        lasts = made.size >= 4 and made[-1] > wanted[-2] - 5.0
        ratio = np.diff(wanted)[-2:].mean() / np.diff(made)[-2:].mean() if lasts else np.nan
        found["rate"][i] = (ratio - 1.0) / _RATE if lasts else _MISSING
        found["tonic spike"][i] = _shape(v, records, i, made[-2:-1], wanted[-2:-1])


def _shape(
    v: np.ndarray, records: Records, i: int, made: np.ndarray, wanted: np.ndarray
) -> float:  # fmt: skip
    """Root mean square difference of the potentials around a spike, the spikes laid together."""
    if not made.size:
        return _MISSING
    t = np.arange(_WINDOW_MS[0], _WINDOW_MS[1], 0.1)
    time = np.arange(v.size) * records.step
    inside = (made + t >= 0) & (made + t <= time[-1]) & (wanted + t >= 0) & (wanted + t <= time[-1])
    wrong = np.interp(made + t, time, v) - np.interp(wanted + t, time, records.v[i])
    return float(np.sqrt(np.mean(np.square(wrong[inside]))) / _SHAPE)


def finer(start: np.ndarray, stop: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Input at the begin and at the end of steps, every step in k equal parts."""
    part = np.arange(k + 1) / k
    ends = start[..., None] + (stop - start)[..., None] * part
    return ends[..., :-1].reshape(len(start), -1), ends[..., 1:].reshape(len(start), -1)


def search(
    wrong: Callable[[np.ndarray], np.ndarray],
    bounds: np.ndarray,
    *,
    rounds: int,
    members: int,
    seed: int,
) -> tuple[np.ndarray, float]:
    """Global search by differential evolution, then least squares from its best point.

    Residuals r count as 2 (sqrt(1 + r^2) - 1).

    Args:
        wrong: residuals (k,) at a point.
        bounds: (dimension, 2).
        rounds: generations of the evolution.
        members: points of a generation, per dimension.
        seed: of the evolution.

    Returns:
        Best point and its cost.

    Source: Storn and Price (1997), doi:10.1023/A:1008202821328.
    """
    from scipy.optimize import differential_evolution, least_squares

    def cost(q: np.ndarray) -> float:
        return float(np.sum(2.0 * (np.sqrt(1.0 + np.square(wrong(q))) - 1.0)))

    best = differential_evolution(
        cost, bounds, maxiter=rounds, popsize=members, rng=np.random.default_rng(seed),
        polish=False, tol=1e-4, mutation=(0.4, 0.9), recombination=0.9, init="sobol",
    ).x  # fmt: skip
    width = bounds[:, 1] - bounds[:, 0]
    unit = least_squares(
        lambda u: wrong(bounds[:, 0] + width * u), np.clip((best - bounds[:, 0]) / width, 0, 1),
        bounds=(0.0, 1.0), loss="soft_l1", diff_step=1e-4, max_nfev=40, x_scale=0.05,
    ).x  # fmt: skip
    polished = bounds[:, 0] + width * unit
    if cost(polished) < cost(best):
        best = polished
    return best, cost(best)
