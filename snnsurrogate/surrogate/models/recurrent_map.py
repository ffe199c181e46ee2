"""RecurrentMap: u(t + dt) = u(t) + s * N(u(t), p), a network as a discrete-time dynamical system.

Source: after Kuptsov, Stankevich & Bagautdinova (2022), arXiv:2203.14138 (a network trained on
trajectory pieces at random parameter values and run as a recurrent map). The increment scale s, one
number per state, is what makes a slow variable visible that moves 1e-5 per step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from snnsurrogate._names import suggestion
from snnsurrogate.surrogate.models._base import Layout, ModelConfig, register
from snnsurrogate.surrogate.stages import Adam, LevenbergMarquardt, Stage

if TYPE_CHECKING:
    from torch import Tensor, nn


@register
@dataclass(frozen=True, kw_only=True)
class RecurrentMap(ModelConfig):
    """A multilayer perceptron that predicts the scaled increment over one recording step.

    Attributes:
        hidden: units of each hidden layer.
        activation: "tanh", "sigmoid", "relu" or "silu".
        dtype: "float64" or "float32" (Levenberg-Marquardt stages need float64).
    """

    name: ClassVar[str] = "recurrent-map"
    hidden: tuple[int, ...] = (24, 24)
    activation: str = "tanh"
    dtype: str = "float64"

    def stages(self) -> tuple[Stage, ...]:
        """Adam warm start, then Levenberg-Marquardt on one-step errors."""
        if self.dtype == "float32":
            return (Adam(steps=20000),)
        return (Adam(), LevenbergMarquardt())

    def build(self, layout: Layout, *, generator_seed: int) -> nn.Module:
        """Network with inputs (scaled state, scaled parameters) and one output per state."""
        import torch
        from torch import nn

        activations = {"tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "relu": nn.ReLU, "silu": nn.SiLU}
        if self.activation not in activations:
            hint = suggestion(self.activation, activations)
            msg = f"activation {self.activation!r} is not one of {sorted(activations)}.{hint}"
            raise ValueError(msg)
        if self.dtype not in ("float64", "float32"):
            msg = f"dtype {self.dtype!r} is not 'float64' or 'float32'"
            raise ValueError(msg)
        sizes = self.hidden if isinstance(self.hidden, tuple | list) else ()
        if not sizes or any(type(size) is not int or size < 1 for size in sizes):
            msg = (
                f"hidden is {self.hidden!r}; expected the units of each layer, at least one layer "
                "with at least one unit, e.g. (24, 24)"
            )
            raise ValueError(msg)

        class Map(nn.Module):
            increment_scale: Tensor

            def __init__(self, net: nn.Module, scale: Tensor) -> None:
                super().__init__()
                self.net = net
                self.register_buffer("increment_scale", scale)

            def init(self, x: Tensor, q: Tensor) -> Tensor:
                return x

            def step(self, carry: Tensor, q: Tensor) -> Tensor:
                return carry + self.increment_scale * self.net(torch.cat([carry, q], 1))

        with torch.random.fork_rng(devices=[]):  # module constructors take no generator
            torch.manual_seed(generator_seed)
            widths = [len(layout.states) + len(layout.parameters), *self.hidden]
            parts: list[nn.Module] = []
            for n_in, n_out in zip(widths[:-1], widths[1:], strict=True):
                parts += [nn.Linear(n_in, n_out), activations[self.activation]()]
            parts.append(nn.Linear(widths[-1], len(layout.states)))
            scale = torch.as_tensor(layout.increment_scale)
            module = Map(nn.Sequential(*parts), scale)
        return module.to(getattr(torch, self.dtype))
