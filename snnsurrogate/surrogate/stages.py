"""Stages of the one training loop, counted in steps: the same seed gives the same weights."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Adam:
    """First-order warm start: Adam on random batches, learning rate falling by a cosine.

    Attributes:
        steps: number of updates.
        batch: training windows per update.
        learning_rate: initial and final value.
        horizon: steps of free run per residual.
    """

    steps: int = 3000
    batch: int = 2000
    learning_rate: tuple[float, float] = (4e-3, 1e-4)
    horizon: int = 1
    kind: str = "adam"


@dataclass(frozen=True, kw_only=True)
class LevenbergMarquardt:
    """Second-order stage with exact Jacobians, float64.

    Attributes:
        iterations: most iterations (accepted steps).
        points: training windows in the sum of squares, spread over state and parameter space.
        horizon: steps of free run per residual; 1 is the one-step error.
        draw: number of the draw of the points; stages with the same draw share their points.
        tolerance: stop when ten iterations lower the sum of squares by less than this fraction.
    """

    iterations: int = 250
    points: int = 16000
    horizon: int = 1
    draw: int = 0
    tolerance: float = 1e-3
    kind: str = "levenberg-marquardt"


@dataclass(frozen=True, kw_only=True)
class Likelihood:
    """Adam on the one-step likelihood of a stochastic model.

    Attributes:
        steps: number of updates.
        records: records per update, drawn without replacement.
        pairs: pairs of successive states of each of them.
        learning_rate: initial and final value.
    """

    steps: int = 6000
    records: int = 64
    pairs: int = 48
    learning_rate: tuple[float, float] = (4e-3, 5e-5)
    kind: str = "likelihood"


@dataclass(frozen=True, kw_only=True)
class FreeRun:
    """Adam on free runs of a stochastic model from recorded states, scored by the energy score.

    The energy score of an ensemble X against a record y, mean |X - y| - mean |X - X'| / 2, is least
    in the mean for the true distribution. Scored are states every ``every`` steps, each by itself
    and the whole path, and the counts of ``every`` steps.

    Attributes:
        steps: number of updates.
        horizon: steps of a free run, a multiple of ``every``.
        starts: recorded states per update.
        members: free runs from each of them.
        every: steps between scored states.
        likelihood: weight of the one-step log likelihood that is added; it holds the laws of the
            counts, whose straight-through gradients are biased where counts are small.
        learning_rate: initial and final value.
    """

    steps: int = 1200
    horizon: int = 20
    starts: int = 128
    members: int = 4
    every: int = 5
    likelihood: float = 0.3
    learning_rate: tuple[float, float] = (1e-3, 1e-4)
    kind: str = "free-run"


Stage = Adam | LevenbergMarquardt | Likelihood | FreeRun


def to_dict(stage: Stage) -> dict[str, Any]:
    """JSON-able form of a stage."""
    return asdict(stage)


def per_step(stage: Stage) -> float:
    """Amount of work of one step of a stage, in Adam steps."""
    return {"levenberg-marquardt": 100.0, "free-run": 5.0}.get(stage.kind, 1.0)


def work(plan: tuple[Stage, ...]) -> float:
    """Amount of work of a schedule, in Adam steps."""
    return sum(
        per_step(s) * (s.iterations if isinstance(s, LevenbergMarquardt) else s.steps) for s in plan
    )
