"""LinearGaussian: a linear map of the coarse state with normal noise, conditioned on parameters.

    x' = b + A x + B q + sum_i q_i C_i x + e,   e ~ N(0, Sigma)

with standardised states x and parameters q from -1 to 1. All coefficients together minimise the
squared error of one step; Sigma is the full covariance of what is left. What is written is cut at
zero (spike counts, kicks, cells), counts rounded to whole spikes; the map itself runs on uncut,
because the cut of one of many correlated numbers drives it away. It has the correlations and the
damped rhythm of the network, but no events and no thresholds. Where it is unstable (a spectral
radius above 1) the sample ends as non_finite.

Source: vector autoregression with exogenous variables, Luetkepohl (2005), New Introduction to
Multiple Time Series Analysis, chapter 10.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numba import njit

from snnsurrogate.surrogate.baselines._base import BURN_IN, Baseline, OneByOne, register
from snnsurrogate.surrogate.baselines._runs import Runs

_RUNS = 16  # training runs whose regressors are held in memory at a time
_FAR = 1e6  # standard deviations: an unstable map has left for good


@register
@dataclass(frozen=True, kw_only=True)
class LinearGaussian(Baseline):
    """Least-squares linear map of the coarse state, its coefficients linear in the parameters."""

    name: ClassVar[str] = "linear-gaussian"
    view: ClassVar[str] = "coarse"

    def learn(self, runs: Runs, seed: int) -> OneByOne:
        """Coefficients and noise."""
        d, k = len(runs.columns), len(runs.names)
        size = (1 + d) * (1 + k)
        square, product, total = np.zeros((size, size)), np.zeros((size, d)), np.zeros((d, d))
        pairs = 0
        for at in range(0, len(runs.x), _RUNS):
            # the first record of a run may cover its transient
            x = runs.scaling.states(runs.x[at : at + _RUNS, 1:].astype(float))
            regressors = regressors_of(x[:, :-1], runs.q[at : at + _RUNS]).reshape(-1, size)
            after = x[:, 1:].reshape(-1, d)
            square += regressors.T @ regressors
            product += regressors.T @ after
            total += after.T @ after
            pairs += len(after)
        coefficients = np.linalg.lstsq(square, product, rcond=1e-12)[0]
        left = total - coefficients.T @ product
        return _Map(runs=runs, coefficients=coefficients, covariance=(left + left.T) / 2 / pairs)


def regressors_of(x: np.ndarray, q: np.ndarray) -> np.ndarray:
    """(run, time, (1 + k)(1 + d)): (1, x) times each of (1, q); x (run, time, d), q (run, k)."""
    one_x = np.concatenate([np.ones((*x.shape[:2], 1)), x], 2)
    one_q = np.concatenate([np.ones((len(q), 1)), q], 1)
    made = one_q[:, None, :, None] * one_x[:, :, None, :]
    return made.reshape(*x.shape[:2], -1)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Map(OneByOne):
    """See `LinearGaussian`.

    Attributes:
        coefficients: ((1 + k)(1 + d), d), in the order of `regressors_of`.
        covariance: (d, d) of the noise.
    """

    coefficients: np.ndarray
    covariance: np.ndarray

    def sample(
        self, parameters: Mapping[str, float], records: int, rng: np.random.Generator
    ) -> np.ndarray:
        runs, d = self.runs, len(self.columns)
        one_q = np.concatenate([[1.0], runs.scaled(parameters)])
        at_q = np.tensordot(one_q, self.coefficients.reshape(one_q.size, 1 + d, d), 1)
        sizes, vectors = np.linalg.eigh(self.covariance)
        # a square root of the covariance; columns that never change have none of full rank
        noise = rng.standard_normal((records + BURN_IN, d))
        noise = noise @ (vectors * np.sqrt(np.maximum(sizes, 0.0))).T
        populations = list(dict.fromkeys(c.population for c in runs.columns if c.kind == "rate"))
        per_rate = np.zeros(d)
        for i, column in enumerate(runs.columns):
            if column.kind == "rate":
                cells = runs.cells(parameters)[populations.index(column.population)]
                per_rate[i] = cells * runs.seconds
        counted = np.array([c.kind in ("rate", "sum") for c in runs.columns])
        mean, sd = runs.scaling.mean, runs.scaling.sd
        x = _roll(at_q[0], at_q[1:], noise, mean, sd, counted, per_rate)
        return x[BURN_IN:]


@njit(cache=True)
def _roll(constant, matrix, noise, mean, sd, counted, per_rate):  # type: ignore[no-untyped-def]
    """States per cell (time, d) from the mean state on; NaN once they are far away."""
    n, d = noise.shape
    out = np.full((n, d), np.nan, np.float32)
    z, following = np.zeros(d), np.zeros(d)
    for t in range(n):
        for i in range(d):
            following[i] = constant[i] + noise[t, i]
        for j in range(d):
            for i in range(d):
                following[i] += z[j] * matrix[j, i]
        for i in range(d):
            if not abs(following[i]) < _FAR:
                return out
            x = mean[i] + sd[i] * following[i]
            z[i] = following[i]
            if counted[i] and x < 0.0:
                x = 0.0
            if per_rate[i] > 0.0:
                x = np.rint(x * per_rate[i]) / per_rate[i]
            out[t, i] = x
    return out
