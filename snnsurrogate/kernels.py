"""Compiled dynamics: what the mathematics of this package needs of a system or a learned map.

A :class:`Kernel` holds two compiled functions, ``f`` and its Jacobian ``jac``, with one fixed
signature. The loops below are compiled once for that signature and receive the functions as
arguments, so that another system or map recompiles nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numba
import numpy as np
from numba import types

from snnsurrogate import units
from snnsurrogate._names import suggestion

__all__ = [
    "F_SIGNATURE",
    "F_TYPE",
    "JAC_SIGNATURE",
    "JAC_TYPE",
    "Kernel",
    "exprel",
    "exprel_derivative",
    "integrate",
    "integrate_driven",
    "run_exponential_euler",
]

_VECTOR = types.float64[::1]
_MATRIX = types.float64[:, ::1]
F_SIGNATURE = types.void(_VECTOR, _VECTOR, _VECTOR)
JAC_SIGNATURE = types.void(_VECTOR, _VECTOR, _MATRIX)
F_TYPE = types.FunctionType(F_SIGNATURE)
JAC_TYPE = types.FunctionType(JAC_SIGNATURE)


@dataclass(frozen=True, kw_only=True, eq=False)
class Kernel:
    """Compiled right-hand side (flow) or step (map) with its Jacobian.

    Attributes:
        kind: "flow" (``f`` writes dx/dt) or "map" (``f`` writes the next state).
        time_step: duration of one step of a map, default integration step of a flow, in
            ``time_unit``.
        time_unit: unit of time of rates and of ``time_step``.
        states: names, in the order of the state vector.
        state_units: their units.
        parameters: names, in the order of the parameter vector.
        parameter_units: their units.
        parameter_defaults: their default values, in the declared units.
        f: compiled ``f(x, p, out)``; x (state,), p (parameter,), out (state,), all contiguous
            float64.
        jac: compiled ``jac(x, p, out)`` with out (state, state); row i is
            the derivative of ``f_i``.
        low: lower corner of the state box searched for fixed points.
        high: upper corner of that box.
        parameter_low: lower end of the declared (equations) or trained (map) parameter range.
        parameter_high: upper end of it.
    """

    kind: Literal["flow", "map"]
    time_step: float
    time_unit: str
    states: tuple[str, ...]
    state_units: tuple[str, ...]
    parameters: tuple[str, ...]
    parameter_units: tuple[str, ...]
    parameter_defaults: np.ndarray
    f: Any
    jac: Any
    low: np.ndarray
    high: np.ndarray
    parameter_low: np.ndarray
    parameter_high: np.ndarray

    @property
    def dimension(self) -> int:
        """Number of state variables."""
        return len(self.states)

    def parameter_matrix(self, parameters: Mapping[str, Any] | None, n: int) -> np.ndarray:
        """Parameter vectors of ``n`` samples, (n, parameter); missing names take their default.

        Bare numbers are in the declared units; text and quantities are converted.

        Raises:
            ValueError: an unknown name (with the nearest match), another dimension, or a length
                other than ``n``.
        """
        matrix = np.tile(np.asarray(self.parameter_defaults, dtype=float), (n, 1))
        for name, values in (parameters or {}).items():
            k = self.parameter_index(name)
            matrix[:, k] = units.magnitudes(values, self.parameter_units[k], what=name)
        return matrix

    def parameter_index(self, name: str) -> int:
        """Position of a parameter.

        Raises:
            ValueError: no such parameter; the message names the allowed ones and the nearest.
        """
        if name in self.parameters:
            return self.parameters.index(name)
        hint = suggestion(name, self.parameters)
        known = ", ".join(self.parameters) or "(none)"
        msg = f"no parameter {name!r}; expected one of {known}.{hint}"
        raise ValueError(msg)

    def __call__(self, x: Any, p: Any = None) -> np.ndarray:
        """``f`` at one state (state,); for looking and testing, not for loops."""
        x, p = self._point(x, p)
        out = np.empty(self.dimension)
        self.f(x, p, out)
        return out

    def jacobian(self, x: Any, p: Any = None) -> np.ndarray:
        """``jac`` at one state: (state, state)."""
        x, p = self._point(x, p)
        out = np.empty((self.dimension, self.dimension))
        self.jac(x, p, out)
        return out

    def _point(self, x: Any, p: Any) -> tuple[np.ndarray, np.ndarray]:
        x = np.ascontiguousarray(x, dtype=float)
        if x.shape != (self.dimension,):
            msg = f"state has shape {x.shape}; expected ({self.dimension},) = {self.states}."
            raise ValueError(msg)
        if p is None or isinstance(p, Mapping):
            return x, self.parameter_matrix(p, 1)[0]
        return x, np.ascontiguousarray(p, dtype=float)


@numba.njit("float64(float64)", cache=True, nogil=True, error_model="numpy")
def exprel(x):  # type: ignore[no-untyped-def]
    """(exp(x) - 1) / x, with its limit 1 at zero."""
    if x == 0.0:
        return 1.0
    return math.expm1(x) / x


@numba.njit("float64(float64)", cache=True, nogil=True, error_model="numpy")
def exprel_derivative(x):  # type: ignore[no-untyped-def]
    """Derivative of :func:`exprel`; a series near zero, where the closed form cancels."""
    if abs(x) > 0.5:
        return (math.exp(x) - math.expm1(x) / x) / x
    term = 0.5  # coefficient (k + 1) / (k + 2)! of x^k
    total = 0.5
    for k in range(1, 16):
        term *= x * (k + 1.0) / (k * (k + 2.0))
        total += term
    return total


@numba.njit(
    types.boolean(
        F_TYPE, _VECTOR, _VECTOR, types.float64, types.int64, types.int64, types.boolean, _MATRIX
    ),
    cache=True,
    nogil=True,
    error_model="numpy",
)
def _run(f, x0, p, h, substeps, n_steps, is_map, out):  # type: ignore[no-untyped-def]
    d = x0.size
    x = x0.copy()
    y = np.empty(d)
    k1 = np.empty(d)
    k2 = np.empty(d)
    k3 = np.empty(d)
    k4 = np.empty(d)
    out[0] = x
    for i in range(1, n_steps + 1):
        for _ in range(substeps):
            if is_map:
                f(x, p, y)
                x[:] = y
            else:
                f(x, p, k1)
                for j in range(d):
                    y[j] = x[j] + 0.5 * h * k1[j]
                f(y, p, k2)
                for j in range(d):
                    y[j] = x[j] + 0.5 * h * k2[j]
                f(y, p, k3)
                for j in range(d):
                    y[j] = x[j] + h * k3[j]
                f(y, p, k4)
                for j in range(d):
                    x[j] += h / 6.0 * (k1[j] + 2.0 * (k2[j] + k3[j]) + k4[j])
        finite = True
        for j in range(d):
            finite = finite and math.isfinite(x[j])
        if not finite:
            out[i:] = np.nan
            return False
        out[i] = x
    return True


@numba.njit(
    types.void(F_TYPE, JAC_TYPE, _VECTOR, _VECTOR, types.float64, _MATRIX),
    cache=True,
    nogil=True,
    error_model="numpy",
)
def run_exponential_euler(f, jac, x0, p, h, out):  # type: ignore[no-untyped-def]
    """Exponential Euler: each variable exact for frozen others, by the Jacobian's diagonal.

    Writes a state per step into ``out`` (step, state). First order; kept to show what it costs.
    """
    d = x0.size
    x = x0.copy()
    dx = np.empty(d)
    jacobian = np.empty((d, d))
    out[0] = x
    for i in range(1, out.shape[0]):
        f(x, p, dx)
        jac(x, p, jacobian)
        for j in range(d):
            x[j] += h * dx[j] * exprel(h * jacobian[j, j])
        out[i] = x


@numba.njit(
    types.boolean(
        F_TYPE,
        _VECTOR,
        types.float64[::1],
        types.int64,
        types.Array(types.float64, 1, "A", readonly=True),
        types.Array(types.float64, 1, "A", readonly=True),
        types.float64,
        types.int64,
        _MATRIX,
    ),
    cache=True,
    nogil=True,
    error_model="numpy",
)
def _run_driven(f, x0, parameters, place, start, stop, h, every, out):  # type: ignore[no-untyped-def]
    d = x0.size
    x = x0.copy()
    p = parameters.copy()
    y = np.empty(d)
    k1 = np.empty(d)
    k2 = np.empty(d)
    k3 = np.empty(d)
    k4 = np.empty(d)
    out[0] = x
    for i in range(1, out.shape[0]):
        for s in range((i - 1) * every, i * every):
            p[place] = start[s]
            f(x, p, k1)
            p[place] = 0.5 * (start[s] + stop[s])
            for j in range(d):
                y[j] = x[j] + 0.5 * h * k1[j]
            f(y, p, k2)
            for j in range(d):
                y[j] = x[j] + 0.5 * h * k2[j]
            f(y, p, k3)
            p[place] = stop[s]
            for j in range(d):
                y[j] = x[j] + h * k3[j]
            f(y, p, k4)
            for j in range(d):
                x[j] += h / 6.0 * (k1[j] + 2.0 * (k2[j] + k3[j]) + k4[j])
        finite = True
        for j in range(d):
            finite = finite and math.isfinite(x[j])
        if not finite:
            out[i:] = np.nan
            return False
        out[i] = x
    return True


def integrate(
    kernel: Kernel,
    x0: Any,
    p: Any = None,
    *,
    n_steps: int,
    substeps: int = 1,
    dt: float | None = None,
) -> np.ndarray:
    """Trajectories of a flow (fixed-step RK4) or of a map, one per row of ``x0``.

    Args:
        kernel: the dynamics.
        x0: initial states, (sample, state) or (state,).
        p: parameter vectors (sample, parameter) or (parameter,), a mapping name -> values over
            sample, or None for the defaults.
        n_steps: recorded steps; the result holds n_steps + 1 states.
        substeps: steps between two recorded ones.
        dt: integration step in the kernel's time unit; default ``kernel.time_step``. A map has
            only its own step.

    Returns:
        (sample, n_steps + 1, state), or (n_steps + 1, state) for one state. From the first
        non-finite state on a trajectory holds NaN.
    """
    x = np.ascontiguousarray(np.atleast_2d(np.asarray(x0, dtype=float)))
    if x.ndim != 2 or x.shape[1] != kernel.dimension:
        msg = f"initial states have shape {np.shape(x0)}; expected (sample, {kernel.dimension})."
        raise ValueError(msg)
    if kernel.kind == "map" and dt is not None and dt != kernel.time_step:
        msg = f"dt is {dt}; this map advances by {kernel.time_step} {kernel.time_unit} per step."
        raise ValueError(msg)
    if p is None or isinstance(p, Mapping):
        p = kernel.parameter_matrix(p, len(x))
    p = np.array(np.broadcast_to(p, (len(x), len(kernel.parameters))), dtype=float, order="C")
    out = np.empty((len(x), n_steps + 1, kernel.dimension))
    h = kernel.time_step if dt is None else float(dt)
    for i in range(len(x)):  # over samples; the loop over time is compiled
        _run(kernel.f, x[i], p[i], h, substeps, n_steps, kernel.kind == "map", out[i])
    return out[0] if np.ndim(x0) == 1 else out


def integrate_driven(
    kernel: Kernel,
    x0: Any,
    p: Any = None,
    *,
    input: str,  # noqa: A002 - the name that systems use
    start: np.ndarray,
    stop: np.ndarray,
    dt: float,
    every: int = 1,
) -> np.ndarray:
    """Trajectories of a flow (fixed-step RK4) under an input, one per row of ``x0``.

    Within a step the input runs along a straight line, from ``start`` to ``stop``, and the stages
    see it at their own times: fourth order where the input is piecewise linear and its edges lie
    between steps.

    Args:
        kernel: the dynamics; a flow.
        x0: initial states, (sample, state) or (state,).
        p: parameters as for :func:`integrate`; the value of the input in them is not used.
        input: name of the parameter that is driven.
        start: (sample, step) or (step,) input at the beginning of every step, in its declared
            unit; see ``protocols``.
        stop: the same at the end of every step.
        dt: integration step in the kernel's time unit.
        every: steps between two recorded states; it divides the number of steps.

    Returns:
        (sample, step / every + 1, state), or without the first axis for one state. From the first
        non-finite state on a trajectory holds NaN.

    Raises:
        ValueError: a map, an unknown input, or shapes that do not fit.
    """
    x = np.ascontiguousarray(np.atleast_2d(np.asarray(x0, dtype=float)))
    if x.ndim != 2 or x.shape[1] != kernel.dimension:
        msg = f"initial states have shape {np.shape(x0)}; expected (sample, {kernel.dimension})."
        raise ValueError(msg)
    if kernel.kind != "flow":
        msg = "a map has no stages between its steps; integrate_driven needs a flow."
        raise ValueError(msg)
    place = kernel.parameter_index(input)
    ends = [np.atleast_2d(np.asarray(values, dtype=float)) for values in (start, stop)]
    steps = ends[0].shape[-1]
    if ends[0].shape != ends[1].shape or ends[0].shape[0] not in (1, len(x)) or steps % every:
        msg = (
            f"start and stop have shapes {np.shape(start)} and {np.shape(stop)}; expected "
            f"({len(x)}, steps) for both, with a multiple of every={every} steps."
        )
        raise ValueError(msg)
    if p is None or isinstance(p, Mapping):
        p = kernel.parameter_matrix(p, len(x))
    p = np.array(np.broadcast_to(p, (len(x), len(kernel.parameters))), dtype=float, order="C")
    first, last = (np.broadcast_to(values, (len(x), steps)) for values in ends)
    out = np.empty((len(x), steps // every + 1, kernel.dimension))
    for i in range(len(x)):  # over samples; the loop over time is compiled
        _run_driven(kernel.f, x[i], p[i], place, first[i], last[i], float(dt), every, out[i])
    return out[0] if np.ndim(x0) == 1 else out
