"""Protocols made of protocols: sums, multiples, sequences, one of several per sample."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from . import _fields
from ._base import Protocol
from ._fields import Context
from ._tracks import Choice, Scaled, Total, Track, Window

__all__ = ["Each", "Scale", "Sum", "Then"]


@dataclass(frozen=True, kw_only=True)
class Sum(Protocol):
    """The sum of its terms."""

    kind: ClassVar[str] = "sum"
    terms: tuple[Protocol, ...] = _fields.children()

    def track(self, context: Context, numbers: Iterator[int]) -> Track:
        return Total([term.track(context, numbers) for term in self.terms])


@dataclass(frozen=True, kw_only=True)
class Scale(Protocol):
    """A protocol times a factor."""

    kind: ClassVar[str] = "scale"
    of: Protocol = _fields.child()
    factor: Any = _fields.number()

    def track(self, context: Context, numbers: Iterator[int]) -> Track:
        factor = context.values(self.factor, "number", "factor of scale")
        return Scaled(self.of.track(context, numbers), factor)


@dataclass(frozen=True, kw_only=True)
class Then(Protocol):
    """One protocol, and another from its end on."""

    kind: ClassVar[str] = "then"
    first: Protocol = _fields.child()
    second: Protocol = _fields.child()

    def __post_init__(self) -> None:
        if not isinstance(self.second, Protocol):
            msg = f"then got {self.second!r}; expected a protocol."
            raise TypeError(msg)

    def track(self, context: Context, numbers: Iterator[int]) -> Track:
        first = self.first.track(context, numbers)
        if first.end is None:
            msg = (
                f"{self.first.kind!r} has no end, so nothing can follow it; give it a duration "
                "(protocols.constant: use a step with start='0 ms')."
            )
            raise ValueError(msg)
        return Total([first, Window(self.second.track(context, numbers), first.end, None)])


@dataclass(frozen=True, kw_only=True)
class Each(Protocol):
    """One of several protocols per sample: the one at position ``which``."""

    kind: ClassVar[str] = "each"
    options: tuple[Protocol, ...] = _fields.children()
    which: Any = _fields.number()

    def track(self, context: Context, numbers: Iterator[int]) -> Track:
        which = context.values(self.which, "number", "which of each")[:, 0]
        if ((which < 0) | (which >= len(self.options)) | (which != np.round(which))).any():
            msg = (
                f"which of each has values up to {which.max():g}; expected whole numbers from 0 to "
                f"{len(self.options) - 1}, positions in the list of {len(self.options)} protocols."
            )
            raise ValueError(msg)
        tracks, members = [], []
        for i, option in enumerate(self.options):
            rows = np.flatnonzero(which == i)
            part = dataclasses.replace(
                context,
                samples=rows.size,
                columns={name: values[rows] for name, values in context.columns.items()},
                seeds=context.seeds[rows],
            )
            # Also of an option that no sample has, so that noise keeps its place in a part.
            places = iter(list(itertools.islice(numbers, sum(p.draws for p in option.leaves()))))
            if rows.size:
                tracks.append(option.track(part, places))
                members.append(rows)
        return Choice(tracks, members, context.samples)
