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
        hidden: units of each hidden tanh layer of the encoder; the decoder has them reversed.
    """

    latent: int = 3
    window: int | tuple[int, ...] = 16
    hidden: tuple[int, ...] = (32, 32)

    def __post_init__(self) -> None:
        """Check the sizes."""
        width = len(lags(self.window))
        if not 1 <= self.latent <= width:
            msg = (
                f"latent is {self.latent}, the window has {width} samples; expected between 1 and "
                f"{width}"
            )
            raise ValueError(msg)
        if not self.hidden or min(self.hidden) < 1:
            msg = f"hidden is {self.hidden!r}; expected units of at least one layer, e.g. (32, 32)"
            raise ValueError(msg)

    def build(self, *, generator_seed: int, mean: float = 0.0, sd: float = 1.0) -> nn.Module:
        """The module with weights drawn from the seed, float64.

        ``encode(windows)`` and ``decode(latent)`` map batches (n, w) of delay vectors, oldest
        sample first, to latent means (n, d) and back, in the unit of the series; ``posterior``
        gives the latent's mean and log variance, ``newest`` the newest sample alone (n, 1).

        Args:
            generator_seed: of the weights.
            mean: of the series, in its unit.
            sd: standard deviation of the series.
        """
        import torch
        from torch import nn

        width, d = len(lags(self.window)), self.latent

        def layers(*sizes: int) -> nn.Sequential:
            parts: list[nn.Module] = []
            for n_in, n_out in zip(sizes[:-1], sizes[1:], strict=True):
                parts += [nn.Linear(n_in, n_out), nn.Tanh()]
            return nn.Sequential(*parts[:-1])

        class Autoencoder(nn.Module):
            mean: Tensor
            sd: Tensor

            def __init__(self, encoder: nn.Sequential, decoder: nn.Sequential) -> None:
                super().__init__()
                self.encoder, self.decoder = encoder, decoder
                self.register_buffer("mean", torch.tensor(float(mean)))
                self.register_buffer("sd", torch.tensor(float(sd)))

            def posterior(self, windows: Tensor) -> tuple[Tensor, Tensor]:
                out = self.encoder((windows - self.mean) / self.sd)
                return out[:, :d], out[:, d:]

            def encode(self, windows: Tensor) -> Tensor:
                return self.posterior(windows)[0]

            def decode(self, latent: Tensor) -> Tensor:
                return self.decoder(latent) * self.sd + self.mean

            def newest(self, latent: Tensor) -> Tensor:
                return self.decode(latent)[:, width - 1 :]

        with torch.random.fork_rng(devices=[]):  # module constructors take no generator
            torch.manual_seed(generator_seed)
            encoder = layers(width, *self.hidden, 2 * d)
            decoder = layers(d, *self.hidden[::-1], width)
        return Autoencoder(encoder, decoder).to(torch.float64)


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
    pieces: Sequence[np.ndarray],
    window: int | Sequence[int],
    *,
    schedule: Schedule | None = None,
    seed: int = 0,
    deadline: float = math.inf,
    advance: Progress | None = None,
) -> dict[str, Any]:
    """Train an autoencoder in place on the delay vectors of the pieces.

    Afterwards every latent has mean 0 and standard deviation 1 over the training windows and falls
    with the same sign as the newest sample, the most precise one first: what a rotation-free
    change of coordinates can fix, is fixed.

    Args:
        module: from `DelayVAE.build`.
        pieces: (n_i,) samples each, in the unit of the series.
        window: as in the configuration.
        schedule: default `Schedule()`.
        seed: draws batches and noise.
        deadline: time of ``time.perf_counter`` after which it stops.
        advance: called with the number of steps done and a note.

    Returns:
        ``loss`` of the last step, root-mean-square errors ``window_rms`` and ``newest_rms`` of the
        reconstruction from latent means in the unit of the series, ``seconds``, and ``ended_by``.

    Raises:
        FloatingPointError: the loss became non-finite.
        ValueError: pieces too short.
    """
    import torch

    plan = schedule or Schedule()
    started = time.perf_counter()
    rows = torch.as_tensor(np.concatenate(pieces_vectors(pieces, window)))
    parameters = [p for p in module.parameters() if p.requires_grad]
    noise = torch.Generator().manual_seed(seed)
    weights = torch.ones(rows.shape[1], dtype=torch.float64)
    weights[-1] = plan.newest
    weights /= weights.sum()
    optimiser = torch.optim.Adam(parameters, lr=plan.learning_rate[0])
    first, last = plan.learning_rate
    wide, sharp = plan.divergence
    value, ended_by = math.nan, "schedule"
    for step in range(plan.steps):
        share = step / max(plan.steps - 1, 1)
        beta = wide * (sharp / wide) ** share
        optimiser.param_groups[0]["lr"] = last + (first - last) * 0.5 * (
            1 + math.cos(math.pi * share)
        )
        batch = rows[torch.randint(len(rows), (plan.batch,), generator=noise)]
        loss = bound(module, batch, weights, beta, noise)
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
        wrong = module.decode(module.encode(rows)) - rows  # type: ignore[operator]
    return {
        "loss": value,
        "window_rms": float(wrong.square().mean().sqrt()),
        "newest_rms": float(wrong[:, -1].square().mean().sqrt()),
        "seconds": time.perf_counter() - started,
        "ended_by": ended_by,
    }


def bound(
    module: nn.Module,
    windows: Tensor,
    weights: Tensor,
    beta: float,
    noise: Generator | Tensor,
) -> Tensor:
    """Weighted mean square of the reconstruction, in variances of the series, plus the divergence.

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
    return (wrong.square() @ weights).mean() + beta * divergence.mean()


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
        [p for p in module.parameters() if p.requires_grad],
        max_iter=20,
        history_size=50,
        line_search_fn="strong_wolfe",
        tolerance_change=0.0,
        tolerance_grad=0.0,
    )

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = bound(module, chosen, weights, plan.divergence[1], draws)
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
        out: Any = module.encoder[-1]  # type: ignore[index]
        into: Any = module.decoder[0]  # type: ignore[index]
        weight = torch.cat([out.weight[:d] / scale[:, None], out.weight[d:]])
        bias = torch.cat([(out.bias[:d] - centre) / scale, out.bias[d:] - 2 * sd.log()])
        both = torch.cat([order, d + order])
        out.weight.copy_(weight[both])
        out.bias.copy_(bias[both])
        into.bias.add_(into.weight @ centre)
        into.weight.copy_((into.weight * scale)[:, order])
