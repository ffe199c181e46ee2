"""Training of `CountGRU`; imported when one is trained, because it imports torch."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from snnsurrogate.surrogate.baselines.count_gru import BOUND, TYPICAL
from snnsurrogate.surrogate.models._population_module import log_square_root_normal

if TYPE_CHECKING:
    from snnsurrogate.surrogate.baselines.count_gru import CountGRU

__all__ = ["log_likelihood", "train"]


def train(
    config: CountGRU,
    counts: np.ndarray,
    cells: np.ndarray,
    q: np.ndarray,
    scale: np.ndarray,
    seed: int,
) -> dict[str, np.ndarray]:
    """Weights of `count_gru.free_run`, float64.

    Args:
        config: sizes and schedule.
        counts: (run, time, 2) whole numbers.
        cells: (run, 2) sizes of the populations.
        q: (run, k) scaled parameters.
        scale: (2, 2) mean and standard deviation of the roots of counts.
        seed: of weights and windows.

    Raises:
        FloatingPointError: the loss became non-finite.
    """
    rng = np.random.default_rng([abs(seed), int(seed < 0)])
    with torch.random.fork_rng(devices=[]):  # module constructors take no generator
        torch.manual_seed(seed)
        memory = nn.GRU(2 + q.shape[1], config.hidden, batch_first=True)
        head = nn.Linear(config.hidden, 5)
    with torch.no_grad():
        head.weight.mul_(0.3)
        head.bias.copy_(torch.tensor([1.0, 1.0, 0.0, 0.0, 0.0]))
    parameters = [*memory.parameters(), *head.parameters()]
    optimiser = torch.optim.Adam(parameters)
    all_counts = torch.as_tensor(counts, dtype=torch.float32)
    inputs = torch.as_tensor((np.sqrt(counts) - scale[0]) / scale[1], dtype=torch.float32)
    conditions = torch.as_tensor(q, dtype=torch.float32)
    typical = torch.as_tensor(np.sqrt(cells) * np.array(TYPICAL), dtype=torch.float32)
    length = config.warm_up + config.window
    first, last = config.learning_rate
    for step in range(config.steps):
        share = (1 + math.cos(math.pi * step / config.steps)) / 2
        for group in optimiser.param_groups:
            group["lr"] = last + (first - last) * share
        run = torch.as_tensor(rng.integers(0, len(counts), config.batch))
        begin = rng.integers(0, counts.shape[1] - length, config.batch)
        time = torch.as_tensor(begin[:, None] + np.arange(length + 1))
        seen = inputs[run[:, None], time[:, :-1]]
        known = conditions[run][:, None].expand(-1, length, -1)
        made = head(memory(torch.cat([seen, known], 2))[0][:, config.warm_up :])
        following = all_counts[run[:, None], time[:, 1 + config.warm_up :]]
        loss = -log_likelihood(following, made, typical[run][:, None]).mean()
        if not torch.isfinite(loss):
            msg = f"loss is {loss.item()} at step {step}; lower learning_rate of {config}"
            raise FloatingPointError(msg)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
    made_of = dict(memory.named_parameters())
    named = {
        "input": made_of["weight_ih_l0"], "bias_input": made_of["bias_ih_l0"],
        "hidden": made_of["weight_hh_l0"], "bias_hidden": made_of["bias_hh_l0"],
        "output": head.weight, "bias_output": head.bias,
    }  # fmt: skip
    return {k: v.detach().numpy().astype(np.float64) for k, v in named.items()}


def log_likelihood(n: Tensor, law: Tensor, typical: Tensor) -> Tensor:
    """Log probability (...) of counts n (..., 2); law (..., 5) as `free_run` reads it."""
    sd = 0.5 * torch.exp(law[..., 2:4])
    mean = typical * law[..., 0:2]
    root = (torch.sqrt(n[..., 0] + 0.5) - mean[..., 0]) / sd[..., 0]
    shifted = mean[..., 1] + law[..., 4] * sd[..., 1] * BOUND * torch.tanh(root / BOUND)
    first = log_square_root_normal(n[..., 0], mean[..., 0], sd[..., 0])
    return first + log_square_root_normal(n[..., 1], shifted, sd[..., 1])
