"""Multiple-firing events of a network as rows of numbers, which `EventMap` learns.

An event begins and ends where the detector "crossing" says so: with y the mean of the spikes of the
first population over three bins of 1 ms and m the mean of y over the record, it begins with the
first bin where y is 1.5 m or more and ends before the first one where y is less than 0.5 m. One
cycle is an event and the interval after it, and a row holds what is known of it:

- the state of the network before the event, after it, and before the next one;
- of the event its duration, its spikes and the spikes of the two bins after it (the tail): only
  when they are over is it known that the event has ended, so that the state after the event is
  the one after the tail. What follows then depends on that state alone;
- of the interval (from the end of the tail to the next event) its duration and spikes;
- m, and how the spikes of the event are spread over tenths of its duration.

The state is that of `coarse`, without rates and with eight cosine coefficients of a histogram,
because cells are drawn from it. Numbers of cells, kicks and spikes enter as square roots, durations
as logarithms; whole numbers are made continuous by a uniform random number in [0, 1) that is added
first.

Source: events as steps of a map after Zhang, Wang, Wu, Cai, Tao, Xiao & Li (2024),
doi:10.1007/s00285-024-02081-0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from snnsurrogate import schema, units
from snnsurrogate.features.detectors import runs_between
from snnsurrogate.surrogate import coarse
from snnsurrogate.surrogate.coarse import Column

__all__ = ["BOX", "COEFFICIENTS", "DOWN", "LEVEL", "TAIL", "UP", "Places", "columns", "cycles"]

COEFFICIENTS = 8
BOX, UP, DOWN = 3, 1.5, 0.5  # the detector's own defaults
TAIL = 2  # bins after an event that decide that it is over
TENTHS = 10
LEVEL = "event_level"  # variable of records that are too short to say their own mean
# Of such records, cycles whose event begins less than this before the end (ms) are left out: those
# that end in time would be the short ones.
ROOM = 120


@dataclass(frozen=True)
class Places:
    """Where the parts of a row are.

    Attributes:
        state: numbers of one state.
    """

    state: int

    @classmethod
    def of(cls, names: Sequence[str]) -> Places:
        """Of the names of the columns."""
        return cls(sum(name.startswith("before_") for name in names))

    @property
    def before(self) -> slice:
        """State before the event."""
        return slice(0, self.state)

    @property
    def after(self) -> slice:
        """State after the event and its tail."""
        return slice(self.state, 2 * self.state)

    @property
    def following(self) -> slice:
        """State before the next event."""
        return slice(2 * self.state, 3 * self.state)

    @property
    def event(self) -> slice:
        """Duration, spikes of both populations, spikes of the tail."""
        return slice(3 * self.state, 3 * self.state + 5)

    @property
    def interval(self) -> slice:
        """Duration and spikes of both populations."""
        return slice(3 * self.state + 5, 3 * self.state + 8)

    @property
    def level(self) -> int:
        """Mean count."""
        return 3 * self.state + 8

    @property
    def shares(self) -> slice:
        """Shares of the spikes of the event by tenths of its duration, both populations."""
        return slice(3 * self.state + 9, 3 * self.state + 9 + 2 * TENTHS)


def state_columns(ds: xr.Dataset) -> tuple[Column, ...]:
    """The columns of one state, in order.

    Raises:
        ValueError: as `coarse.columns`, or a network without exactly two populations.
    """
    found = [c for c in coarse.columns(ds) if c.kind not in ("rate", "cosine")]
    histograms = dict.fromkeys(
        (c.name.rpartition("_")[0], c.population, c.unit)
        for c in coarse.columns(ds)
        if c.kind == "cosine"
    )
    if len(coarse.sizes(ds)) != 2:
        msg = (
            f"events are learned of networks with two populations; {ds.attrs['system']!r} has "
            f"{len(coarse.sizes(ds))}"
        )
        raise ValueError(msg)
    found += [
        Column(
            name=f"{name}_{k}", unit=unit, population=population, kind="cosine",
            meaning=f"cosine coefficient {k} of the histogram {name}, per cell",
        )
        for name, population, unit in histograms
        for k in range(1, COEFFICIENTS + 1)
    ]  # fmt: skip
    return tuple(found)


def columns(ds: xr.Dataset) -> tuple[Column, ...]:
    """The columns of a row.

    Raises:
        ValueError: as `state_columns`.
    """
    e, i = coarse.sizes(ds)

    def column(name: str, kind: str, meaning: str, population: str = "", unit: str = "1") -> Column:
        return Column(name=name, unit=unit, meaning=meaning, population=population, kind=kind)

    found = [
        column(
            f"{when}_{c.name}",
            "root" if c.kind == "sum" else c.kind,
            f"{'root of ' if c.kind == 'sum' else ''}{c.meaning}, {when} the event",
            c.population,
            c.unit,
        )
        for when in ("before", "after", "next")
        for c in state_columns(ds)
    ]
    found.append(column("event_duration", "log", "log of the duration of the event in ms", e))
    for part, text in (("size", "the event"), ("tail", "the 2 ms after the event")):
        for q in (e, i):
            found.append(column(f"event_{part}_{q}", "root", f"root of {q} spikes in {text}", q))
    found.append(column("interval_duration", "log", "log of 1 + duration of the interval in ms", e))
    for q in (e, i):
        found.append(column(f"interval_size_{q}", "root", f"root of {q} spikes in the interval", q))
    found.append(column("level", "log", "log of the mean spikes per ms and cell", e))
    for q in (e, i):
        for k in range(TENTHS):
            text = f"share of the {q} spikes of the event in tenth {k + 1} of its duration"
            found.append(column(f"share_{q}_{k + 1}", "share", text, q))
    return tuple(found)


def check(ds: xr.Dataset) -> None:
    """Raise ValueError for a dataset whose events cannot be learned."""
    columns(ds)
    step = units.magnitude(ds.attrs["record_every"], "ms", what="record_every")
    if abs(step - 1.0) > 1e-9:
        msg = (
            f"the dataset is recorded every {ds.attrs['record_every']}; events are found in bins "
            "of 1 ms: simulate with record_every='1 ms'"
        )
        raise ValueError(msg)


def counts(ds: xr.Dataset, samples: Any) -> np.ndarray:
    """Spikes (sample, population, time) of the step before each time."""
    found = []
    for population, n in coarse.sizes(ds).items():
        rate = ds[f"rate_{population}"].values[samples].astype(float)
        found.append(np.rint(rate * (n[samples][:, None] * 1e-3)))
    return np.stack(found, 1)


def states(ds: xr.Dataset, samples: Any) -> np.ndarray:
    """State (sample, time, column), in the coordinates of a row."""
    cells = {p: n[samples].astype(np.float32)[:, None] for p, n in coarse.sizes(ds).items()}
    made = []
    for c in coarse.columns(ds):
        if c.kind == "sum":
            made.append(np.sqrt(ds[c.name].values[samples] / cells[c.population])[..., None])
        elif c.kind == "mean":
            made.append(ds[c.name].values[samples][..., None])
        elif c.kind == "cosine" and c.name.endswith("_1"):
            several = coarse.cosines(ds[c.name.removesuffix("_1")].values[samples], COEFFICIENTS)
            made.append(several / cells[c.population][..., None])
    return np.concatenate(made, axis=-1).astype(np.float32)


def levels(ds: xr.Dataset, n: np.ndarray, samples: Any) -> np.ndarray:
    """Mean number of spikes of the first population per ms (sample,), of a record or its parent."""
    if LEVEL in ds:
        return np.asarray(ds[LEVEL].values[samples], dtype=float)
    return np.asarray(n[:, 0, 1:].mean(axis=1))


def found_in(n: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Begin and end (in ms, whole) of the events of counts (time,), the first one of the bin at 0.

    Events that may have begun before the record or go on after it are left out.
    """
    begin, end = runs_between(n, box=BOX, high=UP * BOX * level, low=DOWN * BOX * level)
    kept = (begin > 0) & (end < n.size)
    return begin[kept] - 1, end[kept] - 1


def cycles(ds: xr.Dataset, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rows of all cycles of the samples that are ok.

    Args:
        ds: network dataset with histograms, recorded every 1 ms.
        seed: of the numbers that make counts continuous.

    Returns:
        Rows (cycle, column) float32 and the sample (cycle,) of each.

    Raises:
        ValueError: a long record without two events.
    """
    good = np.flatnonzero(schema.ok(ds))
    rows: list[np.ndarray] = []
    owners: list[np.ndarray] = []
    without = []
    rng = np.random.default_rng(seed)
    sizes = np.stack([v.astype(float) for v in coarse.sizes(ds).values()], 1)
    for i in good:
        n = counts(ds, [i])
        level = float(levels(ds, n, [i])[0])
        begin, end = found_in(n[0, 0], level) if level > 0 else (np.empty(0), np.empty(0))
        if LEVEL in ds:  # and the event that ends the last cycle
            kept = int((begin < n.shape[2] - 1 - ROOM).sum()) + 1
            begin, end = begin[:kept], end[:kept]
        if begin.size < 2:
            without.append(int(i))
            continue
        made = _rows(states(ds, [i])[0], n[0], begin, end, rng)
        made[:, Places.of([c.name for c in columns(ds)]).level] = np.log(level / sizes[i, 0])
        rows.append(made)
        owners.append(np.full(len(made), i))
    if without and LEVEL not in ds:
        msg = (
            f"samples {without[:8]} hold fewer than two multiple-firing events, so that there is "
            "no cycle to learn; EventMap knows a network by its events alone. Leave them out "
            "(features.events(train)['event_count'] > 2 are usable), simulate longer, or fit "
            "PopulationMap, which needs no events"
        )
        raise ValueError(msg)
    if not rows:
        return np.empty((0, len(columns(ds))), np.float32), np.empty(0, np.int64)
    return np.concatenate(rows).astype(np.float32), np.concatenate(owners)


def _rows(
    x: np.ndarray, n: np.ndarray, begin: np.ndarray, end: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Rows of one record: states x (time, column), counts n (population, time) of the bins before.

    An event that begins before the tail of the one before it is over (a few in a thousand where
    there are no distinct events) makes no row, nor does the last one.
    """
    first, last, following = begin[:-1], end[:-1], begin[1:]
    kept = following >= last + TAIL
    first, last, following = first[kept], last[kept], following[kept]
    total = np.concatenate([np.zeros((2, 1)), np.cumsum(n[:, 1:], axis=1)], axis=1)

    def continuous(values: np.ndarray) -> np.ndarray:
        return values + rng.random(values.shape)

    def spikes(a: np.ndarray, b: np.ndarray) -> list[np.ndarray]:
        return [np.sqrt(continuous(t[b] - t[a])) for t in total]

    numbers = [
        np.log(continuous((last - first).astype(float))),
        *spikes(first, last),
        *spikes(last, last + TAIL),
        np.log(1.0 + continuous((following - last - TAIL).astype(float))),
        *spikes(last + TAIL, following),
        np.zeros(first.size),
    ]
    phase = first[:, None] + (last - first)[:, None] * np.linspace(0, 1, TENTHS + 1)
    shares = []
    for t in total:
        reached = np.interp(phase.ravel(), np.arange(t.size), t).reshape(phase.shape)
        whole = reached[:, -1:] - reached[:, :1]
        even = np.full((first.size, TENTHS), 1.0 / TENTHS)
        shares.append(np.divide(np.diff(reached), whole, out=even, where=whole > 0))
    return np.concatenate(
        [x[first], x[last + TAIL], x[following], np.stack(numbers, 1), *shares], axis=1
    )


def by_point(
    datasets: Sequence[xr.Dataset], names: Sequence[str]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of all datasets, those of one parameter point side by side.

    Returns:
        Rows (cycle, column), their number at each point (point,), and its parameters (point, k).
    """
    rows, points = [], []
    for number, ds in enumerate(datasets):
        x, owner = cycles(ds, seed=number)
        values = [ds[name].values[owner].astype(float) for name in names]
        rows.append(x)
        points.append(np.stack(values, 1) if names else np.zeros((len(x), 0)))
    x, p = np.concatenate(rows), np.concatenate(points)
    if not names:
        return x, np.array([len(x)] if len(x) else [], dtype=np.int64), p[:1]
    found, inverse, number_of = np.unique(p, axis=0, return_inverse=True, return_counts=True)
    order = np.argsort(inverse.ravel(), kind="stable")
    return x[order], number_of, found
