"""Where branches of cycles begin: small cycles at Hopf points, doubled cycles at flips."""

from __future__ import annotations

import numpy as np
import xarray as xr

from ._arclength import Point, Settings
from ._attractor import fixed_parameter, refined
from ._cycle_curve import Cycle, CycleCurve
from ._mesh import fine, interpolate, quadrature
from .fixed_points import jacobians

__all__ = ["from_table"]

# Of the first step away from the special point, in scaled states: the smaller ones are for branches
# that leave it steeply, as those of a network whose units move little.
_SIZES = (0.01, 0.003, 0.001, 3e-4, 1e-4)


def from_table(
    curve: CycleCurve, table: xr.Dataset, settings: Settings
) -> tuple[list[tuple[Point | None, Point]], list[str]]:
    """A first cycle beside each Hopf point or flip of a table, with the point it is born from.

    Returns:
        Pairs (point of birth, first cycle), and in words what was not found.

    Raises:
        ValueError: a Dataset that is no table of special points in the free parameter.
    """
    name = curve.kernel.parameters[curve.column]
    if "type" not in table or "special" not in table.dims or name not in table.variables:
        msg = f"start is a Dataset without Hopf points in {name!r}; give special_points(branches)."
        raise ValueError(msg)
    of_cycles = "cycle_period" in table
    wanted = "flip" if of_cycles else "hopf"
    begun: list[tuple[Point | None, Point]] = []
    reasons = []
    for i in range(table.sizes["special"]):
        row = table.isel(special=i)
        value = float(row[name])
        if str(row["type"].values) != wanted or not settings.low <= value <= settings.high:
            continue
        hit = _beside_flip(curve, row, value) if of_cycles else _beside_hopf(curve, row, value)
        if hit is None:
            reasons.append(f"no cycle was found beside the {wanted} point at {name} = {value:.10g}")
        else:
            begun.append(hit)
    if not begun and not reasons:
        reasons.append(f"the table holds no {wanted} point in the interval")
    return begun, reasons


def _away(curve: CycleCurve, birth: Cycle) -> Point | None:
    """A cycle at a small distance along the tangent of the cycle of birth."""
    for size in _SIZES:
        moved = birth._replace(profile=birth.profile + size * birth.t)
        point = curve.correct(moved, None, size)
        if point is not None and point.distance < 1.0 and point.turn > 0.5:
            return point
    return None


def _beside_hopf(curve: CycleCurve, row: xr.Dataset, value: float) -> tuple[Point, Point] | None:
    x = np.array([float(row[state]) for state in curve.kernel.states])
    omega = float(row["frequency"])
    matrix = jacobians(curve.kernel, x[None], curve.vector(value)[None])[0]
    values, vectors = np.linalg.eig(matrix)
    critical = int(np.argmin(np.abs(values - 1j * omega)))
    q = vectors[:, critical] / curve.width
    mesh = np.linspace(0.0, 1.0, max(curve.intervals[0], 20) + 1)
    at = fine(mesh)
    wave = np.real(q * np.exp(2j * np.pi * at[:, None]))
    wave /= np.sqrt((np.abs(q) ** 2).sum() / 2)
    wave[-1] = wave[0]
    still = np.tile(x / curve.width, (len(at), 1))
    period = 2 * np.pi / omega
    others = np.delete(np.exp(values * period), critical)
    others = others[np.lexsort((others.imag, np.abs(others)))]
    birth = Cycle(
        mesh, still, float(np.log(period)), value, np.ascontiguousarray(wave), np.zeros(2),
        np.append(others, 1.0 + 0j), 0.0,
    )  # fmt: skip
    first = _away(curve, birth)
    if first is None:
        return None
    return _birth(birth, value), first


def _birth(cycle: Cycle, value: float) -> Point:
    unstable = int((np.abs(cycle.multipliers[:-1]) > 1 + 1e-6).sum())
    return Point(value, 0.0, 1.0, 0.0, {}, unstable, cycle)


def _beside_flip(curve: CycleCurve, row: xr.Dataset, value: float) -> tuple[Point, Point] | None:
    """The doubled cycle: two turns of the cycle at the flip, moved along its critical direction."""
    from scipy.interpolate import CubicSpline

    at = row["phase"].values
    states = np.stack([row[name].values for name in curve.kernel.states], -1) / curve.width
    n = (len(at) - 1) // 4
    mesh = np.interp(np.linspace(0, len(at) - 1, n + 1), np.arange(len(at)), at)
    mesh[0], mesh[-1] = 0.0, 1.0
    profile = np.stack([np.interp(fine(mesh), at, column) for column in states.T], -1)
    profile[-1] = profile[0]
    log_period = float(np.log(float(row["cycle_period"])))
    single = refined(curve, fixed_parameter(mesh, profile, log_period, value))
    if single is None:
        return None
    cycle: Cycle = single.data
    transfer = curve.transfer
    product = np.eye(transfer.shape[1])
    for step in transfer:
        product = step @ product
    values, vectors = np.linalg.eig(product)
    critical = int(np.argmin(np.abs(values + 1.0)))
    if abs(values[critical] + 1.0) > 0.1:
        return None
    along = [vectors[:, critical].real]
    for step in np.concatenate([transfer, transfer]):
        along.append(step @ along[-1])
    direction = np.array(along)
    direction[-1] = direction[0]
    twice = np.concatenate([0.5 * cycle.mesh, 0.5 + 0.5 * cycle.mesh[1:]])
    points = fine(twice)
    wave = CubicSpline(twice, direction, bc_type="periodic")(points)
    double = interpolate(cycle.mesh, cycle.profile, np.mod(2.0 * points, 1.0))
    double[-1], wave[-1] = double[0], wave[0]
    wave /= np.sqrt((quadrature(twice)[:, None] * wave**2).sum())
    birth = Cycle(
        twice, double, cycle.log_period + float(np.log(2.0)), value, np.ascontiguousarray(wave),
        np.zeros(2), cycle.multipliers**2, cycle.residual,
    )  # fmt: skip
    first = _away(curve, birth)
    if first is None:
        return None
    return _birth(birth, value), first
