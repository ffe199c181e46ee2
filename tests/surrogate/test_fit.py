"""Training: learns what is known in closed form, repeats exactly, resumes exactly."""

import numpy as np
import pytest
import torch

import snnsurrogate as sns
from snnsurrogate import schema
from snnsurrogate.surrogate import _checkpoint, artefact

Adam, LM, RecurrentMap = sns.models.Adam, sns.models.LevenbergMarquardt, sns.models.RecurrentMap
SHORT = (Adam(steps=60, batch=64), LM(iterations=8, points=200))
SMALL = RecurrentMap(hidden=(6,))


def weights(surrogate):
    return {k: v.clone() for k, v in surrogate.module.state_dict().items()}


def same(a, b):
    return all(torch.equal(a[k], b[k]) for k in a)


def test_learns_the_decay_and_its_rates(decay):
    surrogate = sns.fit(
        RecurrentMap(hidden=(8,)), decay, schedule=(Adam(steps=300), LM(iterations=60, points=240))
    )
    out = surrogate.rollout({"x": 0.5, "y": 5e-5}, {"rate": [0.7, 1.3, 1.9]}, "2 s")
    rates = np.array([0.7, 1.3, 1.9])[:, None]
    np.testing.assert_allclose(out.x, 0.5 * np.exp(-rates * out.time.values), atol=5e-3)
    np.testing.assert_allclose(out.y, 5e-5 * np.exp(-2 * rates * out.time.values), atol=1e-6)
    assert surrogate.parameters == ("rate",)
    assert surrogate.card["fixed_parameters"] == {"unused": 3.0}


def test_multi_step_residuals_train_too(decay):
    surrogate = sns.fit(
        SMALL, decay, schedule=(Adam(steps=50), LM(iterations=15, points=150, horizon=5))
    )
    first, last = surrogate.history[0], surrogate.history[-1]
    assert last["loss"] < 0.05 * first["loss"]


def test_same_seed_same_weights_other_seed_other_weights(decay):
    a, b = (sns.fit(SMALL, decay, schedule=SHORT, seed=4) for _ in range(2))
    c = sns.fit(SMALL, decay, schedule=SHORT, seed=5)
    assert same(weights(a), weights(b))
    assert not same(weights(a), weights(c))


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.mark.parametrize("checkpoints_before_death", [1, 3, 6])
def test_killed_training_goes_on_and_ends_the_same(
    decay, tmp_path, monkeypatch, checkpoints_before_death
):
    whole = sns.fit(SMALL, decay, schedule=SHORT, seed=1)
    monkeypatch.setattr("snnsurrogate.surrogate._loop.CHECKPOINT_SECONDS", 0.0)
    written = 0
    real = _checkpoint.write

    def write_then_die(*args):
        nonlocal written
        real(*args)
        written += 1
        if written == checkpoints_before_death * 10:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(_checkpoint, "write", write_then_die)
        with pytest.raises(Killed):
            sns.fit(SMALL, decay, schedule=SHORT, seed=1, out=tmp_path / "s")
    assert not (tmp_path / "s" / artefact.CARD).exists()
    resumed = sns.fit(SMALL, decay, schedule=SHORT, seed=1, out=tmp_path / "s")
    assert same(weights(whole), weights(resumed))
    assert [h["step"] for h in resumed.history] == [h["step"] for h in whole.history]


def test_finished_training_is_loaded_not_repeated(decay, tmp_path, monkeypatch):
    first = sns.fit(SMALL, decay, schedule=SHORT, out=tmp_path)
    monkeypatch.setattr("snnsurrogate.surrogate._loop.adam", None)
    assert same(weights(first), weights(sns.fit(SMALL, decay, schedule=SHORT, out=tmp_path)))


def test_a_folder_with_another_surrogate_is_not_overwritten(decay, tmp_path):
    sns.fit(SMALL, decay, schedule=SHORT, out=tmp_path)
    before = (tmp_path / artefact.WEIGHTS).read_bytes()
    with pytest.raises(ValueError, match="holds another surrogate"):
        sns.fit(SMALL, decay, schedule=SHORT, seed=9, out=tmp_path)
    assert (tmp_path / artefact.WEIGHTS).read_bytes() == before


def test_budget_ends_training_and_a_larger_one_goes_on(decay, tmp_path):
    plan = (Adam(steps=200, batch=32), LM(iterations=5, points=100))
    short = sns.fit(SMALL, decay, schedule=plan, budget="1 ms", out=tmp_path)
    assert short.card["training"]["ended_by"] == "budget"
    assert short.card["training"]["steps"][0] < 200
    done = sns.fit(SMALL, decay, schedule=plan, out=tmp_path)
    assert done.card["training"]["ended_by"] == "schedule"
    assert same(weights(done), weights(sns.fit(SMALL, decay, schedule=plan)))
    with pytest.raises(ValueError, match="no unit"):
        sns.fit(SMALL, decay, schedule=plan, budget=60)


def test_non_finite_loss_stops_and_saves_nothing(decay, tmp_path):
    wild = (Adam(steps=50, learning_rate=(1e200, 1e200)),)
    with pytest.raises(FloatingPointError, match="loss is"):
        sns.fit(SMALL, decay, schedule=wild, out=tmp_path)
    assert not (tmp_path / artefact.CARD).exists()


def test_samples_that_are_not_ok_do_not_train(make_decay):
    ds = make_decay(np.linspace(0.5, 2.0, 6))
    ds["x"][2] = np.nan
    ds["status"][2] = schema.FLAGS["non_finite"]
    surrogate = sns.fit(SMALL, ds, schedule=SHORT)
    assert surrogate.card["training"]["data"]["samples"] == 5
    assert surrogate.card["training"]["data"]["samples_left_out"] == 1
    ds["status"][:] = schema.FLAGS["diverged"]
    with pytest.raises(ValueError, match="none of the 6 samples"):
        sns.fit(SMALL, ds, schedule=SHORT)


def test_one_parameter_value_trains_and_the_card_says_so(make_decay):
    surrogate = sns.fit(SMALL, make_decay(np.full(4, 1.0)), schedule=SHORT)
    assert surrogate.parameters == ()
    assert surrogate.card["training"]["data"]["parameter_points"] == 1
    out = surrogate.rollout({"x": 0.5, "y": 0.0}, {"rate": 1.0}, "1 s")
    assert out.sizes["sample"] == 1
    with pytest.raises(ValueError, match="throughout training"):
        surrogate.rollout({"x": 0.5, "y": 0.0}, {"rate": 1.5}, "1 s")


def test_several_datasets_and_their_mistakes(make_decay):
    a, b = make_decay(np.full(3, 1.0)), make_decay(np.full(3, 2.0), points=11)
    surrogate = sns.fit(SMALL, [a, b], schedule=SHORT)
    assert surrogate.box == {"rate": (1.0, 2.0)}
    assert surrogate.card["training"]["data"]["pairs"] == 3 * 20 + 3 * 10
    with pytest.raises(ValueError, match="recording step"):
        sns.fit(SMALL, [a, make_decay(np.full(3, 2.0), step=0.2)], schedule=SHORT)


def test_single_precision_is_for_adam_only(decay):
    model = RecurrentMap(hidden=(4,), dtype="float32")
    surrogate = sns.fit(model, decay, schedule=(Adam(steps=20, batch=16),))
    assert next(surrogate.module.parameters()).dtype == torch.float32
    with pytest.raises(ValueError, match="float64"):
        sns.fit(model, decay, schedule=(LM(iterations=1, points=10),))


def test_seeds_train_in_processes(decay, tmp_path):
    both = sns.fit_seeds(SMALL, decay, [4, 5], schedule=SHORT, out=tmp_path, processes=2)
    assert [s.card["training"]["seed"] for s in both] == [4, 5]
    alone = sns.fit(SMALL, decay, schedule=SHORT, seed=4)
    assert same(weights(alone), weights(both[0]))
