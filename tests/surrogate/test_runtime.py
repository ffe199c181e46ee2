"""Compiled steps against the torch module, and their Jacobians against autograd."""

import numpy as np
import pytest
import torch
from torch import nn

import snnsurrogate as sns
from snnsurrogate.surrogate import models, runtime
from snnsurrogate.surrogate._fastmath import tanh
from snnsurrogate.surrogate._lowering import NotLowerableError
from snnsurrogate.surrogate.scaling import Scaling

SCALING = Scaling(
    mean=np.array([-50.0, 0.02, 0.18]),
    sd=np.array([10.0, 0.02, 0.005]),
    increment=np.array([0.1, 0.1, 0.01]),
    mid=np.array([-38.5, 2.0]),
    half=np.array([5.5, 0.5]),
)


class Gated(nn.Module):
    """Every operation that can be compiled, once."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(5, 6), nn.Linear(3, 3)
        self.register_buffer("scale", torch.tensor([0.5, 2.0, 0.1]))
        self.register_buffer("one", torch.tensor([1.0]))

    def step(self, carry, q):
        both = self.a(torch.cat([carry, q], 1))
        gate = torch.sigmoid(both[:, :3])
        candidate = torch.tanh(self.b(torch.relu(both[:, 3:6]) * carry)) / (self.one + gate)
        late = nn.functional.silu(carry) - torch.exp(-gate)
        return carry + self.scale * (2.0 - gate) * (candidate - carry) + 0.1 * late


@pytest.fixture(scope="module")
def compiled():
    torch.manual_seed(3)
    model = Gated().double()
    return runtime.compile_step(model, SCALING), runtime.torch_step(model, SCALING)


def test_step_and_jacobian_agree_with_torch(compiled):
    (f, jac), (torch_f, torch_jac) = compiled
    rng = np.random.default_rng(0)
    for _ in range(20):
        x = SCALING.mean + SCALING.sd * rng.normal(size=3)
        p = SCALING.mid + SCALING.half * rng.uniform(-1, 1, 2)
        got, want = np.empty(3), np.empty(3)
        f(x, p, got)
        torch_f(x, p, want)
        np.testing.assert_allclose(got, want, rtol=1e-13, atol=1e-15)
        slope, want_slope = np.empty((3, 3)), np.empty((3, 3))
        jac(x, p, slope)
        torch_jac(x, p, want_slope)
        np.testing.assert_allclose(slope, want_slope, rtol=1e-11, atol=1e-13)


def test_tanh_is_exact_to_rounding():
    x = np.concatenate([np.linspace(-25, 25, 20001), [0.0, -0.0, 1e-300, 1e3, -1e9]])
    got = np.array([tanh(v) for v in x])
    np.testing.assert_allclose(got, np.tanh(x), rtol=0, atol=4e-16)
    assert np.isnan(tanh(np.nan))


def test_an_operation_without_compiled_form_is_named():
    class Sine(nn.Module):
        def step(self, carry, q):
            return torch.sin(carry)

    with pytest.raises(NotLowerableError, match="sin"):
        runtime.compile_step(Sine(), SCALING)


class SineMap(models.ModelConfig):
    """A model whose step has no compiled form; not registered."""

    name = "sine-map"

    def to_dict(self):
        return {}

    def stages(self):
        return (models.Adam(steps=5),)

    def build(self, layout, *, generator_seed):
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = nn.Linear(len(layout.states) + len(layout.parameters), 2)

            def init(self, x, q):
                return x

            def step(self, carry, q):
                return 0.5 * carry + 0.1 * torch.sin(self.layer(torch.cat([carry, q], 1)))

        torch.manual_seed(generator_seed)
        return Net().double()


class Wide(SineMap):
    """A model with hidden memory beside the states."""

    name = "wide"

    def build(self, layout, *, generator_seed):
        class Net(nn.Linear):
            def init(self, x, q):
                return torch.cat([x, x[:, :1]], 1)

        return Net(2, 2).double()


def test_a_carry_wider_than_the_states_is_refused_before_training(decay, tmp_path):
    with pytest.raises(ValueError, match="wide carries 3 columns for the 2 states"):
        sns.fit(Wide(), decay, out=tmp_path / "s")
    assert not (tmp_path / "s").exists()


def test_a_step_that_cannot_be_compiled_runs_in_torch(decay):
    surrogate = sns.fit(SineMap(), decay)
    with pytest.warns(RuntimeWarning, match="sine-map runs in torch"):
        out = surrogate.rollout({"x": 0.3, "y": 2e-5}, {"rate": 1.1}, "0.2 s")
    sc = surrogate.scaling
    x = torch.as_tensor(sc.states(np.array([[0.3, 2e-5]])))
    q = torch.as_tensor(sc.parameters(np.array([[1.1]])))
    with torch.no_grad():
        x = surrogate.module.step(surrogate.module.step(x, q), q)
    want = sc.mean + sc.sd * x.numpy()[0]
    np.testing.assert_allclose([out.x[0, -1], out.y[0, -1]], want, rtol=1e-12, atol=1e-18)
    points = sns.dynamics.fixed_points(surrogate, {"rate": 1.1})
    assert points.found.values.all()
    kernel = surrogate.kernel()
    at = np.array([points.x.values[0, 0], points.y.values[0, 0]])
    np.testing.assert_allclose(kernel(at, np.array([1.1])), at, rtol=1e-8, atol=1e-12)
