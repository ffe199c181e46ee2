"""Fixed points: closed forms, published tables, and honest answers where there are none."""

import json
import time
from pathlib import Path

import numpy as np
import pint
import pytest

from snnsurrogate import dynamics, systems
from snnsurrogate.dynamics import TYPES

from . import known

REFERENCE = Path(__file__).parents[1] / "reference"
SHERMAN = json.loads((REFERENCE / "sherman.json").read_text())
HH = json.loads((REFERENCE / "hodgkin_huxley.json").read_text())


@pytest.mark.parametrize(
    ("name", "variant", "atol", "rtol"),
    [
        ("sherman", "original", (2e-5, 1e-5, 1e-5), 2e-3),
        ("sherman-bistable", "bistable", (1e-3, 1e-5, 1e-5), 3e-3),
    ],
)
def test_sherman_tables(name, variant, atol, rtol):
    rows = SHERMAN[variant]["tables"]["fixed_points"]["rows"]
    table = dynamics.fixed_points(name, {"V_S": [row["V_S"] for row in rows]})
    assert (table["count"] == 1).all()
    for i, row in enumerate(rows):
        point = table.isel(sample=i, point=0)
        for state, tolerance in zip(("V", "n", "S"), atol, strict=True):
            assert float(point[state]) == pytest.approx(row[state], abs=tolerance)
        got = point["eigenvalue_real"].values + 1j * point["eigenvalue_imag"].values
        value = np.array([complex(*pair) for pair in row["eigenvalues"]])
        np.testing.assert_allclose(got, value, rtol=rtol, atol=2e-4)


def test_hodgkin_huxley_branch_and_its_cost():
    currents = np.linspace(0, 200, 401)
    kernel = systems.get("hodgkin-huxley").kernel()
    dynamics.fixed_points(kernel, {"I": [0.0]})  # compiled code is loaded
    start = time.perf_counter()
    table = dynamics.fixed_points(kernel, {"I": currents})
    assert time.perf_counter() - start < 2.0
    assert (table["count"] == 1).all()
    assert (np.diff(table["V"].values[:, 0]) > 0).all()
    stable = table["unstable"].values[:, 0] == 0
    low, high = (HH["values"][key]["value"] for key in ("hopf_lower_I", "hopf_upper_I"))
    np.testing.assert_array_equal(stable, (currents < low) | (currents > high))


def test_hodgkin_huxley_steady_voltage():
    rows = HH["tables"]["steady_V"]["rows"]
    table = dynamics.fixed_points("hodgkin-huxley", {"I": [row["I"] for row in rows]})
    assert table["V"].values[:, 0] == pytest.approx([row["V"] for row in rows], abs=0.06)


def test_all_points_of_a_map_and_a_flow():
    table = dynamics.fixed_points(known.logistic(), {"r": [2.5, 4.0]})
    np.testing.assert_allclose(table["x"], [[0.0, 0.6], [0.0, 0.75]], atol=1e-13)
    # multipliers r and 2 - r; one second per step
    np.testing.assert_allclose(
        table["eigenvalue_real"][:, :, 0], np.log([[2.5, 0.5], [4.0, 2.0]]), rtol=1e-12
    )
    kinds = [[TYPES[k] for k in row] for row in table["type"].values]
    assert kinds == [["unstable_node", "stable_node"], ["unstable_node", "unstable_node"]]
    table = dynamics.fixed_points(known.lorenz())
    c = np.sqrt(8 / 3 * 27)
    np.testing.assert_allclose(table["x"], [[-c, 0.0, c]], atol=1e-12)
    assert [TYPES[k] for k in table["type"].values[0]] == ["saddle_focus", "saddle", "saddle_focus"]


def test_map_and_flow_share_one_table():
    """The exact one-step map of a flow has the same rates."""
    mu = {"mu": [-0.5, 0.5]}
    flow = dynamics.fixed_points(known.spiral(kind="flow"), mu)
    step = dynamics.fixed_points(known.spiral(kind="map"), mu)
    for name in ("x", "y", "eigenvalue_real", "eigenvalue_imag"):
        np.testing.assert_allclose(flow[name], step[name], atol=1e-12)
    assert [TYPES[k] for k in step["type"].values[:, 0]] == ["stable_focus", "unstable_focus"]
    np.testing.assert_allclose(step["eigenvalue_imag"][:, 0], [[-2, 2], [-2, 2]], atol=1e-12)


def test_morris_lecar_has_three():
    table = dynamics.fixed_points("morris-lecar-homoclinic")
    # below the Hopf point at I = 36.3 the upper one is unstable
    kinds = [TYPES[k] for k in table["type"].values[0]]
    assert kinds == ["stable_node", "saddle", "unstable_focus"]


def test_none_is_said():
    table = dynamics.fixed_points(known.no_fixed_point())
    assert int(table["count"][0]) == 0
    assert not table["found"].any()
    assert (table["type"] == -1).all()
    assert table.attrs["note"].startswith("1 of 1 samples have no fixed point")


def test_points_appear_at_a_fold():
    table = dynamics.fixed_points(known.saddle_node(), {"p": [-0.5, -1e-3, 1e-3, 1.0]})
    assert table["count"].values.tolist() == [0, 0, 2, 2]
    np.testing.assert_allclose(table["x"][2], [-np.sqrt(1e-3), np.sqrt(1e-3)], rtol=1e-12)
    assert np.isnan(table["x"][0]).all()
    assert not table["found"][0].any()


def test_more_points_than_expected_room():
    table = dynamics.fixed_points(known.lorenz(), max_points=1)
    assert int(table["count"][0]) == 3


def test_outside_the_box_is_marked():
    table = dynamics.fixed_points(known.saddle_node(), {"p": 4.0}, box={"x": (0.0, 1.5)})
    inside = table["inside"].values[0]
    assert not inside.any()
    assert 2.0 in np.round(table["x"].values[0], 12)  # less than one width outside: kept, marked


def test_parameters_outside_the_known_box_are_marked():
    table = dynamics.fixed_points("sherman", {"V_S": [-60.0, -50.0, -40.0, -20.0]})
    assert table["extrapolated"].values.tolist() == [True, False, False, True]
    assert (table["count"] == 1).all()


def test_order_of_samples_does_not_matter():
    values = np.linspace(-44, -33, 23)
    shuffled = np.random.default_rng(0).permutation(23)
    plain = dynamics.fixed_points("sherman", {"V_S": values})
    mixed = dynamics.fixed_points("sherman", {"V_S": values[shuffled]})
    np.testing.assert_allclose(mixed["V"], plain["V"][shuffled], rtol=1e-13)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: dynamics.fixed_points("sherman", {"V_s": 1.0}), "Did you mean 'V_S'"),
        (lambda: dynamics.fixed_points("sherman", {"V_S": [np.nan]}), "1 non-finite"),
        (
            lambda: dynamics.fixed_points("sherman", {"V_S": [-40.0] * 2, "tau": [0.02] * 3}),
            "length",
        ),
        (lambda: dynamics.fixed_points("sherman", box={"W": (0, 1)}), "expected states V, n, S"),
        (lambda: dynamics.fixed_points("sherman", box={"V": (0, 0)}), "box of V is empty"),
        (lambda: dynamics.fixed_points("sherman", starts=0), "at least 1"),
        (lambda: dynamics.fixed_points("shermann"), "Did you mean 'sherman'"),
        (lambda: dynamics.fixed_points(3), "expected a system, its name, a surrogate"),
    ],
)
def test_bad_input(call, match):
    with pytest.raises(ValueError, match=match):
        call()


def test_text_and_quantities_are_converted_and_checked():
    plain = dynamics.fixed_points("sherman", {"V_S": -40.0})["V"].values
    for value in ("-40 mV", "-0.04 V", ["-40 mV"], -0.04 * pint.UnitRegistry().volt):
        np.testing.assert_array_equal(dynamics.fixed_points("sherman", {"V_S": value})["V"], plain)
    with pytest.raises(ValueError, match="V_S is '-40 s'; expected a unit of the dimension of"):
        dynamics.fixed_points("sherman", {"V_S": "-40 s"})
