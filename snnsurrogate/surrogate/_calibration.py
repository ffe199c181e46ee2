"""Calibration of a stochastic model of a network on the stationary statistics of its free runs.

A law of single steps that is right to one part in a hundred can be wrong by ten in the long run,
near the onset of oscillations above all. Here the free run itself is compared with the records:
rates, sizes of the fluctuations of spike counts in bins of one and five steps, and the shape of
their spectrum, at every training point. Corrected are outputs of the conditioning network, by a
function that is linear in its last hidden layer and quadratic in the parameters, and therefore
smooth; it is found by damped least squares. Free runs at one point depend on the outputs at that
point alone, so that one run per corrected output gives the derivatives with respect to all
coefficients. Errors count in units of the sampling error of a record, which averages out over the
points.

Sources: Levenberg (1944), doi:10.1090/qam/10666; simulated moments as McFadden (1989),
doi:10.2307/1913621.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from snnsurrogate.surrogate import _random, runtime, stages
from snnsurrogate.surrogate._loop import Context
from snnsurrogate.surrogate._stochastic import MARGIN, in_groups
from snnsurrogate.surrogate.training_data import TrainingData

if TYPE_CHECKING:
    from torch import nn

__all__ = ["calibrate", "moments", "statistics"]

_WIDE = 5  # steps of a wide bin
_SEGMENT = 500  # steps of a segment of the spectrum
# edges of bands, as fractions of the sampling rate
_BANDS = np.array([3, 10, 18, 26, 36, 48, 64, 90, 130, 200]) / 1000.0
_BURN_IN = 300
_ROBUST = 4.0  # errors of so many sampling errors or more count linearly
# change of an output for a difference quotient; also the scale of its likely correction
_REACH = {"counts": (0.02, 0.02, 0.05, 0.05, 0.1), "mean": (0.004,), "spread": (0.1,)}


def moments(counts: np.ndarray) -> np.ndarray:
    """Averages over segments, from which the statistics are made.

    Args:
        counts: spikes (segment, step, population) of two populations.

    Returns:
        (segment, moment).
    """
    e, i = counts[..., 0], counts[..., 1]
    wide = counts.reshape(len(counts), -1, _WIDE, 2).sum(2)
    free = (e - e.mean(1, keepdims=True)) * np.hanning(e.shape[1]).astype(np.float32)
    power = np.square(np.abs(np.fft.rfft(free)))
    f = np.fft.rfftfreq(e.shape[1])
    bands = [
        power[:, (f >= a) & (f < b)].sum(1) for a, b in zip(_BANDS[:-1], _BANDS[1:], strict=True)
    ]
    columns = [e.mean(1), i.mean(1), np.square(e).mean(1), np.square(i).mean(1)]
    columns += [np.square(wide[..., 0]).mean(1), np.square(wide[..., 1]).mean(1)]
    return np.stack([*columns, *bands], 1).astype(float)


def statistics(m: np.ndarray) -> np.ndarray:
    """Logarithms of rates, synchrony and chi of both populations, shares of the spectrum.

    Args:
        m: moments (..., moment).

    Returns:
        (..., statistic).
    """
    found = []
    for p in range(2):
        mean, square, wide = m[..., p], m[..., 2 + p], m[..., 4 + p]
        mean = np.maximum(mean, 1e-4)
        # variance of wide bins beyond the Poisson part, as in chi
        excess = wide - (_WIDE * mean) ** 2 - _WIDE * mean
        excess = np.maximum(excess, 1e-3 * _WIDE * mean)
        found += [np.log(mean), np.log(np.maximum(square, 1e-4) / mean)]
        found.append(0.5 * np.log(excess) - np.log(_WIDE * mean))
    bands = np.maximum(m[..., 6:], 1e-6)
    found += list(np.moveaxis(np.log(bands / bands.sum(-1, keepdims=True)), -1, 0))
    return np.stack(found, -1)


def _whole(steps: int) -> int:
    """Steps of whole segments, two or more."""
    return max(steps // _SEGMENT, 2) * _SEGMENT


def check_length(data: TrainingData) -> None:
    """Raise where records are too short for the statistics.

    Raises:
        ValueError: a record has fewer than two segments.
    """
    shortest = int(data.length.min())
    if shortest <= 2 * _SEGMENT:
        msg = (
            f"a calibration needs records of {2 * _SEGMENT + 1} points or more; the shortest has "
            f"{shortest}. Simulate for longer, or leave the Calibrate stage out."
        )
        raise ValueError(msg)


class _Points:
    """The training records: their statistics, and free runs of a module at the same points."""

    def __init__(self, at: Context, steps: int) -> None:
        import torch

        data, scaling = at.data, at.scaling
        self.scaling, self.p = scaling, data.p
        low, high = (scaling.states(np.asarray(data.visited[k], float)) for k in ("low", "high"))
        margin = MARGIN * (high - low)
        self.low, self.high = low - margin, high + margin
        self.q = torch.as_tensor(scaling.parameters(data.p), dtype=torch.float32)
        module: Any = at.module
        cells = torch.nn.functional.linear(self.q, module.cells_matrix, module.cells)
        self.per_rate = (cells * module.step_seconds).numpy().astype(float)
        check_length(data)
        self.steps = _whole(steps)
        recorded: list[np.ndarray] = []
        for begin, length in zip(data.begin, data.length, strict=True):
            kept = (length - 1) // _SEGMENT * _SEGMENT
            recorded.append(self._moments(data.x[begin + 1 : begin + 1 + kept, :2], len(recorded)))
        self.segments = np.array([len(m) for m in recorded])
        self.recorded = statistics(np.stack([m.mean(0) for m in recorded]))

    def _moments(self, rates: np.ndarray, point: int) -> np.ndarray:
        counts = np.round(rates * self.per_rate[point]).astype(np.float32)
        return moments(counts.reshape(-1, _SEGMENT, 2))

    def run(self, module: nn.Module, steps: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Statistics (point, statistic) of free runs, and their sd from segment to segment."""
        rollout = runtime.compile_rollout(module, self.scaling, self.low, self.high)
        steps, n = _whole(steps), len(self.p)
        x = np.tile(self.scaling.mean.astype(np.float32), (n, 1))
        keys = np.stack([_random.key(seed, i) for i in range(n)])
        form = np.tile(np.array([[1.0], [-np.inf], [0.0]], dtype=np.float32), (n, 1, 2))
        out = np.empty((n, 2, steps), dtype=np.float32)
        clipped = np.zeros((n, x.shape[1]), dtype=np.int64)
        in_groups(rollout, (x, self.p, keys), (_BURN_IN, np.arange(2)), (form, out, clipped))
        made = [self._moments(rates.T, i) for i, rates in enumerate(out)]
        spread = np.stack([statistics(m).std(0, ddof=1) for m in made])
        return statistics(np.stack([m.mean(0) for m in made])), spread


class _Correction:
    """Corrections of outputs of the conditioning network that are smooth in the parameters.

    ``basis`` (point, feature): orthonormal functions of the parameters at the points, combinations
    of the units of the last hidden layer and of monomials up to the second degree.
    """

    def __init__(self, module: Any, q: Any, names: tuple[str, ...]) -> None:
        import torch

        modulation = module.modulation
        with torch.no_grad():
            hidden, monomials = modulation.hidden(q).double(), modulation.monomials(q).double()
        self.hidden = hidden.shape[1]
        design = np.concatenate([np.ones((len(q), 1)), hidden.numpy(), monomials.numpy()], 1)
        u, size, v = np.linalg.svd(design, full_matrices=False)
        kept = size > 1e-3 * size[0]
        n = np.sqrt(len(design))
        self.basis, self.back = u[:, kept] * n, v.T[:, kept] / size[kept] * n
        self.rows: list[int] = []
        reach: list[float] = []
        for name in names:
            begin, end = modulation.places[name]
            self.rows += range(begin, end)
            reach += (_REACH[name] * (end - begin))[: end - begin]
        self.reach = np.array(reach)
        last = modulation.last
        self.held = (last.bias, last.weight, modulation.quadratic)
        self.before = [t.detach().clone() for t in self.held]

    def put(self, w: np.ndarray) -> None:
        """Correct the weights by w (output, feature)."""
        import torch

        change = torch.as_tensor(w @ self.back.T, dtype=self.before[0].dtype)
        h = 1 + self.hidden
        with torch.no_grad():
            for tensor, before, part in zip(
                self.held, self.before, (change[:, 0], change[:, 1:h], change[:, h:]), strict=True
            ):
                tensor.copy_(before)
                tensor[self.rows] += part

    def shift(self, output: int, amount: float) -> None:
        """Move one output at all points."""
        import torch

        with torch.no_grad():
            self.held[0][self.rows[output]] += amount

    def smooth(self, values: np.ndarray) -> np.ndarray:
        """Part of values (point, ...) that the functions can represent."""
        return np.asarray(self.basis @ (self.basis.T @ values) / len(values))


def _jacobian(points: _Points, module: nn.Module, own: _Correction, steps: int, seed: int) -> Any:
    """Derivatives (point, statistic, output), smooth in the parameters, from difference quotients.

    Both runs of a difference draw the same random numbers.
    """
    at, _ = points.run(module, steps, seed)
    slopes = []
    for k, reach in enumerate(own.reach):
        own.shift(k, reach)
        there, _ = points.run(module, steps, seed)
        own.shift(k, -reach)
        slopes.append(own.smooth((there - at) / reach))
        yield k
    yield np.stack(slopes, 2)


def _solve(
    slopes: np.ndarray, error: np.ndarray, own: _Correction, w: np.ndarray, prior: float
) -> np.ndarray:
    """Correction (output, feature) of least squares, held near zero by a prior of its size.

    Args:
        slopes: (point, statistic, output) and
        error: (point, statistic), in units of the weighted sampling error.
        own: basis and reach.
        w: correction at which they were taken.
        prior: sd of the correction of an output over the points, in units of its reach.
    """
    n, f = own.basis.shape
    k = len(own.reach)
    squares = np.einsum("isk,isl->ikl", slopes, slopes).reshape(n, k * k)
    outer = np.einsum("if,ig->ifg", own.basis, own.basis).reshape(n, f * f)
    normal = (squares.T @ outer).reshape(k, k, f, f).transpose(0, 2, 1, 3).reshape(k * f, k * f)
    gradient = np.einsum("isk,is->ik", slopes, error).T @ own.basis
    # the functions are orthonormal: the mean square over the points is the sum over the features
    stiff = np.repeat(n / (prior * own.reach) ** 2, f)
    rhs = -gradient.reshape(-1) - stiff * w.reshape(-1)
    step = np.linalg.solve(normal + np.diag(stiff), rhs)
    return w + step.reshape(k, f)


def calibrate(stage: stages.Calibrate, at: Context) -> bool:
    """Run a calibration; False when the deadline came first.

    A stage that a deadline ends begins again when the training is taken up.

    Raises:
        ValueError: records too short for the statistics.
        FloatingPointError: the model to be calibrated has no finite statistics.
    """
    run, module = at.run, at.module
    points = _Points(at, stage.steps)
    own = _Correction(module, points.q, stage.outputs)
    w = np.zeros((len(own.reach), own.basis.shape[1]))
    seed = int(np.random.default_rng([at.seed, 3000 + run.stage]).integers(2**31))
    best, best_w, damping = np.inf, w, 1.0
    sampling = slopes = None
    late = False
    while True:
        found, spread = points.run(module, stage.steps, seed)
        if sampling is None:
            n = points.steps // _SEGMENT
            # a population that is silent throughout has no spread; it is not known exactly either
            spread = np.maximum(spread, 1e-3 * np.median(spread, axis=0))
            sampling = spread * np.sqrt(1.0 / points.segments[:, None] + 1.0 / n)
        error = (found - points.recorded) / sampling
        # large errors count linearly: some points may be out of reach
        size = np.abs(error)
        loss = float(np.where(size < _ROBUST, size**2, 2 * _ROBUST * size - _ROBUST**2).mean())
        if run.step == 0 and not np.isfinite(loss):
            msg = (
                f"free runs before the calibration have statistics with the error {loss}: the "
                "model leaves the numbers, or a population is silent at all points. Look at the "
                "stages before, or leave the Calibrate stage out."
            )
            raise FloatingPointError(msg)
        if loss < best:
            best, best_w, best_error = loss, w, error
            damping = min(2.0 * damping, 1.0)
            slopes = None if run.step < stage.fresh else slopes
        else:
            damping *= 0.5
        at.advance(stages.per_step(stage), f"errors of statistics {best:.3g}")
        if run.step == stage.iterations or late:
            break
        own.put(best_w)
        if slopes is None:
            for made in _jacobian(points, module, own, stage.slope_steps, seed + 1):
                if isinstance(made, np.ndarray):
                    slopes = made
                elif time.perf_counter() > at.deadline:
                    late = True
                    break
        if late:
            break
        weight = np.sqrt(np.minimum(1.0, _ROBUST / np.maximum(np.abs(best_error), 1e-9)))
        weight = weight / np.abs(sampling)
        aim = _solve(
            slopes * weight[..., None], best_error * sampling * weight, own, best_w, stage.prior
        )
        w = best_w + damping * (aim - best_w)
        own.put(w)
        run.step += 1
    if late:
        run.step = 0
        own.put(np.zeros_like(w))
        at.checkpoint({})
    own.put(best_w)
    at.record(best)
    return not late
