"""Compiled draws of `EventMap`: mixtures of a small network, and how their numbers become spikes.

The torch module (`models._event_module.Phase`) says what is computed; tests compare the two.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from torch import Tensor

    from snnsurrogate.surrogate.models._event_module import Phase

__all__ = ["draw", "folded", "full_run", "spread_event", "whole"]

_FLAGS = {"contract", "nsz", "reassoc"}


def folded(phase: Phase, c: dict[str, Tensor]) -> tuple[np.ndarray, ...]:
    """Weights of a phase with the modulation of one parameter point worked in, float64."""

    def array(tensor: Tensor) -> np.ndarray:
        return np.ascontiguousarray(tensor.detach().numpy(), dtype=np.float64)

    def layer(name: str) -> tuple[np.ndarray, np.ndarray]:
        linear = getattr(phase, name)
        scale, shift = 1.0 + array(c[f"{name}_scale"][0]), array(c[f"{name}_shift"][0])
        return scale[:, None] * array(linear.weight), scale * array(linear.bias) + shift

    def head(name: str, tie: Tensor) -> tuple[np.ndarray, ...]:
        linear, skip = getattr(phase, f"{name}_head"), getattr(phase, f"{name}_skip")
        shift = array(c["numbers" if name == "number" else "state"][0])
        lower = np.tril(array(tie), -1)
        return array(linear.weight), array(linear.bias), array(skip.weight), shift, lower

    return (
        *layer("inner"), *layer("middle"), *head("number", phase.number_tie),
        *layer("late"), *head("state", phase.state_tie),
    )  # fmt: skip


@njit(cache=True, nogil=True, fastmath=_FLAGS, error_model="numpy")
def _affine(weight, bias, x, out):  # type: ignore[no-untyped-def]
    for i in range(out.size):
        total = bias[i]
        for j in range(x.size):
            total += weight[i, j] * x[j]
        out[i] = total


@njit(cache=True, nogil=True, fastmath=_FLAGS, error_model="numpy")
def _layer(weight, bias, x, out):  # type: ignore[no-untyped-def]
    _affine(weight, bias, x, out)
    for i in range(out.size):
        out[i] = math.tanh(out[i])


@njit(cache=True, nogil=True, fastmath=_FLAGS, error_model="numpy")
def _mixture(hidden, x, weight, bias, skip, shift, tie, random, mean_only, out):  # type: ignore[no-untyped-def]
    """One draw of a mixture, or the mean of its only component."""
    k, n = tie.shape[0], out.size
    chosen = 0
    if not mean_only:
        logits = np.empty(k)
        _affine(weight[:k], bias[:k], hidden, logits)
        top = logits.max()
        left = random.random() * np.exp(logits - top).sum()
        while chosen < k - 1:
            left -= math.exp(logits[chosen] - top)
            if left < 0.0:
                break
            chosen += 1
    means = np.empty(n)
    first = k + chosen * n
    _affine(weight[first : first + n], bias[first : first + n], hidden, means)
    _affine(skip, shift, x, out)
    for i in range(n):
        out[i] += means[i]
    if mean_only:
        return
    raw, z = np.empty(n), np.empty(n)
    first += k * n
    _affine(weight[first : first + n], bias[first : first + n], hidden, raw)
    for i in range(n):
        z[i] = random.standard_normal()
        total = z[i]
        for j in range(i):
            total += tie[chosen, i, j] * z[j]
        out[i] += (0.7 * math.exp(4.0 * math.tanh(raw[i] / 4.0)) + 0.02) * total


@njit(cache=True, nogil=True, error_model="numpy")
def draw(x, weights, random, mean_only, v, y):  # type: ignore[no-untyped-def]
    """Numbers v and state after y of one event or interval, scaled coordinates.

    Args:
        x: (state,) state before.
        weights: of `folded`.
        random: numpy.random.Generator.
        mean_only: no draw but the mean.
        v: (number,) is filled.
        y: (state,) is filled.
    """
    (w1, b1, w2, b2, nw, nb, ns, nc, nt, w3, b3, sw, sb, ss, sc, st) = weights
    a, hidden, late = np.empty(b1.size), np.empty(b2.size), np.empty(b3.size)
    _layer(w1, b1, x, a)
    _layer(w2, b2, a, hidden)
    _mixture(hidden, x, nw, nb, ns, nc, nt, random, mean_only, v)
    both = np.zeros(hidden.size + v.size)
    both[: hidden.size] = hidden
    if not mean_only:
        both[hidden.size :] = v
    _layer(w3, b3, both, late)
    seen = np.zeros(x.size + v.size)
    seen[: x.size] = x
    if not mean_only:
        seen[x.size :] = v
    _mixture(late, seen, sw, sb, ss, sc, st, random, mean_only, y)


@njit(cache=True, nogil=True, error_model="numpy")
def _bounded(x, low, high, clipped):  # type: ignore[no-untyped-def]
    """Clip to the region seen in training, and count."""
    for i in range(x.size):
        if x[i] < low[i]:
            x[i] = low[i]
            clipped[i] += 1
        elif not x[i] <= high[i]:
            x[i] = high[i]
            clipped[i] += 1


@njit(cache=True, nogil=True, error_model="numpy")
def whole(v, mean, sd, numbers):  # type: ignore[no-untyped-def]
    """Scaled numbers as whole ones: first the duration, exp(.), then counts, (.)^2."""
    for i in range(v.size):
        x = mean[i] + sd[i] * v[i]
        x = math.exp(x) if i == 0 else max(x, 0.0) ** 2
        numbers[i] = np.int64(math.floor(x))


@njit(cache=True, nogil=True, error_model="numpy")
def _share(reached, q, phase):  # type: ignore[no-untyped-def]
    """Share of the spikes up to a phase, in tenths."""
    j = min(np.int64(phase), reached.shape[1] - 2)
    return reached[q, j] + (phase - j) * (reached[q, j + 1] - reached[q, j])


@njit(cache=True, nogil=True, error_model="numpy")
def spread_event(numbers, reached, least, most, at, tail, counts, inside):  # type: ignore[no-untyped-def]
    """Write an event and its tail from bin ``at`` on; returns the bin after it.

    Spikes follow the mean profile, with two exceptions for the first population, without which the
    event would not begin or end where it does.

    Args:
        numbers: duration, spikes of both populations, of the tail of both.
        reached: (2, 11) share of the spikes up to every tenth of the duration.
        least: spikes in the bin before and the first two of an event: the first two are raised.
        most: spikes in its last bin and the tail: the last one is lowered, in favour of the first.
        at: first bin.
        tail: number of bins after the event.
        counts: (2, bin) is filled; what lies beyond is left out.
        inside: (bin,) is filled.
    """
    duration = max(numbers[0], 1)
    bins = inside.size
    made = np.zeros(duration, np.int64)
    for q in range(2):
        before: Any = 0
        for k in range(duration):
            share = _share(reached, q, (reached.shape[1] - 1) * (k + 1.0) / duration)
            upto = np.int64(math.floor(share * numbers[1 + q] + 0.5))
            made[k] = upto - before
            before = upto
        made[duration - 1] += numbers[1 + q] - before
        if q == 0 and duration > 2:
            surplus = made[duration - 1] - max(most - numbers[3], 0)
            if surplus > 0:
                made[duration - 1] -= surplus
                made[0] += surplus
            wanted = least - made[0] - made[1]
            if at > 0:
                wanted -= counts[0, at - 1]
            k = duration - 1
            while wanted > 0 and k > 1:  # from the last bins on
                moved = min(wanted, made[k] // 2)
                made[k] -= moved
                made[1] += moved
                wanted -= moved
                k -= 1
        for k in range(duration):
            if at + k < bins:
                counts[q, at + k] = made[k]
                inside[at + k] = 1
    _evenly(numbers[3:5], at + duration, tail, counts)
    return at + duration + tail


@njit(cache=True, nogil=True, error_model="numpy")
def _evenly(total, at, length, counts):  # type: ignore[no-untyped-def]
    """Spread spikes of both populations evenly over bins."""
    for q in range(2):
        before: Any = 0
        for k in range(length):
            upto = np.int64(math.floor(total[q] * (k + 1) / length + 0.5))
            if at + k < counts.shape[1]:
                counts[q, at + k] = upto - before
            before = upto


@njit(cache=True, nogil=True, error_model="numpy")
def event_step(x, weights, region, random, mean_only, clipped, numbers, y):  # type: ignore[no-untyped-def]
    """One event or interval: whole numbers, and the scaled state after it, inside the region.

    Args:
        x: (state,) scaled state before.
        weights: of `folded`.
        region: mean and sd of the numbers; lowest and highest scaled numbers; the same two of the
            state after.
        random: numpy.random.Generator.
        mean_only: no draw but the mean.
        clipped: (number + state,) to which clipped values are added.
        numbers: (number,) int64 is filled.
        y: (state,) is filled.
    """
    mean, sd, low_v, high_v, low_y, high_y = region
    v = np.empty(numbers.size)
    draw(x, weights, random, mean_only, v, y)
    _bounded(v, low_v, high_v, clipped[: v.size])
    _bounded(y, low_y, high_y, clipped[v.size :])
    whole(v, mean, sd, numbers)


@njit(cache=True, nogil=True, error_model="numpy")
def full_run(  # type: ignore[no-untyped-def]
    x, event, interval, of_event, of_interval, scale, shift, reached, least, most, tail,
    random, mean_only, counts, inside, clipped_event, clipped_interval,
):  # fmt: skip
    """Alternate events and intervals until all bins are written; returns the number of events.

    The arguments, shapes in brackets:
        x: (state,) scaled state before the first event.
        event, interval: weights of `folded`.
        of_event, of_interval: regions of `event_step`.
        scale, shift: (state,) from the scaled state before the next event to that before an event.
        reached, least, most, tail: of `spread_event`.
        random: numpy.random.Generator.
        mean_only: no draws but the means.
        counts, inside: are filled, (2, bin) and (bin,).
        clipped_event, clipped_interval: of `event_step`.
    """
    five, three = np.zeros(5, np.int64), np.zeros(3, np.int64)
    after, following = np.empty(x.size), np.empty(x.size)
    at, events = 0, 0
    while at < inside.size:
        event_step(x, event, of_event, random, mean_only, clipped_event, five, after)
        at = spread_event(five, reached, least, most, at, tail, counts, inside)
        events += 1
        event_step(
            after, interval, of_interval, random, mean_only, clipped_interval, three, following
        )
        length = max(three[0] - 1, 0)
        _evenly(three[1:3], at, length, counts)
        at += length
        for i in range(x.size):
            x[i] = scale[i] * following[i] + shift[i]
    return events
