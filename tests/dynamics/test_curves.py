"""Curves of special points in two parameters, against closed forms."""

import numpy as np
import pytest

from snnsurrogate import dynamics

from . import known


def curves(source, limits, **options):
    (name, (low, high)), _ = limits.items()
    start = dynamics.special_points(
        dynamics.continue_fixed_points(source, name, low, high, **options)
    )
    return dynamics.continue_special(source, start, limits)


def ends(table):
    meanings = table["ended"].attrs["flag_meanings"].split()
    return [[meanings[code] for code in pair] for pair in table["ended"].values]


def test_cusp():
    table = curves(known.cusp(), {"h": (-2.0, 2.0), "m": (-1.0, 2.0)})
    assert table.sizes["branches"] == 1  # both folds lie on one curve
    np.testing.assert_allclose(np.abs(table["h"]), 2 * (table["m"].clip(0) / 3) ** 1.5, atol=1e-12)
    cusp = dynamics.special_points(table, "cusp")
    np.testing.assert_allclose([cusp["h"][0], cusp["m"][0]], 0.0, atol=1e-9)
    assert ends(table) == [["second_high", "second_high"]]


def test_hopf_of_fitzhugh_nagumo():
    table = curves("fitzhugh-nagumo", {"I": (-0.5, 3.0), "b": (0.1, 2.0)})
    assert set(table["kind"].values) == {"hopf"}
    assert table.sizes["branches"] == 2
    b = table["b"].values
    v = np.sign(table["v"].values) * np.sqrt(1 - 0.08 * b)
    np.testing.assert_allclose(table["I"], (v + 0.7) / b - v + v**3 / 3, atol=1e-11)
    np.testing.assert_allclose(table["frequency"], np.sqrt(0.08 - (0.08 * b) ** 2), rtol=1e-8)
    # l1 vanishes where 2 fxxx omega^2 + ... does: fxxx - fxx gxx / omega = 0 of the branch test
    degenerate = dynamics.special_points(table, "generalised_hopf")["b"].values
    e = 0.08 * degenerate
    np.testing.assert_allclose(-2 + 4 * (1 - e) * e / (0.08 - e**2), 0.0, atol=1e-8)


def test_bogdanov_takens():
    table = curves(known.bogdanov_takens(), {"b1": (-1.0, 1.0), "b2": (-2.0, 2.0)})
    hopf = table.isel(point=table["kind"].values == "hopf")
    np.testing.assert_allclose(hopf["b1"], 0.0, atol=1e-9)
    assert (hopf["b2"] < 1e-6).all()  # beyond lies a neutral saddle, which is no Hopf point
    np.testing.assert_allclose(hopf["frequency"] ** 2, -hopf["b2"], atol=1e-7)
    assert "zero_frequency" in sum(ends(table), [])
    fold = table.isel(point=table["kind"].values == "fold")
    np.testing.assert_allclose(fold["b1"], fold["b2"] ** 2 / 4, atol=1e-11)
    points = dynamics.special_points(table, "bogdanov_takens")
    assert points.sizes["special"] == 2  # met on either curve
    np.testing.assert_allclose(points["b1"], 0.0, atol=1e-7)
    np.testing.assert_allclose(points["b2"], 0.0, atol=1e-6)


def test_generalised_hopf():
    start = dynamics.special_points(
        dynamics.continue_fixed_points(known.bautin(), "mu", -0.4, 0.5, parameters={"beta": -0.5})
    )
    limits = {"mu": (-0.4, 0.5), "beta": (-1.0, 1.0)}
    table = dynamics.continue_special(known.bautin(), start, limits)
    np.testing.assert_allclose(table["mu"], 0.0, atol=1e-12)
    np.testing.assert_allclose(table["l1"], table["beta"], atol=1e-8)
    point = dynamics.special_points(table, "generalised_hopf")
    np.testing.assert_allclose(point["beta"], [0.0], atol=1e-8)


def test_smallest_extra_current_that_makes_rest_stable():
    """The Hopf curve of the bistable neuron turns at g_K2 = 0.0603."""
    table = curves("sherman-bistable", {"V_S": (-46.0, -30.0), "g_K2": (0.0, 0.3)})
    upper = table.isel(point=table["V_S"].values > -44)
    assert float(upper["g_K2"].min()) == pytest.approx(0.0603, abs=2e-4)


def test_fold_and_flip_of_henon():
    box = {"x": (-4.0, 4.0), "y": (-4.0, 4.0)}
    start = dynamics.special_points(
        dynamics.continue_fixed_points(known.henon(), "a", -1.0, 1.4, box=box)
    )
    table = dynamics.continue_special(
        known.henon(), start, {"a": (-1.0, 1.4), "b": (-0.5, 0.9)}, box=box
    )
    factor = {"fold": -0.25, "flip": 0.75}
    for kind, c in factor.items():
        some = table.isel(point=table["kind"].values == kind)
        np.testing.assert_allclose(some["a"], c * (1 - some["b"]) ** 2, atol=1e-11)


def test_neimark_sacker():
    table = curves(known.rotation(), {"mu": (-0.4, 0.5), "theta": (0.5, 3.0)})
    np.testing.assert_allclose(table["mu"], 0.0, atol=1e-9)
    np.testing.assert_allclose(table["frequency"] * 0.5, table["theta"], atol=1e-6)
    np.testing.assert_allclose(table["l1"] * table["theta"], -2.0, rtol=1e-6)  # |z|^2 = 2 |w|^2


def test_extrapolation_is_marked():
    table = curves(known.cusp(), {"h": (-2.0, 2.0), "m": (-1.0, 4.0)})  # declared to m = 3
    assert (table["extrapolated"] == (table["m"] > 3 + 1e-9)).all()


def test_nothing_to_begin_at_is_said():
    start = dynamics.special_points(dynamics.continue_fixed_points(known.bautin(), "mu", 0.1, 0.5))
    table = dynamics.continue_special(known.bautin(), start, {"mu": (0.1, 0.5), "beta": (-1, 1)})
    assert table.sizes["point"] == 0
    assert "no special point" in table.attrs["note"]


def test_bad_arguments():
    branches = dynamics.continue_fixed_points(known.bautin(), "mu", -0.1, 0.5)
    start = dynamics.special_points(branches)
    with pytest.raises(ValueError, match="expected two"):
        dynamics.continue_special(known.bautin(), start, {"mu": (0, 1)})
    with pytest.raises(ValueError, match="no table of special points"):
        dynamics.continue_special(known.bautin(), branches, {"mu": (0, 1), "beta": (0, 1)})
    with pytest.raises(ValueError, match="low < high"):
        dynamics.continue_special(known.bautin(), start, {"mu": (1, 0), "beta": (0, 1)})
