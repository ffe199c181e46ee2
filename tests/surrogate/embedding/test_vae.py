"""The autoencoder on series whose state space is known."""

import numpy as np
import pytest
import torch

from snnsurrogate.surrogate import embedding

SMALL = embedding.Schedule(steps=300, batch=128, polish=60, points=500)
WAVE = -50 + 20 * np.sin(0.2 * np.arange(1500))


@pytest.fixture(scope="module")
def trained():
    config = embedding.DelayVAE(latent=2, window=12, hidden=(12,))
    module = config.build(generator_seed=0)
    return module, embedding.train(module, config.vectors([WAVE]), schedule=SMALL, seed=0)


def windows(series, window=12):
    return torch.as_tensor(embedding.delay_vectors(series, window).copy())


def test_a_sine_has_two_dimensions(trained):
    module, history = trained
    fresh = windows(-50 + 20 * np.sin(0.2 * np.arange(1500) + 1.3))
    with torch.no_grad():
        wrong = module.decode(module.encode(fresh)) - fresh
    assert float(wrong.square().mean().sqrt()) < 0.1  # of a range of 40
    assert history["window_rms"] < 0.1
    assert history["ended_by"] == "schedule"


def test_one_dimension_is_too_few(trained):
    config = embedding.DelayVAE(latent=1, window=12, hidden=(12,))
    module = config.build(generator_seed=0)
    one = embedding.train(module, config.vectors([WAVE]), schedule=SMALL, seed=0)
    assert one["window_rms"] > 10 * trained[1]["window_rms"]


def test_latents_are_standardised(trained):
    with torch.no_grad():
        latent = trained[0].encode(windows(WAVE))
    torch.testing.assert_close(latent.mean(0), torch.zeros(2).double(), atol=1e-8, rtol=0)
    torch.testing.assert_close(latent.std(0), torch.ones(2).double(), atol=1e-8, rtol=0)


def test_settling_changes_coordinates_only():
    config = embedding.DelayVAE(latent=3, window=6, hidden=(5, 4))
    module = config.build(generator_seed=3)
    rows = windows(WAVE, 6)
    with torch.no_grad():
        embedding.vae.start(module, rows)
        before, (_, log_variance) = module.decode(module.encode(rows)), module.posterior(rows)
        noise = (0.5 * log_variance).exp() / module.encode(rows).std(0)
        embedding.settle(module, rows)
        after, (_, settled) = module.decode(module.encode(rows)), module.posterior(rows)
    torch.testing.assert_close(after, before)
    torch.testing.assert_close((0.5 * settled).exp().mean(0), noise.mean(0).sort().values)


def test_newest_is_the_last_entry(trained):
    latent = torch.tensor([[0.3, -0.4], [1.0, 0.2]], dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(
            trained[0].newest(latent)[:, 0], trained[0].decode(latent)[:, -1]
        )


def test_same_seed_same_weights():
    short = embedding.Schedule(steps=20, batch=32, polish=20, points=100)

    def weights(seed):
        module = embedding.DelayVAE(latent=2, window=6, hidden=(8,)).build(generator_seed=seed)
        embedding.train(module, [windows(WAVE, 6).numpy()], schedule=short, seed=seed)
        return torch.cat([p.flatten() for p in module.parameters()])

    first = weights(1)
    assert torch.equal(first, weights(1))
    assert not torch.equal(first, weights(2))


def test_the_bound_of_a_known_module():
    module = embedding.DelayVAE(latent=1, window=2, hidden=(1,)).build(generator_seed=0)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()  # latent mean 0, log variance 0, decoded 0
    rows = torch.tensor([[3.0, 4.0]], dtype=torch.float64)
    weights = torch.tensor([0.5, 0.5], dtype=torch.float64)
    noise = torch.zeros(1, 1, dtype=torch.float64)
    with torch.no_grad():
        module.expand.bias.zero_()
        module.project.weight.fill_(1.0)  # latent mean 7
        value, squares = embedding.bound(module, rows, weights, 2.0, noise)
    assert float(squares) == pytest.approx(12.5)
    assert float(value) == pytest.approx(12.5 + 2 * 0.5 * 7**2)


def test_a_loss_that_is_not_finite():
    module = embedding.DelayVAE(latent=1, window=3, hidden=(4,)).build(generator_seed=0)
    wild = embedding.Schedule(steps=5, learning_rate=(1e300, 1e300), polish=0)
    with pytest.raises(FloatingPointError, match="learning rate"):
        embedding.train(module, [windows(WAVE, 3).numpy()], schedule=wild)


def test_deadline():
    module = embedding.DelayVAE(latent=1, window=3, hidden=(4,)).build(generator_seed=0)
    assert (
        embedding.train(module, [windows(WAVE, 3).numpy()], deadline=0.0)["ended_by"] == "deadline"
    )


@pytest.mark.parametrize("settings", [{"latent": 0}, {"latent": 17}, {"hidden": ()}])
def test_bad_sizes(settings):
    with pytest.raises(ValueError, match="expected"):
        embedding.DelayVAE(**settings)
