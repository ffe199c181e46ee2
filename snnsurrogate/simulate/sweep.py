"""``simulate``: a design becomes a dataset, in memory or as a resumable store on disk."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from snnsurrogate import dataset, schema, systems, units
from snnsurrogate.dataset.files import open_store
from snnsurrogate.dataset.frame import Frame
from snnsurrogate.dataset.store import (
    DatasetError,
    Store,
    StoreMismatch,
    differences,
    exclusive,
    read_store,
)
from snnsurrogate.simulate._blocks import Steps, run_blocks
from snnsurrogate.simulate._cells import Cells
from snnsurrogate.simulate._drive import drive_of
from snnsurrogate.simulate._frame import columns_hash, frame_of
from snnsurrogate.simulate._networks import ENGINES, Networks
from snnsurrogate.simulate.designs import Design
from snnsurrogate.systems import RESOLUTION

if TYPE_CHECKING:
    from snnsurrogate.systems import Model, Network, System

__all__ = ["simulate"]


def simulate(
    system: System | Network | str,
    design: Design,
    *,
    duration: Any,
    record_every: Any,
    transient: Any = "0 s",
    protocol: Any = None,
    engine: str = "brian2",
    record: Sequence[str] | None = None,
    seed: int = 0,
    out: Any = None,
    dt: Any = None,
    method: str | None = None,
    processes: int | None = None,
    progress: bool | None = None,
) -> xr.Dataset:
    """Simulate every sample of a design.

    The record begins at the end of the transient, which is simulated but not stored. A neuron
    starts before it from the design's state, else the system's stated start, kept in the
    coordinates ``initial_<state>``; a network starts as its declaration says. Runs that fail stay
    in the dataset, marked by ``status``.

    Args:
        system: a system or its registered name.
        design: parameter points and initial states.
        duration: length of the record, text with a unit ("60 s") or a quantity.
        record_every: recording step; a multiple of ``dt``.
        transient: simulated before the record.
        protocol: what drives the input of a neuron (see :mod:`snnsurrogate.protocols`), instead of
            the constant parameter of that name, whose default is not added: a protocol, a list with
            one per sample, or the drive of another dataset. Its time 0 is the begin of the record;
            its edges are multiples of ``dt``. None: the input is a constant parameter.
        engine: "brian2"; for networks with an event-driven law also "exact", which has no step.
        record: of a network, besides the series: some of "spikes", "histograms"; default: both.
        seed: of the sweep; the seeds of the samples are derived from it.
        out: None to keep the data in memory; a folder for a resumable store; a path ending in
            ``.nc`` for a netCDF file (a resumable store beside it until it is complete).
        dt: integration step; default: the system's.
        method: integrator of a neuron; default: the system's.
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
    _check_choices(model, design, engine, method, record, dt, processes, seed)
    # An event-driven law has no step: times are then whole microseconds.
    steps = _steps(model, duration, record_every, transient, "1 us" if engine == "exact" else dt)
    drive = None if protocol is None else drive_of(model, design, protocol, steps, seed)
    parameters, initial = design.resolve(model, drive.columns if drive else ())
    _warn_if_coarse(model, parameters, record_every, engine, steps)
    runner: Cells | Networks
    if isinstance(model, systems.Network):
        step = units.magnitude(record_every, "ms", what="record_every")
        runner = Networks(model, parameters, engine, record, step)
    else:
        runner = Cells(model, method, drive, steps)
        for name in runner.inputs:
            del parameters[name]
    frame = frame_of(model, design, parameters, initial, steps, runner, engine, method, seed, drive)
    workers = processes or len(os.sched_getaffinity(0))
    if out is None:
        keep, finish = runner.collector(frame)
        run_blocks(
            frame,
            steps,
            runner.worker,
            workers,
            progress,
            produce=runner.producer(frame, steps),
            read=lambda block, chunk: None,
            write=keep,
        )
        return finish()
    path = Path(out).expanduser()
    with exclusive(path):
        return _simulate_to_disk(path, runner, frame, steps, workers, progress)


def _simulate_to_disk(
    out: Path,
    runner: Cells | Networks,
    frame: Frame,
    steps: Steps,
    workers: int,
    progress: bool | None,
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

    def write(block: int, chunk: int, shard: Mapping[str, Any]) -> None:
        store.write(block, chunk, **runner.to_arrays(shard))

    try:
        run_blocks(
            frame,
            steps,
            runner.worker,
            workers,
            progress,
            produce=runner.producer(frame, steps),
            read=store.read,
            write=write,
        )
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
    if not to_file:
        return open_store(store.folder, frame)
    dataset.save(open_store(store.folder, frame, load=False), out)
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
    if columns_hash(columns) != request["parameters"] or schema.violations(ds, content=True):
        msg = (
            f"{out} was changed after the sweep was written (values or samples); nothing was "
            "overwritten. Give another path, or delete it."
        )
        raise DatasetError(msg)
    return ds


def _check_choices(
    model: Any,
    design: Any,
    engine: str,
    method: str | None,
    record: Any,
    dt: Any,
    processes: int | None,
    seed: Any,
) -> None:
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        msg = f"seed is {seed!r}; expected a whole number of at least 0."
        raise ValueError(msg)
    if not isinstance(design, Design):
        msg = (
            f"design is {type(design).__name__}; expected a Design, e.g. "
            "Design.grid({'V_S': [-44, -40]})."
        )
        raise TypeError(msg)
    if isinstance(model, systems.Network):
        if method is not None:
            msg = f"method is {method!r}; a network states the methods of its populations."
            raise ValueError(msg)
        if isinstance(record, str):
            msg = f"record is {record!r}; expected a list of names, e.g. ['spikes']."
            raise ValueError(msg)
        if engine == "exact" and dt is not None:
            msg = f"dt is {dt!r}; the exact engine has no step, leave it out."
            raise ValueError(msg)
        if design.initial:
            msg = (
                f"the design gives initial {', '.join(design.initial)}; {model.name!r} is a "
                "network and starts as its declaration says."
            )
            raise ValueError(msg)
    else:
        if record is not None:
            msg = f"record is {record!r}; it is for networks, all states of a neuron are recorded."
            raise ValueError(msg)
        if engine == "exact":
            msg = f"{model.name!r} is a neuron without an exact engine; write engine='brian2'."
            raise ValueError(msg)
    if engine not in ENGINES:
        msg = f"engine is {engine!r}; expected one of {', '.join(ENGINES)}."
        raise ValueError(msg)
    if processes is not None and processes < 1:
        msg = f"processes is {processes}; expected at least 1."
        raise ValueError(msg)


def _steps(model: Model, duration: Any, record_every: Any, transient: Any, dt: Any) -> Steps:
    given = {
        "duration": duration,
        "record_every": record_every,
        "transient": transient,
        "dt": model.dt if dt is None else dt,
    }
    # In ms: the usual steps are then exact numbers.
    ms = {name: units.magnitude(value, "ms", what=name) for name, value in given.items()}
    for name, value in ms.items():
        if value < 0 or (value == 0 and name != "transient"):
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


def _warn_if_coarse(
    model: Model, parameters: Mapping[str, np.ndarray], record_every: Any, engine: str, steps: Steps
) -> None:
    if isinstance(model, systems.Network):
        if engine == "exact":
            return
        shortest = {name: float(parameters[name].min()) for name in model.resolve}
        name = min(shortest, key=shortest.__getitem__, default="")
        limit = RESOLUTION * shortest.get(name, np.inf)
        step = units.magnitude(steps.texts["dt"], model.time_unit, what="dt")
        if step > limit * (1 + 1e-9):
            warnings.warn(
                f"dt = {steps.texts['dt']} is above {RESOLUTION:g} of the shortest time constant "
                f"({name} = {shortest[name]:g} {model.time_unit}); rates will be biased. Give a "
                "shorter dt" + (", or engine='exact'." if model.exact else "."),
                stacklevel=3,
            )
        return
    if not isinstance(model, systems.System) or model.spikes is None:
        return
    step = units.magnitude(record_every, "ms", what="record_every")
    if step > units.magnitude(model.spikes.max_step, "ms", what="max_step") * (1 + 1e-9):
        warnings.warn(
            f"record_every = {record_every} is coarser than {model.spikes.max_step}, the coarsest "
            f"step at which every spike of {model.name!r} is seen; spikes will be missed.",
            stacklevel=3,
        )
