"""Normal-form coefficients of Hopf, Neimark-Sacker and flip points.

Y. A. Kuznetsov, Elements of Applied Bifurcation Theory (Springer), section 5.4. Second
and third derivatives are directional differences of the exact Jacobian, extrapolated to zero step.
"""

from __future__ import annotations

import numpy as np

from snnsurrogate.kernels import Kernel

from .fixed_points import jacobians

__all__ = ["flip_coefficient", "lyapunov_coefficient"]

_SHRINK = 1.6
_FIRST_STEPS = (0.02, 0.0137)  # of the box width; two, so that their difference is the error
_ROWS = 10


def _extrapolated(rows: list[np.ndarray]) -> np.ndarray:
    """Limit of an even difference rule, given at shrinking steps (Ridders 1982)."""
    table: list[np.ndarray] = []
    best, error = rows[0], np.inf
    for row, value in enumerate(rows):
        new = [value]
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
        self.matrix = jacobians(kernel, x[None], p[None], period)[0]

    def along(self, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The matrices B(u, .) and C(u, u, .)."""
        if not np.any(u):
            return np.zeros_like(self.matrix), np.zeros_like(self.matrix)
        h = self.step / float(np.abs(u / self.width).max()) / _SHRINK ** np.arange(_ROWS)
        shifts = np.concatenate([h, -h])[:, None] * u
        points = np.tile(self.p, (2 * _ROWS, 1))
        all_of_them = jacobians(self.kernel, self.x + shifts, points, self.period)
        up, down = all_of_them[:_ROWS], all_of_them[_ROWS:]
        first = [(a - b) / (2 * k) for a, b, k in zip(up, down, h, strict=True)]
        second = [(a - 2 * self.matrix + b) / k**2 for a, b, k in zip(up, down, h, strict=True)]
        return _extrapolated(first), _extrapolated(second)


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
    (ba, caa), (bb, cbb) = d.along(a), d.along(b)
    cubic = caa @ a + cbb @ a + 1j * (caa @ b + cbb @ b)
    bq = ba + 1j * bb
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
    bq, cq = d.along(q)
    inner = np.linalg.solve(np.eye(len(q)) - d.matrix, bq @ q)
    total = cq @ q / 6 + bq @ inner / 2
    return float(adjoint @ total)
