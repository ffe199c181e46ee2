"""PopulationMap: a stochastic map of a network's coarse state with a fixed step.

One step draws the numbers of spikes of both populations and the coarse state after it:

- spikes of the first population n = floor(max(0, mu + sigma z)^2), a square-root normal, whose
  likelihood is exact; of the second the same, its mean shifted by the residual of the first;
- every other component: known linear decay exp(-dt / tau) where its time constant is known, linear
  terms in the state and in the sampled counts, and the output of a network that sees the hidden
  layer and the counts; Gaussian noise with a learned correlation and a size that depends on state,
  counts and parameters; what cannot be negative is cut at zero.

All layers are conditioned on the parameters (`snnsurrogate.surrogate.conditioning`). Sizes of the
populations may be among them: counts are whole numbers of cells, all else is per cell.

Source: own, after the coarse-grained chains of Li & Hui (2019), doi:10.1007/s00285-019-01361-4, and
the learned event map of Zhang et al. (2024), doi:10.1007/s00285-024-02081-0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from snnsurrogate.surrogate.models._base import Layout, ModelConfig, register
from snnsurrogate.surrogate.stages import Calibrate, FreeRun, Likelihood, Stage

if TYPE_CHECKING:
    from torch import nn


@register
@dataclass(frozen=True, kw_only=True)
class PopulationMap(ModelConfig):
    """Stochastic map of the coarse state of a network with two populations.

    Attributes:
        hidden: units of each of the three hidden layers.
        conditioning: units of the hidden layers of the network of the parameters.
    """

    name: ClassVar[str] = "population-map"
    view: ClassVar[str] = "coarse"
    trained_by: ClassVar[tuple[str, ...]] = ("likelihood", "free-run", "calibrate")
    hidden: int = 32
    conditioning: int = 64

    def stages(self) -> tuple[Stage, ...]:
        """One-step likelihood, free runs of 20 and of 40 steps, calibration of the long run."""
        return (
            Likelihood(steps=9000, far=1.0),
            FreeRun(steps=600, horizon=20, far=1.0, learning_rate=(1e-3, 1e-4)),
            FreeRun(steps=800, horizon=40, far=1.0, learning_rate=(5e-4, 1e-5)),
            Calibrate(),
        )

    def build(self, layout: Layout, *, generator_seed: int) -> nn.Module:
        """The module, single precision.

        Raises:
            ValueError: sizes that are no positive whole numbers, or a network without exactly two
                populations.
        """
        for name in ("hidden", "conditioning"):
            if type(getattr(self, name)) is not int or getattr(self, name) < 1:
                msg = f"{name} is {getattr(self, name)!r}; expected a whole number above 0"
                raise ValueError(msg)
        import torch

        from snnsurrogate.surrogate.models._population_module import Module

        physical = layout.physical
        populations = sum(c.kind == "rate" for c in physical.columns) if physical else 0
        if physical is None or populations != 2:
            msg = (
                f"{self.name} needs the coarse state of a network with two populations; got "
                f"{populations or 'states of single cells'}"
            )
            raise ValueError(msg)
        with torch.random.fork_rng(devices=[]):  # module constructors take no generator
            torch.manual_seed(generator_seed)
            return Module(physical, self.hidden, self.conditioning, math.sqrt(0.02))
