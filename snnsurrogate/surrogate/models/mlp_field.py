"""MLPField: a driven neuron as a neural differential equation, a perceptron in a few states.

    dh/dt = A2 tanh(A1 h + B x + b1) + b2   (1/ms)

with the scaled input and scaled parameters as x, and the membrane potential read out linearly. It
stands beside ContinuousGRU at the same number of parameters: no gates, no bound on the states.
Source: a neural ordinary differential equation, Chen, Rubanova, Bettencourt and Duvenaud (2018),
arXiv:1806.07366, with an input.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from snnsurrogate.surrogate._sensitivity import WORK
from snnsurrogate.surrogate.models._base import register
from snnsurrogate.surrogate.models._driven import DrivenConfig, number, weighted

if TYPE_CHECKING:
    from torch import Tensor


@register
@dataclass(frozen=True, kw_only=True)
class MLPField(DrivenConfig):
    """Neural differential equation with one hidden layer and a linear readout.

    Attributes:
        units: number of states d.
        hidden: tanh units of the hidden layer. With one input d = 2, 3, 4 and 4, 5, 7 of them make
            29, 47, 79 parameters; ContinuousGRU has 28, 50, 78.
        encoder: what the encoder of initial states reads in training: "states", all recorded ones,
            or "observed", the observed quantity alone and what low-pass filters hold of it.
        input_scale: input that is 1 to the network, in its declared unit.
        offset: of the readout, offset + gain (w h + b), in the unit of the observed quantity.
        gain: of the readout.
    """

    name: ClassVar[str] = "mlp-field"
    bound: ClassVar[float] = 2.0  # nothing bounds the states; they start within 0.5
    hidden: int = 4

    def __post_init__(self) -> None:
        """Raise on settings that make no model."""
        super().__post_init__()
        most = WORK * (self.units + 1)
        if type(self.hidden) is not int or not 1 <= self.hidden <= most:
            msg = f"hidden is {self.hidden!r}; expected a whole number from 1 to {most}"
            raise ValueError(msg)

    def shapes(self, inputs: int) -> dict[str, tuple[int, ...]]:
        """Shapes of the blocks of theta for m inputs, in order, without the readout."""
        from snnsurrogate.surrogate._mlp_field import sizes

        return sizes(self.units, inputs, self.hidden)

    def compiled(self) -> tuple[Any, Any]:
        """The right-hand side and the same with derivatives."""
        from snnsurrogate.surrogate import _mlp_field

        return _mlp_field.field, _mlp_field.linear

    def draw(self, parameters: int, rng: np.random.Generator) -> np.ndarray:
        """Random theta around a fast state that excites itself and slow ones that oppose it.

        The first hidden unit drives the fast state, the second one bounds it; the others drive the
        slow ones towards it.
        """
        d, n, blocks = self.units, self.hidden, self.blocks(parameters)
        block = {name: 0.3 * rng.normal(size=shape) for name, (_, shape) in blocks.items()}
        block["A1"][0] += np.r_[3.0, np.full(d - 1, -1.5)]
        block["B"][0, 0] += 1.0
        block["A2"][1:] *= 0.1  # slow
        block["A2"][0, 0] += 1.5
        if n > 1:
            block["A1"][1, 0] += 1.0
            block["A2"][0, 1] -= 2.0
        for i in range(2, n):
            slow = 1 + (i - 2) % max(d - 1, 1)
            if slow < d:
                block["A1"][i, 0] += 1.5
                block["A1"][i, slow] -= 1.5
                block["A2"][slow, i] += 0.15
        block["b2"][:] = 0.0
        block["w"] *= 0.2
        block["w"][0] = 2.8
        block["b"][:] = 0.0
        return np.concatenate([values.ravel() for values in block.values()])

    def rhs(self, block: Callable[[str], Tensor], h: Tensor, x: Tensor) -> Tensor:
        """dh/dt (batch, d) of states (batch, d) and inputs (batch, m), in torch."""
        import torch

        hidden = torch.tanh(h @ block("A1").T + x @ block("B").T + block("b1"))
        return hidden @ block("A2").T + block("b2")

    def equations(
        self, block: Mapping[str, np.ndarray], states: Sequence[str], inputs: Sequence[str],
        time_unit: str,
    ) -> list[str]:  # fmt: skip
        """Brian2 lines of the states, with all numbers written out."""
        hidden = [f"a_{i + 1}" for i in range(self.hidden)]
        lines = []
        for i, name in enumerate(hidden):
            drive = weighted([*block["A1"][i], *block["B"][i]], [*states, *inputs])
            lines.append(f"{name} = tanh({drive} + {number(block['b1'][i])}) : 1")
        for i, name in enumerate(states):
            change = f"{weighted(block['A2'][i], hidden)} + {number(block['b2'][i])}"
            lines.append(f"d{name}/dt = ({change})/{time_unit} : 1")
        return lines
