"""Vector code of stochastic steps: every operation against torch, one sample against many."""

import numpy as np
import pytest
import torch
from torch import nn

from snnsurrogate.surrogate import _random, _torch_ops, runtime
from snnsurrogate.surrogate._emission import LANES
from snnsurrogate.surrogate._lowering import NotLowerableError, lower
from snnsurrogate.surrogate.scaling import Scaling

D, K, N = 19, 2, 7  # states, parameters, random numbers: no multiples of a vector
SCALING = Scaling(
    mean=np.linspace(-1, 1, D),
    sd=np.linspace(0.5, 2, D),
    increment=np.full(D, 0.1),
    mid=np.array([2.0, -1.0]),
    half=np.array([0.5, 1.5]),
)


class Every(nn.Module):
    """Every operation that can be compiled, on vectors of awkward sizes."""

    noise = N

    def __init__(self):
        super().__init__()
        self.inner, self.outer = nn.Linear(D + 1, 35), nn.Linear(35, D - 2)
        self.narrow = nn.Linear(3, 2, bias=False)
        self.of_parameters = nn.Linear(K, 35)
        self.register_buffer("scale", torch.linspace(0.1, 0.6, 5))
        self.register_buffer("one", torch.ones(1))

    def step(self, x, q, z):
        fixed = torch.tanh(self.of_parameters(q))
        hidden = self.inner(torch.cat([x, q[:, 1:2]], 1)) * fixed + x[:, 3:4]
        late = torch.cat([torch.sigmoid(hidden[:, 2:35]), z[:, 0:1], -x[:, 18:19]], 1)
        some = nn.functional.silu(x[:, 1:6]) * self.scale / (1.0 + torch.square(x[:, 2:7]))
        count = _torch_ops.round_down(torch.relu(3.0 + 2.0 * z[:, 1:2] - x[:, 0:1]))
        root = torch.sqrt(count + 0.25) - 0.5 * self.one
        change = self.outer(torch.cat([late[:, 0:32], late[:, 32:35]], 1)) + torch.cat(
            [some, z[:, 2:7], fixed[:, 20:27]], 1
        )
        pair = self.narrow(z[:, 4:7]) - torch.exp(0.1 * root)
        return torch.cat([0.9 * x[:, 0:17] + 0.1 * change, pair], 1)


class Passing(nn.Module):
    """A step that moves states about: what it writes it still has to read."""

    noise = 1

    def __init__(self):
        super().__init__()
        self.gain = nn.Parameter(torch.tensor([0.5]))

    def step(self, x, q, z):
        return torch.cat([x[:, 1:D], self.gain * x[:, 0:1] + z], 1)


def compiled(module, bound=3.0):
    low, high = np.full(D, -bound), np.full(D, bound)
    return (
        make(module, SCALING, low, high)
        for make in (runtime.compile_rollout, runtime.torch_rollout)
    )


FORM = np.stack([np.ones(D), np.full(D, -np.inf), np.zeros(D)]).astype(np.float32)


def one(rollout, sample=0, *, steps=50, start=0, skip=0, x=None):
    x = SCALING.mean.astype(np.float32) if x is None else x
    p = SCALING.mid + SCALING.half * np.sin([sample, 2.0 * sample])
    out, clipped = np.empty((D, steps), np.float32), np.zeros(D, np.int64)
    key = _random.key(3, sample)
    rollout.one(x, p, key, start, skip, np.arange(D), FORM, out, clipped)
    return out, clipped, x


def several(rollout, samples, *, steps=50, start=0, skip=0):
    n = len(samples)
    x = np.tile(SCALING.mean.astype(np.float32), (n, 1))
    p = np.stack([SCALING.mid + SCALING.half * np.sin([i, 2.0 * i]) for i in samples])
    keys = np.stack([_random.key(3, i) for i in samples])
    out, clipped = np.empty((n, D, steps), np.float32), np.zeros((n, D), np.int64)
    form = np.tile(FORM, (n, 1, 1))
    rollout.several(x, p, keys, start, skip, np.arange(D), form, out, clipped)
    return out, clipped, x


@pytest.fixture(scope="module", params=[Every, Passing])
def both(request):
    torch.manual_seed(1)
    return tuple(compiled(request.param().float()))


def test_every_operation_agrees_with_torch(both):
    fast, slow = both
    got, clipped, end = one(fast)
    want, clipped_torch, end_torch = one(slow)
    np.testing.assert_allclose(got, want, atol=2e-5)
    np.testing.assert_allclose(end, end_torch, atol=2e-5)
    np.testing.assert_array_equal(clipped, clipped_torch)
    assert got.std(axis=1).min() > 0


@pytest.mark.parametrize("samples", [range(LANES), [4, 1, 9], [7]])
def test_many_samples_are_the_samples_alone_bit_by_bit(both, samples):
    fast, _ = both
    together = several(fast, samples)
    for i, sample in enumerate(samples):
        for a, b in zip(together, one(fast, sample), strict=True):
            np.testing.assert_array_equal(a[i], b)


def test_pieces_are_the_whole_bit_by_bit_where_states_are_carried_exactly(both):
    """Pieces go through physical units, which rounds; the random numbers are the same."""
    fast, _ = both
    whole, _, end = one(fast, steps=60)
    first, _, x = one(fast, steps=25)
    second, _, x = one(fast, steps=30, start=25, skip=5, x=x)
    np.testing.assert_array_equal(first, whole[:, :25])
    np.testing.assert_allclose(second, whole[:, 30:], atol=2e-5)
    np.testing.assert_allclose(x, end, atol=2e-5)


def test_the_first_record_may_be_the_callers(both):
    fast, slow = both
    for rollout in (fast, slow):
        out = np.full((D, 9), 7.0, np.float32)
        args = (SCALING.mid, _random.key(3, 0), 0, -1, np.arange(D), FORM, out)
        rollout.one(SCALING.mean.astype(np.float32), *args, np.zeros(D, np.int64))
        np.testing.assert_array_equal(out[:, 0], 7.0)
        np.testing.assert_allclose(out[:, 1:], one(rollout, steps=8)[0], atol=2e-6)


def test_clipping_is_counted_by_state():
    module = Every().float()
    (fast, slow) = compiled(module, bound=0.3)
    got, clipped, _ = one(fast)
    _, clipped_torch, _ = one(slow)
    assert 50 < clipped.sum() < 50 * D
    np.testing.assert_allclose(clipped, clipped_torch, atol=1)
    scaled = (got - SCALING.mean[:, None]) / SCALING.sd[:, None]
    assert np.abs(scaled).max() == pytest.approx(0.3, abs=1e-5)


def test_nan_stays_nan(both):
    fast, _ = both
    x = SCALING.mean.astype(np.float32)
    x[0] = np.nan
    assert np.isnan(one(fast, x=x)[2]).any()


def test_products_that_are_added_once_are_fused():
    class Fused(nn.Module):
        noise = 1

        def step(self, x, q, z):
            a, b = x * 2.0, x * z  # a is read twice, the last product is the result
            return (a + b) * (a - 1.0)

    kinds = [o[0] for o in lower(Fused(), D, K, 1).fused()]
    assert kinds == ["binary", "fma", "binary", "binary"]


def test_a_layer_of_another_width_is_refused():
    class Wrong(nn.Module):
        noise = 1

        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(D + 1, D)

        def step(self, x, q, z):
            return self.layer(x)

    with pytest.raises(NotLowerableError, match=f"layer takes {D + 1} inputs, got {D}"):
        lower(Wrong(), D, K, 1)


def test_what_cannot_be_compiled_is_named():
    class Sine(nn.Module):
        noise = 1

        def step(self, x, q, z):
            return torch.sin(x) + z

    with pytest.raises(NotLowerableError, match="sin"):
        runtime.compile_rollout(Sine(), SCALING, -np.ones(D), np.ones(D))
