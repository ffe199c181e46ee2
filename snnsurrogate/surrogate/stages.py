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


Stage = Adam | LevenbergMarquardt


def to_dict(stage: Stage) -> dict[str, Any]:
    """JSON-able form of a stage."""
    return asdict(stage)


def work(plan: tuple[Stage, ...]) -> float:
    """Amount of work of a schedule, in Adam steps; a Levenberg-Marquardt iteration counts 100."""
    return sum(s.steps if isinstance(s, Adam) else 100 * s.iterations for s in plan)
