"""Stages of the training of driven flows: many starts on short windows, then runs from rest."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from snnsurrogate import units
from snnsurrogate.surrogate import least_squares, stages
from snnsurrogate.surrogate._driven_fit import Flow, FromRest, Records, Windows, descend, weights
from snnsurrogate.surrogate._driven_fit import rest as find_rest
from snnsurrogate.surrogate._driven_start import regression
from snnsurrogate.surrogate._loop import CHECKPOINT_SECONDS, Context
from snnsurrogate.surrogate.scaling import Scaling

_SETTLED = 8  # iterations that must lower the cost by the tolerance


@dataclass(frozen=True, kw_only=True, eq=False)
class Problem:
    """The model and its data as the sums of squares take them."""

    flow: Flow
    records: Records
    skip: int  # points at the beginning of a record whose encoder features reach before it


def problem(at: Context) -> Problem:
    """Of a context; the features of the encoder are made once per training."""
    data, model = at.data, at.model
    states = model.encoder == "states"
    features = data.features(data.outline(), states=states)
    records = data.records(features, input_scale=model.input_scale, scaling=at.scaling)
    skip = 0 if states else data.reach()
    return Problem(flow=model.flow(len(data.names)), records=records, skip=skip)


def starts(stage: stages.Starts, at: Context) -> bool:
    """Try starts until enough of them live; keep the best. False when the deadline came first.

    Raises:
        ValueError: every start died.
    """
    run, it = at.run, problem(at)
    kept = _kept(at)
    while run.step < stage.count and len(kept) < stage.keep:
        began, rng = time.perf_counter(), np.random.default_rng([at.seed, 5 * 10**6, run.step])
        p, explained, cost, horizon, whole = _one_start(stage, at, it, rng)
        if not whole:  # it begins again when the training is taken up
            _store(at, it.flow, min(kept, key=lambda c: c[0])[1] if kept else p)
            run.recent = [cost for cost, _ in kept]
            at.checkpoint({f"start.{i}": _tensor(p) for i, (_, p) in enumerate(kept)})
            return False
        run.step += 1
        explains = explained >= stage.alive and horizon == stage.horizons[-1][0]
        lives = explains and _rests(it, p)
        at.advance(stages.per_step(stage), f"start {run.step}: {explained:.3f} explained")
        at.note(
            loss=cost, start=run.step, explained=round(explained, 4), reached=horizon, lives=lives,
            start_seconds=round(time.perf_counter() - began, 2),
        )  # fmt: skip
        if lives:
            kept.append((cost, p))
        else:
            why = f"explains {100 * explained:.0f} % of the variance of windows of {horizon}"
            if explains:
                why = "has no stable state without input"
            warnings.warn(f"start {run.step} died: it {why}; another one is made", stacklevel=2)
        if kept:
            _store(at, it.flow, min(kept, key=lambda c: c[0])[1])
        run.recent = [cost for cost, _ in kept]
        finished = run.step == stage.count or len(kept) >= stage.keep
        if not finished:
            at.checkpoint({f"start.{i}": _tensor(p) for i, (_, p) in enumerate(kept)})
        if time.perf_counter() > at.deadline and not finished:
            if not kept:
                break
            return False
    if not kept:
        msg = (
            f"all {run.step} starts died (flat or wrong on windows of {stage.horizons[0][0]} to "
            f"{stage.horizons[-1][0]}); give more starts, a longer budget or another seed"
        )
        raise ValueError(msg)
    return True


def _kept(at: Context) -> list[tuple[float, np.ndarray]]:
    held = [at.extra[f"start.{i}"].numpy() for i in range(len(at.run.recent))]
    return list(zip(at.run.recent, held, strict=True))


def _one_start(
    stage: stages.Starts, at: Context, it: Problem, rng: np.random.Generator
) -> tuple[np.ndarray, float, float, str, bool]:
    """Train one start over growing horizons.

    Returns:
        Parameters, share explained, cost, last horizon, and whether the deadline left it whole.
    """
    flow, records = it.flow, it.records
    width = records.features.shape[2]
    encoder = np.zeros((flow.units, width))
    theta = at.model.draw(len(at.data.names), rng)
    found = None
    if at.model.encoder == "states":
        found = regression(flow, records, at.data, theta, rng)
    if found is not None:
        theta, encoder = found
    else:
        about = at.data.outline()["recorded"]
        k = about["observed"] if at.model.encoder == "states" else 0
        encoder += 0.1 * rng.normal(size=encoder.shape)
        encoder[0] = 0.0
        # the first unit is read out with weight w: it starts where y is
        w = flow.gain * theta[-flow.units - 1]
        encoder[0, k] = about["half"][about["observed"]] / w
        encoder[0, -1] = (about["mid"][about["observed"]] - flow.offset) / w
    p = np.concatenate([theta, encoder.ravel()])
    free = np.concatenate([np.flatnonzero(flow.free), np.arange(flow.size, p.size)])
    cost = explained = math.inf
    for number, (horizon, count) in enumerate(stage.horizons):
        steps = round(units.magnitude(horizon, "ms", what="horizon") / records.dt)
        # the first horizon is met with an almost quadratic loss: gradients reach far-off starts
        cut, iterations = (30.0, stage.first) if number == 0 else (6.0, stage.iterations)
        windows = Windows(flow, records, horizon=steps, count=count, skip=it.skip, rng=rng, cut=cut)
        damping = least_squares.Damping(1.0 if number == 0 else 1e-2, 2.0)
        history: list[float] = []
        for _ in range(iterations):
            p, _, cost, accepted = descend(windows.evaluate, p, free, damping)
            damping.value = max(damping.value, 1e-6)
            history.append(cost)
            settled = len(history) > _SETTLED and cost > 0.99 * history[-_SETTLED - 1]
            if time.perf_counter() > at.deadline:
                return p, -math.inf, cost, horizon, False
            if not accepted or settled:
                break
        explained = windows.explained(p)
        if not math.isfinite(cost) or explained < (
            stage.alive if number else 1 - 2 * (1 - stage.alive)
        ):
            break
    return p, explained if math.isfinite(explained) else -math.inf, cost, horizon, True


def _rests(it: Problem, p: np.ndarray) -> bool:
    """Whether there is a stable state without input, at every parameter point."""
    theta, encoder = p[: it.flow.size], p[it.flow.size :].reshape(it.flow.units, -1)
    guess = encoder @ it.records.features[0, 0]
    for q in np.unique(it.records.start[:, 0, 1:], axis=0):
        found = find_rest(it.flow, theta, guess, np.concatenate([[0.0], q]), it.records.dt)
        if found is None:
            return False
        guess = found[0]
    return True


def from_rest(stage: stages.FromRest, at: Context) -> bool:
    """Rounds of runs from rest, noise drawn anew each; False when the deadline came first."""
    run, it = at.run, problem(at)
    flow, records = it.flow, it.records
    steps = round(units.magnitude(stage.duration, "ms", what="duration") / records.dt)
    if steps > records.start.shape[1]:
        have = units.format_quantity(records.start.shape[1] * records.dt, "ms")
        msg = f"a stage of runs of {stage.duration} needs records as long; they last {have}"
        raise ValueError(msg)
    fixed, random = np.flatnonzero(~records.random), np.flatnonzero(records.random)
    free = np.flatnonzero(flow.free)
    theta = weights(at.module, "theta")
    guess = weights(at.module, "encoder") @ records.features[0, 0]
    guess = at.extra["guess"].numpy() if "guess" in at.extra else guess
    last_save = time.perf_counter()
    while run.step < stage.rounds * stage.iterations:
        number = run.step // stage.iterations
        rng = np.random.default_rng([at.seed, 6 * 10**6, run.stage, number])
        drawn = rng.choice(random, min(stage.random, len(random)), replace=False)
        runs = FromRest(
            flow, records, np.concatenate([fixed, drawn]), steps=steps, guess=guess,
            wrong=stage.wrong, trust=stage.trust,
        )  # fmt: skip
        damping = least_squares.Damping(*run.damping) if run.recent else least_squares.Damping(1e-2)
        while run.step < (number + 1) * stage.iterations:
            theta, before, after, accepted = descend(runs.evaluate, theta, free, damping)
            if not math.isfinite(before):
                msg = (
                    "the model has no stable state without input, from which runs could start; "
                    "give the stage Starts more windows or another seed"
                )
                raise FloatingPointError(msg)
            guess = runs.guess
            run.damping, run.recent = (damping.value, damping.growth), [*run.recent[-3:], after]
            run.step += 1
            settled = len(run.recent) == 4 and after > 0.997 * run.recent[0]
            at.advance(stages.per_step(stage), f"cost {after:.4g}, {runs.mismatched} wrong counts")
            if not accepted or settled:
                run.step = (number + 1) * stage.iterations
            now = time.perf_counter()
            if now - last_save > CHECKPOINT_SECONDS or now > at.deadline:
                _store(at, flow, np.concatenate([theta, _encoder(at, records, guess)]))
                at.checkpoint({"guess": _tensor(guess)})
                last_save = now
            if now > at.deadline:
                at.record(after)
                return False
        run.recent = []
        _store(at, flow, np.concatenate([theta, _encoder(at, records, guess)]))
        at.record(after)
    return True


def _encoder(at: Context, records: Records, rest: np.ndarray) -> np.ndarray:
    """The encoder, moved so that it still points at the state at rest after theta has changed."""
    encoder = weights(at.module, "encoder")
    encoder[:, -1] += rest - encoder @ records.features[0, 0]
    return encoder.ravel()


def run_error(
    model: Any, data: Any, scaling: Scaling, module: Any
) -> Callable[[], list[float] | None]:
    """Root mean square error of the observed quantity, whole records from rest; None if no rest."""
    features = data.features(data.outline(), states=model.encoder == "states")
    records = data.records(features, input_scale=model.input_scale, scaling=scaling)
    rows = np.flatnonzero(~records.random)
    flow = model.flow(len(data.names))

    def error() -> list[float] | None:
        theta = weights(module, "theta")
        guess = weights(module, "encoder") @ records.features[0, 0]
        runs = FromRest(flow, records, rows, steps=records.start.shape[1], guess=guess)
        wrong = runs.errors(theta)
        return None if wrong is None else [float(np.sqrt(np.square(wrong).mean()))]

    return error


def rest(surrogate: Any, data: Any) -> list[float]:
    """State at rest at the first parameter point; where there is none, what the encoder says."""
    model = surrogate.model
    features = data.features(data.outline(), states=model.encoder == "states")
    records = data.records(features, input_scale=model.input_scale, scaling=surrogate.scaling)
    guess = weights(surrogate.module, "encoder") @ features[0, 0]
    x = np.concatenate([[0.0], records.start[0, 0, 1:]])
    theta = weights(surrogate.module, "theta")
    found = find_rest(model.flow(len(data.names)), theta, guess, x, records.dt)
    return [float(v) for v in (guess if found is None else found[0])]


def _store(at: Context, flow: Flow, p: np.ndarray) -> None:
    import torch

    held = {"theta": p[: flow.size], "encoder": p[flow.size :].reshape(flow.units, -1)}
    at.module.load_state_dict({name: torch.tensor(values) for name, values in held.items()})


def _tensor(values: np.ndarray) -> Any:
    import torch

    return torch.as_tensor(values)
