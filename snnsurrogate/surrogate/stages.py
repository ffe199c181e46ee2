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
        far: pairs that begin far from the mean state are rare and drawn more often, with weight
            1 + far min(m^2, 50), m the mean square of the scaled state. The law of the second
            state given the first is the same; 0 where a record is no sequence of states.
        learning_rate: initial and final value.
    """

    steps: int = 6000
    records: int = 64
    pairs: int = 48
    far: float = 0.0
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
        far: see `Likelihood`, for the pairs of that part.
        learning_rate: initial and final value.
    """

    steps: int = 1200
    horizon: int = 20
    starts: int = 128
    members: int = 4
    every: int = 5
    likelihood: float = 0.3
    far: float = 0.0
    learning_rate: tuple[float, float] = (1e-3, 1e-4)
    kind: str = "free-run"


@dataclass(frozen=True, kw_only=True)
class Calibrate:
    """Damped least squares on the stationary statistics of free runs of a model of a network.

    Rates, synchrony and chi of both populations and the shape of the spectrum, at every training
    point; what is corrected are outputs of the conditioning network.

    Attributes:
        iterations: number of steps of the least squares.
        fresh: iterations at whose beginning derivatives are taken anew.
        steps: length of a free run at each point.
        slope_steps: length of the free runs of a difference quotient.
        outputs: names of the outputs that are corrected.
        prior: sd of a correction, in units of the change of a difference quotient.
    """

    iterations: int = 6
    fresh: int = 2
    steps: int = 15000
    slope_steps: int = 4000
    outputs: tuple[str, ...] = ("counts", "mean")
    prior: float = 3.0
    kind: str = "calibrate"


Stage = Adam | LevenbergMarquardt | Likelihood | FreeRun | Calibrate


def to_dict(stage: Stage) -> dict[str, Any]:
    """JSON-able form of a stage."""
    return asdict(stage)


def per_step(stage: Stage) -> float:
    """Amount of work of one step of a stage, in Adam steps."""
    return {"levenberg-marquardt": 100.0, "free-run": 5.0, "calibrate": 400.0}.get(stage.kind, 1.0)


def work(plan: tuple[Stage, ...]) -> float:
    """Amount of work of a schedule, in Adam steps."""
    return sum(
        per_step(s)
        * (s.iterations if isinstance(s, LevenbergMarquardt | Calibrate) else s.steps)
        for s in plan
    )
