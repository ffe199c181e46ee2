"""Designs: known points, immutability, JSON, joining, splitting, resolving against a system."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snnsurrogate import systems
from snnsurrogate.simulate.designs import Design

DESIGNS = {
    "grid": Design.grid({"V_S": [-44, -40], "g_K2": [0, 0.1, 0.2]}, initial={"V": (-60, -30)}),
    "grid of states": Design.grid({"V_S": [-44.0]}, initial={"V": [-60, -50], "n": 0.02}),
    "sobol": Design.sobol({"V_S": (-44, -33)}, n=5, initial={"V": (-60, -30), "S": 0.18}),
    "repeated": Design.lhs({"V_S": (-44, -33)}, n=4, repeats=3, initial={"V": (-60, -30)}),
    "units": Design.sobol({"V_S": ("-44 mV", "-0.033 V"), "tau": ("10 ms", "30 ms")}, n=7, seed=3),
    "points": Design.points({"V_S": [-44, -40], "tau": 0.02}, initial={"V": ["-60 mV", "-50 mV"]}),
}
DESIGNS["join"] = DESIGNS["grid"] + DESIGNS["sobol"]
DESIGNS["part"] = DESIGNS["join"].split({"a": 0.7, "b": 0.3}, seed=1)["a"]


def test_grid_has_every_combination_last_fastest():
    design = DESIGNS["grid"]
    assert design.parameters["V_S"].tolist() == [-44] * 3 + [-40] * 3
    assert design.parameters["g_K2"].tolist() == [0, 0.1, 0.2] * 2
    assert len(design) == 6
    assert len(set(design.initial["V"])) == 6
    states = DESIGNS["grid of states"]
    assert states.initial["V"].tolist() == [-60, -50]
    assert states.initial["n"].tolist() == [0.02, 0.02]


@given(st.integers(1, 70), st.integers(0, 5))
def test_sobol_and_lhs_fill_the_box_evenly(n, seed):
    for make in (Design.sobol, Design.lhs):
        values = make({"V_S": (-44, -33)}, n=n, seed=seed).parameters["V_S"]
        assert values.size == n
        assert values.min() >= -44
        assert values.max() <= -33
    # A Latin hypercube has exactly one point in each of n equal strips.
    strips = np.floor((values + 44) / 11 * n).astype(int)
    assert sorted(strips) == list(range(n))


def test_sobol_balances_halves_and_depends_on_the_seed():
    one = Design.sobol({"a": (0, 1), "b": (0, 1)}, n=64, seed=0)
    assert (one.parameters["a"] < 0.5).sum() == 32
    assert (one.parameters["b"] < 0.25).sum() == 16
    assert one == Design.sobol({"a": (0, 1), "b": (0, 1)}, n=64, seed=0)
    assert one != Design.sobol({"a": (0, 1), "b": (0, 1)}, n=64, seed=1)


def test_a_box_of_states_is_drawn_jointly_with_the_parameters():
    design = Design.sobol({"V_S": (-44, -33)}, n=16, initial={"V": (-60, -30)})
    upper = design.parameters["V_S"] > -38.5
    high = design.initial["V"] > -45
    assert [(upper & high).sum(), (upper & ~high).sum(), (~upper & high).sum()] == [4, 4, 4]


def test_repeats_share_the_point_and_differ_in_state():
    design = DESIGNS["repeated"]
    assert len(design) == 12
    assert len(set(design.parameters["V_S"])) == 4
    assert len(set(design.initial["V"])) == 12
    listed = Design.points({"V_S": [-44, -40]}, repeats=2)
    assert listed.parameters["V_S"].tolist() == [-44, -44, -40, -40]


@pytest.mark.parametrize("name", DESIGNS)
def test_json_round_trip(name):
    design = DESIGNS[name]
    again = Design.from_json(design.to_json())
    assert again == design
    assert hash(again) == hash(design)
    assert again.to_json() == design.to_json()
    first = design.resolve(systems.get("sherman"))
    for mine, other in zip(first, again.resolve(systems.get("sherman")), strict=True):
        for key in mine:
            np.testing.assert_array_equal(mine[key], other[key])


def test_json_of_other_points_is_refused():
    text = DESIGNS["sobol"].to_json().replace('"seed": 0', '"seed": 1')
    with pytest.raises(ValueError, match="other points"):
        Design.from_json(text)
    with pytest.raises(ValueError, match="scheme is 'halton'"):
        Design.from_json('{"scheme": "halton"}')


def test_join_takes_defaults_for_what_one_side_lacks():
    sherman = systems.get("sherman")
    both = Design.points({"V_S": [-44]}) + Design.points({"g_K2": [0.1]}, initial={"V": -55})
    parameters, initial = both.resolve(sherman)
    assert parameters["V_S"].tolist() == [-44, -40]
    assert parameters["g_K2"].tolist() == [0, 0.1]
    assert initial["V"].tolist() == [sherman.initial["V"], -55]
    assert set(parameters) == set(sherman.parameter_names)
    assert set(initial) == set(sherman.state_names)
    with pytest.raises(ValueError, match="write both alike"):
        Design.points({"V_S": [-44]}) + Design.points({"V_S": ["-44 mV"]})


def test_split_keeps_points_together_and_loses_none():
    design = Design.sobol({"V_S": (-44, -33)}, n=50, repeats=3, initial={"V": (-60, -30)})
    parts = design.split({"train": 0.8, "test": 0.2}, seed=1)
    train, test = (set(parts[k].parameters["V_S"]) for k in ("train", "test"))
    assert not train & test
    assert (len(train), len(test)) == (40, 10)
    assert len(parts["train"]) == 120
    assert design.split({"train": 0.8, "test": 0.2}, seed=1)["test"] == parts["test"]
    assert design.split({"train": 0.8, "test": 0.2}, seed=2)["test"] != parts["test"]
    doubled = design + design  # the same points again, as other samples
    halves = doubled.split({"a": 0.5, "b": 0.5})
    assert not set(halves["a"].parameters["V_S"]) & set(halves["b"].parameters["V_S"])
    with pytest.raises(ValueError, match="sum to 1"):
        design.split({"train": 0.8, "test": 0.1})
    with pytest.raises(ValueError, match="leave 'b' without one"):
        Design.points({"V_S": [-44, -40]}).split({"a": 0.9, "b": 0.1})


def test_units_are_converted_to_those_of_the_system():
    parameters, initial = DESIGNS["units"].resolve(systems.get("sherman"))
    assert (parameters["V_S"].min() >= -44) & (parameters["V_S"].max() <= -33)
    assert (parameters["tau"].min() >= 0.01) & (parameters["tau"].max() <= 0.03)
    in_ms = Design.points({"tau": ["20 ms"]}).resolve(systems.get("sherman"))[0]["tau"]
    assert in_ms.tolist() == [0.02]
    assert DESIGNS["points"].resolve(systems.get("sherman"))[1]["V"].tolist() == [-60, -50]


def test_immutable():
    design = DESIGNS["sobol"]
    with pytest.raises(AttributeError, match="immutable"):
        design.parameters = {}
    with pytest.raises(TypeError):
        design.parameters["V_S"] = np.zeros(5)
    with pytest.raises(ValueError, match="read-only"):
        design.parameters["V_S"][0] = 0.0


def test_caller_keeps_its_array():
    mine = np.array([-44.0, -40.0])
    Design.points({"V_S": mine})
    mine[0] = 0.0


BAD = {
    "unknown parameter": (lambda: Design.points({"sigm": [1]}), "Did you mean 'sigma'"),
    "unknown state": (lambda: Design.points({"V_S": [-44]}, initial={"v": -60}), "no state"),
    "outside": (lambda: Design.grid({"V_S": [-44, 10]}), r"V_S reaches 10 mV.*\[-50, -25\] mV"),
    "dimension": (lambda: Design.points({"V_S": ["-44 ms"]}), "V_S"),
    "reversed": (lambda: Design.sobol({"V_S": (-33, -44)}, n=4), "low < high"),
    "no box": (lambda: Design.sobol({}, n=4), "no box"),
    "no axis": (lambda: Design.grid({}), "no axis"),
    "n": (lambda: Design.sobol({"V_S": (-44, -33)}, n=0), "n is 0"),
    "n float": (lambda: Design.lhs({"V_S": (-44, -33)}, n=2.5), "n is 2.5"),
    "repeats": (lambda: Design.points({"V_S": [-44]}, repeats=0), "repeats is 0"),
    "lengths": (lambda: Design.points({"V_S": [-44, -40], "tau": [0.02] * 3}), "lengths"),
    "states": (lambda: Design.sobol({"V_S": (-44, -33)}, n=3, initial={"V": [1, 2]}), "lists 2"),
    "nan": (lambda: Design.points({"V_S": [-44, np.nan]}), "not finite"),
    "text": (lambda: Design.points({"V_S": ["high"]}), "cannot be read"),
    "object": (lambda: Design.points({"V_S": [{}]}), "expected numbers"),
    "mixed": (lambda: Design.points({"V_S": [-44, "-40 mV"]}), "mixes"),
    "empty": (lambda: Design.points({"V_S": []}), "at least one"),
    "matrix": (lambda: Design.points({"V_S": np.zeros((2, 2))}), "shape"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named(case):
    make, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        make().resolve(systems.get("sherman"))
