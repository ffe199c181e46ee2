import json

import numpy as np
import pytest
import xarray as xr

from snnsurrogate import dynamics, schema
from snnsurrogate.evaluate import ComparisonError, evaluate, to_json
from snnsurrogate.evaluate._material import choose_examples
from snnsurrogate.evaluate.metrics import METRICS
from snnsurrogate.features import regimes

QUICK = {"boundaries": False, "fixed_points": False}
N_QUIESCENT, N_BURSTING, N_TONIC = 5, 22, 6  # of the grid of `coarse`
ON_ATTRACTOR = {"V": -40.0, "n": 0.02, "S": 0.175}


def value(scores, name):
    return float(scores[name])


@pytest.fixture(scope="module")
def truth(coarse):
    assert np.bincount(_regime(coarse), minlength=3).tolist() == [N_QUIESCENT, N_TONIC, N_BURSTING]
    return coarse


def _regime(ds):
    return regimes(ds).values


@pytest.fixture
def copy(fakes):
    return fakes["shifted"]()


def test_the_truth_itself_scores_ideal_everywhere(truth, copy):
    scores = evaluate(truth, copy, boundary_tolerance=0.5)
    for name, variable in scores.data_vars.items():
        if variable.attrs.get("role") == "score":
            assert float(variable) == pytest.approx(variable.attrs["ideal"], abs=1e-9), name
    for name in METRICS:  # the floor of half a step: small, and not exactly nothing
        assert np.isfinite(value(scores, f"{name}_floor"))
    assert 0 < value(scores, "short_horizon_error_floor") < 1e-3
    assert value(scores, "samples") == 33
    assert "half the step" in scores.attrs["twin"]


@pytest.mark.parametrize(
    ("v_s", "start", "row", "hits"),
    [
        (-40.0, ON_ATTRACTOR, 2, N_BURSTING),
        (-47.0, {"V": -62.4, "n": 2.5e-4, "S": 0.1755}, 0, N_QUIESCENT),
        (-31.0, ON_ATTRACTOR, 1, N_TONIC),
    ],
)
def test_a_surrogate_of_one_regime_scores_badly(truth, fakes, v_s, start, row, hits):
    scores = evaluate(truth, fakes["constant"](v_s, start), twin=False, **QUICK)
    assert value(scores, "agreement") == pytest.approx(hits / 33)
    assert value(scores, "mean_recall") == pytest.approx(1 / 3)
    expected = np.zeros((3, 4))
    expected[:, row] = [N_QUIESCENT, N_TONIC, N_BURSTING]
    np.testing.assert_array_equal(scores["confusion"], expected)
    recall = np.zeros(3)
    recall[row] = 1
    np.testing.assert_array_equal(scores["recall"], recall)


def test_every_metric_punishes_a_resting_surrogate(truth, fakes):
    resting = fakes["constant"](-47.0, {"V": -62.4, "n": 2.5e-4, "S": 0.1755})
    rests = evaluate(truth, resting, twin=False, **QUICK)
    fair = evaluate(truth, fakes["shifted"](0.1), twin=False, **QUICK)
    for name, metric in METRICS.items():
        sign = 1 if metric.better == "lower" else -1
        assert sign * value(rests, name) > sign * value(fair, name), name
    assert value(rests, "burst_period_error") == pytest.approx(100)
    # no burst at all: off by the whole count
    mean = float(np.nanmean(rests["spikes_per_burst"].sel(source="truth")))
    assert value(rests, "spikes_per_burst_error") == pytest.approx(mean)


def test_divergence_is_a_disagreement_and_is_counted(truth, fakes):
    scores = evaluate(truth, fakes["diverging"](-38.0), twin=False, **QUICK)
    gone = int((truth["V_S"] > -38.0).sum())
    assert value(scores, "diverged") == gone == 14
    assert scores["confusion"].sel(label_predicted="missing").sum() == gone
    assert value(scores, "agreement") == pytest.approx((33 - gone) / 33)
    assert value(scores, "samples") == 33
    assert value(scores, "isi_mean_error") == pytest.approx(100 * 14 / 28)  # 28 samples spike
    for name in METRICS:
        assert np.isfinite(value(scores, name)), name


def test_failed_samples_of_the_truth_are_left_out_and_counted(truth, copy):
    broken = truth.copy(deep=True)
    broken["status"].values[[0, 20]] = schema.FLAGS["diverged"]
    broken["V"].values[20] = np.nan
    scores = evaluate(broken, copy, twin=False, **QUICK)
    assert value(scores, "not_ok") == 2
    assert value(scores, "samples") == 31
    assert value(scores, "agreement") == 1.0
    assert scores["confusion"].sum() == 31


def test_samples_that_flip_under_the_twin_are_counted_apart(truth, copy, fakes):
    x = _states(truth).copy()
    x[10:14] = x[0]  # four bursting samples rest in the twin
    twin = fakes["relabel"](truth, x, kind="simulation")
    wrong = x.copy()
    wrong[13:15] = x[0]  # the prediction rests in five: four of the flips and one more
    prediction = fakes["relabel"](truth, wrong)
    with pytest.warns(UserWarning, match="standard deviations apart"):
        scores = evaluate(truth, prediction, twin=twin, **QUICK)
    assert value(scores, "truth_label_flips") == 4
    assert value(scores, "samples") == 29
    assert value(scores, "agreement") == pytest.approx(28 / 29)
    assert value(scores, "agreement_with_flips") == pytest.approx(28 / 33)
    assert value(scores, "agreement_floor") == pytest.approx(29 / 33)
    assert scores.attrs["twin"] == "given by the caller"


def _states(ds):
    return np.stack([ds[name].values for name in schema.states_of(ds)], axis=-1)


def test_a_prediction_is_scored_like_the_surrogate_that_made_it(truth, fakes):
    surrogate = fakes["shifted"](0.1)
    start = {name: truth[name].values[:, 0] for name in schema.states_of(truth)}
    prediction = surrogate.rollout(start, {"V_S": truth["V_S"].values}, "60 s")
    a = evaluate(truth, surrogate, twin=False, **QUICK)
    b = evaluate(truth, prediction, twin=False, **QUICK)
    for name in [*METRICS, "agreement", "mean_recall"]:
        assert value(a, name) == value(b, name)
    grid = evaluate(truth, prediction, twin=False, fixed_points=True, boundaries=True)
    assert "fp_state" not in grid
    assert value(grid, "boundary_tolerance") == pytest.approx(0.25)  # half the grid spacing


def test_boundaries_are_located_and_their_shift_is_found(truth, fakes):
    scores = evaluate(truth, fakes["shifted"](0.2), fixed_points=False, boundary_tolerance=0.01)
    found = scores["boundary"].sel(transition="bursting -> tonic")
    assert found.sel(source="truth") == pytest.approx(-33.775, abs=0.005)
    assert found.sel(source="surrogate") == pytest.approx(-33.975, abs=0.005)
    assert value(scores, "boundary_error[bursting -> tonic]") == pytest.approx(0.2, abs=0.005)
    rest = scores["boundary"].sel(transition="quiescent -> bursting", source="truth")
    assert rest == pytest.approx(-44.7216, abs=0.02)
    assert value(scores, "boundary_tolerance") == pytest.approx(0.001)
    assert value(scores, "boundary_error_floor") >= 0.001


def test_a_boundary_that_is_not_there_counts_the_whole_range(truth, fakes):
    bursting = fakes["constant"](-40.0, ON_ATTRACTOR)
    scores = evaluate(truth, bursting, twin=False, fixed_points=False, boundary_tolerance=2.0)
    assert np.isnan(scores["boundary"].sel(source="surrogate")).all()
    assert value(scores, "boundary_error") == pytest.approx(16.0)


def test_fixed_points_of_a_shifted_system(truth, fakes):
    scores = evaluate(truth, fakes["shifted"](0.1), twin=False, boundaries=False)
    shifted = dynamics.fixed_points("sherman", {"V_S": truth["V_S"].values + 0.1})
    np.testing.assert_allclose(
        scores["fp_state"].sel(source="surrogate", state="V"), shifted["V"].values[:, 0], atol=1e-7
    )
    error = np.abs(scores["fp_state"].diff("source")).sel(state="V")
    assert value(scores, "fixed_point_error_median") == pytest.approx(float(error.median()))
    assert value(scores, "fixed_point_found") == 1.0
    assert scores["fixed_point_error_max"].attrs["units"] == "mV"
    assert value(scores, "fixed_points_invented") == 0


def test_eigenvalues_of_a_slower_gate(truth, fakes):
    """sigma moves no fixed point, and the slow branch hardly: only the fast modes change."""
    scores = evaluate(truth, fakes["shifted"](sigma=0.95), twin=False, boundaries=False)
    assert value(scores, "fixed_point_error_max") < 1e-8
    assert 1 < value(scores, "eigenvalue_error_stable_median") < 4  # sigma itself changed by 2.2 %
    assert 0 < value(scores, "eigenvalue_error_unstable_median") < 5


def test_a_surrogate_without_the_fixed_point_loses_it_in_full(truth, fakes):
    far = fakes["shifted"](12.0)  # its points lie up to 15 mV away
    scores = evaluate(truth, far, twin=False, boundaries=False)
    assert value(scores, "fixed_point_found") < 0.2
    assert value(scores, "fixed_point_error_max") == pytest.approx(65.0)  # the searched width
    assert value(scores, "eigenvalue_error_unstable_median") == pytest.approx(100.0)
    assert value(scores, "stability_agreement") < 0.2


def test_the_flat_map_is_strict_json(truth, copy):
    scores = evaluate(truth, copy, twin=False, **QUICK)
    flat = json.loads(json.dumps(to_json(scores), allow_nan=False))
    assert flat["agreement"] == {"value": 1.0, "unit": "1", "floor": None}
    assert flat["burst_period_error"]["unit"] == "%"
    assert flat["rate_error"]["unit"] == "1/s"
    assert {"recall_quiescent", "recall_tonic", "recall_bursting"} <= set(flat)


def test_scores_survive_a_file(truth, copy, tmp_path):
    scores = evaluate(truth, copy, boundaries=False)
    scores.to_netcdf(tmp_path / "scores.nc")
    with xr.open_dataset(tmp_path / "scores.nc") as back:
        assert to_json(back.load()) == to_json(scores)


def test_scores_hold_the_material_of_the_report(truth, fakes):
    scores = evaluate(truth, fakes["shifted"](0.1), boundaries=False)
    assert scores["source"].values.tolist() == ["truth", "surrogate", "twin"]
    assert scores["trace_V"].dims == ("source", "example", "time")
    example = int(scores["example"][0])
    np.testing.assert_array_equal(scores["trace_V"][0, 0], truth["V"][example])
    trains = schema.unpack_spikes(truth)
    assert int((scores["isi_source"] == 0).sum()) == sum(max(t.size - 1, 0) for t in trains)
    regimes_shown = scores["regime"].sel(source="truth").values[scores["example"].values]
    assert set(regimes_shown) == {0, 1, 2}
    assert json.loads(scores.attrs["swept"]) == ["V_S"]
    assert json.loads(scores.attrs["card"])["model"] == "fake"


def test_a_system_that_is_not_registered_has_no_twin_and_still_scores(truth, fakes):
    foreign = truth.copy()
    foreign.attrs["system"] = "somebody's own"
    prediction = fakes["relabel"](truth, _states(truth))
    with pytest.warns(UserWarning, match="boundaries are read off the grid: the system"):
        scores = evaluate(foreign, prediction)
    assert scores.attrs["twin"].startswith('none: the system "somebody\'s own"')
    assert value(scores, "agreement") == 1.0
    assert np.isnan(value(scores, "agreement_floor"))
    assert "recall_twin" not in scores


def test_changed_equations_are_noticed(truth, copy):
    old = truth.copy()
    old.attrs["equations_hash"] = "0" * 64
    scores = evaluate(old, copy, **QUICK)
    assert "equations of 'sherman' have changed" in scores.attrs["twin"]


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda ds: schema.select(ds, np.arange(5)), "truth has 33 samples, the prediction 5"),
        (lambda ds: ds.assign_coords(V_S=ds["V_S"] + 1.0), "'V_S' has other values"),
        (lambda ds: ds.isel(time=slice(0, 100)), "time grids differ: truth 0 to 60 s"),
        (lambda ds: ds.drop_vars("V_S"), "lacks the swept parameter 'V_S'"),
        (lambda ds: ds["V"], "the prediction is a DataArray"),
    ],
)
def test_what_cannot_be_compared_is_named(truth, spoil, says):
    with pytest.raises(ComparisonError, match=says):
        evaluate(truth, spoil(truth), twin=False, **QUICK)


@pytest.mark.parametrize("what", ["prediction", "twin"])
def test_non_finite_samples_that_claim_to_be_ok_are_refused(truth, copy, what):
    bad = truth.copy(deep=True)
    bad["V"].values[3, 100:] = np.nan
    given = (bad, False) if what == "prediction" else (copy, bad)
    with pytest.raises(schema.SchemaError, match=f"(?s)the {what}: .*'V' is not finite in sample"):
        evaluate(truth, given[0], twin=given[1], **QUICK)


def test_a_truth_without_a_sound_sample_is_named(truth, copy):
    broken = truth.copy(deep=True)
    broken["status"].values[:] = schema.FLAGS["diverged"]
    with pytest.raises(ValueError, match="none of the 33 samples"):
        evaluate(broken, copy)


def test_a_foreign_dataset_is_named(copy):
    with pytest.raises(schema.SchemaError):
        evaluate(xr.Dataset({"x": ("sample", [1.0])}), copy)


def test_examples_show_every_regime_the_edge_the_errors_and_the_rest():
    values = np.linspace(-44, -33, 111)[::-1]  # any order
    truth = np.where(values < -33.75, 2, 1)
    prediction = truth.copy()
    wrong = int(np.argmin(np.abs(values + 38)))
    prediction[wrong] = 1
    chosen = choose_examples(values, truth, prediction)
    assert chosen.size == 6
    assert (np.diff(values[chosen]) > 0).all()
    assert wrong in chosen
    edge = values[chosen][np.flatnonzero(np.diff(truth[chosen]))[0] :][:2]
    np.testing.assert_allclose(edge, [-33.8, -33.7])
    assert values[chosen].min() < -43  # the far end is not forgotten
    assert choose_examples(values[:2], truth[:2], truth[:2]).size == 2
    assert choose_examples(values, np.full(111, -1), truth).size == 0
