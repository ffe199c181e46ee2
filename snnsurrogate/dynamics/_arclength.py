"""Pseudo-arclength continuation: one loop for fixed points, cycles and two-parameter curves.

A curve is followed by steps along its tangent, each corrected in the plane normal to that tangent
(H. B. Keller 1977; E. Allgower and K. Georg, Numerical Continuation Methods, 1990). What lies on
the curve is the problem's affair: it says how to advance from a point by a step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from scipy.optimize import brentq

__all__ = [
    "ENDS",
    "Path",
    "Point",
    "Problem",
    "Settings",
    "Special",
    "follow",
    "locate",
    "unexplained",
]

ENDS = (
    "parameter_low",  # the curve reached the lower end of the parameter interval
    "parameter_high",
    "second_low",  # of curves in two parameters: the lower end of the second interval
    "second_high",
    "state_box",  # it left the state box by more than one box width
    "closed",  # it came back to its start
    "not_converged",  # Newton failed down to the smallest step: the last point is the last good one
    "max_points",
    "long_period",  # of cycles: the period grew beyond the stated bound (a homoclinic is near)
    "small_amplitude",  # of cycles: it shrank to a fixed point (a Hopf point)
    "half_period",  # of cycles of maps: it became a cycle of half the period (a flip of that one)
    "zero_frequency",  # of curves of Hopf points: the pair met at zero (Bogdanov-Takens)
)
# Newton's matrix is singular where these tests are zero: the point is read off its neighbours.
SINGULAR = ("branch_point", "half_period")


@dataclass
class Point:
    """A point of a curve.

    Attributes:
        value: the free parameter, in its unit.
        slope: component of the unit tangent along the (scaled) parameter; zero at a fold.
        turn: cosine of the angle between this tangent and the one before.
        distance: length of the correction, relative to the step.
        tests: name -> test function; a sign change is a special point.
        unstable: number of unstable directions.
        data: what the problem stores.
        second: the second free parameter of a curve in two.
    """

    value: float
    slope: float
    turn: float
    distance: float
    tests: dict[str, float]
    unstable: int
    data: Any
    second: float = 0.0


class Problem(Protocol):
    """What :func:`follow` needs to know of a curve."""

    def advance(self, point: Point, step: float) -> Point | None:
        """The point at ``step`` along the tangent, corrected; None where Newton fails."""
        ...

    def accept(self, point: Point) -> Point:
        """Called on every accepted point, to adapt a mesh."""
        ...

    def ended(self, point: Point, start: Point, n: int, step: float) -> str | None:
        """An entry of ENDS, or None to go on."""
        ...

    def crossing(self, base: Point, s: float, reach: float, name: str) -> Point | None:
        """The zero of a test near s, from neighbours at a distance; None if it has no such way."""
        ...


@dataclass(frozen=True)
class Settings:
    """Bounds of the loop; steps are in units of the scaled arclength."""

    low: float
    high: float
    step: float
    max_step: float
    min_step: float = 1e-7
    max_points: int = 4000
    second: tuple[float, float] = (-np.inf, np.inf)  # interval of the second parameter
    turn: float = 0.985  # cosine of the largest angle between neighbouring tangents, 10 degrees


@dataclass
class Path:
    """Points in order, the step that led from each to the next, and why it ended."""

    points: list[Point]
    steps: list[float] = field(default_factory=list)
    ended: str = ""


@dataclass
class Special:
    """A located zero of a test function: after which point of the path, which test, the point."""

    after: int
    position: float
    name: str
    point: Point


def follow(problem: Problem, start: Point, settings: Settings) -> Path:
    """Follow the curve from ``start`` along its tangent until it ends."""
    path = Path([start])
    step = settings.step
    bounds = [
        ("value", settings.low, settings.high, "parameter"),
        ("second", *settings.second, "second"),
    ]
    while len(path.points) < settings.max_points:
        a = path.points[-1]
        b = problem.advance(a, step)
        if b is None or b.turn < settings.turn or b.distance > 0.5:
            step *= 0.5 if b is None or b.turn < 0.5 else 0.7
            if step < settings.min_step:
                path.ended = "not_converged"
                return path
            continue
        lost = False
        for of, low, high, name in bounds:
            now = getattr(b, of)
            outside = 1e-12 * (high - low)
            if now < low - outside or now > high + outside:
                low_side = now < low
                reached = _to_bound(problem, path, a, step, of, low if low_side else high)
                if not reached:  # as where Newton fails: nearer by smaller steps
                    lost = True
                    break
                path.ended = f"{name}_{'low' if low_side else 'high'}"
                return path
        if lost:
            step *= 0.5
            if step < settings.min_step:
                path.ended = "not_converged"
                return path
            continue
        path.steps.append(step)
        path.points.append(problem.accept(b))
        reason = problem.ended(path.points[-1], start, len(path.points), step)
        if reason is not None:
            path.ended = reason
            return path
        quick = b.turn > 1 - 0.3 * (1 - settings.turn) and b.distance < 0.15
        step = min(step * (1.4 if quick else 1.0), settings.max_step)
    path.ended = "max_points"
    return path


def _to_bound(problem: Problem, path: Path, a: Point, step: float, of: str, bound: float) -> bool:
    """Add the point at the end of a parameter interval, if the curve was not already there.

    Returns:
        Whether the curve is followed to it; if not the last good point stays the last.
    """
    if abs(getattr(a, of) - bound) <= 1e-12 * max(1.0, abs(bound)):
        return True

    def gap(s: float) -> float:
        return getattr(_required(problem.advance(a, s)), of) - bound

    try:
        s = float(brentq(gap, 0.0, step, xtol=1e-15 + 1e-13 * step, rtol=1e-14))
        last = _required(problem.advance(a, s))
    except (_LostError, ValueError):
        return False
    setattr(last, of, bound)
    path.steps.append(s)
    path.points.append(last)
    return True


class _LostError(Exception):
    pass


def _required(point: Point | None) -> Point:
    if point is None:
        raise _LostError
    return point


def locate(
    problem: Problem,
    path: Path,
    *,
    accepts: Callable[[str, Point], bool],
    weight: dict[str, int],
    depth: int = 7,
) -> list[Special]:
    """Zeros of the test functions along a path, refined on the curve itself.

    A step over which the number of unstable directions changes by more than its zeros explain is
    halved, up to ``depth`` times.

    Args:
        problem: the problem that made the path.
        path: the path.
        accepts: whether a zero of this name at this point is what the name says.
        weight: by how much a zero of this name changes the number of unstable directions.
        depth: halvings.
    """
    found: list[Special] = []
    for i, step in enumerate(path.steps):
        a, b = path.points[i], path.points[i + 1]
        for s, name, point in _zeros(problem, a, (0.0, a), (step, b), accepts, weight, depth):
            found.append(Special(i, s, name, point))
    return found


def unexplained(
    path: Path,
    found: list[Special],
    weight: dict[str, int],
    trusted: Callable[[Point], bool] = lambda _: True,
) -> list[tuple[float, float]]:
    """Parameter intervals of steps that lose or gain stability beyond what was found there.

    Args:
        path: the path.
        found: what :func:`locate` found on it.
        weight: as there.
        trusted: whether the number of unstable directions at a point can be relied upon.
    """
    spare = [0] * (len(path.steps) + 2)  # shifted by one: what the steps could explain and need not
    for s in found:
        spare[s.after + 1] += weight.get(s.name, 0)
    missing = []
    for i in range(len(path.steps)):
        a, b = path.points[i], path.points[i + 1]
        need = abs(b.unstable - a.unstable) if trusted(a) and trusted(b) else 0
        used = min(need, spare[i + 1])
        spare[i + 1] -= used
        missing.append(need - used)
    intervals = []
    if path.ended in {"small_amplitude", "half_period"}:
        missing[-2:] = [0] * len(missing[-2:])  # a multiplier is one where the branch is born
    for i, need in enumerate(missing):
        # a zero at the end of a step may count in the next one: rounding decides
        if need > spare[i] + spare[i + 2]:
            low, high = sorted(p.value for p in path.points[i : i + 2])
            intervals.append((low, high))
    return intervals


def _zeros(
    problem: Problem,
    base: Point,
    left: tuple[float, Point],
    right: tuple[float, Point],
    accepts: Callable[[str, Point], bool],
    weight: dict[str, int],
    depth: int,
) -> Iterator[tuple[float, str, Point]]:
    (s0, a), (s1, b) = left, right
    hits: list[tuple[float, str, Point]] = []
    for name in a.tests:
        if name not in b.tests or a.tests[name] == 0.0 or not a.tests[name] * b.tests[name] <= 0:
            continue  # a zero at the very end of a step is met once, from the left

        def test(s: float, name: str = name) -> float:
            return _beside(problem, base, s, s1 - s0).tests[name]

        try:
            s = float(brentq(test, s0, s1, xtol=1e-15, rtol=1e-13, maxiter=100))
            point = None
            if name in SINGULAR:
                point = problem.crossing(base, s, 1e-3 * (s1 - s0), name)
            if point is None:
                point = _beside(problem, base, s, s1 - s0)
        except (_LostError, ValueError):
            continue
        if accepts(name, point):
            hits.append((s, name, point))
    hits = [hit for hit in hits if not _doubled(hit, hits, s1 - s0)]
    possible = sum(weight.get(name, 0) for _, name, _ in hits)
    change = abs(b.unstable - a.unstable)
    if (change > possible or (change - possible) % 2) and depth > 0:
        s = 0.5 * (s0 + s1)
        middle = problem.advance(base, s)
        if middle is not None:
            for ends in ((left, (s, middle)), ((s, middle), right)):
                yield from _zeros(problem, base, *ends, accepts, weight, depth - 1)
            return
    yield from sorted(hits, key=lambda hit: hit[0])


def _doubled(hit: tuple, hits: list, step: float) -> bool:
    """Whether a zero is another one's shadow.

    Where two curves cross, the parameter may turn as well: a branch point, not a fold too. At a
    fold of cycles a multiplier passes one, within rounding of its own: not a branch point too.
    """
    s, name, _ = hit
    rival, reach = {
        "fold": ("branch_point", 1e-3),
        "branch_point_of_cycles": ("fold_of_cycles", 0.3),
    }.get(name, ("", 0.0))
    return any(other == rival and abs(s - at) < reach * step for at, other, _ in hits)


def _beside(problem: Problem, base: Point, s: float, step: float) -> Point:
    """The point at s; where Newton's matrix is singular (curves cross), one very close to it."""
    for nudge in (0.0, 1e-10, -1e-10, 1e-8, -1e-8, 1e-6, -1e-6):
        point = problem.advance(base, s + nudge * step)
        if point is not None:
            return point
    raise _LostError


def sign_of_product(values: np.ndarray, near: np.ndarray) -> float:
    """Signed smallest |factor| of a real product of complex factors.

    Args:
        values: the factors; the others come in conjugate pairs, so the sign is that of the real
            ones.
        near: scale of each factor.

    Returns:
        The sign of the product times the smallest |factor|/scale: it vanishes and changes sign
        with the product, and neither overflows nor underflows.
    """
    if len(values) == 0:
        return 1.0
    real = values[np.abs(values.imag) <= 1e-14 * near].real
    size = float((np.abs(values) / near).min())
    return -size if (real < 0).sum() % 2 else size
