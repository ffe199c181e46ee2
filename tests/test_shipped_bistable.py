"""The shipped map of the bistable neuron: it has the rest state that it was never shown."""

import json

import numpy as np
import pytest

import snnsurrogate as sns
from snnsurrogate import _shipped, _studies


def test_bistable_map_rests_beside_its_bursting():
    """It was trained on oscillations only; the equations rest for V_S in (-37.0528, -34.9757)."""
    surrogate = sns.load("bistable-map")
    v_s = np.array([-36.5, -36.0, -35.5])
    rest = sns.dynamics.fixed_points("sherman-bistable", {"V_S": v_s})
    own = sns.dynamics.fixed_points(surrogate, {"V_S": v_s})
    np.testing.assert_allclose(own.V.values[:, 0], rest.V.values[:, 0], atol=0.01)
    assert (own.unstable.values[:, 0] == 0).all()
    beside = {
        name: rest[name].values[:, 0] + (0.25 if name == "V" else 0) for name in ("V", "n", "S")
    }
    large = {"V": -30.0, "n": 0.0206, "S": 0.178}
    for start, regime in ((beside, 0), (large, 2)):
        run = surrogate.rollout(start, {"V_S": v_s}, "100 s")
        state = {name: run[name].values[:, -1] for name in large}
        after = surrogate.rollout(state, {"V_S": v_s}, "60 s")
        assert sns.regimes(after).values.tolist() == [regime] * 3
    crossings = sns.dynamics.hopf(surrogate, "V_S", -38.0, -34.0)["V_S"].values
    np.testing.assert_allclose(crossings, [-37.0528, -34.9757], atol=0.03)


def test_unseen_branch_scores_say_what_the_study_found():
    """Counts that would change if the shipped scores were of another run."""
    study = json.loads((_shipped.folder("data") / "bistable-map" / "study.json").read_text())
    assert study["transients.found"]["seeds"] >= 10
    assert study["transients.found"]["value"] >= 9
    assert study["control.false_discoveries"]["value"] == 0
    assert study["control.false_discoveries_extrapolated"]["value"] == 0
    assert study["transients.transients.dropped"]["value"] > 0
    assert study["transients.transients.leaks_found"]["value"] == 0
    assert study["transients.attractors.leaks_found"]["value"] == 0
    assert study["transients.rest_hits"]["value"] > study["transients.rest_missed"]["value"]
    truth = study["truth.basin_fraction_low"]["value"], study["truth.basin_fraction_high"]["value"]
    assert truth[0] < 0.025 < truth[1]


@pytest.mark.brian
def test_a_start_in_the_basin_of_rest_is_dropped_and_found_by_the_check(tmp_path):
    module = _studies._load(_studies.find("bistable-map"))
    starts = {s: [value, module.LARGE[s]] for s, value in module.beside_rest(-36.0).items()}
    design = sns.Design.points({"V_S": [-36.0, -36.0]}, initial=starts)
    at = tmp_path / "sherman-bistable"
    cuts, dropped = module.kept_cuts("sherman-bistable", design, "transients", "6 s", at)
    assert dropped == 1
    assert cuts.initial_V.values.tolist() == [module.LARGE["V"]]
    assert module.rest_later("sherman-bistable", cuts, tmp_path / "later.nc") == 0
    both = sns.simulate("sherman-bistable", design, duration="6 s", record_every="10 ms")
    assert module.rest_later("sherman-bistable", both, tmp_path / "both.nc") == 1
