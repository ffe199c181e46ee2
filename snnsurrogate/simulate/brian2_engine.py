"""The Brian2 engine: one compiled program per system and method, cached on disk by content.

A system becomes one vectorised NeuronGroup of :data:`BLOCK` neurons with one parameter point per
neuron. Every parameter, the initial states, the step, the duration and the recording step are
run-time values of the program: only other equations, another method, compiler or processor build
anew. Larger sweeps run the program block after block, several processes at a time.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from snnsurrogate import units
from snnsurrogate.protocols import Events
from snnsurrogate.simulate import _build, _cache, _programs, _protocol
from snnsurrogate.simulate._engine import EngineError

if TYPE_CHECKING:
    from snnsurrogate.systems import System

__all__ = ["BLOCK", "METHODS", "EngineError", "Program", "prepare"]

BLOCK = 64  # fits the first-level cache, and splits a few hundred samples over several cores
NUMPY_BLOCK = 512  # interpreted: one call per operation, so wide blocks pay
STANDALONE = "brian2 (C++ standalone)"
NUMPY = "brian2 (numpy)"
BUILDER = "snnsurrogate.simulate._build"
METHODS = ("rk4", "rk2", "heun", "euler", "exponential_euler", "exact")


@dataclass(frozen=True, kw_only=True)
class Program:
    """A runnable program of one system and method.

    Attributes:
        command: the worker process.
        engine: "brian2 (C++ standalone)" or "brian2 (numpy)".
        block: neurons per run; fewer are padded.
        built: True if this call compiled it, False if it came from the cache.
        states, parameters: SI value of one declared unit, by name.
        input: the same of the driven input; empty if it is not driven.
    """

    command: tuple[str, ...]
    engine: str
    block: int
    built: bool
    states: dict[str, float]
    parameters: dict[str, float]
    input: dict[str, float]

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
        events: Events | None = None,
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
            events: (piece, sample) input of a driven program in its declared unit, with the steps
                numbered likewise.
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
            events=None if events is None else self._si(events, padding),
        )
        try:
            result = worker.run(plan, progress=progress)
        except _protocol.WorkerError as error:
            raise EngineError(str(error)) from error
        return result[:, :, :n]

    def _si(self, events: Events, padding: Any) -> Events:
        (factor,) = self.input.values()
        return Events(
            steps=events.steps,
            since=np.pad(events.since, padding, mode="edge"),
            value=np.pad(events.value * factor, padding, mode="edge"),
            slope=np.pad(events.slope * factor, padding, mode="edge"),
        )


def prepare(system: System, *, method: str | None = None, driven: bool = False) -> Program:
    """The program of a system: from the cache, else compiled.

    With ``driven`` its input follows a protocol; one such program serves all protocols.

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
        "equations": system.brian2_equations(driven=driven),
        "method": method,
        "states": list(system.state_names),
        "parameters": [p for p in system.parameter_names if not driven or p != system.input],
    }
    if driven:
        job["input"] = system.input
    factors: dict[str, Any] = {
        "states": {s.name: units.si_factor(s.unit) for s in system.states},
        "parameters": {p: units.si_factor(system.parameter(p).unit) for p in job["parameters"]},
        "input": {
            p.name: units.si_factor(p.unit)
            for p in system.parameters
            if driven and p.name == system.input
        },
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
    job |= {"block": BLOCK, "flags": list(_programs.FLAGS), "magic": _protocol.MAGIC}
    path, built = _programs.program(BUILDER, job, cxx, driver=_build.driver(driven=driven))
    return Program(command=(str(path),), engine=STANDALONE, block=BLOCK, built=built, **factors)
