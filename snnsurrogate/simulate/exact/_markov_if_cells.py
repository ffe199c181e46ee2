"""Cells of the Markovian integrate-and-fire network drawn from numbers of its populations.

Compiled. Used where a run starts from a coarse state, which says how many cells have which
potential, but not which ones: cells of a population are exchangeable, because the connections are
drawn anew at every spike.
"""

from __future__ import annotations

import numba
import numpy as np

from ._markov_if_kernel import MOST, N_EE, N_EI, N_I, N_IE, N_R, N_RE, REFRACTORY, advance
from ._random import next_word, uniform

__all__ = ["draw_cells", "until_onset"]


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _spread(listed, at, kicks, first, size, counted, a, b, c, d):  # type: ignore[no-untyped-def]
    """Give ``kicks`` kicks to cells drawn with replacement; the list goes on at ``at``."""
    for k in range(kicks):
        word, a, b, c, d = next_word(a, b, c, d)
        j = first + min(np.int64(uniform(word) * size), size - 1)
        if counted:
            listed[j] += 1
        else:
            listed[at + k] = j
    return a, b, c, d


@numba.njit(nogil=True, cache=True, error_model="numpy")
def draw_cells(  # type: ignore[no-untyped-def]
    v, pending_ee, pending_ie, pending_i, refractory, counters, words,
    sizes, weights_e, weights_i, bins, resting, kicks, counted,
):  # fmt: skip
    """Fill the arrays of a network; those of pending kicks must have room, and be 0 if counted.

    Potentials are drawn by systematic sampling: a bin gets its expected number of cells rounded
    up or down, so that the histogram asked for is the one that is drawn, up to rounding. Inside a
    bin all potentials are alike. Cells with a pending kick are drawn with replacement.

    The arguments, shapes in brackets:
        v, pending_ee, pending_ie, pending_i, refractory, counters, words: as in the event loop.
        sizes: N_E, N_I, threshold, lowest potential.
        weights_e, weights_i: (bin,) share of the cells that are not refractory; not negative.
        bins: lower end and bins per unit of the E and I histogram (2, 2).
        resting: refractory cells of E and I (2,) int64.
        kicks: pending EE, IE, EI, II (4,) int64.
        counted: whether pending kicks are counted by cell.
    """
    a, b, c, d = words[0], words[1], words[2], words[3]
    counters[:] = 0
    cell = 0
    n_r = 0
    for kind in range(2):
        weights = weights_e if kind == 0 else weights_i
        awake = sizes[kind] - resting[kind]
        total = weights.sum()
        word, a, b, c, d = next_word(a, b, c, d)
        offset = uniform(word)
        passed = 0.0
        drawn = 0
        for k in range(weights.size):
            passed += weights[k] / total * awake
            upto = min(np.int64(np.floor(passed + offset)), awake)
            if k == weights.size - 1:
                upto = awake
            low = np.int64(np.ceil(bins[kind, 0] + k / bins[kind, 1] - 1e-9))
            high = np.int64(np.ceil(bins[kind, 0] + (k + 1) / bins[kind, 1] - 1e-9))
            high = min(high, sizes[2])  # below threshold
            low = max(min(low, high - 1), sizes[3])
            while drawn < upto:
                word, a, b, c, d = next_word(a, b, c, d)
                v[cell] = low + np.int64(uniform(word) * (high - low))
                cell += 1
                drawn += 1
        for _ in range(resting[kind]):
            v[cell] = REFRACTORY
            refractory[n_r] = cell
            n_r += 1
            cell += 1
    size_e, size_i = sizes[0], sizes[1]
    a, b, c, d = _spread(pending_ee, 0, kicks[0], 0, size_e, counted, a, b, c, d)
    a, b, c, d = _spread(pending_ie, 0, kicks[1], size_e, size_i, counted, a, b, c, d)
    a, b, c, d = _spread(pending_i, 0, kicks[2], 0, size_e, counted, a, b, c, d)
    a, b, c, d = _spread(pending_i, kicks[2], kicks[3], size_e, size_i, counted, a, b, c, d)
    counters[N_EE], counters[N_IE], counters[N_EI] = kicks[0], kicks[1], kicks[2]
    counters[N_I] = kicks[2] + kicks[3]
    counters[N_R], counters[N_RE] = n_r, resting[0]
    if counted:
        counters[MOST] = max(pending_ee.max(), 1)
        counters[MOST + 1] = max(pending_ie.max(), 1)
        counters[MOST + 2] = max(pending_i.max(), 1)
    words[0], words[1], words[2], words[3] = a, b, c, d


@numba.njit(nogil=True, cache=True, error_model="numpy")
def until_onset(  # type: ignore[no-untyped-def]
    v, pending_ee, pending_ie, pending_i, refractory, counters, words, clock,
    sizes, rates, jumps, drop, drop_coin, probabilities, bounds, plan, bins,
    series, histogram_e, histogram_i, spike_time, spike_cell, spike_cause, first, last, level,
):  # fmt: skip
    """Write records ``first`` to ``last`` (exclusive); stop after a sum of three that is ``level``.

    The sum is of the E spikes of three successive records, all of this run.

    Returns:
        Why it came back, and the number of records written.
    """
    for record in range(first, last):
        histogram_e[record] = 0
        histogram_i[record] = 0
        plan[0] = record + 1
        reason = advance(
            v, pending_ee, pending_ie, pending_i, refractory, counters, words, clock,
            sizes, rates, jumps, drop, drop_coin, probabilities, bounds, plan, bins,
            series, histogram_e, histogram_i, spike_time, spike_cell, spike_cause,
        )  # fmt: skip
        if reason != 0:
            return reason, record
        if record >= 2 and series[0, record - 2 : record + 1].sum() >= level:
            return 0, record + 1
    return 0, last
