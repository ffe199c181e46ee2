"""Slow ramps: Hodgkin and Huxley's neuron has two attractors at 8 uA/cm2, and one beside it."""

import numpy as np
import pytest

from snnsurrogate.evaluate import current_ramps


@pytest.fixture(scope="module")
def ramps():
    return current_ramps("hodgkin-huxley", duration="1500 ms", hold="400 ms")


def test_firing_begins_and_ends(ramps):
    # rest loses stability at 9.775, later on a ramp; the cycle vanishes at 6.26
    assert 9.775 < float(ramps["begins"]) < 20.0
    assert float(ramps["ends"]) == pytest.approx(6.26, abs=0.25)
    inputs, rates = ramps["spike_input"].values, ramps["spike_rate"].values
    assert np.isnan(rates[0, 0])
    known = np.isfinite(inputs[1]) & np.isfinite(rates[1])
    # steady rates of a slow ramp: 86.5 Hz at 20, 68.3 at 10
    assert np.interp(10.0, inputs[1][known][::-1], rates[1][known][::-1]) == pytest.approx(
        68.3, rel=0.03
    )


def test_two_attractors_at_8(ramps):
    below, above = ramps["held_spikes"].values
    assert below == 0
    assert above == pytest.approx(0.2 * 62.5, abs=1)  # 62.5 Hz for 200 ms
    assert int(ramps["bistable"]) == 1


def test_one_attractor_at_5():
    found = current_ramps("hodgkin-huxley", duration="400 ms", held=5.0, hold="200 ms")
    assert found["held_spikes"].values.tolist() == [0, 0]
    assert int(found["bistable"]) == 0


def test_bad_levels():
    with pytest.raises(ValueError, match="low < held < high"):
        current_ramps("hodgkin-huxley", held=30.0)
    with pytest.raises(ValueError, match="duration"):
        current_ramps("hodgkin-huxley", duration=1000)
