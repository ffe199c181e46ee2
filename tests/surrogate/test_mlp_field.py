"""MLPField: sizes beside ContinuousGRU, fields known in closed form, bad settings."""

import math

import numpy as np
import pytest

from snnsurrogate.surrogate import models


@pytest.mark.parametrize(("units", "hidden", "size", "gated"), [(2, 4, 29, 28), (3, 5, 47, 50)])
def test_has_about_the_parameters_of_the_gated_network(units, hidden, size, gated):
    assert models.MLPField(units=units, hidden=hidden).flow(0).size == size
    assert models.ContinuousGRU(units=units).flow(0).size == gated


def test_one_hidden_unit_follows_its_closed_form():
    """h' = -k tanh(h): sinh h = sinh(h_0) exp(-k t)."""
    model = models.MLPField(units=1, hidden=1)
    flow, blocks = model.flow(0), model.blocks(0)
    theta = np.zeros(flow.size)
    theta[blocks["A1"][0]], theta[blocks["A2"][0]] = 1.0, -0.3
    still = np.zeros((100, 1))
    h = flow.run(theta, np.array([0.8]), still, still, 0.1)[:, 0]
    want = np.arcsinh(math.sinh(0.8) * np.exp(-0.3 * 0.1 * np.arange(101)))
    np.testing.assert_allclose(h, want, rtol=1e-7)


def test_an_input_moves_the_state_through_the_hidden_layer():
    """h' = tanh(x) + 0.5: a straight line under a constant input."""
    model = models.MLPField(units=1, hidden=1)
    flow, blocks = model.flow(0), model.blocks(0)
    theta = np.zeros(flow.size)
    theta[blocks["B"][0]] = theta[blocks["A2"][0]] = 1.0
    theta[blocks["b2"][0]] = 0.5
    held = np.full((20, 1), 0.7)
    h = flow.run(theta, np.zeros(1), held, held, 0.1)[:, 0]
    np.testing.assert_allclose(h, (math.tanh(0.7) + 0.5) * 0.1 * np.arange(21), rtol=1e-12)


def test_bad_settings_are_refused():
    for hidden in (0, 25, 2.0):
        with pytest.raises(ValueError, match="whole number from 1 to 24"):
            models.MLPField(units=2, hidden=hidden)
    with pytest.raises(ValueError, match="expected 'states' or 'observed'"):
        models.MLPField(encoder="gates")
