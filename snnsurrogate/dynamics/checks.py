"""Does a system reproduce the values it says it must? Used by the tests and for a user's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from snnsurrogate import units
from snnsurrogate.features.spikes import detect
from snnsurrogate.kernels import integrate
from snnsurrogate.systems import Check, System

from .fixed_points import fixed_points
from .hopf import hopf

__all__ = ["CheckResult", "verify"]


@dataclass(frozen=True)
class CheckResult:
    """A known value, what the system gives, and whether they agree within the tolerance."""

    check: Check
    got: Any
    ok: bool


def verify(system: System) -> list[CheckResult]:
    """Evaluate every :class:`Check` of a system.

    Raises:
        ValueError: a check of unknown kind.
    """
    return [_evaluate(system, check) for check in system.checks]


def _evaluate(system: System, check: Check) -> CheckResult:
    if check.kind not in _KINDS:
        msg = f"check {check.name!r} is of kind {check.kind!r}; known: {', '.join(_KINDS)}."
        raise ValueError(msg)
    got = np.asarray(_KINDS[check.kind](system.with_parameters(**check.parameters), check))
    value, atol = np.asarray(check.value, dtype=float), np.asarray(check.atol, dtype=float)
    if value.ndim == 2 and atol.ndim == 1:
        atol = atol[:, None]
    ok = got.shape == value.shape and bool((np.abs(got - value) <= atol).all())
    return CheckResult(check, got, ok)


def _only_point(system: System) -> Any:
    table = fixed_points(system)
    if int(table["count"][0]) != 1:
        return None
    return table.isel(sample=0, point=0)


def _fixed_point(system: System, check: Check) -> Any:
    point = _only_point(system)
    return np.nan if point is None else [float(point[name]) for name in system.state_names]


def _eigenvalues(system: System, check: Check) -> Any:
    point = _only_point(system)
    if point is None:
        return np.nan
    return np.stack([point["eigenvalue_real"].values, point["eigenvalue_imag"].values], -1)


def _hopf(system: System, check: Check) -> Any:
    table = hopf(system, check.along, *check.bracket, samples=17)
    values = table[check.along].values
    return values[0] if len(values) == 1 else np.nan


def _spikes(system: System, check: Check) -> np.ndarray:
    rule = system.spikes
    if rule is None:
        msg = f"check {check.name!r} counts spikes, but {system.name!r} has no SpikeRule."
        raise ValueError(msg)
    kernel = system.kernel()
    lead = (
        units.magnitude(check.transient, system.time_unit, what="transient")
        if check.transient
        else 0
    )
    length = units.magnitude(check.duration, system.time_unit, what="duration")
    x0 = np.array([system.initial[name] for name in system.state_names])
    n = int(round((lead + length) / kernel.time_step))
    trace = integrate(kernel, x0, n_steps=n)[:, system.state_names.index(rule.state)]
    first = int(round(lead / kernel.time_step))
    return detect(trace[first:], kernel.time_step, threshold=rule.threshold, reset=rule.reset)


def _count(system: System, check: Check) -> Any:
    return len(_spikes(system, check))


def _rate(system: System, check: Check) -> Any:
    times = _spikes(system, check)
    return (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else 0.0


def _rhs(system: System, check: Check) -> Any:
    return system.rhs([check.state[name] for name in system.state_names])


_KINDS = {
    "fixed_point": _fixed_point,
    "eigenvalues": _eigenvalues,
    "hopf": _hopf,
    "spike_count": _count,
    "rate": _rate,
    "rhs": _rhs,
}
