"""Protocols of straight pieces: constant, step, ramp, pulse train."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from . import _fields
from ._base import Protocol
from ._fields import Context
from ._tracks import Level, Line, Pulses, Track, Window

__all__ = ["Constant", "PulseTrain", "Ramp", "Step"]


def window(owner: Any, inner: Track, context: Context) -> Window:
    """A track at the ``start`` of a protocol, for its ``duration`` if it has one."""
    return Window(
        inner,
        context.ticks(owner.start, f"start of {owner.kind}"),
        positive(owner, "duration", context) if owner.duration is not None else None,
    )


def positive(owner: Any, name: str, context: Context) -> np.ndarray:
    """Ticks of a time that must not be 0."""
    what = f"{name} of {owner.kind}"
    found = context.ticks(getattr(owner, name), what)
    if (found < 1).any():
        msg = f"{what} is 0 ms; expected a positive time."
        raise ValueError(msg)
    return found


@dataclass(frozen=True, kw_only=True)
class Constant(Protocol):
    """One value for all times, the transient included."""

    kind: ClassVar[str] = "constant"
    amplitude: Any = _fields.amplitude()

    def track(self, context: Context, numbers: Iterator[int]) -> Track:
        return Level(context.values(self.amplitude, "amplitude", "amplitude of constant"))


@dataclass(frozen=True, kw_only=True)
class Step(Protocol):
    """``amplitude`` from ``start`` on, for ``duration`` or without end."""

    kind: ClassVar[str] = "step"
    amplitude: Any = _fields.amplitude()
    start: Any = _fields.time()
    duration: Any = _fields.time(default=None)

    def track(self, context: Context, numbers: Iterator[int]) -> Track:
        size = context.values(self.amplitude, "amplitude", "amplitude of step")
        return window(self, Level(size), context)


@dataclass(frozen=True, kw_only=True)
class Ramp(Protocol):
    """A straight line from ``low`` to ``high``, 0 before and after it."""

    kind: ClassVar[str] = "ramp"
    low: Any = _fields.amplitude()
    high: Any = _fields.amplitude()
    start: Any = _fields.time()
    duration: Any = _fields.time()

    @property
    def rule(self) -> str:
        return "linear"

    def track(self, context: Context, numbers: Iterator[int]) -> Track:
        line = Line(
            context.values(self.low, "amplitude", "low of ramp"),
            context.values(self.high, "amplitude", "high of ramp"),
            positive(self, "duration", context),
        )
        return window(self, line, context)


@dataclass(frozen=True, kw_only=True)
class PulseTrain(Protocol):
    """``count`` pulses of ``width``, one every ``period``."""

    kind: ClassVar[str] = "pulse_train"
    amplitude: Any = _fields.amplitude()
    start: Any = _fields.time()
    width: Any = _fields.time()
    period: Any = _fields.time()
    count: Any = _fields.number()

    def track(self, context: Context, numbers: Iterator[int]) -> Track:
        width, period = (positive(self, name, context) for name in ("width", "period"))
        count = context.values(self.count, "number", "count of pulse_train")
        if (width >= period).any():
            msg = (
                f"width of pulse_train is {self.width} at a period of {self.period}; expected a "
                "period longer than the pulse."
            )
            raise ValueError(msg)
        if (count < 1).any() or (count != np.round(count)).any():
            msg = f"count of pulse_train is {self.count}; expected a whole number of at least 1."
            raise ValueError(msg)
        size = context.values(self.amplitude, "amplitude", "amplitude of pulse_train")
        length = (count.astype(np.int64) - 1) * period + width
        start = context.ticks(self.start, "start of pulse_train")
        return Window(Pulses(size, width, period), start, length)
