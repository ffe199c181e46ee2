"""The curve of folds, Hopf, flip or Neimark-Sacker points in two parameters.

Defining system: the fixed point, and one scalar that vanishes with the determinant of a matrix: the
last component of a bordered linear system (W. Govaerts, Numerical Methods for Bifurcations of
Dynamical Equilibria, SIAM 2000). The matrix is J (fold), J - 1, J + 1 (fold and flip of a map), or
a bialternate product, singular where two eigenvalues add to zero (multiply to one).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from snnsurrogate.kernels import Kernel

from . import _tests
from ._arclength import Point, sign_of_product
from ._normal_forms import lyapunov_coefficient
from .fixed_points import linearised

__all__ = ["KINDS", "SpecialCurve", "SpecialState"]

KINDS = ("fold", "hopf", "flip", "neimark_sacker")
_H = 1e-6  # step of differences, in scaled coordinates
_MAX_NEWTON = 15


class SpecialState(NamedTuple):
    """Scaled state and two parameters, tangent, eigenvalues, last correction, frequency, l1."""

    u: np.ndarray
    t: np.ndarray
    values: np.ndarray
    residual: float
    frequency: float
    l1: float


class SpecialCurve:
    """Special points of one kind of a kernel in two parameters; a :class:`_arclength.Problem`."""

    def __init__(
        self,
        kernel: Kernel,
        kind: str,
        p: np.ndarray,
        columns: tuple[int, int],
        spans: tuple[float, float],
        low: np.ndarray,
        high: np.ndarray,
        period: int,
    ) -> None:
        self.kernel, self.kind, self.columns, self.period = kernel, kind, columns, period
        self.p = np.array(p, dtype=float)
        self.low, self.high, self.width = low, high, high - low
        self.scale = np.concatenate([self.width, np.array(spans)])
        self.pairs = np.triu_indices(kernel.dimension, 1)
        n = len(self.pairs[0]) if kind in {"hopf", "neimark_sacker"} else kernel.dimension
        self.left, self.right = np.ones(n), np.ones(n)
        self.with_l1 = False  # along a curve only accepted points need it: it costs most

    def vector(self, u: np.ndarray) -> np.ndarray:
        """Parameter vector of a scaled point."""
        p = self.p.copy()
        p[list(self.columns)] = u[-2:] * self.scale[-2:]
        return p

    def state(self, point: Point) -> np.ndarray:
        """The state in its own units."""
        return point.data.u[:-2] * self.width

    def _linearised(self, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Residuals (n, state) and Jacobians in scaled states at scaled points (n, state + 2)."""
        points = np.tile(self.p, (len(u), 1))
        points[:, list(self.columns)] = u[:, -2:] * self.scale[-2:]
        g, matrices = linearised(self.kernel, u[:, :-2] * self.width, points, self.period)
        return g / self.width, matrices * self.width / self.width[:, None]

    def _singular(self, a: np.ndarray) -> np.ndarray:
        """The matrices that are singular on the curve, from Jacobians (n, state, state)."""
        one = np.eye(a.shape[-1])
        if self.kind == "fold":
            return a if self.kernel.kind == "flow" else a - one
        if self.kind == "flip":
            return a + one
        i, j = self.pairs
        k, m = i[None, :], j[None, :]
        i, j = i[:, None], j[:, None]
        if self.kind == "neimark_sacker":  # the second compound matrix, less one
            return a[:, i, k] * a[:, j, m] - a[:, i, m] * a[:, j, k] - np.eye(len(i))
        out = a[:, i, k] * one[j, m] - a[:, i, m] * one[j, k]
        return out + a[:, j, m] * one[i, k] - a[:, j, k] * one[i, m]

    def _bordered(self, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        """Nearly null vectors right and left, and the scalar that vanishes with the determinant."""
        n = len(matrix)
        full = np.zeros((n + 1, n + 1))
        full[:n, :n], full[:n, n], full[n, :n] = matrix, self.left, self.right
        last = np.eye(n + 1)[n]
        right = np.linalg.solve(full, last)
        left = np.linalg.solve(full.T, last)
        return right[:n], left[:n], float(right[n])

    def adapt(self, u: np.ndarray) -> None:
        """Border with the null vectors of a point near by."""
        left, _, right = np.linalg.svd(self._singular(self._linearised(u[None])[1])[0])
        self.left, self.right = left[:, -1], right[-1]

    def _system(self, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        d = self.kernel.dimension
        shifts = _H * np.eye(d + 2)
        g, jacobian = self._linearised(np.concatenate([u[None], u + shifts, u - shifts]))
        matrices = self._singular(jacobian)
        right, left, last = self._bordered(matrices[0])
        change = (matrices[1 : d + 3] - matrices[d + 3 :]) / (2 * _H)
        slopes = np.empty((d + 1, d + 2))
        slopes[:d, :d] = jacobian[0] - (np.eye(d) if self.kernel.kind == "map" else 0.0)
        slopes[:d, d:] = (g[d + 1 : d + 3] - g[2 * d + 3 :]).T / (2 * _H)
        slopes[d] = -np.einsum("i,nij,j->n", left, change, right)
        return np.append(g[0], last), slopes

    def start(self, x: np.ndarray, values: tuple[float, float]) -> Point | None:
        """The point of the curve near (x, values)."""
        u = np.concatenate([x, values]) / self.scale
        self.adapt(u)
        _, slopes = self._system(u)
        tangent = np.linalg.svd(slopes)[2][-1]
        return self._correct(u, tangent, 1.0)

    def advance(self, point: Point, step: float) -> Point | None:
        """The point at ``step`` along the tangent."""
        moved = self._correct(point.data.u + step * point.data.t, point.data.t, step)
        if moved is not None and self.with_l1:
            l1 = self.lyapunov(moved.data)
            moved.data = moved.data._replace(l1=l1)
            moved.tests["generalised_hopf"] = l1 if np.isfinite(l1) else 1.0
        return moved

    def accept(self, point: Point) -> Point:
        """Renew the border, and add the first Lyapunov coefficient."""
        self.adapt(point.data.u)
        l1 = self.lyapunov(point.data)
        point.data = point.data._replace(l1=l1)
        if self.kind in {"hopf", "neimark_sacker"}:
            point.tests["generalised_hopf"] = l1 if np.isfinite(l1) else 1.0
        return point

    def crossing(self, base: Point, s: float, reach: float, name: str) -> Point | None:
        """Not needed here."""
        return None

    def ended(self, point: Point, start: Point, n: int, step: float) -> str | None:
        """The state box left, the pair no longer complex, or the start met again."""
        x = self.state(point)
        if ((x < self.low - self.width) | (x > self.high + self.width)).any():
            return "state_box"
        if self.kind in {"hopf", "neimark_sacker"} and point.data.frequency <= 0:
            return "zero_frequency"
        gap = point.data.u - start.data.u
        along = float(gap @ start.data.t)
        near = np.linalg.norm(gap) < 1.5 * step and -1.5 * step < along <= 0
        return "closed" if n > 10 and near and point.data.t @ start.data.t > 0.8 else None

    def _correct(self, guess: np.ndarray, t: np.ndarray, step: float) -> Point | None:
        u, best = guess.copy(), np.inf
        slopes = np.empty(0)
        for iteration in range(_MAX_NEWTON):
            try:
                values, slopes = self._system(u)
                delta = np.linalg.solve(np.vstack([slopes, t]), np.append(values, t @ (u - guess)))
            except np.linalg.LinAlgError:
                return None
            size = float(np.linalg.norm(delta))
            if not np.isfinite(size) or size > 1.0 or (iteration > 4 and size > best > 1e-9):
                return None
            u = u - delta
            done = size < 1e-13 or (size < 1e-10 and size > 0.3 * best)
            best = min(best, size)
            if done:
                break
        else:
            if best > 1e-9:
                return None
        try:
            tangent = np.linalg.solve(np.vstack([slopes, t]), np.eye(len(u))[-1])
        except np.linalg.LinAlgError:
            return None
        tangent /= np.linalg.norm(tangent)
        moved = float(np.linalg.norm(u - guess) / abs(step)) if step else 0.0
        return self._point(u, tangent, best, float(tangent @ t), moved)

    def _point(
        self, u: np.ndarray, t: np.ndarray, size: float, turn: float, distance: float
    ) -> Point:
        jacobian = self._linearised(u[None])[1][0]
        values = np.linalg.eigvals(jacobian).astype(complex)
        tests, frequency = self._codimension_two(u, values, jacobian)
        p = self.vector(u)
        rates = values.real if self.kernel.kind == "flow" else np.abs(values) - 1
        return Point(
            value=float(p[self.columns[0]]),
            slope=float(t[-2]),
            turn=turn,
            distance=distance,
            tests=tests,
            unstable=int((rates > 0).sum()),
            data=SpecialState(u, t, values, size, frequency, np.nan),
            second=float(p[self.columns[1]]),
        )

    def _codimension_two(
        self, u: np.ndarray, values: np.ndarray, jacobian: np.ndarray
    ) -> tuple[dict[str, float], float]:
        """Test functions of codimension two, and the frequency (<= 0: no complex pair)."""
        if self.kind in {"fold", "flip"}:
            tests = {}
            right, left, _ = self._bordered(self._singular(jacobian[None])[0])
            v = right / np.linalg.norm(right)
            if self.kind == "fold":
                shift = np.append(v, (0.0, 0.0)) * 1e-4
                sides = self._linearised(np.stack([u + shift, u - shift]))[1]
                second = (sides[0] - sides[1]) @ v / 2e-4
                tests["cusp"] = float(left @ second)
                if self.kernel.kind == "flow":
                    tests["bogdanov_takens"] = float(left @ v)
                    others = np.delete(values, np.argmin(np.abs(values)))
                    tests["zero_hopf"] = _tests.hopf(others)
            return tests, 0.0
        i, j = self.pairs
        a, b = values[i], values[j]
        if self.kind == "hopf":
            k = int(np.argmin(np.abs(a + b) / (np.abs(a) + np.abs(b) + 1e-300)))
            square = float((a[k] * b[k]).real)  # of the frequency
            frequency = np.sqrt(square) if square > 0 else -np.sqrt(-square)
            rest = np.delete(values, [i[k], j[k]])
            tests = {
                "bogdanov_takens": square,
                "zero_hopf": sign_of_product(rest, np.abs(rest) + 1e-300) * _size(rest),
                "double_hopf": _tests.hopf(rest) if len(rest) > 1 else 1.0,
            }
        else:
            k = int(np.argmin(np.abs(a * b - 1.0)))
            half = float((a[k] + b[k]).real) / 2
            tests = {"strong_resonance": 1.0 - half**2}
            time = self.kernel.time_step * self.period
            frequency = np.arccos(half) / time if abs(half) < 1 else -1.0
        return tests, float(frequency)

    def lyapunov(self, point: SpecialState) -> float:
        """First Lyapunov coefficient; NaN where the pair is not complex."""
        if self.kind not in {"hopf", "neimark_sacker"} or point.frequency <= 0:
            return np.nan
        critical = 1j * point.frequency
        if self.kind != "hopf":
            critical = np.exp(critical * self.kernel.time_step * self.period)
        x, p = point.u[:-2] * self.width, self.vector(point.u)
        return lyapunov_coefficient(self.kernel, x, p, complex(critical), self.period)[0]

    def accepts(self, name: str, point: Point) -> bool:
        """Whether a zero of a test function is the special point of its name."""
        if name == "zero_hopf" and self.kind == "fold":
            values = point.data.values
            others = np.delete(values, np.argmin(np.abs(values)))
            return _tests.critical_pair(others, "flow") is not None
        if name == "generalised_hopf":  # l1 has a pole, not a zero, where the frequency vanishes
            return point.data.frequency > 0 and abs(point.tests[name]) < 1e-5
        return True


def _size(values: np.ndarray) -> float:
    return float(np.abs(values).min(initial=1.0))
