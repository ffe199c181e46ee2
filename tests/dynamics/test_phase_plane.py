"""Vector fields and nullclines against closed forms."""

import numpy as np
import pytest

import snnsurrogate as sns
from snnsurrogate import dynamics

AXES = {"v": np.linspace(-2.5, 2.5, 60), "w": np.linspace(-1.5, 2.5, 50)}


def test_nullclines_of_fitzhugh_nagumo():
    found = dynamics.nullclines("fitzhugh-nagumo", {"I": 0.5}, axes=AXES)
    v, w = found["v"].values, found["w"].values
    cubic = found["of"].values == "v"
    np.testing.assert_allclose(w[cubic], (v - v**3 / 3 + 0.5)[cubic], atol=1e-9)
    np.testing.assert_allclose(w[~cubic], ((v + 0.7) / 0.8)[~cubic], atol=1e-9)
    assert cubic.sum() > 50
    assert (~cubic).sum() > 30
    assert found["residual"].max() < 1e-9
    for k in np.unique(found["piece"]):
        here = found["piece"].values == k
        steps = np.hypot(np.diff(v[here]), np.diff(w[here]))
        assert steps.max() < 0.3  # points in order along a piece


def test_nullclines_cross_at_the_fixed_point():
    found = dynamics.nullclines("fitzhugh-nagumo", {"I": 0.5}, axes=AXES)
    point = dynamics.fixed_points("fitzhugh-nagumo", {"I": 0.5})
    at = np.array([float(point[s].values.ravel()[0]) for s in ("v", "w")])
    for name in ("v", "w"):
        here = found["of"].values == name
        distance = np.hypot(found["v"].values[here] - at[0], found["w"].values[here] - at[1])
        assert distance.min() < 0.06


def test_field_is_the_right_hand_side():
    field = dynamics.vector_field("fitzhugh-nagumo", {"I": 0.5}, axes=AXES)
    v, w = np.meshgrid(AXES["v"], AXES["w"], indexing="ij")
    np.testing.assert_allclose(field["rate_v"], v - v**3 / 3 - w + 0.5)
    np.testing.assert_allclose(field["rate_w"], 0.08 * (v + 0.7 - 0.8 * w))
    assert field["rate_v"].attrs["units"] == "1/ms"


def test_a_plane_of_a_larger_system():
    rest = {"m": 0.05296, "h": 0.59599}
    axes = {"V": np.linspace(-90, 40, 80), "n": np.linspace(0.0, 1.0, 60)}
    found = dynamics.nullclines("hodgkin-huxley", axes=axes, at=rest)
    of_n = found["of"].values == "n"
    v = found["V"].values[of_n]
    with np.errstate(invalid="ignore"):
        alpha = 0.01 * (v + 55) / (1 - np.exp(-(v + 55) / 10))
    beta = 0.125 * np.exp(-(v + 65) / 80)
    np.testing.assert_allclose(found["n"].values[of_n], alpha / (alpha + beta), atol=1e-7)


def test_a_map_has_rates():
    shipped = sns.load("bursting-map")
    names = shipped.states
    at = {names[2]: 0.18}
    axes = {names[0]: np.linspace(-60, -20, 12), names[1]: np.linspace(0.0, 0.1, 9)}
    field = dynamics.vector_field(shipped, {"V_S": -38.0}, axes=axes, at=at)
    x = np.array([axes[names[0]][3], axes[names[1]][4], 0.18])
    kernel = shipped.kernel()
    expected = (kernel(x, {"V_S": -38.0}) - x) / kernel.time_step
    assert float(field[f"rate_{names[0]}"][3, 4]) == pytest.approx(expected[0])


@pytest.mark.parametrize(
    ("axes", "at", "said"),
    [
        ({"v": [0.0, 1.0]}, None, "two axes"),
        ({"v": [0.0, 1.0], "w": [0.0, 1.0]}, {"w": 0.0}, "every other state"),
        ({"v": [1.0, 0.0], "w": [0.0, 1.0]}, None, "rising"),
    ],
)
def test_bad_planes(axes, at, said):
    with pytest.raises(ValueError, match=said):
        dynamics.nullclines("fitzhugh-nagumo", axes=axes, at=at)


def test_one_parameter_point():
    with pytest.raises(ValueError, match="one parameter point"):
        dynamics.vector_field("fitzhugh-nagumo", {"I": [0.1, 0.2]}, axes=AXES)
