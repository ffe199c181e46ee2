"""Stages of a model of scalar series: the embedding, then the map, accepted by its free runs."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from snnsurrogate.surrogate import _free_run, embedding, least_squares, stages
from snnsurrogate.surrogate._loop import CHECKPOINT_SECONDS, Context
from snnsurrogate.surrogate._series_fit import (
    Fit,
    Judge,
    Material,
    assign,
    kept_steps,
    slow_to_fast,
    states,
    weights,
)
from snnsurrogate.surrogate._warnings import RejectedError
from snnsurrogate.surrogate.scaling import Scaling
from snnsurrogate.surrogate.series_data import SeriesData

# Weight of the sum of squares of theta beside that of the residuals where parameters vary: between
# the few values that were seen nothing but smoothness says what the map is.
_DECAY = 0.1

if TYPE_CHECKING:
    from torch import Tensor, nn

    from snnsurrogate.surrogate.surrogate import Surrogate


def embed(stage: stages.Embed, at: Context) -> bool:
    """Train the autoencoder and set the coordinates of the state; False when time was up."""
    import torch

    config = at.model.embedding
    vectors = config.vectors(list(at.data.series.pieces))
    module: Any = at.module
    fresh = config.build(generator_seed=at.seed)  # a run that was cut short begins again
    module.autoencoder.load_state_dict(fresh.state_dict())
    report = embedding.train(
        module.autoencoder,
        vectors,
        schedule=embedding.Schedule(steps=stage.steps, batch=stage.batch, polish=stage.polish),
        seed=at.seed,
        deadline=at.deadline,
        advance=at.advance,
    )
    with torch.no_grad():
        parts = [module.autoencoder.encode(torch.as_tensor(v.copy())).numpy() for v in vectors]
        mean, axes = slow_to_fast(parts)
        module.centre.copy_(torch.as_tensor(mean))
        module.axes.copy_(torch.as_tensor(axes))
        module.back.copy_(torch.as_tensor(np.linalg.inv(axes)))
        change = np.concatenate([np.diff((z - mean) @ axes, axis=0) for z in parts])
        module.increment_scale.copy_(torch.as_tensor(change.std(axis=0)))
    at.run.step = stages.steps(stage)
    at.note(
        loss=report["loss"],
        window_rms=report["window_rms"],
        newest_rms=report["newest_rms"],
        increments=[float(v) for v in module.increment_scale],
    )
    return bool(report["ended_by"] == "schedule")


def _redraw_weights(module: nn.Module, seed: list[int]) -> None:
    """Initial weights of another start."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(np.random.default_rng(seed).integers(2**31)))
        for layer in least_squares.linear_layers(module.net):  # type: ignore[arg-type]
            layer.reset_parameters()


def multi_step(stage: stages.MultiStep, at: Context) -> bool:
    """Fit the map from one start after the other until one is accepted; False when time was up.

    The best state of all, by its free runs, is left in the module.
    """
    run, module = at.run, at.module
    decay = 0.0 if at.data.controlled else _DECAY
    material = Material.of(module, at.data, at.scaling, stage.floor)
    judge = Judge(module, at.data, at.scaling, stage.runs)
    place: dict[str, Any] = {"start": 0, "horizon": 0, "iteration": 0, "best": math.inf,
                             "accepted": False} | run.position  # fmt: skip
    best: np.ndarray | None = at.extra["best"].numpy() if "best" in at.extra else None

    def save() -> None:
        import torch

        run.position = dict(place)
        at.checkpoint({} if best is None else {"best": torch.as_tensor(best)})

    last_save = time.perf_counter()
    while place["start"] < stage.starts:
        while place["horizon"] < len(stage.horizons):
            horizon, n, iterations = stage.horizons[place["horizon"]]
            final = place["horizon"] == len(stage.horizons) - 1
            fit = Fit(weights(module)[1], judge.scale, kept_steps(horizon), decay)
            key = [at.seed, 5 * 10**6, place["start"], place["horizon"]]
            every = iterations if horizon == 1 else stage.redraw
            mean = math.nan
            for iteration in range(place["iteration"], iterations):
                if iteration % every == 0 or iteration == place["iteration"]:
                    rng = np.random.default_rng([*key, iteration // every])
                    fit.draw(material.segments(horizon, n, rng))
                mean, moved = _iterate(fit, module, run)
                run.step += 1
                place["iteration"] = iteration + 1
                at.advance(stages.per_step(stage), f"{horizon} steps, mean square {mean:.2e}")
                if final and ((iteration + 1) % stage.judge == 0 or iteration + 1 == iterations):
                    found = judge()
                    rank = (not found["accepted"], found["distance"])
                    if best is None or rank < (not place["accepted"], place["best"]):
                        best = weights(module)[0].copy()
                        place |= {"best": found["distance"], "accepted": found["accepted"]}
                    if place["accepted"] and place["best"] < stage.enough:
                        break
                now = time.perf_counter()
                if now > at.deadline:
                    save()
                    if best is not None:
                        assign(module, best)
                    return False
                if now - last_save > CHECKPOINT_SECONDS:
                    save()
                    last_save = now
                if not moved and horizon == 1:
                    break
            at.note(loss=mean, start=place["start"], horizon=horizon)
            place |= {"horizon": place["horizon"] + 1, "iteration": 0}
        at.note(start=place["start"], distance=place["best"], accepted=place["accepted"])
        place |= {"start": place["start"] + 1, "horizon": 0}
        if place["accepted"]:
            break
        if place["start"] < stage.starts:
            _redraw_weights(module, [at.seed, 6 * 10**6, place["start"]])
            run.damping = (1e-3, 2.0)
    run.position = {}
    if best is not None:
        assign(module, best)
    return True


def _iterate(fit: Fit, module: nn.Module, run: Any) -> tuple[float, bool]:
    """One step of Levenberg-Marquardt: mean square after it, and whether it moved."""
    theta = weights(module)[0]
    gram, grad, before = fit.normal_equations(theta)
    if not math.isfinite(before):
        msg = (
            f"free runs of {fit.targets.shape[1]} steps diverge (sum of squares {before}); take "
            "horizons that grow more slowly, or more iterations of the shorter ones"
        )
        raise FloatingPointError(msg)
    damping = least_squares.Damping(*run.damping)
    delta, after = least_squares.damped(
        gram, grad, before, damping, lambda d: fit.cost(theta + d), max_tries=8
    )
    if delta is None:
        damping = least_squares.Damping()
    else:
        assign(module, theta + delta)
    run.damping = (damping.value, damping.growth)
    return after / fit.size, delta is not None


def about(surrogate: Surrogate, data: SeriesData) -> dict[str, Any]:
    """What the card says of the recovered state and of the free runs."""
    module = surrogate.module
    parts, which = states(module, data)
    every = np.concatenate(parts)
    judge = Judge(module, data, surrogate.scaling, 8, shift=0.5)
    history = surrogate.history
    embedded = [h for h in history if h["kind"] == "embed"]
    tried = [h for h in history if "distance" in h]
    return {
        "choice": data.choice,
        "visited": {"low": every.min(axis=0).tolist(), "high": every.max(axis=0).tolist()},
        "starts": [
            {
                "parameters": data.p[i].tolist(),
                "states": x[np.linspace(0, len(x) - 1, 9).astype(int)[1:]].tolist(),
            }
            for x, i in zip(parts, which, strict=True)
        ],
        "embedding": {
            k: embedded[-1][k] for k in ("window_rms", "newest_rms", "increments") if embedded
        },
        "acceptance": {
            **judge(),
            "limits": dict(_free_run.LARGEST),
            "tried": [{k: h[k] for k in ("start", "distance", "accepted")} for h in tried],
        },
    }


def need_accepted(surrogate: Surrogate) -> None:
    """Raise where the final free runs are not like the series.

    Raises:
        RejectedError: says how they differ, and what to try.
    """
    found = surrogate.card["acceptance"]
    if found["accepted"]:
        return
    wrong = ", ".join(
        f"{name} by {value:.3g} (at most {found['limits'][name]:g})"
        for name, value in found["differences"].items()
    )
    msg = (
        f"no map was accepted: {found['of'] - found['starts']} of {found['of']} free runs of the "
        f"best one are not like the series, {found['of'] - found['inside']} leave the data; at "
        f"worst they differ in {wrong}. Train with another seed, more starts or iterations, a "
        "longer series, or another window"
    )
    raise RejectedError(msg, surrogate)


def error_logger(data: SeriesData, scaling: Scaling, module: nn.Module) -> Any:
    """Mean square one-step error of every coordinate, in units of its increment."""
    import torch

    def error() -> list[float]:
        parts, which = states(module, data)
        q = [np.repeat(scaling.parameters(data.p[i])[None], len(x) - 1, axis=0)
             for x, i in zip(parts, which, strict=True)]  # fmt: skip
        x, y = (np.concatenate([p[s] for p in parts]) for s in (slice(-1), slice(1, None)))
        with torch.no_grad():
            carry: Tensor = torch.as_tensor(x)
            step = module.step(carry, torch.as_tensor(np.concatenate(q))).numpy()  # type: ignore[operator]
        wrong = (step - y) / np.asarray(module.increment_scale)
        return [float(v) for v in (wrong**2).mean(axis=0)]

    return error
