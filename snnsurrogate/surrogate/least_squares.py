"""Levenberg-Marquardt for small networks: exact Gauss-Newton matrices, built without the Jacobian.

A network with 30 to 3000 parameters that learns dynamics is a nonlinear least-squares problem, and
second-order steps reach errors that first-order ones do not. The cost is the matrix ``J^T J``. For
a layer ``y = W a + b`` the Jacobian row of one residual is an outer product ``g (x) [a, 1]``, so
the block of two layers is a sum over points of Kronecker products,

    (J^T J)[(i, j), (i', j')] = sum_n (sum_k g_ki g'_ki')_n (a_j a'_j')_n,

which is one matrix product over points and, on the diagonal, needs the symmetric pairs only: about
four times fewer operations than forming ``J`` and multiplying. When a layer acts more than once
(multi-step residuals) its rows are sums of outer products and ``J`` is formed explicitly.

Source: Levenberg (1944), Marquardt (1963), doi:10.1137/0111030; damping update after Nielsen
(1999), report IMM-REP-1999-05. The outer-product form of layer Jacobians: Martens & Grosse (2015),
arXiv:1503.05671.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

ResidualFn = Callable[[slice], Tensor]


@dataclass
class _Tape:
    """Inputs and outputs of every linear layer during one forward pass, in call order."""

    inputs: dict[nn.Linear, list[Tensor]] = field(default_factory=dict)
    outputs: dict[nn.Linear, list[Tensor]] = field(default_factory=dict)

    def record(self, module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> None:
        layer = module
        if not isinstance(layer, nn.Linear):  # pragma: no cover - hooks are put on Linear only
            return
        self.inputs.setdefault(layer, []).append(args[0].detach())
        self.outputs.setdefault(layer, []).append(output)


def linear_layers(model: nn.Module) -> list[nn.Linear]:
    """Trainable linear layers of a model in registration order.

    Raises:
        ValueError: if a trainable parameter lives outside an ``nn.Linear``.
    """
    layers = [m for m in model.modules() if isinstance(m, nn.Linear)]
    owned = {id(p) for layer in layers for p in layer.parameters()}
    stray = [n for n, p in model.named_parameters() if p.requires_grad and id(p) not in owned]
    if stray or any(layer.bias is None for layer in layers):
        msg = (
            f"Levenberg-Marquardt needs every trainable parameter in an nn.Linear with bias; got "
            f"{stray} outside. Put it into a linear layer, or train with Adam stages only."
        )
        raise ValueError(msg)
    return layers


def flatten(layers: list[nn.Linear]) -> Tensor:
    """All parameters as one vector: per layer the rows of ``[W | b]``."""
    return torch.cat(
        [torch.cat([m.weight, m.bias[:, None]], 1).reshape(-1) for m in layers]
    ).detach()


@torch.no_grad()
def assign(layers: list[nn.Linear], theta: Tensor) -> None:
    """Write a parameter vector made by `flatten` back into the layers."""
    start = 0
    for m in layers:
        size = m.out_features * (m.in_features + 1)
        block = theta[start : start + size].view(m.out_features, m.in_features + 1)
        m.weight.copy_(block[:, :-1])
        m.bias.copy_(block[:, -1])
        start += size


def _chunks(n: int, size: int) -> Iterator[slice]:
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))


def normal_equations(
    model: nn.Module, residuals: ResidualFn, n_points: int, *, chunk: int
) -> tuple[Tensor, Tensor, float]:
    """Exact ``J^T J``, ``J^T r`` and ``r^T r`` over all points.

    Args:
        model: module whose trainable parameters sit in linear layers.
        residuals: maps a slice of points to residuals (points, residuals per point).
        n_points: number of points.
        chunk: points handled at once (bounds memory, keeps the products in cache).
    """
    gram = _Gram(linear_layers(model))
    sse = 0.0
    for part in _chunks(n_points, chunk):
        r, inputs, slopes = _factors(gram.layers, residuals, part)
        sse += float(r.square().sum())
        if all(len(calls) == 1 for calls in inputs):
            gram.add_factored([c[0] for c in inputs], [c[0] for c in slopes], r)
        else:
            gram.add_rows(inputs, slopes, r)
    matrix, gradient = gram.finish()
    return matrix, gradient, sse


Calls = list[list[Tensor]]  # per layer, per call of that layer


def _factors(
    layers: list[nn.Linear], residuals: ResidualFn, part: slice
) -> tuple[Tensor, Calls, Calls]:
    """Residuals (n, K), layer inputs with a one appended (n, width), slopes (K, n, units)."""
    tape = _Tape()
    hooks = [m.register_forward_hook(tape.record) for m in layers]
    try:
        r = residuals(part)
    finally:
        for hook in hooks:
            hook.remove()
    flat = [o for m in layers for o in tape.outputs[m]]
    n_outputs = r.shape[1]
    rows = [
        torch.autograd.grad(
            r[:, k].sum(),
            flat,
            retain_graph=k + 1 < n_outputs,
            allow_unused=True,  # an early residual does not depend on later calls
            materialize_grads=True,
        )
        for k in range(n_outputs)
    ]
    stacked = iter([torch.stack(column) for column in zip(*rows, strict=True)])
    slopes = [[next(stacked) for _ in tape.outputs[m]] for m in layers]
    inputs = [
        [torch.cat([x, torch.ones_like(x[:, :1])], 1) for x in tape.inputs[m]] for m in layers
    ]
    return r.detach(), inputs, slopes


class _Gram:
    """Accumulates J^T J and J^T r over blocks of points."""

    def __init__(self, layers: list[nn.Linear]) -> None:
        self.layers = layers
        sizes = [m.out_features * (m.in_features + 1) for m in layers]
        ends = [sum(sizes[: i + 1]) for i in range(len(sizes))]
        self.blocks = [slice(end - size, end) for end, size in zip(ends, sizes, strict=True)]
        dtype = layers[0].weight.dtype
        self.matrix = torch.zeros(ends[-1], ends[-1], dtype=dtype)
        self.gradient = torch.zeros(ends[-1], dtype=dtype)
        self.diagonal = [_SymmetricPairs(m) for m in layers]

    def add_factored(self, inputs: list[Tensor], slopes: list[Tensor], r: Tensor) -> None:
        """Every layer acted once: Kronecker products, upper blocks only."""
        weighted = r.T[:, :, None]
        for i, (a, g) in enumerate(zip(inputs, slopes, strict=True)):
            self.gradient[self.blocks[i]] += ((g * weighted).sum(0).T @ a).reshape(-1)
            self.diagonal[i].add(g, a)
            for j in range(i + 1, len(inputs)):
                self.matrix[self.blocks[i], self.blocks[j]] += _cross(g, a, slopes[j], inputs[j])

    def add_rows(self, inputs: Calls, slopes: Calls, r: Tensor) -> None:
        """A layer acted several times: its rows are sums of outer products, formed explicitly."""
        parts = []
        for calls, gradients in zip(inputs, slopes, strict=True):
            block = gradients[0].unsqueeze(-1) * calls[0][None, :, None, :]
            for g, a in zip(gradients[1:], calls[1:], strict=True):
                block += g.unsqueeze(-1) * a[None, :, None, :]
            parts.append(block.flatten(2))
        rows = torch.cat(parts, 2).flatten(0, 1)
        self.matrix += torch.triu(rows.T @ rows)
        self.gradient += rows.T @ r.T.reshape(-1)

    def finish(self) -> tuple[Tensor, Tensor]:
        """The full symmetric matrix, and the gradient."""
        for block, pairs in zip(self.blocks, self.diagonal, strict=True):
            self.matrix[block, block] += torch.triu(pairs.unpack())
        return self.matrix + torch.triu(self.matrix, 1).T, self.gradient


class _SymmetricPairs:
    """Accumulates sum_n D_n (x) H_n of one layer over the symmetric index pairs only."""

    def __init__(self, layer: nn.Linear) -> None:
        self.units, self.width = layer.out_features, layer.in_features + 1
        self.iu = torch.triu_indices(self.units, self.units)
        self.ju = torch.triu_indices(self.width, self.width)
        self.total = torch.zeros(self.iu.shape[1], self.ju.shape[1], dtype=layer.weight.dtype)

    def add(self, g: Tensor, a: Tensor) -> None:
        # (pairs, points) layouts: contiguous rows make the gathers cheap
        gt, at = g.transpose(1, 2).contiguous(), a.T.contiguous()
        d = (gt[:, self.iu[0]] * gt[:, self.iu[1]]).sum(0)
        h = at[self.ju[0]] * at[self.ju[1]]
        self.total += d @ h.T

    def unpack(self) -> Tensor:
        u, w = self.units, self.width
        wide = torch.empty(self.iu.shape[1], w, w, dtype=self.total.dtype)
        wide[:, self.ju[0], self.ju[1]] = self.total
        wide[:, self.ju[1], self.ju[0]] = self.total
        full = torch.empty(u, u, w, w, dtype=self.total.dtype)
        full[self.iu[0], self.iu[1]] = wide
        full[self.iu[1], self.iu[0]] = wide
        return full.permute(0, 2, 1, 3).reshape(u * w, u * w)


def _cross(gi: Tensor, ai: Tensor, gj: Tensor, aj: Tensor) -> Tensor:
    """Off-diagonal block of two layers: (units_i * width_i, units_j * width_j)."""
    n = ai.shape[0]
    d = torch.einsum("kni,knj->nij", gi, gj).reshape(n, -1)
    h = (ai[:, :, None] * aj[:, None, :]).reshape(n, -1)
    block = (d.T @ h).view(gi.shape[2], gj.shape[2], ai.shape[1], aj.shape[1])
    return block.permute(0, 2, 1, 3).reshape(gi.shape[2] * ai.shape[1], -1)


@torch.no_grad()
def sum_of_squares(residuals: ResidualFn, n_points: int, *, chunk: int = 8192) -> float:
    """``r^T r`` over all points."""
    return sum(float(residuals(part).square().sum()) for part in _chunks(n_points, chunk))


@dataclass
class Damping:
    """State of the damping rule; part of a checkpoint."""

    value: float = 1e-3
    growth: float = 2.0


def step(
    model: nn.Module,
    residuals: ResidualFn,
    n_points: int,
    damping: Damping,
    *,
    chunk: int,
    max_tries: int = 12,
) -> tuple[float, float, bool]:
    """One accepted Levenberg-Marquardt step.

    Returns:
        Sum of squares before and after the step, and whether a step was accepted.

    Raises:
        FloatingPointError: when the residuals are not finite at the current parameters.
    """
    layers = linear_layers(model)
    gram, grad, before = normal_equations(model, residuals, n_points, chunk=chunk)
    if not math.isfinite(before):
        msg = f"the sum of squares is {before}; check the training data and the last stage's loss"
        raise FloatingPointError(msg)
    theta = flatten(layers)

    def cost(delta: np.ndarray) -> float:
        assign(layers, theta + torch.from_numpy(delta))
        return sum_of_squares(residuals, n_points)

    delta, after = damped(gram.numpy(), grad.numpy(), before, damping, cost, max_tries=max_tries)
    if delta is None:
        assign(layers, theta)
    return before, after, delta is not None


def damped(
    gram: np.ndarray,
    grad: np.ndarray,
    before: float,
    damping: Damping,
    cost: Callable[[np.ndarray], float],
    *,
    max_tries: int = 12,
    largest: float = math.inf,
) -> tuple[np.ndarray | None, float]:
    """The damped step that lowers a sum of squares; the damping follows its gain.

    Args:
        gram: J^T J, (n, n).
        grad: J^T r, (n,).
        before: the sum of squares.
        damping: changed in place.
        cost: the sum of squares after a step (n,).
        max_tries: most dampings that are tried.
        largest: an entry of the step is cut to this size, with the others in proportion.

    Returns:
        The step, or None where no damping lowers the sum, and the sum after it.
    """
    system, slope = torch.from_numpy(gram), torch.from_numpy(grad)
    diagonal = system.diagonal().clone()
    floor = 1e-12 * float(diagonal.max())
    for _ in range(max_tries):
        matrix = system.clone()
        matrix.diagonal().add_(damping.value * (diagonal + floor))
        factor, info = torch.linalg.cholesky_ex(matrix)
        if int(info) == 0:
            delta = -torch.cholesky_solve(slope[:, None], factor)[:, 0]
            delta *= min(1.0, largest / max(float(delta.abs().max()), 1e-300))
            after = cost(delta.numpy())
            if math.isfinite(after) and after < before:
                predicted = float(
                    -(delta @ slope) * 2 - delta @ (system @ delta)
                )  # decrease of the quadratic model
                gain = (before - after) / predicted if predicted > 0 else 0.0
                damping.value = max(damping.value * max(1 / 3, 1 - (2 * gain - 1) ** 3), 1e-15)
                damping.growth = 2.0
                return delta.numpy(), after
        damping.value *= damping.growth
        damping.growth *= 2.0
    return None, before
