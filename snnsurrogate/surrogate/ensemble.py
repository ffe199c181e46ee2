"""The same training from several seeds, one process per core."""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from pathlib import Path
from typing import Any

import xarray as xr

from snnsurrogate import dataset
from snnsurrogate._progress import progress as show_progress
from snnsurrogate.surrogate import models, stages
from snnsurrogate.surrogate.artefact import load
from snnsurrogate.surrogate.fit import fit
from snnsurrogate.surrogate.surrogate import Surrogate


def fit_seeds(
    model: models.ModelConfig,
    train: xr.Dataset | Sequence[xr.Dataset],
    seeds: Sequence[int],
    *,
    budget: Any = None,
    schedule: tuple[stages.Stage, ...] | None = None,
    out: str | Path | None = None,
    processes: int | None = None,
    progress: bool | None = None,
) -> list[Surrogate]:
    """Train one surrogate per seed, each in a process of its own with one thread.

    Args:
        model: configuration.
        train: as in :func:`snnsurrogate.fit`.
        seeds: seeds; surrogates come back in their order.
        budget: wall-clock cap of each training.
        schedule: stages; default ``model.stages()``.
        out: folder that receives ``seed-<n>/`` for each; finished ones are loaded, an interrupted
            one goes on. Default: a temporary folder.
        processes: default one per core that this process may use.
        progress: show a progress bar over all seeds; None shows it on a terminal.
    """
    with tempfile.TemporaryDirectory(prefix="snnsurrogate-") as scratch:
        root = Path(scratch if out is None else out)
        datasets = [train] if isinstance(train, xr.Dataset) else list(train)
        paths = []
        for i, ds in enumerate(datasets):
            paths.append(Path(scratch) / f"train-{i}.nc")
            dataset.save(ds, paths[-1])
        jobs = [(model, paths, seed, budget, schedule, root / f"seed-{seed}") for seed in seeds]
        total = len(jobs) * stages.work(model.stages() if schedule is None else schedule)
        context = multiprocessing.get_context("spawn")
        reports = context.SimpleQueue()
        with (
            show_progress(f"training {len(jobs)} seeds", total, show=progress) as advance,
            ProcessPoolExecutor(
                min(processes or _cores(), len(jobs)), context, _start, (reports,)
            ) as pool,
        ):
            pending = {pool.submit(_train, job) for job in jobs}
            while pending:
                done, pending = wait(pending, timeout=0.2, return_when=FIRST_COMPLETED)
                while not reports.empty():
                    advance(*reports.get())
                for future in done:
                    future.result()  # raises what the training raised
        return [load(job[-1]) for job in jobs]


def _cores() -> int:
    """Cores that this process may use; not every platform knows."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


_reports: Any = None  # of a worker process: where its progress goes


def _start(reports: Any) -> None:
    import torch

    global _reports
    _reports = reports
    torch.set_num_threads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A worker whose parent was killed would wait for its next job for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _train(job: tuple[Any, ...]) -> None:
    model, paths, seed, budget, schedule, folder = job
    datasets = [dataset.open(path, load=True) for path in paths]
    collected, sent = 0.0, time.monotonic()

    def advance(amount: float, note: str = "") -> None:
        nonlocal collected, sent
        collected += amount
        if time.monotonic() - sent > 1.0:
            _reports.put((collected, f"seed {seed}: {note}"))
            collected, sent = 0.0, time.monotonic()

    fit(model, datasets, seed=seed, budget=budget, schedule=schedule, out=folder, progress=advance)
    _reports.put((collected, f"seed {seed}: done"))
