"""DelayMap: one scalar series becomes a map of a recovered state, with an input to vary.

Delay vectors and slow averages of the series go through a Gaussian autoencoder; its latent, turned
to the slowest and fastest directions, is the state of a map u + s N(u, q), whose free runs are read
out by the decoder.
Source: after Kuptsov & Stankevich (2024), arXiv:2411.07055 (abstract: delay vectors, variational
autoencoder, a second network as a map with a constant input in the role of a control parameter).
Directions by slowness: Wiskott & Sejnowski (2002), doi:10.1162/089976602317318938.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from snnsurrogate.surrogate.models._base import Layout, ModelConfig, register
from snnsurrogate.surrogate.series_data import latent_names
from snnsurrogate.surrogate.stages import Embed, MultiStep, Stage

if TYPE_CHECKING:
    from torch import Tensor, nn

    from snnsurrogate.surrogate.embedding import DelayVAE


@register
@dataclass(frozen=True, kw_only=True)
class DelayMap(ModelConfig):
    """A map on the state recovered from scalar series.

    Settings that are None are chosen on the training data, and the fitted model holds the choice.

    Attributes:
        latent: dimension of the recovered state.
        window: samples of a delay vector, or their ages in samples.
        averages: time constants, in samples, of exponential averages beside the window.
        hidden: units of the hidden layers of the map.
        encoder: units of the hidden layers of the encoder, reversed in the decoder.
        variable: name of the series in the data; empty for the first state.
    """

    name: ClassVar[str] = "delay-map"
    view: ClassVar[str] = "series"
    trained_by: ClassVar[tuple[str, ...]] = ("embed", "multi-step")
    latent: int | None = None
    window: int | tuple[int, ...] | None = None
    averages: tuple[float, ...] | None = None
    hidden: tuple[int, ...] = (16, 16)
    encoder: tuple[int, ...] = (32, 32)
    variable: str = ""

    def __post_init__(self) -> None:
        """Raise on settings that make no model."""
        if self.latent is not None and (type(self.latent) is not int or self.latent < 1):
            msg = f"latent is {self.latent!r}; expected a whole number of at least 1, or None"
            raise ValueError(msg)
        for name in ("hidden", "encoder"):
            sizes = getattr(self, name)
            if not sizes or any(type(size) is not int or size < 1 for size in sizes):
                msg = f"{name} is {sizes!r}; expected the units of each layer, e.g. (16, 16)"
                raise ValueError(msg)

    @property
    def latent_states(self) -> tuple[str, ...]:
        """Names of the coordinates of the recovered state."""
        return latent_names(self.latent or 0)

    @property
    def embedding(self) -> DelayVAE:
        """The autoencoder, once everything is chosen."""
        from snnsurrogate.surrogate.embedding import DelayVAE

        if self.latent is None or self.window is None or self.averages is None:
            msg = f"{self!r} still leaves a choice to the data; fit it, or give all settings"
            raise ValueError(msg)
        return DelayVAE(
            latent=self.latent, window=self.window, averages=self.averages, hidden=self.encoder
        )

    def stages(self) -> tuple[Stage, ...]:
        """The embedding, then the map through free runs of growing length."""
        return (Embed(), MultiStep())

    def build(self, layout: Layout, *, generator_seed: int) -> nn.Module:
        """Map with ``encode`` (delay vectors to states) and ``observe`` (states to the series)."""
        import torch
        from torch import nn

        d, k, config = len(layout.states), len(layout.parameters), self.embedding

        class Recovered(nn.Module):
            increment_scale: Tensor
            centre: Tensor
            axes: Tensor
            back: Tensor

            def __init__(self, net: nn.Module, autoencoder: nn.Module) -> None:
                super().__init__()
                self.net, self.autoencoder, self.embedding = net, autoencoder, config
                self.register_buffer("increment_scale", torch.ones(d))
                self.register_buffer("centre", torch.zeros(d))
                for name in ("axes", "back"):
                    self.register_buffer(name, torch.eye(d))

            def init(self, x: Tensor, q: Tensor) -> Tensor:
                return x

            def step(self, carry: Tensor, q: Tensor) -> Tensor:
                return carry + self.increment_scale * self.net(torch.cat([carry, q], 1))

            def encode(self, vectors: Tensor) -> Tensor:
                """States (n, d) of delay vectors (n, width) in the unit of the series."""
                return (self.autoencoder.encode(vectors) - self.centre) @ self.axes  # type: ignore[operator]

            def observe(self, carry: Tensor) -> Tensor:
                """Newest sample (n, 1) of states (n, d), in the unit of the series."""
                return self.autoencoder.newest(carry @ self.back + self.centre)  # type: ignore[operator]

        with torch.random.fork_rng(devices=[]):  # module constructors take no generator
            torch.manual_seed(generator_seed)
            widths = [d + k, *self.hidden]
            parts: list[nn.Module] = []
            for n_in, n_out in zip(widths[:-1], widths[1:], strict=True):
                parts += [nn.Linear(n_in, n_out), nn.Tanh()]
            net = nn.Sequential(*parts, nn.Linear(widths[-1], d))
        module = Recovered(net, config.build(generator_seed=generator_seed))
        return module.to(torch.float64)
