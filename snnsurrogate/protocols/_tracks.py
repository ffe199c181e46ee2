"""Protocols on a clock: piecewise linear functions of whole ticks, one per sample.

Every track gives, at ticks of any shape that broadcasts to (sample, time): its value (at a jump the
one after it), its slope per tick from there on, and the tick at which the present linear piece
began. Ticks are integers, so that edges are exact and nothing depends on where a record is cut.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

__all__ = [
    "BEFORE",
    "Choice",
    "Level",
    "Line",
    "Pulses",
    "Sampled",
    "Scaled",
    "Total",
    "Track",
    "Window",
]

BEFORE = -(1 << 40)  # tick at which a piece without a beginning began


class Track(Protocol):
    """A function of ticks.

    Attributes:
        end: (sample, 1) tick from which it is 0 for good; None if there is none.
    """

    end: np.ndarray | None

    def value(self, t: np.ndarray) -> np.ndarray:
        """Value at ``t``."""

    def slope(self, t: np.ndarray) -> np.ndarray:
        """Change per tick from ``t`` on."""

    def since(self, t: np.ndarray) -> np.ndarray:
        """Tick at which the piece that holds ``t`` began."""

    def knots(self, first: int, last: int) -> np.ndarray:
        """Sorted ticks in [first, last) at which a piece of any sample begins."""

    def begins(self) -> np.ndarray:
        """Ticks at which the parts begin, of all samples in one list."""


class _Endless:
    end: np.ndarray | None = None

    def begins(self) -> np.ndarray:
        return np.zeros(1, dtype=np.int64)


class Level(_Endless):
    """One value for all times; ``size`` is (sample, 1)."""

    def __init__(self, size: np.ndarray):
        self._size = size

    def value(self, t: np.ndarray) -> np.ndarray:
        return np.broadcast_to(self._size, np.broadcast_shapes(t.shape, self._size.shape))

    def slope(self, t: np.ndarray) -> np.ndarray:
        return np.zeros(np.broadcast_shapes(t.shape, self._size.shape))

    def since(self, t: np.ndarray) -> np.ndarray:
        return np.full(np.broadcast_shapes(t.shape, self._size.shape), BEFORE)

    def knots(self, first: int, last: int) -> np.ndarray:
        return np.empty(0, dtype=np.int64)


class Line(Level):
    """A straight line from ``low`` at 0 to ``high`` at ``length``."""

    def __init__(self, low: np.ndarray, high: np.ndarray, length: np.ndarray):
        super().__init__(low)
        self._rise = (high - low) / length

    def value(self, t: np.ndarray) -> np.ndarray:
        return self._size + self._rise * t

    def slope(self, t: np.ndarray) -> np.ndarray:
        return np.broadcast_to(self._rise, np.broadcast_shapes(t.shape, self._rise.shape))

    def since(self, t: np.ndarray) -> np.ndarray:
        return np.zeros(np.broadcast_shapes(t.shape, self._rise.shape), dtype=np.int64)


class Pulses(_Endless):
    """``size`` for ``width`` ticks at the beginning of every ``period``."""

    def __init__(self, size: np.ndarray, width: np.ndarray, period: np.ndarray):
        self._size, self._width, self._period = size, width, period

    def value(self, t: np.ndarray) -> np.ndarray:
        return np.where(t % self._period < self._width, self._size, 0.0)

    def slope(self, t: np.ndarray) -> np.ndarray:
        return np.zeros(np.broadcast_shapes(t.shape, self._size.shape))

    def since(self, t: np.ndarray) -> np.ndarray:
        phase = t % self._period
        return t - phase + np.where(phase < self._width, 0, self._width)

    def knots(self, first: int, last: int) -> np.ndarray:
        found = []
        pairs = np.broadcast_arrays(self._width, self._period)
        for width, period in {(int(w), int(p)) for w, p in zip(*map(np.ravel, pairs), strict=True)}:
            begins = np.arange(first // period * period, last, period)
            found += [begins, begins + width]
        return _within(found, first, last)


class Sampled(_Endless):
    """Numbers at every ``spacing`` ticks, held or joined by straight lines.

    Args:
        numbers: takes (sample, time) or (1, time) indices of at least 0, gives the values.
        spacing: ticks between two of them.
        linear: joined by lines; else each is held.
        samples: how many.
    """

    def __init__(
        self,
        numbers: Callable[[np.ndarray], np.ndarray],
        spacing: int,
        linear: bool,
        samples: int,
    ):
        self._numbers, self._spacing, self._linear, self._samples = (
            numbers,
            spacing,
            linear,
            samples,
        )

    def value(self, t: np.ndarray) -> np.ndarray:
        k = self._index(t)
        found = self._numbers(k)
        return found + self.slope(t) * (t - k * self._spacing) if self._linear else found

    def slope(self, t: np.ndarray) -> np.ndarray:
        if not self._linear:
            return np.zeros((self._samples, t.shape[-1]))
        k = self._index(t)
        return (self._numbers(k + 1) - self._numbers(k)) / self._spacing

    def since(self, t: np.ndarray) -> np.ndarray:
        return np.broadcast_to(self._index(t) * self._spacing, (self._samples, t.shape[-1]))

    def _index(self, t: np.ndarray) -> np.ndarray:
        return np.maximum(t, 0) // self._spacing

    def knots(self, first: int, last: int) -> np.ndarray:
        begin = -(-max(first, 0) // self._spacing) * self._spacing
        return np.arange(begin, last, self._spacing)


class Window:
    """A track that begins at ``start`` (its own tick 0) and is cut after ``length`` ticks.

    Args:
        inner: the track.
        start: (sample, 1).
        length: (sample, 1), or None for the end of the inner track.
    """

    def __init__(self, inner: Track, start: np.ndarray, length: np.ndarray | None):
        self._inner, self._start = inner, start
        length = inner.end if length is None else length
        self.end = None if length is None else start + length

    def _inside(self, t: np.ndarray) -> np.ndarray:
        inside = t >= self._start
        return inside if self.end is None else inside & (t < self.end)

    def value(self, t: np.ndarray) -> np.ndarray:
        return np.where(self._inside(t), self._inner.value(t - self._start), 0.0)

    def slope(self, t: np.ndarray) -> np.ndarray:
        return np.where(self._inside(t), self._inner.slope(t - self._start), 0.0)

    def since(self, t: np.ndarray) -> np.ndarray:
        began = np.maximum(self._inner.since(t - self._start) + self._start, self._start)
        began = np.where(t < self._start, BEFORE, began)
        return began if self.end is None else np.where(t < self.end, began, self.end)

    def knots(self, first: int, last: int) -> np.ndarray:
        found = [self._start.ravel()]
        if self.end is not None:
            found.append(self.end.ravel())
        stop = last if self.end is None else min(last, int(self.end.max()))
        for start in np.unique(self._start):
            inner = self._inner.knots(max(first - int(start), 0), stop - int(start))
            found.append(inner + start)
        return _within(found, first, last)

    def begins(self) -> np.ndarray:
        return (self._start + self._inner.begins()[None, :]).ravel()


class Total:
    """The sum of tracks."""

    def __init__(self, parts: Sequence[Track]):
        self._parts = parts
        ends = [part.end for part in parts]
        self.end = None if any(e is None for e in ends) else np.maximum.reduce(ends)  # type: ignore[arg-type]

    def value(self, t: np.ndarray) -> np.ndarray:
        return sum(part.value(t) for part in self._parts)  # type: ignore[return-value]

    def slope(self, t: np.ndarray) -> np.ndarray:
        return sum(part.slope(t) for part in self._parts)  # type: ignore[return-value]

    def since(self, t: np.ndarray) -> np.ndarray:
        return np.maximum.reduce([part.since(t) for part in self._parts])

    def knots(self, first: int, last: int) -> np.ndarray:
        return _within([part.knots(first, last) for part in self._parts], first, last)

    def begins(self) -> np.ndarray:
        return np.concatenate([part.begins() for part in self._parts])


class Scaled:
    """A track times a (sample, 1) factor."""

    def __init__(self, inner: Track, factor: np.ndarray):
        self._inner, self._factor = inner, factor
        self.end = inner.end

    def value(self, t: np.ndarray) -> np.ndarray:
        return self._factor * self._inner.value(t)

    def slope(self, t: np.ndarray) -> np.ndarray:
        return self._factor * self._inner.slope(t)

    def since(self, t: np.ndarray) -> np.ndarray:
        return self._inner.since(t)

    def knots(self, first: int, last: int) -> np.ndarray:
        return self._inner.knots(first, last)

    def begins(self) -> np.ndarray:
        return self._inner.begins()


class Choice:
    """One of several tracks per sample.

    Args:
        options: their tracks, each for its own samples only (rows in ``members`` order).
        members: positions of the samples of each.
        samples: how many in all.
    """

    def __init__(self, options: Sequence[Track], members: Sequence[np.ndarray], samples: int):
        self._options, self._members, self._samples = options, members, samples
        self.end: np.ndarray | None = None
        ends = [option.end for option in options if option.end is not None]
        if len(ends) == len(options):
            self.end = np.zeros((samples, 1), dtype=np.int64)
            for end, rows in zip(ends, members, strict=True):
                self.end[rows] = end

    def _gather(self, name: str, t: np.ndarray, dtype: type) -> np.ndarray:
        found: np.ndarray = np.empty((self._samples, t.shape[-1]), dtype=dtype)
        for option, rows in zip(self._options, self._members, strict=True):
            found[rows] = getattr(option, name)(t[rows] if t.shape[0] > 1 else t)
        return found

    def value(self, t: np.ndarray) -> np.ndarray:
        return self._gather("value", t, np.float64)

    def slope(self, t: np.ndarray) -> np.ndarray:
        return self._gather("slope", t, np.float64)

    def since(self, t: np.ndarray) -> np.ndarray:
        return self._gather("since", t, np.int64)

    def knots(self, first: int, last: int) -> np.ndarray:
        return _within([option.knots(first, last) for option in self._options], first, last)

    def begins(self) -> np.ndarray:
        return np.concatenate([option.begins() for option in self._options])


def _within(found: Sequence[np.ndarray], first: int, last: int) -> np.ndarray:
    ticks = np.unique(np.concatenate([*found, np.empty(0, dtype=np.int64)])).astype(np.int64)
    return ticks[(ticks >= first) & (ticks < last)]
