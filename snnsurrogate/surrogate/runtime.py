"""From a trained module to a compiled kernel in physical units, with its exact Jacobian."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numba
import numpy as np

from snnsurrogate._cache import import_source
from snnsurrogate.kernels import F_SIGNATURE, JAC_SIGNATURE, Kernel
from snnsurrogate.surrogate._lowering import NotLowerableError, lower, source
from snnsurrogate.surrogate.scaling import Scaling

if TYPE_CHECKING:
    from torch import nn


def compile_step(model: nn.Module, scaling: Scaling) -> tuple[Any, Any]:
    """Compiled ``f(x, p, out)`` and ``jac(x, p, out)`` of one step in physical units.

    Machine code of an architecture is cached on disk; a new set of weights compiles only the two
    thin functions that carry them.

    Raises:
        NotLowerableError: when the step holds an operation without a compiled form.
    """
    d, k = len(scaling.mean), len(scaling.mid)
    program = lower(model, d, k)
    module = import_source(source(program, d, k))
    weights = np.concatenate(
        [*program.weights, scaling.mean, scaling.sd, scaling.mid, scaling.half]
    )
    core, core_jacobian = module.core, module.core_jacobian
    n_s, n_t = program.n_workspace, program.n_workspace * d

    @numba.njit(F_SIGNATURE, nogil=True, error_model="numpy")
    def f(x, p, out):  # type: ignore[no-untyped-def]
        core(x, p, weights, np.empty(n_s), out)

    @numba.njit(JAC_SIGNATURE, nogil=True, error_model="numpy")
    def jac(x, p, out):  # type: ignore[no-untyped-def]
        core_jacobian(x, p, weights, np.empty(n_s), np.empty(n_t), out)

    return f, jac


def torch_step(model: nn.Module, scaling: Scaling) -> tuple[Any, Any]:
    """The same two functions as calls of the torch module, for steps that cannot be lowered.

    They are compiled shells around Python, so that every compiled loop takes them.
    """
    import torch

    dtype = next(model.parameters()).dtype

    def scaled(x: torch.Tensor, p: np.ndarray) -> torch.Tensor:
        q = torch.as_tensor((p - scaling.mid) / scaling.half, dtype=dtype)[None]
        y = model.step((x[None] - mean) / sd, q)[0]  # type: ignore[operator]
        return mean + sd * y

    mean, sd = (torch.as_tensor(a, dtype=dtype) for a in (scaling.mean, scaling.sd))

    def call(x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
        with torch.no_grad():
            out[:] = scaled(torch.as_tensor(x, dtype=dtype), p).numpy()

    def slope(x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
        at = torch.as_tensor(x, dtype=dtype)
        out[:] = torch.autograd.functional.jacobian(lambda z: scaled(z, p), at).numpy()

    @numba.njit(F_SIGNATURE)
    def f(x, p, out):  # type: ignore[no-untyped-def]
        with numba.objmode():
            call(x, p, out)

    @numba.njit(JAC_SIGNATURE)
    def jac(x, p, out):  # type: ignore[no-untyped-def]
        with numba.objmode():
            slope(x, p, out)

    return f, jac


def warn_not_lowered(name: str, error: NotLowerableError) -> None:
    """Say once why a rollout is slow."""
    warnings.warn(
        f"{name} runs in torch, some 30 times slower: {error}", RuntimeWarning, stacklevel=3
    )


def map_kernel(f: Any, jac: Any, states: tuple[str, ...], parameters: tuple[str, ...]) -> Kernel:
    """A bare map kernel of unit step and unit box around two compiled functions."""
    d, k = len(states), len(parameters)
    return Kernel(
        kind="map",
        time_step=1.0,
        time_unit="s",
        states=states,
        state_units=("1",) * d,
        parameters=parameters,
        parameter_units=("1",) * k,
        parameter_defaults=np.zeros(k),
        f=f,
        jac=jac,
        low=-np.ones(d),
        high=np.ones(d),
        parameter_low=-np.ones(k),
        parameter_high=np.ones(k),
    )
