"""Speed of the Brian2 engine beside a kernel written by hand, in one run on one core."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from snnsurrogate import systems
from snnsurrogate.simulate import _cache, brian2_engine
from snnsurrogate.simulate.designs import Design
from snnsurrogate.simulate.sweep import simulate

__all__ = ["brian2_against_kernel"]

KERNEL = Path(__file__).with_name("reference_kernel.cpp")
FLAGS = ("-O3", "-ffast-math", "-march=native", "-std=c++17", "-fopenmp-simd")


def brian2_against_kernel(
    *, neurons: int = 2048, steps: int = 20_000, every: int = 10, rounds: int = 3
) -> dict[str, float]:
    """Neuron-steps per second of both, interleaved; the best of the rounds counts.

    Both integrate bursting neurons with RK4 at 1 ms and record every state every ``every`` steps.
    The engine's time holds everything ``simulate`` does after the build: processes, pipes,
    spikes, the validated dataset. ``program`` is the compiled Brian2 program with its pipe alone.

    Args:
        neurons: number of neurons, V_S spread over [-44, -33] mV.
        steps: steps of 1 ms.
        every: steps per record.
        rounds: repetitions.

    Returns:
        ``kernel``, ``kernel_without_K2``, ``program``, ``simulate`` in neuron-steps per second,
        ``ratio`` = program/kernel, ``ratio_without_K2``, ``ratio_simulate``, and
        ``largest_difference`` of the summed final voltages per neuron (mV), which shows that both
        compute the same.

    Raises:
        EngineError: no C++ compiler, or it failed.
    """
    system = systems.get("sherman")
    design = Design.grid({"V_S": np.linspace(-44.0, -33.0, neurons)})
    work = neurons * steps
    rates: dict[str, list[float]] = {
        "kernel": [], "kernel_without_K2": [], "program": [], "simulate": []
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder, _one_core():
        program = brian2_engine.prepare(system)
        kernels = {
            "kernel": _compile(Path(folder) / "with", ["-DWITH_K2"]),
            "kernel_without_K2": _compile(Path(folder) / "without", []),
        }
        sums = {}
        for _ in range(rounds):
            for name, path in kernels.items():
                command = [str(path), str(neurons), str(steps), str(every)]
                answer = subprocess.run(command, capture_output=True, text=True, check=True)
                seconds, sums[name] = map(float, answer.stdout.split())
                rates[name].append(work / seconds)
            begin = time.perf_counter()
            final = _run(program, system, design, steps, every)
            rates["program"].append(work / (time.perf_counter() - begin))
            begin = time.perf_counter()
            simulate(
                system,
                design,
                duration=f"{steps} ms",
                record_every=f"{every} ms",
                processes=1,
                progress=False,
            )
            rates["simulate"].append(work / (time.perf_counter() - begin))
    best = {name: max(values) for name, values in rates.items()}
    return best | {
        "ratio": best["program"] / best["kernel"],
        "ratio_without_K2": best["program"] / best["kernel_without_K2"],
        "ratio_simulate": best["simulate"] / best["kernel"],
        "largest_difference": abs(final.sum() - sums["kernel"]) / neurons,
        "neurons": float(neurons),
        "steps": float(steps),
    }


def _run(
    program: brian2_engine.Program, system: systems.System, design: Design, steps: int, every: int
) -> np.ndarray:
    """Final V of all neurons in mV, block after block."""
    parameters, initial = design.resolve(system)
    final = []
    with program.worker() as worker:
        for begin in range(0, len(design), program.block):
            part = slice(begin, begin + program.block)
            records = program.run(
                worker,
                np.stack([initial[n][part] * f for n, f in program.states.items()]),
                {name: values[part] for name, values in parameters.items()},
                dt=1e-3,
                every=every,
                records=steps // every,
            )
            final.append(records[-1, 0] / program.states["V"])
    return np.concatenate(final)


def _compile(target: Path, options: list[str]) -> Path:
    cxx = _cache.compiler()
    if cxx is None:
        msg = "the yardstick needs a C++ compiler and make; install g++ and make, or set CXX."
        raise brian2_engine.EngineError(msg)
    command = [cxx, *FLAGS, *options, str(KERNEL), "-o", str(target)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        msg = f"compiling {KERNEL.name} failed:\n{result.stderr[-2000:]}"
        raise brian2_engine.EngineError(msg)
    return target


@contextlib.contextmanager
def _one_core() -> Iterator[None]:
    """Keep this process and those it starts on one core, where the system can."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
