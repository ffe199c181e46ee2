"""Carries of compiled rollouts as series: physical units, sums over cells, whole spikes."""

from __future__ import annotations

import math

import numpy as np
from numba import njit, types

__all__ = ["record"]

_F = types.float32
_LINE = types.float32[::1]
_W = types.Array(types.float32, 1, "C", readonly=True)


@njit(
    types.void(
        _LINE, types.int64, types.int64, types.int64, types.int64, types.int64, _W, _W,
        types.int64[::1], types.float32[:, ::1], types.float32[:, ::1], types.int64,
    ),
    cache=True, nogil=True, error_model="numpy",
)  # fmt: skip
def record(carries, stride, between, lane, first, last, mean, sd, columns, form, out, at):  # type: ignore[no-untyped-def]
    """Write steps ``first`` to ``last`` of one sample into ``out`` (column, time) from ``at`` on.

    ``carries`` holds scaled states, that of a step at ``step * stride + state * between + lane``;
    ``mean`` and ``sd`` (state,) are their scaling; ``columns`` (column,) the states to write.
    ``form`` (3, column) is a factor; the smallest value; and a number u so that values are
    multiples of 1 / u (0: any value).
    """
    for i in range(columns.size):
        j = columns[i]
        where = j * between + lane
        factor, lowest, whole = form[0, i], form[1, i], form[2, i]
        slope, shift = sd[j] * factor, mean[j] * factor
        for step in range(first, last):
            value = carries[step * stride + where] * slope + shift
            value = lowest if value < lowest else value
            if whole > 0:
                value = np.float32(math.floor(value * whole + np.float32(0.5))) / whole
            out[i, at + step - first] = value
