"""Branches of two dynamics: a perturbed normal form against itself, a learned map, pairings."""

import dataclasses

import numba
import numpy as np
import pytest
import xarray as xr

import snnsurrogate as sns
from snnsurrogate import dynamics
from snnsurrogate.dynamics.comparison import pair_rates
from snnsurrogate.kernels import F_SIGNATURE, JAC_SIGNATURE

from . import known

MU = np.linspace(-0.31, 0.29, 13)  # not the Hopf point itself


def shifted_hopf(by):
    """The subcritical normal form with its centre at x = by and its Hopf point at mu = -by."""

    def f(x, p, out):
        u = x[0] - by
        square = u * u + x[1] * x[1]
        g = p[0] + by + square - square * square
        out[0] = g * u - x[1]
        out[1] = u + g * x[1]

    def jac(x, p, out):
        u = x[0] - by
        square = u * u + x[1] * x[1]
        g, slope = p[0] + by + square - square * square, 2 - 4 * square
        out[0, 0], out[0, 1] = g + slope * u * u, slope * u * x[1] - 1
        out[1, 0], out[1, 1] = 1 + slope * u * x[1], g + slope * x[1] * x[1]

    return dataclasses.replace(
        known.subcritical_hopf(), f=numba.njit(F_SIGNATURE)(f), jac=numba.njit(JAC_SIGNATURE)(jac)
    )


def test_a_dynamics_is_itself():
    table = dynamics.compare_branches(known.subcritical_hopf(), known.subcritical_hopf(), "mu", MU)
    assert table["found"].all()
    assert table["error"].max().item() == 0
    assert table["eigenvalue_excess"].max().item() == 0
    assert not table["invented"].any()
    assert table["hopf"].values == pytest.approx(table["hopf_truth"].values, abs=1e-12)
    assert table["hopf"].values == pytest.approx([0], abs=1e-9)


def test_shift_of_position_and_hopf_point():
    """Rates are mu +- i against mu + 0.07 +- i: 0.07 off; stable up to -0.07 instead of 0."""
    table = dynamics.compare_branches(
        known.subcritical_hopf(), shifted_hopf(0.07), "mu", MU, relative=0.0, absolute=0.05
    )
    error = table["error"].sel(state="x").values
    np.testing.assert_allclose(error, 0.07, atol=1e-12)
    np.testing.assert_allclose(table["eigenvalue_excess"], 0.07 / 0.05, rtol=1e-9)
    np.testing.assert_allclose(table["leading"] - table["leading_truth"], 0.07, rtol=1e-9)
    assert table["hopf"].values - table["hopf_truth"].values == pytest.approx([-0.07], abs=1e-9)
    assert table["stable"].values[:, 0].tolist() == (MU < -0.07).tolist()
    assert not table["invented"].any(), "stable in a part of where the truth is"
    table = dynamics.compare_branches(shifted_hopf(0.07), known.subcritical_hopf(), "mu", MU)
    assert table["invented"].values.tolist() == ((MU > -0.07) & (MU < 0)).astype(int).tolist()


def test_hopf_points_are_paired_one_to_one(monkeypatch):
    import sys

    module = sys.modules["snnsurrogate.dynamics.comparison"]
    kernel = known.subcritical_hopf()
    crossings = iter([{"mu": np.array([-0.1, 0.2])}, {"mu": np.array([0.15])}])
    monkeypatch.setattr(
        module, "hopf", lambda *_, **__: {k: xr.DataArray(v) for k, v in next(crossings).items()}
    )
    table = dynamics.compare_branches(kernel, kernel, "mu", MU)
    np.testing.assert_array_equal(table["hopf"].values, [np.nan, 0.15])
    assert table.attrs["missing_hopf_points"] == 1


def test_what_is_missing_and_what_is_invented():
    """x' = p - x^2 has two fixed points above p = 0; x' = 1 + x^2, and p below 0, have none."""
    p = np.array([-0.5, 0.5, 1.0])
    table = dynamics.compare_branches(known.saddle_node(), known.saddle_node(), "p", p)
    assert table["found"].values.sum(1).tolist() == [0, 2, 2]
    assert np.isnan(table["error"].values[0]).all()
    assert not np.isnan(table["error"].values[1:]).any()
    gone = dataclasses.replace(known.saddle_node(), low=np.array([0.1, -1.0]))
    nothing = dynamics.compare_branches(known.saddle_node(), _without(known.saddle_node()), "p", p)
    assert not nothing["found"].any()
    assert nothing["hopf"].size == 0
    more = dynamics.compare_branches(_without(gone), known.saddle_node(), "p", p)
    assert more["invented"].values.tolist() == [0, 1, 1]


def _without(kernel):
    def f(x, p, out):
        out[0], out[1] = 1.0 + x[0] ** 2, -x[1]

    def jac(x, p, out):
        out[0, 0], out[0, 1], out[1, 0], out[1, 1] = 2 * x[0], 0.0, 0.0, -1.0

    return dataclasses.replace(
        kernel, f=numba.njit(F_SIGNATURE)(f), jac=numba.njit(JAC_SIGNATURE)(jac)
    )


def test_learned_map_beside_its_equations():
    table = dynamics.compare_branches(
        "sherman", sns.load("bursting-map"), "V_S", np.array([-44.0, -40.0, -36.0])
    )
    assert table["found"].all()
    assert table["error"].values[..., 0].max() < 0.01
    assert not table["invented"].any()
    assert not table["extrapolated"].any()
    assert table["leading_truth"].values[1, 0] == pytest.approx(10.714, rel=1e-3)


def test_pairing_is_the_nearest_one():
    exact = np.array([-40, -1 - 2j, -1 + 2j])
    assert pair_rates(exact, np.array([-1 + 2.1j, -41, -1 - 2.1j])) == pytest.approx([1, 0.1, 0.1])
    assert pair_rates(np.array([-1.0]), np.array([-np.inf])).tolist() == [np.inf]


def test_bad_input():
    with pytest.raises(ValueError, match="two dynamics of the same states"):
        dynamics.compare_branches(known.henon(), known.lorenz(), "a", MU)
    with pytest.raises(ValueError, match="must be 1-D and ascend"):
        dynamics.compare_branches(known.henon(), known.henon(), "a", [1.0, 0.5])
    with pytest.raises(ValueError, match="no parameter 'c'"):
        dynamics.compare_branches(known.henon(), known.henon(), "c", [0.1, 0.5])
