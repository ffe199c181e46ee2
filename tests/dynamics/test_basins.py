"""Basins with known shares, coexistence in a normal form and in the bistable neuron."""

import dataclasses

import numpy as np
import pytest

from snnsurrogate import dynamics
from snnsurrogate.dynamics.attractors import follow
from snnsurrogate.dynamics.basins import exact_interval

from . import known

LONG = {"duration": "40 s", "transient": "80 s"}


def test_double_well_by_symmetry():
    table = dynamics.basins(known.double_well(), n=400, **LONG)
    assert table["attractors"].item() == 2
    assert table["rest"].values.all()
    assert sorted(table["low"].sel(state="x").values[0]) == pytest.approx([-1, 1], abs=1e-3)
    assert table["count"].sum().item() == 400
    inside = (table["fraction_low"] < 0.5) & (table["fraction_high"] > 0.5)
    assert inside.all()
    # the mirror image of every start ends on the other side
    start = {name: table[f"initial_{name}"].values for name in ("x", "v")}
    mirror = dynamics.basins(
        known.double_well(), starts={name: -values for name, values in start.items()}, **LONG
    )
    side = [
        t["low"].sel(state="x").values[0][t["attractor"].values[0]] > 0 for t in (table, mirror)
    ]
    assert (side[0] != side[1]).all()


def test_share_of_a_root_of_newtons_method():
    """From the box (-0.4, 0.4), inside 1/sqrt 5 = 0.447, all end at 0; beyond 1/sqrt 3 at +-1."""
    keywords = {"duration": "20 s", "transient": "100 s"}
    table = dynamics.basins(known.newton_cubic(), box={"x": (-0.4, 0.4)}, n=100, **keywords)
    assert table["count"].values.tolist() == [[100]]
    assert table["fraction_high"].item() == 1
    assert table["fraction_low"].item() == pytest.approx(0.025 ** (1 / 100))
    table = dynamics.basins(known.newton_cubic(), box={"x": (0.6, 2.8)}, n=100, **keywords)
    assert table["low"].values[0, 0, 0] == pytest.approx(1)
    assert table["attractors"].item() == 1


def test_rest_and_cycle_of_the_normal_form():
    """In the disc of starts the rest state has r^2 < 1/2 - sqrt(1/4 + mu)."""
    mu = np.array([-0.3, -0.2, -0.1, 0.1])
    table = dynamics.coexistence(
        known.subcritical_hopf(), {"mu": mu}, box={"x": (0, 1), "y": (0, 1)}, n=300, seed=1,
        duration="40 s", transient="200 s",
    )  # fmt: skip
    meanings = table["regime"].attrs["flag_meanings"].split()
    labels = [meanings[code + 1] for code in table["regime"].values]
    assert labels == ["quiescent", "bistable", "bistable", "oscillating"]
    assert table["coexisting"].values.tolist() == [1, 2, 2, 1]
    for i in (1, 2):
        share = np.pi / 4 * (0.5 - np.sqrt(0.25 + mu[i]))
        rest = int(np.flatnonzero(table["rest"].values[i])[0])
        assert (
            table["fraction_low"].values[i, rest] <= share <= table["fraction_high"].values[i, rest]
        )
    # one identity for rest wherever it is, another one for the cycle
    rest = table["rest"].values & (table["count"].values > 0)
    cycle = ~table["rest"].values & (table["count"].values > 0)
    assert rest.any(0).sum() == 1
    assert cycle.any(0).sum() == 1


def test_a_rest_state_that_no_start_reaches_still_coexists():
    table = dynamics.coexistence(
        known.subcritical_hopf(), {"mu": [-0.001]}, box={"x": (1, 2), "y": (1, 2)}, n=10, **LONG
    )
    assert table["attractors"].item() == 1
    assert table["stable_fixed_points"].item() == 1
    assert table["coexisting"].item() == 2
    assert table["regime"].item() == 4
    assert table["unseen_below"].item() == pytest.approx(1 - 0.05**0.1)


def test_a_slow_approach_to_rest_is_no_attractor_of_its_own():
    """At mu = -0.002 the spiral has shrunk by a fifth when the record ends."""
    table = dynamics.coexistence(
        known.subcritical_hopf(),
        {"mu": [-0.002]},
        box={"x": (0.01, 0.03), "y": (0.01, 0.03)},
        n=5,
        **LONG,
    )
    assert not table["rests"].any()
    assert table["coexisting"].item() == 1
    assert table["regime"].item() == 0


def test_a_cycle_smaller_than_the_tolerance_is_not_rest():
    """In a box of +-40 the cycle of radius 0.94 lies within 5 % of the fixed point inside it."""
    kernel = known.subcritical_hopf()
    wide = dataclasses.replace(kernel, low=20 * kernel.low, high=20 * kernel.high)
    table = dynamics.coexistence(
        wide, {"mu": [-0.1]}, box={"x": (-1, 1), "y": (-1, 1)}, n=40, **LONG
    )
    assert table["attractors"].item() == 2
    assert table["coexisting"].item() == 2
    assert table["regime"].item() == 4


def test_two_near_rest_states_are_two_attractors():
    """In a box of +-60 the rest states at +-1 lie within 5 % of each other."""
    well = known.double_well()
    wide = dataclasses.replace(well, low=30 * well.low, high=30 * well.high)
    box = {"x": (-2, 2), "v": (-2, 2)}
    table = dynamics.basins(wide, box=box, n=60, **LONG)
    assert table["attractors"].item() == 2
    assert sorted(table["low"].sel(state="x").values[0]) == pytest.approx([-1, 1], abs=1e-2)
    side = np.sign(table["low"].sel(state="x").values[0])[table["attractor"].values[0]]
    narrow = dynamics.basins(well, box=box, n=60, **LONG)
    own = np.sign(narrow["low"].sel(state="x").values[0])[narrow["attractor"].values[0]]
    np.testing.assert_array_equal(side, own)


def test_slice_of_the_normal_form_is_a_disc():
    ticks = np.linspace(-1, 1, 21)
    table = dynamics.basin_slice(
        known.subcritical_hopf(), {"mu": -0.1}, axes={"x": ticks, "y": ticks},
        duration="40 s", transient="200 s",
    )  # fmt: skip
    radius = np.hypot(ticks[:, None], ticks[None])
    resting = table["rest"].values[table["attractor"].values]
    np.testing.assert_array_equal(resting, radius < np.sqrt(0.5 - np.sqrt(0.15)))
    assert table["attractor"].dims == ("x", "y")


@pytest.mark.slow
def test_bistable_neuron():
    """About 2.5 % of this box rest at V_S = -36 (known: 7 to 8 of 300); none at -40 and -33."""
    table = dynamics.coexistence(
        "sherman-bistable", {"V_S": [-40.0, -36.0, -33.0]},
        box={"V": (-65, -20), "n": (0, 0.08), "S": (0.17, 0.19)}, n=150,
        duration="40 s", transient="60 s", dt="2 ms",
    )  # fmt: skip
    meanings = table["regime"].attrs["flag_meanings"].split()
    assert [meanings[c + 1] for c in table["regime"].values] == ["bursting", "bistable", "tonic"]
    rest = table["rest"].values[1]
    assert table["fraction_low"].values[1][rest].item() < 0.025
    assert table["fraction_high"].values[1][rest].item() > 0.025
    assert table["low"].sel(state="V").values[1][rest].item() == pytest.approx(-50.636, abs=0.01)


def test_exact_interval():
    """Clopper and Pearson: closed form at 0 and n, tabled value for 8 of 300."""
    low, high = exact_interval([0, 10], 10, 0.95)
    assert low.tolist() == [0, pytest.approx(0.025**0.1)]
    assert high.tolist() == [pytest.approx(1 - 0.025**0.1), 1]
    from scipy.stats import binomtest

    expected = binomtest(8, 300).proportion_ci(0.95, method="exact")
    assert exact_interval(8, 300, 0.95) == pytest.approx((expected.low, expected.high))
    with pytest.raises(ValueError, match="0 < c < 1"):
        exact_interval(3, 2, 0.95)


def test_identities_follow_the_nearest_of_their_kind():
    a, b = np.array([0.0, 0.1]), np.array([0.5, 0.9])
    known_ones: dict = {}
    assert follow(known_ones, np.array([a, b]), np.array([True, False]), 0.25) == [0, 1]
    assert follow(known_ones, np.array([b + 0.1, a + 0.1]), np.array([False, True]), 0.25) == [1, 0]
    assert follow(known_ones, np.array([b + 0.1]), np.array([True]), 0.25) == [2], "another kind"
    assert follow(known_ones, np.array([b + 0.5]), np.array([False]), 0.25) == [3], "too far"


def test_divergence_is_no_attractor():
    table = dynamics.basins(
        known.logistic(), {"r": [4.0, 5.0]}, n=20, duration="100 s", transient="100 s"
    )
    assert table["attractors"].values.tolist() == [1, 0]
    assert (table["attractor"].values[1] == -1).all()


@pytest.mark.parametrize(
    ("keywords", "match"),
    [
        ({"box": {"z": (0, 1)}}, "no state 'z'"),
        ({"box": {"x": (1, 0)}}, "expected low <= high"),
        ({"n": 0}, "at least one start"),
        ({"starts": {"x": [0.0]}}, "starts lack v"),
        ({"starts": {"x": [0.0], "v": [0.0]}, "box": {"x": (0, 1)}}, "not both"),
        ({"duration": 3}, "has no unit"),
        ({"n": 2.5}, "whole number"),
        ({"box": {"x": (-np.inf, 0)}}, "both finite"),
        ({"tolerance": np.nan}, "tolerance=nan"),
        ({"tolerance": 0.0}, "above zero"),
        ({"confidence": 1.0}, "0 < c < 1"),
    ],
)
def test_bad_input(keywords, match):
    with pytest.raises(ValueError, match=match):
        dynamics.basins(known.double_well(), **({"n": 2} | LONG | keywords))


def test_bad_slice():
    with pytest.raises(ValueError, match="expected two axes"):
        dynamics.basin_slice(known.double_well(), axes={"x": [0.0]}, at={"v": 0.0}, **LONG)
    with pytest.raises(ValueError, match="one parameter point"):
        dynamics.basin_slice(
            known.double_well(), {"damping": [0.1, 0.2]}, axes={"x": [0.0], "v": [0.0]}, **LONG
        )
