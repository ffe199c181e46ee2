"""EventMap: multiple-firing events as steps of a map, and the intervals between them.

Two conditional densities, of an event and of an interval: the state before it -> its duration, its
spikes, and the state after it. Each is a mixture of Gaussians for duration and spikes, and given
those another mixture for the state; weights, means, standard deviations and correlations come from
a network of the state whose layers are conditioned on the parameters. Rollouts alternate the two,
or simulate the interval (`loop`). The row that is learned: `snnsurrogate.surrogate.events`.

Source: Zhang, Wang, Wu, Cai, Tao, Xiao & Li (2024), doi:10.1007/s00285-024-02081-0, for the idea;
its parameter table was not available. Mixtures: Bishop (1994), mixture density networks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from snnsurrogate.surrogate.models._base import Layout, ModelConfig, register
from snnsurrogate.surrogate.stages import Likelihood, Stage

if TYPE_CHECKING:
    from torch import nn

LOOPS = ("full", "hybrid")


@register
@dataclass(frozen=True, kw_only=True)
class EventMap(ModelConfig):
    """Map of multiple-firing events of a network with two populations.

    Attributes:
        loop: what is between the events of a rollout: "full", the learned interval, or "hybrid",
            cells drawn from the state after the event and simulated until the next one begins.
        deterministic: the mean of every event and interval in place of a draw, trained by least
            squares; a baseline.
        hidden: units of each hidden layer.
        conditioning: units of the hidden layers of the network of the parameters.
        components: of the mixtures.
    """

    name: ClassVar[str] = "event-map"
    view: ClassVar[str] = "events"
    trained_by: ClassVar[tuple[str, ...]] = ("likelihood",)
    loop: str = "full"
    deterministic: bool = False
    hidden: int = 48
    conditioning: int = 32
    components: int = 4

    def stages(self) -> tuple[Stage, ...]:
        """The likelihood of events and intervals."""
        return (Likelihood(steps=2000, records=32, pairs=32, learning_rate=(4e-3, 5e-5)),)

    def build(self, layout: Layout, *, generator_seed: int) -> nn.Module:
        """The module, single precision.

        Raises:
            ValueError: a setting out of its range, or states that are no rows of events.
        """
        if self.loop not in LOOPS:
            msg = f"loop is {self.loop!r}; expected one of {', '.join(LOOPS)}"
            raise ValueError(msg)
        if type(self.deterministic) is not bool:
            msg = f"deterministic is {self.deterministic!r}; expected True or False"
            raise ValueError(msg)
        for name in ("hidden", "conditioning", "components"):
            if type(getattr(self, name)) is not int or getattr(self, name) < 1:
                msg = f"{name} is {getattr(self, name)!r}; expected a whole number above 0"
                raise ValueError(msg)
        import torch

        from snnsurrogate.surrogate.models._event_module import Module

        if layout.physical is None or not layout.states[0].startswith("before_"):
            msg = f"{self.name} learns rows of events; got the states {list(layout.states)[:4]}"
            raise ValueError(msg)
        with torch.random.fork_rng(devices=[]):  # module constructors take no generator
            torch.manual_seed(generator_seed)
            return Module(
                layout.physical,
                self.hidden,
                self.conditioning,
                1 if self.deterministic else self.components,
                deterministic=self.deterministic,
            )
