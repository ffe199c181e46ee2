"""The same training from several seeds, one process per core."""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import xarray as xr

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
        processes: default one per core.
        progress: show how many are finished.
    """
    with tempfile.TemporaryDirectory(prefix="snnsurrogate-") as scratch:
        root = Path(scratch if out is None else out)
        datasets = [train] if isinstance(train, xr.Dataset) else list(train)
        paths = []
        for i, ds in enumerate(datasets):
            paths.append(Path(scratch) / f"train-{i}.nc")
            ds.to_netcdf(paths[-1])
        jobs = [(model, paths, seed, budget, schedule, root / f"seed-{seed}") for seed in seeds]
        workers = min(processes or os.cpu_count() or 1, max(len(jobs), 1))
        with (
            show_progress(f"training {len(jobs)} seeds", len(jobs), show=progress) as advance,
            ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool,
        ):
            for _ in pool.map(_train, jobs):
                advance(1)
        return [load(job[-1]) for job in jobs]


def _train(job: tuple[Any, ...]) -> None:
    import torch

    torch.set_num_threads(1)
    model, paths, seed, budget, schedule, folder = job
    datasets = [xr.load_dataset(path) for path in paths]
    fit(model, datasets, seed=seed, budget=budget, schedule=schedule, out=folder, progress=False)
