"""What driven models share: settings, theta in blocks, schedule, and the module that holds theta.

A driven model is a flow dh/dt = f(h, x) of a few states h under x, the scaled input and the scaled
parameters, with a linear readout. It is trained by runs and their exact sensitivities, so that it
comes as a compiled right-hand side with its derivatives, see `_sensitivity`.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from snnsurrogate.surrogate.models._base import Layout, ModelConfig
from snnsurrogate.surrogate.stages import FromRest, Stage, Starts

if TYPE_CHECKING:
    from torch import Tensor, nn

    from snnsurrogate.surrogate._driven_fit import Flow


@dataclass(frozen=True, kw_only=True)
class DrivenConfig(ModelConfig):
    """Base of driven models; ``bound`` is where `dynamics` looks for states, |h_i| <= bound.

    Attributes:
        units: number of states d.
        encoder: what the encoder of initial states reads in training beside filters of the observed
            quantity: "states", all recorded ones, or "observed", the observed quantity alone.
        input_scale: input that is 1 to the network, in its declared unit.
        offset: of the readout, offset + gain (w h + b), in the unit of the observed quantity.
        gain: of the readout.
    """

    view: ClassVar[str] = "driven"
    trained_by: ClassVar[tuple[str, ...]] = ("starts", "from-rest")
    bound: ClassVar[float] = 1.0
    units: int = 2
    encoder: str = "states"
    input_scale: float = 20.0
    offset: float = -60.0
    gain: float = 40.0

    def __post_init__(self) -> None:
        """Raise on settings that make no model."""
        if type(self.units) is not int or self.units < 1:
            msg = f"units is {self.units!r}; expected a whole number of at least 1"
            raise ValueError(msg)
        if self.encoder not in ("states", "observed"):
            msg = f"encoder is {self.encoder!r}; expected 'states' or 'observed'"
            raise ValueError(msg)
        for name in ("input_scale", "gain"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                msg = f"{name} is {value!r}; expected a positive number"
                raise ValueError(msg)

    @abc.abstractmethod
    def shapes(self, inputs: int) -> dict[str, tuple[int, ...]]:
        """Shapes of the blocks of theta for m inputs, in order, without the readout."""

    @abc.abstractmethod
    def compiled(self) -> tuple[Any, Any]:
        """The right-hand side and the same with derivatives, see `_sensitivity`."""

    @abc.abstractmethod
    def draw(self, parameters: int, rng: np.random.Generator) -> np.ndarray:
        """Random theta from which a start is trained."""

    @abc.abstractmethod
    def rhs(self, block: Callable[[str], Tensor], h: Tensor, x: Tensor) -> Tensor:
        """dh/dt (batch, d) of states (batch, d) and inputs (batch, m), in torch."""

    @abc.abstractmethod
    def equations(
        self, block: Mapping[str, np.ndarray], states: Sequence[str], inputs: Sequence[str],
        time_unit: str,
    ) -> list[str]:  # fmt: skip
        """Brian2 lines of the states, with all numbers written out."""

    @property
    def latent_states(self) -> tuple[str, ...]:
        """Names of the units."""
        return tuple(f"h_{i + 1}" for i in range(self.units))

    def stages(self) -> tuple[Stage, ...]:
        """Starts on short windows, then runs from rest of growing length of ever fewer of them.

        Which start ends well is not seen early: most of them are run from rest before any is
        dropped.
        """
        few = 8 if self.units < 4 else 6  # larger ones take longer, and fewer of them end badly
        return (
            Starts(count=16, keep=few),
            FromRest(duration="50 ms", rounds=2, iterations=12, random=8, cut=6.0, candidates=few),
            FromRest(duration="80 ms", iterations=12, cut=6.0, candidates=6),
            FromRest(rounds=3, iterations=10, random=24, trust=0.5, cut=6.0, candidates=3),
            FromRest(rounds=8, iterations=12, random=40, trust=0.5, candidates=3),
        )

    def blocks(self, parameters: int) -> dict[str, tuple[slice, tuple[int, ...]]]:
        """Place and shape of every block of theta, for a number of conditioning parameters."""
        shapes = {**self.shapes(1 + parameters), "w": (self.units,), "b": (1,)}
        ends = np.cumsum([int(np.prod(shape)) for shape in shapes.values()])
        return {
            name: (slice(int(end - np.prod(shape)), int(end)), shape)
            for (name, shape), end in zip(shapes.items(), ends, strict=True)
        }

    def frozen(self) -> tuple[str, ...]:
        """Names of blocks that stay at zero."""
        return ()

    def flow(self, parameters: int) -> Flow:
        """Compiled right-hand side and readout, for a number of conditioning parameters."""
        from snnsurrogate.surrogate._driven_fit import Flow

        blocks = self.blocks(parameters)
        free = np.ones(blocks["b"][0].stop, dtype=bool)
        for name in self.frozen():
            free[blocks[name][0]] = False
        field, linear = self.compiled()
        return Flow(
            field=field, linear=linear, units=self.units, size=free.size, gain=self.gain,
            offset=self.offset, free=free,
        )  # fmt: skip

    def build(self, layout: Layout, *, generator_seed: int) -> nn.Module:
        """Module that holds theta and the encoder, with ``observe(h)`` and ``rhs(h, x)``."""
        import torch
        from torch import nn

        from snnsurrogate.surrogate._driven_filters import FILTERS

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
                return config.rhs(self.block, h, x)

        rng = np.random.default_rng([generator_seed, 4 * 10**6])
        width = (len(layout.recorded) if self.encoder == "states" else 1) + len(FILTERS)
        return Flow(self.draw(n_parameters, rng), width + 1)


def number(value: Any) -> str:
    """A number as Brian2 text, exact."""
    text = repr(float(value))
    return f"({text})" if text.startswith("-") else text


def weighted(weights: Any, names: Sequence[str]) -> str:
    """A weighted sum as Brian2 text; zero weights are left out."""
    terms = [f"{number(w)}*{name}" for w, name in zip(weights, names, strict=True) if w]
    return " + ".join(terms) or "0"
