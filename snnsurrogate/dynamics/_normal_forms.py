"""Normal-form coefficients of Hopf, Neimark-Sacker and flip points.

Y. A. Kuznetsov, Elements of Applied Bifurcation Theory (Springer), section 5.4. Second
and third derivatives are directional differences of the exact Jacobian, extrapolated to zero step.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from snnsurrogate.kernels import Kernel

from .fixed_points import jacobians

__all__ = ["flip_coefficient", "lyapunov_coefficient"]

_SHRINK = 1.6
_FIRST_STEPS = (0.02, 0.0137)  # of the box width; two, so that their difference is the error
_ROWS = 10


def _extrapolated(rule: Callable[[float], np.ndarray], start: float) -> np.ndarray:
    """Limit of an even difference rule as its step shrinks (Ridders 1982)."""
    table: list[np.ndarray] = []
    best, error = np.zeros(0), np.inf
    for row in range(_ROWS):
        new = [rule(start / _SHRINK**row)]
        for k, before in enumerate(table, start=1):
            factor = _SHRINK ** (2 * k)
            new.append((factor * new[-1] - before) / (factor - 1))
            gap = max(np.abs(new[-1] - new[-2]).max(), np.abs(new[-1] - before).max())
            if gap < error:
                best, error = new[-1], float(gap)
        if row > 2 and np.abs(new[-1] - table[-1]).max() > 4 * error:
            break
        table = new
    return best


class _Derivatives:
    """Directional derivatives of the Jacobian at one fixed point."""

    def __init__(
        self, kernel: Kernel, x: np.ndarray, p: np.ndarray, period: int, step: float
    ) -> None:
        self.kernel, self.x, self.p, self.period, self.step = kernel, x, p, period, step
        self.width = kernel.high - kernel.low
        self.matrix = self.jacobian(np.zeros_like(x))

    def jacobian(self, shift: np.ndarray) -> np.ndarray:
        return jacobians(self.kernel, (self.x + shift)[None], self.p[None], self.period)[0]

    def _step(self, u: np.ndarray) -> float:
        return self.step / max(float(np.abs(u / self.width).max()), 1e-300)

    def first(self, u: np.ndarray) -> np.ndarray:
        """The matrix B(u, .)."""
        if not np.any(u):
            return np.zeros_like(self.matrix)
        return _extrapolated(
            lambda h: (self.jacobian(h * u) - self.jacobian(-h * u)) / (2 * h), self._step(u)
        )

    def second(self, u: np.ndarray) -> np.ndarray:
        """The matrix C(u, u, .)."""
        if not np.any(u):
            return np.zeros_like(self.matrix)

        def rule(h: float) -> np.ndarray:
            return (self.jacobian(h * u) - 2 * self.matrix + self.jacobian(-h * u)) / h**2

        return _extrapolated(rule, self._step(u))

    def bilinear(self, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        """B(u, v) of complex vectors."""
        return (self.first(u.real) + 1j * self.first(u.imag)) @ v


def _critical(matrix: np.ndarray, at: complex) -> tuple[np.ndarray, np.ndarray]:
    """Right and adjoint eigenvectors of the eigenvalue nearest to ``at``: |q| = 1, <p, q> = 1."""
    values, right = np.linalg.eig(matrix)
    q = right[:, np.argmin(np.abs(values - at))]
    values, left = np.linalg.eig(matrix.T)
    p = left[:, np.argmin(np.abs(values - np.conj(at)))]
    q = q / np.linalg.norm(q)
    return q, p / np.conj(np.vdot(p, q))


def lyapunov_coefficient(
    kernel: Kernel, x: np.ndarray, p: np.ndarray, critical: complex, period: int = 1
) -> tuple[float, float]:
    """First Lyapunov coefficient of a Hopf or Neimark-Sacker point, and its error.

    Negative: supercritical. The critical eigenvector has unit length in the state's own units, as
    in MatCont; another scaling of the states changes the size, never the sign. For a map the
    coefficient of its normal form is divided by the angle of the multiplier, so that the map of a
    flow over a time step has the coefficient of the flow.

    Args:
        kernel: flow or map.
        x: the fixed point.
        p: parameter vector.
        critical: eigenvalue i omega of a flow, multiplier exp(i theta) of a map.
        period: iterate of the map.
    """
    values = [
        _lyapunov(_Derivatives(kernel, x, p, period, step), critical) for step in _FIRST_STEPS
    ]
    return values[0], abs(values[1] - values[0])


def _lyapunov(d: _Derivatives, critical: complex) -> float:
    kernel, x = d.kernel, d.x
    identity = np.eye(len(x))
    is_map = kernel.kind == "map"
    at = complex(critical / abs(critical)) if is_map else 1j * critical.imag
    q, adjoint = _critical(d.matrix, at)
    a, b = q.real, q.imag
    # C(q, q, conj q) = C(a,a,a) + C(a,b,b) + i (C(a,a,b) + C(b,b,b))
    caa, cbb = d.second(a), d.second(b)
    cubic = caa @ a + cbb @ a + 1j * (caa @ b + cbb @ b)
    bq = d.first(a) + 1j * d.first(b)
    mixed, square = bq @ np.conj(q), bq @ q
    if is_map:
        steady = np.linalg.solve(identity - d.matrix, mixed)
        double = np.linalg.solve(at**2 * identity - d.matrix, square)
        total = cubic + 2 * bq @ steady + np.conj(bq) @ double
        value = 0.5 * (np.conj(at) * np.vdot(adjoint, total)).real / abs(np.angle(at))
    else:
        steady = np.linalg.solve(d.matrix, mixed)
        double = np.linalg.solve(2 * at * identity - d.matrix, square)
        total = cubic - 2 * bq @ steady + np.conj(bq) @ double
        value = 0.5 * np.vdot(adjoint, total).real / abs(at)
    return float(value)


def flip_coefficient(
    kernel: Kernel, x: np.ndarray, p: np.ndarray, period: int = 1
) -> tuple[float, float]:
    """Cubic coefficient of a flip; positive: supercritical (a stable doubled cycle is born)."""
    values = [_flip(_Derivatives(kernel, x, p, period, step)) for step in _FIRST_STEPS]
    return values[0], abs(values[1] - values[0])


def _flip(d: _Derivatives) -> float:
    q, adjoint = (v.real for v in _critical(d.matrix, -1.0))
    adjoint = adjoint / (adjoint @ q)
    bq = d.first(q)
    inner = np.linalg.solve(np.eye(len(q)) - d.matrix, bq @ q)
    total = d.second(q) @ q / 6 + bq @ inner / 2
    return float(adjoint @ total)
