"""Hopf points against proved, closed-form and published values."""

import json
from pathlib import Path

import numpy as np
import pytest

from snnsurrogate import dynamics, systems

from . import known

REFERENCE = Path(__file__).parents[1] / "reference"
SHERMAN = json.loads((REFERENCE / "sherman.json").read_text())
HH = json.loads((REFERENCE / "hodgkin_huxley.json").read_text())["values"]


def test_hodgkin_huxley():
    table = dynamics.hopf("hodgkin-huxley", "I", 0.0, 200.0)
    expected = [HH["hopf_lower_I"]["value"], HH["hopf_upper_I"]["value"]]
    np.testing.assert_allclose(table["I"], expected, rtol=0, atol=1e-9)
    assert table["V"].values == pytest.approx([-59.654, -43.06], abs=5e-3)
    hertz = table["eigenvalue_imag"].values / (2 * np.pi) * 1000
    assert hertz == pytest.approx([93, 169], abs=0.6)
    assert (np.sign(table["slope"]) == [1, -1]).all()  # stability is lost, then regained


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sherman", [SHERMAN["original"]["hopf_V_S"]["value"]]),
        ("sherman-bistable", SHERMAN["bistable"]["hopf_V_S"]["value"]),
    ],
)
def test_sherman(name, expected):
    table = dynamics.hopf(name, "V_S", -46.0, -33.0, samples=131)
    np.testing.assert_allclose(table["V_S"], expected, rtol=0, atol=1e-4)
    imag = table["eigenvalue_imag"].values
    assert imag[0] == pytest.approx(SHERMAN["original"]["hopf_imaginary_part"]["value"], abs=3e-3)
    if name == "sherman-bistable":
        assert imag[1:] == pytest.approx(
            SHERMAN["bistable"]["hopf_imaginary_parts"]["value"], abs=5e-4
        )


def test_smallest_extra_current_that_makes_rest_stable():
    """Below g_K2 = 0.0603 the bistable window is empty at every V_S."""
    known_value = SHERMAN["bistable"]["g_K2_min_for_stability"]["value"]
    crossing = dynamics.hopf(
        "sherman-bistable", "g_K2", 0.04, 0.12, parameters={"V_S": -36.0}, samples=33
    )
    assert crossing["g_K2"].values == pytest.approx([known_value], abs=2e-4)


@pytest.mark.parametrize("b", [0.5, 0.8])
def test_fitzhugh_nagumo_closed_form(b):
    v = np.array([-1, 1]) * np.sqrt(1 - 0.08 * b)
    current = (v + 0.7) / b - v + v**3 / 3
    table = dynamics.hopf("fitzhugh-nagumo", "I", -0.5, 3.0, parameters={"b": b})
    np.testing.assert_allclose(table["I"], np.sort(current), atol=1e-11)
    frequency = np.sqrt(0.08 - (0.08 * b) ** 2)  # det of the Jacobian with zero trace
    np.testing.assert_allclose(table["eigenvalue_imag"], frequency, rtol=1e-9)


def test_morris_lecar_from_the_trace():
    """Zero trace on the steady state, solved as one equation in V, independent of the search."""
    from scipy.optimize import brentq

    def steady(v):
        m, w = (1 + np.tanh((v + 1.2) / 18)) / 2, (1 + np.tanh((v - 2) / 30)) / 2
        dm = (1 - np.tanh((v + 1.2) / 18) ** 2) / 36
        current = 4.4 * m * (v - 120) + 8 * w * (v + 84) + 2 * (v + 60)
        trace = -(4.4 * (dm * (v - 120) + m) + 8 * w + 2) / 20 - 0.04 * np.cosh((v - 2) / 60)
        return current, trace

    roots = [brentq(lambda v: steady(v)[1], *ends) for ends in ((-35, -15), (0, 20))]
    table = dynamics.hopf("morris-lecar", "I", 50.0, 250.0)
    np.testing.assert_allclose(table["V"], roots, atol=1e-9)
    np.testing.assert_allclose(table["I"], [steady(v)[0] for v in roots], rtol=1e-11)


def test_map_crosses_the_unit_circle():
    table = dynamics.hopf(known.spiral(kind="map"), "mu", -1.1, 1.0)
    np.testing.assert_allclose(table["mu"], [0.0], atol=1e-12)
    np.testing.assert_allclose(table["eigenvalue_imag"], [2.0], rtol=1e-12)
    np.testing.assert_allclose(table["slope"], [1.0], rtol=1e-6)


def test_none_is_an_empty_table():
    assert dynamics.hopf("sherman", "V_S", -44.0, -33.0).sizes["sample"] == 0
    assert dynamics.hopf(known.saddle_node(), "p", -1.0, 1.0).sizes["sample"] == 0


def test_bad_range():
    with pytest.raises(ValueError, match="low < high"):
        dynamics.hopf("sherman", "V_S", -33.0, -44.0)
    with pytest.raises(ValueError, match="Did you mean 'V_S'"):
        dynamics.hopf(systems.get("sherman"), "V_s", -44.0, -33.0)
