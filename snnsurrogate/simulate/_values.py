"""Reading the values of a design: numbers, text with units, quantities, boxes, lists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from snnsurrogate import units

Units = dict[str, str | None]


class Entry(NamedTuple):
    """One name of a design: a "box" (low, high), one "number", or a "list" of values."""

    kind: str
    values: np.ndarray

    def to_json(self) -> Any:
        """Plain numbers; a box is an object, to be told from a list."""
        numbers = self.values.tolist()
        return {"box": numbers} if self.kind == "box" else numbers


def read(name: str, value: Any, given: Units) -> Entry:
    """Read a box (a tuple of two), one number, or a list; note the unit in ``given``.

    Raises:
        ValueError: unreadable, empty, not finite, or a reversed box.
    """
    if isinstance(value, tuple) and len(value) == 2:
        return box(name, value, given)
    values = numbers(name, value, given)
    if values.ndim == 0:
        return Entry("number", values)
    return Entry("list", _line(name, values))


def box(name: str, value: Any, given: Units) -> Entry:
    """Read ``(low, high)``."""
    values = numbers(name, value, given)
    if values.shape != (2,) or not values[0] < values[1]:
        msg = f"the range of {name} is {value!r}; expected (low, high) with low < high."
        raise ValueError(msg)
    return Entry("box", values)


def axis(name: str, value: Any, given: Units) -> Entry:
    """Read a list of values; one number is a list of one."""
    return Entry("list", _line(name, np.atleast_1d(numbers(name, value, given))))


def _line(name: str, values: np.ndarray) -> np.ndarray:
    if values.ndim != 1 or values.size == 0:
        msg = f"{name} has values of shape {values.shape}; expected a list of at least one number."
        raise ValueError(msg)
    return values


def numbers(name: str, value: Any, given: Units) -> np.ndarray:
    """Finite numbers of any shape, in the unit that is noted in ``given`` (None: as declared)."""
    unit = units.unit_of(value, name)
    given[name] = unit
    if unit is None:
        try:
            values = np.array(value, dtype=np.float64)
        except (TypeError, ValueError) as error:
            msg = f"{name} is {value!r}; expected numbers or text with a unit such as '-44 mV'."
            raise ValueError(msg) from error
    else:
        values = np.array(units.magnitudes(value, unit, what=name), dtype=np.float64)
    if not np.isfinite(values).all():
        msg = f"{name} has values that are not finite: {values[~np.isfinite(values)][:3]}."
        raise ValueError(msg)
    return values


def with_unit(value: Any, unit: str | None) -> Any:
    """Undo :func:`numbers`: text with the unit again, so that JSON reads back the same way."""
    if isinstance(value, Mapping):
        return tuple(with_unit(item, unit) for item in value["box"])
    if isinstance(value, list):
        return [with_unit(item, unit) for item in value]
    return value if unit is None else f"{value!r} {unit}"


def count(value: Any, what: str) -> int:
    """A whole number of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        msg = f"{what} is {value!r}; expected a whole number of at least 1."
        raise ValueError(msg)
    return int(value)
