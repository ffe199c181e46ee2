"""DrivenGRU: a discrete gated recurrent unit that reads the input and writes the potential.

    h' = GRU(h, I / input_scale),   V = mean + sd (w h + b)

What a recurrent network does that is trained in the usual way: Adam on the mean square error of
windows, with a growing horizon, clipped gradients and a scaled potential. It sees no state of the
neuron. Its memory at rest is what a long time without input leaves.

Source: Cho et al. (2014), arXiv:1406.1078, in the form of torch.nn.GRU.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numba import njit

from snnsurrogate import units
from snnsurrogate.surrogate.baselines._base import register, whole_numbers
from snnsurrogate.surrogate.baselines._driven import DrivenBaseline, Neuron
from snnsurrogate.surrogate.driven_data import DrivenData

_SETTLE_MS = 500.0


@register
@dataclass(frozen=True, kw_only=True)
class DrivenGRU(DrivenBaseline):
    """Gated recurrent unit from input to potential.

    Attributes:
        units: size of the memory.
        every: recorded steps per step of the network.
        horizons: length of the windows and the updates with it, one after the other.
        warm_up: part before a window that fills the memory; its error does not count.
        batch: windows per update.
        learning_rate: of Adam, initial and final, falling by a cosine.
        clip: largest norm of the gradient.
        input_scale: input that is 1 to the network, in its declared unit.
    """

    name: ClassVar[str] = "driven-gru"
    units: int = 2
    every: int = 2
    horizons: tuple[tuple[str, int], ...] = (
        ("5 ms", 300), ("10 ms", 300), ("20 ms", 300), ("40 ms", 300),
    )  # fmt: skip
    warm_up: str = "20 ms"
    batch: int = 64
    learning_rate: tuple[float, float] = (1e-2, 3e-4)
    clip: float = 1.0
    input_scale: float = 20.0

    def __post_init__(self) -> None:
        whole_numbers(self, "units", "every", "batch")
        if len(self.learning_rate) != 2 or not min(self.learning_rate) > 0:
            msg = f"learning_rate is {self.learning_rate!r}; expected two positive numbers"
            raise ValueError(msg)
        for name in ("clip", "input_scale"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                msg = f"{name} of {self.name} is {value!r}; expected a positive number"
                raise ValueError(msg)

    def learn(self, data: DrivenData, seed: int) -> _Network:
        """Train.

        Raises:
            ValueError: records shorter than the longest window.
            FloatingPointError: the loss became non-finite.
        """
        from snnsurrogate.surrogate.baselines import _driven_gru_training

        weights, report = _driven_gru_training.train(self, data, seed)
        about = data.datasets[0][data.observed].attrs["units"]
        time_unit = str(data.datasets[0]["time"].attrs["units"])
        step = units.format_quantity(round(data.time_step * self.every, 12), time_unit)
        return _Network(weights, step, self.every, (data.observed, about), self.input_scale, report)


class _Network(Neuron):
    """See `DrivenGRU`.

    Attributes:
        weights: arrays of a `torch.nn.GRU` and its readout, by name.
    """

    def __init__(
        self, weights: dict[str, np.ndarray], step: str, pieces: int, observed: tuple[str, str],
        input_scale: float, report: dict[str, Any],
    ) -> None:  # fmt: skip
        self.weights, self.step, self.states, self.report = weights, step, (observed,), report
        self.pieces, self._input_scale = pieces, input_scale

    def run(self, start: np.ndarray, stop: np.ndarray, substeps: int) -> np.ndarray:
        if substeps != 1:
            msg = f"substeps={substeps} is for equations; a network in discrete time has one step"
            raise ValueError(msg)
        w = self.weights
        settle = round(_SETTLE_MS / units.magnitude(self.step, "ms", what="step"))
        mean = (start + stop).reshape(len(start), -1, self.pieces).mean(2)
        mean /= 2.0 * self._input_scale
        out = np.empty((len(mean), mean.shape[1] + 1))
        for i, row in enumerate(mean):
            out[i] = free_run(
                w["input"], w["bias_input"], w["hidden"], w["bias_hidden"], w["output"],
                float(w["bias_output"][0]), np.concatenate([np.zeros(settle), row]), settle,
            )  # fmt: skip
        mean_v, sd = w["scale"]
        return (mean_v + sd * out)[..., None]


@njit(cache=True, nogil=True)
def free_run(  # type: ignore[no-untyped-def]
    from_input, bias, recurrent, bias_recurrent, output, bias_output, u, settle
):
    """Readout (step + 1,) after ``settle`` steps and each later one, from an empty memory.

    Shapes with h units: from_input (3h,), bias (3h,), recurrent (3h, h), bias_recurrent (3h,) in
    the order reset, update, new; output (h,); u (settle + step,) scaled inputs.
    """
    size = output.size
    memory, inner = np.zeros(size), np.zeros(3 * size)
    made = np.empty(u.size - settle + 1)
    for t in range(u.size + 1):
        if t >= settle:
            made[t - settle] = bias_output + np.sum(output * memory)
        if t == u.size:
            break
        for i in range(3 * size):
            inner[i] = bias_recurrent[i]
            for j in range(size):
                inner[i] += recurrent[i, j] * memory[j]
        for i in range(size):
            k, m = size + i, 2 * size + i
            reset = 1.0 / (1.0 + np.exp(-(bias[i] + from_input[i] * u[t] + inner[i])))
            update = 1.0 / (1.0 + np.exp(-(bias[k] + from_input[k] * u[t] + inner[k])))
            new = np.tanh(bias[m] + from_input[m] * u[t] + reset * inner[m])
            memory[i] = (1.0 - update) * new + update * memory[i]
    return made
