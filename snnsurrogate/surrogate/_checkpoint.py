"""Checkpoints of a training run: tensors and JSON in one file, written whole or not at all."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snnsurrogate.surrogate import artefact, models, stages
from snnsurrogate.surrogate.training_data import TrainingData

if TYPE_CHECKING:
    from torch import nn

CHECKPOINT = "checkpoint.safetensors"


class Run:
    """State of one training run; everything a checkpoint must hold."""

    def __init__(self) -> None:
        self.stage = 0
        self.step = 0
        self.elapsed = 0.0
        self.damping = (1e-3, 2.0)
        self.recent: list[float] = []
        self.position: dict[str, Any] = {}  # within a stage that has parts
        self.history: list[dict[str, Any]] = []

    def to_dict(self) -> dict[str, Any]:
        return dict(vars(self))

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Run:
        run = cls()
        vars(run).update(values)
        run.damping = (values["damping"][0], values["damping"][1])
        return run


def request_of(
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


def write(
    folder: Path, request: dict[str, Any], run: Run, module: nn.Module, tensors: dict[str, Any]
) -> None:
    from safetensors.torch import save as to_bytes

    folder.mkdir(parents=True, exist_ok=True)
    held = {f"module.{k}": v.detach().contiguous() for k, v in module.state_dict().items()}
    held |= {f"optimiser.{k}": v.contiguous() for k, v in tensors.items()}
    meta = {"request": json.dumps(request), "run": json.dumps(run.to_dict())}
    artefact.write_atomically(folder / CHECKPOINT, to_bytes(held, metadata=meta))


def digest(request: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()


def finished(folder: Path, request: dict[str, Any], run: Run, cap: float) -> bool:
    """Whether the folder holds this training, done (or ended by a budget no smaller than ``cap``).

    Raises:
        ValueError: it holds another surrogate.
    """
    if not (folder / artefact.CARD).is_file():
        return False
    held = artefact.read_card(folder)["training"]
    if held["request"] != digest(request):
        msg = (
            f"{folder} holds another surrogate (other data, model, schedule or seed); "
            f"use another folder, or delete that one"
        )
        raise ValueError(msg)
    return held["ended_by"] == "schedule" or run.elapsed >= cap


def resume(
    folder: Path | None, request: dict[str, Any], module: nn.Module
) -> tuple[Run, dict[str, Any]]:
    """The run a folder holds, if it is this one.

    Raises:
        ValueError: the folder holds another training; the message says what differs.
    """
    if folder is None or not (folder / CHECKPOINT).is_file():
        return Run(), {}
    from safetensors import safe_open

    try:
        with safe_open(folder / CHECKPOINT, framework="pt") as file:
            meta = file.metadata()
            tensors = {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118 - not a dict
    except Exception as error:  # safetensors raises its own untyped errors
        msg = f"{folder / CHECKPOINT} is not readable ({error}); delete it to train from the start"
        raise ValueError(msg) from error
    held = json.loads(meta["request"])
    canonical = json.loads(json.dumps(request))
    differs = [k for k in canonical if held.get(k) != canonical[k]]
    if differs:
        msg = (
            f"{folder} holds an unfinished training with another {', '.join(differs)}; "
            f"use another folder, or delete {CHECKPOINT} there to start again"
        )
        raise ValueError(msg)
    state = {k.removeprefix("module."): v for k, v in tensors.items() if k.startswith("module.")}
    module.load_state_dict(state)
    extra = {k.removeprefix("optimiser."): v for k, v in tensors.items() if k.startswith("opt")}
    return Run.from_dict(json.loads(meta["run"])), extra


def moments(optimiser: Any) -> dict[str, Any]:
    held: dict[str, Any] = {}
    for index, values in optimiser.state_dict()["state"].items():
        for key, tensor in values.items():
            held[f"{index}.{key}"] = tensor
    return held


def load_moments(optimiser: Any, tensors: dict[str, Any]) -> None:
    state: dict[int, dict[str, Any]] = {}
    for name, tensor in tensors.items():
        index, key = name.split(".", 1)
        state.setdefault(int(index), {})[key] = tensor
    whole = optimiser.state_dict()
    whole["state"] = state
    optimiser.load_state_dict(whole)
