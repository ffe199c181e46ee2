"""The curve of cycles of a flow in one parameter, by collocation on an adaptive mesh."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from snnsurrogate.kernels import Kernel

from . import _tests
from ._arclength import Point, sign_of_product
from ._collocation import DEGREE, basis, condense, velocity
from ._floquet import multipliers_of
from ._mesh import fine, half_period_gap, interpolate, needed, quadrature, remesh

__all__ = ["RELIABLE", "WEIGHT", "Cycle", "CycleCurve"]

WEIGHT = {"fold_of_cycles": 1, "branch_point_of_cycles": 1, "flip": 1, "torus": 2}
_MAX_NEWTON = 12
RELIABLE = 0.05  # error of the trivial multiplier up to which the others are believed


class Cycle(NamedTuple):
    """A cycle: scaled profile on its mesh, ln period, parameter, tangent, multipliers.

    ``t`` is the tangent of the profile, ``t_end`` its components along ln period and parameter.
    ``multipliers`` hold the trivial one last.
    """

    mesh: np.ndarray
    profile: np.ndarray
    log_period: float
    value: float
    t: np.ndarray
    t_end: np.ndarray
    multipliers: np.ndarray
    residual: float


class CycleCurve:
    """Cycles of one kernel as one parameter varies; a :class:`_arclength.Problem`."""

    def __init__(
        self,
        kernel: Kernel,
        p: np.ndarray,
        column: int,
        span: float,
        *,
        tolerance: float,
        intervals: tuple[int, int],
        max_period: float = np.inf,
    ) -> None:
        self.kernel, self.column, self.span = kernel, column, span
        self.p = np.array(p, dtype=float)
        self.width = np.ascontiguousarray(kernel.high - kernel.low)
        self.transfer = np.empty((0, 0, 0))  # of the last cycle that was solved for
        self.doubled = False  # the branch was born at a flip
        self.tolerance, self.intervals, self.max_period = tolerance, intervals, max_period
        at, weight = np.polynomial.legendre.leggauss(DEGREE)
        self.gauss = weight / 2
        self.lagrange, self.slope = (np.ascontiguousarray(a) for a in basis((at + 1) / 2))

    def vector(self, value: float) -> np.ndarray:
        """Parameter vector with the free parameter at ``value``."""
        p = self.p.copy()
        p[self.column] = value
        return p

    def advance(self, point: Point, step: float) -> Point | None:
        """The cycle at ``step`` along the tangent, or None where Newton fails."""
        a: Cycle = point.data
        guess = a._replace(
            profile=a.profile + step * a.t,
            log_period=a.log_period + step * float(a.t_end[0]),
            value=a.value + step * float(a.t_end[1]) * self.span,
        )
        return self.correct(guess, a, step)

    def accept(self, point: Point) -> Point:
        """The point on a mesh that fits it, if its own does no more."""
        cycle: Cycle = point.data
        want, uneven = needed(cycle.mesh, cycle.profile, self.tolerance)
        low, high = self.intervals
        n = int(np.clip(np.ceil(want), low, high))
        if n <= len(cycle.mesh) - 1 <= 1.6 * n and uneven < 1.8:
            return point
        n = int(np.clip(np.ceil(1.15 * want), low, high))
        moved = self.correct(self.on_mesh(cycle, n), None, 1.0)
        if moved is None:
            return point
        moved.turn, moved.distance = point.turn, point.distance
        return moved

    def on_mesh(self, cycle: Cycle, n: int) -> Cycle:
        """The cycle interpolated onto an even mesh of n intervals."""
        mesh = remesh(cycle.mesh, cycle.profile, n)
        at = fine(mesh)
        profile = interpolate(cycle.mesh, cycle.profile, at)
        tangent = interpolate(cycle.mesh, cycle.t, at)
        profile[-1], tangent[-1] = profile[0], tangent[0]
        return cycle._replace(mesh=mesh, profile=profile, t=tangent)

    def ended(self, point: Point, start: Point, n: int, step: float) -> str | None:
        """A period beyond the bound, no amplitude left, or the start met again."""
        cycle: Cycle = point.data
        if np.exp(cycle.log_period) > self.max_period:
            return "long_period"
        if self.amplitude(cycle) < 1e-5:
            return "small_amplitude"
        if self.doubled and np.abs(half_period_gap(cycle)).max() < 1e-5:
            return "half_period"
        return "closed" if n > 10 and self._closed(cycle, start.data, step) else None

    def _closed(self, cycle: Cycle, first: Cycle, step: float) -> bool:
        """Whether the start lies within a step ahead."""
        ends = np.array(
            [cycle.log_period - first.log_period, (cycle.value - first.value) / self.span]
        )
        if np.hypot(*ends) > 1.5 * step:
            return False
        weights, at = quadrature(cycle.mesh)[:, None], fine(cycle.mesh)
        gap = cycle.profile - interpolate(first.mesh, first.profile, at)
        tangent = interpolate(first.mesh, first.t, at)
        along = float((weights * gap * tangent).sum() + ends @ first.t_end)
        size = float(np.sqrt((weights * gap**2).sum() + (ends**2).sum()))
        same_way = float((weights * cycle.t * tangent).sum() + cycle.t_end @ first.t_end) > 0.8
        return same_way and size < 1.5 * step and -1.5 * step < along <= 0.0

    def crossing(self, base: Point, s: float, reach: float, name: str) -> Point | None:
        """No such way: meshes and tangents of neighbours differ."""
        return None

    def amplitude(self, cycle: Cycle) -> float:
        """Largest peak-to-peak range of a scaled state."""
        return float(np.ptp(cycle.profile, axis=0).max())

    def correct(self, guess: Cycle, base: Cycle | None, step: float) -> Point | None:
        """Newton from a guess, in the plane normal to its tangent; None if it fails.

        Args:
            guess: first guess and tangent; an all-zero profile tangent with t_end (0, 1) keeps the
                parameter fixed.
            base: the cycle the step was taken from (same mesh), whose phase is kept; None: the
                guess itself.
            step: length of the step, for the measure of the correction.
        """
        mesh, h = guess.mesh, np.ascontiguousarray(np.diff(guess.mesh))
        weights = quadrature(mesh)
        shape = guess.profile.shape
        d = shape[1]
        anchor = guess if base is None else base
        reference = np.empty(shape)
        velocity(
            self.kernel.f, np.ascontiguousarray(anchor.profile), self.vector(anchor.value),
            self.width, float(np.exp(anchor.log_period)), reference,
        )  # fmt: skip
        size = np.sqrt((weights[:, None] * reference**2).sum())
        if not np.isfinite(size) or size == 0:
            return None
        reference /= size
        profile, ends = guess.profile.copy(), np.array([guess.log_period, guess.value / self.span])
        start, start_ends = profile.copy(), ends.copy()
        tangent = np.ascontiguousarray(guess.t)
        delta, direction = np.empty(shape), np.empty(shape)
        delta_end, transfer = np.empty((3, 2)), np.empty((len(h), d, d))
        p = self.vector(guess.value)
        best, worst = np.inf, np.inf
        for iteration in range(_MAX_NEWTON + 1):
            p[self.column] = ends[1] * self.span
            phase = float((weights[:, None] * reference * (profile - anchor.profile)).sum())
            plane = float((weights[:, None] * tangent * (profile - start)).sum())
            plane += float(guess.t_end @ (ends - start_ends))
            worst = condense(
                self.kernel.f, self.kernel.jac, profile, h, float(ends[0]), p, self.column,
                self.width, self.span, self.lagrange, self.slope, self.gauss, tangent, reference,
                weights,
                1e-5 * self.span, float(guess.t_end[0]), float(guess.t_end[1]), phase, plane,
                delta, direction, delta_end, transfer,
            )  # fmt: skip
            if not np.isfinite(worst):
                return None
            change = np.sqrt((weights[:, None] * delta**2).sum() + (delta_end[:2, 0] ** 2).sum())
            if not np.isfinite(change) or change > 2.0:
                return None
            if change < 1e-11 or (change < 1e-8 and change > 0.3 * best):
                best = min(best, change)
                break
            if iteration == _MAX_NEWTON or (iteration > 4 and change > 0.8 * best):
                return None
            best = min(best, change)
            profile -= delta
            ends = ends - delta_end[:2, 0]
        length = np.sqrt((weights[:, None] * direction**2).sum() + (delta_end[:2, 1] ** 2).sum())
        new, new_end = direction / length, delta_end[:2, 1] / length
        turn = float((weights[:, None] * new * tangent).sum() + new_end @ guess.t_end)
        self.transfer, multipliers = transfer, multipliers_of(transfer)
        if d == 2:
            # Liouville: right for a canard too, where growth and decay cancel over many decades
            multipliers[0] = np.exp(np.clip(delta_end[2, 0], -700.0, 700.0))
        cycle = Cycle(
            mesh, profile, float(ends[0]), float(ends[1] * self.span), new, new_end, multipliers,
            float(best),
        )  # fmt: skip
        if base is not None and self._went_through(cycle, base, weights):
            return None
        moved = np.sqrt(
            (weights[:, None] * (profile - start) ** 2).sum() + ((ends - start_ends) ** 2).sum()
        )
        return self._point(cycle, turn, float(moved / abs(step)) if step else 0.0)

    def _went_through(self, cycle: Cycle, base: Cycle, weights: np.ndarray) -> bool:
        """Whether a step went through the point of birth: the cycle came out upside down."""
        a, b = (c.profile - (weights[:, None] * c.profile).sum(0) for c in (cycle, base))
        if float((weights[:, None] * a * b).sum()) < 0:
            return True
        if not self.doubled:
            return False
        a, b = half_period_gap(cycle), half_period_gap(base)
        return float((weights[:, None] * a * b).sum()) < 0

    def _point(self, cycle: Cycle, turn: float, distance: float) -> Point | None:
        others = cycle.multipliers[:-1]
        if not np.isfinite(others).all():
            return None
        slope = float(cycle.t_end[1])
        gap = sign_of_product(1.0 - others.astype(complex), 1.0 + np.abs(others))
        if len(others) == 1:  # in the plane there are only folds
            tests = {"fold_of_cycles": float(np.log(others[0].real))}
        else:
            tests = {
                "fold_of_cycles": slope,
                "branch_point_of_cycles": gap * (1.0 if slope > 0 else -1.0),
                "flip": _tests.flip(others),
                "torus": _tests.neimark_sacker(others),
            }
        return Point(
            value=cycle.value,
            slope=slope,
            turn=turn,
            distance=distance,
            tests=tests,
            unstable=int((np.abs(others) > 1.0).sum()),
            data=cycle,
        )

    def mirrored(self, point: Point) -> Point:
        """The same cycle with the tangent turned round."""
        cycle: Cycle = point.data
        turned = cycle._replace(t=-cycle.t, t_end=-cycle.t_end)
        return self._point(turned, 1.0, 0.0) or point

    def accepts(self, name: str, point: Point) -> bool:
        """Whether a zero of a test function is the special point of its name."""
        others = point.data.multipliers[:-1]
        if self.amplitude(point.data) < 1e-3:  # towards a Hopf point the branch is a parabola
            return False
        if name == "fold_of_cycles":
            return bool(np.abs(others - 1.0).min(initial=np.inf) < 0.5)
        if self.kernel.dimension > 2 and abs(point.data.multipliers[-1] - 1.0) > RELIABLE:
            return False
        if name == "torus":
            return _tests.critical_pair(others, "map") is not None
        if name == "branch_point_of_cycles":  # a jump of sign, at a fold, is no zero
            return abs(point.tests[name]) < 1e-4 and abs(point.slope) > 0.01
        return True
