"""Calibration on stationary statistics: statistics in closed form, a bias that is put right."""

import time

import numpy as np
import pytest
import torch

import snnsurrogate as sns
from snnsurrogate import schema
from snnsurrogate.surrogate import _calibration, _checkpoint, _loop, _stochastic_loop
from snnsurrogate.surrogate.conditioning import Modulation
from snnsurrogate.surrogate.scaling import Scaling
from snnsurrogate.surrogate.training_data import TrainingData

Likelihood, Calibrate = sns.models.Likelihood, sns.models.Calibrate
SMALL = sns.models.PopulationMap(hidden=8, conditioning=6)
LEARN = Likelihood(steps=300, records=12, pairs=96, learning_rate=(1e-2, 5e-4))
PUT_RIGHT = Calibrate(iterations=5, fresh=2, steps=4000, slope_steps=1000, outputs=("counts",),
                      prior=20.0)  # fmt: skip


@pytest.fixture(scope="module")
def learned(network):
    return sns.fit(SMALL, network, schedule=(LEARN,), seed=2)


def context(surrogate, data, *, deadline=np.inf, written=None):
    notes = []
    at = _loop.Context(
        _checkpoint.Run(), surrogate.module, data, surrogate.scaling, 1, deadline,
        lambda tensors: None if written is None else written.append(tensors),
        notes.append, lambda *a: None, {},
    )  # fmt: skip
    return at, notes


def test_statistics_of_poisson_counts():
    rng = np.random.default_rng(0)
    counts = rng.poisson([4.0, 1.5], size=(4000, 500, 2)).astype(np.float32)
    found = _calibration.statistics(_calibration.moments(counts).mean(0))
    log_rate, log_index = found[0], found[1]
    assert log_rate == pytest.approx(np.log(4.0), abs=2e-3)
    assert log_index == pytest.approx(np.log(5.0), abs=3e-3)  # E n^2 / E n = mean + 1
    assert found[3] == pytest.approx(np.log(1.5), abs=3e-3)
    assert found[2] < np.log(0.03)  # chi: no variance beyond that of Poisson counts
    edges = _calibration._BANDS
    share = [((f >= a) & (f < b)).sum() for f in [np.fft.rfftfreq(500)]
             for a, b in zip(edges[:-1], edges[1:], strict=True)]  # fmt: skip
    np.testing.assert_allclose(np.exp(found[6:]), share / np.sum(share), rtol=0.02)


def test_chi_of_a_known_modulation():
    """Rate 6 (1 + cos) over 50 steps: chi = 1 / sqrt 2 as seen in bins of 5."""
    rng = np.random.default_rng(1)
    phase = 2 * np.pi * (np.arange(500) + 0.5) / 50
    rate = 6 * (1 + np.cos(phase))
    counts = rng.poisson(rate[None, :, None], size=(3000, 500, 2)).astype(np.float32)
    found = _calibration.statistics(_calibration.moments(counts).mean(0))
    averaged = np.sin(np.pi * 5 / 50) / (5 * np.sin(np.pi / 50))
    assert np.exp(found[2]) == pytest.approx(averaged / np.sqrt(2), rel=5e-3)
    assert np.exp(found[5]) == pytest.approx(averaged / np.sqrt(2), rel=5e-3)
    assert np.exp(found[6:]).argmax() == np.searchsorted(_calibration._BANDS, 1 / 50) - 1


def test_a_bias_is_put_right(learned, network):
    """Rates that were moved by a wrong output come back to those of the records."""
    data = TrainingData.of(network, view="coarse")
    module = learned.module
    kept = {k: v.clone() for k, v in module.state_dict().items()}
    with torch.no_grad():
        begin, _ = module.modulation.places["counts"]
        module.modulation.last.bias[begin : begin + 2] -= 0.8

    def wrong():
        points = _calibration._Points(context(learned, data)[0], 8000)
        found, _ = points.run(module, 8000, 5)
        return np.abs(found - points.recorded)[:, [0, 3]].mean()

    try:
        before = wrong()
        at, notes = context(learned, data)
        assert _calibration.calibrate(PUT_RIGHT, at)
        after = wrong()
    finally:
        module.load_state_dict(kept)
    assert before > 0.1
    assert after < 0.65 * before
    assert len(notes) == 1


def test_it_is_a_stage_of_the_training_and_repeats(network, tmp_path):
    few = schema.select(network, np.arange(6))
    short = Calibrate(iterations=2, fresh=1, steps=1000, slope_steps=1000, outputs=("counts",))
    plan = (Likelihood(steps=100, records=6, pairs=64, learning_rate=(1e-2, 1e-3)), short)
    a, b = (sns.fit(SMALL, few, schedule=plan, seed=4, out=out) for out in (tmp_path / "a", None))
    assert [h["kind"] for h in a.history] == ["likelihood", "calibrate"]
    held = a.module.state_dict()
    assert all(torch.equal(held[k], v) for k, v in b.module.state_dict().items())
    assert torch.count_nonzero(held["modulation.quadratic"])
    again = sns.load(tmp_path / "a")
    assert torch.equal(again.module.modulation.quadratic, held["modulation.quadratic"])


def test_a_deadline_leaves_what_the_stage_began_with(learned, network):
    data = TrainingData.of(network, view="coarse")
    kept = {k: v.clone() for k, v in learned.module.state_dict().items()}
    written = []
    at, _ = context(learned, data, deadline=time.perf_counter(), written=written)
    assert not _calibration.calibrate(PUT_RIGHT, at)
    assert written == [{}]
    assert at.run.step == 0
    assert all(torch.equal(kept[k], v) for k, v in learned.module.state_dict().items())


def test_short_records_are_refused_before_the_stages_before(network):
    short = network.isel(time=slice(0, 600)).assign_attrs(duration="599 ms")
    with pytest.raises(ValueError, match="records of 1001 points or more; the shortest has 600"):
        sns.fit(SMALL, short, schedule=(Likelihood(steps=10**6), PUT_RIGHT))


def test_quadratic_part_of_the_conditioning():
    torch.manual_seed(0)
    made = Modulation(2, {"a": 3, "b": 1}, 4, quadratic=True)
    q = torch.tensor([[0.5, -2.0], [1.0, 3.0]])
    before = made(q)
    assert "quadratic" not in dict(made.named_parameters())
    with torch.no_grad():
        made.quadratic[3] = torch.tensor([1.0, 0.0, 0.0, 2.0, -1.0])  # q0 + 2 q0 q1 - q1^2
    change = (made(q) - before).detach().numpy()
    np.testing.assert_allclose(change[:, 3], [0.5 - 2.0 - 4.0, 1.0 + 6.0 - 9.0], rtol=1e-5)
    assert not change[:, :3].any()


def test_pairs_far_from_rest_are_drawn_more_often(network):
    data = TrainingData.of(network, view="coarse")
    scaling = data.scaling()
    module = torch.nn.Linear(1, 1)
    held = _stochastic_loop._Records(data, scaling, module)
    weights = held.weights(1.0)
    records = np.arange(len(data.length))
    rng = np.random.default_rng(0)

    def size(w):
        return float(held.pairs(records, 400, w, rng)[:, 0].square().mean(1).pow(2).mean())

    firsts = np.concatenate([scaling.states(data.x[b : b + n - 1])
                             for b, n in zip(data.begin, data.length, strict=True)])  # fmt: skip
    m = np.square(firsts).mean(1) ** 2
    weight = 1 + np.minimum(m, 50)
    assert isinstance(scaling, Scaling)
    assert size(None) == pytest.approx(m.mean(), rel=0.2)
    assert size(weights) == pytest.approx((weight * m).sum() / weight.sum(), rel=0.35)
    window = held.pairs(np.array([0]), 2000, weights, rng)
    at = held.x[: data.length[0]]
    assert torch.isin(window[:, 1, 2], at[1:, 2]).all()
