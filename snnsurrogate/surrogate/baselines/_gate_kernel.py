"""Direct method for the chain of `GateChain`."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["EVENTS", "simulate"]

EVENTS = 5
_EXTERNAL_UP, _EXTERNAL_FIRE, _EXCITED_UP, _EXCITED_FIRE, _INHIBITED = range(EVENTS)


@njit(cache=True)
def simulate(table_e, table_i, cells, rates, kicks, records, step, rng):  # type: ignore[no-untyped-def]
    """Run the chain from empty; records (records, 4) of E and I spikes in the step, H_E and H_I.

    The arguments, shapes in brackets:
        table_e, table_i: (EVENTS, cells + 1), see `transitions`.
        cells: (2,) int64.
        rates: (6,) per unit of time, see `constants`.
        kicks: (2,) int64 per E and I spike.
        records: number of records.
        step: their distance.
        rng: numpy generator.
    """
    out = np.zeros((records, 4), np.int64)
    size_e, size_i = cells[0], cells[1]
    n_e, n_i, h_e, h_i = 0, 0, 0, 0
    event = np.zeros(12)
    t, record = 0.0, 0
    while True:
        b_e, b_i = size_e - n_e, size_i - n_i
        at_e, at_i = rates[2] * h_e, rates[3] * h_e  # pending E kicks that ring
        down_e, down_i = rates[4] * h_i, rates[5] * h_i
        g_e, g_i = n_e / size_e, n_i / size_i
        event[0] = rates[0] * b_e * table_e[_EXTERNAL_UP, n_e]
        event[1] = rates[1] * b_i * table_i[_EXTERNAL_UP, n_i]
        event[2] = rates[0] * n_e * table_e[_EXTERNAL_FIRE, n_e]
        event[3] = rates[1] * n_i * table_i[_EXTERNAL_FIRE, n_i]
        event[4] = at_e * (1.0 - g_e) * table_e[_EXCITED_UP, n_e]
        event[5] = at_i * (1.0 - g_i) * table_i[_EXCITED_UP, n_i]
        event[6] = at_e * g_e * table_e[_EXCITED_FIRE, n_e]
        event[7] = at_i * g_i * table_i[_EXCITED_FIRE, n_i]
        event[8] = at_e + at_i - (event[4] + event[5] + event[6] + event[7])
        event[9] = down_e * g_e * table_e[_INHIBITED, n_e]
        event[10] = down_i * g_i * table_i[_INHIBITED, n_i]
        event[11] = down_e + down_i - (event[9] + event[10])
        total = 0.0
        for k in range(12):
            total += event[k]
        t = t + rng.standard_exponential() / total if total > 0.0 else np.inf
        while t >= step:
            out[record, 2], out[record, 3] = h_e, h_i
            record += 1
            t -= step
            if record == records:
                return out
        u = rng.random() * total
        k = 0
        while k < 11 and u >= event[k]:
            u -= event[k]
            k += 1
        if not event[k] > 0.0:  # rounding of the sum led beyond the last event that can happen
            continue
        fired_e, fired_i = k == 2 or k == 6, k == 3 or k == 7
        if k == 0 or k == 4:
            n_e += 1
        elif k == 1 or k == 5:
            n_i += 1
        elif fired_e or k == 9:
            n_e -= 1
        elif fired_i or k == 10:
            n_i -= 1
        if 4 <= k <= 8:
            h_e -= 1
        elif k >= 9:
            h_i -= 1
        if fired_e:
            h_e += kicks[0]
            out[record, 0] += 1
        if fired_i:
            h_i += kicks[1]
            out[record, 1] += 1
