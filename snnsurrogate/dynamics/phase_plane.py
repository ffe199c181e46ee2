"""The phase plane: vector field and nullclines over two states of any dynamics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numba
import numpy as np
import xarray as xr

from snnsurrogate import units
from snnsurrogate.kernels import F_TYPE, Kernel

from ._source import as_kernel, parameter_points

__all__ = ["nullclines", "vector_field"]

_REFINE = 8  # Newton steps along the gradient; interpolation leaves little to do


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _evaluate(f: Any, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    for i in range(x.shape[0]):
        f(x[i], p, out[i])


_evaluate.compile((F_TYPE, numba.float64[:, ::1], numba.float64[::1], numba.float64[:, ::1]))


class _Plane:
    """Two states, the values of the others, and the dynamics there as rates."""

    def __init__(
        self,
        source: Any,
        parameters: Mapping[str, Any] | None,
        axes: Mapping[str, Any],
        at: Mapping[str, Any] | None,
    ) -> None:
        self.kernel = kernel = as_kernel(source)
        given = dict(at or {})
        if len(axes) != 2 or {*axes, *given} != set(kernel.states) or {*axes} & {*given}:
            msg = (
                f"axes name {list(axes)} and at names {list(given)}; expected two axes and a value "
                f"for every other state of {', '.join(kernel.states)}."
            )
            raise ValueError(msg)
        points = parameter_points(kernel, parameters)
        if len(points) != 1:
            msg = "a phase plane is drawn at one parameter point; call it once for each."
            raise ValueError(msg)
        self.p = points[0]
        self.names = list(axes)
        self.columns = [kernel.states.index(name) for name in self.names]
        unit = dict(zip(kernel.states, kernel.state_units, strict=True))
        self.values = [units.magnitudes(axes[n], unit[n], what=n) for n in self.names]
        for name, values in zip(self.names, self.values, strict=True):
            if values.ndim != 1 or values.size < 2 or not (np.diff(values) > 0).all():
                msg = f"axis {name!r} has shape {values.shape}; expected 2 or more rising values."
                raise ValueError(msg)
        self.base = np.array(
            [units.magnitude(given[s], u, what=s, bare=True) if s in given else 0.0
             for s, u in unit.items()]
        )  # fmt: skip

    def rates(self, plane: np.ndarray) -> np.ndarray:
        """Rates (point, 2) of both states at points (point, 2) of the plane.

        Of a map the increment of one step over its duration.
        """
        kernel: Kernel = self.kernel
        x = np.tile(self.base, (len(plane), 1))
        x[:, self.columns] = plane
        out = np.empty_like(x)
        _evaluate(kernel.f, x, self.p, out)
        if kernel.kind == "map":
            out = (out - x) / kernel.time_step
        return out[:, self.columns]

    def grid(self) -> np.ndarray:
        """All points, (first * second, 2)."""
        first, second = np.meshgrid(*self.values, indexing="ij")
        return np.stack([first.ravel(), second.ravel()], 1)

    def coordinate(self, name: str, dims: str, values: np.ndarray) -> xr.Variable:
        """Values of a state with its unit."""
        unit = self.kernel.state_units[self.kernel.states.index(name)]
        return xr.Variable(dims, values, {"units": unit})

    def attrs(self) -> dict[str, Any]:
        """Where the plane lies."""
        kernel = self.kernel
        others = [s for s in kernel.states if s not in self.names]
        return {
            "kind": kernel.kind,
            "parameters": str(dict(zip(kernel.parameters, self.p.tolist(), strict=True))),
            "at": str({s: float(self.base[kernel.states.index(s)]) for s in others}),
        }


def vector_field(
    source: Any,
    parameters: Mapping[str, Any] | None = None,
    *,
    axes: Mapping[str, Any],
    at: Mapping[str, Any] | None = None,
) -> xr.Dataset:
    """Rates of two states over a plane of them.

    Args:
        source: a system or its name, a surrogate, or a Kernel.
        parameters: one parameter point; missing = default.
        axes: two states -> rising values, 1-D.
        at: the other states -> value.

    Returns:
        Dataset over the two states: ``rate_<state>`` of both, per unit of time; of a map the
        increment of a step over its duration.

    Raises:
        ValueError: not two axes, a state that is missing or given twice, several parameter points.
    """
    plane = _Plane(source, parameters, axes, at)
    shape = tuple(v.size for v in plane.values)
    rates = plane.rates(plane.grid()).reshape(*shape, 2)
    kernel = plane.kernel
    coords = {n: plane.coordinate(n, n, v) for n, v in zip(plane.names, plane.values, strict=True)}
    made = {
        f"rate_{n}": (plane.names, rates[..., k],
                      {"units": f"{coords[n].attrs['units']}/{kernel.time_unit}"})
        for k, n in enumerate(plane.names)
    }  # fmt: skip
    return xr.Dataset(made, coords=coords, attrs=plane.attrs())


def nullclines(
    source: Any,
    parameters: Mapping[str, Any] | None = None,
    *,
    axes: Mapping[str, Any],
    at: Mapping[str, Any] | None = None,
) -> xr.Dataset:
    """Curves of a plane on which one of its two states does not change.

    Zeros of the rates on the grid of ``axes``, refined by Newton steps along the gradient. A curve
    that closes between neighbouring grid points is missed; a finer grid finds it.

    Args:
        source: a system or its name, a surrogate, or a Kernel.
        parameters: one parameter point; missing = default.
        axes: two states -> rising values, 1-D.
        at: the other states -> value.

    Returns:
        Dataset over ``point``: both states, ``of`` (the state whose rate is zero), ``piece``
        (number of the connected piece, points in order along it), ``residual`` (rate that is left,
        relative to the largest one of the plane).

    Raises:
        ValueError: as `vector_field`.
    """
    from contourpy import contour_generator

    plane = _Plane(source, parameters, axes, at)
    first, second = plane.values
    rates = plane.rates(plane.grid()).reshape(first.size, second.size, 2)
    points, of, piece, residual = [], [], [], []
    for k, name in enumerate(plane.names):
        scale = float(np.nanmax(np.abs(rates[..., k]))) or 1.0
        # contourpy wants (y, x): rows are the second axis
        lines = contour_generator(first, second, rates[..., k].T).lines(0.0)
        for line in lines:
            refined = _refine(plane, np.asarray(line, dtype=float), k)
            points.append(refined)
            of += [name] * len(refined)
            piece += [len(points) - 1] * len(refined)
            residual.append(np.abs(plane.rates(refined)[:, k]) / scale)
    found = np.concatenate(points) if points else np.empty((0, 2))
    return xr.Dataset(
        {
            **{n: plane.coordinate(n, "point", found[:, k]) for k, n in enumerate(plane.names)},
            "of": ("point", np.array(of, dtype=object)),
            "piece": ("point", np.array(piece, dtype=int)),
            "residual": ("point", np.concatenate(residual) if residual else np.empty(0)),
        },
        attrs=plane.attrs(),
    )


def _refine(plane: _Plane, x: np.ndarray, k: int) -> np.ndarray:
    """Points moved along the gradient onto the zero of rate k, by at most one grid cell."""
    width = np.array([np.diff(v).max() for v in plane.values])
    small = 1e-6 * width
    start = x.copy()
    for _ in range(_REFINE):
        value = plane.rates(x)[:, k]
        gradient = np.stack(
            [(plane.rates(x + e)[:, k] - plane.rates(x - e)[:, k]) / 2.0 for e in np.diag(small)], 1
        ) / 1e-6  # per grid cell  # fmt: skip
        size = (gradient**2).sum(1)
        with np.errstate(divide="ignore", invalid="ignore"):
            move = -(value / size)[:, None] * gradient
        x = x + np.where(np.isfinite(move), move, 0.0) * width
    away = (np.abs(x - start) > width).any(1)  # no zero near: the interpolated point is kept
    return np.where(away[:, None], start, x)
