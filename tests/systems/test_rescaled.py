"""Rescaled systems: the same flow in other coordinates."""

import numpy as np
import pytest

from snnsurrogate import dynamics
from snnsurrogate.kernels import integrate
from snnsurrogate.systems import get, rescaled

HH = get("hodgkin-huxley")
MAPS = {"V_scale": 30.0, "V_offset": -25.0, "I_scale": 20.0, "I_offset": -4.0, "speed": 2.5}


@pytest.mark.parametrize("name", ["fitzhugh-nagumo", "bonhoeffer-van-der-pol", "fitzhugh-nagumo-c"])
@pytest.mark.parametrize("way", [1, -1])
def test_the_right_hand_side_is_that_of_the_system(name, way):
    base, made = get(name), rescaled(get(name), like=HH, **MAPS | {"V_scale": way * 30.0})
    rng = np.random.default_rng(0)
    x = np.array([s.low + (s.high - s.low) * rng.random(20) for s in base.states]).T
    current = rng.uniform(-20, 60, 20)
    y = x.copy()
    y[:, 0] = -25.0 + way * 30.0 * x[:, 0]
    expected = 2.5 * base.rhs(x, {base.input: (current + 4.0) / 20.0})
    expected[:, 0] *= way * 30.0
    np.testing.assert_allclose(made.rhs(y, {"I": current}), expected, rtol=1e-12)
    assert made.state_names[0] == "V"
    assert made.state("V").unit == "mV"
    assert made.spikes == HH.spikes


def test_the_hopf_points_are_those_of_the_system():
    made = rescaled(get("fitzhugh-nagumo"), like=HH, **MAPS)
    known = [c.value for c in get("fitzhugh-nagumo").checks if c.kind == "hopf"]
    current = -4.0 + 20.0 * np.array(known)
    for eps in (-1e-3, 1e-3):
        table = dynamics.fixed_points(made, {"I": current + eps * np.array([1, -1])})
        assert (table["unstable"].values[:, 0] == (0 if eps < 0 else 2)).all()
    real = 1000 * np.asarray(
        dynamics.fixed_points(made, {"I": current})["eigenvalue_real"].values[:, 0]
    )
    np.testing.assert_allclose(real, 0.0, atol=1e-6)


def test_its_step_is_as_fine_as_the_system_needs():
    made = rescaled(get("fitzhugh-nagumo"), like=HH, **MAPS)
    assert made.dt == "0.05 ms"
    kernel = made.kernel()
    coarse, fine = (
        integrate(kernel, [-60.0, -0.6], {"I": [20.0]}, n_steps=2000, substeps=k, dt=0.05 / k)
        for k in (1, 4)
    )
    assert np.abs(coarse - fine)[:, 0].max() < 0.05
    assert rescaled(get("fitzhugh-nagumo"), like=HH, **MAPS | {"speed": 30.0}).dt == "0.005 ms"


def test_bad_input():
    fhn = get("fitzhugh-nagumo")
    with pytest.raises(ValueError, match=r"has units \(V.*dimensionless"):
        rescaled(get("morris-lecar"), like=HH)
    with pytest.raises(ValueError, match="no spike rule or no input"):
        rescaled(fhn, like=get("bonhoeffer-van-der-pol"))
    with pytest.raises(ValueError, match="V_scale is 0"):
        rescaled(fhn, like=HH, V_scale=0.0)
    with pytest.raises(ValueError, match="speed is -1"):
        rescaled(fhn, like=HH, speed=-1.0)
    with pytest.raises(ValueError, match="'u' is no state of"):
        rescaled(fhn, like=HH, voltage="u")
