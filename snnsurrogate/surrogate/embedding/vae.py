"""DelayVAE: a Gaussian autoencoder of delay vectors, small enough to train in seconds.

The latent of a delay vector is the recovered state of the system. The encoder gives the mean and
the variance of a Gaussian; training adds the divergence of that Gaussian from the standard normal
with a weight that falls from 1e-2 to 1e-6, so that the latent is first smooth and then sharp.

Source: Kingma & Welling (2014), arXiv:1312.6114; on delay vectors after Kuptsov & Stankevich
(2024), arXiv:2411.07055 (abstract: delay vectors, variational autoencoder, recovered states).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from snnsurrogate.surrogate.embedding.delays import lags, pieces_vectors

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn


@dataclass(frozen=True, kw_only=True)
class DelayVAE:
    """What an autoencoder of delay vectors looks like.

    Attributes:
        latent: dimension of the recovered state.
        window: number of successive samples, or their ages in samples with 0 the newest.
        averages: time constants in samples of exponential averages that go before the window: a
            slow variable is seen by them, and the window can be short.
        hidden: units of each hidden tanh layer of the encoder; the decoder has them reversed.
    """

    latent: int = 3
    window: int | tuple[int, ...] = 16
    averages: tuple[float, ...] = ()
    hidden: tuple[int, ...] = (32, 32)

    def __post_init__(self) -> None:
        """Check the sizes."""
        if not 1 <= self.latent <= self.width:
            msg = (
                f"latent is {self.latent}, a delay vector has {self.width} entries; expected "
                f"between 1 and {self.width}"
            )
            raise ValueError(msg)
        if not self.hidden or min(self.hidden) < 1:
            msg = f"hidden is {self.hidden!r}; expected units of at least one layer, e.g. (32, 32)"
            raise ValueError(msg)

    @property
    def width(self) -> int:
        """Entries of a delay vector."""
        return len(self.averages) + len(lags(self.window))

    def vectors(self, pieces: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Delay vectors (n_i, width) of every piece that is long enough, newest sample last."""
        return pieces_vectors(pieces, self.window, averages=self.averages)

    def build(self, *, generator_seed: int) -> nn.Module:
        """The module with weights drawn from the seed, float64.

        ``encode(windows)`` and ``decode(latent)`` map batches (n, width) of delay vectors, newest
        sample last, to latent means (n, d) and back, in the unit of the series; ``posterior``
        gives the latent's mean and log variance, ``newest`` the newest sample alone (n, 1). Both
        ways are a linear map plus a perceptron. `train` sets the scaling and the linear maps.

        Args:
            generator_seed: of the weights.
        """
        import torch
        from torch import nn

        width, d = self.width, self.latent

        def layers(*sizes: int) -> nn.Sequential:
            parts: list[nn.Module] = []
            for n_in, n_out in zip(sizes[:-1], sizes[1:], strict=True):
                parts += [nn.Linear(n_in, n_out), nn.Tanh()]
            return nn.Sequential(*parts[:-1])

        class Autoencoder(nn.Module):
            mean: Tensor
            sd: Tensor

            def __init__(self, hidden: tuple[int, ...]) -> None:
                super().__init__()
                self.encoder, self.project = layers(width, *hidden, 2 * d), nn.Linear(width, d)
                self.decoder, self.expand = layers(d, *hidden[::-1], width), nn.Linear(d, width)
                self.register_buffer("mean", torch.zeros(width))
                self.register_buffer("sd", torch.ones(width))

            def posterior(self, windows: Tensor) -> tuple[Tensor, Tensor]:
                scaled = (windows - self.mean) / self.sd
                out = self.encoder(scaled)
                return self.project(scaled) + out[:, :d], out[:, d:]

            def encode(self, windows: Tensor) -> Tensor:
                return self.posterior(windows)[0]

            def decode(self, latent: Tensor) -> Tensor:
                return (self.expand(latent) + self.decoder(latent)) * self.sd + self.mean

            def newest(self, latent: Tensor) -> Tensor:
                return self.decode(latent)[:, width - 1 :]

        with torch.random.fork_rng(devices=[]):  # module constructors take no generator
            torch.manual_seed(generator_seed)
            module = Autoencoder(self.hidden)
        return module.to(torch.float64)


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Training of a `DelayVAE`, counted in steps: the same seed gives the same weights.

    Attributes:
        steps: updates by Adam with fresh noise, divergence weight falling geometrically.
        batch: windows per update.
        learning_rate: initial and final value, falling by a cosine.
        divergence: weight of the Kullback-Leibler divergence, first and last.
        newest: weight of the newest sample's squared error, where the others have 1.
        polish: iterations of L-BFGS afterwards, at the last weight, with one fixed draw of noise.
        points: windows in the sum that is polished.
    """

    steps: int = 2500
    batch: int = 512
    learning_rate: tuple[float, float] = (5e-3, 2e-4)
    divergence: tuple[float, float] = (1e-2, 1e-6)
    newest: float = 4.0
    polish: int = 500
    points: int = 4000


Progress = Callable[[int, str], None]


def train(
    module: nn.Module,
    vectors: Sequence[np.ndarray],
    *,
    schedule: Schedule | None = None,
    seed: int = 0,
    deadline: float = math.inf,
    advance: Progress | None = None,
) -> dict[str, Any]:
    """Train an autoencoder in place on delay vectors, from their principal components on.

    Afterwards every latent has mean 0 and standard deviation 1 over the training vectors and rises
    with the newest sample, the most precise latent first.

    Args:
        module: from `DelayVAE.build`.
        vectors: arrays (n_i, width) from `DelayVAE.vectors`, in the unit of the series.
        schedule: default `Schedule()`.
        seed: draws batches and noise.
        deadline: time of ``time.perf_counter`` after which it stops.
        advance: called with the number of steps done and a note.

    Returns:
        ``loss`` of the last step; ``curve`` (step,) of its first term; root-mean-square errors
        ``window_rms`` and ``newest_rms`` of the reconstruction from latent means, in the unit of
        the series; ``seconds``; ``ended_by``.

    Raises:
        FloatingPointError: the loss became non-finite.
    """
    import torch

    plan = schedule or Schedule()
    started = time.perf_counter()
    rows = torch.as_tensor(np.concatenate(vectors))
    start(module, rows)
    noise = torch.Generator().manual_seed(seed)
    weights = torch.ones(rows.shape[1], dtype=torch.float64)
    weights[-1] = plan.newest
    weights /= weights.sum()
    optimiser = torch.optim.Adam(module.parameters(), lr=plan.learning_rate[0])
    first, last = plan.learning_rate
    wide, sharp = plan.divergence
    curve: list[float] = []
    value, ended_by = math.nan, "schedule"
    for step in range(plan.steps):
        share = step / max(plan.steps - 1, 1)
        beta = wide * (sharp / wide) ** share
        optimiser.param_groups[0]["lr"] = last + (first - last) * 0.5 * (
            1 + math.cos(math.pi * share)
        )
        batch = rows[torch.randint(len(rows), (plan.batch,), generator=noise)]
        loss, wrong = bound(module, batch, weights, beta, noise)
        curve.append(float(wrong.detach()))
        value = _finite(loss, f"step {step} of {plan}")
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        if advance is not None:
            advance(1, f"loss {value:.3g}")
        if time.perf_counter() > deadline:
            ended_by = "deadline"
            break
    if ended_by == "schedule" and plan.polish:
        value, ended_by = _polish(module, rows, weights, plan, noise, deadline, advance)
    settle(module, rows)
    with torch.no_grad():
        left = module.decode(module.encode(rows)) - rows  # type: ignore[operator]
    return {
        "loss": value,
        "curve": np.array(curve),
        "window_rms": float(left.square().mean().sqrt()),
        "newest_rms": float(left[:, -1].square().mean().sqrt()),
        "seconds": time.perf_counter() - started,
        "ended_by": ended_by,
    }


def start(module: nn.Module, rows: Tensor) -> None:
    """Scale by the vectors (n, width), and let the linear maps be their principal components.

    The perceptrons begin small: what is learned stays as near to linear as the data allow, which
    keeps the latent smooth.
    """
    import torch

    m: Any = module
    with torch.no_grad():
        m.mean.copy_(rows.mean(0))
        m.sd.copy_(rows.std(0))
        scaled = (rows - m.mean) / m.sd
        values, axes = torch.linalg.eigh(scaled.T @ scaled / len(rows))
        d = m.project.out_features
        length = values.flip(0)[:d].clamp_min(1e-6 * float(values[-1])).sqrt()
        axes = axes.flip(1)[:, :d]
        m.project.weight.copy_((axes / length).T)
        m.expand.weight.copy_(axes * length)
        for layer in (m.project, m.expand, m.encoder[-1], m.decoder[-1]):
            layer.bias.zero_()
        m.encoder[-1].bias[d:] = -2.0  # log variance: the noise begins at a third of the spread
        for layer in (m.encoder[-1], m.decoder[-1]):
            layer.weight.mul_(0.1)


def bound(
    module: nn.Module,
    windows: Tensor,
    weights: Tensor,
    beta: float,
    noise: Generator | Tensor,
) -> tuple[Tensor, Tensor]:
    """Weighted mean square of the reconstruction plus the divergence, and the former alone.

    Squares are in units of the variance of each entry of the vectors.

    Args:
        module: the autoencoder.
        windows: (n, w).
        weights: (w,) of the samples of a window, sum 1.
        beta: weight of the divergence, summed over the latents, averaged over windows.
        noise: standard normals (n, d), or where to draw them from.
    """
    import torch

    mean, log_variance = module.posterior(windows)  # type: ignore[operator]
    if isinstance(noise, torch.Generator):
        noise = torch.randn(mean.shape, generator=noise, dtype=mean.dtype)
    latent = mean + torch.exp(0.5 * log_variance) * noise
    wrong = (module.decode(latent) - windows) / module.sd  # type: ignore[operator]
    divergence = 0.5 * (mean.square() + torch.exp(log_variance) - 1 - log_variance).sum(1)
    squares = (wrong.square() @ weights).mean()
    return squares + beta * divergence.mean(), squares


def _finite(loss: Tensor, where: str) -> float:
    value = float(loss.detach())
    if not math.isfinite(value):
        msg = f"the loss is {value} at {where}; lower its learning rate or look for outliers"
        raise FloatingPointError(msg)
    return value


def _polish(
    module: nn.Module,
    rows: Tensor,
    weights: Tensor,
    plan: Schedule,
    noise: Generator,
    deadline: float,
    advance: Progress | None,
) -> tuple[float, str]:
    """L-BFGS on a fixed set of windows with fixed noise: a deterministic function."""
    import torch

    chosen = rows
    if len(rows) > plan.points:
        chosen = rows[torch.randperm(len(rows), generator=noise)[: plan.points]]
    latents = module.encode(chosen[:1]).shape[1]  # type: ignore[operator]
    draws = torch.randn((len(chosen), latents), generator=noise, dtype=torch.float64)
    draws = (draws - draws.mean(0)) / draws.std(0)
    optimiser = torch.optim.LBFGS(
        list(module.parameters()),
        max_iter=20,
        history_size=50,
        line_search_fn="strong_wolfe",
        tolerance_change=0.0,
        tolerance_grad=0.0,
    )

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = bound(module, chosen, weights, plan.divergence[1], draws)[0]
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    value = math.nan
    for block in range(max(plan.polish // 20, 1)):
        value = _finite(optimiser.step(closure), f"polishing block {block} of {plan}")
        if advance is not None:
            advance(20, f"loss {value:.3g}")
        if time.perf_counter() > deadline:
            return value, "deadline"
    return value, "schedule"


def settle(module: nn.Module, windows: Tensor) -> None:
    """Standardise the latents inside the weights; the decoded windows stay the same.

    Args:
        module: the autoencoder, changed in place.
        windows: (n, w) over which mean and standard deviation are taken.
    """
    import torch

    with torch.no_grad():
        mean, log_variance = module.posterior(windows)  # type: ignore[operator]
        d = mean.shape[1]
        centre, sd = mean.mean(0), mean.std(0).clamp_min(1e-12)
        newest = windows[:, -1] - windows[:, -1].mean()
        sign = torch.where(((mean - centre) * newest[:, None]).sum(0) < 0, -1.0, 1.0)
        scale = sign * sd
        order = torch.argsort((log_variance - 2 * sd.log()).mean(0))
        m: Any = module
        out = m.encoder[-1]
        both = torch.cat([order, d + order])
        weight = torch.cat([out.weight[:d] / scale[:, None], out.weight[d:]])
        bias = torch.cat([(out.bias[:d] - centre) / scale, out.bias[d:] - 2 * sd.log()])
        out.weight.copy_(weight[both])
        out.bias.copy_(bias[both])
        m.project.weight.copy_((m.project.weight / scale[:, None])[order])
        m.project.bias.copy_((m.project.bias / scale)[order])
        for into in (m.decoder[0], m.expand):
            into.bias.add_(into.weight @ centre)
            into.weight.copy_((into.weight * scale)[:, order])
