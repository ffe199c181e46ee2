"""From a trained module to a compiled kernel in physical units, with its exact Jacobian."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numba
import numpy as np

from snnsurrogate._cache import import_source
from snnsurrogate.kernels import F_SIGNATURE, JAC_SIGNATURE, Kernel
from snnsurrogate.surrogate._emission import LANES
from snnsurrogate.surrogate._fastmath import aligned
from snnsurrogate.surrogate._lowering import NotLowerableError, lower
from snnsurrogate.surrogate._program import PAD
from snnsurrogate.surrogate._random import BLOCK, drawn, normals
from snnsurrogate.surrogate._recording import record
from snnsurrogate.surrogate._source import padded, rollout_source, step_source
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
    module = import_source(step_source(program, d, k))
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


@dataclass(frozen=True)
class Rollout:
    """Free runs of a stochastic step, single precision.

    A run takes ``(x, p, key, start, skip, columns, form, out, clipped)``: ``x`` (state,) float32
    physical state, replaced by the last one; ``p`` (parameter,) physical; ``key`` of the sample's
    random numbers; ``start`` number of the first step in its stream; ``skip`` steps before the
    first record; ``columns`` states to record, in the ``form`` that `_recording.record` describes;
    ``out`` (column, record) float32; ``clipped`` (state,) int64, to which the clipped steps of
    every state are added.

    Attributes:
        one: runs one sample.
        several: runs at most `_emission.LANES` samples at once: all arrays but ``columns`` with a
            leading axis of samples. The bits are those of the samples alone. None: there is no
            such form.
    """

    one: Callable[..., None]
    several: Callable[..., None] | None


def compile_rollout(
    module: nn.Module, scaling: Scaling, low: np.ndarray, high: np.ndarray
) -> Rollout:
    """Compiled free runs of a stochastic step.

    Args:
        module: with ``noise``, the number of standard normals its step takes.
        scaling: physical units to scaled coordinates.
        low: (state,) lowest scaled state; lower ones are clipped.
        high: (state,) highest scaled state.

    Raises:
        NotLowerableError: when the step holds an operation without a compiled form.
    """
    d, k, n = len(scaling.mean), len(scaling.mid), int(module.noise)  # type: ignore[arg-type]
    program = lower(module, d, k, n)
    compiled = import_source(rollout_source(program, d, k, n))
    tables = [scaling.mean, scaling.sd, scaling.mid, scaling.half, low, high]
    tables = [np.pad(table, (0, padded(len(table)) - len(table))) for table in tables]
    numbers = np.concatenate([*program.weights, *tables])
    weights = aligned(numbers.size + PAD)
    weights[: numbers.size] = numbers

    def one(x, p, *rest):  # type: ignore[no-untyped-def]
        compiled.rollout(x, p, weights, *rest)

    def several(x, p, *rest):  # type: ignore[no-untyped-def]
        compiled.rollout_lanes(x, p, weights, *rest)

    return Rollout(one, several)


def torch_rollout(
    module: nn.Module, scaling: Scaling, low: np.ndarray, high: np.ndarray
) -> Rollout:
    """The same as `compile_rollout` by calls of the torch module, with the same random numbers."""
    import torch

    dtype = next(module.parameters()).dtype
    n = int(module.noise)  # type: ignore[arg-type]
    lowest, highest = (torch.as_tensor(a, dtype=dtype) for a in (low, high))
    mean, sd = scaling.mean.astype(np.float32), scaling.sd.astype(np.float32)

    def one(x, p, key, start, skip, columns, form, out, clipped):  # type: ignore[no-untyped-def]
        block, z = -1, np.empty(drawn(n), dtype=np.float32)
        k0, k1 = np.full(LANES, key[0]), np.full(LANES, key[1])
        carry = torch.as_tensor(scaling.states(x), dtype=dtype)[None]
        q = torch.as_tensor(scaling.parameters(p), dtype=dtype)[None]
        with torch.no_grad():
            for step in range(skip + out.shape[1]):
                now, at = divmod(start + step, BLOCK)
                if now != block:
                    normals(k0, k1, False, np.uint32(now), z)
                    block = now
                noise = torch.as_tensor(z[at * n : (at + 1) * n].copy(), dtype=dtype)[None]
                free = module.step(carry, q, noise)  # type: ignore[operator]
                carry = torch.minimum(torch.maximum(free, lowest), highest)
                clipped += (carry != free)[0].numpy()
                if step >= skip:
                    state = carry[0].float().numpy()
                    record(state, 0, 1, 0, 0, 1, mean, sd, columns, form, out, step - skip)
        x[:] = scaling.mean + scaling.sd * carry[0].double().numpy()

    return Rollout(one, None)


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
