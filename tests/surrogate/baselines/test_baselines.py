"""Every registered baseline: rollouts like those of a surrogate, repeatable, and bad input."""

import warnings

import numpy as np
import pytest

import snnsurrogate as sns
from snnsurrogate import schema
from snnsurrogate.features.field import synaptic_drive
from snnsurrogate.surrogate import ExtrapolationWarning
from snnsurrogate.surrogate.baselines._base import register

SMALL = {"count-gru": {"steps": 20, "hidden": 8, "batch": 8}}
COMPILES = {"coarse-step"}  # by Brian2: tested in test_coarse_step.py
FAST = [name for name in sns.baselines.names("network") if name not in COMPILES]
POINTS = {"tau_EE": [2.5, 1.8, 3.5], "lambda_E": [6.5, 7.0, 5.5], "lambda_I": [6.5, 7.0, 5.5]}


def test_the_registry_has_the_seven():
    assert sns.baselines.names("network") == [
        "analogues", "coarse-step", "count-gru", "event-resampling", "gate-chain",
        "linear-gaussian", "nearest-run",
    ]  # fmt: skip


@pytest.fixture(scope="module", params=FAST)
def fitted(request, network):
    return sns.baselines.get(request.param, **SMALL.get(request.param, {})).fit(network, seed=3)


@pytest.fixture(scope="module")
def run(fitted):
    return fitted.rollout(None, POINTS, "2 s", seed=7)


def test_rollouts_are_network_datasets(run):
    assert schema.violations(run) == []
    assert run.attrs["kind"] == "rollout"
    assert dict(run.sizes) == {"sample": 3, "time": 2001}
    assert schema.ok(run).all()
    np.testing.assert_array_equal(run["tau_EE"], POINTS["tau_EE"])
    assert (run["N_E"] == 75).all()  # did not vary
    for name in schema.series_of(run):
        if name != "lfp" and not name.startswith("V_"):
            assert (run[name] >= 0).all(), name
    per_rate = 75 * 1e-3
    counts = run["rate_E"].values.astype(float) * per_rate
    np.testing.assert_allclose(counts, np.rint(counts), atol=1e-4)


def test_features_and_regimes_read_them(run):
    table = sns.features.summary(run)
    assert np.isfinite(table["rate_E"]).all()
    with pytest.warns(UserWarning, match="short"):
        assert sns.regimes(run).sizes["sample"] == 3


def test_same_seed_same_run_alone_and_among_others(fitted, run):
    again = fitted.rollout(None, {k: v[:1] for k, v in POINTS.items()}, "2 s", seed=7)
    other = fitted.rollout(None, POINTS, "2 s", seed=8)
    np.testing.assert_array_equal(again["rate_E"][0], run["rate_E"][0])
    assert (other["rate_E"].values != run["rate_E"].values).any()


def test_rates_and_chosen_series_are_kept(fitted):
    run = fitted.rollout(None, {k: v[0] for k, v in POINTS.items()}, "0.1 s", record=["H_EE"])
    assert set(schema.series_of(run)) - {"H_EE"} == {"rate_E", "rate_I"}


def test_the_drive_is_that_of_the_series(network):
    run = sns.baselines.NearestRun().fit(network).rollout(None, POINTS, "0.2 s")
    np.testing.assert_allclose(run["lfp"], synaptic_drive(run), rtol=1e-4, atol=1e-4)


def test_they_are_scored_like_a_surrogate(network):
    fitted = sns.baselines.NearestRun().fit(network)
    truth = schema.select(network, [0, 1, 2])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="the record of .* is short")
        scores = sns.evaluate(truth, fitted, twin=False)
    # the record is played again: means are those of the truth but for its first record
    rates = scores["rate_E"].values
    np.testing.assert_allclose(rates[0], rates[1], rtol=0.02)


# --- bad input ---


@pytest.fixture(scope="module")
def lookup(network):
    return sns.baselines.NearestRun().fit(network)


def test_unknown_names_and_settings():
    with pytest.raises(ValueError, match="unknown baseline 'analogs'.*analogues"):
        sns.baselines.get("analogs")
    with pytest.raises(TypeError, match="colour"):
        sns.baselines.get("analogues", colour=1)
    for name, setting in (("analogues", "runs"), ("event-resampling", "neighbours")):
        for value in (0, 1.5, True):
            with pytest.raises(ValueError, match=f"{setting} of {name}"):
                sns.baselines.get(name, **{setting: value})


def test_a_taken_or_missing_name_is_refused():
    with pytest.raises(ValueError, match="nearest-run"):
        register(type("Other", (sns.baselines.Baseline,), {"name": "nearest-run"}))
    with pytest.raises(ValueError, match="has the name ''"):
        register(type("Nameless", (sns.baselines.Baseline,), {}))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"initial": {"H_EE": 1.0}}, "starts from its own regime"),
        ({"parameters": {"tau_EE": 2.0}}, "missing.*lambda_E"),
        ({"parameters": {"tau_ee": 2.0}}, "no parameter 'tau_ee'.*tau_EE"),
        ({"parameters": {**POINTS, "tau_EE": [1.0, 2.0]}}, "lengths over sample differ"),
        ({"parameters": {**POINTS, "S_EE": 3.0}}, "S_EE was 20 throughout training"),
        ({"duration": "1.5 us"}, "whole number of steps"),
        ({"record": ["H_E"]}, "record names 'H_E'"),
    ],
)
def test_bad_rollouts(lookup, change, match):
    asked = {"initial": None, "parameters": POINTS, "duration": "0.1 s", **change}
    initial, parameters, duration = (asked.pop(k) for k in ("initial", "parameters", "duration"))
    with pytest.raises(ValueError, match=match):
        lookup.rollout(initial, parameters, duration, **asked)


def test_outside_the_training_runs_is_said(lookup):
    far = {"tau_EE": 9.0, "lambda_E": 6.5, "lambda_I": 6.5}
    with pytest.warns(ExtrapolationWarning, match="tau_EE leaves the trained range"):
        lookup.rollout(None, far, "0.1 s")
    with pytest.raises(ValueError, match="strict"):
        lookup.rollout(None, far, "0.1 s", strict=True)
    with pytest.warns(ExtrapolationWarning, match="lambda_E and lambda_I were equal"):
        lookup.rollout(None, {"tau_EE": 2.0, "lambda_E": 6.5, "lambda_I": 6.0}, "0.1 s")


def test_bad_training_data(network, decay):
    with pytest.raises(ValueError, match="single cells"):
        sns.baselines.NearestRun().fit(decay)
    failed = network.copy(deep=True)
    failed["status"].values[:] = schema.FLAGS["runaway"]
    with pytest.raises(ValueError, match="none of the 12 samples has status ok"):
        sns.baselines.NearestRun().fit(failed)
    holed = network.copy(deep=True)
    holed["H_EE"].values[4, 10] = np.nan
    with pytest.raises(ValueError, match="'H_EE' is not finite in sample 4"):
        sns.baselines.NearestRun().fit(holed)
    bare = network.drop_dims("voltage")
    with pytest.raises(ValueError, match="record=\\['histograms'\\]"):
        sns.baselines.Analogues().fit(bare)
    sns.baselines.NearestRun().fit(bare)  # needs none


def test_failed_samples_are_left_out_and_datasets_joined(network):
    failed = network.copy(deep=True)
    failed["status"].values[0] = schema.FLAGS["runaway"]
    failed["rate_E"].values[0, 5:] = np.nan
    fitted = sns.baselines.NearestRun().fit([failed, network])
    assert fitted.card["training"]["samples"] == 23
    assert "23 training runs" in repr(fitted)
    assert set(fitted.box) == {"tau_EE", "lambda_E", "lambda_I"}
