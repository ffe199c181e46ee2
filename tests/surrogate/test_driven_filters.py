"""Filters of an observed quantity: a steady record, the response to a step, and bounds."""

import numpy as np

from snnsurrogate.surrogate._driven_filters import FILTERS, filters


def squashed(level):
    """Steady state of every filter at a level above rest, of the largest."""
    c, k = (np.array(column) for column in list(zip(*FILTERS, strict=True))[:2])
    return 2.0 / (1.0 + np.exp((c - level) / k)) - 1.0


def test_a_step_relaxes_with_the_time_constant_of_its_level():
    y = np.full((1, 2001), -65.0)
    y[0, 501:] = -45.0
    y = np.concatenate([y, np.full((1, 2001), -65.0)])
    y[1, -1] = 35.0  # the largest: 100 mV above rest
    s = filters(y, 0.05)
    np.testing.assert_allclose(s[0, :501], np.tile(squashed(0.0), (501, 1)), atol=1e-12)
    np.testing.assert_allclose(s[0, -1], squashed(0.2), atol=1e-3)
    u = (squashed(0.2) + 1) / 2
    tau, ratio = (np.array([f[i] for f in FILTERS]) for i in (2, 3))
    left = (s[0, 701] - squashed(0.2)) / (s[0, 501] - squashed(0.2))
    np.testing.assert_allclose(left, np.exp(-10.0 / (tau * (1 - u + ratio * u))), rtol=1e-9)


def test_bounds_and_flat_records():
    rng = np.random.default_rng(0)
    s = filters(rng.normal(size=(3, 200)).cumsum(axis=1), 0.1)
    assert s.shape == (3, 200, len(FILTERS))
    assert np.abs(s).max() <= 1.0
    assert np.isfinite(filters(np.full((1, 50), 2.0), 0.1)).all()
