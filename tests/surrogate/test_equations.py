"""The torch right-hand side of every system against the NumPy one, and autograd's Jacobian."""

import numpy as np
import pytest
import torch

from snnsurrogate import systems
from snnsurrogate.surrogate import torch_rhs


@pytest.mark.parametrize("name", systems.names("neuron"))
def test_agrees_with_numpy_and_with_the_exact_jacobian(name):
    system = systems.get(name)
    rng = np.random.default_rng(0)
    x = np.stack([rng.uniform(s.low, s.high, 20) for s in system.states], -1)
    p = {q.name: rng.uniform(0.95, 1.05, 20) * q.value for q in system.parameters}
    rhs = torch_rhs(name)
    got = rhs(torch.as_tensor(x), p)
    want, slopes = system.rhs(x, p), system.jacobian(x, p)
    np.testing.assert_allclose(got, want, rtol=1e-11, atol=1e-12)
    at = torch.as_tensor(x)
    columns = torch.func.vmap(torch.func.jacrev(rhs), in_dims=(0, 0))(
        at, {k: torch.as_tensor(v) for k, v in p.items()}
    )
    scale = np.abs(slopes).max(axis=0) + 1e-300
    np.testing.assert_allclose(columns.numpy() / scale, slopes / scale, rtol=1e-9, atol=1e-11)


def test_gradients_reach_the_parameters_and_the_removable_point():
    system = systems.get("hodgkin-huxley")
    x = torch.tensor([list(system.initial.values())], dtype=torch.float64, requires_grad=True)
    point = {q.name: torch.tensor(q.value, requires_grad=True) for q in system.parameters}
    torch_rhs(system)(x, point)[0, 0].backward()
    assert all(v.grad is None or torch.isfinite(v.grad) for v in point.values())
    assert point[system.input].grad != 0
    for V in np.linspace(-80.0, 0.0, 161):  # passes the zeros of both denominators
        state = torch.tensor([V, 0.1, 0.5, 0.4], dtype=torch.float64)
        slope = torch.func.jacrev(torch_rhs(system))(state)
        want = system.jacobian(state.numpy())
        np.testing.assert_allclose(slope, want, rtol=1e-8, atol=1e-10)


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="Did you mean 'sherman'"):
        torch_rhs("shermn")
    with pytest.raises(ValueError, match="Did you mean 'V_S'"):
        torch_rhs("sherman")(torch.zeros(3), {"VS": -40.0})
