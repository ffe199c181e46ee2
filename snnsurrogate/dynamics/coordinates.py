"""The same dynamics in other coordinates: an affine change of the states, such as a readout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numba
import numpy as np
from numpy.typing import ArrayLike

from snnsurrogate.kernels import F_SIGNATURE, JAC_SIGNATURE, Kernel

from ._source import as_kernel

__all__ = ["change_coordinates", "observed_coordinates"]


def change_coordinates(
    source: Any,
    matrix: ArrayLike,
    shift: ArrayLike,
    *,
    states: Sequence[str],
    units: Sequence[str],
) -> Kernel:
    """The dynamics of y = matrix x + shift, x being the states of a flow or map.

    Fixed points, eigenvalues, cycles and multipliers are those of the source; nullclines and phase
    planes are drawn in the new coordinates.

    Args:
        source: a system or its name, a surrogate, or a Kernel.
        matrix: (state, state), invertible.
        shift: (state,).
        states: names of the new coordinates.
        units: their units.

    Returns:
        A Kernel whose box is that of the source, as its corners are mapped.

    Raises:
        ValueError: a wrong shape, a matrix that cannot be inverted, or names that are not as many.
    """
    kernel = as_kernel(source)
    d = kernel.dimension
    a, b = np.array(matrix, dtype=float), np.array(shift, dtype=float)
    if a.shape != (d, d) or b.shape != (d,) or len(states) != d or len(units) != d:
        msg = (
            f"matrix {a.shape}, shift {b.shape}, {len(states)} names and {len(units)} units; "
            f"expected ({d}, {d}), ({d},), {d} and {d}."
        )
        raise ValueError(msg)
    if not (np.isfinite(a).all() and np.isfinite(b).all() and np.linalg.cond(a) < 1e12):
        msg = f"matrix {a.tolist()} cannot be inverted; give independent coordinates."
        raise ValueError(msg)
    back = np.linalg.inv(a)
    inner, inner_jac = kernel.f, kernel.jac
    # the increment of a map's step is a state, that of a flow a velocity, which has no shift
    constant = b if kernel.kind == "map" else np.zeros(d)

    @numba.njit(F_SIGNATURE, nogil=True, error_model="numpy")
    def f(y, p, out):  # type: ignore[no-untyped-def]
        x, rate = np.empty(d), np.empty(d)
        for i in range(d):
            x[i] = 0.0
            for j in range(d):
                x[i] += back[i, j] * (y[j] - b[j])
        inner(x, p, rate)
        for i in range(d):
            out[i] = constant[i]
            for j in range(d):
                out[i] += a[i, j] * rate[j]

    @numba.njit(JAC_SIGNATURE, nogil=True, error_model="numpy")
    def jac(y, p, out):  # type: ignore[no-untyped-def]
        x, slopes, half = np.empty(d), np.empty((d, d)), np.empty((d, d))
        for i in range(d):
            x[i] = 0.0
            for j in range(d):
                x[i] += back[i, j] * (y[j] - b[j])
        inner_jac(x, p, slopes)
        for i in range(d):
            for j in range(d):
                half[i, j] = 0.0
                for k in range(d):
                    half[i, j] += slopes[i, k] * back[k, j]
        for i in range(d):
            for j in range(d):
                out[i, j] = 0.0
                for k in range(d):
                    out[i, j] += a[i, k] * half[k, j]

    middle = a @ ((kernel.low + kernel.high) / 2) + b
    reach = np.abs(a) @ ((kernel.high - kernel.low) / 2)
    return replace(
        kernel, states=tuple(states), state_units=tuple(units), f=f, jac=jac,
        low=middle - reach, high=middle + reach,
    )  # fmt: skip


def observed_coordinates(surrogate: Any) -> tuple[Kernel, np.ndarray, np.ndarray]:
    """A driven surrogate in its observed quantity and latent directions that leave it alone.

    The first coordinate is the observed quantity in its unit, the others, ``u`` or ``u_1`` and so
    on, are an orthonormal basis of the latent states at a fixed value of it. With one of them its
    sign is such that it grows with the observed quantity at rest, as a recovery variable does.

    Args:
        surrogate: one whose observed quantity is an affine function of its latent states.

    Returns:
        The kernel; matrix and shift that map latent states to its coordinates.

    Raises:
        ValueError: no readout, several observed quantities, or one that is not affine.
    """
    if not callable(getattr(surrogate, "observe", None)) or len(surrogate.observed) != 1:
        msg = f"{surrogate!r} has no readout of one observed quantity; give a driven surrogate."
        raise ValueError(msg)
    kernel, name = as_kernel(surrogate), surrogate.observed[0]
    d = kernel.dimension
    probes = np.vstack([np.zeros(d), np.eye(d), np.full(d, 0.3)])
    seen = np.asarray(surrogate.observe(probes)[name], dtype=float)
    weights, level = seen[1 : d + 1] - seen[0], float(seen[0])
    size = float(np.linalg.norm(weights))
    if size == 0 or abs(0.3 * weights.sum() + level - seen[-1]) > 1e-9 * (size + abs(level)):
        msg = f"{name} of {surrogate!r} is no affine function of its latent states."
        raise ValueError(msg)
    across = np.linalg.svd(weights[None])[2][1:]
    across *= np.where(across[np.arange(d - 1), np.abs(across).argmax(1)] < 0, -1.0, 1.0)[:, None]
    matrix, shift = np.vstack([weights, across]), np.r_[level, np.zeros(d - 1)]
    names = (name, "u") if d == 2 else (name, *(f"u_{i + 1}" for i in range(d - 1)))
    unit = {o["name"]: o["unit"] for o in surrogate.card["observed"]}[name]

    def made() -> Kernel:
        return change_coordinates(
            kernel, matrix, shift, states=names, units=(unit, *("1",) * (d - 1))
        )

    found = made()
    if d == 2:
        at_rest = matrix @ np.asarray(surrogate.card["rest"], dtype=float) + shift
        slopes = np.empty((d, d))
        found.jac(at_rest, kernel.parameter_defaults, slopes)
        if slopes[1, 0] < 0:
            matrix[1] *= -1.0
            found = made()
    return found, matrix, shift
