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
from snnsurrogate.surrogate._driven_fit import Flow, Records, Windows, descend, weights
from snnsurrogate.surrogate._driven_fit import rest as find_rest
from snnsurrogate.surrogate._driven_rest import FromRest
from snnsurrogate.surrogate._driven_start import regression
from snnsurrogate.surrogate._loop import CHECKPOINT_SECONDS, Context
from snnsurrogate.surrogate.scaling import Scaling

_SETTLED = 8  # iterations that must lower the cost by the tolerance
_STATES, _LONG = 32, 200.0  # states that are let go without input, for so many ms


@dataclass(frozen=True, kw_only=True, eq=False)
class Problem:
    """The model and its data as the sums of squares take them."""

    flow: Flow
    records: Records


def problem(at: Context) -> Problem:
    """Of a context; the features of the encoder are made once per training."""
    data, model = at.data, at.model
    features = data.features(data.outline(), states=model.encoder == "states")
    records = data.records(features, input_scale=model.input_scale, scaling=at.scaling)
    return Problem(flow=model.flow(len(data.names)), records=records)


def starts(stage: stages.Starts, at: Context) -> bool:
    """Try starts until enough of them live and keep these, the best first.

    Returns:
        False when the deadline came first.

    Raises:
        ValueError: every start died.
    """
    run, it = at.run, problem(at)
    held = _held(at)
    kept = list(zip(run.recent, (c.p for c in held), strict=True))
    while run.step < stage.count and len(kept) < stage.keep:
        began, rng = time.perf_counter(), np.random.default_rng([at.seed, 5 * 10**6, run.step])
        p, explained, cost, horizon, whole = _one_start(stage, at, it, rng)
        if not whole:  # it begins again when the training is taken up
            _store(at, it.flow, kept[0][1] if kept else p)
            at.checkpoint(_tensors([_candidate(it, p) for _, p in kept]))
            return False
        run.step += 1
        lives = explained >= stage.alive and horizon == stage.horizons[-1][0]
        at.advance(stages.per_step(stage), f"start {run.step}: {explained:.3f} explained")
        at.note(
            loss=cost, start=run.step, explained=round(explained, 4), reached=horizon, lives=lives,
            start_seconds=round(time.perf_counter() - began, 2),
        )  # fmt: skip
        if lives:
            kept = sorted([*kept, (cost, p)], key=lambda c: c[0])
            _store(at, it.flow, kept[0][1])
        else:
            why = f"explains {100 * explained:.0f} % of the variance of windows of {horizon}"
            warnings.warn(f"start {run.step} died: it {why}; another one is made", stacklevel=2)
        run.recent = [cost for cost, _ in kept]
        at.carry = _tensors([_candidate(it, p) for _, p in kept])
        finished = run.step == stage.count or len(kept) >= stage.keep
        if not finished:
            at.checkpoint(at.carry)
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


@dataclass(eq=False)
class _Candidate:
    """One of the starts that are still in the race: (theta, encoder), and its state at rest."""

    p: np.ndarray
    guess: np.ndarray


def _candidate(it: Problem, p: np.ndarray) -> _Candidate:
    encoder = p[it.flow.size :].reshape(it.flow.units, -1)
    return _Candidate(p, encoder @ it.records.features[0, 0])


def _tensors(held: list[_Candidate]) -> dict[str, Any]:
    """As a checkpoint holds them, and as they go from stage to stage."""
    made: dict[str, Any] = {}
    for i, candidate in enumerate(held):
        made |= {f"candidate.{i}": _tensor(candidate.p), f"guess.{i}": _tensor(candidate.guess)}
    return made


def _held(at: Context) -> list[_Candidate]:
    held: list[_Candidate] = []
    while f"candidate.{len(held)}" in at.extra:
        p, guess = (at.extra[f"{name}.{len(held)}"].numpy() for name in ("candidate", "guess"))
        held.append(_Candidate(p.copy(), guess.copy()))
    return held


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
    states = at.model.encoder == "states"
    # every other start does without the recorded states: none of the two is always better
    found = regression(
        flow, records, at.data, theta, rng, states=states, imitate=states and at.run.step % 2 == 0
    )
    if found is not None:
        theta, encoder = found
    else:
        about = at.data.outline()["recorded"]
        k = about["observed"] if states else 0
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
        windows = Windows(flow, records, horizon=steps, count=count, rng=rng, cut=cut, pool=at.pool)
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


def check_length(stage: stages.FromRest, data: Any) -> None:
    """Raise if the records are shorter than the runs: the starts come first, and take long."""
    have = data.start.shape[1] * data.time_step
    if units.magnitude(stage.duration, "ms", what="duration") > have * (1 + 1e-9):
        last = units.format_quantity(have, "ms")
        msg = f"a stage of runs of {stage.duration} needs records as long; they last {last}"
        raise ValueError(msg)


def from_rest(stage: stages.FromRest, at: Context) -> bool:
    """Rounds of runs from rest of the best candidates, noise drawn anew each; the best one stays.

    Returns:
        False when the deadline came first.

    Raises:
        FloatingPointError: none of them ends with a stable state without input.
    """
    run, it = at.run, problem(at)
    flow, records = it.flow, it.records
    steps = round(units.magnitude(stage.duration, "ms", what="duration") / records.dt)
    held = _held(at) or [_candidate(it, _stored(at))]
    held = held[: stage.candidates]
    fixed, random = np.flatnonzero(~records.random), np.flatnonzero(records.random)
    free = np.flatnonzero(flow.free)
    last_save = time.perf_counter()
    while run.step < len(held) * stage.rounds * stage.iterations:
        number = run.step // stage.iterations
        which, round_ = divmod(number, stage.rounds)
        candidate = held[which]
        rng = np.random.default_rng([at.seed, 6 * 10**6, run.stage, round_])
        drawn = rng.choice(random, min(stage.random, len(random)), replace=False)
        runs = _runs(at, it, candidate, np.concatenate([fixed, drawn]), steps, stage)
        theta = candidate.p[: flow.size]
        damping = least_squares.Damping(*run.damping) if run.recent else least_squares.Damping(1e-2)
        while run.step < (number + 1) * stage.iterations:
            theta, before, after, accepted = descend(runs.evaluate, theta, free, damping)
            candidate.p[: flow.size], candidate.guess = theta, runs.guess
            run.damping, run.recent = (damping.value, damping.growth), [*run.recent[-4:], after]
            run.step += 1
            settled = len(run.recent) == 5 and after > 0.997 * run.recent[0]
            at.advance(stages.per_step(stage), f"cost {after:.4g}, {runs.mismatched} wrong counts")
            if not accepted or settled:
                run.step = (number + 1) * stage.iterations
            now = time.perf_counter()
            if now - last_save > CHECKPOINT_SECONDS or now > at.deadline:
                _store(at, flow, candidate.p)
                at.checkpoint(_tensors(held))
                last_save = now
            if now > at.deadline:
                at.record(after, candidate=which + 1)
                return False
        run.recent = []
        _point(it, candidate)
        _store(at, flow, candidate.p)
        at.record(after, candidate=which + 1)
    scores = [_score(at, it, candidate, steps, stage) for candidate in held]
    ranked = sorted(zip(scores, range(len(held)), strict=True))
    if not math.isfinite(ranked[0][0]):
        msg = (
            "the model has no stable state without input, from which runs could start; "
            "give the stage Starts more windows or another seed"
        )
        raise FloatingPointError(msg)
    held = [held[i] for score, i in ranked if math.isfinite(score)]
    _store(at, flow, held[0].p)
    at.carry = _tensors(held)
    at.record(ranked[0][0], candidate=ranked[0][1] + 1, scores=[round(s, 3) for s in scores])
    return True


def _runs(
    at: Context, it: Problem, candidate: _Candidate, rows: np.ndarray, steps: int,
    stage: stages.FromRest,
) -> FromRest:  # fmt: skip
    """The sum of squares of a candidate; where it has no rest, runs begin at its encoder's."""
    encoder = candidate.p[it.flow.size :].reshape(it.flow.units, -1)
    return FromRest(
        it.flow, it.records, rows, steps=steps, guess=candidate.guess, trust=stage.trust,
        cut=stage.cut, lost=it.records.features[:, 0] @ encoder.T, pool=at.pool,
    )  # fmt: skip


def _score(
    at: Context, it: Problem, candidate: _Candidate, steps: int, stage: stages.FromRest
) -> float:
    """Cost of all records; infinite without a state at rest. States that never return count too."""
    rows = np.arange(len(it.records.y))
    runs = _runs(at, it, candidate, rows, steps, stage)
    theta = candidate.p[: it.flow.size]
    cost = runs.evaluate(theta, slopes=False).cost
    if not runs.rests:
        return math.inf
    return cost * (1.0 + strays(it.flow, theta, it.records, at.model.bound))


def strays(flow: Flow, theta: np.ndarray, records: Records, bound: float) -> float:
    """Share of states in the box |h| <= bound that without input end outside the range of y."""
    low, high = float(records.y.min()), float(records.y.max())
    room = 0.1 * (high - low)
    inputs = np.zeros((round(_LONG / records.dt), records.start.shape[2]))
    inputs[:, 1:] = records.start[0, 0, 1:]
    ends = []
    for h in np.random.default_rng(0).uniform(-bound, bound, size=(_STATES, flow.units)):
        ends.append(flow.read(theta, flow.run(theta, h, inputs, inputs, records.dt)[-1]))
    return float(1.0 - np.mean((np.array(ends) > low - room) & (np.array(ends) < high + room)))


def _point(it: Problem, candidate: _Candidate) -> None:
    """Move the encoder so that it still points at the state at rest after theta has changed."""
    encoder = candidate.p[it.flow.size :].reshape(it.flow.units, -1)
    encoder[:, -1] += candidate.guess - encoder @ it.records.features[0, 0]


def _stored(at: Context) -> np.ndarray:
    return np.concatenate([weights(at.module, "theta"), weights(at.module, "encoder").ravel()])


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
