"""Families through one trained map: its own input, or a random direction in its place.

A map that was trained at one constant value of an input has no reason to depend on it in any
particular way: the data fix the sum of the first layer's bias and the input's column, the column
itself is what it was drawn as. These families say what any other direction would have shown.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from snnsurrogate._names import suggestion
from snnsurrogate.kernels import integrate
from snnsurrogate.surrogate.surrogate import Surrogate

__all__ = ["KINDS", "parameter_of", "trained_value", "unfolding"]

KINDS = ("input", "bias", "output")
_STEPS = 5000


def parameter_of(surrogate: Surrogate, name: str | None) -> int:
    """Position of the parameter that is varied: by name, or the only one.

    Raises:
        ValueError: unknown, or none of several chosen.
    """
    known = surrogate.parameters
    if name is None and len(known) == 1:
        return 0
    if name in known:
        return known.index(name)
    hint = suggestion(str(name), known)
    msg = f"parameter={name!r}; {surrogate!r} has {', '.join(known) or 'no parameters'}.{hint}"
    raise ValueError(msg)


def trained_value(surrogate: Surrogate, name: str | None = None) -> float:
    """Value of a parameter in the middle of the training data: of a constant one, its value."""
    low, high = surrogate.box[surrogate.parameters[parameter_of(surrogate, name)]]
    return 0.5 * (low + high)


def unfolding(
    surrogate: Surrogate,
    kind: str,
    *,
    parameter: str | None = None,
    at: float | None = None,
    start: Any = None,
    seed: int = 0,
) -> Surrogate:
    """A family through the trained map, in the parameter's own name and range.

    All families hold the trained map itself at the value ``at``. Away from it

    - "input": the trained map under its own input (the surrogate as it is);
    - "bias": the bias of the first layer moves along a random direction as long as the input's
      column, instead of along that column;
    - "output": a constant is added to every step, along a random direction; its size is such that
      a small change of the parameter changes a step as much as under the trained input (root mean
      square over 5000 steps from ``start``, in standard deviations of the increments).

    Args:
        surrogate: a deterministic map whose first linear layer takes (states, parameters).
        kind: see above.
        parameter: the one varied; default the only one.
        at: where the families meet; default the middle of the training data.
        start: (state,) latent or physical state on the attractor; "output" needs it.
        seed: of the direction.

    Returns:
        A surrogate to run, not to save: its card is that of the trained one.

    Raises:
        ValueError: unknown kind or parameter, a model without such a layer, no start.
    """
    if kind not in KINDS:
        msg = f"kind={kind!r}; expected one of {', '.join(KINDS)}.{suggestion(kind, KINDS)}"
        raise ValueError(msg)
    j = parameter_of(surrogate, parameter)
    value = trained_value(surrogate, parameter) if at is None else float(at)
    q = float((value - surrogate.scaling.mid[j]) / surrogate.scaling.half[j])
    if kind == "input":
        return surrogate
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    module: Any = copy.deepcopy(surrogate.module)
    if kind == "bias":
        _turn(surrogate, module, j, q, rng)
    else:
        _push(surrogate, module, j, q, value, start, rng)
    return Surrogate(surrogate.model, module, surrogate.scaling, surrogate.card)


def _turn(surrogate: Surrogate, module: Any, j: int, q: float, rng: np.random.Generator) -> None:
    """Another column for the input, of the same norm; the map at q stays as it is."""
    import torch
    from torch import nn

    width = len(surrogate.states) + len(surrogate.parameters)
    layers = (m for m in module.modules() if isinstance(m, nn.Linear) and m.in_features == width)
    first = next(layers, None)
    if first is None or first.bias is None:
        msg = (
            f"{surrogate!r} has no linear layer with bias over its {width} states and parameters; "
            "only a map that begins with one has a bias direction"
        )
        raise ValueError(msg)
    with torch.no_grad():
        column = first.weight[:, len(surrogate.states) + j].clone()
        other = torch.as_tensor(rng.standard_normal(len(column)), dtype=column.dtype)
        other *= column.norm() / other.norm()
        first.weight[:, len(surrogate.states) + j] = other
        first.bias.add_((column - other) * q)


def _push(
    surrogate: Surrogate, module: Any, j: int, q: float, value: float, start: Any,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    """A constant beside every step, in proportion to the input's distance from q."""
    import torch

    if start is None:
        msg = "an output bias is sized on the attractor; give start, a state on it"
        raise ValueError(msg)
    kernel, scaling = surrogate.kernel(), surrogate.scaling
    p = kernel.parameter_matrix({surrogate.parameters[j]: value}, 1)
    x = integrate(kernel, np.atleast_2d(np.asarray(start, dtype=float)), p, n_steps=_STEPS)[0]
    unit = np.diff(x, axis=0).std(axis=0)
    if not (np.isfinite(unit).all() and (unit > 1e-8 * scaling.sd).all()):
        msg = f"the run from start={start!r} rests or diverges; give a state of a moving attractor"
        raise ValueError(msg)
    near = p[0].copy()
    near[j] += 1e-3 * scaling.half[j]
    change = [(kernel(u, near) - kernel(u, p[0])) / unit for u in x[:: max(1, len(x) // 400)]]
    size = float(np.sqrt(np.mean(np.square(change)))) / 1e-3
    direction = rng.standard_normal(len(unit))
    direction *= size * np.sqrt(len(unit)) / np.linalg.norm(direction)
    dtype = next(module.parameters()).dtype
    added = torch.as_tensor(direction * unit / scaling.sd, dtype=dtype)
    keep = torch.ones(len(surrogate.parameters), dtype=dtype)
    keep[j] = 0.0
    fixed = q * (1.0 - keep)
    trained = module.step

    def step(carry: Any, inputs: Any) -> Any:
        return trained(carry, inputs * keep + fixed) + (inputs[:, j : j + 1] - q) * added

    module.step = step
