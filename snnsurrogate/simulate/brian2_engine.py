"""The Brian2 engine: one compiled program per system and method, cached on disk by content.

A system becomes one vectorised NeuronGroup of :data:`BLOCK` neurons with one parameter point per
neuron. Every parameter, the initial states, the step, the duration and the recording step are
run-time values of the program: only other equations, another method, compiler or processor build
anew. Larger sweeps run the program block after block, several processes at a time.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from snnsurrogate import units
from snnsurrogate._cache import cache_home
from snnsurrogate.simulate import _build, _cache, _protocol
from snnsurrogate.simulate._engine import EngineError

if TYPE_CHECKING:
    from snnsurrogate.systems import System

__all__ = ["BLOCK", "METHODS", "EngineError", "Program", "prepare"]

BLOCK = 64  # fits the first-level cache, and splits a few hundred samples over several cores
NUMPY_BLOCK = 512  # interpreted: one call per operation, so wide blocks pay
STANDALONE = "brian2 (C++ standalone)"
NUMPY = "brian2 (numpy)"
METHODS = ("rk4", "rk2", "heun", "euler", "exponential_euler", "exact")
# -ffast-math with its finite-math part, which Brian2 switches off, lets the compiler call the
# vector library's exp. The kernel then cannot see non-finite numbers: records are checked after
# it. Brian2's pointers defeat the alias analysis, hence the limit on run-time checks.
FLAGS = (
    "-w",
    "-O3",
    "-ffast-math",
    "-march=native",
    "-std=c++11",
    "--param=vect-max-version-for-alias-checks=10000",
)


@dataclass(frozen=True, kw_only=True)
class Program:
    """A runnable program of one system and method.

    Attributes:
        command: the worker process.
        engine: "brian2 (C++ standalone)" or "brian2 (numpy)".
        block: neurons per run; fewer are padded.
        built: True if this call compiled it, False if it came from the cache.
        states, parameters: SI value of one declared unit, by name.
    """

    command: tuple[str, ...]
    engine: str
    block: int
    built: bool
    states: dict[str, float]
    parameters: dict[str, float]

    def worker(self) -> _protocol.Worker:
        """A process of this program, to be used as a context manager."""
        threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        return _protocol.Worker(self.command, os.environ | threads)

    def run(
        self,
        worker: _protocol.Worker,
        states: np.ndarray,
        parameters: Mapping[str, np.ndarray],
        *,
        dt: float,
        every: int,
        records: int,
        skip: int = 0,
        start: int = 0,
        progress: Callable[[float], None] = lambda share: None,
    ) -> np.ndarray:
        """Integrate one block.

        Args:
            worker: of :meth:`worker`.
            states: (state, sample) in SI units, at most ``block`` samples.
            parameters: name -> (sample,) in declared units.
            dt: step in seconds.
            every: steps per record.
            records: records after the first.
            skip: steps before the first record.
            start: number of the first step.
            progress: receives the share of the records that arrived since the last call.

        Returns:
            (records + 1, state, sample) in SI units; valid until the worker's next run.

        Raises:
            EngineError: the program failed.
        """
        n = states.shape[1]
        rows = [parameters[name] * factor for name, factor in self.parameters.items()]
        matrix = np.stack(rows) if rows else np.empty((0, n))
        # Padding repeats the last sample: any other value could overflow.
        padding = ((0, 0), (0, self.block - n if self.engine == STANDALONE else 0))
        plan = _protocol.Plan(
            states=np.pad(states, padding, mode="edge"),
            parameters=np.pad(matrix, padding, mode="edge") if rows else matrix,
            dt=dt,
            start=start,
            skip=skip,
            every=every,
            records=records,
        )
        try:
            result = worker.run(plan, progress=progress)
        except _protocol.WorkerError as error:
            raise EngineError(str(error)) from error
        return result[:, :, :n]


def prepare(system: System, *, method: str | None = None) -> Program:
    """The program of a system: from the cache, else compiled.

    Without a C++ compiler it warns and takes Brian2's numpy target: the same equations and method,
    slower.

    Raises:
        ValueError: unknown method.
        EngineError: the compiler failed, or Brian2 refused the equations.
    """
    method = method or system.method
    if method not in METHODS:
        msg = f"method is {method!r}; expected one of {', '.join(METHODS)}."
        raise ValueError(msg)
    job: dict[str, Any] = {
        "equations": system.brian2_equations(),
        "method": method,
        "states": list(system.state_names),
        "parameters": list(system.parameter_names),
    }
    factors: dict[str, Any] = {
        "states": {s.name: units.si_factor(s.unit) for s in system.states},
        "parameters": {p.name: units.si_factor(p.unit) for p in system.parameters},
    }
    cxx = _cache.compiler()
    if cxx is None:
        warnings.warn(
            "no C++ compiler (and make) found: Brian2 runs on its numpy target, which gives the "
            "same results much more slowly. Install g++ and make, or set CXX.",
            stacklevel=2,
        )
        command = (sys.executable, "-m", "snnsurrogate.simulate._numpy_worker", json.dumps(job))
        return Program(command=command, engine=NUMPY, block=NUMPY_BLOCK, built=False, **factors)
    job |= {"block": BLOCK, "flags": list(FLAGS), "magic": _protocol.MAGIC}
    path, built = _program(job, cxx)
    return Program(command=(str(path),), engine=STANDALONE, block=BLOCK, built=built, **factors)


def _program(job: dict[str, Any], cxx: str) -> tuple[Path, bool]:
    key = {
        "job": job,
        "driver": _build.DRIVER,
        "brian2": importlib.metadata.version("brian2"),
        "machine": _cache.machine(cxx),
    }
    home = cache_home() / "brian2"
    final = home / _cache.digest(key)[:32]
    if (final / "main").is_file():
        return final / "main", False
    try:
        home.mkdir(parents=True, exist_ok=True)
        private = Path(tempfile.mkdtemp(prefix="building-", dir=home))
    except OSError as error:
        msg = (
            f"cannot write to the cache folder {home}: {error}. Set SNNSURROGATE_CACHE to a folder "
            "that can be written to."
        )
        raise EngineError(msg) from error
    try:
        _compile(job | {"folder": str(private)}, cxx)
        for leftover in private.rglob("*.o"):
            leftover.unlink()
        (private / "key.json").write_text(json.dumps(key, indent=1))
        try:
            private.rename(final)
        except OSError:
            if not (final / "main").is_file():  # else another process was faster
                raise
    finally:
        shutil.rmtree(private, ignore_errors=True)
    return final / "main", True


def _compile(job: dict[str, Any], cxx: str) -> None:
    """Build in a process of its own, so that the caller's Brian2 session stays as it is."""
    result = subprocess.run(
        [sys.executable, "-m", "snnsurrogate.simulate._build"],
        input=json.dumps(job),
        env=os.environ | {"CXX": cxx},
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode != 0 or not (Path(job["folder"]) / "main").is_file():
        words = (result.stdout[-1500:] + result.stderr[-3000:]).strip()
        msg = f"building the Brian2 program failed (compiler {cxx}):\n{words}"
        raise EngineError(msg)
