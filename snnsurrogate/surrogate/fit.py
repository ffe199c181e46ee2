"""The one training loop: stages in order, a checkpoint after every stretch, a wall-clock cap.

Every random draw is made from (seed, stage, step), so a resumed run is the same run.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from snnsurrogate import schema, units
from snnsurrogate._progress import progress as show_progress
from snnsurrogate.surrogate import artefact, models, stages
from snnsurrogate.surrogate.scaling import Scaling
from snnsurrogate.surrogate.surrogate import Surrogate
from snnsurrogate.surrogate.training_data import TrainingData

if TYPE_CHECKING:
    from torch import Tensor, nn

_LOG_POINTS = 20000
_CHECKPOINT_SECONDS = 15.0
_CHUNK = 500  # points per block of the normal equations: the products stay in cache


class _Run:
    """State of one training run; everything a checkpoint must hold."""

    def __init__(self) -> None:
        self.stage = 0
        self.step = 0
        self.elapsed = 0.0
        self.damping = (1e-3, 2.0)
        self.recent: list[float] = []
        self.history: list[dict[str, Any]] = []

    def to_dict(self) -> dict[str, Any]:
        return dict(vars(self))

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> _Run:
        run = cls()
        vars(run).update(values)
        run.damping = (values["damping"][0], values["damping"][1])
        return run


def fit(
    model: models.ModelConfig,
    train: xr.Dataset | Sequence[xr.Dataset],
    *,
    validation: xr.Dataset | Sequence[xr.Dataset] | None = None,
    budget: Any = None,
    seed: int = 0,
    out: str | Path | None = None,
    schedule: tuple[stages.Stage, ...] | None = None,
    progress: bool | None = None,
) -> Surrogate:
    """Train a surrogate on a dataset.

    The model is conditioned on the parameters that vary in the data, and its step is the recording
    step of the data. Samples whose status is not ok are left out and counted in the card.

    Args:
        model: configuration, for example ``RecurrentMap()``.
        train: dataset of the package's schema, or several of one system with one recording step
            (say attractors and transients).
        validation: dataset of other parameter points; its one-step error is logged, nothing is
            chosen by it.
        budget: wall-clock cap, text with unit; None trains the whole schedule. The card says which
            one ended the training.
        seed: draws initial weights and training windows.
        out: folder for the surrogate and for a checkpoint; an interrupted run called again with
            the same arguments goes on where it was.
        schedule: stages; default ``model.stages()``.
        progress: show a progress bar; None shows it on a terminal.

    Raises:
        FloatingPointError: the loss became non-finite; nothing is saved.
        ValueError: unusable data, or ``out`` holds a training with other arguments.
    """
    import torch

    started = time.perf_counter()
    cap = math.inf if budget is None else units.magnitude(budget, "s", what="budget")
    plan = tuple(model.stages() if schedule is None else schedule)
    data = TrainingData.of(train)
    held_out = None if validation is None else TrainingData.of(validation, data.names)
    if held_out is not None and abs(held_out.time_step / data.time_step - 1) > 1e-9:
        msg = (
            f"training data has a step of {data.time_step:g}, validation data of "
            f"{held_out.time_step:g}; record both with the same step"
        )
        raise ValueError(msg)
    scaling = data.scaling()
    layout = models.Layout(
        states=tuple(schema.states_of(data.datasets[0])),
        parameters=data.names,
        increment_scale=scaling.increment,
    )
    module = model.build(layout, generator_seed=seed)
    request = _request(model, plan, data, seed)
    folder = None if out is None else Path(out)
    run, extra = _resume(folder, request, module)

    def checkpoint(tensors: dict[str, Tensor]) -> None:
        if folder is not None:
            run.elapsed = time.perf_counter() - started
            _write_checkpoint(folder, request, run, module, tensors)

    started -= run.elapsed
    rng = np.random.default_rng([seed, 10**6])
    log = _error_logger(data, scaling, module, rng)
    log_validation = None if held_out is None else _error_logger(held_out, scaling, module, rng)

    def record(loss: float, note: str) -> None:
        entry = {
            "stage": run.stage,
            "kind": plan[run.stage].kind,
            "step": run.step,
            "seconds": round(time.perf_counter() - started, 2),
            "loss": loss,
            "one_step_error": log(),
        }
        if log_validation is not None:
            entry["validation_error"] = log_validation()
        run.history.append(entry)

    ended_by = "schedule"
    total = sum(s.steps if isinstance(s, stages.Adam) else 100 * s.iterations for s in plan)
    with show_progress("training", total, show=progress) as advance:
        while run.stage < len(plan):
            stage = plan[run.stage]
            runner = _adam if isinstance(stage, stages.Adam) else _levenberg_marquardt
            context = _Context(
                run, module, data, scaling, seed, started + cap, checkpoint, record, advance, extra
            )
            finished = runner(stage, context)  # type: ignore[arg-type]
            extra = {}
            if not finished:
                ended_by = "budget"
                break
            run.stage += 1
            run.step = 0
            run.recent = []
            checkpoint({})
    run.stage = min(run.stage, len(plan) - 1)
    module.eval()
    surrogate = Surrogate(model, module, scaling, {})
    surrogate.history = run.history
    seconds = time.perf_counter() - started
    surrogate.card = _card(surrogate, data, plan, seed, ended_by, seconds, torch.__version__)
    if folder is not None:
        surrogate.save(folder)
        (folder / _CHECKPOINT).unlink(missing_ok=True)
    return surrogate


class _Context:
    """What a stage works on."""

    def __init__(
        self,
        run: _Run,
        module: nn.Module,
        data: TrainingData,
        scaling: Scaling,
        seed: int,
        deadline: float,
        checkpoint: Callable[[dict[str, Any]], None],
        record: Callable[[float, str], None],
        advance: Callable[..., None],
        extra: dict[str, Any],
    ) -> None:
        self.run, self.module, self.data, self.scaling = run, module, data, scaling
        self.seed, self.deadline, self.checkpoint = seed, deadline, checkpoint
        self.record, self.advance, self.extra = record, advance, extra

    def residuals(self, x: Tensor, targets: Tensor, q: Tensor) -> Callable[[slice], Tensor]:
        """Residuals of a slice of windows: free run minus truth, in units of one step's change."""
        import torch

        dtype = x.dtype
        scale = torch.as_tensor(self.scaling.increment, dtype=dtype)

        def residual(part: slice) -> Tensor:
            carry = self.module.init(x[part], q[part])  # type: ignore[operator]
            d, rows = x.shape[1], []
            for h in range(targets.shape[1]):
                carry = self.module.step(carry, q[part])  # type: ignore[operator]
                rows.append((carry[:, :d] - targets[part, h]) / scale)
            return torch.cat(rows, 1)

        return residual

    def windows(self, n: int, *, horizon: int, draw: int) -> tuple[Tensor, Tensor, Tensor]:
        """Spread windows as tensors of the module's dtype."""
        import torch

        dtype = next(self.module.parameters()).dtype
        rng = np.random.default_rng([self.seed, draw])
        point, trajectory = self.data.spread(self.scaling, n, horizon=horizon, rng=rng)
        arrays = self.data.windows(self.scaling, point, trajectory, horizon=horizon)
        x, targets, q = (torch.as_tensor(a, dtype=dtype) for a in arrays)
        return x, targets, q


def _adam(stage: stages.Adam, at: _Context) -> bool:
    """Run an Adam stage; False when the deadline came first."""
    import torch

    run = at.run
    x, targets, q = at.windows(200_000, horizon=stage.horizon, draw=1000 + run.stage)
    optimiser = torch.optim.Adam(at.module.parameters(), lr=stage.learning_rate[0])
    if at.extra:
        _load_moments(optimiser, at.extra)
    last_save = time.perf_counter()
    first, last = stage.learning_rate
    loss_value = math.nan
    while run.step < stage.steps:
        for group in optimiser.param_groups:
            cosine = 0.5 * (1 + math.cos(math.pi * run.step / stage.steps))
            group["lr"] = last + (first - last) * cosine
        rng = np.random.default_rng([at.seed, 2000 + run.stage, run.step])
        rows = torch.as_tensor(rng.integers(len(x), size=min(stage.batch, len(x))))
        loss = at.residuals(x[rows], targets[rows], q[rows])(slice(None)).square().mean()
        loss_value = float(loss.detach())
        if not math.isfinite(loss_value):
            msg = (
                f"the loss is {loss_value} at step {run.step} of {stage}; lower its learning rate "
                f"or check the data for outliers"
            )
            raise FloatingPointError(msg)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        run.step += 1
        at.advance(1, f"loss {loss_value:.2e}")
        now = time.perf_counter()
        if now - last_save > _CHECKPOINT_SECONDS:
            at.checkpoint(_moments(optimiser))
            last_save = now
        if now > at.deadline:
            at.record(loss_value, "")
            return False
    at.record(loss_value, "")
    return True


def _levenberg_marquardt(stage: stages.LevenbergMarquardt, at: _Context) -> bool:
    """Run a Levenberg-Marquardt stage; False when the deadline came first."""
    import torch

    from snnsurrogate.surrogate import least_squares

    run = at.run
    if next(at.module.parameters()).dtype != torch.float64:
        msg = "a Levenberg-Marquardt stage needs a model with dtype='float64'"
        raise ValueError(msg)
    x, targets, q = at.windows(stage.points, horizon=stage.horizon, draw=stage.draw)
    residual = at.residuals(x, targets, q)
    damping = least_squares.Damping(*run.damping)
    last_save = time.perf_counter()
    residual_count = len(x) * targets.shape[1] * targets.shape[2]
    while run.step < stage.iterations:
        _, after, accepted = least_squares.step(
            at.module, residual, len(x), damping, chunk=_CHUNK
        )
        run.damping = (damping.value, damping.growth)
        run.step += 1
        run.recent = [*run.recent[-9:], after]
        mean = after / residual_count
        at.advance(100, f"mean square {mean:.2e}")
        settled = len(run.recent) == 10 and run.recent[-1] > (1 - stage.tolerance) * run.recent[0]
        last = run.step == stage.iterations or not accepted or settled
        now = time.perf_counter()
        if run.step % 10 == 0 or last or now > at.deadline:
            at.record(mean, "")
        if last:
            return True
        if now - last_save > _CHECKPOINT_SECONDS:
            at.checkpoint({})
            last_save = now
        if now > at.deadline:
            return False
    return True


def _error_logger(
    data: TrainingData, scaling: Scaling, module: nn.Module, rng: np.random.Generator
) -> Callable[[], list[float]]:
    """Mean square one-step error of each state in units of its increment, on spread windows."""
    import torch

    point, trajectory = data.spread(scaling, _LOG_POINTS, horizon=1, rng=rng)
    dtype = next(module.parameters()).dtype
    x, targets, q = (
        torch.as_tensor(a, dtype=dtype)
        for a in data.windows(scaling, point, trajectory, horizon=1)
    )
    scale = torch.as_tensor(scaling.increment, dtype=dtype)

    def error() -> list[float]:
        with torch.no_grad():
            carry = module.step(module.init(x, q), q)  # type: ignore[operator]
            wrong = (carry[:, : x.shape[1]] - targets[:, 0]) / scale
            return [float(v) for v in wrong.square().mean(0)]

    return error


_CHECKPOINT = "checkpoint.safetensors"


def _request(
    model: models.ModelConfig, plan: tuple[stages.Stage, ...], data: TrainingData, seed: int
) -> dict[str, Any]:
    return {
        "model": model.name,
        "settings": model.to_dict(),
        "schedule": [stages.to_dict(s) for s in plan],
        "data": [ds.attrs["content_hash"] for ds in data.datasets],
        "parameters": list(data.names),
        "seed": seed,
    }


def _write_checkpoint(
    folder: Path, request: dict[str, Any], run: _Run, module: nn.Module, tensors: dict[str, Any]
) -> None:
    from safetensors.torch import save as to_bytes

    folder.mkdir(parents=True, exist_ok=True)
    held = {f"module.{k}": v.detach().contiguous() for k, v in module.state_dict().items()}
    held |= {f"optimiser.{k}": v.contiguous() for k, v in tensors.items()}
    meta = {"request": json.dumps(request), "run": json.dumps(run.to_dict())}
    artefact.write_atomically(folder / _CHECKPOINT, to_bytes(held, metadata=meta))


def _resume(
    folder: Path | None, request: dict[str, Any], module: nn.Module
) -> tuple[_Run, dict[str, Any]]:
    """The run a folder holds, if it is this one.

    Raises:
        ValueError: the folder holds another training; the message says what differs.
    """
    if folder is None or not (folder / _CHECKPOINT).is_file():
        return _Run(), {}
    from safetensors import safe_open

    try:
        with safe_open(folder / _CHECKPOINT, framework="pt") as file:
            meta = file.metadata()
            tensors = {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118 - not a dict
    except Exception as error:  # safetensors raises its own untyped errors
        msg = f"{folder / _CHECKPOINT} is not readable ({error}); delete it to train from the start"
        raise ValueError(msg) from error
    held = json.loads(meta["request"])
    canonical = json.loads(json.dumps(request))
    differs = [k for k in canonical if held.get(k) != canonical[k]]
    if differs:
        msg = (
            f"{folder} holds an unfinished training with another {', '.join(differs)}; "
            f"use another folder, or delete {_CHECKPOINT} there to start again"
        )
        raise ValueError(msg)
    state = {k.removeprefix("module."): v for k, v in tensors.items() if k.startswith("module.")}
    module.load_state_dict(state)
    extra = {k.removeprefix("optimiser."): v for k, v in tensors.items() if k.startswith("opt")}
    return _Run.from_dict(json.loads(meta["run"])), extra


def _moments(optimiser: Any) -> dict[str, Any]:
    held: dict[str, Any] = {}
    for index, values in optimiser.state_dict()["state"].items():
        for key, tensor in values.items():
            held[f"{index}.{key}"] = tensor
    return held


def _load_moments(optimiser: Any, tensors: dict[str, Any]) -> None:
    state: dict[int, dict[str, Any]] = {}
    for name, tensor in tensors.items():
        index, key = name.split(".", 1)
        state.setdefault(int(index), {})[key] = tensor
    whole = optimiser.state_dict()
    whole["state"] = state
    optimiser.load_state_dict(whole)


def _card(
    surrogate: Surrogate,
    data: TrainingData,
    plan: tuple[stages.Stage, ...],
    seed: int,
    ended_by: str,
    seconds: float,
    torch_version: str,
) -> dict[str, Any]:
    from snnsurrogate.surrogate._card import describe

    final = surrogate.history[-1] if surrogate.history else {}
    training = {
        "seed": seed,
        "schedule": [stages.to_dict(s) for s in plan],
        "steps": [
            max((h["step"] for h in surrogate.history if h["stage"] == i), default=0)
            for i in range(len(plan))
        ],
        "ended_by": ended_by,
        "seconds": round(seconds, 1),
        "loss": final.get("loss"),
        "one_step_error": final.get("one_step_error"),
        "validation_error": final.get("validation_error"),
        "data": data.seen(),
    }
    card = describe(surrogate.model, surrogate.scaling, data, training)
    weights = artefact.weights_bytes(surrogate)
    card["weights_sha256"] = hashlib.sha256(weights).hexdigest()
    card["checksum"] = artefact.checksum(card)
    return card
