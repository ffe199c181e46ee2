"""Speed of networks: biological seconds per second of both engines; sweeps on all cores."""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import os
import resource
import tempfile
import time
from pathlib import Path

from snnsurrogate import systems
from snnsurrogate._cache import cache_home
from snnsurrogate.simulate.designs import Design
from snnsurrogate.simulate.sweep import simulate

__all__ = ["engines", "sweep_of_points"]

PRESETS = ("homogeneous", "regular", "synchronous")


def engines(*, seconds: float = 10.0) -> dict[str, float]:
    """Biological seconds per second of one core of ``markov-if``, 300 + 100 cells.

    Both engines run the three regimes in one process after a warm start (compiled, in the cache),
    everything included: transients, recording of series, histograms and spikes, the dataset.

    Args:
        seconds: of biological time for each regime.
    """
    found = {}
    network = systems.get("markov-if")
    names = sorted({name for preset in PRESETS for name in network.presets[preset]})
    columns = {name: [network.presets[preset][name] for preset in PRESETS] for name in names}
    for engine in ("exact", "brian2"):
        for length in (0.1, seconds):  # the first one compiles
            begin = time.perf_counter()
            simulate(
                network,
                Design.points(columns),
                duration=f"{1e3 * length:g} ms",
                record_every="1 ms",
                engine=engine,
                processes=1,
                progress=False,
            )
            wall = time.perf_counter() - begin
        found[engine] = len(PRESETS) * seconds / wall
    return found | {"ratio": found["brian2"] / found["exact"]}


def sweep_of_points(*, points: int = 200, seconds: float = 2.0) -> dict[str, dict[str, float]]:
    """A sweep over ``points`` parameter points to a file, in a process of its own, both engines.

    Returns:
        engine -> "wall" seconds, "busy" share of all cores, "peak" memory in MiB of the process
        that collects (its simulators keep one network each), "rate" in biological seconds per
        second, and "built", programs compiled by the sweep itself.
    """
    found = {}
    for engine in ("exact", "brian2"):
        # A fresh process: its peak memory and processor time are then those of the sweep.
        context = multiprocessing.get_context("spawn")
        with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
            found[engine] = pool.submit(_sweep, engine, points, seconds).result()
    return found


def _sweep(engine: str, points: int, seconds: float) -> dict[str, float]:
    network = systems.get("markov-if")
    box = {"tau_EE": (1.2, 4.0), "S_EI": (4.2, 5.6), "lambda_E": (5.0, 8.0)}
    time_axis = {"record_every": "1 ms", "engine": engine, "progress": False}
    simulate(network, Design.points({}), duration="10 ms", **time_axis)  # type: ignore[arg-type]
    with tempfile.TemporaryDirectory() as folder:
        programs, before, begin = _programs(), _busy(), time.perf_counter()
        simulate(
            network,
            Design.sobol(box, n=points),
            duration=f"{1e3 * seconds:g} ms",
            out=Path(folder) / "sweep.nc",
            **time_axis,  # type: ignore[arg-type]
        )
        wall = time.perf_counter() - begin
        built = _programs() - programs
        busy = (_busy() - before) / (wall * len(os.sched_getaffinity(0)))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "wall": wall,
        "busy": busy,
        "peak": peak,
        "rate": points * seconds / wall,
        "built": float(built),
    }


def _programs() -> int:
    """Compiled programs in the cache."""
    return sum(1 for _ in (cache_home() / "brian2").glob("*/main"))


def _busy() -> float:
    """Processor seconds of this process and of its children that have ended."""
    uses = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(use.ru_utime + use.ru_stime for use in uses)
