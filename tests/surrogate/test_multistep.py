"""Residuals through free runs and their Jacobian, against torch and finite differences."""

import numpy as np
import pytest
import torch

from snnsurrogate.surrogate import _free_run, _multistep
from snnsurrogate.surrogate._free_run import LARGEST, Likeness
from snnsurrogate.surrogate._series_fit import kept_steps

WIDTHS = np.array([3, 5, 4, 2])  # two states, one input
SCALE = np.array([0.2, 0.05])


@pytest.fixture
def case():
    rng = np.random.default_rng(0)
    theta = 0.5 * rng.normal(
        size=sum(b * (a + 1) for a, b in zip(WIDTHS, WIDTHS[1:], strict=False))
    )
    x0, q = rng.normal(size=(7, 2)), rng.normal(size=(7, 1))
    targets, weights = rng.normal(size=(7, 12, 2)), rng.uniform(size=(7, 12, 2))
    return theta, x0, q, targets, weights


def free(theta, x0, q, steps=12):
    out = np.empty((len(x0), steps, 2))
    _multistep.runs(theta, WIDTHS, SCALE, x0, q, out)
    return out


def test_runs_are_those_of_the_network(case):
    theta, x0, q, *_ = case
    x, got = torch.as_tensor(x0), free(theta, x0, q)
    for t in range(12):
        a, at = torch.cat([x, torch.as_tensor(q)], 1), 0
        for layer, (n, m) in enumerate(zip(WIDTHS, WIDTHS[1:], strict=False)):
            block = torch.as_tensor(theta[at : at + m * (n + 1)]).view(m, n + 1)
            a = a @ block[:, :-1].T + block[:, -1]
            a = a.tanh() if layer < 2 else a
            at += m * (n + 1)
        x = x + torch.as_tensor(SCALE) * a
        np.testing.assert_allclose(got[:, t], x.numpy(), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("kept", [[0], [0, 1, 2], [3, 11]])
def test_jacobian_equals_finite_differences(case, kept):
    theta, x0, q, targets, weights = case
    kept = np.array(kept)
    n = 7 * len(kept) * 2
    rows, r = np.empty((n, theta.size)), np.empty(n)
    _multistep.jacobian(theta, WIDTHS, SCALE, x0, q, targets, weights, kept, rows, r)

    def residuals(at):
        return (weights * (free(at, x0, q) - targets))[:, kept].ravel()

    np.testing.assert_allclose(r, residuals(theta), rtol=1e-12)
    for i in range(theta.size):
        h = 1e-6 * np.eye(theta.size)[i]
        want = (residuals(theta + h) - residuals(theta - h)) / 2e-6
        np.testing.assert_allclose(rows[:, i], want, atol=1e-8)


def test_kept_steps_hold_the_last_one():
    assert kept_steps(1).tolist() == [0]
    assert kept_steps(8).tolist() == list(range(8))
    assert kept_steps(40)[-1] == 39
    assert len(kept_steps(40)) == 8


def bursts(per_burst=5, bursts=30, period=400, spacing=20):
    v = np.zeros(bursts * period)
    for b in range(bursts):
        for s in range(per_burst):
            v[b * period + s * spacing : b * period + s * spacing + 4] = 1.0
    return v


def test_a_series_is_like_itself_and_noise_changes_little():
    v = bursts()
    same = Likeness.of(v).differences(v)
    assert all(value == 0 for value in same.values())
    noisy = v + 0.03 * np.random.default_rng(0).normal(size=v.size)
    assert all(value < 0.1 * LARGEST["rate"] for value in
               {**Likeness.of(v).differences(noisy), "values": 0}.values())  # fmt: skip


def test_rate_is_that_of_whole_bursts_and_spikes_per_burst_are_seen():
    like = Likeness.of(bursts())
    assert like.rate == pytest.approx(5 / 400)
    fewer = like.differences(bursts(per_burst=4, period=320))
    assert fewer["rate"] < 1e-9
    assert fewer["groups"] == pytest.approx(np.log(5 / 4))
    assert fewer["intervals"] > 0.02
    slower = like.differences(bursts(period=800, bursts=15))
    assert slower["rate"] == pytest.approx(np.log(2))


def test_a_dead_run_and_one_that_leaves_are_rejected():
    v = bursts()
    like, low, high = Likeness.of(v), np.zeros(1), np.ones(1)
    runs = np.stack([v, v])[..., None]
    good = _free_run.verdict(runs, np.stack([v, v]), like, low, high)
    assert good["accepted"]
    assert good["starts"] == 2
    dead = _free_run.verdict(runs, np.stack([v, 0 * v]), like, low, high)
    assert not dead["accepted"]
    assert dead["starts"] == 1
    assert dead["distance"] > good["distance"]
    left = _free_run.verdict(5 * runs, np.stack([v, v]), like, low, high)
    assert not left["accepted"]
    assert left["inside"] == 0
    gone = runs.copy()
    gone[0, 50:] = np.nan
    assert not _free_run.verdict(gone, gone[..., 0], like, low, high)["accepted"]


def test_without_events_the_values_decide():
    flat = 1.0 + 1e-3 * np.random.default_rng(0).normal(size=4000)
    step = np.r_[np.zeros(2000), np.ones(2000)]
    assert Likeness.of(step).rate == 1 / 4000
    assert Likeness.of(flat).differences(flat)["values"] == 0
