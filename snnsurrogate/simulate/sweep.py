"""``simulate``: a design becomes a dataset, in memory or as a resumable store on disk."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import importlib.metadata
import json
import os
import platform
import shutil
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from snnsurrogate import dataset, schema, systems, units
from snnsurrogate.dataset.files import open_store
from snnsurrogate.dataset.frame import Frame, in_memory
from snnsurrogate.dataset.store import (
    DatasetError,
    Store,
    StoreMismatch,
    differences,
    read_store,
)
from snnsurrogate.simulate import brian2_engine
from snnsurrogate.simulate._blocks import Steps, declared, run_blocks
from snnsurrogate.simulate.designs import Design

if TYPE_CHECKING:
    from snnsurrogate.simulate.brian2_engine import Program
    from snnsurrogate.systems import System

__all__ = ["simulate"]

SHARD_BYTES = 32 << 20  # of one shard: bounds memory, and what a killed sweep loses
DIVERGED = 100.0  # widths of the declared box of a state beyond which a run counts as diverged


def simulate(
    system: System | str,
    design: Design,
    *,
    duration: Any,
    record_every: Any,
    transient: Any = "0 s",
    protocol: Any = None,
    engine: str = "brian2",
    seed: int = 0,
    out: Any = None,
    dt: Any = None,
    method: str | None = None,
    processes: int | None = None,
    progress: bool | None = None,
) -> xr.Dataset:
    """Simulate every sample of a design.

    The record begins at the end of the transient, which is simulated but not stored. The start
    before it is that of the design, else the system's stated start; it is kept in the coordinates
    ``initial_<state>``. Runs that fail stay in the dataset, marked by ``status``.

    Args:
        system: a system or its registered name.
        design: parameter points and initial states.
        duration: length of the record, text with a unit ("60 s") or a quantity.
        record_every: recording step; a multiple of ``dt``.
        transient: simulated before the record.
        protocol: must be None: inputs are constant parameters.
        engine: "brian2".
        seed: of the sweep; the seeds of the samples are derived from it.
        out: None to keep the data in memory; a folder for a resumable store; a path ending in
            ``.nc`` for a netCDF file (a resumable store beside it until it is complete).
        dt: integration step; default: the system's.
        method: integrator; default: the system's.
        processes: simulator processes at a time; default: one per available core.
        progress: show a progress bar; default: if stderr is a terminal.

    Returns:
        Dataset of the schema. Its numbers do not depend on ``processes``, ``out`` or an
        interruption. With ``out``, states above 1 GiB stay on disk and are read when used.

    Raises:
        ValueError: unknown name or value, bare number for a time, steps that do not fit; the
            message says what to write.
        StoreMismatch: ``out`` holds another sweep; nothing is overwritten.
        EngineError: the simulator failed.
        OSError: ``out`` cannot be written to, or the disk is full. Finished shards are kept.
    """
    model = systems.get(system) if isinstance(system, str) else system
    _check_choices(design, protocol, engine, processes)
    steps = _steps(model, duration, record_every, transient, dt)
    _warn_if_coarse(model, record_every)
    parameters, initial = design.resolve(model)
    program = brian2_engine.prepare(model, method=method)
    frame = _frame(model, design, parameters, initial, steps, program, method, seed)
    workers = processes or len(os.sched_getaffinity(0))
    if out is None:
        states = [np.empty((frame.samples, frame.records)) for _ in frame.initial]

        def keep(block: int, chunk: int, records: np.ndarray) -> None:
            members, span = frame.members(block), frame.span(chunk)
            declared(program, records, [values[members, span] for values in states])

        run_blocks(
            program, frame, steps, workers, progress, read=lambda block, chunk: None, write=keep
        )
        return in_memory(frame, states)
    return _simulate_to_disk(Path(out).expanduser(), program, frame, steps, workers, progress)


def _simulate_to_disk(
    out: Path, program: Program, frame: Frame, steps: Steps, workers: int, progress: bool | None
) -> xr.Dataset:
    request = json.loads(frame.attrs["request"])
    to_file = out.suffix == ".nc"
    shards = out.with_name(f".{out.name}.shards") if to_file else out
    if to_file and out.exists():
        ds = _reuse(out, request)
        with contextlib.suppress(DatasetError):
            if read_store(shards)[0] == request:  # killed after the file was complete
                shutil.rmtree(shards)
        return ds
    store = Store(shards, request, frame.to_header())

    def write(block: int, chunk: int, records: np.ndarray) -> None:
        parts = [np.empty((records.shape[2], records.shape[0])) for _ in frame.initial]
        declared(program, records, parts)
        named = {f"state_{i}": values for i, values in enumerate(parts)}
        store.write(block, chunk, carry=records[-1], **named)

    try:
        run_blocks(program, frame, steps, workers, progress, read=store.read, write=write)
    except KeyboardInterrupt:
        print(  # noqa: T201
            f"interrupted; finished shards are in {store.folder}, the same call goes on from there",
            file=sys.stderr,
        )
        raise
    except OSError as error:
        msg = (
            f"cannot write to {store.folder}: {error}. Finished shards are kept; make room and "
            "repeat the same call to go on."
        )
        raise OSError(error.errno, msg) from error
    ds = open_store(store.folder, frame)
    if not to_file:
        return ds
    dataset.save(ds, out)
    shutil.rmtree(store.folder)
    return dataset.open(out)


def _reuse(out: Path, request: dict[str, Any]) -> xr.Dataset:
    ds = dataset.open(out)
    try:
        stored = json.loads(ds.attrs["request"])
    except (KeyError, ValueError) as error:
        msg = f"{out} exists and was not made by simulate; nothing was overwritten."
        raise DatasetError(msg) from error
    lines = differences(stored, request)
    if lines:
        msg = (
            f"{out} holds another sweep, nothing was overwritten; it differs in:{lines}"
            "\nGive another path, or delete it."
        )
        raise StoreMismatch(msg)
    columns = {name: ds[name].values for name in json.loads(ds.attrs["parameters"])}
    if _hash(columns) != request["parameters"] or schema.violations(ds, content=True):
        msg = (
            f"{out} was changed after the sweep was written (values or samples); nothing was "
            "overwritten. Give another path, or delete it."
        )
        raise DatasetError(msg)
    return ds


def _check_choices(design: Any, protocol: Any, engine: str, processes: int | None) -> None:
    if not isinstance(design, Design):
        msg = (
            f"design is {type(design).__name__}; expected a Design, e.g. "
            "Design.grid({'V_S': [-44, -40]})."
        )
        raise TypeError(msg)
    if protocol is not None:
        msg = (
            f"protocol is {protocol!r}; time-dependent inputs are not supported yet, expected "
            "None. Give a constant current as a parameter of the design."
        )
        raise ValueError(msg)
    if engine != "brian2":
        msg = f"engine is {engine!r}; expected 'brian2'."
        raise ValueError(msg)
    if processes is not None and processes < 1:
        msg = f"processes is {processes}; expected at least 1."
        raise ValueError(msg)


def _steps(model: System, duration: Any, record_every: Any, transient: Any, dt: Any) -> Steps:
    given = {
        "duration": duration,
        "record_every": record_every,
        "transient": transient,
        "dt": model.dt if dt is None else dt,
    }
    # In ms: the usual steps are then exact numbers.
    ms = {name: units.magnitude(value, "ms", what=name) for name, value in given.items()}
    for name, value in ms.items():
        if value < 0 or (value == 0 and name in ("dt", "record_every")):
            msg = f"{name} is {given[name]!r}; expected a positive time."
            raise ValueError(msg)
    whole = {}
    for name, unit in (("record_every", "dt"), ("transient", "dt"), ("duration", "record_every")):
        ratio = ms[name] / ms[unit]
        whole[name] = round(ratio)
        if abs(ratio - whole[name]) > 1e-9 * max(ratio, 1.0):
            msg = (
                f"{name} is {given[name]}, which is no multiple of {unit} = {given[unit]} "
                f"({ratio:g} times); choose {name} = {max(whole[name], 1) * ms[unit]:g} ms or "
                f"another {unit}."
            )
            raise ValueError(msg)
    if whole["record_every"] < 1:
        msg = f"record_every is {record_every}, shorter than dt = {given['dt']}."
        raise ValueError(msg)

    def text(name: str) -> str:
        return units.format_quantity(
            units.magnitude(given[name], model.time_unit, what=name), model.time_unit
        )

    return Steps(
        dt=units.magnitude(given["dt"], "s", what="dt"),
        skip=whole["transient"],
        every=whole["record_every"],
        records=whole["duration"] + 1,
        texts={name: text(name) for name in given},
    )


def _warn_if_coarse(model: System, record_every: Any) -> None:
    if model.spikes is None:
        return
    step = units.magnitude(record_every, "ms", what="record_every")
    if step > units.magnitude(model.spikes.max_step, "ms", what="max_step") * (1 + 1e-9):
        warnings.warn(
            f"record_every = {record_every} is coarser than {model.spikes.max_step}, the coarsest "
            f"step at which every spike of {model.name!r} is seen; spikes will be missed.",
            stacklevel=3,
        )


def _frame(
    model: System,
    design: Design,
    parameters: dict[str, np.ndarray],
    initial: dict[str, np.ndarray],
    steps: Steps,
    program: Program,
    method: str | None,
    seed: int,
) -> Frame:
    rule = dataclasses.asdict(model.spikes) if model.spikes else None
    request = {
        "system": model.name,
        "equations_hash": model.equations_hash,
        "samples": len(design),
        "parameters": _hash(parameters),
        "initial": _hash(initial),
        **steps.texts,
        "method": method or model.method,
        "engine": program.engine,
        "brian2": importlib.metadata.version("brian2"),
        "seed": seed,
        "spike_rule": rule,
    }
    attrs = {
        "kind": "simulation",
        "system": model.name,
        "title": model.title,
        "source": model.source,
        "equations": model.equations.strip(),
        "equations_hash": model.equations_hash,
        "parameters": json.dumps(
            {
                p.name: {"value": p.value, "unit": p.unit, "low": p.low, "high": p.high}
                for p in model.parameters
            }
        ),
        **steps.texts,
        "method": method or model.method,
        "engine": program.engine,
        "seed": seed,
        "design": design.to_json(),
        "protocol": "",
        "spike_rule": json.dumps(rule) if rule else "",
        "versions": json.dumps(_versions()),
        "request": json.dumps(request),
    }
    declared: list[Any] = [*model.states, *model.parameters]
    row = 8 * len(model.states) * program.block
    return Frame(
        parameters=parameters,
        initial=initial,
        seeds=np.random.SeedSequence(seed).generate_state(len(design)).astype(np.int64),
        units={item.name: item.unit for item in declared} | {"time": model.time_unit},
        meanings={item.name: item.meaning for item in declared},
        attrs=attrs,
        limits={s.name: _limits(s.low, s.high) for s in model.states},
        spike_rule=rule,
        step=units.magnitude(steps.texts["record_every"], model.time_unit, what="record_every"),
        records=steps.records,
        block=program.block,
        chunk=max(1, SHARD_BYTES // row),
    )


def _limits(low: float, high: float) -> tuple[float, float]:
    width = high - low
    return low - DIVERGED * width, high + DIVERGED * width


def _hash(columns: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name, values in columns.items():
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(values, dtype="<f8").tobytes())
    return digest.hexdigest()


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in ("snnsurrogate", "brian2", "numpy", "xarray"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "unknown"
    return found
