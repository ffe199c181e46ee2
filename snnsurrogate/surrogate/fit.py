"""The one training loop: stages in order, a checkpoint now and then, a wall-clock cap."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from snnsurrogate import units
from snnsurrogate._progress import progress as show_progress
from snnsurrogate.surrogate import (
    _calibration,
    _checkpoint,
    _driven_loop,
    _layout,
    _loop,
    _series_choice,
    _series_loop,
    _stochastic_loop,
    artefact,
    models,
    stages,
)
from snnsurrogate.surrogate._checkpoint import (
    CHECKPOINT,
    digest,
    finished,
    request_of,
    resume,
)
from snnsurrogate.surrogate.driven_data import DrivenData
from snnsurrogate.surrogate.scaling import Scaling
from snnsurrogate.surrogate.series_data import SeriesData
from snnsurrogate.surrogate.surrogate import Surrogate
from snnsurrogate.surrogate.training_data import TrainingData

if TYPE_CHECKING:
    from torch import Tensor, nn


def fit(
    model: models.ModelConfig,
    train: xr.Dataset | Sequence[xr.Dataset],
    *,
    validation: xr.Dataset | Sequence[xr.Dataset] | None = None,
    budget: Any = None,
    seed: int = 0,
    out: str | Path | None = None,
    schedule: tuple[stages.Stage, ...] | None = None,
    workers: int = 1,
    progress: bool | Callable[..., None] | None = None,
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
        out: folder for the surrogate and for a checkpoint. Called again with the same arguments,
            a finished training is loaded, and an interrupted one goes on where it was; so does one
            that its budget ended, if the budget is now larger.
        schedule: stages; default ``model.stages()``.
        workers: threads of the stages of driven models; the weights do not depend on them.
        progress: show a progress bar; None shows it on a terminal; a function is called with the
            amount of work done and a note.

    Raises:
        FloatingPointError: the loss became non-finite; nothing is saved.
        RejectedError: a model of scalar series whose free runs are not like the series; it holds
            the surrogate, and nothing is saved.
        ValueError: unusable data, a model whose carry is wider than the states, or ``out`` holds a
            surrogate or a training with other arguments.
        OSError: ``out`` cannot be written to; said before the training.
    """
    started = time.perf_counter()
    cap = math.inf if budget is None else units.magnitude(budget, "s", what="budget")
    if not cap > 0:
        msg = f"budget is {budget!r}; expected a positive time such as '2 min'"
        raise ValueError(msg)
    if type(workers) is not int or workers < 1:
        msg = f"workers is {workers!r}; expected a whole number of at least 1"
        raise ValueError(msg)
    plan = tuple(model.stages() if schedule is None else schedule)
    view = model.view
    data, held_out = _data(model, train, validation)
    if held_out is not None and abs(held_out.time_step / data.time_step - 1) > 1e-9:
        msg = (
            f"training data has a step of {data.time_step:g}, validation data of "
            f"{held_out.time_step:g}; record both with the same step"
        )
        raise ValueError(msg)
    if isinstance(data, SeriesData):
        model, data = _series_choice.settle(model, data, seed)
        if held_out is not None:
            held_out = held_out.like(data)
    scaling = data.scaling()
    layout = _layout.layout(_layout.outline(data), scaling)
    module = model.build(layout, generator_seed=seed)
    if view != "driven":
        _check_carry(model, module, layout)
    _check_stages(model, plan, data)
    request = request_of(model, plan, data, seed)
    folder = None if out is None else Path(out)
    if folder is not None:
        artefact.make_folder(folder)
    run, extra = resume(folder, request, module)
    if folder is not None and finished(folder, request, run, cap):
        return artefact.load(folder)

    def checkpoint(tensors: dict[str, Tensor]) -> None:
        if folder is not None:
            run.elapsed = time.perf_counter() - started
            _checkpoint.write(folder, request, run, module, tensors)

    started -= run.elapsed
    rng = np.random.default_rng([seed, 10**6])
    log, name = _logger(model, data, scaling, module, rng)
    log_validation = None
    if held_out is not None:
        log_validation = _logger(model, held_out, scaling, module, rng)[0]

    def note(**values: Any) -> None:
        entry = {
            "stage": run.stage,
            "kind": plan[run.stage].kind,
            "step": run.step,
            "seconds": round(time.perf_counter() - started, 2),
        }
        run.history.append(entry | values)

    def record(loss: float, **about: Any) -> None:
        more: dict[str, Any] = (
            {} if log_validation is None else {"validation_error": log_validation()}
        )
        note(loss=loss, **{name: log()}, **more, **about)

    ended_by = "schedule"
    with (
        show_progress("training", stages.work(plan), show=progress) as advance,
        ThreadPoolExecutor(max_workers=workers) as pool,
    ):
        if run.stage < len(plan):  # what an earlier run has done
            each = stages.per_step(plan[run.stage])
            advance(stages.work(plan[: run.stage]) + each * run.step)
        while run.stage < len(plan):
            stage = plan[run.stage]
            context = _loop.Context(
                run, module, data, scaling, seed, started + cap, checkpoint, record, advance, extra,
                model, note, pool if workers > 1 else None,
            )  # fmt: skip
            done = _run(stage, context)
            extra = context.carry
            if not done:
                ended_by = "budget"
                break  # the stage left a checkpoint: a larger budget goes on from here
            run.stage += 1
            run.step = 0
            run.recent = []
            checkpoint(extra)
    run.stage = min(run.stage, len(plan) - 1)
    module.eval()
    surrogate = Surrogate(model, module, scaling, {})
    surrogate.history = run.history
    seconds = time.perf_counter() - started
    surrogate.card = _card(surrogate, data, plan, seed, request, ended_by, seconds)
    if view == "series":
        _series_loop.need_accepted(surrogate)
    if folder is not None:
        surrogate.save(folder)
        if ended_by == "schedule":
            (folder / CHECKPOINT).unlink(missing_ok=True)
    return surrogate


def _data(model: models.ModelConfig, train: Any, validation: Any) -> tuple[Any, Any]:
    """Training and validation data as the view of a model takes them."""
    view = model.view
    if view == "series":
        variable = str(model.variable) or None  # type: ignore[attr-defined]
        series = SeriesData.of(train, variable=variable)
        return series, None if validation is None else SeriesData.of(
            validation, series.names, variable=variable
        )
    if view == "driven":
        data = DrivenData.of(train)
        return data, None if validation is None else DrivenData.of(
            validation, data.names, like=data
        )
    states = TrainingData.of(train, view=view)
    if validation is None:
        return states, None
    return states, TrainingData.of(validation, states.names, like=states, view=view)


def _check_stages(model: models.ModelConfig, plan: tuple[stages.Stage, ...], data: Any) -> None:
    """Raise if a stage cannot train this model on these data: an hour of others may come first."""
    for stage in plan:
        if stage.kind not in model.trained_by:
            msg = (
                f"a stage of kind {stage.kind!r} does not train this model: {model.name} takes "
                f"stages of the kinds {', '.join(model.trained_by)}"
            )
            raise ValueError(msg)
        if isinstance(stage, stages.Calibrate):
            _calibration.check_length(data)
        if isinstance(stage, stages.FromRest):
            _driven_loop.check_length(stage, data)


def _run(stage: stages.Stage, context: _loop.Context) -> bool:
    """Run one stage; False when the deadline came first."""
    if isinstance(stage, stages.Likelihood):
        return _stochastic_loop.likelihood(stage, context)
    if isinstance(stage, stages.FreeRun):
        return _stochastic_loop.free_run(stage, context)
    if isinstance(stage, stages.Calibrate):
        return _calibration.calibrate(stage, context)
    if isinstance(stage, stages.Starts):
        return _driven_loop.starts(stage, context)
    if isinstance(stage, stages.FromRest):
        return _driven_loop.from_rest(stage, context)
    if isinstance(stage, stages.Adam):
        return _loop.adam(stage, context)
    if isinstance(stage, stages.Embed):
        return _series_loop.embed(stage, context)
    if isinstance(stage, stages.MultiStep):
        return _series_loop.multi_step(stage, context)
    return _loop.levenberg_marquardt(stage, context)


def _logger(
    model: models.ModelConfig,
    data: Any,
    scaling: Scaling,
    module: nn.Module,
    rng: np.random.Generator,
) -> tuple[Callable[[], Any], str]:
    """What a history entry says about the fit, and its name."""
    if isinstance(data, DrivenData):
        return _driven_loop.run_error(model, data, scaling, module), "run_error"
    if isinstance(data, SeriesData):
        return _series_loop.error_logger(data, scaling, module), "one_step_error"
    if getattr(module, "noise", 0):
        return _stochastic_loop.likelihood_logger(data, scaling, module, rng), "log_loss"
    return _loop.error_logger(data, scaling, module, rng), "one_step_error"


def _check_carry(model: models.ModelConfig, module: nn.Module, layout: models.Layout) -> None:
    """Raise if a model keeps more than the states: its training would end in no rollout."""
    import torch

    dtype = next(module.parameters()).dtype
    x, q = (torch.zeros(1, len(names), dtype=dtype) for names in (layout.states, layout.parameters))
    with torch.no_grad():
        carry = module.init(x, q)  # type: ignore[operator]
    if carry.shape != x.shape:
        msg = (
            f"{model.name} carries {carry.shape[-1]} columns for the {len(layout.states)} states "
            f"{list(layout.states)}; compiled rollouts need a carry that is the states alone. "
            "Return x from init."
        )
        raise ValueError(msg)


def _card(
    surrogate: Surrogate,
    data: Any,
    plan: tuple[stages.Stage, ...],
    seed: int,
    request: dict[str, Any],
    ended_by: str,
    seconds: float,
) -> dict[str, Any]:
    from snnsurrogate.surrogate._card import describe

    final: dict[str, Any] = surrogate.history[-1] if surrogate.history else {}
    training: dict[str, Any] = {
        "seed": seed,
        "request": digest(request),
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
    training |= {k: final[k] for k in ("log_loss", "run_error") if k in final}
    card = describe(surrogate.model, surrogate.scaling, data, training)
    if isinstance(data, DrivenData):
        card["rest"] = _driven_loop.rest(surrogate, data)
    if isinstance(data, SeriesData):
        card |= _series_loop.about(surrogate, data)
    weights = artefact.weights_bytes(surrogate)
    card["weights_sha256"] = hashlib.sha256(weights).hexdigest()
    card["checksum"] = artefact.checksum(card)
    return card
