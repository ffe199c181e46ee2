"""EventResampling: stored events and stored intervals between them, drawn in turn.

The training runs are cut at the beginning and the end of every multiple-firing event (detector
"crossing"). A rollout draws an event and an interval in turn, each with the same probability from
all those of the nearest runs in scaled parameters, and plays their records with all series: spike
counts and time course are those of the network, only the order is lost. What one event owes to the
one before it, and what changes between training points, is what this baseline cannot know.

Source: resampling of stored multiple-firing events as the simplest closed loop of an event map;
alternating renewal process, Cox (1962), Renewal Theory.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from snnsurrogate import features
from snnsurrogate.surrogate.baselines._base import (
    BURN_IN,
    Baseline,
    OneByOne,
    register,
    whole_numbers,
)
from snnsurrogate.surrogate.baselines._runs import Runs


@register
@dataclass(frozen=True, kw_only=True)
class EventResampling(Baseline):
    """Alternating draws of stored events and intervals.

    Attributes:
        neighbours: nearest runs (with two events or more) to draw from.
    """

    name: ClassVar[str] = "event-resampling"
    neighbours: int = 4

    def __post_init__(self) -> None:
        whole_numbers(self, "neighbours")

    def learn(self, runs: Runs, seed: int) -> OneByOne:
        """Where events begin and end.

        Raises:
            ValueError: no run has two events.
        """
        table = features.events(runs.ds, detector="crossing")
        number = table["event_count"].values
        if number.max(initial=0) < 2:
            msg = (
                f"none of the {len(number)} runs holds two events of the detector 'crossing'; "
                "there is nothing to draw from. PopulationMap and the other baselines need none."
            )
            raise ValueError(msg)
        first = np.rint(table["onset"].values / runs.step).astype(np.int64)
        last = first + np.rint(table["duration"].values / runs.step).astype(np.int64)
        ends = np.cumsum(number)
        pieces = []
        for end, n in zip(ends, number, strict=True):
            begin, stop = (a[end - n : end] + 1 for a in (first, last))  # record i ends at time i
            # an event whose next onset is known, and the interval that follows it
            pieces.append((begin[:-1], stop[:-1], begin[1:]) if n > 1 else None)
        return _Resampler(runs=runs, neighbours=self.neighbours, pieces=tuple(pieces))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Resampler(OneByOne):
    """See `EventResampling`; pieces are (event begins, event ends, interval ends) per run."""

    neighbours: int
    pieces: tuple[tuple[np.ndarray, np.ndarray, np.ndarray] | None, ...]

    def sample(
        self, parameters: Mapping[str, float], records: int, rng: np.random.Generator
    ) -> np.ndarray:
        order, _ = self.runs.nearest(parameters)
        chosen = [i for i in order if self.pieces[i] is not None][: self.neighbours]
        length = self.runs.x.shape[1]
        where = [(k * length, *found) for k, i in enumerate(chosen) if (found := self.pieces[i])]
        begin, stop, following = (
            np.concatenate([piece[0] + piece[j] for piece in where]) for j in (1, 2, 3)
        )
        played = play(begin, stop, following, records + BURN_IN, rng)
        return self.runs.x[chosen].reshape(-1, len(self.columns))[played[BURN_IN:]]


def play(
    begin: np.ndarray, stop: np.ndarray, following: np.ndarray, n: int, rng: np.random.Generator
) -> np.ndarray:
    """Positions (n,) of records: event [begin, stop) and interval [stop, following) in turn."""
    usual = float(np.mean(following - begin))
    first, size = np.empty(0, np.int64), np.empty(0, np.int64)
    while size.sum() < n:
        pairs = 1 + int((n - size.sum()) / usual)
        event, interval = rng.integers(0, begin.size, (2, pairs))
        first = np.concatenate([first, np.stack([begin[event], stop[interval]], 1).ravel()])
        sizes = np.stack([(stop - begin)[event], (following - stop)[interval]], 1)
        size = np.concatenate([size, sizes.ravel()])
    before = np.cumsum(size) - size
    return (np.repeat(first - before, size) + np.arange(size.sum()))[:n]
