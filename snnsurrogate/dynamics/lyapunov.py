"""Lyapunov exponents by the variational equation and repeated orthogonalisation.

Method: Benettin, Galgani, Giorgilli and Strelcyn, Meccanica 15:9 and 15:21 (1980).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numba
import numpy as np
import xarray as xr
from numba import types

from snnsurrogate import units
from snnsurrogate.kernels import F_TYPE, JAC_TYPE

from ._source import as_kernel, extrapolated, parameter_points, sample_coordinates, start_state
from .spectrum import WINDOWS, kaplan_yorke, standard_error, t_quantile

__all__ = ["lyapunov"]

_BLOCKS = 128  # of the record, for the standard error
_FACTOR = 20  # growth over a record below this may be a change of speed along a periodic orbit
_V = types.float64[::1]
_M = types.float64[:, ::1]


@numba.njit(types.boolean(_M, _V, _V), cache=True, nogil=True, error_model="numpy")
def _orthonormalise(q, width, growth):  # type: ignore[no-untyped-def]
    """Gram-Schmidt on the rows of q, adding the logarithm of each length to ``growth``.

    Lengths are measured relative to ``width``: the exponents do not depend on it, but an average
    over finite time does, by the change of length over the last unfinished cycle.
    """
    for i in range(q.shape[0]):
        for j in range(i):
            dot = 0.0
            for k in range(q.shape[1]):
                dot += q[i, k] * q[j, k] / (width[k] * width[k])
            for k in range(q.shape[1]):
                q[i, k] -= dot * q[j, k]
        norm = 0.0
        for k in range(q.shape[1]):
            norm += (q[i, k] / width[k]) ** 2
        norm = math.sqrt(norm)
        if not (norm > 0.0 and math.isfinite(norm)):
            return False
        growth[i] += math.log(norm)
        for k in range(q.shape[1]):
            q[i, k] /= norm
    return True


@numba.njit(
    types.void(F_TYPE, JAC_TYPE, types.boolean, _V, _M, _V, types.float64, _V, _M, _M),
    cache=True,
    nogil=True,
    error_model="numpy",
)
def _step(f, jac, is_map, x, q, p, h, y, matrix, work):  # type: ignore[no-untyped-def]
    """Advance the state x and the tangent vectors (rows of q) by one step, in place."""
    d = x.size
    m = q.shape[0]
    if is_map:
        jac(x, p, matrix)
        f(x, p, y)
        for i in range(m):
            for r in range(d):
                total = 0.0
                for c in range(d):
                    total += matrix[r, c] * q[i, c]
                work[i, r] = total
        x[:] = y
        for i in range(m):
            for r in range(d):
                q[i, r] = work[i, r]
        return
    # One RK4 step of the joint system; work rows: state and tangents at the stage, slope, sum.
    rows = m + 1
    for stage in range(4):
        weight = 0.0 if stage == 0 else (1.0 if stage == 3 else 0.5)
        for r in range(d):
            y[r] = x[r] + (weight * h * work[rows, r] if stage > 0 else 0.0)
            for i in range(m):
                slope = work[rows + 1 + i, r] if stage > 0 else 0.0
                work[1 + i, r] = q[i, r] + weight * h * slope
        jac(y, p, matrix)
        f(y, p, work[rows])
        for i in range(m):
            for r in range(d):
                total = 0.0
                for c in range(d):
                    total += matrix[r, c] * work[1 + i, c]
                work[rows + 1 + i, r] = total
        share = 1.0 if stage == 0 or stage == 3 else 2.0
        for i in range(rows):
            for r in range(d):
                before = 0.0 if stage == 0 else work[2 * rows + i, r]
                work[2 * rows + i, r] = before + share * work[rows + i, r]
    for r in range(d):
        x[r] += h / 6.0 * work[2 * rows, r]
        for i in range(m):
            q[i, r] += h / 6.0 * work[2 * rows + 1 + i, r]


@numba.njit(
    types.float64(F_TYPE, types.boolean, _V, _V, _V, _V),
    cache=True,
    nogil=True,
    error_model="numpy",
)
def _speed(f, is_map, x, p, width, y):  # type: ignore[no-untyped-def]
    """Length of dx/dt, or of the step of a map, relative to ``width``."""
    f(x, p, y)
    total = 0.0
    for r in range(x.size):
        total += ((y[r] - (x[r] if is_map else 0.0)) / width[r]) ** 2
    return math.sqrt(total)


@numba.njit(
    types.boolean(
        F_TYPE, JAC_TYPE, types.boolean, _V, _V, types.float64, types.int64, types.int64,
        types.int64, _V, _M, _V, _M, _V,
    ),
    cache=True,
    nogil=True,
    error_model="numpy",
)  # fmt: skip
def _exponents(  # type: ignore[no-untyped-def]
    f, jac, is_map, x, p, h, n_transient, n_steps, every, width, q, growth, blocks, speed
):
    """Sum of log growth of orthonormal tangent vectors over n_steps; False if it diverged.

    Writes the sums up to the end of each block of steps, and the speed at both ends of the record.
    """
    d = x.size
    m = q.shape[0]
    block = 0
    y = np.empty(d)
    matrix = np.empty((d, d))
    work = np.zeros((3 * (m + 1), d))
    for i in range(n_transient + n_steps):
        if i == n_transient:
            if not _orthonormalise(q, width, growth):
                return False
            growth[:] = 0.0
            speed[0] = _speed(f, is_map, x, p, width, y)
        _step(f, jac, is_map, x, q, p, h, y, matrix, work)
        ends = (i + 1 - n_transient) * blocks.shape[0] >= (block + 1) * n_steps
        if ((i + 1) % every == 0 or ends) and not _orthonormalise(q, width, growth):
            return False
        if ends:
            blocks[block] = growth
            block += 1
    speed[1] = _speed(f, is_map, x, p, width, y)
    finite = True
    for r in range(d):
        finite = finite and math.isfinite(x[r])
    return finite


def lyapunov(
    source: Any,
    x0: Any = None,
    parameters: Mapping[str, Any] | None = None,
    *,
    duration: Any,
    transient: Any = None,
    exponents: int = 1,
    dt: Any = None,
    every: int = 1,
    significance: float = 1e-3,
    seed: int = 0,
) -> xr.Dataset:
    """Largest Lyapunov exponents of a flow or map, or their whole spectrum.

    The standard error is fitted to how the growth varies over windows of up to an eighth of the
    record (:func:`~snnsurrogate.dynamics.spectrum.standard_error`), so these should hold several
    periods or bursts. An orbit is marked chaotic if its largest exponent is positive beyond chance
    (one-sided t test, as from eight independent windows) and beyond what the tangent along a
    periodic orbit could show: the growth over the record exceeds that of the speed by ln 20, so a
    small difference has grown twentyfold.

    Args:
        source: a system or its name, a surrogate, or a Kernel.
        x0: initial states (sample, state), one state, or a mapping; default: the system's stated
            start.
        parameters: name -> value or array over sample; missing = default.
        duration: length of the average, a time with unit ("100 s").
        transient: time before the average, in which the tangent vectors align too; default a
            quarter of the duration.
        exponents: how many, largest first.
        dt: integration step of a flow; default its own.
        every: steps between two orthogonalisations.
        significance: of the test that the largest exponent is positive.
        seed: seed of the initial tangent vectors.

    Returns:
        Dataset over sample and exponent: ``lyapunov`` in 1/time unit (NaN where ``status`` is not
        0) and its ``standard_error``; ``chaotic`` (sample); ``kaplan_yorke`` (sample) dimension of
        the attractor, where all exponents were asked for; ``status`` (CF flag: ok, diverged),
        ``extrapolated``.

    Raises:
        ValueError: more exponents than states, a time without unit, or a missing x0.
    """
    kernel = as_kernel(source)
    if not 1 <= exponents <= kernel.dimension:
        msg = f"exponents={exponents}; expected 1 to {kernel.dimension}, the number of states."
        raise ValueError(msg)
    points = parameter_points(kernel, parameters)
    length = units.magnitude(duration, kernel.time_unit, what="duration")
    lead = 0.25 * length
    if transient is not None:
        lead = units.magnitude(transient, kernel.time_unit, what="transient")
    h = kernel.time_step
    if dt is not None and kernel.kind == "flow":
        h = units.magnitude(dt, kernel.time_unit, what="dt")
    if not (math.isfinite(h) and h > 0):
        msg = f"dt={dt}; expected a time above zero."
        raise ValueError(msg)
    n_steps, n_transient = int(round(length / h)), int(round(lead / h))
    if n_steps < 1 or n_transient < 0 or every < 1:
        msg = (
            f"duration {duration} and transient {transient} give {n_steps} and {n_transient} steps."
        )
        raise ValueError(msg)
    count = len(points)
    if x0 is not None and not isinstance(x0, Mapping) and np.ndim(x0) == 2 and count == 1:
        count = len(x0)
        points = np.tile(points, (count, 1))
    x = start_state(source, kernel, x0, count)
    width = np.ascontiguousarray(kernel.high - kernel.low, dtype=float)
    values, errors = np.full((2, count, exponents), np.nan)
    chaotic = np.zeros(count, dtype=bool)
    dimension = np.full(count, np.nan)
    status = np.zeros(count, dtype=np.int8)
    for i in range(count):  # over samples; the loop over time is compiled
        rng = np.random.default_rng([seed, i])
        frame = np.linalg.qr(rng.normal(size=(kernel.dimension, exponents)))[0].T
        q = np.ascontiguousarray(frame * width)
        growth, speed = np.zeros(exponents), np.zeros(2)
        blocks = np.zeros((min(_BLOCKS, n_steps), exponents))
        good = _exponents(
            kernel.f, kernel.jac, kernel.kind == "map", x[i], points[i], h, n_transient, n_steps,
            every, width, q, growth, blocks, speed,
        )  # fmt: skip
        if good:
            values[i] = growth / (n_steps * h)
            errors[i] = standard_error(blocks, n_steps * h)
            chaotic[i] = _grows(growth[0], speed, values[i, 0], errors[i, 0], significance)
            dimension[i] = kaplan_yorke(
                values[i], zero=3 * errors[i] + math.log(_FACTOR) / (n_steps * h)
            )
        else:
            status[i] = 1
    flags = {"flag_values": np.array([0, 1], np.int8), "flag_meanings": "ok diverged"}
    rate = {"units": f"1/{kernel.time_unit}"}
    pair = ("sample", "exponent")
    variables: dict[str, Any] = {
        "lyapunov": (pair, values, rate),
        "standard_error": (pair, errors, rate),
        "chaotic": ("sample", chaotic, {"significance": significance}),
        "status": ("sample", status, flags),
        "extrapolated": ("sample", extrapolated(kernel, points)),
    }
    if exponents == kernel.dimension:
        variables["kaplan_yorke"] = ("sample", dimension, {"units": "1"})
    return xr.Dataset(
        variables,
        sample_coordinates(kernel, points),
        {"duration": str(duration), "dt": units.format_quantity(h, kernel.time_unit)},
    )


def _grows(
    growth: float, speed: np.ndarray, value: float, error: float, significance: float
) -> bool:
    """Whether the largest exponent is positive beyond chance and beyond a change of speed."""
    if not np.isfinite(error):
        return False
    along = math.log(speed[1] / speed[0]) if (speed > 0).all() else 0.0
    beyond_chance = value > t_quantile(WINDOWS, significance) * error
    return bool(beyond_chance and growth - max(along, 0.0) > math.log(_FACTOR))
