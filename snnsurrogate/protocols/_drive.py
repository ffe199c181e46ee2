"""A protocol with its samples: what an engine integrates and a dataset holds."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from snnsurrogate import units

from ._base import Protocol
from ._combined import Each
from ._fields import Context, is_column, milliseconds
from ._sampled import Array
from ._tracks import Track

__all__ = ["Drive", "Events", "seeds"]


def seeds(seed: Any, n: int) -> np.ndarray:
    """(n,) seeds of samples, derived from the seed of a sweep as :func:`simulate` does.

    An array of ``n`` seeds is returned as it is.

    Raises:
        ValueError: no whole number of at least 0, or another number of them.
    """
    given = np.asarray(seed)
    if given.dtype.kind not in "iu" or (given < 0).any() or given.shape not in ((), (n,)):
        msg = f"seed is {seed!r}; expected a whole number of at least 0, or one per sample ({n})."
        raise ValueError(msg)
    if given.ndim:
        return given.astype(np.int64)
    return np.random.SeedSequence(int(given)).generate_state(n).astype(np.int64)


@dataclass(frozen=True, kw_only=True)
class Events:
    """The input of some samples over a span of steps, as its linear pieces.

    From step ``steps[e]`` to the next event the input of sample i at step k is
    ``value[e, i] + slope[e, i] * (k - since[e, i])``, with the slope per step.
    """

    steps: np.ndarray
    since: np.ndarray
    value: np.ndarray
    slope: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class Drive:
    """A protocol, the values of its columns, and the seeds of its noise, for every sample.

    Made by :meth:`Protocol.drive` or :func:`of`. Given as ``protocol`` to a simulation or a
    rollout it is the same input again, sample by sample, noise included.

    Attributes:
        protocol: the protocol; values that were given one per sample have become columns.
        columns: name -> (sample,) values.
        seeds: (sample,).
        time_unit: of columns of times.
    """

    protocol: Protocol
    columns: Mapping[str, np.ndarray]
    seeds: np.ndarray
    time_unit: str

    @classmethod
    def of(
        cls,
        protocol: Protocol,
        n: int | None,
        *,
        seed: Any,
        columns: Mapping[str, Any],
        time_unit: str,
    ) -> Drive:
        """See :meth:`Protocol.drive`."""
        wanted = protocol.columns
        given = {name: np.asarray(columns[name], float) for name in wanted if name in columns}
        protocol, arrays = _with_columns(protocol, {*wanted, *columns}, time_unit)
        given |= arrays
        sizes = {v.size for v in given.values() if v.ndim}
        sizes |= {np.size(seed)} if np.ndim(seed) else set()
        n = n if n is not None else max(sizes, default=1)
        if sizes - {n}:
            most = max(sizes)
            msg = (
                f"the protocol gives values for {sorted(sizes)} samples; expected {n}. Give as "
                f"many samples, e.g. Design.points({{}}, repeats={most})."
            )
            raise ValueError(msg)
        given = {name: np.array(np.broadcast_to(v, (n,))) for name, v in given.items()}
        drive = cls(protocol=protocol, columns=given, seeds=seeds(seed, n), time_unit=time_unit)
        drive._steps  # noqa: B018 - reads every column and time, so that errors come early
        return drive

    @property
    def samples(self) -> int:
        """Number of samples."""
        return self.seeds.size

    @property
    def rule(self) -> str:
        """Of the protocol."""
        return self.protocol.rule

    @property
    def json(self) -> str:
        """The protocol as text; with columns and seeds it makes this drive again."""
        return self.protocol.to_json()

    def units(self, unit: str) -> dict[str, str]:
        """Units of the columns, for an input in ``unit``."""
        kinds = {"amplitude": unit, "time": self.time_unit, "frequency": "Hz", "number": "1"}
        return {name: kinds[kind] for name, kind in self.protocol.column_kinds.items()}

    def select(self, samples: Any) -> Drive:
        """The drive of some samples: positions, a slice or a mask."""
        columns = {name: values[samples] for name, values in self.columns.items()}
        return dataclasses.replace(self, columns=columns, seeds=self.seeds[samples])

    def values(self, time_step: Any, n_steps: int, *, unit: str, first: int = 0) -> np.ndarray:
        """The input at equal intervals.

        Args:
            time_step: text with a unit; need not fit the edges of the protocol.
            n_steps: intervals.
            unit: of the input, in which the result is.
            first: interval of the first value.

        Returns:
            (sample, n_steps + 1): at a jump the value after it, but at the last point the value
            before it.
        """
        step = milliseconds(time_step, "time_step")
        tick = functools.reduce(_common, self._steps, step)
        t = np.arange(first, first + n_steps + 1, dtype=np.int64) * int(step / tick)
        track = self.track(tick, unit)
        found = np.array(np.broadcast_to(track.value(t[None]), (self.samples, t.size)))
        if n_steps:
            before = t[None, -1:] - 1
            found[:, -1:] = track.value(before) + track.slope(before)
        return found

    def segments(
        self, time_step: Any, n_steps: int, *, unit: str, first: int = 0
    ) -> tuple[np.ndarray, np.ndarray]:
        """The input within every step, exactly: a straight line from start to stop.

        Args:
            time_step: text with a unit; every edge of the protocol must be a multiple of it.
            n_steps: steps.
            unit: of the input, in which the result is.
            first: number of the first step.

        Returns:
            start, stop: (sample, n_steps) each; they are equal under the rule "hold".

        Raises:
            ValueError: an edge inside a step; the message gives the nearest steps.
        """
        track = self.track(milliseconds(time_step, "time_step"), unit)
        t = np.arange(first, first + n_steps, dtype=np.int64)[None]
        shape = (self.samples, n_steps)
        start = np.array(np.broadcast_to(track.value(t), shape))
        return start, start + np.broadcast_to(track.slope(t), shape)

    def events(self, time_step: Any, first: int, last: int, *, unit: str) -> Events:
        """The linear pieces of the input over the steps ``first`` to ``last - 1``.

        Raises:
            ValueError: an edge inside a step.
        """
        track = self.track(milliseconds(time_step, "time_step"), unit)
        steps = np.union1d([first], track.knots(first, last)).astype(np.int64)
        shape = (self.samples, steps.size)
        since = np.broadcast_to(track.since(steps[None]), shape)
        # At its own beginning, not where another sample or a new chunk begins a piece: the
        # numbers of a sample then do not depend on what it is run with.
        began = np.maximum(since, 0)
        value = np.where(since < 0, track.value(steps[None]), _own(track, began, "value"))
        slope = np.where(since < 0, 0.0, _own(track, began, "slope"))
        return Events(steps=steps, since=began.T, value=value.T, slope=slope.T)

    def density(self, time_step: Any, n_steps: int, *, unit: str) -> float:
        """About how many pieces begin per step, where they are densest, of up to 64 samples."""
        part = self.select(slice(64))
        track = part.track(milliseconds(time_step, "time_step"), unit)
        size = min(1 << 14, n_steps)
        windows = np.linspace(0, n_steps - size, 9).astype(np.int64)
        most = max(track.knots(int(begin), int(begin) + size).size for begin in windows)
        return max(1, most) / max(1, size)

    def track(self, tick: Fraction, unit: str) -> Track:
        """The function of ticks of that many ms, in ``unit``.

        Raises:
            ValueError: an edge that is no multiple of the tick, or a value of another dimension.
        """
        key = (tick, unit)
        if key not in self._tracks:
            self._tracks[key] = self.protocol.track(self._context(tick, unit), itertools.count())
        return self._tracks[key]

    @functools.cached_property
    def _tracks(self) -> dict[tuple[Fraction, str], Track]:
        return {}

    @functools.cached_property
    def _steps(self) -> list[Fraction]:
        times = self.protocol.steps(self._context(Fraction(1), "1"))
        return sorted({t for t in times if t})

    def _context(self, tick: Fraction, unit: str) -> Context:
        return Context(
            samples=self.samples,
            unit=unit,
            time_unit=self.time_unit,
            columns=self.columns,
            seeds=self.seeds,
            tick=tick,
        )

    def check(self, duration: Any, *, unit: str, low: float, high: float, what: str) -> None:
        """Compare the protocol with a record and with the declared range of the input.

        See also :meth:`check_length`, which it calls.

        Args:
            duration: of the record, text with a unit.
            unit: of the input.
            low: lower end of the range.
            high: upper end.
            what: name of the input.

        Warns:
            UserWarning: values outside the range, or a protocol that the record cuts off.

        Raises:
            ValueError: a part begins after the record, or a recorded current ends before it.
        """
        tick = functools.reduce(_common, self._steps, milliseconds(duration, "duration"))
        last = int(milliseconds(duration, "duration") / tick)
        self.check_length(duration, unit=unit, stacklevel=6)
        self._check_range(self.track(tick, unit), last, unit, low, high, what)

    def check_length(self, duration: Any, *, unit: str, stacklevel: int = 4) -> None:
        """Compare the protocol with the length of a record.

        Args:
            duration: of the record, text with a unit.
            unit: of the input.
            stacklevel: of the warning.

        Warns:
            UserWarning: a protocol that the record cuts off.

        Raises:
            ValueError: a part begins after the record, or a recorded current ends before it.
        """
        length = milliseconds(duration, "duration")
        tick = functools.reduce(_common, self._steps, length)
        track, last = self.track(tick, unit), int(length / tick)
        begins = int(track.begins().max())
        if begins >= last:
            msg = (
                f"a part of the protocol begins at {float(begins * tick):g} ms, but the record "
                f"lasts {float(length):g} ms: nothing of it would be applied. Give a longer "
                "duration or an earlier start."
            )
            raise ValueError(msg)
        end = None if track.end is None else np.asarray(track.end)
        recorded = any(isinstance(part, Array) for part in self.protocol.leaves())
        if end is not None and recorded and int(end.min()) < last:
            msg = (
                f"the recorded current ends at {float(int(end.min()) * tick):g} ms, before the "
                f"record of {float(length):g} ms. Give duration="
                f"'{float(int(end.min()) * tick):g} ms', or say what follows it, e.g. "
                ".then(protocols.step(0, start='0 ms'))."
            )
            raise ValueError(msg)
        if end is not None and int(end.max()) > last:
            warnings.warn(
                f"the record of {float(length):g} ms ends before the protocol, which lasts "
                f"{float(int(end.max()) * tick):g} ms.",
                stacklevel=stacklevel,
            )

    def _check_range(
        self, track: Track, last: int, unit: str, low: float, high: float, what: str
    ) -> None:
        least, most = np.inf, -np.inf
        knots = np.union1d([0, last], track.knots(0, last)).astype(np.int64)
        size = max(1, (1 << 20) // max(1, self.samples))
        for begin in range(0, knots.size, size):
            part = knots[None, begin : begin + size]
            ends = np.maximum(part - 1, 0)
            for found in (track.value(part), track.value(ends) + track.slope(ends)):
                least, most = min(least, float(found.min())), max(most, float(found.max()))
        slack = 1e-9 * (high - low)
        if least < low - slack or most > high + slack:
            shown = "" if unit == "1" else f" {unit}"
            warnings.warn(
                f"the protocol drives {what} over [{least:.4g}, {most:.4g}]{shown}, outside its "
                f"declared range [{low:g}, {high:g}]{shown}; the model may not hold there.",
                stacklevel=5,
            )


def _own(track: Track, ticks: np.ndarray, name: str) -> np.ndarray:
    return np.broadcast_to(getattr(track, name)(ticks), ticks.shape)


def _common(a: Fraction, b: Fraction) -> Fraction:
    """Greatest common divisor."""
    return Fraction(
        math.gcd(a.numerator * b.denominator, b.numerator * a.denominator),
        a.denominator * b.denominator,
    )


def _with_columns(
    protocol: Protocol, taken: set[str], time_unit: str
) -> tuple[Protocol, dict[str, np.ndarray]]:
    """The protocol with columns instead of values per sample, and these columns."""
    arrays: dict[str, np.ndarray] = {}

    def visit(part: Protocol) -> Protocol:
        changes: dict[str, Any] = {}
        for item in dataclasses.fields(part):
            kind, value = item.metadata["kind"], getattr(part, item.name)
            if kind == "child":
                changes[item.name] = visit(value)
            elif kind == "children":
                changes[item.name] = tuple(visit(inner) for inner in value)
            elif kind != "plain" and isinstance(value, tuple):
                base = "protocol" if isinstance(part, Each) else item.name
                changes[item.name] = name = _free(base, taken)
                taken.add(name)
                arrays[name] = _numbers(value, kind, time_unit, f"{item.name} of {part.kind}")
        return dataclasses.replace(part, **changes) if changes else part

    return visit(protocol), arrays


def _numbers(values: tuple[Any, ...], kind: str, time_unit: str, what: str) -> np.ndarray:
    if any(is_column(value) for value in values):
        msg = f"{what} is {values}; one name of a column serves all samples, give it alone."
        raise ValueError(msg)
    if kind == "amplitude":
        if not all(isinstance(value, float) for value in values):
            msg = f"{what} is {values}; give one value per sample as numbers in the declared unit."
            raise ValueError(msg)
        return np.array(values)
    unit = {"time": time_unit, "frequency": "Hz", "number": "1"}[kind]
    return np.array([units.magnitude(v, unit, what=what, bare=kind == "number") for v in values])


def _free(base: str, taken: set[str]) -> str:
    names = itertools.chain([base], (f"{base}_{i}" for i in itertools.count(2)))
    return next(name for name in names if name not in taken)
