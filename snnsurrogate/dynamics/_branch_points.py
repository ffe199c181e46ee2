"""The curve of fixed points of a flow, of a map or of its iterates in one parameter."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from snnsurrogate.kernels import Kernel

from . import _tests
from ._arclength import Path, Point, Settings, Special, follow, locate, unexplained
from ._curve import augmented, correct
from .fixed_points import iterates, jacobians, polish

__all__ = ["FixedPointCurve", "State", "Track", "follow_both_ways"]

WEIGHT = {"fold": 1, "branch_point": 1, "flip": 1, "hopf": 2, "neimark_sacker": 2}


class State(NamedTuple):
    """What is kept of a point: scaled state and parameter, tangent, eigenvalues, correction."""

    u: np.ndarray
    t: np.ndarray
    values: np.ndarray
    residual: float
    augmented: np.ndarray


@dataclass
class Track:
    """A branch: its points in order, its special points (index into points), its two ends.

    ``missed``: parameter intervals in which stability changes without a special point found.
    """

    points: list[Point]
    special: list[tuple[int, str, Point]]
    ends: tuple[str, str]
    missed: list[tuple[float, float]] = field(default_factory=list)


class FixedPointCurve:
    """Fixed points of one kernel as one parameter varies; a :class:`_arclength.Problem`."""

    def __init__(
        self,
        kernel: Kernel,
        p: np.ndarray,
        column: int,
        span: float,
        low: np.ndarray,
        high: np.ndarray,
        period: int,
    ) -> None:
        self.kernel, self.column, self.span, self.period = kernel, column, span, period
        self.p = np.array(p, dtype=float)
        self.low, self.high = low, high
        self.width = np.ascontiguousarray(high - low)
        self.k = iterates(kernel, period)

    def vector(self, value: float) -> np.ndarray:
        """Parameter vector with the free parameter at ``value``."""
        p = self.p.copy()
        p[self.column] = value
        return p

    def state(self, point: Point) -> np.ndarray:
        """The state in its own units."""
        return point.data.u[:-1] * self.width

    def start(self, x: np.ndarray, value: float, tangent: np.ndarray | None = None) -> Point | None:
        """The point of the curve at (x, value); None if Newton fails."""
        u = np.append(x / self.width, value / self.span)
        if tangent is None:
            # correct at a fixed parameter; at a fold no such step exists, then along the states
            for t in (np.eye(len(u))[-1], np.eye(len(u))[0]):
                point = self._correct(u, t, 1.0)
                if point is not None:
                    return point
            return None
        return self._correct(u, tangent, 1.0)

    def advance(self, point: Point, step: float) -> Point | None:
        """The point at ``step`` along the tangent."""
        return self._correct(point.data.u + step * point.data.t, point.data.t, step)

    def accept(self, point: Point) -> Point:
        """Nothing to adapt."""
        return point

    def ended(self, point: Point, start: Point, n: int, step: float) -> str | None:
        """The state box left by more than its width, or the start met again."""
        x = self.state(point)
        if ((x < self.low - self.width) | (x > self.high + self.width)).any():
            return "state_box"
        gap = point.data.u - start.data.u
        along = float(gap @ start.data.t)
        near = np.linalg.norm(gap) < 1.5 * step and -1.5 * step < along <= 0
        return "closed" if n > 10 and near and point.data.t @ start.data.t > 0.8 else None

    def _correct(self, u: np.ndarray, t: np.ndarray, step: float) -> Point | None:
        guess = np.ascontiguousarray(u)
        u, new = guess.copy(), np.empty_like(guess)
        matrix = np.empty((len(u), len(u)))
        size = correct(
            self.kernel.f, self.kernel.jac, self.k, u, np.ascontiguousarray(t), self.p.copy(),
            self.column, self.width, self.span, new, matrix,
        )  # fmt: skip
        if not np.isfinite(size):
            return None
        return self._point(u, new, matrix, float(size), guess, t, step)

    def crossing(self, base: Point, s: float, reach: float, name: str) -> Point | None:
        """The middle of points on both sides, right to the square of their distance."""
        sides: tuple[Point, Point] | None = None
        for _ in range(2):
            a, b = self.advance(base, s - reach), self.advance(base, s + reach)
            if a is None or b is None or not a.tests[name] * b.tests[name] < 0:
                return None
            left, right = a.tests[name], b.tests[name]
            s -= reach * (left + right) / (right - left)
            sides = a, b
        if sides is None:
            return None
        a, b = sides
        u, t = 0.5 * (a.data.u + b.data.u), a.data.t + b.data.t
        t = t / np.linalg.norm(t)
        matrix = np.empty((len(u), len(u)))
        p = self.vector(float(u[-1] * self.span))
        augmented(
            self.kernel.f, self.kernel.jac, self.k, np.ascontiguousarray(u[:-1] * self.width), p,
            self.column, self.width, self.span, np.empty(len(u) - 1), matrix[:-1],
        )  # fmt: skip
        matrix[-1] = t
        return self._point(u, t, matrix, max(a.data.residual, b.data.residual), u, t, 1.0)

    def _point(
        self,
        u: np.ndarray,
        new: np.ndarray,
        matrix: np.ndarray,
        size: float,
        guess: np.ndarray,
        t: np.ndarray,
        step: float,
    ) -> Point | None:
        value = float(u[-1] * self.span)
        x = u[:-1] * self.width
        jacobian = jacobians(self.kernel, x[None], self.vector(value)[None], self.period)[0]
        if not np.isfinite(jacobian).all():
            return None
        values = np.linalg.eigvals(jacobian).astype(complex)
        singular = np.linalg.svd(matrix[:-1], compute_uv=False)
        side = np.linalg.slogdet(matrix)[0]
        tests = {"fold": float(new[-1]), "branch_point": float(side * singular[-1])}
        if self.k:
            tests["flip"] = _tests.flip(values)
            tests["neimark_sacker"] = _tests.neimark_sacker(values)
            unstable = int((np.abs(values) > 1).sum())
        else:
            tests["hopf"] = _tests.hopf(values)
            unstable = int((values.real > 0).sum())
        return Point(
            value=value,
            slope=float(new[-1]),
            turn=float(new @ t),
            distance=float(np.linalg.norm(u - guess) / abs(step)) if step else 0.0,
            tests=tests,
            unstable=unstable,
            data=State(u, new, values, size, matrix),
        )

    def accepts(self, name: str, point: Point) -> bool:
        """Whether a zero of a test function is the special point of its name."""
        if name in {"hopf", "neimark_sacker"}:
            return _tests.critical_pair(point.data.values, self.kernel.kind) is not None
        return True

    def passes(self, track: Track, x: np.ndarray, value: float) -> bool:
        """Whether a branch already holds this fixed point."""
        tiny = 1e-9 * self.span
        for a, b in zip(track.points, track.points[1:], strict=False):
            if min(a.value, b.value) - tiny <= value <= max(a.value, b.value) + tiny:
                gap = b.value - a.value
                share = 0.5 if gap == 0 else min(max((value - a.value) / gap, 0.0), 1.0)
                guess = (a.data.u + share * (b.data.u - a.data.u))[:-1] * self.width
                if (np.abs(guess - x) > 0.2 * self.width).any():
                    continue
                state, size = polish(self.kernel, guess, self.vector(value), self.period)
                same = np.abs(state - x) < 1e-6 * self.width
                if size < 1e-6 and same.all():
                    return True
                if (np.abs(guess - x) < 1e-6 * self.width).all():
                    return True
        return False


def follow_both_ways(
    curve: FixedPointCurve, start: Point, settings: Settings, *, special: bool = True
) -> Track:
    """The whole branch through ``start`` with its special points."""
    forward = follow(curve, start, settings)
    if forward.ended == "closed":
        backward = Path([start], ended="closed")
    else:
        data = start.data._replace(t=-start.data.t)
        tests = start.tests | {"fold": -start.tests["fold"]}
        tests["branch_point"] = -start.tests["branch_point"]
        mirror = Point(start.value, -start.slope, 1.0, 0.0, tests, start.unstable, data)
        backward = follow(curve, mirror, settings)
    hits: list[tuple[float, Special]] = []
    missed: list[tuple[float, float]] = []
    if special:
        found = locate(curve, backward, accepts=curve.accepts, weight=WEIGHT)
        hits += [(-(s.after + _share(backward, s)), s) for s in found]
        missed += unexplained(backward, found, WEIGHT)
        found = locate(curve, forward, accepts=curve.accepts, weight=WEIGHT)
        hits += [(s.after + _share(forward, s), s) for s in found]
        missed += unexplained(forward, found, WEIGHT)
    ordered = [(float(-i), p) for i, p in enumerate(backward.points)][:0:-1]
    ordered += [(float(i), p) for i, p in enumerate(forward.points)]
    merged: list[tuple[float, str, Point]] = [(at, "", p) for at, p in ordered]
    merged += [(at, s.name, s.point) for at, s in hits]
    merged.sort(key=lambda item: item[0])
    points = [p for _, _, p in merged]
    named = [(i, name, p) for i, (_, name, p) in enumerate(merged) if name]
    return Track(points, named, (backward.ended, forward.ended), missed)


def _share(path: Path, special: Special) -> float:
    return min(max(special.position / path.steps[special.after], 0.0), 1.0)
