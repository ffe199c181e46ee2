"""The parts of a system's declaration: parameters, states, rules, known values, error tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = [
    "Benchmark",
    "Check",
    "Convergence",
    "Parameter",
    "SpikeRule",
    "State",
]


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A constant of the equations: default ``value`` in ``unit``, range, and what it means."""

    name: str
    value: float
    unit: str
    low: float
    high: float
    meaning: str


@dataclass(frozen=True, kw_only=True)
class State:
    """A state variable: unit, typical standard deviation, box, default initial value, meaning.

    ``low`` and ``high`` bound random initial states and the search for fixed points.
    """

    name: str
    unit: str
    scale: float
    low: float
    high: float
    initial: float
    meaning: str


@dataclass(frozen=True, kw_only=True)
class SpikeRule:
    """A spike is an upward crossing of ``threshold``, re-armed below ``reset``.

    ``threshold`` and ``reset`` are in the unit of ``state``; ``max_step`` is the coarsest recording
    step that still sees every spike.
    """

    state: str = "V"
    threshold: float
    reset: float
    max_step: str


@dataclass(frozen=True, kw_only=True)
class Check:
    """A known value which the system must reproduce.

    Attributes:
        name: short description.
        kind: what is computed. "fixed_point": value is the state. "eigenvalues": value is a tuple
            of (real, imaginary) rates at the fixed point, ascending real part. "hopf": value is
            the value of parameter ``along`` between ``bracket`` where the rest state loses or
            gains stability. "rate": spikes per time unit of the system, from the large-amplitude
            or initial state, counted after ``transient`` for ``duration``. "spike_count": spikes
            in ``duration``. "rhs": the right-hand side at ``state``.
        parameters: parameter values that differ from the defaults.
        value: the known value, in declared units.
        atol: largest accepted absolute error (same shape, or one number).
        unit: unit of ``value`` (of ``along`` for "hopf").
        source: closed form, literature reference, or the computation that gave it.
    """

    name: str
    kind: str
    value: Any
    atol: Any
    unit: str
    source: str
    parameters: Mapping[str, float] = field(default_factory=dict)
    along: str = ""
    bracket: tuple[float, float] = (0.0, 0.0)
    state: Mapping[str, float] = field(default_factory=dict)
    transient: str = ""
    duration: str = ""


@dataclass(frozen=True, kw_only=True)
class Convergence:
    """One row of a convergence table: ``error`` of ``method`` at step ``dt``; inf = unusable."""

    dt: str
    method: str
    error: float


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """Runs by which the step is judged: parameter sets, each for ``duration`` from the start."""

    duration: str
    at: tuple[Mapping[str, float], ...] = ({},)
    tolerance: float = 1e-5
