"""Training: learns what is known in closed form, repeats exactly, resumes exactly."""

import os
import subprocess
import sys
import time
from pathlib import Path

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


def test_a_budget_that_ends_at_the_last_step_keeps_the_loss(decay, tmp_path):
    plan = (Adam(steps=1, batch=8),)
    short = sns.fit(SMALL, decay, schedule=plan, budget="1 ns", out=tmp_path)
    assert short.card["training"]["ended_by"] == "budget"
    done = sns.fit(SMALL, decay, schedule=plan, out=tmp_path)
    assert done.card["training"]["ended_by"] == "schedule"
    assert done.card["training"]["loss"] == short.card["training"]["loss"]
    assert len(done.history) == 1


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
    requests = [s.card["training"]["request"] for s in (alone, both[0])]
    assert requests[0] == requests[1], "the data that reach the processes have the same hash"


def test_what_cannot_work_is_said_before_training(decay, make_decay, tmp_path, monkeypatch):
    monkeypatch.setattr("snnsurrogate.surrogate._loop.adam", None)  # no training is reached
    (tmp_path / "file").write_text("mine")
    with pytest.raises(FileExistsError, match="file is a file; a surrogate needs a folder"):
        sns.fit(SMALL, decay, schedule=SHORT, out=tmp_path / "file")
    for budget in ("0 s", "-5 s"):
        with pytest.raises(ValueError, match=f"budget is '{budget}'; expected a positive time"):
            sns.fit(SMALL, decay, schedule=SHORT, budget=budget)
    other = make_decay(np.full(3, 1.0))
    other.attrs["equations_hash"] = "1" * 64
    with pytest.raises(ValueError, match="training and validation data differ in system equations"):
        sns.fit(SMALL, decay, schedule=SHORT, validation=other)


@pytest.mark.parametrize("hidden", [64, "abc", [8.5], [True], [], [0]])
def test_layers_that_cannot_be_read_are_named(decay, hidden):
    model = sns.models.get("recurrent-map", hidden=hidden)
    with pytest.raises(ValueError, match="hidden is .*; expected the units of each layer"):
        sns.fit(model, decay, schedule=SHORT)


def test_mistyped_settings_are_answered_with_the_nearest(decay):
    with pytest.raises(ValueError, match="Did you mean 'hidden'"):
        sns.models.get("recurrent-map", hiden=[4])
    with pytest.raises(ValueError, match="has no setting \\['name'\\]"):
        sns.models.get("recurrent-map", name="x")
    with pytest.raises(ValueError, match="Did you mean 'tanh'"):
        sns.fit(RecurrentMap(activation="tanhh"), decay, schedule=SHORT)


ORPHAN = """
import sys
import numpy as np
import snnsurrogate as sns
from tests.surrogate.conftest import decay_dataset

if __name__ == "__main__":
    plan = (sns.models.Adam(steps=10**7, batch=8),)
    model = sns.models.RecurrentMap(hidden=(4,))
    sns.fit_seeds(model, decay_dataset(np.ones(4)), [0], schedule=plan, out=sys.argv[1])
"""


@pytest.mark.slow
def test_training_processes_end_with_their_parent(tmp_path):
    script = tmp_path / "run.py"
    script.write_text(ORPHAN)
    root = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path / "out")], env=os.environ | {"PYTHONPATH": root}
    )
    with process:
        deadline = time.monotonic() + 60
        while not (tmp_path / "out" / "seed-0").exists() and time.monotonic() < deadline:
            time.sleep(0.05)  # the folder is made when the worker begins
        workers = [p for p in _running() if p[1] == process.pid]
        process.kill()
    assert workers, "no worker began within a minute"
    deadline = time.monotonic() + 20
    while set(w[0] for w in workers) & {p[0] for p in _running()} and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not {w[0] for w in workers} & {p[0] for p in _running()}


def _running():
    """(process, parent) of all processes that are no zombies."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z":
            found.append((int(stat.parent.name), int(fields[1])))
    return found
