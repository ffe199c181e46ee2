"""Which dimension the recovered state needs: autoencoders of dimension 1, 2, ... compared.

The dimension is the smallest from which on the future does not follow better from more. Errors
of three predictions from a latent state, on held-out data, are multiplied, each of which is wrong
for some series when it stands alone:

- *predictability*: the next latent state by a smooth map of limited size, which suffers where the
  latent space is folded;
- *neighbours*: the next latent state by the nearest one, which suffers where it crosses itself;
- *future*: the mean of the series over the next half window by a smooth map.

Each also votes alone, and how far votes are from the choice is the warning level. The error of
reconstruction, the active latents, false nearest neighbours and Cao's E1 stand beside them: where a
reconstruction stops improving depends on the window. The constants were set on the Roessler, van
der Pol, Hindmarsh-Rose, Morris-Lecar and a hyperchaotic flow, a torus, and the bursting neuron at
other parameters than those the documentation reports.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from snnsurrogate.surrogate.embedding.delays import Series, series_of
from snnsurrogate.surrogate.embedding.neighbours import false_neighbours
from snnsurrogate.surrogate.embedding.predictability import (
    ahead,
    neighbour_error,
    pairs,
    smooth_error,
)
from snnsurrogate.surrogate.embedding.vae import DelayVAE, Schedule, train
from snnsurrogate.surrogate.embedding.window import choose_averages, choose_window

QUICK = Schedule(steps=300, batch=128, polish=100, points=1000)
HIDDEN = (24, 24)
PLATEAU = 2.0  # an error within this factor of the median of larger dimensions stopped falling
ENOUGH = 0.01  # ... and so has one below this share of the increments
_SAMPLES = 16_000  # longer series are cut: seconds, not minutes
_CURVE = 30  # points of a stored training curve


def select_dimension(
    series: Series | xr.Dataset,
    *,
    window: int | Sequence[int] | None = None,
    averages: Sequence[float] | None = None,
    largest: int = 6,
    repeats: int = 2,
    seed: int = 0,
    schedule: Schedule | None = None,
    progress: Callable[[int, str], None] | None = None,
) -> xr.Dataset:
    """Train autoencoders of dimension 1 ... ``largest`` and choose one by what they predict.

    The last third of every piece is held out. About ten seconds on one core.

    Args:
        series: the series, or a dataset of the package's schema whose first state is taken.
        window: of the delay vectors; default `choose_window`.
        averages: time constants in samples of exponential averages, as in `DelayVAE`; default
            `choose_averages`.
        largest: most dimensions tried.
        repeats: autoencoders of each dimension; errors are averaged as logarithms.
        seed: of weights, batches and noise.
        schedule: of every autoencoder; default a quick one.
        progress: called after every autoencoder with 1 and a note.

    Returns:
        Over ``dimension``: ``reconstruction`` and ``newest`` (held-out root-mean-square errors in
        standard deviations of the series), ``predictability``, ``neighbours`` and ``future`` (see
        the module), ``unpredicted``, their geometric mean, ``active`` (latents that carry
        information), ``training`` (dimension, progress) (the training curves). Over
        ``coordinates``: ``false_neighbours`` and ``e1``. Attributes: ``dimension``, the choice;
        ``votes`` (JSON) of the three errors; ``warning``: 0, all agree; 1, one differs by one; 2,
        more; ``window`` and ``averages`` (JSON) and ``lag``.

    Raises:
        ValueError: a series too short for the embedding, or fewer than two dimensions to compare.
    """
    if largest < 2:
        msg = f"largest is {largest}; expected at least 2 dimensions to compare"
        raise ValueError(msg)
    given = series if isinstance(series, Series) else series_of(series)
    chosen: Any = choose_window(given) if window is None else window
    if averages is None:
        averages = choose_averages(given, _span(chosen) + 1)
    most = _SAMPLES // len(given.pieces)
    pieces = [(p[:most] - given.mean) / given.sd for p in given.pieces]
    sizes = DelayVAE(latent=1, window=_plain(chosen), averages=tuple(averages))
    parts = [sizes.vectors([p]) for p in pieces if p.size > _least(sizes)]
    if not parts:
        msg = (
            f"no piece of {given.name!r} has {_least(sizes)} samples, which the choice of a "
            f"dimension needs; record longer pieces, or take a shorter window than {chosen}"
        )
        raise ValueError(msg)
    # the windows held out share no sample with those trained on
    cuts = [(2 * len(v)) // 3 for [v] in parts]
    fitted = [v[:cut] for [v], cut in zip(parts, cuts, strict=True)]
    held = [v[cut + _span(chosen) :] for [v], cut in zip(parts, cuts, strict=True)]

    rows: list[dict[str, Any]] = []
    for d in range(1, largest + 1):
        config = replace(sizes, latent=d, hidden=HIDDEN)
        every = [
            _one(config, fitted, held, schedule or QUICK, seed + 1000 * i) for i in range(repeats)
        ]
        rows.append({k: np.exp(np.mean([np.log(r[k]) for r in every], axis=0)) for k in every[0]})
        if progress is not None:
            progress(1, f"dimension {d}: {rows[-1]['unpredicted']:.2g} left unpredicted")
    curves = {k: np.array([r[k] for r in rows]) for k in rows[0]}
    lag = max(1, round(_span(chosen) / 2))
    longest = max(pieces, key=np.size)
    delay = false_neighbours(longest, lag=lag, largest=largest, seed=seed)
    votes = {k: plateau(curves[k]) for k in ("predictability", "neighbours", "future")}
    return _dataset(curves, delay, votes, sizes=sizes, lag=lag, given=given)


def plateau(errors: np.ndarray) -> int:
    """The smallest dimension whose error is small, or near the median of all larger ones.

    Args:
        errors: (dimension,) for dimension 1, 2, ...
    """
    for i, error in enumerate(errors[:-1]):
        if error <= max(ENOUGH, PLATEAU * float(np.median(errors[i + 1 :]))):
            return i + 1
    return len(errors)


def _plain(window: int | Sequence[int]) -> int | tuple[int, ...]:
    return int(window) if isinstance(window, int | np.integer) else tuple(map(int, window))


def _span(window: int | Sequence[int]) -> int:
    return window - 1 if isinstance(window, int | np.integer) else max(window)


def _least(config: DelayVAE) -> int:
    before = max([_span(config.window), *(int(np.ceil(4 * t)) for t in config.averages)])
    return before + 20 * _span(config.window)


def _one(
    config: DelayVAE,
    fitted: Sequence[np.ndarray],
    held: Sequence[np.ndarray],
    schedule: Schedule,
    seed: int,
) -> dict[str, Any]:
    """Figures of one autoencoder."""
    import torch

    module: Any = config.build(generator_seed=seed)
    history = train(module, fitted, schedule=schedule, seed=seed)
    with torch.no_grad():
        rows = torch.as_tensor(np.concatenate(fitted))
        noise = torch.exp(module.posterior(rows)[1]).mean(0)
        # a latent without information is standardised noise: it counts by what it carries
        weight = (1 - noise.clamp_max(1)).sqrt()
        latents = [
            [(module.encode(torch.tensor(v)) * weight).numpy() for v in part]
            for part in (fitted, held)
        ]
        fresh = torch.as_tensor(np.concatenate(held))
        wrong = (module.decode(module.encode(fresh)) - fresh) / module.sd
    now, later = pairs(latents[0]), pairs(latents[1])
    span = max(2, (_span(config.window) + 1) // 2)
    errors = {
        "predictability": smooth_error(now, later, seed=seed),
        "neighbours": neighbour_error(now, later),
        "future": smooth_error(
            ahead(latents[0], fitted, span), ahead(latents[1], held, span), seed=seed
        ),
    }
    curve = history["curve"]
    blocks = np.array_split(curve, min(_CURVE, len(curve)))
    return {
        "reconstruction": float(wrong.square().mean().sqrt()),
        "newest": float(wrong[:, -1].square().mean().sqrt()),
        **errors,
        "unpredicted": float(np.exp(np.mean(np.log(list(errors.values()))))),
        "active": max(1, int((noise < 0.1).sum())),
        "training": np.sqrt([b.mean() for b in blocks]),
    }


def _dataset(
    curves: dict[str, np.ndarray],
    delay: dict[str, np.ndarray],
    votes: dict[str, int],
    *,
    sizes: DelayVAE,
    lag: int,
    given: Series,
) -> xr.Dataset:
    dimension = np.arange(1, len(curves["newest"]) + 1)
    about = {
        "reconstruction": "held-out error of the decoded vector, in standard deviations",
        "newest": "held-out error of the newest sample, in standard deviations",
        "predictability": "error of the next latent by a smooth map, as a share of its increment",
        "neighbours": "error of the next latent by its neighbour, as a share of its increment",
        "future": "error of the mean over the next half window, in its standard deviations",
        "unpredicted": "geometric mean of the three errors of prediction",
        "active": "latents whose noise is below a tenth of their variance",
        "training": "reconstruction error during training, in standard deviations",
    }
    variables: dict[str, Any] = {
        k: (
            ("dimension", "progress") if k == "training" else ("dimension",),
            v,
            {"long_name": about[k], "units": "1"},
        )
        for k, v in curves.items()
    }
    variables["false_neighbours"] = (
        ("coordinates",),
        delay["false"],
        {"long_name": "share of false neighbours among delay coordinates", "units": "1"},
    )
    variables["e1"] = (("coordinates",), delay["e1"], {"long_name": "Cao's E1", "units": "1"})
    choice = plateau(curves["unpredicted"])
    away = sorted(abs(v - choice) for v in votes.values())
    warning = 0 if away[-1] == 0 else 1 if away[-1] == 1 and away[-2] == 0 else 2
    return xr.Dataset(
        variables,
        coords={"dimension": dimension, "coordinates": dimension},
        attrs={
            "dimension": choice,
            "votes": json.dumps(votes),
            "warning": warning,
            "window": json.dumps(sizes.window),
            "averages": json.dumps(sizes.averages),
            "lag": lag,
            "series": given.name,
            "time_step": given.time_step,
            "time_unit": given.time_unit,
        },
    )
