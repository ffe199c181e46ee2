"""Protocols as one line of text, for command lines and files."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any

from snnsurrogate._names import suggestion

from . import _make
from ._base import Protocol, from_json

__all__ = ["parse"]

_MAKERS: Mapping[str, Callable[..., Protocol]] = {
    name: getattr(_make, name)
    for name in ("constant", "step", "ramp", "pulse_train", "release", "ou", "chirp", "array")
}
_METHODS = ("then", "scaled")
_EXAMPLE = "step(10, start='5 ms') + ou(mean=0, sd=1, tau='5 ms')"


def parse(text: str) -> Protocol:
    """The protocol that a text describes: an expression as in Python, or the JSON of one.

    Functions, arguments, ``+``, ``-``, ``*``, ``.then(...)`` and ``.scaled(...)`` are those of this
    module; nothing else is evaluated: ``"step(10, start='5 ms') + constant(2)"``.

    Raises:
        ValueError: unreadable text, an unknown function or an argument that it does not take.
    """
    if text.lstrip().startswith("{"):
        return from_json(text)
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        msg = f"{text!r} is no protocol ({error.msg}); write one like {_EXAMPLE!r}."
        raise ValueError(msg) from error
    found = _value(tree)
    if not isinstance(found, Protocol):
        msg = f"{text!r} is no protocol; write one like {_EXAMPLE!r}."
        raise ValueError(msg)
    return found


def _value(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        pass
    shown = ast.unparse(node)
    try:
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return -_value(node.operand)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub | ast.Mult):
            left, right = _value(node.left), _value(node.right)
            if isinstance(node.op, ast.Mult):
                return left * right
            return left + right if isinstance(node.op, ast.Add) else left - right
        if isinstance(node, ast.Call):
            return _call(node)
    except TypeError as error:  # of the functions: an argument that is missing or unknown
        msg = f"{shown!r}: {error}"
        raise ValueError(msg) from error
    msg = f"cannot read {shown!r} in a protocol; write one like {_EXAMPLE!r}."
    raise ValueError(msg)


def _call(node: ast.Call) -> Protocol:
    arguments = [_value(item) for item in node.args]
    named = {str(item.arg): _value(item.value) for item in node.keywords}
    if isinstance(node.func, ast.Attribute) and node.func.attr in _METHODS:
        made: Protocol = getattr(_value(node.func.value), node.func.attr)(*arguments, **named)
        return made
    name = ast.unparse(node.func).removeprefix("protocols.")
    if name not in _MAKERS:
        msg = f"no protocol {name!r}; expected one of {', '.join(_MAKERS)}."
        raise ValueError(msg + suggestion(name, _MAKERS))
    return _MAKERS[name](*arguments, **named)
