"""The torch module of `PopulationMap`; imported when one is built, because it imports torch."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from snnsurrogate.surrogate import _torch_ops
from snnsurrogate.surrogate.conditioning import Modulation
from snnsurrogate.surrogate.models._base import Physical

__all__ = ["Module", "log_square_root_normal"]

_FAR = 1e30  # time constant of what does not decay
_LEAST = 1e-3  # noise of a component that never changes, in units of its usual change
_COUNTS = 4.0  # weight of the law of the counts, two numbers among many, in the likelihood
_SOFT = 1e-2  # under a root, so that its slope at zero is finite
_BOUND = 4.0  # residuals of counts saturate there


def log_square_root_normal(n: Tensor, mean: Tensor, sd: Tensor) -> Tensor:
    """Log probability of whole numbers n = floor(max(0, mean + sd z)^2), z standard normal."""
    high = (torch.sqrt(n + 1.0) - mean) / sd
    low = torch.where(n > 0, (torch.sqrt(n) - mean) / sd, torch.full_like(n, -30.0))
    # the upper tail by symmetry, so that a difference of numbers close to one is never taken
    upper = low > 0
    a = torch.where(upper, -high, low)
    b = torch.where(upper, -low, high)
    log_b = torch.special.log_ndtr(b.clamp(min=-12.0))
    log_a = torch.special.log_ndtr(a.clamp(min=-30.0))
    difference = torch.log(-torch.expm1((log_a - log_b).clamp(max=-1e-6)))
    beyond = torch.where(b < -12.0, 0.5 * (b * b - 144.0), torch.zeros_like(b))
    return log_b + difference - beyond


class Module(nn.Module):
    """See `PopulationMap`; columns of the carry are [two rates | the others], scaled."""

    tau: Tensor
    tau_matrix: Tensor
    cells: Tensor
    cells_matrix: Tensor
    usual: Tensor
    owner: Tensor
    counted: Tensor
    offset: Tensor
    increment: Tensor
    rate_mean: Tensor
    rate_sd: Tensor
    step_seconds: Tensor
    step_size: Tensor
    typical: Tensor
    eye: Tensor
    positive: Tensor
    zero: Tensor

    def __init__(self, physical: Physical, hidden: int, conditioning: int, typical: float) -> None:
        super().__init__()
        self.d = len(physical.columns)
        m = self.d - 2
        self.noise = self.d
        k = len(physical.parameters)
        self._constants(physical, typical)
        seen = self.d + len(self.positive)
        self.inner = nn.Linear(seen, hidden)
        self.middle = nn.Linear(hidden, hidden)
        self.counts = nn.Linear(hidden, 5)
        self.skip = nn.Linear(seen, 2, bias=False)
        self.late = nn.Linear(hidden + 4, hidden)
        self.outer = nn.Linear(hidden, 2 * m)
        self.linear = nn.Linear(m, m, bias=False)
        self.correlation = nn.Parameter(torch.zeros(m, m))
        layers = {"inner": hidden, "middle": hidden, "late": hidden}
        widths = {f"{name}_scale": width for name, width in layers.items()}
        widths |= {f"{name}_shift": width for name, width in layers.items()}
        widths |= {"counts": 5, "mean": m, "spread": m, "kick_0": m, "kick_1": m}
        self.modulation = Modulation(k, widths, conditioning, quadratic=True)
        with torch.no_grad():
            self.skip.weight.zero_()
            self.counts.weight.mul_(0.3)
            self.counts.bias.copy_(torch.tensor([1.0, 1.0, 0.0, 0.0, 0.0]))
            self.outer.weight.mul_(0.3)
            self.outer.bias[m:] = 0.0
            self.linear.weight.mul_(0.1)
        self.float()

    def _constants(self, physical: Physical, typical: float) -> None:
        """Buffers that follow from the layout; a saved surrogate makes them again."""
        scaling, columns = physical.scaling, physical.columns
        names = list(physical.parameters)
        k = len(names)

        def affine(wanted: list[str]) -> tuple[np.ndarray, np.ndarray]:
            """Named parameters as constant (wanted,) plus matrix (wanted, k) times q."""
            constant, matrix = np.full(len(wanted), _FAR), np.zeros((len(wanted), k))
            for i, name in enumerate(wanted):
                if name in names:
                    j = names.index(name)
                    constant[i], matrix[i, j] = scaling.mid[j], scaling.half[j]
                elif name:
                    constant[i] = physical.fixed[name]
            return constant, matrix

        populations = [c.population for c in columns if c.kind == "rate"]
        tau, tau_matrix = affine([c.decay for c in columns[2:]])
        cells, cells_matrix = affine([physical.sizes[p] for p in populations])
        owner = np.array([populations.index(c.population) for c in columns[2:]])
        counted = np.array([c.kind == "sum" for c in columns[2:]], dtype=float)
        positive = np.array([c.kind in ("rate", "sum") for c in columns])
        made = {
            "tau": np.maximum(tau, 1e-6), "tau_matrix": tau_matrix,
            "cells": cells, "cells_matrix": cells_matrix, "usual": cells[owner],
            "owner": np.eye(2)[owner], "counted": counted,
            "offset": scaling.mean[2:] / scaling.sd[2:], "increment": scaling.increment[2:],
            "rate_mean": scaling.mean[:2], "rate_sd": scaling.sd[:2],
            "step_seconds": np.array([physical.step_seconds]),
            "step_size": np.array([physical.step]), "typical": np.array([typical, typical * 1.6]),
            "eye": np.eye(self.d - 2), "positive": np.eye(self.d)[positive],
            "zero": (scaling.mean / scaling.sd)[positive],
        }  # fmt: skip
        for name, array in made.items():
            tensor = torch.as_tensor(array, dtype=torch.float32)
            self.register_buffer(name, tensor, persistent=False)

    def init(self, x: Tensor, q: Tensor) -> Tensor:
        """The carry is the scaled coarse state."""
        return x

    def condition(self, q: Tensor) -> Tensor:
        """What depends on the parameters alone (batch, width), the same for a whole run."""
        tau = functional.linear(q, self.tau_matrix, self.tau)
        cells = functional.linear(q, self.cells_matrix, self.cells)
        decay = torch.exp(-self.step_size / tau)
        spread = torch.sqrt(self.usual / functional.linear(cells, self.owner))
        return torch.cat([self.modulation(q), decay, spread, cells], 1)

    def step(self, carry: Tensor, q: Tensor, z: Tensor) -> Tensor:
        """One step with standard normal numbers z (batch, d)."""
        return self.advance(carry, self.condition(q), z)

    def advance(self, carry: Tensor, condition: Tensor, z: Tensor) -> Tensor:
        """One step with parameters that `condition` has prepared."""
        hidden, mean, sd, coupling = self._count_law(carry, condition)
        n_0 = _draw(mean[:, 0:1], sd[:, 0:1], z[:, 0:1])
        r_0 = _residual(n_0, mean[:, 0:1], sd[:, 0:1])
        mean_1 = mean[:, 1:2] + coupling * sd[:, 1:2] * r_0
        n_1 = _draw(mean_1, sd[:, 1:2], z[:, 1:2])
        r_1 = _residual(n_1, mean_1, sd[:, 1:2])
        rates, after, spread = self._state_law(carry, condition, hidden, (n_0, n_1), (r_0, r_1))
        factor = torch.tril(self.correlation, -1) + self.eye
        after = after + spread * functional.linear(z[:, 2 : self.d], factor)
        # numbers of cells and kicks are not negative
        after = after + self.counted * torch.relu(-1.0 * self.offset - after)
        return torch.cat([rates, after], 1)

    def log_likelihood(self, carry: Tensor, condition: Tensor, following: Tensor) -> Tensor:
        """Log density (batch,) of the next coarse state, the law of the counts weighted by four.

        Counts given the state, and the rest given both: each has its own optimum, whatever its
        weight; the weight says where the shared layers are to be good.
        """
        hidden, mean, sd, coupling = self._count_law(carry, condition)
        per_rate = self._cells(condition) * self.step_seconds
        n = torch.round((following[:, 0:2] * self.rate_sd + self.rate_mean) * per_rate)
        n_0, n_1 = n[:, 0:1], n[:, 1:2]
        r_0 = _residual(n_0, mean[:, 0:1], sd[:, 0:1])
        mean_1 = mean[:, 1:2] + coupling * sd[:, 1:2] * r_0
        r_1 = _residual(n_1, mean_1, sd[:, 1:2])
        of_counts = log_square_root_normal(n_0, mean[:, 0:1], sd[:, 0:1])
        of_counts = of_counts + log_square_root_normal(n_1, mean_1, sd[:, 1:2])
        _, after, spread = self._state_law(carry, condition, hidden, (n_0, n_1), (r_0, r_1))
        factor = torch.tril(self.correlation, -1) + self.eye
        e = ((following[:, 2:] - after) / spread).T
        white = torch.linalg.solve_triangular(factor, e, upper=False, unitriangular=True)
        of_states = -0.5 * white.T.square() - torch.log(spread / self.increment)
        return _COUNTS * of_counts[:, 0] + of_states.sum(1)

    def _count_law(self, x: Tensor, condition: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Hidden layer, means and sds of the roots of both counts (batch, 2), their coupling."""
        take = self.modulation.take

        def layer(name: str, made: Tensor) -> Tensor:
            scale = 1.0 + take(condition, f"{name}_scale")
            return torch.tanh(scale * made + take(condition, f"{name}_shift"))

        # roots: a burst is many usual changes away from the mean, where the layers saturate
        root = torch.sqrt(torch.relu(functional.linear(x, self.positive, self.zero)) + _SOFT)
        seen = torch.cat([x, root], 1)
        hidden = layer("middle", self.middle(layer("inner", self.inner(seen))))
        out = self.counts(hidden) + take(condition, "counts")
        usual = torch.sqrt(self._cells(condition)) * self.typical
        mean = usual * (out[:, 0:2] + self.skip(seen))
        return hidden, mean, 0.5 * torch.exp(out[:, 2:4]), out[:, 4:5]

    def _state_law(
        self,
        x: Tensor,
        condition: Tensor,
        hidden: Tensor,
        counts: tuple[Tensor, Tensor],
        residuals: tuple[Tensor, Tensor],
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Scaled rates (batch, 2), mean (batch, d - 2) and sd of the rest after the step."""
        take, m = self.modulation.take, self.d - 2
        per_rate = self._cells(condition) * self.step_seconds
        rates = (torch.cat(counts, 1) / per_rate - self.rate_mean) / self.rate_sd
        scale = 1.0 + take(condition, "late_scale")
        usual = torch.sqrt(self._cells(condition)) * self.typical
        roots = torch.sqrt(torch.cat(counts, 1) + 0.5) / usual
        late = self.late(torch.cat([hidden, residuals[0], residuals[1], roots], 1))
        out = self.outer(torch.tanh(scale * late + take(condition, "late_shift")))
        rest = x[:, 2 : self.d]
        begin = self.modulation.last.out_features
        decay, spread = condition[:, begin : begin + m], condition[:, begin + m : begin + 2 * m]
        kicks = take(condition, "kick_0") * rates[:, 0:1]
        kicks = kicks + take(condition, "kick_1") * rates[:, 1:2]
        change = out[:, 0:m] + take(condition, "mean") + self.linear(rest) + kicks
        mean = decay * rest + (decay - 1.0) * self.offset + self.increment * change
        log_sd = out[:, m : 2 * m] + take(condition, "spread")
        sd = self.increment * spread * (0.5 * torch.exp(log_sd) + _LEAST)
        return rates, mean, sd

    def _cells(self, condition: Tensor) -> Tensor:
        """Cells of both populations (batch, 2)."""
        begin = self.modulation.last.out_features + 2 * (self.d - 2)
        return condition[:, begin : begin + 2]


def _draw(mean: Tensor, sd: Tensor, z: Tensor) -> Tensor:
    return _torch_ops.round_down(torch.square(torch.relu(mean + sd * z)))


def _residual(n: Tensor, mean: Tensor, sd: Tensor) -> Tensor:
    return _BOUND * torch.tanh((torch.sqrt(n + 0.5) - mean) / sd / _BOUND)
