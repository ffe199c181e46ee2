"""The compiled event loop of the Markovian integrate-and-fire network.

Direct method: the waiting time to the next event is exponential with the total rate, and one
uniform number chooses class and target. External kicks take their target from the number itself;
pending kicks and refractory cells are kept in flat lists, from which an entry is removed by moving
the last one into its place. What is left of the number after that choice (more than 30 bits) is
the coin of stochastic rounding. In large networks the lists leave the cache: pending kicks are then
counted by cell, and a cell is drawn in proportion to its count by rejection.
"""

from __future__ import annotations

import math

import numba
import numpy as np
from numba import types

from ._random import exponential, next_word, uniform

__all__ = [
    "BUDGET_USED",
    "COUNTERS",
    "DONE",
    "FEW_LISTED",
    "RUNAWAY",
    "SPIKES_FULL",
    "advance",
    "recruit_scale",
]

REFRACTORY = np.int32(-(2**30))  # in place of a potential

# Why the loop came back.
DONE, BUDGET_USED, FEW_LISTED, SPIKES_FULL, RUNAWAY = range(5)

# Entries of the counter array; from MOST on, bounds of the counts by cell (0 if they are lists).
(
    N_EE, N_IE, N_I, N_EI, N_R, N_RE, SPIKES_E, SPIKES_I, WINDOW_E, WINDOW_I, SPIKES, RECORD,
    MOST,
) = range(13)  # fmt: skip
COUNTERS = 15

_SKIP_BELOW = 0.35  # a probability below this is cheaper by skipping than by coins


def recruit_scale(probability: float) -> float:
    """Factor that turns an exponential number into the geometric gap between recruits."""
    if probability >= 1.0:
        return 0.0
    return -1.0 / math.log1p(-probability) if probability > 1e-300 else math.inf


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _recruit(kept, n, most, first, size, p, scale, a, b, c, d):  # type: ignore[no-untyped-def]
    """Give each of ``size`` cells from ``first`` a kick with probability p, independently.

    ``kept`` is a list of ``n`` targets (``most`` = 0), or counts by cell that are at most ``most``.
    Returns the new ``n`` and ``most``.
    """
    if p < _SKIP_BELOW:
        j = np.int64(-1)  # the last recruit
        while True:
            x, a, b, c, d = exponential(a, b, c, d)
            x *= scale
            if not x < size - 1 - j:
                break
            j += np.int64(x) + np.int64(1)
            if most == 0:
                kept[n] = first + j
            else:
                kept[first + j] += 1
                most = max(most, np.int64(kept[first + j]))
            n += 1
    elif most == 0:
        for target in range(first, first + size):
            word, a, b, c, d = next_word(a, b, c, d)
            kept[n] = target
            n += np.int64(uniform(word) < p)
    else:
        for target in range(first, first + size):
            word, a, b, c, d = next_word(a, b, c, d)
            new = np.int64(uniform(word) < p)
            kept[target] += new
            most = max(most, np.int64(kept[target]))
            n += new
    return n, most, a, b, c, d


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _pick(counts, most, first, size, a, b, c, d):  # type: ignore[no-untyped-def]
    """Take a kick of a cell, chosen in proportion to its count, by rejection.

    Returns the cell, a number in [0, 1) that is still uniform, and the bound ``most``, which is
    tightened when it rejects too much.
    """
    misses = 0
    while True:
        word, a, b, c, d = next_word(a, b, c, d)
        x = uniform(word) * size
        j = min(np.int64(x), size - 1)
        x = (x - j) * most
        j += first
        count = counts[j]
        if x < count:
            counts[j] = count - 1
            return j, x / count, most, a, b, c, d
        misses += 1
        if misses > 8:
            most = np.int64(1)
            for k in range(first, first + size):
                most = max(most, np.int64(counts[k]))
            misses = -size


_F, _FF = types.float64[::1], types.float64[:, ::1]
_COUNTS = types.uint16[:, ::1]
_CELLS, _LONG, _WORDS = types.int32[::1], types.int64[::1], types.uint64[::1]


@numba.njit(
    types.int64(
        _CELLS, _CELLS, _CELLS, _CELLS, _CELLS, _LONG, _WORDS, _F,
        _LONG, _F, _F, types.int32[:, ::1], _FF, _FF, _F, _LONG, _FF,
        _FF, _COUNTS, _COUNTS, _F, _CELLS, types.int8[::1],
    ),
    nogil=True, cache=True, error_model="numpy",
)  # fmt: skip
def advance(  # type: ignore[no-untyped-def]
    v, pending_ee, pending_ie, pending_i, refractory, counters, words, clock,
    sizes, rates, jumps, drop, drop_coin, probabilities, bounds, plan, bins,
    series, histogram_e, histogram_i, spike_time, spike_cell, spike_cause,
):  # fmt: skip
    """Run until all records are written or a limit is met; the caller sees to it and calls again.

    The arguments, shapes in brackets:
        v: potentials (cell,) int32, E cells first; ``REFRACTORY`` in refractory cells.
        pending_ee, pending_ie, pending_i: targets of pending kicks; or counts by cell (cell,), if
            the counter ``MOST`` is above 0.
        refractory: list of refractory cells.
        counters: (COUNTERS,) int64, see the names above.
        words: state of the generator (4,) uint64.
        clock: time since the last record, end of the runaway window on the same clock, length of
            a record, in ms.
        sizes: N_E, N_I, threshold, lowest potential (int64).
        rates: per ms: lambda_E, lambda_I, 1/tau_EE, 1/tau_IE, 1/tau_I, 1/tau_R (0: no
            refractory state).
        jumps: whole parts (2,) and fractions (2,) of S_EE, S_IE.
        drop, drop_coin: (2, potential) whole part and fraction of an I kick by target and
            potential.
        probabilities: (4, 2): P and ``recruit_scale`` of EE, IE, EI, II.
        bounds: spikes of E and of I per runaway window (2,), length of the window in ms.
        plan: number of records, events allowed in this call, 1 to record spikes, 1 to record
            histograms.
        bins: lower end and bins per unit of the E and I histogram (2, 2).
        series, histogram_e, histogram_i: what is recorded, (8, record), (record, bin).
        spike_time, spike_cell, spike_cause: buffers (spike,).
    """
    a, b, c, d = words[0], words[1], words[2], words[3]
    n_ee, n_ie, n_i, n_r = counters[N_EE], counters[N_IE], counters[N_I], counters[N_R]
    n_ei, n_re = counters[N_EI], counters[N_RE]
    record, n_spikes = counters[RECORD], counters[SPIKES]
    size_e, size_i, threshold, floor = sizes[0], sizes[1], sizes[2], sizes[3]
    lambda_e, lambda_i = rates[0], rates[1]
    rate_ee, rate_ie, rate_in, rate_r = rates[2], rates[3], rates[4], rates[5]
    external_e = size_e * lambda_e
    external = external_e + size_i * lambda_i
    per_e = 1.0 / lambda_e if lambda_e > 0.0 else 0.0
    per_i = 1.0 / lambda_i if lambda_i > 0.0 else 0.0
    tau_ee, tau_ie, tau_in = 1.0 / rate_ee, 1.0 / rate_ie, 1.0 / rate_in
    tau_r = 1.0 / rate_r if rate_r > 0.0 else 0.0
    step_ee, step_ie = np.int64(jumps[0]), np.int64(jumps[1])
    coin_ee, coin_ie = jumps[2], jumps[3]
    t, window_end, step = clock[0], clock[1], clock[2]
    most_ee, most_ie, most_i = counters[MOST], counters[MOST + 1], counters[MOST + 2]
    counted = most_i > 0
    budget = plan[1]
    reason = DONE
    while record < plan[0]:
        end = min(step, window_end)
        # --- events up to ``end`` ---
        while True:
            out_ee, out_ie, out_in = n_ee * rate_ee, n_ie * rate_ie, n_i * rate_in
            total = external + ((out_ee + out_ie) + (out_in + n_r * rate_r))
            x, a, b, c, d = exponential(a, b, c, d)
            later = t + x / total
            if not later < end:  # also when nothing can happen (total = 0)
                t = end
                break
            t = later
            budget -= 1
            word, a, b, c, d = next_word(a, b, c, d)
            u = uniform(word) * total
            fired = -1
            cause = 0
            if u < external:
                if u < external_e:
                    j = min(np.int64(u * per_e), size_e - 1)
                else:
                    j = size_e + min(np.int64((u - external_e) * per_i), size_i - 1)
                potential = v[j] + 1
                if potential > REFRACTORY + 1:
                    v[j] = potential
                    if potential >= threshold:
                        fired = j
            else:
                u -= external
                if u < out_in:
                    u *= tau_in
                    n_i -= 1
                    if counted:
                        j, u, most_i, a, b, c, d = _pick(
                            pending_i, most_i, 0, size_e + size_i, a, b, c, d
                        )
                    else:
                        k = min(np.int64(u), n_i)
                        u -= k
                        j = np.int64(pending_i[k])
                        pending_i[k] = pending_i[n_i]
                    kind = np.int64(j >= size_e)
                    n_ei -= 1 - kind
                    potential = v[j]
                    if potential > REFRACTORY:
                        k = potential - floor
                        v[j] = max(
                            potential - drop[kind, k] - np.int64(u < drop_coin[kind, k]), floor
                        )
                elif u < out_in + out_ie:
                    u = (u - out_in) * tau_ie
                    n_ie -= 1
                    if counted:
                        j, u, most_ie, a, b, c, d = _pick(
                            pending_ie, most_ie, size_e, size_i, a, b, c, d
                        )
                    else:
                        k = min(np.int64(u), n_ie)
                        u -= k
                        j = np.int64(pending_ie[k])
                        pending_ie[k] = pending_ie[n_ie]
                    potential = v[j] + step_ie + np.int64(u < coin_ie)
                    if v[j] > REFRACTORY:
                        v[j] = potential
                        if potential >= threshold:
                            fired = j
                            cause = 1
                elif u < out_in + out_ie + out_ee:
                    u = (u - out_in - out_ie) * tau_ee
                    n_ee -= 1
                    if counted:
                        j, u, most_ee, a, b, c, d = _pick(
                            pending_ee, most_ee, 0, size_e, a, b, c, d
                        )
                    else:
                        k = min(np.int64(u), n_ee)
                        u -= k
                        j = np.int64(pending_ee[k])
                        pending_ee[k] = pending_ee[n_ee]
                    potential = v[j] + step_ee + np.int64(u < coin_ee)
                    if v[j] > REFRACTORY:
                        v[j] = potential
                        if potential >= threshold:
                            fired = j
                            cause = 1
                elif n_r > 0:
                    u = (u - out_in - out_ie - out_ee) * tau_r
                    k = min(np.int64(u), n_r - 1)
                    j = refractory[k]
                    n_r -= 1
                    refractory[k] = refractory[n_r]
                    n_re -= np.int64(j < size_e)
                    v[j] = 0
            if fired >= 0:
                if rate_r > 0.0:
                    v[fired] = REFRACTORY
                    refractory[n_r] = fired
                    n_r += 1
                    n_re += np.int64(fired < size_e)
                else:
                    v[fired] = 0
                kind = np.int64(fired >= size_e)
                counters[SPIKES_E + kind] += 1
                counters[WINDOW_E + kind] += 1
                if kind == 0:
                    n_ee, most_ee, a, b, c, d = _recruit(
                        pending_ee, n_ee, most_ee, 0, size_e,
                        probabilities[0, 0], probabilities[0, 1], a, b, c, d,
                    )  # fmt: skip
                    n_ie, most_ie, a, b, c, d = _recruit(
                        pending_ie, n_ie, most_ie, size_e, size_i,
                        probabilities[1, 0], probabilities[1, 1], a, b, c, d,
                    )  # fmt: skip
                else:
                    before = n_i
                    n_i, most_i, a, b, c, d = _recruit(
                        pending_i, n_i, most_i, 0, size_e,
                        probabilities[2, 0], probabilities[2, 1], a, b, c, d,
                    )  # fmt: skip
                    n_ei += n_i - before
                    n_i, most_i, a, b, c, d = _recruit(
                        pending_i, n_i, most_i, size_e, size_i,
                        probabilities[3, 0], probabilities[3, 1], a, b, c, d,
                    )  # fmt: skip
                if plan[2] == 1:
                    spike_time[n_spikes] = record * step + t
                    spike_cell[n_spikes] = fired
                    spike_cause[n_spikes] = cause
                    n_spikes += 1
                    if n_spikes >= spike_time.size:
                        reason = SPIKES_FULL
                room = size_e + size_i + 1  # what one spike may add; coins write one beyond
                if not counted and (
                    n_ee + room > pending_ee.size
                    or n_ie + room > pending_ie.size
                    or n_i + room > pending_i.size
                ):
                    reason = FEW_LISTED
                if counters[WINDOW_E + kind] > bounds[kind]:
                    reason = RUNAWAY
                if reason != DONE:
                    break
            if budget <= 0:
                reason = BUDGET_USED
                break
        if reason != DONE:
            break
        # --- at ``end`` ---
        if end >= window_end:
            counters[WINDOW_E] = 0
            counters[WINDOW_I] = 0
            window_end += bounds[2]
        if end < step:
            continue
        series[0, record] = counters[SPIKES_E]
        series[1, record] = counters[SPIKES_I]
        series[2, record] = n_ee
        series[3, record] = n_ie
        series[4, record] = n_ei
        series[5, record] = n_i - n_ei
        series[6, record] = n_re
        series[7, record] = n_r - n_re
        if plan[3] == 1:
            for j in range(size_e + size_i):
                if v[j] > REFRACTORY:
                    if j < size_e:
                        k = np.int64((v[j] - bins[0, 0]) * bins[0, 1])
                        histogram_e[record, max(min(k, histogram_e.shape[1] - 1), 0)] += 1
                    else:
                        k = np.int64((v[j] - bins[1, 0]) * bins[1, 1])
                        histogram_i[record, max(min(k, histogram_i.shape[1] - 1), 0)] += 1
        counters[SPIKES_E] = 0
        counters[SPIKES_I] = 0
        record += 1
        window_end -= step
        t = 0.0
    counters[N_EE], counters[N_IE], counters[N_I], counters[N_R] = n_ee, n_ie, n_i, n_r
    counters[N_EI], counters[N_RE] = n_ei, n_re
    counters[MOST], counters[MOST + 1], counters[MOST + 2] = most_ee, most_ie, most_i
    counters[RECORD], counters[SPIKES] = record, n_spikes
    words[0], words[1], words[2], words[3] = a, b, c, d
    clock[0], clock[1] = t, window_end
    return reason
