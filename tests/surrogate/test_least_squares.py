"""Levenberg-Marquardt: matrices against autograd, and problems with a known answer."""

import pytest
import torch
from torch import nn
from torch.func import functional_call, jacrev

from snnsurrogate.surrogate import least_squares

N = 37


def _net(*sizes: int) -> nn.Sequential:
    torch.manual_seed(1)
    parts: list[nn.Module] = []
    for a, b in zip(sizes[:-1], sizes[1:], strict=True):
        parts += [nn.Linear(a, b), nn.Tanh()]
    return nn.Sequential(*parts[:-1]).double()


def _autograd(model: nn.Module, residuals) -> tuple[torch.Tensor, torch.Tensor]:
    """J^T J and J^T r with the parameter order of `flatten`."""
    held = {k: v.detach() for k, v in model.named_parameters()}
    jacobian = jacrev(lambda p: residuals(p))(held)
    names = list(dict.fromkeys(k.rsplit(".", 1)[0] for k in held))
    rows = torch.cat(
        [
            torch.cat([jacobian[f"{n}.weight"], jacobian[f"{n}.bias"][..., None]], -1).flatten(2)
            for n in names
        ],
        -1,
    ).flatten(0, 1)
    r = residuals(held).reshape(-1)
    return rows.T @ rows, rows.T @ r


@pytest.mark.parametrize("sizes", [(3, 5, 2), (2, 4, 6, 3), (4, 3, 3, 3, 1)])
def test_one_step_matrices_equal_autograd(sizes):
    model, x = _net(*sizes), torch.randn(N, sizes[0], dtype=torch.float64)
    y = torch.randn(N, sizes[-1], dtype=torch.float64)
    gram, grad, sse = least_squares.normal_equations(
        model, lambda part: model(x[part]) - y[part], N, chunk=10
    )
    want_gram, want_grad = _autograd(model, lambda p: functional_call(model, p, (x,)) - y)
    torch.testing.assert_close(gram, want_gram, rtol=1e-10, atol=1e-11)
    torch.testing.assert_close(grad, want_grad, rtol=1e-10, atol=1e-11)
    assert sse == pytest.approx(float((model(x) - y).detach().square().sum()))


def test_multi_step_matrices_equal_autograd():
    model, x = _net(3, 6, 3), torch.randn(N, 3, dtype=torch.float64)
    y = torch.randn(N, 3, dtype=torch.float64)

    def unrolled(call, part=slice(None)):
        u, rows = x[part], []
        for _ in range(4):
            u = u + 0.3 * call(u)
            rows.append(u - y[part])
        return torch.cat(rows, 1)

    gram, grad, _ = least_squares.normal_equations(
        model, lambda part: unrolled(model, part), N, chunk=8
    )
    want = _autograd(model, lambda p: unrolled(lambda u: functional_call(model, p, (u,))))
    torch.testing.assert_close(gram, want[0], rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(grad, want[1], rtol=1e-10, atol=1e-10)


def test_linear_problem_is_solved_in_a_few_steps():
    torch.manual_seed(0)
    model = nn.Linear(4, 2).double()
    x = torch.randn(200, 4, dtype=torch.float64)
    weight = torch.randn(2, 4, dtype=torch.float64)
    y = x @ weight.T + torch.tensor(0.7, dtype=torch.float64)
    damping = least_squares.Damping(1e-3)
    for _ in range(6):
        least_squares.step(model, lambda s: model(x[s]) - y[s], 200, damping, chunk=64)
    torch.testing.assert_close(model.weight.detach(), weight, rtol=0, atol=1e-10)
    bias = torch.full((2,), 0.7, dtype=torch.float64)
    torch.testing.assert_close(model.bias.detach(), bias, rtol=0, atol=1e-10)


def test_a_step_never_makes_it_worse():
    model = _net(2, 16, 1)
    x = torch.linspace(-3, 3, 80, dtype=torch.float64)[:, None].repeat(1, 2)
    y = torch.sin(3 * x[:, :1])
    damping, last = least_squares.Damping(), float("inf")
    for _ in range(150):
        before, after, _ = least_squares.step(
            model, lambda s: model(x[s]) - y[s], 80, damping, chunk=40
        )
        assert after <= before
        assert before <= last * (1 + 1e-12)  # the same sum in another order
        last = after
    assert last < 0.1  # from 40; first-order methods are still above 10 here


def test_parameters_outside_linear_layers_are_refused():
    model = nn.Sequential(nn.Linear(2, 2), nn.PReLU()).double()
    with pytest.raises(ValueError, match=r"1\.weight"):
        least_squares.linear_layers(model)


def test_non_finite_residuals_stop_it():
    model = nn.Linear(1, 1).double()
    x = torch.full((3, 1), float("nan"), dtype=torch.float64)
    with pytest.raises(FloatingPointError, match="sum of squares is nan"):
        least_squares.step(model, lambda s: model(x[s]), 3, least_squares.Damping(), chunk=3)
