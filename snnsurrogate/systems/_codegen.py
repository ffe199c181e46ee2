"""From symbols to source text: NumPy functions, and a module of Numba kernels."""

from __future__ import annotations

from types import ModuleType

import sympy
from sympy.printing.pycode import PythonCodePrinter

from ._expressions import Derived

__all__ = ["numba_source", "numpy_functions", "rhs_source"]

_VERSION = 1  # raise it when the generated text changes meaning


class _Printer(PythonCodePrinter):
    """Rationals as the nearest double, functions under the given module name."""

    def __init__(self, module: str) -> None:
        super().__init__({"fully_qualified_modules": False, "precision": 17})
        self._module = module

    def _print_Rational(self, expr):  # noqa: N802
        return repr(expr.p / expr.q)

    def _print_Function(self, expr):  # noqa: N802
        name = type(expr).__name__
        arguments = ", ".join(self._print(argument) for argument in expr.args)
        if name in {"exprel", "exprel_derivative"}:
            return f"{name}({arguments})"
        return f"{self._module}.{name}({arguments})"

    _print_exp = _print_log = _print_Function
    _print_sin = _print_cos = _print_tan = _print_Function
    _print_sinh = _print_cosh = _print_tanh = _print_Function

    def _print_Pow(self, expr, rational=False, sqrt=None):  # noqa: N802
        if expr.exp == sympy.Rational(1, 2):
            return f"{self._module}.sqrt({self._print(expr.base)})"
        return super()._print_Pow(expr, rational=True)


def _body(derived: Derived, expressions: list, targets: list[str], module: str) -> list[str]:
    """Statements that compute ``expressions`` with common parts shared."""
    printer = _Printer(module)
    local = {s: sympy.Symbol(f"s_{s.name}", real=True) for s in derived.states}
    local |= {p: sympy.Symbol(f"p_{p.name}", real=True) for p in derived.parameters}
    shared, reduced = sympy.cse(
        [sympy.sympify(expression).xreplace(local) for expression in expressions],
        symbols=sympy.numbered_symbols("t_", real=True),
    )
    used = set().union(*(e.free_symbols for e in (*reduced, *(value for _, value in shared))))
    lines = [
        f"s_{symbol.name} = x[{index}]"
        for index, symbol in enumerate(derived.states)
        if local[symbol] in used
    ]
    lines += [
        f"p_{symbol.name} = p[{index}]"
        for index, symbol in enumerate(derived.parameters)
        if local[symbol] in used
    ]
    lines += [f"{symbol} = {printer.doprint(value)}" for symbol, value in shared]
    lines += [
        f"{target} = {printer.doprint(value)}"
        for target, value in zip(targets, reduced, strict=True)
    ]
    return ["    " + line for line in lines]


def numba_source(derived: Derived) -> str:
    """Source of a module with the compiled functions ``f(x, p, out)`` and ``jac(x, p, out)``."""
    d = len(derived.states)
    decorator = '@numba.njit({}, cache=CACHE, nogil=True, error_model="numpy")'
    f = _body(derived, list(derived.rhs), [f"out[{i}]" for i in range(d)], "math")
    entries = [f"out[{i}, {j}]" for i in range(d) for j in range(d)]
    jac = _body(derived, list(derived.jacobian), entries, "math")
    return "\n".join(
        [
            f'"""Generated (version {_VERSION}) from equation text; do not edit."""',
            "import math",
            "",
            "import numba",
            "from snnsurrogate.kernels import F_SIGNATURE, JAC_SIGNATURE",
            "from snnsurrogate.kernels import exprel, exprel_derivative",
            "",
            "CACHE = '__file__' in globals()",
            "",
            decorator.format("F_SIGNATURE"),
            "def f(x, p, out):",
            *f,
            "",
            decorator.format("JAC_SIGNATURE"),
            "def jac(x, p, out):",
            *jac,
            "",
        ]
    )


def rhs_source(derived: Derived, module: str) -> str:
    """Source of ``rhs(x, p)`` over sequences of arrays, with the functions of a module."""
    targets = [f"y{i}" for i in range(len(derived.states))]
    lines = _body(derived, list(derived.rhs), targets, module)
    return "\n".join(["def rhs(x, p):", *lines, f"    return [{', '.join(targets)}]"])


def numpy_functions(derived: Derived) -> ModuleType:
    """Module with vectorised ``rhs(x, p)`` and ``jacobian(x, p)`` returning lists of arrays."""
    d = len(derived.states)
    entries = [f"y{i}" for i in range(d * d)]
    jacobian = _body(derived, list(derived.jacobian), entries, "np")
    lines = [rhs_source(derived, "np"), "def jacobian(x, p):", *jacobian]
    lines += [f"    return [{', '.join(entries)}]"]
    module = ModuleType("snnsurrogate_numpy_rhs")
    import numpy as np

    vars(module).update(np=np, exprel=_exprel, exprel_derivative=_exprel_derivative)
    exec(compile("\n".join(lines), "<equations>", "exec"), vars(module))
    return module


def _exprel(x):  # type: ignore[no-untyped-def]
    import numpy as np

    x = np.asarray(x, dtype=float)
    safe = np.where(x == 0, 1.0, x)
    return np.where(x == 0, 1.0, np.expm1(safe) / safe)


def _exprel_derivative(x):  # type: ignore[no-untyped-def]
    import numpy as np

    x = np.asarray(x, dtype=float)
    near = np.abs(x) <= 0.5
    far = np.where(near, 1.0, x)
    small = np.where(near, x, 0.0)
    total, term = np.full_like(x, 0.5), np.full_like(x, 0.5)
    for k in range(1, 16):
        term = term * small * (k + 1.0) / (k * (k + 2.0))
        total = total + term
    return np.where(near, total, (np.exp(far) - np.expm1(far) / far) / far)
