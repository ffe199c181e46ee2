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

    iterations: int = 8
    fresh: int = 2
    steps: int = 15000
    slope_steps: int = 12000
    outputs: tuple[str, ...] = ("counts", "mean", "spread")
    prior: float = 3.0
    kind: str = "calibrate"


@dataclass(frozen=True, kw_only=True)
class Starts:
    """Starts of a driven flow on windows of growing horizon, by Levenberg-Marquardt.

    Windows are short pieces of records whose initial states come from an encoder that is trained as
    well. A start that does not explain the windows has died; the next one replaces it.

    Attributes:
        count: most starts.
        keep: starts that must live; all of them go on, the best first.
        horizons: length of the windows and their number, growing by a factor of at most two.
        first: most iterations on the first horizon.
        iterations: most iterations on each of the others.
        alive: least share of the variance of the windows that a living start explains.
    """

    count: int = 8
    keep: int = 4
    horizons: tuple[tuple[str, int], ...] = (
        ("3 ms", 150), ("5 ms", 150), ("8 ms", 120), ("12 ms", 100), ("18 ms", 70),
    )  # fmt: skip
    first: int = 60
    iterations: int = 40
    alive: float = 0.7
    kind: str = "starts"


@dataclass(frozen=True, kw_only=True)
class FromRest:
    """Runs of a driven flow from rest: spike times, widths and peaks, and the observed quantity.

    Attributes:
        duration: how much of each record is run.
        rounds: rounds; the records driven by noise are drawn anew in each.
        iterations: most Levenberg-Marquardt iterations of a round.
        random: records driven by noise in a round.
        candidates: how many of the best starts are trained; the next stage takes from these.
        trust: weight of records driven by noise; their spikes are often decided by a hair.
        cut: spike times of steps and releases, and the observed quantity in silent records, count
            by their logarithm beyond so many standard errors. Small: a run may be wrong somewhere
            while it learns the rest; large: nothing is given up.
    """

    duration: str = "150 ms"
    rounds: int = 2
    iterations: int = 10
    random: int = 12
    candidates: int = 1
    trust: float = 0.3
    cut: float = 25.0
    kind: str = "from-rest"


@dataclass(frozen=True, kw_only=True)
class Embed:
    """Training of the autoencoder of delay vectors, see `embedding.Schedule`.

    Attributes:
        steps: updates by Adam.
        batch: delay vectors per update.
        polish: iterations of L-BFGS afterwards.
    """

    steps: int = 1500
    batch: int = 512
    polish: int = 200
    kind: str = "embed"


@dataclass(frozen=True, kw_only=True)
class MultiStep:
    """Levenberg-Marquardt through free runs of growing length, judged by long free runs.

    Attributes:
        horizons: steps of free run per residual, segments in the sum of squares, iterations.
        redraw: iterations after which the segments are drawn anew, from the second horizon on.
        floor: residuals are measured in units of the local increment, or of this share of the
            standard deviation of all increments where that is more.
        starts: initial weights that are tried until free runs are accepted.
        judge: iterations between judgements in the last horizon; the best state is kept.
        runs: free runs of a judgement, from states spread over the data.
        enough: distance from the data at which the last horizon ends early.
    """

    horizons: tuple[tuple[int, int, int], ...] = (
        (1, 4000, 50), (8, 400, 25), (40, 300, 50), (80, 200, 50),
    )  # fmt: skip
    redraw: int = 10
    floor: float = 0.05
    starts: int = 3
    judge: int = 5
    runs: int = 8
    enough: float = 0.0
    kind: str = "multi-step"


Stage = (
    Adam
    | LevenbergMarquardt
    | Likelihood
    | FreeRun
    | Calibrate
    | Starts
    | FromRest
    | Embed
    | MultiStep
)


def to_dict(stage: Stage) -> dict[str, Any]:
    """JSON-able form of a stage."""
    return asdict(stage)


def per_step(stage: Stage) -> float:
    """Amount of work of one step of a stage, in Adam steps."""
    each = {"levenberg-marquardt": 100.0, "free-run": 5.0, "calibrate": 400.0,
            "starts": 1000.0, "from-rest": 40.0, "multi-step": 40.0}  # fmt: skip
    return each.get(stage.kind, 1.0)


def steps(stage: Stage) -> int:
    """Number of steps of a stage."""
    if isinstance(stage, FromRest):
        return stage.candidates * stage.rounds * stage.iterations
    if isinstance(stage, Starts):
        return stage.count
    if isinstance(stage, Embed):
        return stage.steps + stage.polish
    if isinstance(stage, MultiStep):  # of one start
        return sum(iterations for _, _, iterations in stage.horizons)
    return stage.iterations if isinstance(stage, LevenbergMarquardt | Calibrate) else stage.steps


def work(plan: tuple[Stage, ...]) -> float:
    """Amount of work of a schedule, in Adam steps."""
    return sum(per_step(s) * steps(s) for s in plan)
