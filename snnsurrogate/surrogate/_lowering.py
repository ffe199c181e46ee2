"""Source generation: the traced graph of a model's `step` becomes plain loops over numbers.

The generated text depends on the architecture only, so that its machine code is cached on disk.
What depends on weights alone is computed here; what depends on the parameters alone once per run,
if the program asks for it.
"""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional

from snnsurrogate.surrogate import _torch_ops
from snnsurrogate.surrogate._program import NotLowerableError as NotLowerableError
from snnsurrogate.surrogate._program import Program, Value

_ELEMENTWISE: dict[Any, str] = {
    nn.Tanh: "tanh", torch.tanh: "tanh", "tanh": "tanh", functional.tanh: "tanh",
    nn.Sigmoid: "sigmoid", torch.sigmoid: "sigmoid", "sigmoid": "sigmoid",
    functional.sigmoid: "sigmoid",
    nn.ReLU: "relu", torch.relu: "relu", "relu": "relu", functional.relu: "relu",
    nn.SiLU: "silu", functional.silu: "silu",
    torch.exp: "exp", "exp": "exp", torch.sqrt: "sqrt", "sqrt": "sqrt",
    torch.square: "square", "square": "square", _torch_ops.round_down: "round_down",
}  # fmt: skip
_BINARY: dict[Any, str] = {
    operator.add: "+", torch.add: "+", "add": "+", operator.sub: "-", torch.sub: "-", "sub": "-",
    operator.mul: "*", torch.mul: "*", "mul": "*",
    operator.truediv: "/", torch.div: "/", "div": "/",
}  # fmt: skip


class _Step(nn.Module):
    """A root module whose forward is the wrapped model's step, for tracing."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, carry: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
        return self.model.step(carry, q)  # type: ignore[operator]


class _NoisyStep(_Step):
    def forward(  # type: ignore[override]
        self, carry: torch.Tensor, q: torch.Tensor, z: torch.Tensor
    ) -> torch.Tensor:
        return self.model.step(carry, q, z)  # type: ignore[operator]


def lower(model: nn.Module, n_carry: int, n_parameters: int, n_noise: int = 0) -> Program:
    """Generate the program of one scaled step.

    Workspace layout: [carry (n_carry) | q (n_parameters) | z (n_noise) | nodes ...]; tangents of
    entry i with respect to the carry are t[i * n_carry : (i + 1) * n_carry]. A step with noise has
    no Jacobian, and what depends on q alone is kept in ``before``.

    Raises:
        NotLowerableError: naming the operation that has no compiled form.
    """
    noisy = n_noise > 0
    try:
        traced = fx.symbolic_trace((_NoisyStep if noisy else _Step)(model))
    except Exception as error:  # tracing runs the model's own code: anything may come
        msg = f"the step could not be traced: {error}"
        raise NotLowerableError(msg) from error
    program = Program(tangents=0 if noisy else n_carry)
    inputs = iter(
        [
            program.room(n_carry),
            program.room(n_parameters, fixed=True),
            program.room(n_noise),
        ]
    )
    values: dict[fx.Node, Any] = {}
    for node in traced.graph.nodes:
        if node.op == "placeholder":
            values[node] = next(inputs)
        elif node.op == "get_attr":
            target: Any = traced
            for part in node.target.split("."):
                target = getattr(target, part)
            values[node] = target.detach()
        elif node.op == "output":
            result = _value(program, values[node.args[0]])
            if result.fixed:
                msg = "the step does not depend on the state"
                raise NotLowerableError(msg)
            program.output = program.materialise(result).offset
        else:
            values[node] = _node(program, traced, node, values)
    return program


def _node(
    program: Program, traced: fx.GraphModule, node: fx.Node, values: dict[fx.Node, Any]
) -> Any:
    module = traced.get_submodule(str(node.target)) if node.op == "call_module" else None
    key: Any = type(module) if module is not None else node.target
    args: list[Any] = [values[a] if isinstance(a, fx.Node) else a for a in node.args]
    if not any(isinstance(values[a], Value) for a in node.all_input_nodes):
        return _folded(node, module, values)
    first = args[0]
    if isinstance(module, nn.Linear):
        bias = None if module.bias is None else module.bias.detach().numpy()
        return program.linear(_value(program, first), module.weight.detach().numpy(), bias)
    if key is functional.linear and _is_constant(args[1]):
        given: Any = args[2] if len(args) > 2 else node.kwargs.get("bias")
        given = values[given] if isinstance(given, fx.Node) else given
        return program.linear(
            _value(program, first), args[1].numpy(), None if given is None else given.numpy()
        )
    if isinstance(module, nn.Identity):
        return first
    if key in _ELEMENTWISE:
        return program.elementwise(_ELEMENTWISE[key], _value(program, first))
    if key in _BINARY:
        return program.binary(_BINARY[key], _value(program, first), _value(program, args[1]))
    if key in (operator.neg, torch.neg, "neg"):
        return program.binary("*", _value(program, first), _value(program, -1.0))
    if key in (torch.cat, torch.concat):
        parts, dim = node.args[0], node.args[1] if len(node.args) > 1 else node.kwargs.get("dim", 0)
        if dim in (1, -1):
            return program.concatenate([_value(program, values[p]) for p in parts])  # type: ignore[union-attr,index]
    if key is operator.getitem and isinstance(first, Value):
        return _slice(program, first, args[1])
    msg = f"no compiled form of {getattr(key, '__name__', key)!r} in the step"
    raise NotLowerableError(msg)


def _is_constant(x: Any) -> bool:
    return isinstance(x, torch.Tensor)


def _folded(node: fx.Node, module: nn.Module | None, values: dict[fx.Node, Any]) -> Any:
    """The result of an operation on weights alone."""
    args: Any = fx.node.map_arg(node.args, values.__getitem__)
    kwargs: Any = fx.node.map_arg(node.kwargs, values.__getitem__)
    with torch.no_grad():
        if module is not None:
            return module(*args, **kwargs)
        if node.op == "call_method":
            return getattr(args[0], str(node.target))(*args[1:], **kwargs)
        return node.target(*args, **kwargs)  # type: ignore[operator]


def _value(program: Program, x: Any) -> Value:
    """Where an operand lives; numbers and weights are stored when they are first used."""
    if isinstance(x, Value):
        return x
    if isinstance(x, torch.Tensor):
        return program.constant(x.detach().numpy())
    if isinstance(x, int | float):
        return program.number(float(x))
    msg = f"no compiled form of an operand of type {type(x).__name__}"
    raise NotLowerableError(msg)


def _slice(program: Program, x: Value, index: Any) -> Value:
    ok = (
        isinstance(index, tuple)
        and len(index) == 2
        and index[0] == slice(None)
        and isinstance(index[1], slice)
        and index[1].step in (None, 1)
    )
    if not ok:
        msg = f"no compiled form of indexing with {index!r}; slice columns as x[:, a:b]"
        raise NotLowerableError(msg)
    start, stop, _ = index[1].indices(x.size)
    return program.part(x, start, stop)
