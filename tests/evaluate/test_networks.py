"""Scores of networks: known answers, the floor, labels with an ambiguous band, bad input."""

import json

import numpy as np
import pytest
import xarray as xr

import snnsurrogate as sns
from snnsurrogate import features, schema
from snnsurrogate.evaluate import ComparisonError, _scores
from snnsurrogate.evaluate.metrics import METRICS, NETWORK_METRICS
from tests import network_runs as runs


def test_the_truth_against_itself_is_ideal():
    truth = runs.presets()
    scores = sns.evaluate(truth, truth.copy(), twin=False)
    flat = sns.to_json(scores)
    for metric in NETWORK_METRICS.values():
        mine = {k: v for k, v in flat.items() if k.startswith(metric.name)}
        assert mine
        assert all(entry["value"] == metric.ideal for entry in mine.values()), mine
    assert flat["agreement"]["value"] == flat["agreement_clear"]["value"] == 1.0
    assert all(entry["floor"] is None for entry in flat.values())
    assert scores.attrs["twin"] == "none: not asked for"


def test_a_second_seed_is_at_the_floor():
    flat = sns.to_json(runs.scores())
    for name in ("population_rate_error_E_median", "chi_error_median", "spectrum_distance_E_max"):
        assert flat[name]["value"] > 0
        assert 0.1 < flat[name]["value"] / flat[name]["floor"] < 10
    # Welch: K windows of 512 ms, half overlapping, are worth 0.95 of as many independent ones
    windows = 0.95 * (2 * 10_000 / 512 - 1)
    expected = 0.5 / np.sqrt(windows)
    assert flat["spectrum_distance_E_median"]["value"] == pytest.approx(expected, rel=0.25)
    assert runs.scores().attrs["prediction"] == "another seed"


def test_a_changed_network_is_found_out():
    """Rates moved by a known factor are off by it; all else by more than the floor."""
    truth, other = runs.presets(0), runs.presets(1)
    moved = other.copy(deep=True)
    for name, factor in (("rate_E", 1.1), ("rate_I", 0.7)):
        moved[name].values[:] = truth[name].values * np.float32(factor)
    scores = sns.evaluate(truth, moved, twin=False)
    rate_e = scores["sample_population_rate_error_E"].sel(source="surrogate").values
    rate_i = scores["sample_population_rate_error_I"].sel(source="surrogate").values
    np.testing.assert_allclose(rate_e, 10.0, rtol=1e-3)
    np.testing.assert_allclose(rate_i, 30.0, rtol=1e-3)
    # a scaled rate has the same normalised spectrum
    assert float(scores["spectrum_distance_E_max"]) < 1e-3


def test_shuffled_time_keeps_rates_and_loses_rhythm():
    truth = runs.presets(0)
    rng = np.random.default_rng(0)
    shuffled = truth.copy(deep=True)
    order = 1 + rng.permutation(truth.sizes["time"] - 1)
    for name in ("rate_E", "rate_I"):
        shuffled[name].values[:, 1:] = truth[name].values[:, order]
    flat = sns.to_json(sns.evaluate(truth, shuffled, twin=runs.presets(1)))
    assert flat["population_rate_error_E_max"]["value"] == pytest.approx(0.0, abs=1e-6)
    assert flat["ssi_error_max"]["value"] == pytest.approx(0.0, abs=1e-6)
    assert flat["chi_error_median"]["value"] > 5 * flat["chi_error_median"]["floor"]
    name = "spectrum_distance_E_median"
    assert flat[name]["value"] > 4 * flat[name]["floor"]
    assert flat["event_duration_distance"]["value"] > 3 * flat["event_duration_distance"]["floor"]


def test_a_failed_or_silent_prediction_gets_the_worst():
    truth = runs.presets(0)
    gone = runs.failed(runs.presets(1), 2)
    scores = sns.evaluate(truth, gone, twin=runs.presets(2)).sel(source="surrogate")
    for metric in NETWORK_METRICS.values():
        worst = 1.0 if metric.unit == "1" else 100.0
        for name in scores.data_vars:
            if str(name).startswith(f"sample_{metric.name}"):
                assert float(scores[name][2]) == worst, name
                assert float(scores[name][0]) < worst
    assert float(scores["diverged"]) == 1
    assert float(scores["agreement_clear"]) < 1
    assert scores["confusion"].sel(label_predicted="missing").sum() == 1

    quiet = sns.evaluate(truth, runs.silent(truth), twin=False)
    assert float(quiet["agreement"]) == 0
    assert float(quiet["population_rate_error_E_median"]) == 100
    assert float(quiet["spectrum_distance_E_median"]) == 1
    assert float(quiet["event_size_distance"]) == 100


def test_samples_whose_truth_failed_are_left_out():
    truth = runs.failed(runs.presets(0), 1)
    flat = sns.to_json(sns.evaluate(truth, runs.presets(1), twin=runs.presets(2)))
    assert flat["not_ok"]["value"] == 1
    assert flat["population_rate_error_E_max"]["value"] < 5


def test_labels_are_compared_outside_the_band():
    """Five samples by hand: codes 1 homogeneous, 2 regular, 3 synchronous, 4 ambiguous."""
    names = features.RULES["synchrony"].names
    codes = {
        "truth": np.array([1, 2, 4, 3, 4], np.int8),
        "surrogate": np.array([1, 4, 2, 2, -1], np.int8),
        "twin": np.array([1, 2, 2, 3, 4], np.int8),
    }
    sharp = {
        "truth": np.array([1, 2, 1, 3, 3], np.int8),
        "surrogate": np.array([1, 2, 2, 2, -1], np.int8),
        "twin": np.array([1, 2, 2, 3, 3], np.int8),
    }
    scores = xr.Dataset()
    _scores.add_network_coverage(scores, codes, sharp, names, np.ones(5, bool))
    assert int(scores["clear_samples"]) == 3
    # clear: 1 right, 2 on its side (in the band), 3 wrong
    assert float(scores["agreement_clear"]) == pytest.approx(2 / 3)
    assert float(scores["agreement_clear_floor"]) == 1
    assert float(scores["agreement"]) == pytest.approx(2 / 5)
    assert float(scores["agreement_floor"]) == pytest.approx(4 / 5)
    assert float(scores["agreement_with_ambiguous"]) == pytest.approx(1 / 5)
    assert float(scores["labels_differing"]) == 3
    assert float(scores["labels_differing_clear"]) == 1
    assert float(scores["labels_differing_floor"]) == 1
    assert float(scores["labels_differing_clear_floor"]) == 0
    at = {"label": "regular", "label_predicted": "ambiguous"}
    assert int(scores["confusion"].sel(at)) == 1
    assert float(scores["recall"].sel(label="synchronous")) == 0
    assert np.isnan(float(scores["recall"].sel(label="ambiguous")))
    assert float(scores["mean_recall"]) == pytest.approx(2 / 3)


def test_the_twin_is_made_with_another_seed():
    truth = runs.presets(0)
    scores = sns.evaluate(truth, runs.presets(1))
    assert "another seed" in scores.attrs["twin"]
    assert float(scores["population_rate_error_E_max_floor"]) > 0
    assert list(scores["source"].values) == ["truth", "surrogate", "twin"]
    third = runs.scores()
    assert not np.allclose(scores["rate_E"].sel(source="twin"), third["rate_E"].sel(source="twin"))


def test_a_truth_that_cannot_be_repeated_has_no_floor():
    changed = runs.presets(0).copy()
    changed.attrs = changed.attrs | {"equations_hash": "0" * 64}
    scores = sns.evaluate(changed, runs.presets(1))
    assert scores.attrs["twin"].startswith("none: the equations")
    assert "twin" not in scores["source"].values


class Recorded:
    """A surrogate that plays a record."""

    card = {"model": "recorded"}

    def rollout(self, initial, parameters, duration, *, protocol=None, seed=0):
        self.asked = (initial, set(parameters), duration)
        made = runs.presets(1).copy()
        made.attrs = made.attrs | {"kind": "rollout"}
        return made


def test_a_surrogate_starts_from_its_own_stationary_regime():
    surrogate = Recorded()
    scores = sns.evaluate(runs.presets(0), surrogate, twin=False)
    assert surrogate.asked[0] is None
    assert {"tau_EE", "S_EI", "N_E"} <= surrogate.asked[1]
    assert surrogate.asked[2] == "10000 ms"
    assert scores.attrs["prediction"] == "surrogate"
    assert json.loads(scores.attrs["card"]) == {"model": "recorded"}


def test_prediction_without_cells_is_scored_like_one_with():
    """A surrogate gives rates and no spikes."""
    bare = runs.presets(1).drop_dims("spike").drop_vars("spike_count", errors="ignore")
    with_cells = runs.scores()
    scores = sns.evaluate(runs.presets(0), bare, twin=runs.presets(2))
    for name in ("agreement", "chi_error_max", "spectrum_distance_I_max", "event_size_distance"):
        assert float(scores[name]) == pytest.approx(float(with_cells[name])), name
    assert "cause" in scores["each_event_detector"].attrs["detectors"]


def test_nothing_of_single_neurons_is_asked_of_a_network():
    scores = runs.scores()
    assert not {"boundary", "fp_state", "isi_value", "chaotic", "state"} & set(scores.variables)
    assert not set(METRICS) & set(scores.data_vars)


def test_a_network_that_names_no_rule_is_scored_without_labels(tmp_path):
    own = [runs.presets(seed).assign_attrs(regime_rule="") for seed in (0, 1, 2)]
    scores = sns.evaluate(own[0], own[1], twin=own[2])
    assert not {"agreement", "regime", "confusion"} & set(scores.variables)
    assert float(scores["chi_error_max"]) == float(runs.scores()["chi_error_max"])
    again = sns.open_scores(sns.save_scores(scores, tmp_path / "scores.nc"))
    assert sns.to_json(again)["chi_error_max"]["floor"] > 0
    assert "Rasters" in sns.report(again, tmp_path / "page.html").read_text()


def test_scores_survive_the_disk(tmp_path):
    path = sns.save_scores(runs.scores(), tmp_path / "scores.nc")
    again = sns.open_scores(path)
    assert json.dumps(sns.to_json(again)) == json.dumps(sns.to_json(runs.scores()))
    json.loads(json.dumps(sns.to_json(again), allow_nan=False))


def test_a_plane_is_scored(recwarn):
    scores = sns.evaluate(runs.plane(0), runs.plane(1), twin=runs.plane(2))
    assert json.loads(scores.attrs["swept"]) == ["S_EI", "tau_EE"]
    assert float(scores["agreement_clear"]) == 1
    # smaller tau_EE is more synchronous, whatever S_EI
    grid = scores["chi"].sel(source="truth").values.reshape(3, 2)
    assert (np.diff(grid, axis=0) < 0).all()


def test_a_short_record_gives_what_can_be_read():
    short = {"duration": "300 ms"}
    with pytest.warns(UserWarning, match="short for regimes"):
        scores = sns.evaluate(runs.presets(0, **short), runs.presets(1, **short), twin=False)
    assert np.isnan(float(scores["spectrum_distance_E_median"]))
    assert "spectrum_E" not in scores
    assert "coherence" not in scores
    assert float(scores["population_rate_error_E_median"]) > 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda ds: schema.select(ds, [0, 1]), "truth has 3 samples"),
        (lambda ds: ds.assign_attrs(populations='{"E": "N_E"}'), "has the populations"),
        (lambda ds: ds.drop_vars("rate_I"), "lacks the series rate_I"),
        (lambda ds: ds.assign_coords(S_EI=ds["S_EI"] + 1), "other values"),
    ],
)
def test_what_does_not_belong_together_is_refused(change, words):
    with pytest.raises(ComparisonError, match=words):
        sns.evaluate(runs.presets(0), change(runs.presets(1)), twin=False)


def test_a_truth_without_a_good_sample_is_refused():
    bad = runs.presets(0)
    for sample in range(3):
        bad = runs.failed(bad, sample)
    with pytest.raises(ValueError, match="none of the 3 samples"):
        sns.evaluate(bad, runs.presets(1), twin=False)
