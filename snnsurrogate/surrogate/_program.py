"""Single operations of a lowered step: loops over numbers as text, with tangents, or as records.

A node of a traced step is a vector (one sample; the batch dimension disappears). Values live in one
workspace array ``s``, weights in another, ``w``. A step that has a Jacobian carries it forward with
the values: each entry has one tangent per state. A stochastic step has none; what depends on the
parameters alone is text (``before``), computed once per run, and the step itself a list of records
(``operations``), from which `_emission` makes machine code.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np


class NotLowerableError(NotImplementedError):
    """The step holds an operation without a compiled form; the rollout then runs in torch."""


# value text and derivative text; `a` is the argument, `y` the value
FORMS = {
    "tanh": ("tanh(a)", "ONE - y * y"),
    "sigmoid": ("HALF + HALF * tanh(HALF * a)", "y * (ONE - y)"),
    "relu": ("ZERO if a < ZERO else a", "ONE if a > ZERO else ZERO"),
    "silu": ("a * (HALF + HALF * tanh(HALF * a))", "z + a * z * (ONE - z)"),
    "exp": ("exp(a)", "y"),
    "sqrt": ("math.sqrt(a)", "HALF / y"),
    "square": ("a * a", "a + a"),
    "round_down": ("FLOAT(math.floor(a))", "ONE"),
    "identity": ("a", "ONE"),
}
PAD = 16  # vectors of a stochastic step begin at multiples of it


@dataclass
class Value:
    """Where a node's vector lives: workspace offset, or weight offset for a constant.

    ``fixed``: it depends on the parameters alone. ``number``: it is written in the model's code.
    """

    offset: int
    size: int
    constant: bool = False
    fixed: bool = False
    number: float | None = None


@dataclass
class Program:
    """Generated text of one step, and the constants it reads.

    Attributes:
        tangents: number of tangents per entry; 0 for a stochastic step.
    """

    tangents: int
    before: list[str] = field(default_factory=list)
    operations: list[tuple[Any, ...]] = field(default_factory=list)
    value_lines: list[str] = field(default_factory=list)
    jacobian_lines: list[str] = field(default_factory=list)
    weights: list[np.ndarray] = field(default_factory=list)
    n_weights: int = 0
    n_workspace: int = 0
    output: int = 0

    @property
    def stochastic(self) -> bool:
        """Whether it is the program of a stochastic step."""
        return not self.tangents

    def constant(self, array: Any) -> Value:
        """Store an array among the weights."""
        flat = np.ascontiguousarray(array, dtype=float).reshape(-1)
        at, size = self.n_weights, flat.size
        stored = np.zeros(self._padded(size))
        stored[:size] = flat
        self.weights.append(stored)
        self.n_weights += stored.size
        return Value(at, size, constant=True, fixed=True)

    def number(self, x: float) -> Value:
        """Store a number of the model's code."""
        return replace(self.constant([x]), number=x)

    def room(self, size: int, fixed: bool = False) -> Value:
        """Reserve workspace."""
        at = self.n_workspace
        self.n_workspace += self._padded(size)
        return Value(at, size, fixed=fixed and self.stochastic)

    def _padded(self, size: int) -> int:
        return -(-size // PAD) * PAD if self.stochastic else size

    def emit(
        self, target: Value, record: tuple[Any, ...], *lines: str, tangent: tuple[str, ...] = ()
    ) -> None:
        """Append what computes a value: lines, and tangent lines that follow them in the Jacobian.

        ``record`` is the same for a stochastic step: ("map", operand, name), ("binary", operand,
        operand, sign), ("linear", offset of x, inputs, offset of weights, of bias, stride of
        weights) or ("join", operands), without offset and size of the result.
        """
        if target.fixed:
            self.before += lines
            return
        if self.stochastic:
            self.operations.append((record[0], target.offset, target.size, *record[1:]))
            return
        self.value_lines += lines
        if self.tangents:
            self.jacobian_lines += [*lines, *tangent]

    # --- operations ---

    def linear(self, x: Value, weight: np.ndarray, bias: np.ndarray | None) -> Value:
        """``W x + b``.

        Raises:
            NotLowerableError: a vector of another size than the matrix takes.
        """
        n_out, n_in = weight.shape
        if x.size != n_in:
            msg = f"a linear layer takes {n_in} inputs, got {x.size}"
            raise NotLowerableError(msg)
        d = self.tangents
        x = self.materialise(x)
        # transposed, so that the inner loop runs over contiguous outputs and vectorises without
        # reordering any sum
        stride = self._padded(n_out)
        columns = np.zeros((n_in, stride))
        columns[:, :n_out] = weight.T
        w = self.constant(columns).offset
        b = self.constant(np.zeros(n_out) if bias is None else bias).offset
        y = self.room(n_out, x.fixed)
        lines = _loop(n_out, f"s[{y.offset} + i] = w[{b} + i]")
        lines += [
            f"for j in range({n_in}):",
            f"    a = s[{x.offset} + j]",
            f"    for i in range({n_out}):",
            f"        s[{y.offset} + i] += w[{w} + j * {stride} + i] * a",
        ]
        tangent = (
            f"for i in range({n_out * d}):",
            f"    t[{y.offset * d} + i] = 0.0",
            f"for j in range({n_in}):",
            f"    for i in range({n_out}):",
            f"        a = w[{w} + j * {stride} + i]",
            f"        for k in range({d}):",
            f"            t[({y.offset} + i) * {d} + k] += a * t[({x.offset} + j) * {d} + k]",
        )
        record = ("linear", x.offset, n_in, w, b, stride)
        self.emit(y, record, *lines, tangent=tangent)
        return y

    def elementwise(self, name: str, x: Value) -> Value:
        """A function of every entry, one of `FORMS`."""
        x = self.materialise(x)
        y = self.room(x.size, x.fixed)
        value, slope = FORMS[name]
        lines = _loop(x.size, f"a = s[{x.offset} + i]", f"s[{y.offset} + i] = {value}")
        before = [f"a = s[{x.offset} + i]", f"y = s[{y.offset} + i]"]
        if "z" in slope:
            before.append("z = HALF + HALF * tanh(HALF * a)")
        before.append(f"g = {slope}")
        tangent = self._tangents(y, f"g * {self._tangent(x)}", *before)
        self.emit(y, ("map", _operand(x), name), *lines, tangent=tangent)
        return y

    def binary(self, op: str, a: Value, b: Value) -> Value:
        """Arithmetic of two vectors of one size, or of a vector and a number.

        Raises:
            NotLowerableError: sizes that do not broadcast.
        """
        size = max(a.size, b.size)
        if a.size != b.size and 1 not in (a.size, b.size):
            msg = f"operands of sizes {a.size} and {b.size} do not broadcast"
            raise NotLowerableError(msg)
        y = self.room(size, a.fixed and b.fixed)
        ra, rb = _ref(a), _ref(b)
        ta = "0.0" if a.constant else self._tangent(a)
        tb = "0.0" if b.constant else self._tangent(b)
        slope = {
            "+": f"{ta} + {tb}",
            "-": f"{ta} - {tb}",
            "*": f"{ta} * {rb} + {ra} * {tb}",
            "/": f"({ta} - {ra} / {rb} * {tb}) / {rb}",
        }[op]
        self.emit(
            y,
            ("binary", _operand(a), _operand(b), op),
            *_loop(size, f"s[{y.offset} + i] = {ra} {op} {rb}"),
            tangent=self._tangents(y, slope),
        )
        return y

    def concatenate(self, parts: list[Value]) -> Value:
        """Vectors end to end."""
        y = self.room(sum(p.size for p in parts), all(p.fixed for p in parts))
        if self.stochastic and not y.fixed:
            self.emit(y, ("join", tuple(_operand(self.materialise(p)) for p in parts)))
            return y
        at = y.offset
        for part in parts:
            self._copy(part, Value(at, part.size, fixed=y.fixed))
            at += part.size
        return y

    def part(self, x: Value, start: int, stop: int) -> Value:
        """Entries start to stop: no copy, values are never changed."""
        return replace(x, offset=x.offset + start, size=stop - start)

    def materialise(self, x: Value) -> Value:
        """Copy a constant from the weights into the workspace, where vectors are worked on."""
        if not x.constant:
            return x
        y = self.room(x.size, fixed=True)
        self._copy(x, y)
        return y

    def fused(self) -> tuple[tuple[Any, ...], ...]:
        """The records of a stochastic step; a product that one sum alone reads is part of it."""
        read = np.zeros(self.n_workspace, dtype=int)
        for record in self.operations:
            for kind, at, size in operands(record):
                read[at : at + size] += kind == "s"
        read[self.output] += 2  # the result is no part of anything
        products = {
            r[1]: r
            for r in self.operations
            if r[0] == "binary" and r[-1] == "*" and read[r[1] : r[1] + r[2]].max() == 1
        }
        made: dict[int, tuple[Any, ...]] = {}
        for record in self.operations:
            made[record[1]] = record
            if record[0] != "binary" or record[-1] != "+":
                continue
            for term, other in (record[3:5], record[4:2:-1]):
                product = products.get(term[1]) if isinstance(term, tuple) else None
                if product and term[0] == "s" and term[2] == product[2] == record[2]:
                    made[record[1]] = ("fma", *record[1:3], *product[3:5], other, "")
                    del made[product[1]]
                    break
        return tuple(made.values())

    def _copy(self, x: Value, y: Value) -> None:
        line = f"s[{y.offset} + i] = {'w' if x.constant else 's'}[{x.offset} + i]"
        slope = "0.0" if x.constant else f"t[({x.offset} + i) * {self.tangents} + k]"
        self.emit(y, (), *_loop(x.size, line), tangent=self._tangents(y, slope))

    def _tangent(self, value: Value) -> str:
        at = "0" if value.size == 1 else "i"
        return f"t[({value.offset} + {at}) * {self.tangents} + k]"

    def _tangents(self, y: Value, expression: str, *before: str) -> tuple[str, ...]:
        d = self.tangents
        return tuple(
            _loop(
                y.size,
                *before,
                f"for k in range({d}):",
                f"    t[({y.offset} + i) * {d} + k] = {expression}",
            )
        )


def _ref(value: Value) -> str:
    at = "0" if value.size == 1 else "i"
    return f"{'w' if value.constant else 's'}[{value.offset} + {at}]"


def _loop(size: int, *body: str) -> list[str]:
    return [f"for i in range({size}):", *(f"    {line}" for line in body)]


def operands(record: tuple[Any, ...]) -> list[tuple[str, int, int]]:
    """What a record reads from memory: "s" workspace or "w" weights, offset, size."""
    if record[0] == "linear":
        return [("s", record[3], record[4])]
    return [o for o in (record[3] if record[0] == "join" else record[3:]) if isinstance(o, tuple)]


def _operand(value: Value) -> Any:
    """How a record names a value."""
    if value.number is not None:
        return value.number
    return ("w" if value.constant else "s", value.offset, value.size)
