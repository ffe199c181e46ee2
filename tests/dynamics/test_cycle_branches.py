"""Branches of cycles, against closed forms, proved intervals and the literature."""

import json
from pathlib import Path

import numpy as np
import pytest

from snnsurrogate import dynamics

from . import known

REFERENCE = Path(__file__).parents[1] / "reference"
HH = json.loads((REFERENCE / "hodgkin_huxley.json").read_text())["values"]


def of_type(branches, kind):
    return dynamics.special_points(branches, kind)


def hopf_points(*args, **kwargs):
    return of_type(dynamics.continue_fixed_points(*args, **kwargs), "hopf")


def ends(branches):
    meanings = branches["ended"].attrs["flag_meanings"].split()
    return [[meanings[code] for code in pair] for pair in branches["ended"].values]


def test_fold_of_cycles_closed_form():
    branches = dynamics.continue_cycles(
        known.normal_form(), "mu", -0.4, 0.4, start=[1.0, 0.0], at=0.1
    )
    fold = of_type(branches, "fold_of_cycles")
    np.testing.assert_allclose(fold["mu"], [-0.25], rtol=0, atol=1e-9)
    np.testing.assert_allclose(fold["x_max"] ** 2, [0.5], atol=1e-5)
    s, mu = branches["x_max"] ** 2, branches["mu"]
    np.testing.assert_allclose(mu + s - s**2, 0.0, atol=2e-6)
    stable = branches["stable"].values
    np.testing.assert_array_equal(stable[s > 0.501], True)
    np.testing.assert_array_equal(stable[(s < 0.499) & (s > 1e-8)], False)
    assert ends(branches) == [["small_amplitude", "parameter_high"]]
    assert float(mu[0]) == pytest.approx(0.0, abs=1e-8)  # the Hopf point


def test_from_a_hopf_point_closed_form():
    start = hopf_points(known.normal_form(-1.0), "mu", -0.4, 0.4)
    branches = dynamics.continue_cycles(known.normal_form(-1.0), "mu", -0.4, 0.4, start=start)
    s = branches["x_max"].values ** 2
    np.testing.assert_allclose(branches["mu"] - s - s**2, 0.0, atol=2e-6)
    assert branches.sizes["special"] == 0
    assert branches["stable"].values[1:].all()


def test_hodgkin_huxley():
    """Tonic firing begins in a fold of cycles; both Hopf points are joined by one branch."""
    branches = dynamics.continue_cycles("hodgkin-huxley", "I", 0.0, 200.0, at=10.0)
    folds = of_type(branches, "fold_of_cycles")
    low, high = HH["tonic_onset_I"]["value"] if "tonic_onset_I" in HH else (6.26, 6.265)
    assert low < float(folds["I"][0]) < high
    # Rinzel and Miller 1980: knees near 7.85 and 7.92 on the unstable part of the branch
    assert folds["I"].values[1:] == pytest.approx([7.84235, 7.91779], abs=1e-4)
    assert ends(branches) == [["small_amplitude", "small_amplitude"]]
    hopf = [HH["hopf_lower_I"]["value"], HH["hopf_upper_I"]["value"]]
    np.testing.assert_allclose(branches["I"].values[[0, -1]], hopf, rtol=0, atol=1e-5)
    rate = 1000 / float(folds["cycle_period"][0])
    assert rate == pytest.approx(50.3, abs=0.3)  # 51.0 Hz at 6.265, a square root above
    flips = of_type(branches, "flip")["I"].values
    assert len(flips) > 0
    assert (flips > 7.84).all()
    assert "not located" not in branches.attrs["note"]
    upper = branches.isel(point=branches["V_max"].values > 0)
    assert upper["stable"].values[upper["I"].values > 7].all()


def test_hodgkin_huxley_from_both_hopf_points():
    start = hopf_points("hodgkin-huxley", "I", 0.0, 200.0)
    branches = dynamics.continue_cycles("hodgkin-huxley", "I", 0.0, 200.0, start=start)
    assert branches.sizes["branches"] == 1  # the second Hopf point is the end of the first branch
    fold = of_type(branches, "fold_of_cycles")["I"].values[0]
    other = dynamics.continue_cycles("hodgkin-huxley", "I", 5.0, 20.0, at=10.0, tolerance=1e-10)
    np.testing.assert_allclose(of_type(other, "fold_of_cycles")["I"].values[0], fold, atol=1e-8)


def test_morris_lecar_homoclinic_and_fold():
    """The homoclinic orbit and the fold of cycles of the MatCont manual's example."""
    branches = dynamics.continue_cycles("morris-lecar-homoclinic", "I", 30.0, 60.0)
    assert ends(branches) == [["long_period", "small_amplitude"]]
    assert "period beyond max_period" in branches.attrs["note"]
    assert float(branches["I"][0]) == pytest.approx(35.007, abs=1e-3)
    assert float(branches["I"][-1]) == pytest.approx(36.316217, abs=1e-5)
    fold = of_type(branches, "fold_of_cycles")
    assert fold["I"].values == pytest.approx([40.59], abs=5e-3)


def test_canard_of_fitzhugh_nagumo():
    """Two folds of cycles, mirror images about I = 0.875, in the canards after the Hopf points."""
    branches = dynamics.continue_cycles("fitzhugh-nagumo", "I", 0.0, 1.75)
    folds = of_type(branches, "fold_of_cycles")["I"].values
    assert len(folds) == 2
    assert folds.sum() == pytest.approx(2 * 0.875, abs=1e-7)
    assert folds[0] < 0.33128  # below the subcritical Hopf point


def test_lorenz_unstable_cycles_end_in_a_homoclinic_orbit():
    start = hopf_points(known.lorenz(), "r", 2.0, 30.0)
    branches = dynamics.continue_cycles(known.lorenz(), "r", 2.0, 30.0, start=start)
    assert branches.sizes["branches"] == 2  # mirror images
    assert ends(branches) == [["long_period", "small_amplitude"]] * 2
    first = branches["r"].values[np.flatnonzero(np.diff(branches["branch"], prepend=-1))]
    np.testing.assert_allclose(first, 13.926557, atol=1e-5)  # Sparrow 1982: 13.926...
    short = (branches["trivial_error"] < 0.05) & (branches["x_max"] - branches["x_min"] > 0.1)
    assert (branches["unstable"].values[short] == 1).all()


def test_lorenz_intermittency():
    """The stable cycle of large r ends in a fold at 166.06 (Pomeau and Manneville 1980)."""
    branches = dynamics.continue_cycles(
        known.lorenz(), "r", 150.0, 200.0, start=[1.0, 1.0, 20.0], at=160.0
    )
    fold = of_type(branches, "fold_of_cycles")
    assert fold["r"].values == pytest.approx([166.0615], abs=1e-4)


def test_sherman_period_doubling():
    branches = dynamics.continue_cycles("sherman", "V_S", -34.0, -30.0, at=-32.0)
    flip = of_type(branches, "flip")
    assert flip["V_S"].values == pytest.approx([-33.533], abs=2e-3)  # about -33.54 by simulation
    assert ends(branches) == [["parameter_low", "parameter_high"]]
    np.testing.assert_array_equal(branches["stable"], branches["V_S"] > float(flip["V_S"][0]))


def test_cascade_of_period_doublings():
    """Doubled cycles are entered at the flips; the distances shrink towards Feigenbaum's 4.669."""
    single = dynamics.continue_cycles("sherman", "V_S", -34.0, -31.0, at=-32.0)
    at = [float(of_type(single, "flip")["V_S"][0])]
    table = of_type(single, "flip")
    for turn in (2, 4):
        branch = dynamics.continue_cycles("sherman", "V_S", -34.0, -31.0, start=table)
        assert ends(branch) == [["parameter_low", "half_period"]]
        table = of_type(branch, "flip")
        at.append(float(table["V_S"][0]))
        ratio = float(table["cycle_period"][0]) / float(of_type(single, "flip")["cycle_period"][0])
        assert ratio == pytest.approx(turn, rel=0.05)
        np.testing.assert_array_equal(
            branch["stable"].values[1:-1], branch["V_S"].values[1:-1] > at[-1] + 1e-9
        )
    assert at == pytest.approx([-33.53289, -33.67560, -33.69971], abs=1e-4)
    assert (at[1] - at[0]) / (at[2] - at[1]) == pytest.approx(5.9, abs=0.1)


def test_torus():
    """A cycle of the plane beside an independent focus whose growth changes sign: a torus."""
    branches = dynamics.continue_cycles(
        known.cycle_and_focus(), "mu", -0.3, 0.3, start=[1.0, 0.0, 0.0, 0.0], at=-0.2
    )
    torus = of_type(branches, "torus")
    np.testing.assert_allclose(torus["mu"], [0.0], atol=1e-9)
    np.testing.assert_allclose(torus["frequency"], [1 - np.sqrt(0.5)], rtol=1e-6)  # the near alias


def test_k_cycles_of_maps():
    two = dynamics.continue_cycles(known.logistic(), "r", 2.5, 4.0, period=2)
    assert two.sizes["branches"] == 1
    assert ends(two) == [["half_period", "parameter_high"]]
    assert float(two["r"][0]) == pytest.approx(3.0, abs=1e-7)  # born at the flip
    np.testing.assert_allclose(of_type(two, "flip")["r"], [1 + np.sqrt(6)], atol=1e-12)
    r = two["r"].values
    np.testing.assert_allclose(two["x_max"] + two["x_min"], (r + 1) / r, atol=1e-9)
    three = dynamics.continue_cycles(known.logistic(), "r", 2.5, 4.0, period=3)
    np.testing.assert_allclose(of_type(three, "fold")["r"], [1 + np.sqrt(8)], atol=1e-12)
    np.testing.assert_allclose(of_type(three, "flip")["r"], [3.8414990075435], atol=1e-10)


def test_a_table_without_flips_is_said():
    single = dynamics.continue_cycles("sherman", "V_S", -33.0, -31.0, at=-32.0)
    table = dynamics.special_points(single)
    branch = dynamics.continue_cycles("sherman", "V_S", -33.0, -31.0, start=table)
    assert branch.sizes["point"] == 0
    assert "no flip point" in branch.attrs["note"]


def test_no_cycle_is_said():
    branches = dynamics.continue_cycles("hodgkin-huxley", "I", 0.0, 5.0)
    assert branches.sizes["point"] == 0
    assert "no cycle was found for I in [0, 5]" in branches.attrs["note"]
    assert "fixed point" in branches.attrs["note"]
    none = dynamics.continue_cycles(known.logistic(), "r", 1.5, 2.5, period=2)
    assert none.sizes["point"] == 0
    assert "no 2-cycle" in none.attrs["note"]


def test_a_branch_that_is_lost_keeps_its_last_good_cycle(monkeypatch):
    from snnsurrogate.dynamics import _cycle_curve

    whole = _cycle_curve.CycleCurve.advance

    def broken(self, point, step):
        b = whole(self, point, step)
        return None if b is not None and b.value > 0.2 else b

    monkeypatch.setattr(_cycle_curve.CycleCurve, "advance", broken)
    branches = dynamics.continue_cycles(
        known.normal_form(), "mu", -0.4, 0.4, start=[1.0, 0.0], at=0.1
    )
    assert ends(branches) == [["small_amplitude", "not_converged"]]
    assert float(branches["mu"][-1]) == pytest.approx(0.2, abs=1e-4)
    assert "Newton did not converge" in branches.attrs["note"]
    assert np.isfinite(branches["x"]).all()


def test_extrapolation_is_marked():
    branches = dynamics.continue_cycles(  # declared to mu = 2.1
        known.normal_form(), "mu", 1.5, 3.0, start=[1.0, 0.0], at=2.0
    )
    assert (branches["extrapolated"] == (branches["mu"] > 2.1 + 1e-9)).all()


@pytest.mark.parametrize(
    "keywords",
    [{"tolerance": 0.0}, {"tolerance": np.nan}, {"intervals": (100, 20)}, {"max_points": 0}],
)
def test_bad_numbers(keywords):
    with pytest.raises(ValueError, match=next(iter(keywords))):
        dynamics.continue_cycles(known.normal_form(), "mu", 0.0, 1.0, start=[1.0, 0.0], **keywords)


def test_bad_arguments():
    with pytest.raises(ValueError, match="start inside the interval"):
        dynamics.continue_cycles("hodgkin-huxley", "I", 0.0, 5.0, at=10.0)
    table = dynamics.fixed_points("hodgkin-huxley")
    with pytest.raises(ValueError, match="without Hopf points"):
        dynamics.continue_cycles("hodgkin-huxley", "I", 0.0, 5.0, start=table)
    with pytest.raises(ValueError, match="x0 is missing"):
        dynamics.continue_cycles(known.lorenz(), "r", 0.0, 5.0)
