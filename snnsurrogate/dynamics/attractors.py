"""What an orbit ended on: features of attractors, their groups, and who is who elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from snnsurrogate.features import QUIESCENT, REGIMES, classify
from snnsurrogate.kernels import Kernel

from .fixed_points import polish
from .orbit import Recorder, recorder, spike_rule

__all__ = ["LABELS", "MISSING", "OSCILLATING", "Ends", "follow", "group", "run_to_ends", "watcher"]

MISSING = -1
LABELS = (*REGIMES, "oscillating")
OSCILLATING = len(REGIMES)  # moves, and there is no spike rule to say more
REST = 1e-3  # of the state box: a record that spans less is one of rest
SAME = 1e-5  # of the state box: fixed points nearer than this are one
SHRINKS = 0.99  # the range of an orbit on its way to rest, from one half of the record to the next


@dataclass(frozen=True)
class Ends:
    """Where orbits ended, one row per start.

    Attributes:
        features: (start, 2 state) lowest and highest value of every state over the record, in
            widths of the state box; NaN where the orbit diverged.
        label: (start,) index into LABELS, MISSING where it diverged.
        rest: (start,) whether the record spans less than REST in every state.
        settled: (start,) whether both halves of the record have the same features.
        shrinks: (start,) whether the second half of the record spans less than SHRINKS times the
            first, in every state: on its way to a fixed point.
        place: (start, state) of an orbit at rest, the fixed point that it rests at or is on its way
            to, in widths of the state box; NaN where there is none nearby.
    """

    features: np.ndarray
    label: np.ndarray
    rest: np.ndarray
    settled: np.ndarray
    shrinks: np.ndarray
    place: np.ndarray


def watcher(source: Any, kernel: Kernel, *, duration: Any, transient: Any, dt: Any) -> Recorder:
    """Recorder of one half of the record: of spikes where the source has a rule, else of maxima."""
    by = "interval" if spike_rule(source) else "maximum"
    return recorder(
        source, kernel, by=by, state=None, level=None, reset=None, duration=duration,
        transient=transient, dt=dt, room=20_000,
    )  # fmt: skip


def run_to_ends(
    record: Recorder, spiking: bool, starts: np.ndarray, point: np.ndarray, *, tolerance: float
) -> Ends:
    """Run every start through the transient and both halves of the record.

    Args:
        record: what :func:`watcher` gives, with the whole duration.
        spiking: whether its events are spikes.
        starts: (start, state).
        point: (parameter,).
        tolerance: greatest difference of the features of both halves if settled.
    """
    k = record.kernel
    width = k.high - k.low
    half = record.n_steps // 2
    first = _with(record, record.n_transient, half)
    second = _with(record, 0, half)
    n = len(starts)
    features = np.full((n, 2 * k.dimension), np.nan)
    label = np.full(n, MISSING, dtype=np.int8)
    rest, settled, shrinks = np.zeros((3, n), dtype=bool)
    place = np.full((n, k.dimension), np.nan)
    for i in range(n):  # over starts; the loop over time is compiled
        x = starts[i].copy()
        a = first.run(x, point)
        if a.count < 0:
            continue
        b = second.run(x, point)
        if b.count < 0:
            continue
        ends = [np.concatenate([o.low - k.low, o.high - k.low]) / np.tile(width, 2) for o in (a, b)]
        settled[i] = np.abs(ends[1] - ends[0]).max() <= tolerance
        shrinks[i] = (b.high - b.low <= SHRINKS * (a.high - a.low)).all()
        low, high = np.minimum(a.low, b.low), np.maximum(a.high, b.high)
        features[i] = np.concatenate([low - k.low, high - k.low]) / np.tile(width, 2)
        rest[i] = ((high - low) < REST * width).all()
        if rest[i]:
            label[i] = QUIESCENT
            point_of_rest, size = polish(k, x, point, 1)
            near = (np.abs(point_of_rest - x) <= tolerance * width).all()
            if near and size < 1e-6:
                place[i] = point_of_rest / width
        elif spiking:
            length = half * record.step
            times = np.concatenate([a.times[: a.kept], length + b.times[: b.kept]])
            label[i] = classify(times, start=0.0, stop=2 * length)
        else:
            label[i] = OSCILLATING
    return Ends(features, label, rest, settled, shrinks, place)


def _with(record: Recorder, n_transient: int, n_steps: int) -> Recorder:
    return replace(
        record, n_transient=n_transient, n_steps=n_steps, room=min(record.room, n_steps)
    )  # fmt: skip


def group(ends: Ends, tolerance: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Attractors among the ends: starts whose features differ by less than ``tolerance``.

    Rest and motion are never one attractor, however small the motion; nor are two fixed points,
    however near.

    Returns:
        index (start,) of the attractor, -1 where diverged; features (attractor, 2 state), label
        and rest (attractor,). Rest comes first, then the most frequent.
    """
    index = np.full(len(ends.label), -1, dtype=np.int64)
    leaders: list[int] = []
    # settled starts lead: an orbit on its way to an attractor is not one of its own
    for i in np.lexsort((~ends.settled,)):
        if ends.label[i] == MISSING:
            continue
        for j, leader in enumerate(leaders):
            near = np.abs(ends.features[i] - ends.features[leader]).max() <= tolerance
            apart = np.abs(ends.place[i] - ends.place[leader]).max() > SAME  # False where unknown
            if near and ends.rest[i] == ends.rest[leader] and not apart:
                index[i] = j
                break
        else:
            index[i] = len(leaders)
            leaders.append(i)
    count = np.bincount(index[index >= 0], minlength=len(leaders))
    rest = ends.rest[leaders] if leaders else np.zeros(0, dtype=bool)
    order = np.lexsort((-count, ~rest))
    rank = np.argsort(order)
    index = np.where(index >= 0, rank[index] if leaders else -1, -1)
    features = np.array(
        [np.median(ends.features[(index == j) & _best(ends, index == j)], axis=0)
         for j in range(len(leaders))]
    ).reshape(-1, ends.features.shape[1])  # fmt: skip
    label = np.array([_most(ends.label[index == j]) for j in range(len(leaders))], dtype=np.int8)
    return index, features, label, rest[order]


def _best(ends: Ends, members: np.ndarray) -> np.ndarray:
    settled = ends.settled & members
    return settled if settled.any() else members


def _most(labels: np.ndarray) -> int:
    values, counts = np.unique(labels, return_counts=True)
    return int(values[np.argmax(counts)])


def follow(
    known: dict[int, tuple[np.ndarray, bool]], features: np.ndarray, rest: np.ndarray, reach: float
) -> list[int]:
    """Identities of attractors, from those known at a neighbouring parameter point.

    The assignment of least total distance, among pairs nearer than ``reach`` and of one kind (rest
    or motion); what is left over is new. ``known`` (identity -> features, rest) is brought up to
    date.
    """
    from scipy.optimize import linear_sum_assignment

    far = 1e6
    names = list(known)
    cost = np.full((len(features), len(names)), far)
    for i, (here, still) in enumerate(zip(features, rest, strict=True)):
        for j, name in enumerate(names):
            there, kind = known[name]
            distance = np.abs(here - there).max()
            if distance <= reach and kind == still:
                cost[i, j] = distance
    identities = [-1] * len(features)
    for i, j in zip(*linear_sum_assignment(cost), strict=True):
        if cost[i, j] < far:
            identities[i] = names[j]
    fresh = max(names, default=-1) + 1
    for i in range(len(features)):
        if identities[i] < 0:
            identities[i], fresh = fresh, fresh + 1
        known[identities[i]] = (features[i], bool(rest[i]))
    return identities
