"""CountGRU: likelihood and compiled step against torch, and what training reaches."""

import numpy as np
import pytest
import torch
from torch import nn

import snnsurrogate as sns
from snnsurrogate.surrogate.baselines import count_gru
from snnsurrogate.surrogate.baselines._count_gru_training import log_likelihood

POINT = {"tau_EE": 2.5, "lambda_E": 6.5, "lambda_I": 6.5}


def test_probabilities_of_all_counts_sum_to_one():
    n = torch.cartesian_prod(torch.arange(60.0), torch.arange(60.0))
    law = torch.tensor([1.0, 1.2, 0.1, -0.2, 0.6]).expand(len(n), 5)
    p = log_likelihood(n, law, torch.tensor([2.0, 2.5])).exp()
    assert float(p.sum()) == pytest.approx(1.0, abs=1e-4)


def test_compiled_steps_are_those_of_torch():
    torch.manual_seed(0)
    memory, head = nn.GRU(4, 6, batch_first=True).double(), nn.Linear(6, 5).double()
    with torch.no_grad():
        head.bias[:2] += 1.2
    w = {k: v.detach().numpy() for k, v in memory.named_parameters()}
    q, z = np.array([0.3, -0.8]), np.random.default_rng(1).normal(size=(200, 2))
    scale, typical = np.array([[1.5, 2.0], [0.7, 0.9]]), np.array([1.8, 2.2])
    counts = count_gru.free_run(
        np.ascontiguousarray(w["weight_ih_l0"][:, :2]),
        w["bias_ih_l0"] + w["weight_ih_l0"][:, 2:] @ q,
        np.ascontiguousarray(w["weight_hh_l0"].T), w["bias_hh_l0"], head.weight.detach().numpy(),
        head.bias.detach().numpy(), scale, typical, z,
    )  # fmt: skip
    roots = np.sqrt(np.concatenate([scale[:1] ** 2, counts[:-1]]))
    seen = np.concatenate([(roots - scale[0]) / scale[1], np.tile(q, (200, 1))], 1)
    with torch.no_grad():
        law = head(memory(torch.as_tensor(seen)[None])[0])[0].numpy()
    sd = 0.5 * np.exp(law[:, 2:4])
    first = typical[0] * law[:, 0]
    n = np.floor(np.maximum(0, first + sd[:, 0] * z[:, 0]) ** 2)
    residual = count_gru.BOUND * np.tanh((np.sqrt(n + 0.5) - first) / sd[:, 0] / count_gru.BOUND)
    second = typical[1] * law[:, 1] + law[:, 4] * sd[:, 1] * residual
    m = np.floor(np.maximum(0, second + sd[:, 1] * z[:, 1]) ** 2)
    np.testing.assert_array_equal(counts, np.stack([n, m], 1))
    assert counts.sum() > 200


def test_short_training_reaches_the_rates(network):
    config = sns.baselines.CountGRU(
        hidden=16, steps=60, batch=24, window=40, warm_up=10, learning_rate=(1e-2, 1e-3)
    )
    fitted = config.fit(network, seed=1)
    run = fitted.rollout(None, {n: network[n].values for n in POINT}, "4 s", seed=2)
    for name, tolerance in (("rate_E", 0.15), ("rate_I", 0.1)):
        assert float(run[name].mean()) == pytest.approx(float(network[name].mean()), rel=tolerance)


def test_weights_follow_from_the_seed(network):
    config = sns.baselines.CountGRU(hidden=8, steps=3, batch=4)
    same, again, other = (
        config.fit(network, seed=s).rollout(None, POINT, "0.5 s", seed=2)["rate_E"].values
        for s in (1, 1, 2)
    )
    np.testing.assert_array_equal(same, again)
    assert (same != other).any()


def test_bad_input(network):
    with pytest.raises(ValueError, match="hidden of count-gru is 0"):
        sns.baselines.CountGRU(hidden=0)
    with pytest.raises(ValueError, match="learning_rate is"):
        sns.baselines.CountGRU(learning_rate=(1e-3, 0.0))
    with pytest.raises(ValueError, match=r"1001 records; windows of 40 \+ 2000 steps need 2042"):
        sns.baselines.CountGRU(window=2000).fit(network)
    with pytest.raises(FloatingPointError, match="loss is .* at step"):
        sns.baselines.CountGRU(steps=50, hidden=4, batch=4, learning_rate=(1e30, 1e30)).fit(network)
