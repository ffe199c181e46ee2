"""Training of `DrivenGRU`; imported when one is trained, because it imports torch."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from snnsurrogate import units
from snnsurrogate.surrogate.driven_data import DrivenData

if TYPE_CHECKING:
    from snnsurrogate.surrogate.baselines.driven_gru import DrivenGRU

__all__ = ["train"]

_ALIVE = 0.1  # share of the variance that a network explains which is no flat mean
_LATE = 50  # updates whose mean error is reported


def train(
    config: DrivenGRU, data: DrivenData, seed: int
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Weights of `driven_gru.free_run` (float64), and what the training came to.

    Raises:
        ValueError: records shorter than the longest window.
        FloatingPointError: the loss became non-finite.
    """
    ds = data.datasets[0]
    step = data.time_step * config.every
    time_unit = str(ds["time"].attrs["units"])

    def count(text: str) -> int:
        return max(1, round(units.magnitude(text, time_unit, what="horizon") / step))

    plan = [(count(length), int(updates)) for length, updates in config.horizons]
    warm_up = count(config.warm_up)
    u, y, scale = _series(config, data, warm_up)
    longest = max(length for length, _ in plan)
    if warm_up + longest > u.shape[1]:
        msg = f"the records have {u.shape[1] - warm_up} steps; a window of {longest} is too long"
        raise ValueError(msg)
    rng = np.random.default_rng([abs(seed), int(seed < 0)])
    with torch.random.fork_rng(devices=[]):  # module constructors take no generator
        torch.manual_seed(seed)
        memory = nn.GRU(1, config.units, batch_first=True)
        head = nn.Linear(config.units, 1)
    weights = [*memory.parameters(), *head.parameters()]
    optimiser = torch.optim.Adam(weights)
    total, done = sum(updates for _, updates in plan), 0
    first, last = config.learning_rate
    history: list[dict[str, float]] = []
    for length, updates in plan:
        recent: list[float] = []
        for _ in range(updates):
            share = (1 + math.cos(math.pi * done / total)) / 2
            for group in optimiser.param_groups:
                group["lr"] = last + (first - last) * share
            record = rng.integers(0, len(u), config.batch)[:, None]
            begin = rng.integers(0, u.shape[1] - warm_up - length + 1, config.batch)
            time = begin[:, None] + np.arange(warm_up + length)
            made = head(memory(u[record, time][..., None])[0][:, warm_up:])[..., 0]
            wanted = y[record, time[:, warm_up:]]
            loss = (made - wanted).square().mean()
            if not torch.isfinite(loss):
                msg = f"loss is {loss.item()} at update {done}; lower learning_rate of {config}"
                raise FloatingPointError(msg)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(weights, config.clip)
            optimiser.step()
            recent.append(loss.item())
            done += 1
        history.append({"steps": length, "error": float(np.mean(recent[-_LATE:]))})
    made_of = dict(memory.named_parameters())
    named = {
        "input": made_of["weight_ih_l0"][:, 0], "bias_input": made_of["bias_ih_l0"],
        "hidden": made_of["weight_hh_l0"], "bias_hidden": made_of["bias_hh_l0"],
        "output": head.weight[0], "bias_output": head.bias,
    }  # fmt: skip
    arrays = {k: v.detach().numpy().astype(np.float64) for k, v in named.items()}
    explained = 1.0 - history[-1]["error"]
    report = {
        "fitted": sum(w.numel() for w in weights),
        "updates": total,
        "history": history,
        "explained_variance": explained,  # of the last windows; y has variance 1
        "alive": explained > _ALIVE,
    }
    return arrays | {"scale": np.array(scale)}, report


def _series(
    config: DrivenGRU, data: DrivenData, warm_up: int
) -> tuple[torch.Tensor, torch.Tensor, tuple[float, float]]:
    """Scaled input and potential (record, step), after rest without input for the warm-up.

    The potential is that at the end of each step.
    """
    k = config.every
    steps = data.start.shape[1] // k
    middle = (data.start + data.stop)[:, : steps * k] / 2
    u = middle.reshape(len(middle), steps, k).mean(2) / config.input_scale
    v = data.x[..., data.columns.index(data.observed)]
    y = v[:, k : steps * k + 1 : k]
    scale = (float(y.mean()), float(y.std()))
    u = np.concatenate([np.zeros((len(u), warm_up)), u], 1)
    y = np.concatenate([np.repeat(v[:, :1], warm_up, axis=1), y], 1)
    y = (y - scale[0]) / scale[1]
    return torch.as_tensor(u, dtype=torch.float32), torch.as_tensor(y, dtype=torch.float32), scale
