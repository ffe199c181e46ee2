"""The compiled integrator: order, maps, divergence, shapes."""

import numpy as np
import pytest

from snnsurrogate import dynamics, systems

from . import known


def test_fourth_order_on_a_linear_focus():
    errors = []
    for n in (20, 40):
        out = dynamics.integrate(known.spiral(kind="flow"), [1.0, 0.0], n_steps=n, dt=2 / n)
        exact = np.exp(-0.6) * np.array([np.cos(4.0), np.sin(4.0)])
        errors.append(np.abs(out[-1] - exact).max())
    assert errors[0] / errors[1] == pytest.approx(16, rel=0.15)


def test_map_is_iterated():
    out = dynamics.integrate(known.logistic(), [0.25], {"r": [2.0]}, n_steps=3)
    np.testing.assert_allclose(out[:, 0], [0.25, 0.375, 0.46875, 0.498046875])


def test_substeps_and_samples():
    kernel = systems.get("sherman").kernel()
    x0 = np.tile([-40.0, 0.02, 0.175], (3, 1))
    points = {"V_S": [-42.0, -36.0, -33.0]}
    fine = dynamics.integrate(kernel, x0, points, n_steps=100)
    coarse = dynamics.integrate(kernel, x0, points, n_steps=10, substeps=10)
    assert fine.shape == (3, 101, 3)
    np.testing.assert_array_equal(fine[:, ::10], coarse)
    alone = dynamics.integrate(kernel, x0[1], {"V_S": [-36.0]}, n_steps=100)
    np.testing.assert_array_equal(alone, fine[1])


def test_divergence_fills_with_nan():
    out = dynamics.integrate(known.no_fixed_point(), [0.0], n_steps=1000)
    assert np.isfinite(out[100]).all()
    assert np.isnan(out[-1]).all()


def test_bad_input():
    kernel = systems.get("sherman").kernel()
    with pytest.raises(ValueError, match="expected"):
        dynamics.integrate(kernel, [1.0, 2.0], n_steps=3)
    with pytest.raises(ValueError, match="Did you mean 'V_S'"):
        dynamics.integrate(kernel, [-40, 0, 0.2], {"V_s": [1.0]}, n_steps=3)
    with pytest.raises(ValueError, match="this map advances by"):
        dynamics.integrate(known.logistic(), [0.1], n_steps=3, dt=0.5)
    with pytest.raises(ValueError, match="state has shape"):
        kernel([1.0])
