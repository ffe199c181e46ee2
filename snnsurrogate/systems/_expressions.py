"""From equation text to symbols: Brian2 text in, sympy right-hand side and Jacobian out.

Text is read with Python's own grammar and turned into sympy node by node, never evaluated. Numbers
and unit factors stay exact rationals, so that scales such as 1e-3 for mV cancel symbolically.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from fractions import Fraction

import sympy

from snnsurrogate import units
from snnsurrogate._names import suggestion

__all__ = [
    "FUNCTIONS",
    "Derived",
    "Equation",
    "derive",
    "exprel",
    "exprel_derivative",
    "parse_text",
]


class exprel(sympy.Function):  # noqa: N801 - the name is the one in the equation text
    """(exp(x) - 1) / x with its limit 1 at zero, as Brian2's function of that name."""

    @classmethod
    def eval(cls, x):  # noqa: D102
        return sympy.S.One if x.is_zero else None

    def fdiff(self, argindex=1):  # noqa: D102
        return exprel_derivative(self.args[0])

    def _eval_is_extended_real(self):
        return self.args[0].is_extended_real


class exprel_derivative(sympy.Function):  # noqa: N801
    """First derivative of :class:`exprel`; its own derivative in closed form."""

    @classmethod
    def eval(cls, x):  # noqa: D102
        return sympy.Rational(1, 2) if x.is_zero else None

    def fdiff(self, argindex=1):  # noqa: D102
        x = self.args[0]
        return (sympy.exp(x) - 2 * exprel_derivative(x)) / x

    def _eval_is_extended_real(self):
        return self.args[0].is_extended_real


FUNCTIONS = {
    "exp": sympy.exp,
    "log": sympy.log,
    "sqrt": sympy.sqrt,
    "sin": sympy.sin,
    "cos": sympy.cos,
    "tan": sympy.tan,
    "sinh": sympy.sinh,
    "cosh": sympy.cosh,
    "tanh": sympy.tanh,
    "exprel": exprel,
}
_OPERATORS = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.Pow: lambda a, b: a**b,
}
# Only names that Brian2 knows as units too; a mistyped parameter must not become, say, a year.
_UNIT_NAME = re.compile(
    r"^([munpk]?(volt|amp|siemens|farad|second|meter|metre|ohm|hertz|coulomb|mole)|M?ohm|"
    r"[munpk][VASF]|[mun]s|[kM]?Hz|[cmun]m)$"
)
_LINE = re.compile(
    r"^\s*(?:d(?P<state>\w+)/dt|(?P<name>\w+))\s*=(?P<expression>[^:]*?):(?P<unit>[^(\n]*)"
    r"(?:\((?P<flags>[^)]*)\))?\s*$"
)


@dataclass(frozen=True)
class Equation:
    """One line of the text: a differential equation or a named expression."""

    name: str
    expression: str
    unit: str
    differential: bool


@dataclass(frozen=True, eq=False)
class Derived:
    """Right-hand side in declared units per time unit, and its exact Jacobian."""

    states: tuple[sympy.Symbol, ...]
    parameters: tuple[sympy.Symbol, ...]
    rhs: tuple[sympy.Expr, ...]
    jacobian: sympy.ImmutableMatrix


def parse_text(text: str) -> list[Equation]:
    """Lines of an equation text, comments dropped and continued lines joined.

    Raises:
        ValueError: a line that is neither ``dX/dt = expression : unit`` nor ``x = expression :
            unit``, or a name defined twice.
    """
    equations: list[Equation] = []
    pending = ""
    for raw in text.splitlines():
        line = raw.split("#", 1)[0].rstrip()
        if not line.strip():
            continue
        pending = f"{pending} {line}" if pending else line
        if pending.endswith("\\") or ":" not in pending:
            pending = pending.removesuffix("\\")
            continue
        match = _LINE.match(pending)
        if match is None:
            msg = (
                f"cannot read the equation line {pending.strip()!r}; expected "
                "'dX/dt = expression : unit' or 'name = expression : unit' (parameters are "
                "declared as Parameter, not in the text)."
            )
            raise ValueError(msg)
        name = match["state"] or match["name"]
        if any(equation.name == name for equation in equations):
            msg = f"{name!r} is defined twice in the equation text; keep one line."
            raise ValueError(msg)
        equations.append(
            Equation(name, match["expression"].strip(), match["unit"].strip(), bool(match["state"]))
        )
        pending = ""
    if pending:
        msg = f"the equation line {pending.strip()!r} lacks ': unit' at its end."
        raise ValueError(msg)
    return equations


def _convert(node: ast.AST, names: dict[str, sympy.Expr], where: str) -> sympy.Expr:
    if isinstance(node, ast.Expression):
        return _convert(node.body, names, where)
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return sympy.Rational(Fraction(repr(node.value)))
    if isinstance(node, ast.Name):
        return _lookup(node.id, names, where)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        operand = _convert(node.operand, names, where)
        return -operand if isinstance(node.op, ast.USub) else operand
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        left, right = _convert(node.left, names, where), _convert(node.right, names, where)
        return _OPERATORS[type(node.op)](left, right)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) == 1:
        if node.func.id in FUNCTIONS:
            return FUNCTIONS[node.func.id](_convert(node.args[0], names, where))
        msg = f"function {node.func.id!r} in {where!r}; known: {', '.join(sorted(FUNCTIONS))}."
        raise ValueError(msg)
    msg = f"cannot read {ast.unparse(node)!r} in {where!r}; use arithmetic and known functions."
    raise ValueError(msg)


def _lookup(name: str, names: dict[str, sympy.Expr], where: str) -> sympy.Expr:
    if name in names:
        return names[name]
    if name == "pi":
        return sympy.pi
    if not _UNIT_NAME.match(name):
        hint = suggestion(name, names)
        msg = (
            f"unknown name {name!r} in {where!r}; expected a state, a parameter, a named "
            f"expression or a unit.{hint}"
        )
        raise ValueError(msg)
    return sympy.Rational(units.si_fraction(name))


def _resolve(
    name: str,
    equations: dict[str, Equation],
    names: dict[str, sympy.Expr],
    open_names: tuple[str, ...],
) -> sympy.Expr:
    equation = equations[name]
    if name in open_names:
        circle = " -> ".join((*open_names, name))
        msg = f"named expressions refer to each other in a circle: {circle}."
        raise ValueError(msg)
    try:
        tree = ast.parse(" ".join(equation.expression.split()), mode="eval")
    except SyntaxError as error:
        msg = f"cannot read the expression {equation.expression!r} of {name!r}: {error.msg}."
        raise ValueError(msg) from error
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    for other in sorted(used & equations.keys()):
        if not equations[other].differential and other not in names:
            names[other] = _resolve(other, equations, names, (*open_names, name))
    return _convert(tree, names, f"{name} = {equation.expression}")


def derive(
    text: str,
    states: dict[str, str],
    parameters: dict[str, str],
    time_unit: str,
) -> Derived:
    """Right-hand side and Jacobian in declared units, from equation text in SI.

    Args:
        text: the equation text.
        states: name -> declared unit, in order.
        parameters: name -> declared unit, in order.
        time_unit: unit of time of the result.

    Raises:
        ValueError: unreadable text, an unknown name, or states that differ from the declared ones.
    """
    equations = {equation.name: equation for equation in parse_text(text)}
    found = [equation.name for equation in equations.values() if equation.differential]
    if sorted(found) != sorted(states):
        msg = f"the text has differential equations for {found}; declared states: {list(states)}."
        raise ValueError(msg)
    symbols = {name: sympy.Symbol(name, real=True) for name in (*states, *parameters)}
    names: dict[str, sympy.Expr] = {}
    for name, unit in (*states.items(), *parameters.items()):
        names[name] = symbols[name] * sympy.Rational(units.si_fraction(unit))
    shared = names.keys() & {e.name for e in equations.values() if not e.differential}
    if shared:
        msg = f"{sorted(shared)} are parameters and named expressions at once; rename one."
        raise ValueError(msg)
    time = sympy.Rational(units.si_fraction(time_unit))
    rhs = []
    for name, unit in states.items():
        scale = time / sympy.Rational(units.si_fraction(unit))
        rhs.append(sympy.factor_terms(scale * _resolve(name, equations, names, ())))
    vector = tuple(symbols[name] for name in states)
    jacobian = sympy.ImmutableMatrix(sympy.Matrix(rhs).jacobian(vector))
    return Derived(vector, tuple(symbols[name] for name in parameters), tuple(rhs), jacobian)
