"""Source generation: the traced graph of a model's `step` becomes two plain loops over numbers.

Every node of the graph is a vector (one sample; the batch dimension disappears). Values live in one
workspace array, weights in another, so the generated text depends on the architecture only and its
machine code is cached on disk. The Jacobian is carried forward with the values: each node has one
tangent per state, which is exact and needs no second trace.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import fx, nn
from torch.nn import functional


class NotLowerableError(NotImplementedError):
    """The step holds an operation without a compiled form; the rollout then runs in torch."""


_ELEMENTWISE: dict[Any, str] = {
    nn.Tanh: "tanh", torch.tanh: "tanh", "tanh": "tanh", functional.tanh: "tanh",
    nn.Sigmoid: "sigmoid", torch.sigmoid: "sigmoid", "sigmoid": "sigmoid",
    functional.sigmoid: "sigmoid",
    nn.ReLU: "relu", torch.relu: "relu", "relu": "relu", functional.relu: "relu",
    nn.SiLU: "silu", functional.silu: "silu",
    torch.exp: "exp", "exp": "exp",
}  # fmt: skip
# value text and derivative text; `a` is the argument, `y` the value
_FORMS = {
    "tanh": ("tanh(a)", "1.0 - y * y"),
    "sigmoid": ("0.5 + 0.5 * tanh(0.5 * a)", "y * (1.0 - y)"),
    "relu": ("a if a > 0.0 else 0.0", "1.0 if a > 0.0 else 0.0"),
    "silu": ("a * (0.5 + 0.5 * tanh(0.5 * a))", "z + a * z * (1.0 - z)"),
    "exp": ("math.exp(a)", "y"),
}
_BINARY: dict[Any, str] = {
    operator.add: "+", torch.add: "+", "add": "+", operator.sub: "-", torch.sub: "-", "sub": "-",
    operator.mul: "*", torch.mul: "*", "mul": "*",
    operator.truediv: "/", torch.div: "/", "div": "/",
}  # fmt: skip


@dataclass
class _Value:
    """Where a node's vector lives: workspace offset, or weight offset for a constant."""

    offset: int
    size: int
    constant: bool = False


@dataclass
class Program:
    """Generated text of one step, and the constants it reads."""

    value_lines: list[str] = field(default_factory=list)
    jacobian_lines: list[str] = field(default_factory=list)
    weights: list[np.ndarray] = field(default_factory=list)
    n_weights: int = 0
    n_workspace: int = 0
    output: int = 0

    def constant(self, array: np.ndarray) -> int:
        """Store an array among the weights; returns its offset."""
        flat = np.ascontiguousarray(array, dtype=float).reshape(-1)
        self.weights.append(flat)
        self.n_weights += flat.size
        return self.n_weights - flat.size

    def room(self, size: int) -> int:
        """Reserve workspace; returns its offset."""
        self.n_workspace += size
        return self.n_workspace - size

    def emit(self, *lines: str, tangent: tuple[str, ...] = ()) -> None:
        """Append value lines, and tangent lines that follow them in the Jacobian."""
        self.value_lines += lines
        self.jacobian_lines += [*lines, *tangent]


class _Step(nn.Module):
    """A root module whose forward is the wrapped model's step, for tracing."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, carry: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
        return self.model.step(carry, q)  # type: ignore[operator]


def lower(model: nn.Module, n_carry: int, n_parameters: int) -> Program:
    """Generate the program of one scaled step.

    Workspace layout: [carry (n_carry) | q (n_parameters) | nodes ...]; tangents of entry i with
    respect to the carry are t[i * n_carry : (i + 1) * n_carry].

    Raises:
        NotLowerableError: naming the operation that has no compiled form.
    """
    try:
        traced = fx.symbolic_trace(_Step(model))
    except Exception as error:  # tracing runs the model's own code: anything may come
        msg = f"the step could not be traced: {error}"
        raise NotLowerableError(msg) from error
    program = Program(n_workspace=n_carry + n_parameters)
    sizes = [n_carry, n_parameters]
    values: dict[fx.Node, Any] = {}
    for node in traced.graph.nodes:
        if node.op == "placeholder":
            n = len(values)
            values[node] = _Value(sum(sizes[:n]), sizes[n])
        elif node.op == "get_attr":
            target: Any = traced
            for part in node.target.split("."):
                target = getattr(target, part)
            array = target.detach().numpy()
            values[node] = _Value(program.constant(array), array.size, constant=True)
        elif node.op == "output":
            program.output = _materialise(program, values[node.args[0]], n_carry).offset
        else:
            module = traced.get_submodule(node.target) if node.op == "call_module" else None
            key = type(module) if module is not None else node.target
            args = [values.get(a, a) if isinstance(a, fx.Node) else a for a in node.args]
            values[node] = _node(program, key, module, args, node, values, n_carry)
    return program


def _node(
    program: Program,
    key: Any,
    module: nn.Module | None,
    args: list[Any],
    node: fx.Node,
    values: dict[fx.Node, Any],
    d: int,
) -> _Value:
    if isinstance(module, nn.Linear):
        bias = None if module.bias is None else module.bias.detach().numpy()
        return _linear(program, args[0], module.weight.detach().numpy(), bias, d)
    if isinstance(module, nn.Identity):
        return args[0]
    if key in _ELEMENTWISE:
        return _elementwise(program, _ELEMENTWISE[key], args[0], d)
    if key in _BINARY:
        return _binary(program, _BINARY[key], args[0], args[1], d)
    if key in (operator.neg, torch.neg, "neg"):
        return _binary(program, "*", args[0], -1.0, d)
    if key in (torch.cat, torch.concat):
        parts, dim = node.args[0], node.args[1] if len(node.args) > 1 else node.kwargs.get("dim", 0)
        if dim in (1, -1):
            return _cat(program, [values[p] for p in parts], d)  # type: ignore[union-attr,index]
    if key is operator.getitem and isinstance(args[0], _Value):
        return _slice(program, args[0], args[1], d)
    msg = f"no compiled form of {getattr(key, '__name__', key)!r} in the step"
    raise NotLowerableError(msg)


def _ref(value: _Value, index: str = "i") -> str:
    at = index if value.size > 1 or value.offset == 0 else "0"
    at = "0" if value.size == 1 else at
    return f"{'w' if value.constant else 's'}[{value.offset} + {at}]"


def _tangent(value: _Value, d: int, index: str = "i") -> str:
    at = "0" if value.size == 1 else index
    return f"t[({value.offset} + {at}) * {d} + k]"


def _loop(size: int, *body: str) -> list[str]:
    return [f"for i in range({size}):", *(f"    {line}" for line in body)]


def _tangent_loop(size: int, d: int, expression: str, target: int, *before: str) -> list[str]:
    return _loop(
        size,
        *before,
        f"for k in range({d}):",
        f"    t[({target} + i) * {d} + k] = {expression}",
    )


def _linear(
    program: Program, x: _Value, weight: np.ndarray, bias: np.ndarray | None, d: int
) -> _Value:
    n_out, n_in = weight.shape
    x = _materialise(program, x, d)
    # transposed, so that the inner loop runs over contiguous outputs and vectorises without
    # reordering any sum
    w = program.constant(weight.T)
    b = program.constant(np.zeros(n_out) if bias is None else bias)
    y = program.room(n_out)
    lines = _loop(n_out, f"s[{y} + i] = w[{b} + i]")
    lines += [
        f"for j in range({n_in}):",
        f"    a = s[{x.offset} + j]",
        f"    for i in range({n_out}):",
        f"        s[{y} + i] += w[{w} + j * {n_out} + i] * a",
    ]
    tangent = [
        f"for i in range({n_out * d}):",
        f"    t[{y * d} + i] = 0.0",
        f"for j in range({n_in}):",
        f"    for i in range({n_out}):",
        f"        a = w[{w} + j * {n_out} + i]",
        f"        for k in range({d}):",
        f"            t[({y} + i) * {d} + k] += a * t[({x.offset} + j) * {d} + k]",
    ]
    program.emit(*lines, tangent=tuple(tangent))
    return _Value(y, n_out)


def _elementwise(program: Program, name: str, x: _Value, d: int) -> _Value:
    x = _materialise(program, x, d)
    y = program.room(x.size)
    value, slope = _FORMS[name]
    lines = _loop(x.size, f"a = s[{x.offset} + i]", f"s[{y} + i] = {value}")
    before = [f"a = s[{x.offset} + i]", f"y = s[{y} + i]"]
    if "z" in slope:
        before.append("z = 0.5 + 0.5 * tanh(0.5 * a)")
    before.append(f"g = {slope}")
    program.emit(
        *lines, tangent=tuple(_tangent_loop(x.size, d, f"g * {_tangent(x, d)}", y, *before))
    )
    return _Value(y, x.size)


def _binary(program: Program, op: str, left: Any, right: Any, d: int) -> _Value:
    operands = []
    for side in (left, right):
        if isinstance(side, int | float):
            operands.append(_Value(program.constant(np.array([float(side)])), 1, constant=True))
        elif isinstance(side, _Value):
            operands.append(side)
        else:
            msg = f"no compiled form of an operand of type {type(side).__name__}"
            raise NotLowerableError(msg)
    a, b = operands
    size = max(a.size, b.size)
    if size not in (a.size * b.size, a.size, b.size) or (
        a.size != b.size and 1 not in (a.size, b.size)
    ):
        msg = f"operands of sizes {a.size} and {b.size} do not broadcast"
        raise NotLowerableError(msg)
    y = program.room(size)
    ra, rb = _ref(a), _ref(b)
    ta = "0.0" if a.constant else _tangent(a, d)
    tb = "0.0" if b.constant else _tangent(b, d)
    slope = {
        "+": f"{ta} + {tb}",
        "-": f"{ta} - {tb}",
        "*": f"{ta} * {rb} + {ra} * {tb}",
        "/": f"({ta} - {ra} / {rb} * {tb}) / {rb}",
    }[op]
    program.emit(
        *_loop(size, f"s[{y} + i] = {ra} {op} {rb}"),
        tangent=tuple(_tangent_loop(size, d, slope, y)),
    )
    return _Value(y, size)


def _copy(
    program: Program, x: _Value, y: int, d: int, start: int = 0, size: int | None = None
) -> None:
    size = x.size if size is None else size
    source = _Value(x.offset + start, max(size, 2), x.constant)
    tangent = "0.0" if x.constant else f"t[({x.offset + start} + i) * {d} + k]"
    program.emit(
        *_loop(size, f"s[{y} + i] = {_ref(source)}"),
        tangent=tuple(_tangent_loop(size, d, tangent, y)),
    )


def _materialise(program: Program, x: _Value, d: int) -> _Value:
    """Copy a constant from the weights into the workspace, where whole vectors are worked on."""
    if not x.constant:
        return x
    y = program.room(x.size)
    _copy(program, x, y, d)
    return _Value(y, x.size)


def _cat(program: Program, parts: list[_Value], d: int) -> _Value:
    size = sum(p.size for p in parts)
    y = program.room(size)
    at = y
    for part in parts:
        _copy(program, part, at, d)
        at += part.size
    return _Value(y, size)


def _slice(program: Program, x: _Value, index: Any, d: int) -> _Value:
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
    y = program.room(stop - start)
    _copy(program, x, y, d, start, stop - start)
    return _Value(y, stop - start)


Lines = Callable[[list[str]], str]


def source(program: Program, d: int, k: int) -> str:
    """Text of a module with ``core`` and ``core_jacobian`` in physical units.

    Weights end with [mean (d) | sd (d) | parameter mid (k) | parameter half-range (k)].
    """
    mean = program.n_weights
    sd, mid, half = mean + d, mean + 2 * d, mean + 2 * d + k
    scale_in = [
        f"for i in range({d}):",
        f"    s[i] = (x[i] - w[{mean} + i]) / w[{sd} + i]",
        f"for i in range({k}):",
        f"    s[{d} + i] = (p[i] - w[{mid} + i]) / w[{half} + i]",
    ]
    # the step is x + increment: leaving and entering scaled units costs one rounding each
    scale_out = [
        f"for i in range({d}):",
        f"    out[i] = w[{mean} + i] + w[{sd} + i] * s[{program.output} + i]",
    ]
    seed = [
        f"for i in range({(d + k) * d}):",
        "    t[i] = 0.0",
        f"for i in range({d}):",
        f"    t[i * {d} + i] = 1.0",
    ]
    jacobian_out = [
        f"for i in range({d}):",
        f"    for k in range({d}):",
        f"        out[i, k] = t[({program.output} + i) * {d} + k] * w[{sd} + i] / w[{sd} + k]",
    ]

    def body(lines: list[str]) -> str:
        return "\n".join(f"    {line}" for line in lines)

    return "\n".join(
        [
            '"""Generated from the traced step of a surrogate; do not edit."""',
            "import math",
            "from numba import njit, types",
            "from snnsurrogate.surrogate._fastmath import FLAGS, tanh",
            "CACHE = '__file__' in globals()",
            "V = types.float64[::1]",
            "M = types.float64[:, ::1]",
            "W = types.Array(types.float64, 1, 'C', readonly=True)",
            "",
            "@njit(types.void(V, V, W, V, V), cache=CACHE, nogil=True, fastmath=FLAGS,",
            "      error_model='numpy')",
            "def core(x, p, w, s, out):",
            body([*scale_in, *program.value_lines, *scale_out]),
            "",
            "@njit(types.void(V, V, W, V, V, M), cache=CACHE, nogil=True, error_model='numpy')",
            "def core_jacobian(x, p, w, s, t, out):",
            body([*scale_in, *seed, *program.jacobian_lines, *jacobian_out]),
            "",
        ]
    )
