"""Machine code of one stochastic step for many samples at once, see `_emission`.

Every number of a step is a row of `LANES` samples in memory. Layers run over tiles of outputs;
neighbouring elementwise operations share one loop over units, so that what only they read never
leaves the registers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import cgutils

from snnsurrogate.surrogate._emission import (
    LANES,
    Form,
    Operation,
    Step,
    as_intrinsic,
    chained,
    compute,
    pointers,
)
from snnsurrogate.surrogate._program import operands
from snnsurrogate.surrogate._vectors import Vector

__all__ = ["lane_rows", "over_lanes"]

_TILE = 4  # outputs of a linear layer that are computed together
_LOOPED = ("map", "binary", "fma")


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


class _Lanes(Form):
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
            made[y] = compute(kind, taken, rest[-1])
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

        sums = chained(n_in, product, [weight(bias, t) for t in range(count)])
        for t, total in enumerate(sums):
            place = first + t if isinstance(first, int) else b.add(first, word(t))
            self._write(y, place, total)


def over_lanes(step: Step) -> Any:
    """``advance(v, w, z, iz, out, io, clipped)``: one step of `LANES` samples.

    As `over_units`, every number a row of `LANES`: ``v`` rows as in `lane_rows`, ``z`` and ``out``
    (number, lane), ``iz`` and ``io`` offsets of elements, ``clipped`` (state, lane).
    """

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        v, w, z, iz, out, io, clipped = pointers(context, builder, signature, args)
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

    return as_intrinsic(generate)
