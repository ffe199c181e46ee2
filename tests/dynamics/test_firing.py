"""Rest and firing over a current: closed forms, and known values of Hodgkin and Huxley's neuron."""

import numpy as np
import pytest

from snnsurrogate import dynamics

from . import known


def test_closed_form():
    """Subcritical Hopf point at 0, fold of cycles at -1/4; rest is stable below, cycles above."""
    found = dynamics.rest_and_firing(known.normal_form(), "mu", -0.4, 0.4, at=0.1, start=[0.2, 0.0])
    assert found.hopf == pytest.approx((0.0,), abs=1e-9)
    assert found.folds == pytest.approx((-0.25,), abs=1e-9)
    assert found.resting == pytest.approx((-0.4, 0.0), abs=1e-9)
    assert found.elsewhere == ()
    assert found.onset == pytest.approx(-0.25, abs=1e-9)
    assert found.bistable == (pytest.approx((-0.25, 0.0), abs=1e-9),)
    cycles = dynamics.cycles_at(found.firing, -0.1)
    radii = sorted((float(np.hypot(*orbit.T).mean()), stable) for orbit, stable in cycles)
    # mu + s - s**2 = 0 with s the square of the radius
    expected = np.sqrt((1 + np.sqrt([0.6, 0.6]) * [-1, 1]) / 2)
    np.testing.assert_allclose([r for r, _ in radii], expected, atol=2e-3)
    assert [stable for _, stable in radii] == [False, True]
    assert dynamics.cycles_at(found.firing, -0.3) == []


def test_hodgkin_huxley():
    found = dynamics.rest_and_firing("hodgkin-huxley", "I", -5.0, 170.0, at=20.0)
    assert found.hopf == pytest.approx((9.775437995393, 154.522433665808), abs=1e-9)
    assert 6.26 < found.onset < 6.265  # persistent firing starts there in simulations
    assert found.bistable == (pytest.approx((found.onset, found.hopf[0])),)
    assert found.resting == pytest.approx((-5.0, found.hopf[0]))
    assert found.elsewhere == (pytest.approx((found.hopf[1], 170.0)),)  # depolarisation block
    large = max(dynamics.cycles_at(found.firing, 10.0), key=lambda c: np.ptp(c[0][:, 0]))
    assert large[1]
    assert large[0][:, 0].max() == pytest.approx(30.4, abs=0.3)  # peak of tonic spikes
    assert large[0][:, 0].min() == pytest.approx(-74.9, abs=0.1)


def test_no_firing_is_said():
    found = dynamics.rest_and_firing("hodgkin-huxley", "I", -5.0, 2.0)
    assert np.isnan(found.onset)
    assert found.stable_firing == () == found.bistable
    assert "no cycle" in found.firing.attrs["note"]


def test_a_steep_branch_is_entered_at_its_hopf_point():
    """With a cubic term of 100 the first steps of usual size leave the parabola of the branch."""
    source = known.steep_hopf(100.0)
    start = dynamics.special_points(dynamics.continue_fixed_points(source, "mu", -0.4, 0.4), "hopf")
    branches = dynamics.continue_cycles(source, "mu", -0.4, 0.4, start=start)
    assert branches.sizes["point"] > 10
    radius = branches["x_max"].values
    np.testing.assert_allclose(branches["mu"], -100.0 * radius**2, atol=2e-5)


def test_bad_arguments():
    with pytest.raises(ValueError, match="continue_cycles"):
        dynamics.cycles_at(dynamics.continue_fixed_points("fitzhugh-nagumo", "I", 0, 1), 0.5)
    with pytest.raises(ValueError, match="stable equilibria"):
        dynamics.rest_and_firing(known.spiral(kind="flow"), "mu", 0.1, 0.5)
