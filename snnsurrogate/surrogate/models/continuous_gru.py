"""ContinuousGRU: a driven neuron as a gated recurrent network of a few units in continuous time.

    dh/dt = (1 - z) (tanh(U_h (r h) + W_h x + b_h) - h) / tau,   z, r = sigmoid(U h + W x + b)

with the scaled input and scaled parameters as x, and the membrane potential read out linearly.
Source: the field of Jordan, Sokol and Park (2021), doi:10.3389/fncom.2021.678158. Unlike
torch.nn.GRU the reset gate acts before the matrix.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from snnsurrogate.surrogate.models._base import Layout, ModelConfig, register
from snnsurrogate.surrogate.stages import FromRest, Stage, Starts

if TYPE_CHECKING:
    from torch import Tensor, nn

    from snnsurrogate.surrogate._driven_fit import Flow

GATES = {"update": "W_z", "reset": "W_r", "candidate": "W_h"}


@register
@dataclass(frozen=True, kw_only=True)
class ContinuousGRU(ModelConfig):
    """Continuous-time gated recurrent unit with a linear readout, integrated by RK4.

    Attributes:
        units: number of states d.
        gates: what the input and the parameters enter: any of "update", "reset", "candidate".
        encoder: what the encoder of initial states reads in training: "states", all recorded ones,
            or "observed", the observed quantity and the input of the last 8 ms alone.
        input_scale: input that is 1 to the network, in its declared unit.
        offset: of the readout, offset + gain (w h + b), in the unit of the observed quantity.
        gain: of the readout.
    """

    name: ClassVar[str] = "continuous-gru"
    view: ClassVar[str] = "driven"
    trained_by: ClassVar[tuple[str, ...]] = ("starts", "from-rest")
    units: int = 2
    gates: tuple[str, ...] = ("update", "reset", "candidate")
    encoder: str = "states"
    input_scale: float = 20.0
    offset: float = -60.0
    gain: float = 40.0

    def __post_init__(self) -> None:
        """Raise on settings that make no model."""
        if type(self.units) is not int or self.units < 1:
            msg = f"units is {self.units!r}; expected a whole number of at least 1"
            raise ValueError(msg)
        if not self.gates or set(self.gates) - set(GATES) or len(set(self.gates)) < len(self.gates):
            msg = f"gates is {self.gates!r}; expected some of {tuple(GATES)}, each once"
            raise ValueError(msg)
        if self.encoder not in ("states", "observed"):
            msg = f"encoder is {self.encoder!r}; expected 'states' or 'observed'"
            raise ValueError(msg)
        for name in ("input_scale", "gain"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                msg = f"{name} is {value!r}; expected a positive number"
                raise ValueError(msg)

    @property
    def latent_states(self) -> tuple[str, ...]:
        """Names of the units."""
        return tuple(f"h_{i + 1}" for i in range(self.units))

    def stages(self) -> tuple[Stage, ...]:
        """Starts on short windows, then runs from rest of growing length."""
        return (
            Starts(),
            FromRest(duration="50 ms", rounds=2, iterations=12, wrong=1.0),
            FromRest(duration="80 ms", rounds=2, iterations=12, wrong=1.0),
            FromRest(duration="150 ms", rounds=6, iterations=10, wrong=1.0),
        )

    def blocks(self, parameters: int) -> dict[str, tuple[slice, tuple[int, ...]]]:
        """Place and shape of every block of theta, for a number of conditioning parameters."""
        from snnsurrogate.surrogate._gru_field import sizes

        shapes = {**sizes(self.units, 1 + parameters), "w": (self.units,), "b": (1,)}
        ends = np.cumsum([int(np.prod(shape)) for shape in shapes.values()])
        return {
            name: (slice(int(end - np.prod(shape)), int(end)), shape)
            for (name, shape), end in zip(shapes.items(), ends, strict=True)
        }

    def flow(self, parameters: int) -> Flow:
        """Compiled right-hand side and readout, for a number of conditioning parameters."""
        from snnsurrogate.surrogate import _gru_field
        from snnsurrogate.surrogate._driven_fit import Flow

        blocks = self.blocks(parameters)
        free = np.ones(blocks["b"][0].stop, dtype=bool)
        for gate, name in GATES.items():
            free[blocks[name][0]] = gate in self.gates
        return Flow(
            field=_gru_field.field, linear=_gru_field.linear, units=self.units, size=free.size,
            gain=self.gain, offset=self.offset, free=free,
        )  # fmt: skip

    def draw(self, parameters: int, rng: np.random.Generator) -> np.ndarray:
        """Random theta around a fast unit that excites itself and slow ones that oppose it.

        The fast unit follows the input and is most of the readout. Of wholly random networks few
        can be trained; of these most can.
        """
        d, blocks = self.units, self.blocks(parameters)
        theta = 0.5 * rng.normal(size=blocks["b"][0].stop)
        feedback = np.zeros((d, d))
        feedback[0, 0], feedback[0, 1:], feedback[1:, 0] = 2.0, -1.0, 1.5
        theta[blocks["U_h"][0]] += feedback.ravel()
        theta[blocks["W_h"][0]][0] += 0.5
        # z near 1 is slow: time constants of 5 to 8 ms beside one below 1 ms
        theta[blocks["b_z"][0]] += np.r_[-1.0, np.linspace(3.0, 2.0, d - 1)]
        theta[blocks["log_tau"][0]] = math.log(0.25)
        theta[blocks["w"][0]] *= 0.2
        theta[blocks["w"][0]][0] = 2.8
        theta[blocks["b"][0]] = 0.0
        theta[~self.flow(parameters).free] = 0.0
        return theta

    def build(self, layout: Layout, *, generator_seed: int) -> nn.Module:
        """Module that holds theta and the encoder, with ``observe(h)`` and ``rhs(h, x)``."""
        import torch
        from torch import nn

        from snnsurrogate.surrogate._gru_field import LEAST_TAU
        from snnsurrogate.surrogate.driven_data import LAGS_MS, MEANS_MS

        config, n_parameters = self, len(layout.parameters)
        blocks = self.blocks(n_parameters)

        class Flow(nn.Module):
            def __init__(self, theta: np.ndarray, width: int) -> None:
                super().__init__()
                self.theta = nn.Parameter(torch.as_tensor(theta))
                self.encoder = nn.Parameter(torch.zeros(config.units, width, dtype=torch.float64))

            def block(self, name: str) -> Tensor:
                """One block of theta in its shape."""
                place, shape = blocks[name]
                return self.theta[place].reshape(shape)

            def observe(self, h: Tensor) -> Tensor:
                """Observed quantity (batch, 1) of states (batch, d)."""
                y = h @ self.block("w") + self.block("b")
                return (config.offset + config.gain * y)[:, None]

            def rhs(self, h: Tensor, x: Tensor) -> Tensor:
                """dh/dt (batch, d) of states and scaled inputs (batch, 1 + k)."""
                z, r = (
                    torch.sigmoid(
                        h @ self.block(f"U_{g}").T + x @ self.block(f"W_{g}").T
                        + self.block(f"b_{g}")
                    )
                    for g in "zr"
                )  # fmt: skip
                candidate = torch.tanh(
                    (r * h) @ self.block("U_h").T + x @ self.block("W_h").T + self.block("b_h")
                )
                tau = LEAST_TAU + self.block("log_tau").exp()
                return (1 - z) * (candidate - h) / tau

        rng = np.random.default_rng([generator_seed, 4 * 10**6])
        width = len(layout.recorded) if self.encoder == "states" else len(LAGS_MS + MEANS_MS)
        return Flow(self.draw(n_parameters, rng), width + 1)
