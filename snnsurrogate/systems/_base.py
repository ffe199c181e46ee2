"""The declaration of a system, and everything that is derived from it.

A system is written once: equation text in Brian2's language, parameters and states with units. The
simulator reads the text; NumPy and Numba right-hand sides and the exact Jacobian are derived from
it. Outside the simulator all numbers are in the declared units.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from snnsurrogate import units

from ._declarations import Benchmark, Check, Convergence, SpikeRule, State
from ._model import Model, named, normal

if TYPE_CHECKING:
    from snnsurrogate.kernels import Kernel

__all__ = ["System"]


@dataclass(frozen=True, kw_only=True, eq=False)
class System(Model):
    """A neuron model as a system of ordinary differential equations.

    Attributes:
        equations: Brian2 text, one line per equation, without parameter declarations.
        states: state variables, in the order of state vectors.
        method: default integrator, as Brian2 names it.
        spikes: spike rule, or None.
        checks: known values.
        benchmark: the runs behind ``convergence``.
        convergence: the table from which ``dt`` was chosen: the largest step whose error stays
            below the tolerance of the benchmark.
        input: name of the parameter through which a current enters, or None.
        large_amplitude_start: a state on the large-amplitude attractor, from which sweeps start
            when nothing else is said; None if the initial values serve.

    Dimensionless models use "ms", with one unit of model time = 1 ms. The default step is the
    outcome of ``convergence``.
    """

    equations: str
    states: tuple[State, ...]
    method: str = "rk4"
    spikes: SpikeRule | None = None
    checks: tuple[Check, ...] = ()
    benchmark: Benchmark | None = None
    convergence: tuple[Convergence, ...] = ()
    input: str | None = None
    large_amplitude_start: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        _validate(self)

    @property
    def state_names(self) -> tuple[str, ...]:
        """State names in declared order."""
        return tuple(state.name for state in self.states)

    @property
    def initial(self) -> dict[str, float]:
        """The stated start: large-amplitude start if there is one, else the initial values."""
        plain = {state.name: state.initial for state in self.states}
        return plain | dict(self.large_amplitude_start or {})

    @property
    def equations_hash(self) -> str:
        """SHA-256 of text, units and order of states and parameters; defaults do not enter."""
        parts = [self.time_unit, normal(self.equations)]
        parts += [f"{state.name}:{state.unit}" for state in self.states]
        parts += [f"{parameter.name}:{parameter.unit}" for parameter in self.parameters]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def state(self, name: str) -> State:
        """The declaration of one state variable.

        Raises:
            ValueError: unknown name; the message lists the allowed ones and the nearest match.
        """
        return named(name, self.states, f"state of {self.name!r}")

    def brian2_equations(self, *, driven: bool = False) -> str:
        """The full Brian2 text: equations and one ``(constant)`` declaration per parameter.

        Parameters are per-neuron, so that one build serves any parameter values.

        Args:
            driven: the input is no constant but rises by ``<input>_slope`` per time. Every
                integrator then follows a straight line exactly, at the times of its own stages.
        """
        lines = [line.strip() for line in self.equations.strip().splitlines() if line.strip()]
        for p in self.parameters:
            unit = units.base_unit(p.unit)
            if driven and p.name == self.input:
                lines.append(f"d{p.name}/dt = {p.name}_slope : {unit}")
                lines.append(f"{p.name}_slope : {unit}/second (constant)")
            else:
                lines.append(f"{p.name} : {unit} (constant)")
        return "\n".join(lines)

    def sympy(self) -> tuple[tuple[Any, ...], tuple[Any, ...], tuple[Any, ...]]:
        """(state symbols, parameter symbols, right-hand sides), in declared units per time unit.

        Functions that occur: those of sympy and :class:`exprel`.
        """
        derived = self._derived
        return derived.states, derived.parameters, derived.rhs

    @property
    def _derived(self) -> Any:
        return _derive(
            self.equations,
            tuple((state.name, state.unit) for state in self.states),
            tuple((parameter.name, parameter.unit) for parameter in self.parameters),
            self.time_unit,
        )

    def rhs(self, x: Any, p: Mapping[str, Any] | None = None) -> np.ndarray:
        """Right-hand side dx/dt, vectorised.

        Args:
            x: states (..., state) in declared units.
            p: parameter name -> value or array broadcastable to ``x[..., 0]``, bare numbers in
                declared units; text and quantities are converted. Missing = default.

        Returns:
            (..., state), in state unit per ``time_unit``.
        """
        x, vector = self._arrays(x, p)
        with np.errstate(over="ignore"):  # exp(huge) = inf is right: 1/(1 + inf) = 0
            values = _numpy(self._derived).rhs(np.moveaxis(x, -1, 0), vector)
        shape = np.broadcast_shapes(x.shape[:-1], *(v.shape for v in vector))
        return np.stack([np.broadcast_to(value, shape) for value in values], -1)

    def jacobian(self, x: Any, p: Mapping[str, Any] | None = None) -> np.ndarray:
        """Exact Jacobian of :meth:`rhs`: (..., state, state), row i for equation i."""
        x, vector = self._arrays(x, p)
        d = len(self.states)
        with np.errstate(over="ignore"):
            values = _numpy(self._derived).jacobian(np.moveaxis(x, -1, 0), vector)
        shape = np.broadcast_shapes(x.shape[:-1], *(v.shape for v in vector))
        flat = np.stack([np.broadcast_to(value, shape) for value in values], -1)
        return flat.reshape(*shape, d, d)

    def _arrays(self, x: Any, p: Mapping[str, Any] | None) -> tuple[np.ndarray, list[np.ndarray]]:
        x = np.asarray(x, dtype=float)
        if x.ndim == 0 or x.shape[-1] != len(self.states):
            msg = f"x has shape {x.shape}; expected (..., {len(self.states)}): {self.state_names}."
            raise ValueError(msg)
        values: dict[str, Any] = {name: np.asarray(v) for name, v in self.defaults.items()}
        for name, value in (p or {}).items():
            values[name] = units.magnitudes(value, self.parameter(name).unit, what=name)
        return x, [values[name] for name in self.parameter_names]

    def kernel(self) -> Kernel:
        """Compiled right-hand side and Jacobian; compiled once per equations, cached on disk."""
        from snnsurrogate.kernels import Kernel

        module = _compiled(self._derived)
        return Kernel(
            kind="flow",
            time_step=units.magnitude(self.dt, self.time_unit, what="dt"),
            time_unit=self.time_unit,
            states=self.state_names,
            state_units=tuple(state.unit for state in self.states),
            parameters=self.parameter_names,
            parameter_units=tuple(parameter.unit for parameter in self.parameters),
            parameter_defaults=np.array([parameter.value for parameter in self.parameters]),
            f=module.f,
            jac=module.jac,
            low=np.array([state.low for state in self.states]),
            high=np.array([state.high for state in self.states]),
            parameter_low=np.array([parameter.low for parameter in self.parameters]),
            parameter_high=np.array([parameter.high for parameter in self.parameters]),
        )

    def describe(self) -> str:
        """Readable table: equations, parameters, states, rules, default step, source."""
        from ._describe import describe

        return describe(self)


@functools.lru_cache(maxsize=256)
def _derive(equations: str, states: tuple, parameters: tuple, time_unit: str) -> Any:
    from ._expressions import derive

    return derive(equations, dict(states), dict(parameters), time_unit)


@functools.lru_cache(maxsize=256)
def _numpy(derived: Any) -> Any:
    from ._codegen import numpy_functions

    return numpy_functions(derived)


_COMPILED: dict[Any, Any] = {}


def _compiled(derived: Any) -> Any:
    from snnsurrogate._cache import import_source

    from ._codegen import numba_source

    if derived not in _COMPILED:
        _COMPILED[derived] = import_source(numba_source(derived))
    return _COMPILED[derived]


def _validate(system: System) -> None:
    where = f"system {system.name!r}"
    items: list[Any] = [*system.states, *system.parameters]
    names = [item.name for item in items]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        msg = f"{where} declares {', '.join(doubled)} more than once; every name must be unique."
        raise ValueError(msg)
    if not system.states:
        msg = f"{where} has no state; declare at least one State."
        raise ValueError(msg)
    for item in items:
        start = item.initial if isinstance(item, State) else item.value
        if not item.low <= start <= item.high:
            msg = f"{where}: {item.name} = {start:g} lies outside [{item.low:g}, {item.high:g}]."
            raise ValueError(msg)
    if system.time_unit not in {"s", "ms"}:
        msg = f"{where} has time_unit {system.time_unit!r}; expected 's' or 'ms'."
        raise ValueError(msg)
    for label, name, known in (
        ("input", system.input, system.parameter_names),
        ("swept", system.swept, system.parameter_names),
        ("spikes.state", system.spikes.state if system.spikes else None, system.state_names),
    ):
        if name is not None and name not in known:
            msg = f"{where}: {label} is {name!r}; expected one of {', '.join(known)}."
            raise ValueError(msg)
