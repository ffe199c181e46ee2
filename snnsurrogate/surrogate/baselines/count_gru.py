"""CountGRU: a recurrent network that sees nothing of the network but its spike counts.

A gated recurrent unit reads the square roots of the counts of both populations in the last step
and the parameters; from its memory follow the counts of the next one, n = floor(max(0, mu + sigma
z)^2) with z standard normal, the mean of the second population shifted by the residual of the
first, as in PopulationMap. Trained on the likelihood of one step after the other, never on free
runs. What it lacks against PopulationMap is the coarse state: kicks and potentials are left to its
memory.

Source: Cho et al. (2014), arXiv:1406.1078.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numba import njit

from snnsurrogate import schema
from snnsurrogate.surrogate.baselines._base import (
    BURN_IN,
    Baseline,
    OneByOne,
    register,
    whole_numbers,
)
from snnsurrogate.surrogate.baselines._runs import Runs

BOUND = 4.0  # residuals of counts saturate there
TYPICAL = (0.14, 0.22)  # root of the mean count per root of a cell, E and I


@register
@dataclass(frozen=True, kw_only=True)
class CountGRU(Baseline):
    """Gated recurrent unit on spike counts.

    Attributes:
        hidden: units.
        steps: updates of the training.
        batch: windows per update.
        window: steps of a window whose likelihood counts.
        warm_up: steps before them, which fill the memory.
        learning_rate: of Adam, initial and final.
    """

    name: ClassVar[str] = "count-gru"
    hidden: int = 48
    steps: int = 1500
    batch: int = 64
    window: int = 100
    warm_up: int = 40
    learning_rate: tuple[float, float] = (4e-3, 1e-4)

    def __post_init__(self) -> None:
        whole_numbers(self, "hidden", "steps", "batch", "window", "warm_up")
        if len(self.learning_rate) != 2 or not min(self.learning_rate) > 0:
            msg = f"learning_rate is {self.learning_rate!r}; expected two positive numbers"
            raise ValueError(msg)

    def learn(self, runs: Runs, seed: int) -> OneByOne:
        """Weights.

        Raises:
            ValueError: not two populations, or records shorter than a window with its warm-up.
            FloatingPointError: the loss became non-finite.
        """
        rates = [i for i, c in enumerate(runs.columns) if c.kind == "rate"]
        if len(rates) != 2:
            msg = f"{self.name} needs a network with two populations; got {len(rates)}"
            raise ValueError(msg)
        need = self.window + self.warm_up + 2
        if runs.x.shape[1] < need:
            msg = (
                f"the runs have {runs.x.shape[1]} records; windows of {self.warm_up} + "
                f"{self.window} steps need {need}. Choose a shorter window, or record for longer."
            )
            raise ValueError(msg)
        from snnsurrogate.surrogate.baselines import _count_gru_training

        cells = np.stack([runs.ds[n].values for n in schema.populations_of(runs.ds).values()], 1)
        counts = np.rint(runs.x[:, 1:, rates].astype(float) * (cells * runs.seconds)[:, None])
        roots = np.sqrt(counts)
        scale = np.array([roots.mean((0, 1)), roots.std((0, 1)).clip(min=1e-6)])
        weights = _count_gru_training.train(self, counts, cells, runs.q, scale, seed)
        return _Free(runs=runs, scale=scale, weights=weights)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Free(OneByOne):
    """See `CountGRU`.

    Attributes:
        scale: (2, 2) mean and standard deviation of the roots of counts.
        weights: arrays of a `torch.nn.GRU` and of the layer behind it, by name.
    """

    scale: np.ndarray
    weights: dict[str, np.ndarray]

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.runs.columns if c.kind == "rate")

    def sample(
        self, parameters: Mapping[str, float], records: int, rng: np.random.Generator
    ) -> np.ndarray:
        w, q = self.weights, self.runs.scaled(parameters)
        cells = self.runs.cells(parameters)
        # parameters are constant inputs: part of the bias
        bias = w["bias_input"] + w["input"][:, 2:] @ q
        n = records + BURN_IN
        counts = free_run(
            np.ascontiguousarray(w["input"][:, :2]), bias,
            np.ascontiguousarray(w["hidden"].T), w["bias_hidden"],
            w["output"], w["bias_output"], self.scale, np.sqrt(cells) * np.array(TYPICAL),
            rng.standard_normal((n, 2)),
        )  # fmt: skip
        return counts[BURN_IN:] / (cells * self.runs.seconds)


@njit(cache=True)
def free_run(  # type: ignore[no-untyped-def]
    from_counts, bias, recurrent, bias_recurrent, output, bias_output, scale, typical, z
):
    """Counts (step, 2) from an empty memory and mean counts.

    The arguments, shapes in brackets, with h units: from_counts (3h, 2), bias (3h,), recurrent
    (h, 3h), bias_recurrent (3h,) in the order reset, update, new; output (5, h), bias_output (5,);
    scale (2, 2) mean and standard deviation of the roots; typical (2,) roots; z (step, 2) normals.
    """
    size = recurrent.shape[0]
    memory, made, law = np.zeros(size), np.zeros(3 * size), np.zeros(5)
    inner = np.zeros(3 * size)
    counts = np.zeros((z.shape[0], 2))
    u = np.zeros(2)
    for t in range(z.shape[0]):
        for i in range(3 * size):
            made[i] = bias[i] + from_counts[i, 0] * u[0] + from_counts[i, 1] * u[1]
            inner[i] = bias_recurrent[i]
        for j in range(size):  # sums over the outer loop: the inner one becomes vector instructions
            for i in range(3 * size):
                inner[i] += recurrent[j, i] * memory[j]
        for i in range(size):
            reset = 1.0 / (1.0 + np.exp(-(made[i] + inner[i])))
            update = 1.0 / (1.0 + np.exp(-(made[size + i] + inner[size + i])))
            new = np.tanh(made[2 * size + i] + reset * inner[2 * size + i])
            memory[i] = (1.0 - update) * new + update * memory[i]
        for i in range(5):
            law[i] = bias_output[i]
            for j in range(size):
                law[i] += output[i, j] * memory[j]
        shift = 0.0
        for k in range(2):
            sd = 0.5 * np.exp(law[2 + k])
            mean = typical[k] * law[k] + shift * sd
            root = max(0.0, mean + sd * z[t, k])
            n = np.floor(root * root)
            counts[t, k] = n
            u[k] = (np.sqrt(n) - scale[0, k]) / scale[1, k]
            shift = law[4] * BOUND * np.tanh((np.sqrt(n + 0.5) - mean) / sd / BOUND)
    return counts
