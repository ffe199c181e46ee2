"""Every registered stochastic model of networks: its runs repeat, are independent and keep to form.

Models whose step is compiled are compared with their torch module in distribution.
"""

import numpy as np
import pytest
import torch
from scipy import stats

import snnsurrogate as sns
from snnsurrogate import schema
from snnsurrogate.surrogate import _random, models
from tests.surrogate.conftest import network_dataset

LIKELIHOOD = models.Likelihood(steps=60, records=12, pairs=64, learning_rate=(1e-2, 5e-4))
STOCHASTIC = [
    name
    for name in models.names()
    if any(isinstance(stage, models.Likelihood) for stage in models.get(name).stages())
]
POINTS = {
    name: np.array(values)
    for name, values in {
        "tau_EE": [2.5, 1.8, 3.5, 2.0, 2.2, 2.8, 3.0, 2.4, 1.9, 2.1],
        "lambda_E": [6.5, 7.0, 5.5, 6.0, 6.2, 7.5, 6.8, 5.8, 6.4, 7.2],
    }.items()
}
POINTS["lambda_I"] = POINTS["lambda_E"]
pytestmark = pytest.mark.filterwarnings("ignore:.*left the region seen in training")


@pytest.fixture(scope="module")
def data():
    return network_dataset(duration="2 s")


@pytest.fixture(scope="module", params=STOCHASTIC)
def fitted(request, data):
    return sns.fit(models.get(request.param), data, schedule=(LIKELIHOOD,), seed=2)


@pytest.fixture(scope="module")
def run(fitted):
    return fitted.rollout(None, POINTS, "2 s", seed=5)


def test_models_are_found():
    assert "population-map" in STOCHASTIC


def test_a_run_is_a_network_dataset(run):
    assert schema.violations(run) == []
    assert run.attrs["kind"] == "rollout"
    assert run.sizes["sample"] == 10
    assert schema.series_of(run)[:2] == ["rate_E", "rate_I"]


def test_the_same_seed_is_the_same_run_and_another_seed_another(fitted, run):
    again = fitted.rollout(None, POINTS, "2 s", seed=5)
    other = fitted.rollout(None, POINTS, "2 s", seed=6)
    for name in schema.series_of(run):
        np.testing.assert_array_equal(again[name], run[name])
    assert not np.array_equal(other["rate_E"], run["rate_E"])


def test_samples_have_random_numbers_of_their_own(fitted):
    same = {name: np.repeat(values[:1], 9) for name, values in POINTS.items()}
    out = fitted.rollout(None, same, "1 s", seed=5)
    assert len({rate.tobytes() for rate in out["rate_E"].values}) == 9


def test_a_sample_is_the_same_alone_and_among_others(fitted, run):
    """Alone it is computed by other code than among ten; the bits are the same."""
    alone = fitted.rollout(None, {n: v[:1] for n, v in POINTS.items()}, "2 s", seed=5)
    some = fitted.rollout(None, {n: v[:3] for n, v in POINTS.items()}, "2 s", seed=5)
    for name in schema.series_of(run):
        np.testing.assert_array_equal(alone[name][0], run[name][0], err_msg=name)
        np.testing.assert_array_equal(some[name], run[name][:3], err_msg=name)


def test_a_short_run_begins_a_long_one(fitted, run):
    short = fitted.rollout(None, POINTS, "0.7 s", seed=5)
    for name in schema.series_of(run):
        np.testing.assert_array_equal(short[name], run[name][:, :701], err_msg=name)


def test_saved_and_loaded_it_runs_the_same(fitted, run, tmp_path):
    loaded = sns.load(fitted.save(tmp_path / "s"))
    again = loaded.rollout(None, POINTS, "2 s", seed=5)
    np.testing.assert_array_equal(again["rate_E"], run["rate_E"])


def test_compiled_steps_have_the_distribution_of_the_torch_module(fitted):
    """Kolmogorov-Smirnov of every state over 1024 runs of 40 steps, and their means.

    False alarms of correct code: below one in a thousand, all states together.
    """
    if models.get(fitted.model.name).view != "coarse":
        pytest.skip("has no compiled step")
    n, steps, d = 1024, 40, len(fitted.states)
    module, scaling = fitted.module, fitted.scaling
    low, high = (
        torch.as_tensor(scaling.states(np.asarray(fitted.card["visited"][k])), dtype=torch.float32)
        for k in ("low", "high")
    )
    margin = 0.25 * (high - low)
    p = np.array([POINTS[name][0] for name in fitted.parameters])
    q = torch.as_tensor(scaling.parameters(p), dtype=torch.float32)[None]
    x = torch.zeros(n, d)
    numbers = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for _ in range(steps):
            z = torch.randn(n, module.noise, generator=numbers)
            x = module.step(x, q.expand(n, -1), z).clamp(low - margin, high + margin)
    want = scaling.mean + scaling.sd * x.double().numpy()
    rollout = fitted.compiled_rollout
    form = np.stack([np.ones(d), np.full(d, -np.inf), np.zeros(d)]).astype(np.float32)
    got = np.empty((n, d, 1), np.float32)
    for i in range(0, n, 16):
        at = range(i, i + 16)
        rollout.several(
            np.tile(scaling.mean.astype(np.float32), (16, 1)), np.tile(p, (16, 1)),
            np.stack([_random.key(9, j) for j in at]), 0, steps - 1, np.arange(d),
            np.tile(form, (16, 1, 1)), got[i : i + 16], np.zeros((16, d), np.int64),
        )  # fmt: skip
    for i, name in enumerate(fitted.states):
        a, b = (np.round(x / scaling.sd[i], 4) for x in (got[:, i, 0].astype(float), want[:, i]))
        assert stats.ks_2samp(a, b).pvalue > 1e-3 / (2 * d), name
        error = np.sqrt((a.var() + b.var()) / n)
        bound = stats.norm.isf(1e-3 / (4 * d))
        assert abs(a.mean() - b.mean()) < bound * error + 1e-5, name
