"""Machine code of one stochastic step, from the operations of a lowered program.

Two forms of the same operations, with the same bits as result (`_vectors`):

- ``over_units``: one sample; a node's vector lives in registers, its units side by side.
- ``over_lanes`` (in `_lanes`): `LANES` samples at once; every number is a vector over samples.

An operation is a tuple ("linear" | "map" | "binary" | "fma" | "join", offset of the result, its
size, ...), see `_program`; operands are ("s", offset, size) of the workspace, ("w", offset, size)
of the weights, or numbers.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from snnsurrogate.surrogate._program import PAD
from snnsurrogate.surrogate._vectors import Vector, pointer

__all__ = [
    "LANES", "Form", "Operation", "Step", "as_intrinsic", "chained", "compute", "over_units",
    "pointers",
]  # fmt: skip

LANES = 16  # samples that a batch computes together
_CHAINS = 4  # sums of a linear layer run in so many chains of dependent instructions
_SIGNS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}

Operation = tuple[Any, ...]


@dataclass(frozen=True)
class Step:
    """What the machine code of a step needs to know.

    Attributes:
        operations: in order.
        states: size of the carry, which lies at offset 0 of the workspace.
        noise: (offset, size) of the random numbers.
        output: offset of the carry after the step.
        bounds: offsets of lowest and highest carry among the weights.
    """

    operations: tuple[Operation, ...]
    states: int
    noise: tuple[int, int]
    output: int
    bounds: tuple[int, int]


def _width(n: int) -> int:
    """Elements of the register that holds a vector of n units."""
    return 4 if n <= 4 else 8 if n <= 8 else -(-n // PAD) * PAD


def compute(kind: str, arguments: list[Any], name: str) -> Vector:
    """Value of an operation on vectors and numbers."""
    one = next(a for a in arguments if isinstance(a, Vector))
    arguments = [a if isinstance(a, Vector) else one.number(a) for a in arguments]
    if kind == "map":
        return arguments[0].apply(name)  # type: ignore[no-any-return]
    a, b = arguments[0], arguments[1]
    if kind == "fma":
        return a.fma(b, arguments[2])  # type: ignore[no-any-return]
    return _SIGNS[name](a, b)  # type: ignore[no-any-return]


def chained(
    terms: int, product: Callable[[int, int, Vector | None], Vector], first: list[Vector]
) -> list[Vector]:
    """Sums of products, each in chains over every fourth input; the same order in both forms.

    ``product(j, t, chain)`` adds input j of sum t to a chain. The sums advance together, so that
    an input is read once.
    """
    count = min(_CHAINS, terms)
    sums: list[list[Any]] = [[x, *[None] * (count - 1)] for x in first]
    for j in range(terms):
        for t, chains in enumerate(sums):
            chains[j % count] = product(j, t, chains[j % count])
    return [_total(chains) for chains in sums]


def _total(chains: list[Vector]) -> Vector:
    """Sum of neighbours, of their sums, and so on."""
    while len(chains) > 1:
        pairs = [chains[i : i + 2] for i in range(0, len(chains), 2)]
        chains = [p[0] + p[1] if len(p) == 2 else p[0] for p in pairs]
    return chains[0]


class Form:
    """Loads and stores both forms share."""

    def __init__(self, builder: ir.IRBuilder) -> None:
        self.builder = builder

    def load(self, base: ir.Value, at: Any, size: int) -> Vector:
        loaded = self.builder.load(pointer(self.builder, base, at, size), align=4)
        return Vector(self.builder, loaded)

    def store(self, x: Vector, base: ir.Value, at: Any) -> None:
        self.builder.store(x.value, pointer(self.builder, base, at, x.size), align=4)

    def broadcast(self, base: ir.Value, at: Any, size: int) -> Vector:
        """One number of memory in all elements."""
        b = self.builder
        if isinstance(at, int):
            at = ir.Constant(ir.IntType(64), at)
        number = b.load(b.gep(base, [at]), align=4)
        kind = ir.VectorType(ir.FloatType(), size)
        single = b.insert_element(ir.Constant(kind, ir.Undefined), number, ir.IntType(32)(0))
        return Vector(b, single).shuffled(Vector(b, single), [0] * size)

    def counted(self, changed: ir.Value, base: ir.Value, at: int) -> None:
        """Add a comparison to counters (int32)."""
        b, kind = self.builder, ir.VectorType(ir.IntType(32), changed.type.count)
        place = b.bitcast(b.gep(base, [ir.IntType(64)(at)]), ir.PointerType(kind))
        b.store(b.add(b.load(place, align=4), b.zext(changed, kind)), place, align=4)


def pointers(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> list[ir.Value]:
    """Data pointers of arrays, other arguments as they are."""
    return [
        context.make_array(kind)(context, builder, value).data
        if isinstance(kind, types.Array)
        else value
        for kind, value in zip(signature.args, args, strict=True)
    ]


def as_intrinsic(generate: Any) -> Any:
    @intrinsic
    def advance(typing_context, s, w, z, iz, out, io, clipped):  # type: ignore[no-untyped-def]
        return types.void(s, w, z, types.int64, out, types.int64, clipped), generate

    return advance


class _Units(Form):
    def __init__(
        self, builder: ir.IRBuilder, step: Step, s: ir.Value, w: ir.Value, z: ir.Value
    ) -> None:
        super().__init__(builder)
        self.s, self.w, self.z, self.noise = s, w, z, step.noise
        self.places: dict[int, tuple[Vector, int]] = {}  # workspace offset -> register, element
        self.spilled: dict[int, tuple[ir.Value, Vector]] = {}

    def _memory(self, at: int) -> tuple[ir.Value, int]:
        begin, size = self.noise
        return (self.z, at - begin) if begin <= at < begin + size else (self.s, at)

    def keep(self, x: Vector, at: int, n: int) -> None:
        self.places.update({at + i: (x, i) for i in range(n)})

    def vector(self, operand: Any, width: int) -> Any:
        """An operand in one register of the given width; a single number in all its elements."""
        if not isinstance(operand, tuple):
            return operand
        kind, at, n = operand
        if kind == "w":
            return (self.broadcast if n == 1 < width else self.load)(self.w, at, width)
        if at not in self.places:
            base, at = self._memory(at)
            return (self.broadcast if n == 1 < width else self.load)(base, at, width)
        wanted = [self.places[at + (0 if n == 1 else min(i, n - 1))] for i in range(width)]
        return self._gathered(wanted)

    def _gathered(self, wanted: list[tuple[Vector, int]]) -> Vector:
        sources: list[Vector] = []
        for x, _ in wanted:
            if not any(x is known for known in sources):
                sources.append(x)
        made = sources[0]
        if len(sources) == 1 and [i for _, i in wanted] == list(range(made.size)):
            return made
        made = made.shuffled(made, [i if x is made else 0 for x, i in wanted])
        for source in sources[1:]:
            wide = source.shuffled(source, [i if x is source else 0 for x, i in wanted])
            where = [len(wanted) * (x is source) + i for i, (x, _) in enumerate(wanted)]
            made = made.shuffled(wide, where)
        return made

    def element(self, at: int, width: int) -> Vector:
        """One unit in all elements, read back from memory: cheaper than a permutation."""
        if at not in self.places:
            return self.broadcast(*self._memory(at), width)
        x, i = self.places[at]
        if id(x) not in self.spilled:
            room = cgutils.alloca_once(self.builder, ir.ArrayType(ir.FloatType(), x.size))
            room = self.builder.bitcast(room, ir.PointerType(ir.FloatType()))
            self.store(x, room, 0)
            # keeps the compiler from turning the loads that follow into permutations
            nothing = ir.FunctionType(ir.VoidType(), [room.type])
            self.builder.asm(nothing, "", "r,~{memory}", [room], side_effect=True)
            self.spilled[id(x)] = (room, x)
        return self.broadcast(self.spilled[id(x)][0], i, width)

    def run(self, operation: Operation) -> None:
        kind, y, n, *rest = operation
        if kind == "join":
            for part in rest[0]:
                x = self.vector(part, _width(part[2]))
                self.keep(x, y, part[2])
                y += part[2]
            return
        width = _width(n)
        if kind == "linear":
            x, n_in, w, bias, stride = rest

            def product(j: int, _: int, chain: Vector | None) -> Vector:
                column = self.load(self.w, w + j * stride, width)
                unit = self.element(x + j, width)
                return column * unit if chain is None else column.fma(unit, chain)

            self.keep(chained(n_in, product, [self.load(self.w, bias, width)])[0], y, n)
            return
        name, taken = rest[-1], rest[:-1]
        self.keep(compute(kind, [self.vector(o, width) for o in taken], name), y, n)


def over_units(step: Step) -> Any:
    """``advance(s, w, z, iz, out, io, clipped)``: one step of one sample.

    ``s`` workspace, carry first; ``w`` weights; ``z`` random numbers, those of the step from
    ``iz`` on; the carry after the step replaces the one in ``s`` and is copied to ``out`` from
    ``io`` on; ``clipped`` (int32) counts elements that were clipped. All padded.
    """

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        s, w, z, iz, out, io, clipped = pointers(context, builder, signature, args)
        form = _Units(builder, step, s, w, builder.gep(z, [iz]))
        width = _width(step.states)
        for operation in step.operations:
            form.run(operation)
        free = form.vector(("s", step.output, step.states), width)
        carry = free.clip(*(form.load(w, at, width) for at in step.bounds))
        form.counted(builder.fcmp_unordered("!=", free.value, carry.value), clipped, 0)
        form.store(carry, s, 0)
        form.store(carry, out, io)
        return context.get_dummy_value()

    return as_intrinsic(generate)
