"""The right-hand side of a system in torch, derived from the same equation text as the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from snnsurrogate.systems import get
from snnsurrogate.systems._codegen import rhs_source

if TYPE_CHECKING:
    from torch import Tensor

    from snnsurrogate.systems import System


def torch_rhs(system: System | str) -> Callable[..., Tensor]:
    """Differentiable ``rhs(x, p=None)`` of a system.

    Args:
        system: a system or its registered name.

    Returns:
        A function of states x (..., state) in declared units and of parameters, name -> value or
        tensor broadcastable to ``x[..., 0]`` (missing = default); it gives dx/dt (..., state) in
        state unit per time unit, of the dtype of x, with gradients to both.

    Raises:
        ValueError: unknown system; the returned function: unknown parameter.
    """
    import torch

    model = get(system) if isinstance(system, str) else system
    names: dict[str, Any] = {"torch": torch, "exprel": _exprel}
    exec(compile(rhs_source(model._derived, "torch"), f"<{model.name}>", "exec"), names)
    generated = names["rhs"]

    def rhs(x: Tensor, p: Mapping[str, Any] | None = None) -> Tensor:
        for name in p or {}:
            model.parameter(name)
        values = model.defaults | dict(p or {})
        vector = [
            torch.as_tensor(values[name], dtype=x.dtype, device=x.device)
            for name in model.parameter_names
        ]
        return torch.stack(torch.broadcast_tensors(*generated(x.unbind(-1), vector)), -1)

    return rhs


def _exprel(x: Tensor) -> Tensor:
    """(exp(x) - 1) / x; near zero its series, whose gradient is finite too."""
    import torch

    near = x.abs() < 1e-3
    safe = torch.where(near, torch.ones_like(x), x)
    small = torch.where(near, x, torch.zeros_like(x))
    series = 1 + small / 2 * (1 + small / 3 * (1 + small / 4 * (1 + small / 5)))
    return torch.where(near, series, torch.expm1(safe) / safe)
