"""Machine code of one stochastic step, from the operations of a lowered program.

Two forms of the same operations, with the same bits as result (`_vectors`):

- ``over_units``: one sample; a node's vector lives in registers, its units side by side.
- ``over_lanes``: `LANES` samples at once; every number is a vector over samples.

An operation is a tuple ("linear" | "map" | "binary" | "fma" | "join", offset of the result, its
size, ...), see `_program`; operands are ("s", offset, size) of the workspace, ("w", offset, size)
of the weights, or numbers.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from snnsurrogate.surrogate._program import PAD, operands
from snnsurrogate.surrogate._vectors import Vector, pointer

__all__ = ["LANES", "Step", "lane_rows", "over_lanes", "over_units"]

LANES = 16  # samples that a batch computes together
_CHAINS = 4  # sums of a linear layer run in so many chains of dependent instructions
_TILE = 4  # outputs of a linear layer that lanes compute together
_SIGNS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}
_LOOPED = ("map", "binary", "fma")

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


def _compute(kind: str, arguments: list[Any], name: str) -> Vector:
    """Value of an operation on vectors and numbers."""
    one = next(a for a in arguments if isinstance(a, Vector))
    arguments = [a if isinstance(a, Vector) else one.number(a) for a in arguments]
    if kind == "map":
        return arguments[0].apply(name)  # type: ignore[no-any-return]
    a, b = arguments[0], arguments[1]
    if kind == "fma":
        return a.fma(b, arguments[2])  # type: ignore[no-any-return]
    return _SIGNS[name](a, b)  # type: ignore[no-any-return]


def _chained(
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


class _Form:
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


# --- one sample ---


class _Units(_Form):
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

            self.keep(_chained(n_in, product, [self.load(self.w, bias, width)])[0], y, n)
            return
        name, taken = rest[-1], rest[:-1]
        self.keep(_compute(kind, [self.vector(o, width) for o in taken], name), y, n)


def over_units(step: Step) -> Any:
    """``advance(s, w, z, iz, out, io, clipped)``: one step of one sample.

    ``s`` workspace, carry first; ``w`` weights; ``z`` random numbers, those of the step from
    ``iz`` on; the carry after the step replaces the one in ``s`` and is copied to ``out`` from
    ``io`` on; ``clipped`` (int32) counts elements that were clipped. All padded.
    """

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        s, w, z, iz, out, io, clipped = _pointers(context, builder, signature, args)
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

    return _intrinsic(generate)


# --- many samples ---


def _groups(step: Step) -> list[list[Operation]]:
    """Operations in order; neighbours that one loop over units can compute stand together."""
    groups: list[list[Operation]] = []
    for operation in step.operations:
        group = groups[-1] if groups else []
        if group and _fits(operation, group):
            group.append(operation)
        else:
            groups.append([operation])
    return groups


def _fits(operation: Operation, group: list[Operation]) -> bool:
    if operation[0] not in _LOOPED or group[0][0] not in _LOOPED or operation[2] != group[0][2]:
        return False
    for _, at, n in (r for r in operands(operation) if r[0] == "s"):
        for other in group:
            whole = at == other[1] and n == other[2]
            if not whole and at < other[1] + other[2] and other[1] < at + n:
                return False
    return True


def lane_rows(step: Step) -> tuple[int, list[int]]:
    """Rows of the workspace of many samples, and what is copied to those from ``step.states`` on.

    That is what is computed once per run, as workspace offsets of one sample.
    """
    form = _Lanes(None, step)
    return form.n_rows, form.fixed


class _Lanes(_Form):
    def __init__(self, builder: ir.IRBuilder | None, step: Step) -> None:
        super().__init__(builder)
        self.step, self.groups = step, _groups(step)
        d = step.states
        self.rows = {i: i for i in range(d)}  # workspace offset -> row
        made = {o[1] + i for o in step.operations for i in range(o[2])}
        begin, size = step.noise
        self.fixed = sorted(
            {
                at + i
                for o in step.operations
                for kind, at, n in operands(o)
                for i in range(n)
                if kind == "s" and at + i >= d and not begin <= at + i < begin + size
            }
            - made
        )
        self.rows |= {at: d + i for i, at in enumerate(self.fixed)}
        self.n_rows = d + len(self.fixed)
        self.outside = {id(o): self._needed(o, group) for group in self.groups for o in group}
        for group in self.groups:
            for o in group:
                if o[0] == "join" or self.outside[id(o)]:
                    self.rows |= {o[1] + i: self.n_rows + i for i in range(o[2])}
                    self.n_rows += o[2]

    def _needed(self, operation: Operation, group: list[Operation]) -> bool:
        begin, end = operation[1], operation[1] + operation[2]

        def within(at: int, n: int) -> bool:
            return at < end and begin < at + n

        readers = (o for other in self.groups if other is not group for o in other)
        return within(self.step.output, self.step.states) or any(
            kind == "s" and within(at, n) for o in readers for kind, at, n in operands(o)
        )

    def bind(self, v: ir.Value, w: ir.Value, z: ir.Value) -> None:
        self.v, self.w, self.z = v, w, z

    def _place(self, at: int, i: Any) -> tuple[ir.Value, Any]:
        """Memory of unit ``at + i`` of all samples, i a number or a value."""
        begin, size = self.step.noise
        noise = begin <= at < begin + size
        base, row = (self.z, at - begin) if noise else (self.v, self.rows[at])
        if isinstance(i, int):
            return base, (row + i) * LANES
        b, word = self.builder, ir.IntType(64)
        return base, b.mul(b.add(i, word(row)), word(LANES))

    def read(self, operand: Any, i: Any) -> Any:
        """Unit i of an operand for all samples."""
        if not isinstance(operand, tuple):
            return operand
        kind, at, n = operand
        i = 0 if n == 1 else i
        if kind == "w":
            where = at + i if isinstance(i, int) else self.builder.add(i, ir.IntType(64)(at))
            return self.broadcast(self.w, where, LANES)
        return self.load(*self._place(at, i), LANES)

    def loop(self, n: int, body: Callable[[Any], None]) -> None:
        if n == 1:
            body(0)
            return
        with cgutils.for_range(self.builder, ir.IntType(64)(n)) as loop:
            body(loop.index)

    def run(self, group: list[Operation]) -> None:
        kind, y, n, *rest = group[0]
        if kind == "join":
            for part in rest[0]:
                self._copy(part, y)
                y += part[2]
        elif kind == "linear":
            tiles = n // _TILE
            if tiles:
                word = ir.IntType(64)
                self.loop(tiles, lambda t: self._linear(y, rest, self._times(t, word), _TILE))
            if n % _TILE:
                self._linear(y, rest, tiles * _TILE, n % _TILE)
        else:
            self.loop(n, lambda i: self._elementwise(group, i))

    def _copy(self, part: Any, y: int) -> None:
        self.loop(part[2], lambda i: self._write(y, i, self.read(part, i)))

    def _times(self, t: Any, word: ir.IntType) -> Any:
        return t * _TILE if isinstance(t, int) else self.builder.mul(t, word(_TILE))

    def _write(self, at: int, i: Any, x: Vector) -> None:
        self.store(x, *self._place(at, i))

    def _elementwise(self, group: list[Operation], i: Any) -> None:
        made: dict[int, Vector] = {}
        for operation in group:
            kind, y, _, *rest = operation
            taken = [
                made[o[1]] if isinstance(o, tuple) and o[0] == "s" and o[1] in made
                else self.read(o, i)
                for o in rest[:-1]
            ]  # fmt: skip
            made[y] = _compute(kind, taken, rest[-1])
            if self.outside[id(operation)]:
                self._write(y, i, made[y])

    def _linear(self, y: int, rest: Iterable[int], first: Any, count: int) -> None:
        x, n_in, w, bias, stride = rest
        b, word = self.builder, ir.IntType(64)

        def weight(at: int, t: int) -> Vector:
            where = at + t + first if isinstance(first, int) else b.add(first, word(at + t))
            return self.broadcast(self.w, where, LANES)

        units: dict[int, Vector] = {}

        def product(j: int, t: int, chain: Vector | None) -> Vector:
            if j not in units:
                units[j] = self.load(*self._place(x + j, 0), LANES)
            column = weight(w + j * stride, t)
            return column * units[j] if chain is None else column.fma(units[j], chain)

        sums = _chained(n_in, product, [weight(bias, t) for t in range(count)])
        for t, total in enumerate(sums):
            place = first + t if isinstance(first, int) else b.add(first, word(t))
            self._write(y, place, total)


def over_lanes(step: Step) -> Any:
    """``advance(v, w, z, iz, out, io, clipped)``: one step of `LANES` samples.

    As `over_units`, every number a row of `LANES`: ``v`` rows as in `lane_rows`, ``z`` and ``out``
    (number, lane), ``iz`` and ``io`` offsets of elements, ``clipped`` (state, lane).
    """

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        v, w, z, iz, out, io, clipped = _pointers(context, builder, signature, args)
        form = _Lanes(builder, step)
        form.bind(v, w, builder.gep(z, [iz]))
        for group in form.groups:
            form.run(group)
        after = builder.gep(out, [io])
        ends = []
        for i in range(step.states):
            free = form.read(("s", step.output + i, 1), 0)
            low, high = (form.broadcast(w, at + i, LANES) for at in step.bounds)
            ends.append(free.clip(low, high))
            changed = builder.fcmp_unordered("!=", free.value, ends[-1].value)
            form.counted(changed, clipped, i * LANES)
        for i, carry in enumerate(ends):
            form.store(carry, v, i * LANES)
            form.store(carry, after, i * LANES)
        return context.get_dummy_value()

    return _intrinsic(generate)


def _pointers(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> list[ir.Value]:
    """Data pointers of arrays, other arguments as they are."""
    return [
        context.make_array(kind)(context, builder, value).data
        if isinstance(kind, types.Array)
        else value
        for kind, value in zip(signature.args, args, strict=True)
    ]


def _intrinsic(generate: Any) -> Any:
    @intrinsic
    def advance(typing_context, s, w, z, iz, out, io, clipped):  # type: ignore[no-untyped-def]
        return types.void(s, w, z, types.int64, out, types.int64, clipped), generate

    return advance
