"""Branches of fixed points and their special points, against proved and closed-form values."""

import json
import re
import time
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import brentq

from snnsurrogate import dynamics, systems
from snnsurrogate.surrogate import load

from . import known

REFERENCE = Path(__file__).parents[1] / "reference"
SHERMAN = json.loads((REFERENCE / "sherman.json").read_text())
HH = json.loads((REFERENCE / "hodgkin_huxley.json").read_text())["values"]


def ends(branches):
    meanings = branches["ended"].attrs["flag_meanings"].split()
    return [[meanings[code] for code in pair] for pair in branches["ended"].values]


def types(branches):
    return [str(t) for t in dynamics.special_points(branches)["type"].values]


def test_hodgkin_huxley():
    branches = dynamics.continue_fixed_points("hodgkin-huxley", "I", 0.0, 200.0)
    assert branches.sizes["branches"] == 1
    assert (np.diff(branches["I"]) > 0).all()  # a single equilibrium for every current
    assert branches["I"].values[[0, -1]].tolist() == [0.0, 200.0]
    points = dynamics.special_points(branches)
    expected = [HH["hopf_lower_I"]["value"], HH["hopf_upper_I"]["value"]]
    np.testing.assert_allclose(points["I"], expected, rtol=0, atol=1e-8)
    assert points["type"].values.tolist() == ["hopf", "hopf"]
    assert points["criticality"].values.tolist() == ["subcritical", "supercritical"]
    assert (points["l1_error"] < 1e-9 * np.abs(points["l1"])).all()
    assert points["frequency"].values / (2 * np.pi) * 1000 == pytest.approx([93, 169], abs=0.6)
    inner = (branches["I"] > expected[0] + 1e-6) & (branches["I"] < expected[1] - 1e-6)
    assert not branches["stable"].values[inner].any()
    outer = (branches["I"] < expected[0] - 1e-6) | (branches["I"] > expected[1] + 1e-6)
    assert branches["stable"].values[outer].all()


def test_hodgkin_huxley_takes_less_than_a_second():
    dynamics.continue_fixed_points("hodgkin-huxley", "I", 0.0, 1.0)
    start = time.perf_counter()
    dynamics.continue_fixed_points("hodgkin-huxley", "I", 0.0, 200.0)
    assert time.perf_counter() - start < 1.0


def test_branch_agrees_with_the_search():
    branches = dynamics.continue_fixed_points("morris-lecar-snlc", "I", 20.0, 60.0)
    some = np.linspace(0, branches.sizes["point"] - 1, 12).astype(int)
    for row in some:
        value = float(branches["I"][row])
        table = dynamics.fixed_points("morris-lecar-snlc", {"I": value})
        gaps = np.abs(table["V"].values[0] - float(branches["V"][row]))
        nearest = int(np.nanargmin(gaps))
        if str(branches["label"].values[row]).startswith("LP"):
            continue  # a double root: Newton finds it to half the digits
        assert gaps[nearest] < 1e-8
        np.testing.assert_allclose(
            branches["eigenvalue_real"][row], table["eigenvalue_real"][0, nearest], atol=1e-8
        )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sherman", [SHERMAN["original"]["hopf_V_S"]["value"]]),
        ("sherman-bistable", SHERMAN["bistable"]["hopf_V_S"]["value"]),
    ],
)
def test_sherman(name, expected):
    points = dynamics.special_points(
        dynamics.continue_fixed_points(name, "V_S", "-46 mV", "-33 mV"), "hopf"
    )
    np.testing.assert_allclose(points["V_S"], expected, rtol=0, atol=1e-4)
    table = dynamics.hopf(name, "V_S", -46.0, -33.0, samples=131)  # another way to the same
    np.testing.assert_allclose(points["V_S"], table["V_S"], rtol=0, atol=1e-10)


@pytest.mark.parametrize("b", [0.5, 0.8])
def test_fitzhugh_nagumo_closed_form(b):
    v = np.array([-1, 1]) * np.sqrt(1 - 0.08 * b)
    current = (v + 0.7) / b - v + v**3 / 3
    points = dynamics.special_points(
        dynamics.continue_fixed_points("fitzhugh-nagumo", "I", -0.5, 3.0, parameters={"b": b})
    )
    np.testing.assert_allclose(points["I"], np.sort(current), atol=1e-11)
    np.testing.assert_allclose(points["frequency"], np.sqrt(0.08 - (0.08 * b) ** 2), rtol=1e-9)


def test_first_lyapunov_coefficient_of_fitzhugh_nagumo():
    """By hand (Guckenheimer and Holmes, 3.4.11), for a cubic without quadratic terms at v = 0."""
    # The planar formula in the rotated frame of v' = v - v^3/3 - w + I, w' = eps (v + a - b w):
    # with x = v, J = [[e, -1], [eps, -e]] at zero trace, the frame v = x, w = e x + omega y gives
    # x' = -omega y + f, y' = omega x - (e/omega) f, f = -v0 x^2 - x^3/3.
    eps, b = 0.08, 0.8
    e = eps * b
    omega = np.sqrt(eps - e**2)
    v0 = np.sqrt(1 - e)
    fxx, fxxx = -2 * v0, -2.0
    gxx = -e / omega * fxx
    sixteen_a = fxxx - fxx * gxx / omega  # f_xy = f_yy = 0; g_xxy = 0
    points = dynamics.special_points(
        dynamics.continue_fixed_points("fitzhugh-nagumo", "I", -0.5, 3.0)
    )
    # |q| = 1 in (v, w) with q = c (1, e - i omega): z = x/(2 c)..., so that l1 = 2 c^2 8 a/omega
    # up to the frame; the ratio to the planar coefficient is fixed by the normal form r' = a r^3.
    scale = 1 / (1 + e**2 + omega**2)  # c^2
    a = sixteen_a / 16
    np.testing.assert_allclose(points["l1"], 4 * a * scale / omega, rtol=1e-9)


def test_morris_lecar_folds_and_hopf():
    """Extrema of the steady-state current, and zero trace on it: one equation in V each."""

    def steady(v):
        m, w = (1 + np.tanh((v + 1.2) / 18)) / 2, (1 + np.tanh((v - 12) / 17.4)) / 2
        dm = (1 - np.tanh((v + 1.2) / 18) ** 2) / 36
        dw = (1 - np.tanh((v - 12) / 17.4) ** 2) / 34.8
        current = 4 * m * (v - 120) + 8 * w * (v + 84) + 2 * (v + 60)
        slope = 4 * (dm * (v - 120) + m) + 8 * (dw * (v + 84) + w) + 2
        trace = -(4 * (dm * (v - 120) + m) + 8 * w + 2) / 20 - np.cosh((v - 12) / 34.8) / 15
        return current, slope, trace

    branches = dynamics.continue_fixed_points("morris-lecar-snlc", "I", -50.0, 150.0)
    folds = dynamics.special_points(branches, "fold")
    expected = [brentq(lambda v: steady(v)[1], *ends) for ends in ((-40, -20), (-10, 5))]
    np.testing.assert_allclose(np.sort(folds["V"]), expected, atol=1e-7)
    np.testing.assert_allclose(np.sort(folds["I"]), sorted(steady(v)[0] for v in expected))
    assert folds["I"].values[-1] == pytest.approx(0.083257 * 480, abs=5e-4)  # MatCont manual
    hopf = dynamics.special_points(branches, "hopf")
    np.testing.assert_allclose(hopf["V"], [brentq(lambda v: steady(v)[2], 0, 20)], atol=1e-9)
    assert branches.sizes["branches"] == 1  # one S-shaped branch, both folds passed
    middle = branches["unstable"].values == 1  # the saddles, between the folds
    assert branches["I"].values[middle].max() < folds["I"].values.max() + 1e-9


def test_logistic_map_and_its_doublings():
    branches = dynamics.continue_fixed_points(known.logistic(), "r", 0.5, 4.0)
    points = dynamics.special_points(branches, "flip")
    np.testing.assert_allclose(points["r"], [3.0], rtol=0, atol=1e-12)
    assert points["criticality"].values.tolist() == ["supercritical"]
    crossing = dynamics.special_points(branches, "branch_point")
    np.testing.assert_allclose(crossing["r"], 1.0, rtol=0, atol=1e-8)
    doubled = dynamics.special_points(
        dynamics.continue_fixed_points(known.logistic(), "r", 2.5, 4.0, period=2), "flip"
    )
    np.testing.assert_allclose(doubled["r"], 1 + np.sqrt(6), rtol=0, atol=1e-12)


def test_henon_closed_form():
    """Fold at a = -(1-b)^2/4, flip at 3(1-b)^2/4, of the 2-cycle at (1-b)^2 + (1+b)^2/4."""
    box = {"x": (-4.0, 4.0), "y": (-2.0, 2.0)}
    branches = dynamics.continue_fixed_points(known.henon(), "a", -1.0, 1.4, box=box)
    assert types(branches) == ["fold", "flip"]
    b = 0.3
    expected = [-((1 - b) ** 2) / 4, 3 * (1 - b) ** 2 / 4]
    np.testing.assert_allclose(dynamics.special_points(branches)["a"], expected, atol=1e-12)
    second = dynamics.continue_fixed_points(known.henon(), "a", 0.0, 1.4, box=box, period=2)
    flips = dynamics.special_points(second, "flip")
    np.testing.assert_allclose(flips["a"], (1 - b) ** 2 + (1 + b) ** 2 / 4, atol=1e-10)


def test_neimark_sacker_of_the_delayed_logistic_map():
    branches = dynamics.continue_fixed_points(known.delayed_logistic(), "r", 1.5, 2.5)
    point = dynamics.special_points(branches, "neimark_sacker").isel(special=0)
    assert float(point["r"]) == pytest.approx(2.0, abs=1e-12)
    assert float(point["frequency"]) == pytest.approx(np.pi / 3, abs=1e-11)
    assert str(point["criticality"].values) == "supercritical"


def test_lorenz():
    """Pitchfork at r = 1, Hopf at sigma (sigma + b + 3)/(sigma - b - 1), subcritical."""
    branches = dynamics.continue_fixed_points(known.lorenz(), "r", 0.1, 30.0)
    hopf = dynamics.special_points(branches, "hopf")
    b = 8 / 3
    np.testing.assert_allclose(hopf["r"], 10 * (10 + b + 3) / (10 - b - 1), rtol=1e-12)
    np.testing.assert_allclose(hopf["frequency"] ** 2, b * (10 + hopf["r"]), rtol=1e-9)
    assert set(hopf["criticality"].values) == {"subcritical"}
    np.testing.assert_allclose(hopf["x"], np.array([1, -1]) * np.sqrt(b * (hopf["r"] - 1)))
    crossing = dynamics.special_points(branches, "branch_point")
    np.testing.assert_allclose(crossing["r"], 1.0, atol=1e-8)


@pytest.mark.parametrize(("sign", "side"), [(1.0, "subcritical"), (-1.0, "supercritical")])
def test_coefficient_of_the_normal_form(sign, side):
    """z' = (mu + 2i) z + sign z |z|^2 - ...: l1 = Re(c1)/omega with |q| = 1, so sign/4 twice."""
    branches = dynamics.continue_fixed_points(known.normal_form(sign), "mu", -0.4, 0.4)
    point = dynamics.special_points(branches, "hopf").isel(special=0)
    assert float(point["l1"]) == pytest.approx(sign, abs=1e-10)
    assert str(point["criticality"].values) == side


def test_fold_and_what_lies_beyond():
    branches = dynamics.continue_fixed_points(known.saddle_node(), "p", -1.0, 1.0)
    assert types(branches) == ["fold"]
    np.testing.assert_allclose(dynamics.special_points(branches)["p"], 0.0, atol=1e-14)
    np.testing.assert_allclose(branches["x"] ** 2, branches["p"], atol=1e-12)


def test_no_fixed_point_is_said():
    kernel = known.saddle_node()
    branches = dynamics.continue_fixed_points(kernel, "p", -1.0, -0.5)
    assert branches.sizes["point"] == branches.sizes["branches"] == 0
    assert "no fixed point was found" in branches.attrs["note"]
    assert dynamics.special_points(branches).sizes["special"] == 0


def test_leaving_the_box_is_said():
    branches = dynamics.continue_fixed_points(
        known.henon(), "a", -1.0, 1.4, box={"x": (-1.5, 1.5), "y": (-0.5, 0.5)}
    )
    meanings = branches["ended"].attrs["flag_meanings"].split()
    assert "state_box" in {meanings[code] for code in branches["ended"].values.ravel()}
    assert "ends at a =" in branches.attrs["note"]


def test_last_good_point_is_kept(monkeypatch):
    """Newton that fails beyond r = 2 ends the branch there, and the note says so."""
    from snnsurrogate.dynamics import _branch_points

    whole = _branch_points.FixedPointCurve.advance

    def broken(self, point, step):
        b = whole(self, point, step)
        return None if b is not None and b.value > 2.0 else b

    monkeypatch.setattr(_branch_points.FixedPointCurve, "advance", broken)
    branches = dynamics.continue_fixed_points(
        known.logistic(), "r", 1.5, 2.9, box={"x": (0.2, 1.0)}, samples=2, starts=16
    )
    assert "Newton did not converge" in branches.attrs["note"]
    last = branches["r"].values[branches["branch"].values == 0][-1]
    assert last == pytest.approx(2.0, abs=1e-5)


def test_where_the_equations_end():
    """x' = sqrt(p) - x has no real value below p = 0: the branch ends there, without a NaN."""
    branches = dynamics.continue_fixed_points(known.square_root(), "p", -1.0, 1.0)
    assert "Newton did not converge" in branches.attrs["note"]
    assert np.isfinite(branches["x"]).all()
    assert 0 <= float(branches["p"][0]) < 1e-4
    np.testing.assert_allclose(branches["x"], np.sqrt(branches["p"]), atol=1e-9)


@pytest.mark.parametrize("name", systems.names("neuron"))
def test_every_fixed_point_of_a_system_lies_on_a_branch(name):
    system = systems.get(name)
    parameter = system.swept or system.input
    low, high = system.parameter(parameter).low, system.parameter(parameter).high
    branches = dynamics.continue_fixed_points(system, parameter, low, high)
    values = low + (high - low) * np.array([0.037, 0.213, 0.452, 0.491, 0.618, 0.871])
    table = dynamics.fixed_points(system, {parameter: values})
    first = system.state_names[0]
    width = system.state(first).high - system.state(first).low
    at, height = branches[parameter].values, branches[first].values
    same = np.diff(branches["branch"].values) == 0
    for i, value in enumerate(values):
        share = (value - at[:-1]) / np.where(np.diff(at) == 0, np.inf, np.diff(at))
        crossed = same & (share >= 0) & (share <= 1)
        on_branch = (height[:-1] + share * np.diff(height))[crossed]
        for x in table[first].values[i, table["inside"].values[i]]:
            assert np.abs(on_branch - x).min() < 2e-3 * width, (value, x)


def test_a_fixed_point_that_starts_no_branch_is_said(monkeypatch):
    from snnsurrogate.dynamics import _branch_points

    monkeypatch.setattr(_branch_points.FixedPointCurve, "start", lambda *_: None)
    branches = dynamics.continue_fixed_points(known.logistic(), "r", 1.5, 2.9)
    assert branches.sizes["point"] == 0
    assert "Newton did not converge from" in branches.attrs["note"]


def test_one_dimension():
    """theta-like flow x' = mu + x - x^3/3 in one variable: two folds at mu = -+2/3."""
    branches = dynamics.continue_fixed_points(known.cubic(), "mu", -2.0, 2.0)
    folds = dynamics.special_points(branches, "fold")
    np.testing.assert_allclose(folds["mu"], [-2 / 3, 2 / 3], rtol=0, atol=1e-12)
    np.testing.assert_allclose(folds["x"], [1.0, -1.0], atol=1e-7)
    assert branches.sizes["special"] == 2


def test_surrogate_beside_the_truth():
    """One function, one table: the learned map's Hopf point has the flow's l1 and frequency."""
    surrogate = dynamics.special_points(
        dynamics.continue_fixed_points(load("bursting-map-wide"), "V_S", -46.0, -33.0)
    )
    truth = dynamics.special_points(dynamics.continue_fixed_points("sherman", "V_S", -46.0, -33.0))
    assert surrogate["type"].values.tolist() == ["neimark_sacker"]
    np.testing.assert_allclose(surrogate["V_S"], truth["V_S"], atol=0.01)
    np.testing.assert_allclose(surrogate["frequency"], truth["frequency"], rtol=1e-3)
    np.testing.assert_allclose(surrogate["l1"], truth["l1"], rtol=0.05)
    assert surrogate["criticality"].values.tolist() == ["supercritical"]


def test_extrapolation_is_marked():
    branches = dynamics.continue_fixed_points(known.logistic(), "r", 1.0, 7.0)  # declared 2 to 6
    outside = (branches["r"] < 2 - 1e-9) | (branches["r"] > 6 + 1e-9)
    assert (branches["extrapolated"] == outside).all()
    assert outside.any()


def test_bad_arguments():
    with pytest.raises(ValueError, match="low < high"):
        dynamics.continue_fixed_points("sherman", "V_S", -33.0, -44.0)
    with pytest.raises(ValueError, match="Did you mean 'V_S'"):
        dynamics.continue_fixed_points("sherman", "V_s", -44.0, -33.0)
    with pytest.raises(ValueError, match="1 for a flow"):
        dynamics.continue_fixed_points("sherman", "V_S", -44.0, -33.0, period=2)
    with pytest.raises(ValueError, match="Did you mean 'hopf'"):
        dynamics.special_points(
            dynamics.continue_fixed_points(known.saddle_node(), "p", -1.0, 1.0), "Hopf"
        )
    with pytest.raises(ValueError, match="result of a continuation"):
        dynamics.special_points(dynamics.fixed_points("sherman"))
    with pytest.raises(ValueError, match="free parameter"):
        dynamics.continue_fixed_points("sherman", "V_S", -44.0, -33.0, parameters={"V_S": -40})


def test_an_end_that_newton_does_not_reach_is_said(monkeypatch):
    """Newton fails short of the end of the interval; steps over the gap still succeed."""
    from snnsurrogate.dynamics import _branch_points

    whole = _branch_points.FixedPointCurve.advance

    def broken(self, point, step):
        b = whole(self, point, step)
        return None if b is not None and 2.85 < b.value < 2.9005 else b

    monkeypatch.setattr(_branch_points.FixedPointCurve, "advance", broken)
    branches = dynamics.continue_fixed_points(
        known.logistic(), "r", 1.5, 2.9, step=0.1, samples=2, box={"x": (0.3, 0.5)}
    )
    assert ends(branches) == [["parameter_low", "not_converged"]]
    assert float(branches["r"][-1]) == pytest.approx(2.85, abs=1e-4)
    assert "Newton did not converge" in branches.attrs["note"]


def test_a_special_point_that_is_not_located_is_said(monkeypatch):
    from snnsurrogate.dynamics import _arclength

    def lost(*args):
        raise _arclength._LostError

    clean = dynamics.continue_fixed_points(known.logistic(), "r", 2.5, 3.5)
    assert "not located" not in clean.attrs["note"]
    monkeypatch.setattr(_arclength, "_beside", lost)
    branches = dynamics.continue_fixed_points(known.logistic(), "r", 2.5, 3.5)
    assert not (branches["special_type"] == "flip").any()
    at = re.findall(r"for r in \[([0-9.]+), ([0-9.]+)\] 1 at a special", branches.attrs["note"])
    assert len(at) == 1
    assert float(at[0][0]) <= 3.0 <= float(at[0][1])
    assert float(at[0][1]) - float(at[0][0]) < 0.05
