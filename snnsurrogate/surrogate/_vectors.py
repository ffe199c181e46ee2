"""Arithmetic on LLVM vectors of single precision, for code written instruction by instruction.

A compiler decides for every loop anew whether and how wide it vectorises; the steps of stochastic
rollouts are too short for that to go well. Here every operation is a vector instruction, rounded
once, and multiply-adds are fused where they are written, so that a formula gives the same bits
whether it runs over the units of one sample or over one unit of many samples.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]

__all__ = ["Vector", "pointer"]

_F32, _I32 = ir.FloatType(), ir.IntType(32)
_MAGIC = 12582912.0  # 1.5 * 2^23: adding it rounds to an integer held in the low bits
# Rational minimax of degree 9 over 8 on [-8.5, 8.5], fitted for this package: error 1.1e-8.
_TANH_BOUND = 8.5
_TANH_ABOVE = (1.0, 1.340621899e-01, 3.525833908e-03, 2.112180352e-05, 1.409954419e-08)
_TANH_BELOW = (1.000000054, 4.673953220e-01, 2.599119208e-02, 3.335713936e-04, 8.073747250e-07)


class Vector:
    """An LLVM value of type <n x float> with Python's operators; numbers are broadcast."""

    __slots__ = ("builder", "value")

    def __init__(self, builder: ir.IRBuilder, value: ir.Value) -> None:
        self.builder = builder
        self.value = value

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(self.value.type.count)

    def number(self, x: float) -> Vector:
        """A constant of the same size."""
        return Vector(self.builder, ir.Constant(self.value.type, [x] * self.size))

    def _of(self, other: Vector | float) -> ir.Value:
        return other.value if isinstance(other, Vector) else self.number(other).value

    def __add__(self, other: Vector | float) -> Vector:
        return Vector(self.builder, self.builder.fadd(self.value, self._of(other)))

    def __sub__(self, other: Vector | float) -> Vector:
        return Vector(self.builder, self.builder.fsub(self.value, self._of(other)))

    def __rsub__(self, other: float) -> Vector:
        return self.number(other) - self

    def __mul__(self, other: Vector | float) -> Vector:
        return Vector(self.builder, self.builder.fmul(self.value, self._of(other)))

    def __truediv__(self, other: Vector | float) -> Vector:
        return Vector(self.builder, self.builder.fdiv(self.value, self._of(other)))

    def __rtruediv__(self, other: float) -> Vector:
        return self.number(other) / self

    __radd__, __rmul__ = __add__, __mul__

    def fma(self, factor: Vector | float, term: Vector | float) -> Vector:
        """``self * factor + term``, rounded once."""
        return self._call("fma", self.value, self._of(factor), self._of(term))

    def _call(self, name: str, *args: ir.Value) -> Vector:
        kind = self.value.type
        full, module = f"llvm.{name}.v{self.size}f32", self.builder.module
        function = module.globals.get(full) or ir.Function(
            module, ir.FunctionType(kind, [kind] * len(args)), full
        )
        return Vector(self.builder, self.builder.call(function, args))

    def below(self, bound: Vector | float) -> ir.Value:
        """Where it is less; not where it is NaN."""
        return self.builder.fcmp_ordered("<", self.value, self._of(bound))

    def above(self, bound: Vector | float) -> ir.Value:
        """Where it is greater; not where it is NaN."""
        return self.builder.fcmp_ordered(">", self.value, self._of(bound))

    def replaced(self, where: ir.Value, by: Vector | float) -> Vector:
        """Elements of another vector where a comparison holds."""
        return Vector(self.builder, self.builder.select(where, self._of(by), self.value))

    def clip(self, low: Vector | float, high: Vector | float) -> Vector:
        """Between two bounds; NaN stays NaN."""
        raised = self.replaced(self.below(low), low)
        return raised.replaced(raised.above(high), high)

    def shuffled(self, other: Vector, places: list[int]) -> Vector:
        """Elements by place: of this vector first, of the other from ``size`` on."""
        mask = ir.Constant(ir.VectorType(_I32, len(places)), places)
        return Vector(self.builder, self.builder.shuffle_vector(self.value, other.value, mask))

    # --- functions ---

    def apply(self, name: str) -> Vector:
        """A function by its name in `_program.FORMS`."""
        found: Vector = getattr(self, name)()
        return found

    def exp(self) -> Vector:
        """Exponential, relative error below 3e-7; the argument is clipped to [-87, 88]."""
        b = self.builder
        x = self.clip(-87.0, 88.0)
        t = x.fma(1.4426950408889634, _MAGIC)
        n = t - _MAGIC
        r = n.fma(-6.93145751953125e-1, x)
        r = n.fma(-1.42860682030941723212e-6, r)
        square = r * r
        late = square.fma(1.0 / 720.0, r.fma(1.0 / 120.0, 1.0 / 24.0))
        e = square.fma(square.fma(late, r.fma(1.0 / 6.0, 0.5)), r) + 1.0
        words = ir.VectorType(_I32, self.size)
        shift = ir.Constant(words, [23] * self.size)
        power = b.shl(b.bitcast(t.value, words), shift)
        scaled = b.add(b.bitcast(e.value, words), power)
        return Vector(b, b.bitcast(scaled, self.value.type))

    def tanh(self) -> Vector:
        """Hyperbolic tangent, absolute error below 4e-7."""
        x = self.clip(-_TANH_BOUND, _TANH_BOUND)
        y = x * x
        return x * _polynomial(y, _TANH_ABOVE) / _polynomial(y, _TANH_BELOW)

    def sigmoid(self) -> Vector:
        """Logistic function."""
        return (self * 0.5).tanh().fma(0.5, 0.5)

    def silu(self) -> Vector:
        """Argument times its logistic function."""
        return self * self.sigmoid()

    def relu(self) -> Vector:
        """The positive part; NaN stays NaN."""
        return self.replaced(self.below(0.0), 0.0)

    def sqrt(self) -> Vector:
        """Square root."""
        return self._call("sqrt", self.value)

    def square(self) -> Vector:
        """Square."""
        return self * self

    def round_down(self) -> Vector:
        """Largest whole number not above."""
        return self._call("floor", self.value)


def _polynomial(y: Vector, c: tuple[float, ...]) -> Vector:
    """Degree four, in pairs: a short chain of dependent instructions."""
    square = y * y
    return square.fma(square.fma(c[4], y.fma(c[3], c[2])), y.fma(c[1], c[0]))


def pointer(builder: ir.IRBuilder, base: ir.Value, at: Any, size: int) -> ir.Value:
    """Pointer to a vector of ``size`` from element ``at`` (number or value) of an array."""
    if isinstance(at, int):
        at = ir.Constant(ir.IntType(64), at)
    return builder.bitcast(builder.gep(base, [at]), ir.PointerType(ir.VectorType(_F32, size)))
