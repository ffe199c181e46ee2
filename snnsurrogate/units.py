"""Physical units: one place that reads quantities and converts them.

Times enter the package as text with a unit (``"60 s"``) or as quantities of Brian2 or pint; a bare
number is accepted only where the caller declares a unit (parameters and states). Unit strings are
expressions such as ``"mV"``, ``"uA/cm**2"`` or ``"1/ms"``, valid for pint and in Brian2 text alike;
``"1"`` is dimensionless. pint is imported on first use, because its registry takes 0.2 s to build.
"""

from __future__ import annotations

import functools
import numbers
import re
from fractions import Fraction
from typing import Any

import numpy as np

__all__ = [
    "base_unit",
    "format_quantity",
    "magnitude",
    "magnitudes",
    "seconds",
    "si_factor",
    "si_fraction",
    "unit_of",
]

_BRIAN2_BASE = {
    "volt": "volt",
    "ampere": "amp",
    "siemens": "siemens",
    "farad": "farad",
    "second": "second",
    "meter": "meter",
    "hertz": "hertz",
    "ohm": "ohm",
    "mole": "mole",
    "molar": "mole/meter**3",
    "coulomb": "coulomb",
    "kelvin": "kelvin",
    "gram": "kilogram",
    "joule": "joule",
    "watt": "watt",
}
_TEXT = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(.*?)\s*")
_SI_ORDER = ("meter", "kilogram", "second", "ampere", "kelvin", "mole", "candela")


@functools.cache
def _registry() -> Any:
    import pint

    return pint.UnitRegistry(cache_folder=None)


@functools.cache
def _parse(unit: str) -> Any:
    if not isinstance(unit, str) or not unit.strip():
        msg = f"unit is {unit!r}; expected text such as 'mV', 'ms', '1/ms' or '1' (dimensionless)."
        raise ValueError(msg)
    if unit.strip() == "1":
        return _registry().dimensionless
    text = unit.strip()
    text = text[2:].strip() if text.startswith("1/") else text
    try:
        parsed = _registry().parse_units(text)
    except Exception as error:  # pint raises several unrelated classes for unreadable text
        msg = f"{unit!r} is not a unit; expected an expression such as 'mV', 'uA/cm**2' or '1/ms'."
        raise ValueError(msg) from error
    return 1 / parsed if unit.strip().startswith("1/") else parsed


def _pint_unit(unit: str) -> Any:
    parsed = _parse(unit)
    return parsed if hasattr(parsed, "dimensionality") else _registry().dimensionless


def _exponents(unit: str) -> tuple[Fraction, ...]:
    """SI base exponents (m, kg, s, A, K, mol, cd), the order in which Brian2 stores dimensions."""
    base = (1 * _pint_unit(unit)).to_base_units().units
    powers = {name: Fraction(power).limit_denominator(64) for name, power in base._units.items()}
    powers.pop("radian", None)
    return tuple(powers.get(name, Fraction(0)) for name in _SI_ORDER)


@functools.cache
def si_factor(unit: str) -> float:
    """SI value of one ``unit``: "mV" gives 1e-3, "uA/cm**2" gives 1e-2, "1" gives 1.

    Raises:
        ValueError: the text is not a unit.
    """
    return float(si_fraction(unit))


@functools.cache
def si_fraction(unit: str) -> Fraction:
    """Exact SI value of one ``unit``, for symbolic work (1/1000 for "mV").

    Raises:
        ValueError: the text is not a unit.
    """
    factor = float((1.0 * _pint_unit(unit)).to_base_units().magnitude)
    return Fraction(f"{factor:.14g}")  # drops the rounding of pint's float arithmetic


@functools.cache
def base_unit(unit: str) -> str:
    """Brian2's unscaled unit expression for ``unit``: "uA/cm**2" gives "amp/meter**2".

    Brian2 text declares dimensions, never scales, so only base units may follow the colon.

    Raises:
        ValueError: not a unit, or one Brian2 text has no name for.
    """
    above: list[str] = []
    below: list[str] = []
    for name, power in _pint_unit(unit)._units.items():
        root = _registry().parse_unit_name(name)[0][1]
        if root in {"minute", "hour", "day"}:
            root = "second"
        if root not in _BRIAN2_BASE:
            known = ", ".join(sorted(_BRIAN2_BASE))
            msg = f"unit {unit!r} contains {name!r}, which Brian2 text cannot name; known: {known}."
            raise ValueError(msg)
        text = _BRIAN2_BASE[root]
        text = f"({text})" if "/" in text else text
        size = abs(power)
        text = text if size == 1 else f"{text}**{int(size) if size == int(size) else size}"
        (above if power > 0 else below).append(text)
    numerator = "*".join(above) or "1"
    return numerator if not below else numerator + "".join(f"/{text}" for text in below)


def _example(unit: str, value: Any = 60) -> str:
    return f'"{value} {unit}"' if unit != "1" else f'"{value}"'


def _mismatch(what: str, got: str, unit: str) -> ValueError:
    dimension = "dimensionless" if unit == "1" else f"a unit of the dimension of {unit!r}"
    msg = f"{what} is {got}; expected {dimension}. Write it in {unit!r}, e.g. {_example(unit)}."
    return ValueError(msg)


def magnitude(value: Any, unit: str, *, what: str, bare: bool = False) -> float:
    """Number of ``unit`` in a quantity.

    Args:
        value: text with a unit ("60 s"), a pint or Brian2 quantity, or (with ``bare``) a number.
        unit: the unit of the answer.
        what: name of the argument, used in the error.
        bare: accept a number without unit as one already in ``unit``.

    Raises:
        ValueError: a bare number that is not allowed, unreadable text, or another dimension; the
            message says what to write.
    """
    if isinstance(value, str):
        return _from_text(value, unit, what=what, bare=bare)
    if hasattr(value, "dim") and hasattr(value, "has_same_dimensions"):
        return _from_brian2(value, unit, what=what)
    if hasattr(value, "dimensionality") and hasattr(value, "magnitude"):
        # A quantity may belong to another pint registry; text carries it across.
        return _from_text(f"{float(value.magnitude)!r} {value.units}", unit, what=what, bare=bare)
    if isinstance(value, bool) or not isinstance(value, numbers.Real | np.ndarray):
        msg = f"{what} is {value!r}; expected text with a unit such as {_example(unit)}."
        raise ValueError(msg)
    if isinstance(value, np.ndarray) and value.ndim != 0:
        msg = f"{what} has shape {value.shape}; expected one number."
        raise ValueError(msg)
    if not bare and unit != "1":
        shown = f"{float(value):g}"
        msg = f"{what}={shown} has no unit; write {_example(unit, shown)}."
        raise ValueError(msg)
    return float(value)


def _from_text(value: str, unit: str, *, what: str, bare: bool) -> float:
    text = value.strip()
    try:
        number = float(text)
    except ValueError:
        pass
    else:
        return magnitude(number, unit, what=f"{what}", bare=bare)
    try:
        quantity = _registry().Quantity(text)
        size = float(quantity.magnitude)
    except Exception as error:  # pint raises several unrelated classes for unreadable text
        msg = f"{what} is {value!r}, which cannot be read; write it like {_example(unit)}."
        raise ValueError(msg) from error
    if not np.isfinite(size):
        msg = f"{what} is {value!r}; expected a finite quantity such as {_example(unit)}."
        raise ValueError(msg)
    if quantity.dimensionality != _pint_unit(unit).dimensionality:
        raise _mismatch(what, repr(value), unit)
    # Through exact fractions: "0.1 s" is then exactly 100 ms, not 100.00000000000001.
    if quantity.unitless:
        return size / si_factor(unit)
    ratio = si_fraction(str(quantity.units)) / si_fraction(unit)
    return float(Fraction(repr(size)) * ratio)


def _from_brian2(value: Any, unit: str, *, what: str) -> float:
    dims = tuple(Fraction(float(power)).limit_denominator(64) for power in value.dim._dims)
    if dims != _exponents(unit):
        raise _mismatch(what, repr(value), unit)
    size = np.asarray(value, dtype=float)
    if size.ndim != 0:
        msg = f"{what} has shape {size.shape}; expected one quantity."
        raise ValueError(msg)
    return float(f"{float(size) / si_factor(unit):.15g}")


def magnitudes(values: Any, unit: str, *, what: str) -> np.ndarray:
    """Numbers of ``unit`` in an array or sequence of numbers or quantities (any shape).

    Bare numbers are taken to be in ``unit``. Raises as :func:`magnitude`.
    """
    if type(values) in (float, int):
        return np.asarray(values, dtype=float)
    if hasattr(values, "dim") and hasattr(values, "has_same_dimensions"):
        dims = tuple(Fraction(float(power)).limit_denominator(64) for power in values.dim._dims)
        if dims != _exponents(unit):
            raise _mismatch(what, repr(values), unit)
        return np.asarray(values, dtype=float) / si_factor(unit)
    if hasattr(values, "__array__") and not hasattr(values, "dimensionality"):
        array = np.asarray(values)  # of numpy, xarray, torch
        if array.dtype.kind in "fiu":
            return array.astype(float)
    if isinstance(values, str) or np.ndim(values) == 0:
        return np.asarray(magnitude(values, unit, what=what, bare=True))
    return np.array([magnitudes(item, unit, what=what) for item in values], dtype=float)


def unit_of(value: Any, what: str) -> str | None:
    """Unit of text or of a quantity, of the first item of a list; None for bare numbers."""
    if isinstance(value, str):
        match = _TEXT.fullmatch(value)
        if match is None:
            msg = f"{what} is {value!r}, which cannot be read; write it like '-44 mV'."
            raise ValueError(msg)
        return match.group(2) or None
    if hasattr(value, "get_best_unit"):  # Brian2
        text = str(value.get_best_unit())
        return None if text in ("1", "1.") else text.replace("^", "**")
    if hasattr(value, "dimensionality") and hasattr(value, "units"):  # pint
        return None if value.unitless else str(value.units)
    if isinstance(value, list | tuple) and value:
        found = {unit_of(item, what) is None for item in value}
        if len(found) > 1:
            msg = f"{what} mixes bare numbers and quantities: {value!r}; write all of them alike."
            raise ValueError(msg)
        return unit_of(value[0], what)
    return None


def seconds(value: Any, *, what: str) -> float:
    """A duration in seconds; shorthand for ``magnitude(value, "s", what=what)``."""
    return magnitude(value, "s", what=what)


def format_quantity(value: float, unit: str) -> str:
    """Text that :func:`magnitude` reads back: ``format_quantity(10.0, "ms")`` gives "10 ms"."""
    number = repr(float(value))
    number = number[:-2] if number.endswith(".0") else number
    return number if unit == "1" else f"{number} {unit}"
