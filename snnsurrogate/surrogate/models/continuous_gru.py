"""ContinuousGRU: a driven neuron as a gated recurrent network of a few units in continuous time.

    dh/dt = (1 - z) (tanh(U_h (r h) + W_h x + b_h) - h) / tau,   z, r = sigmoid(U h + W x + b)

with the scaled input and scaled parameters as x, and the membrane potential read out linearly.
Source: the field of Jordan, Sokol and Park (2021), doi:10.3389/fncom.2021.678158. Unlike
torch.nn.GRU the reset gate acts before the matrix.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from snnsurrogate.surrogate.models._base import register
from snnsurrogate.surrogate.models._driven import DrivenConfig, number, weighted

if TYPE_CHECKING:
    from torch import Tensor

GATES = {"update": "W_z", "reset": "W_r", "candidate": "W_h"}


@register
@dataclass(frozen=True, kw_only=True)
class ContinuousGRU(DrivenConfig):
    """Continuous-time gated recurrent unit with a linear readout, integrated by RK4.

    Attributes:
        units: number of states d.
        gates: what the input and the parameters enter: any of "update", "reset", "candidate".
        encoder: what the encoder of initial states reads in training: "states", all recorded ones,
            or "observed", the observed quantity alone and what low-pass filters hold of it.
        input_scale: input that is 1 to the network, in its declared unit.
        offset: of the readout, offset + gain (w h + b), in the unit of the observed quantity.
        gain: of the readout.
    """

    name: ClassVar[str] = "continuous-gru"
    gates: tuple[str, ...] = ("update", "reset", "candidate")

    def __post_init__(self) -> None:
        """Raise on settings that make no model."""
        super().__post_init__()
        if not self.gates or set(self.gates) - set(GATES) or len(set(self.gates)) < len(self.gates):
            msg = f"gates is {self.gates!r}; expected some of {tuple(GATES)}, each once"
            raise ValueError(msg)

    def shapes(self, inputs: int) -> dict[str, tuple[int, ...]]:
        """Shapes of the blocks of theta for m inputs, in order, without the readout."""
        from snnsurrogate.surrogate._gru_field import sizes

        return sizes(self.units, inputs)

    def compiled(self) -> tuple[Any, Any]:
        """The right-hand side and the same with derivatives."""
        from snnsurrogate.surrogate import _gru_field

        return _gru_field.field, _gru_field.linear

    def frozen(self) -> tuple[str, ...]:
        """Blocks of the gates that the input does not enter."""
        return tuple(block for gate, block in GATES.items() if gate not in self.gates)

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

    def rhs(self, block: Callable[[str], Tensor], h: Tensor, x: Tensor) -> Tensor:
        """dh/dt (batch, d) of states (batch, d) and inputs (batch, m), in torch."""
        import torch

        from snnsurrogate.surrogate._gru_field import LEAST_TAU

        z, r = (
            torch.sigmoid(h @ block(f"U_{g}").T + x @ block(f"W_{g}").T + block(f"b_{g}"))
            for g in "zr"
        )
        candidate = torch.tanh((r * h) @ block("U_h").T + x @ block("W_h").T + block("b_h"))
        return (1 - z) * (candidate - h) / (LEAST_TAU + block("log_tau").exp())

    def equations(
        self, block: Mapping[str, np.ndarray], states: Sequence[str], inputs: Sequence[str],
        time_unit: str,
    ) -> list[str]:  # fmt: skip
        """Brian2 lines of the states, with all numbers written out."""
        from snnsurrogate.surrogate._gru_field import LEAST_TAU

        tau = LEAST_TAU + float(np.exp(block["log_tau"][0]))
        gated = [f"r_{j + 1}*{s}" for j, s in enumerate(states)]
        lines = []
        for i, name in enumerate(states):
            drive = {
                gate: weighted([*block[f"U_{gate}"][i], *block[f"W_{gate}"][i]], [*of, *inputs])
                + f" + {number(block[f'b_{gate}'][i])}"
                for gate, of in (("z", states), ("r", states), ("h", gated))
            }
            lines += [f"{gate}_{i + 1} = 1/(1 + exp(-({drive[gate]}))) : 1" for gate in "zr"]
            lines.append(f"c_{i + 1} = tanh({drive['h']}) : 1")
            change = f"(1 - z_{i + 1})*(c_{i + 1} - {name})"
            lines.append(f"d{name}/dt = {change}/({tau!r}*{time_unit}) : 1")
        return lines
