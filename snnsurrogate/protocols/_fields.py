"""The values of a protocol: numbers, text with units, one value per sample, or names of columns."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from snnsurrogate import units
from snnsurrogate._names import suggestion

__all__ = [
    "Context",
    "amplitude",
    "child",
    "children",
    "frequency",
    "is_column",
    "milliseconds",
    "number",
    "plain",
    "read",
    "time",
]

_NAME = re.compile(r"[A-Za-z_]\w*")
_KINDS = {"amplitude": None, "time": "ms", "frequency": "Hz", "number": "1"}
_FINEST = 10**9  # columns of times are rounded to 1e-9 ms, so that they count whole ticks


def amplitude(**more: Any) -> Any:
    """A dataclass field in the unit of the input."""
    return field(metadata={"kind": "amplitude"}, **more)


def time(**more: Any) -> Any:
    """A dataclass field that is a time."""
    return field(metadata={"kind": "time"}, **more)


def frequency(**more: Any) -> Any:
    """A dataclass field that is a frequency."""
    return field(metadata={"kind": "frequency"}, **more)


def number(**more: Any) -> Any:
    """A dataclass field without a unit."""
    return field(metadata={"kind": "number"}, **more)


def child() -> Any:
    """A dataclass field that is another protocol."""
    return field(metadata={"kind": "child"})


def children() -> Any:
    """A dataclass field that is a tuple of protocols."""
    return field(metadata={"kind": "children"})


def plain(**more: Any) -> Any:
    """A dataclass field that is stored as it is."""
    return field(metadata={"kind": "plain"}, **more)


def is_column(value: Any) -> bool:
    """Whether a value is the name of a column."""
    return isinstance(value, str) and _NAME.fullmatch(value.strip()) is not None


def read(value: Any, kind: str, what: str) -> Any:
    """One field as it is stored: number, text with a unit, name of a column, or a tuple of them.

    Raises:
        ValueError: unreadable, not finite, or a bare number for a time.
    """
    if is_column(value):
        return value.strip()
    unit = _KINDS[kind]
    if isinstance(value, list | tuple | np.ndarray) and not hasattr(value, "get_best_unit"):
        if np.ndim(value) != 1 or len(value) == 0:
            msg = f"{what} has shape {np.shape(value)}; expected one value, or one per sample."
            raise ValueError(msg)
        return tuple(read(item, kind, what) for item in value)
    if unit is None:
        return _amplitude(value, what)
    if kind == "number":
        return _finite(units.magnitude(value, unit, what=what, bare=True), what, value)
    size = _finite(units.magnitude(value, unit, what=what), what, value)
    if size < 0:
        msg = f"{what} is {value!r}; expected a time of at least 0."
        raise ValueError(msg.replace("a time", "a frequency") if kind == "frequency" else msg)
    return units.format_quantity(size, unit)


def _amplitude(value: Any, what: str) -> Any:
    if isinstance(value, str):
        return value.strip()  # its dimension is checked when the input is known
    unit = units.unit_of(value, what)
    if unit is not None:
        return units.format_quantity(units.magnitude(value, unit, what=what), unit)
    return _finite(units.magnitude(value, "1", what=what), what, value)


def _finite(size: float, what: str, value: Any) -> float:
    if not np.isfinite(size):
        msg = f"{what} is {value!r}; expected a finite value."
        raise ValueError(msg)
    return size


def milliseconds(value: Any, what: str) -> Fraction:
    """A time or a sampling step as an exact number of ms."""
    return Fraction(repr(units.magnitude(value, "ms", what=what)))


@dataclass(frozen=True)
class Context:
    """What turns fields into numbers: the samples, the unit of the input, and the clock.

    Attributes:
        samples: how many.
        unit: of the input.
        time_unit: of columns of times.
        columns: name -> (sample,) values.
        seeds: (sample,) of noise.
        tick: the clock's step in ms.
    """

    samples: int
    unit: str
    time_unit: str
    columns: Mapping[str, np.ndarray]
    seeds: np.ndarray
    tick: Fraction

    def values(self, value: Any, kind: str, what: str) -> np.ndarray:
        """(sample, 1) values of a field that is no time.

        Raises:
            ValueError: unknown column, wrong number of values, or another dimension.
        """
        unit = _KINDS[kind] or self.unit
        if is_column(value):
            found = column(self.columns, value, what)
        elif isinstance(value, tuple):
            found = np.array([units.magnitude(v, unit, what=what, bare=True) for v in value])
        else:
            found = np.full(self.samples, units.magnitude(value, unit, what=what, bare=True))
        return self._checked(found, what)[:, None]

    def times(self, value: Any, what: str) -> list[Fraction]:
        """Exact ms per sample of a field that is a time; one entry if all are the same.

        Raises:
            ValueError: unknown column, wrong number of values, or a negative time.
        """
        if is_column(value):
            factor = units.si_fraction(self.time_unit) / units.si_fraction("ms")
            found = self._checked(column(self.columns, value, what), what)
            if (found < 0).any():
                msg = f"{what} (column {value!r}) reaches {found.min():g}; expected at least 0."
                raise ValueError(msg)
            return [
                Fraction(round(Fraction(repr(float(v))) * factor * _FINEST), _FINEST) for v in found
            ]
        if isinstance(value, tuple):
            self._checked(np.empty(len(value)), what)
            return [milliseconds(v, what) for v in value]
        return [milliseconds(value, what)]

    def ticks(self, value: Any, what: str) -> np.ndarray:
        """(sample, 1) whole ticks of a field that is a time.

        Raises:
            ValueError: no multiple of the clock's step; the message gives the nearest ones.
        """
        whole = []
        for t in self.times(value, what):
            ratio = t / self.tick
            if ratio.denominator != 1:
                low = int(ratio) * self.tick
                msg = (
                    f"{what} is {float(t):g} ms, which is no multiple of the step "
                    f"{float(self.tick):g} ms: the input would jump inside a step. Write "
                    f"{float(low):g} ms or {float(low + self.tick):g} ms, or choose a step that "
                    f"divides {float(t):g} ms."
                )
                raise ValueError(msg)
            whole.append(int(ratio))
        return np.broadcast_to(np.array(whole, dtype=np.int64), (self.samples,))[:, None]

    def _checked(self, found: np.ndarray, what: str) -> np.ndarray:
        if found.shape != (self.samples,):
            msg = f"{what} has {found.size} values for {self.samples} samples; give one per sample."
            raise ValueError(msg)
        return found


def column(columns: Mapping[str, np.ndarray], name: str, what: str) -> np.ndarray:
    """Values of a named column.

    Raises:
        ValueError: there is none of that name, or a value is not finite.
    """
    if name not in columns:
        known = ", ".join(columns) or "none"
        msg = (
            f"{what} is the column {name!r}, which is not given; columns are: {known}."
            f"{suggestion(name, columns)} Put it into the design (or the parameters of a rollout)."
        )
        raise ValueError(msg)
    values = np.asarray(columns[name], dtype=float)
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        msg = f"{what} (column {name!r}) is not finite in sample {bad[0]}."
        raise ValueError(msg)
    return values
