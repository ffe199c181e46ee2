"""A map on the state recovered from series whose state is known: cosines need two numbers."""

import json
import warnings

import numpy as np
import pytest
import torch

import snnsurrogate as sns
from snnsurrogate import schema
from snnsurrogate.surrogate import RejectedError, _series_choice, _series_fit, embedding
from snnsurrogate.surrogate.series_data import SeriesData
from tests.surrogate.conftest import decay_dataset

STEP = 0.05
MODEL = sns.models.DelayMap(latent=2, window=8, averages=(), hidden=(8,), encoder=(8,))
SCHEDULE = (
    sns.models.Embed(steps=300, batch=128, polish=60),
    sns.models.MultiStep(horizons=((1, 300, 30), (10, 60, 20)), starts=2, judge=10),
)


def cosines(frequencies, *, points=1600, noise=0.0):
    """x = cos(2 pi f t), one sample per frequency; y is not what is observed."""
    frequencies = np.asarray(frequencies, dtype=float)
    base = decay_dataset(frequencies, points=points, step=STEP)
    angle = 2 * np.pi * frequencies[:, None] * base.time.values + 0.3
    rng = np.random.default_rng(1)
    x = np.cos(angle) + noise * rng.normal(size=angle.shape)
    return schema.build(
        states={"x": x, "y": np.sin(angle)},
        time=base.time.values,
        parameters={"rate": frequencies, "unused": 3.0},
        initial={"x": x[:, 0], "y": np.sin(angle[:, 0])},
        seeds=0,
        units={"x": "mV", "y": "1", "rate": "1/s", "unused": "mV", "time": "s"},
        attrs={k: base.attrs[k] for k in schema.ATTRIBUTES if k in base.attrs}
        | {"parameters": json.loads(base.attrs["parameters"]), "versions": {}},
    )


def frequency(run):
    """Of free runs (sample, time): turns of the analytic signal per second."""
    from scipy.signal import hilbert

    turned = np.unwrap(np.angle(hilbert(run - run.mean(axis=1, keepdims=True), axis=1)), axis=1)
    edge = run.shape[1] // 8
    span = run.shape[1] - 2 * edge - 1
    return (turned[:, -edge - 1] - turned[:, edge]) / (2 * np.pi * span * STEP)


@pytest.fixture(scope="module")
def series():
    return cosines([0.517])


@pytest.fixture(scope="module")
def fitted(series):
    return sns.fit(MODEL, series, schedule=SCHEDULE, seed=1)


def test_a_free_run_keeps_frequency_and_amplitude(fitted):
    run = fitted.rollout(None, {"control": 1.0}, "60 s")
    assert schema.violations(run) == []
    assert frequency(run.x.values)[0] == pytest.approx(0.517, rel=2e-3)
    assert run.x.values.std() == pytest.approx(np.sqrt(0.5), rel=0.02)


def test_series_at_known_parameters_are_told_apart():
    model = sns.models.DelayMap(latent=2, window=8, averages=(), hidden=(10, 10), encoder=(8,))
    surrogate = sns.fit(model, cosines([0.4, 0.6]), schedule=SCHEDULE, seed=0)
    assert surrogate.parameters == ("rate",)
    run = surrogate.rollout(None, {"rate": [0.4, 0.6]}, "40 s", record=())
    np.testing.assert_allclose(frequency(run.x.values), [0.4, 0.6], rtol=0.01)
    assert "u_1" not in run


def test_the_card_says_what_was_accepted(fitted, series):
    card = fitted.card
    assert fitted.observed == ("x",)
    assert fitted.states == ("u_1", "u_2")
    assert card["acceptance"]["accepted"]
    assert card["acceptance"]["starts"] == 8
    assert card["embedding"]["newest_rms"] < 0.02
    assert card["choice"]["dimension"] == 2
    assert card["choice"]["warnings"] == []
    np.testing.assert_allclose(card["starts"][0]["states"][-1], fitted.encode(series)[0][-1])


def test_rollouts_from_latents_and_from_a_series(fitted, series):
    last = fitted.encode(series)[0][-1]
    runs = [
        fitted.rollout(start, {"control": 1.0}, "5 s").x.values
        for start in (None, series, {"u_1": last[0], "u_2": last[1]})
    ]
    np.testing.assert_array_equal(runs[0], runs[1])
    np.testing.assert_array_equal(runs[0], runs[2])
    assert runs[0][0, 0] == pytest.approx(float(series.x[0, -1]), abs=0.05)
    with pytest.raises(ValueError, match="sampled every 0.1 s"):
        fitted.encode(series.isel(time=slice(None, None, 2)))


def test_the_control_is_an_input_that_was_never_varied(fitted):
    assert fitted.box == {"control": (1.0, 1.0)}
    with pytest.warns(sns.surrogate.surrogate.ExtrapolationWarning, match="control"):
        other = fitted.rollout(None, {"control": 1.05}, "5 s")
    same = fitted.rollout(None, {"control": 1.0}, "5 s")
    assert np.abs(other.x - same.x).max() > 1e-6


def test_save_and_load(fitted, tmp_path):
    loaded = sns.load(fitted.save(tmp_path / "s"))
    runs = [s.rollout(None, {"control": 1.0}, "3 s").x for s in (fitted, loaded)]
    np.testing.assert_array_equal(*runs)


def test_the_compiled_map_agrees_with_torch_and_its_jacobian_with_differences(fitted):
    kernel, x, p = fitted.kernel(), np.array([0.3, -0.4]), np.array([1.1])
    with torch.no_grad():
        want = fitted.module.step(*(torch.as_tensor(a)[None] for a in (x, p))).numpy()[0]
    np.testing.assert_allclose(kernel(x, p), want, rtol=1e-13)
    slope = [(kernel(x + h, p) - kernel(x - h, p)) / 2e-6 for h in 1e-6 * np.eye(2)]
    np.testing.assert_allclose(kernel.jacobian(x, p), np.stack(slope, 1), atol=1e-8)


def test_an_interrupted_training_goes_on_to_the_same_weights(series, fitted, tmp_path, monkeypatch):
    seen = []

    def stop(steps, note=""):
        seen.append(note)
        if len(seen) == 345:  # in the last horizon
            raise KeyboardInterrupt

    monkeypatch.setattr("snnsurrogate.surrogate._series_loop.CHECKPOINT_SECONDS", 0.0)
    with pytest.raises(KeyboardInterrupt):
        sns.fit(MODEL, series, schedule=SCHEDULE, seed=1, out=tmp_path / "s", progress=stop)
    again = sns.fit(MODEL, series, schedule=SCHEDULE, seed=1, out=tmp_path / "s")
    state = fitted.module.state_dict()
    assert all(torch.equal(v, state[k]) for k, v in again.module.state_dict().items())
    assert not (tmp_path / "s" / "checkpoint.safetensors").exists()


def test_a_map_that_dies_is_rejected_and_not_saved(series, tmp_path):
    poor = (SCHEDULE[0], sns.models.MultiStep(horizons=((1, 50, 1),), starts=2))
    with pytest.raises(RejectedError, match="no map was accepted: 8 of 8 free runs") as caught:
        sns.fit(MODEL, series, schedule=poor, seed=0, out=tmp_path / "s")
    found = caught.value.surrogate.card["acceptance"]
    assert not found["accepted"]
    assert [t["start"] for t in found["tried"]] == [0, 1]
    assert not (tmp_path / "s" / "card.json").exists()


def test_a_latent_below_what_false_neighbours_ask_for_is_a_warning_in_the_card():
    angle = np.arange(4000) * 0.05
    torus = embedding.Series(pieces=(np.sin(angle) + np.sin(np.sqrt(2) * angle),), time_step=0.05)
    _, about = _series_choice._choose(
        sns.models.DelayMap(latent=1, window=20, averages=()), torus, 0
    )
    assert about["dimension"] >= 3
    assert "dimension 1, but false neighbours" in about["warnings"][0]


def test_averages_only_where_something_is_slow():
    time = np.arange(20_000)
    fast = embedding.Series(pieces=(np.sin(time / 10),))
    assert _series_choice.averages(fast, 32) == ()
    pulses = np.exp(-(((time % 1000) - 500) ** 2) / 50)
    short, long = _series_choice.averages(embedding.Series(pieces=(pulses,)), 10)
    assert long == pytest.approx(1000, rel=0.01)
    assert 5 < short < 15


def test_coordinates_are_uncorrelated_and_ordered_by_slowness():
    time = np.arange(4000) * 0.01
    pure = np.stack([np.sin(time), np.sin(17 * time), np.sin(5 * time)], 1)
    mean, axes = _series_fit.slow_to_fast([pure @ np.array([[1, 2, 0], [0, 1, 1], [1, 0, 1.0]])])
    turned = (pure @ np.array([[1, 2, 0], [0, 1, 1], [1, 0, 1.0]]) - mean) @ axes
    np.testing.assert_allclose(np.cov(turned.T), np.eye(3), atol=1e-9)
    like = np.abs(np.corrcoef(turned.T, pure.T)[:3, 3:])
    np.testing.assert_array_equal(like.argmax(axis=1), [0, 2, 1])


def test_series_that_do_not_belong_together_are_refused(series):
    other = decay_dataset(np.array([1.0]), points=400, step=0.1)
    with pytest.raises(ValueError, match="use one quantity and one sampling step"):
        SeriesData.of([series, other])
    with pytest.raises(ValueError, match="expected one, or a list of them"):
        SeriesData.of([])
    with pytest.raises(ValueError, match="no variable 'z'"):
        sns.fit(sns.models.DelayMap(latent=2, variable="z"), series)


def test_another_variable_can_be_the_series(series):
    data = SeriesData.of(series, variable="y")
    assert data.series.name == "y"
    assert data.names == ("control",)


@pytest.mark.parametrize("wrong", [{"latent": 0}, {"hidden": ()}, {"encoder": (0,)}])
def test_settings_that_make_no_model_are_refused(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} is"):
        sns.models.DelayMap(**wrong)


def test_an_open_choice_has_no_embedding_yet():
    with pytest.raises(ValueError, match="leaves a choice to the data"):
        _ = sns.models.DelayMap().embedding


def test_only_series_can_be_encoded():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = sns.load("bursting-map")
    with pytest.raises(ValueError, match="no embedding to encode with"):
        other.encode(np.zeros(100))
