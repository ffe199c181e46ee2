"""LinearGaussian recovers an autoregression that it was made for."""

import numpy as np
import pytest
from scipy.linalg import solve_discrete_lyapunov

import snnsurrogate as sns

rng = np.random.default_rng(4)
A = np.array([[0.6, 0.3, 0.0], [-0.3, 0.6, 0.1], [0.0, 0.2, 0.5]])
C = np.array([[0.1, 0.0, 0.0], [0.0, -0.2, 0.0], [0.1, 0.0, 0.1]])  # times the parameter, -1 to 1
B = np.array([0.5, -0.3, 0.2])
MEAN = np.array([40.0, 60.0, 90.0])
ROOT = np.array([[1.0, 0.0, 0.0], [0.5, 0.8, 0.0], [-0.4, 0.3, 0.6]])


@pytest.fixture(scope="module")
def series():
    """Twelve records of x' - m = (A + q C)(x - m) + B q + ROOT z."""
    q = np.linspace(-1, 1, 12)
    x = np.zeros((12, 4000, 3))
    for t in range(1, 4000):
        turned = x[:, t - 1] @ A.T + q[:, None] * (x[:, t - 1] @ C.T + B)
        x[:, t] = turned + rng.normal(size=(12, 3)) @ ROOT.T
    return x + MEAN, 2.0 + 0.5 * q[:, None]


@pytest.fixture
def learned(runs_of, series):
    return sns.baselines.LinearGaussian().learn(runs_of(*series), 0)


def test_it_recovers_the_map_and_the_noise(learned):
    sd = learned.runs.scaling.sd
    constant, slope = learned.coefficients.reshape(2, 4, 3)
    np.testing.assert_allclose(constant[1:].T * sd[:, None] / sd, A, atol=0.02)
    np.testing.assert_allclose(slope[1:].T * sd[:, None] / sd, C, atol=0.02)
    np.testing.assert_allclose(
        learned.covariance * np.outer(sd, sd), ROOT @ ROOT.T, rtol=0.03, atol=0.02
    )


@pytest.mark.parametrize("q", [-0.8, 0.0, 0.6])
def test_free_runs_have_its_stationary_law(learned, q):
    run = learned.sample(
        {"tau_EE": 2.0 + 0.5 * q, "N_E": 1e6, "N_I": 1e6}, 120_000, np.random.default_rng(1)
    )
    turned = A + q * C
    mean = MEAN + np.linalg.solve(np.eye(3) - turned, B * q)
    covariance = solve_discrete_lyapunov(turned, ROOT @ ROOT.T)
    np.testing.assert_allclose(run.mean(axis=0), mean, atol=0.1)
    np.testing.assert_allclose(np.cov(run.T), covariance, rtol=0.06, atol=0.06)


def test_counts_are_whole_and_not_negative(learned):
    # 10 cells: a rate of 40 Hz is 0.4 spikes per ms
    run = learned.sample({"tau_EE": 2.0, "N_E": 10.0, "N_I": 1e4}, 500, np.random.default_rng(0))
    counts = run[:, 0].astype(float) * 10 * 1e-3
    np.testing.assert_allclose(counts, np.rint(counts), atol=1e-6)
    assert (run >= 0).all()


def test_an_unstable_map_ends_as_not_finite(learned):
    learned.coefficients[1:4] *= 2.0
    run = learned.sample({"tau_EE": 2.0, "N_E": 1e3, "N_I": 1e3}, 500, np.random.default_rng(0))
    assert np.isnan(run[-1]).all()
