"""Other coordinates change nothing but the names: eigenvalues, cycles and rates are the same."""

from types import SimpleNamespace

import numpy as np
import pytest

from snnsurrogate import dynamics
from snnsurrogate.systems import get

from . import known

A, B = np.array([[2.0, 1.0], [-0.5, 0.7]]), np.array([3.0, -1.0])


@pytest.mark.parametrize("kind", ["flow", "map"])
def test_eigenvalues_and_fixed_point_of_a_spiral(kind):
    moved = dynamics.change_coordinates(
        known.spiral(kind=kind), A, B, states=("a", "b"), units=("mV", "1")
    )
    table = dynamics.fixed_points(moved, {"mu": -0.3})
    np.testing.assert_allclose([table["a"][0, 0], table["b"][0, 0]], B, atol=1e-12)
    np.testing.assert_allclose(table["eigenvalue_real"][0, 0], -0.3, atol=1e-9)
    np.testing.assert_allclose(abs(table["eigenvalue_imag"][0, 0]), 2.0, atol=1e-9)
    assert table["a"].attrs["units"] == "mV"


def test_nullcline_of_the_new_coordinate():
    """V = 2 v + w + 3: its nullcline is where 2 v' + w' vanishes."""
    source = get("fitzhugh-nagumo").kernel()
    moved = dynamics.change_coordinates(source, A, B, states=("a", "b"), units=("1", "1"))
    axes = {"a": np.linspace(-3, 9, 40), "b": np.linspace(-3, 3, 40)}
    table = dynamics.nullclines(moved, {"I": 0.5}, axes=axes)
    mine = table["of"].values == "a"
    points = np.stack([table["a"].values, table["b"].values], -1)[mine]
    for v, w in (points - B) @ np.linalg.inv(A).T:
        rate = source([v, w], {"I": 0.5})
        assert 2 * rate[0] + rate[1] == pytest.approx(0.0, abs=1e-6)
    assert mine.sum() > 20


def readout(weights, level, rest):
    """A stand-in for a driven surrogate: the flow of FitzHugh and Nagumo with a readout."""
    kernel = get("fitzhugh-nagumo").kernel()
    return SimpleNamespace(
        kernel=lambda: kernel,
        observed=("V",),
        observe=lambda h: {"V": np.asarray(h) @ weights + level},
        card={"observed": [{"name": "V", "unit": "mV"}], "rest": rest},
    )


def test_observed_coordinates():
    source = readout(np.array([30.0, 40.0]), -60.0, [-1.2, -0.62])
    kernel, matrix, shift = dynamics.observed_coordinates(source)
    assert kernel.states == ("V", "u")
    assert kernel.state_units == ("mV", "1")
    np.testing.assert_allclose(matrix[0], [30.0, 40.0])
    np.testing.assert_allclose(shift, [-60.0, 0.0])
    assert matrix[0] @ matrix[1] == pytest.approx(0.0, abs=1e-12)  # u does not change V
    assert np.linalg.norm(matrix[1]) == pytest.approx(1.0)
    at = matrix @ source.card["rest"] + shift
    assert kernel.jacobian(at)[1, 0] > 0  # u grows with V at rest
    a = dynamics.fixed_points(source.kernel())
    b = dynamics.fixed_points(kernel)
    np.testing.assert_allclose(
        b["V"][0, 0], 30.0 * a["v"][0, 0] + 40.0 * a["w"][0, 0] - 60.0, rtol=1e-10
    )
    np.testing.assert_allclose(b["eigenvalue_real"], a["eigenvalue_real"], rtol=1e-8)


def test_bad_coordinates():
    with pytest.raises(ValueError, match="inverted"):
        dynamics.change_coordinates(
            "fitzhugh-nagumo", [[1, 1], [1, 1]], [0, 0], states="ab", units="ab"
        )
    with pytest.raises(ValueError, match="expected"):
        dynamics.change_coordinates("fitzhugh-nagumo", np.eye(3), [0, 0], states="ab", units="ab")
    with pytest.raises(ValueError, match="readout"):
        dynamics.observed_coordinates(get("fitzhugh-nagumo"))
    bent = readout(np.array([30.0, 40.0]), -60.0, [0.0, 0.0])
    bent.observe = lambda h: {"V": np.asarray(h) @ np.array([3.0, 4.0]) + h[..., 0] ** 2}
    with pytest.raises(ValueError, match="affine"):
        dynamics.observed_coordinates(bent)
